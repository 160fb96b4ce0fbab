#!/bin/sh
# Shows that a seed of the simulator is one history on every machine: runs seeds here and on 32-bit ARM under qemu, and
# compares what happened byte for byte, every line and a hash of every datagram, notification and record on flash.
#
#     cross/trace.sh [SEEDS [FIRST]]         40 seeds from 0 on, or so many from another
#
# It builds the simulator for armv7 in CACHE/sim, with overflow checked, and leaves both traces in target/trace.

set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/cross/targets.sh"
. "$ROOT/cross/toolchain.sh"
TARGET=armv7-unknown-linux-musleabihf
SEEDS=${1:-40} FIRST=${2:-0}
OUT=$ROOT/target/trace

# The program that a build, told to speak JSON, says it has built.
program() {
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1
}

build_here() {
    cargo build --locked --test sim --message-format=json-render-diagnostics
}

# A panic aborts, or the standard library would have to be built to unwind.
build_there() (
    choose_toolchain "$TARGET"
    [ -z "$STD" ] || set -- -Zpanic-abort-tests
    RUSTFLAGS="$FLAGS $(code_of "$TARGET")"
    export RUSTFLAGS
    # shellcheck disable=SC2086
    cargo-zigbuild zigbuild $STD "$@" --locked --test sim --target "$TARGET" --target-dir "$CACHE/sim" \
        --config 'profile.dev.panic="abort"' --config profile.dev.opt-level=1 --config profile.dev.debug=false \
        --message-format=json-render-diagnostics
)

# What happened, without how long it took.
trace() {
    "$@" --trace --seeds "$SEEDS" --from "$FIRST" >"$OUT/all" || die "a seed fails: see $OUT/all"
    sed '/^test /d; s/, [0-9]* events a second$//' "$OUT/all"
    rm "$OUT/all"
}

cd "$ROOT"
mkdir -p "$OUT"
install_missing qemu-arm-static=qemu-user-static python3=python3 python3:ensurepip=python3-venv
install_zig
here=$(build_here | program)
there=$(build_there | program)
for built in "$here" "$there"; do
    [ -x "$built" ] || die "the simulator was not built"
done
trace "$here" >"$OUT/here"
# shellcheck disable=SC2046
trace $(emulator_of "$TARGET") "$there" >"$OUT/$TARGET"
(cd "$OUT" && sha256sum here "$TARGET" && tail -n 1 here)
cmp "$OUT/here" "$OUT/$TARGET" || die "the traces differ"
echo "$SEEDS seeds: the same trace here and on $TARGET, $(stat -c %s "$OUT/here") bytes"

#!/bin/sh
# Builds the static binaries that are shipped.
#
#     cross/build.sh [TARGET...]             all four, or these
#     cross/build.sh --check-reproducible [TARGET...]
#                                            builds twice, in different places, and compares the bytes
#     cross/build.sh --record [TARGET...]    and writes the sizes to cross/sizes.tsv, to be committed
#
# It leaves in target/cross (or OUT): bellwether-TARGET, stripped; bellwether-TARGET.debug, its symbols (give both to gdb);
# bellwether-TARGET.build, of which commit and by which toolchain it is; SHA256SUMS; LICENCES, what is linked and its
# terms. It prints the sizes and how they have grown since they were last committed.
#
# Where rustup has the target (`rustup target add TARGET`), its standard library is used. Else, on Debian, a second
# toolchain is installed (rustc-web, cargo-web, rust-web-src) and the standard library is built from its source. Zig,
# from the Python packages ziglang and cargo-zigbuild, is the C compiler and the linker, with musl for every target; it
# is put into a virtual environment in CACHE. Both are pinned in toolchain.sh, for the bytes depend on them.
#
# PROFILE=s|z|3 builds with another opt-level, to compare. VERSION is what the .build files say, instead of the commit's.
#
# QUICK=1 takes a fraction of the time, to try something on a target: nothing is optimised, and overflows are panics. Such binaries do not
# ship, so they are left in target/quick, where cross/package.sh does not look, and their .build files say so.
#
# BENCH=NAME builds tests/bench/NAME.rs in the agent's place, as what ships is built and of the same objects, so that only a link is added.
# It is left in target/bench, with its symbols.

set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/cross/targets.sh"
. "$ROOT/cross/toolchain.sh"

QUICK=${QUICK:-} BENCH=${BENCH:-}
# Where what does not ship is left.
APART=${QUICK:+quick}${BENCH:+bench}
[ -z "$APART" ] || [ -z "${OUT:-}" ] || die "QUICK and BENCH have folders of their own, from which nothing is packaged: leave OUT out"
OUT=${OUT:-$ROOT/target/${APART:-cross}}
NAME=${BENCH:-bellwether}
CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}
SIZES=$ROOT/cross/sizes.tsv
# The largest binary that a small gateway is asked to take, for armv7.
ARMV7_KIB_MAX=2560
# Small sorts and prints: the standard library's large ones weigh 120 KiB.
STD_FEATURES=${STD_FEATURES-optimize_for_size}

# build TARGET SOURCE DIRECTORY: builds the package in SOURCE, with all that is not to be shared in DIRECTORY.
build() (
    target=$1 source=$2 into=$3
    choose_toolchain "$target"
    PROFILE=${PROFILE:-$(opt_level_of "$target")}
    # A build for size makes httparse and hyper small, too.
    SMALL=
    [ "$PROFILE" != z ] || SMALL='--config profile.release.package.httparse.opt-level="z" --config profile.release.package.hyper.opt-level="z"'
    sysroot=$("${RUSTC:-rustc}" --print sysroot)
    cargo fetch --quiet --locked --manifest-path "$source/Cargo.toml"
    # No name of this machine may reach the bytes, and those of crates are short.
    flags="$FLAGS $(code_of "$target") --remap-path-prefix=$source=/bellwether --remap-path-prefix=$into=/target"
    flags="$flags --remap-path-prefix=$CARGO_HOME=/cargo --remap-path-prefix=$sysroot=/rust"
    for registry in "$CARGO_HOME"/registry/src/*; do flags="$flags --remap-path-prefix=$registry="; done
    # Nothing unwinds: a panic aborts. What a debugger needs for that goes to the symbols.
    flags="$flags -Cforce-unwind-tables=no -Clinker-flavor=gcc"
    RUSTFLAGS=$flags
    CFLAGS="-ffile-prefix-map=$source=/bellwether -ffile-prefix-map=$into=/target -ffile-prefix-map=$CARGO_HOME=/cargo"
    CFLAGS="$CFLAGS -fno-unwind-tables -fno-asynchronous-unwind-tables"
    SOURCE_DATE_EPOCH=$(time_of_code)
    # Elsewhere there is no clone to ask.
    BELLWETHER_COMMIT=$(git -C "$ROOT" rev-parse --short=12 HEAD 2>/dev/null || true)
    export RUSTFLAGS CFLAGS SOURCE_DATE_EPOCH BELLWETHER_COMMIT
    unset CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_TARGET_DIR
    cd "$source"
    # Cargo does not know what the linker reads.
    find "$into/$target/release/deps" -name 'bellwether-*' ! -newer cross/order.txt -delete 2>/dev/null || true
    if [ -n "$QUICK" ]; then
        set -- --config 'profile.dev.panic="abort"' --config profile.dev.debug=false --config profile.dev.incremental=false \
            --config 'profile.dev.package."*".opt-level=0'
    else
        # shellcheck disable=SC2086
        set -- --release --config profile.release.strip=false --config 'profile.release.debug="line-tables-only"' \
            ${PROFILE:+--config "profile.release.opt-level=$(case $PROFILE in [0-9]) echo "$PROFILE" ;; *) echo "\"$PROFILE\"" ;; esac)"} $SMALL
    fi
    command=zigbuild
    if [ -n "$BENCH" ]; then
        # rustc.sh exchanges the program. A flag that nothing reads tells cargo that it is another.
        export BENCH RUSTC_WORKSPACE_WRAPPER=rustc.sh PATH="$PATH:$ROOT/cross"
        command=rustc
        set -- "$@" --bin bellwether -- "--cfg=bench=\"$BENCH\""
    fi
    # shellcheck disable=SC2086
    cargo-zigbuild $command $STD --locked --target "$target" --target-dir "$into" \
        --config "target.$target.linker=\"$source/cross/linker.sh\"" "$@" >&2
)

# split TARGET DIRECTORY FILE: the binary without its symbols as FILE, and they as FILE.debug.
split() {
    built=$2/$1/$([ -n "$QUICK" ] && echo debug || echo release)/bellwether
    rm -f "$3" "$3.debug"
    [ -z "$BENCH" ] || { cp "$built" "$3"; return; }
    eu-strip --remove-comment --keep-section=.ARM.attributes -f "$3.debug" -o "$3" "$built"
    chmod 755 "$3"
    chmod 644 "$3.debug"
    [ -z "$(readelf -d "$3" | sed -n 's/.*(NEEDED)//p')" ] || die "$3 is not static"
    readelf -h "$3" | grep -q 'Type: *DYN' || die "$3 is not position-independent"
}

# describe TARGET: what the bytes of a binary depend on; cross/package.sh takes version and date from it.
describe() (
    choose_toolchain "$1"
    echo "version: ${VERSION:-$(version_of_code)}"
    echo "date: $(time_of_code)"
    echo "commit: $(git -C "$ROOT" rev-parse HEAD || echo unknown)"
    echo "zig: $ZIG"
    echo "cargo-zigbuild: $ZIGBUILD"
    echo "standard library: ${STD:-of rustup}"
    [ -z "$QUICK" ] || echo "profile: quick, not to be shipped"
    "${RUSTC:-rustc}" -vV
)

ship() {
    # Of the commit that the build begins with.
    described=$(describe "$1")
    build "$1" "$ROOT" "$CACHE/target"
    split "$1" "$CACHE/target" "$OUT/$NAME-$1"
    echo "$described" >"$OUT/$NAME-$1.build"
}

check_reproducible() {
    second=$(mktemp -d)
    trap 'rm -rf "$second"' EXIT
    mkdir "$second/elsewhere"
    (cd "$ROOT" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$second/elsewhere")
    build "$1" "$second/elsewhere" "$second/built"
    split "$1" "$second/built" "$second/bellwether-$1"
    # The link to the symbols holds their checksum, so the symbols are compared too.
    if ! cmp "$OUT/bellwether-$1" "$second/bellwether-$1"; then
        trap - EXIT
        die "$1: two builds differ; both are in $OUT and $second"
    fi
    echo "$1: two builds in different places have the same bytes"
    rm -rf "$second"
}

# The table: target, bytes, KiB, and the growth since what HEAD's cross/sizes.tsv says.
print_sizes() {
    for target in $TARGETS; do
        [ -e "$OUT/bellwether-$target" ] || continue
        bytes=$(stat -c %s "$OUT/bellwether-$target")
        before=$(git -C "$ROOT" show HEAD:cross/sizes.tsv 2>/dev/null | awk -v t="$target" '$1 == t { print $2 }')
        awk -v t="$target" -v b="$bytes" -v o="${before:-$bytes}" \
            'BEGIN { printf "%-32s %9d bytes %8.1f KiB %+8.1f KiB\n", t, b, b / 1024, (b - o) / 1024 }'
    done
}

keep_budget() {
    armv7=$OUT/bellwether-armv7-unknown-linux-musleabihf
    [ ! -e "$armv7" ] || [ "$(stat -c %s "$armv7")" -le $((ARMV7_KIB_MAX * 1024)) ] ||
        die "$armv7 is larger than $ARMV7_KIB_MAX KiB: cross/weights.py shows what weighs"
}

record_sizes() {
    for target in $TARGETS; do
        if [ -e "$OUT/bellwether-$target" ]; then
            printf '%s\t%s\n' "$target" "$(stat -c %s "$OUT/bellwether-$target")"
        else
            awk -v t="$target" '$1 == t' "$SIZES" 2>/dev/null || true
        fi
    done >"$SIZES.new"
    mv "$SIZES.new" "$SIZES"
}

check="" record=""
while :; do
    case ${1:-} in
    --check-reproducible) check=yes && shift ;;
    --record) record=yes && shift ;;
    -*) die "unknown flag $1; see the head of this file" ;;
    *) break ;;
    esac
done
for target in "$@"; do
    case " $TARGETS " in *" $target "*) ;; *) die "unknown target $target; one of: $TARGETS" ;; esac
done
[ -z "$APART" ] || [ -z "$check$record" ] || die "what does not ship is neither compared nor recorded: do without QUICK and BENCH"
mkdir -p "$OUT" "$CACHE"
install_missing git=git python3=python3 python3:ensurepip=python3-venv eu-strip=elfutils c++filt=binutils
install_zig
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $TARGETS
for target in "$@"; do
    ship "$target"
    [ -z "$check" ] || check_reproducible "$target"
done
[ -z "$BENCH" ] || exit 0
licences=$(python3 "$ROOT/cross/licences.py")
printf '%s\n' "$licences" >"$OUT/LICENCES"
write_sums "$OUT"
# Of what is not optimised the size tells nothing.
[ -z "$QUICK" ] || exit 0
print_sizes
keep_budget
[ -z "$record" ] || record_sizes

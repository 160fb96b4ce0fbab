#!/bin/sh
# Runs the smoke test (post, notify, silence, restart, kill) with the binary of each target, under qemu where this
# machine is another; the armv6 one with the processor of the Pi 1.
#
#     cross/smoke.sh [TARGET|BINARY...]      the binaries of cross/build.sh, or these

set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/cross/targets.sh"
OUT=${OUT:-$ROOT/target/cross}

# The emulator for a binary of unknown name, from its ELF header: the machine, and for ARM the architecture.
emulator_for() {
    case $(readelf -h "$1" | sed -n 's/^ *Machine: *//p') in
    AArch64) emulator_of aarch64-unknown-linux-musl ;;
    ARM)
        case $(readelf -A "$1" | sed -n 's/^ *Tag_CPU_arch: *//p') in
        v6*) emulator_of arm-unknown-linux-musleabihf ;;
        *) emulator_of armv7-unknown-linux-musleabihf ;;
        esac
        ;;
    *X86-64) emulator_of x86_64-unknown-linux-musl ;;
    *) die "$1 is for a machine that is not known here" ;;
    esac
}

smoke() {
    emulator=$2
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$emulator" "$1" >"$work/bellwether"
    chmod +x "$work/bellwether"
    echo "$1 ${emulator:+under $emulator}"
    BELLWETHER=$work/bellwether "$ROOT/tests/system/run" smoke
}

install_missing qemu-arm-static=qemu-user-static readelf=binutils python3=python3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2086
[ $# -gt 0 ] || for target in $TARGETS; do
    [ ! -e "$OUT/bellwether-$target" ] || set -- "$@" "$target"
done
[ $# -gt 0 ] || die "there are no binaries in $OUT; run cross/build.sh"
for name in "$@"; do
    case " $TARGETS " in
    *" $name "*) smoke "$OUT/bellwether-$name" "$(emulator_of "$name")" ;;
    *) smoke "$(realpath "$name")" "$(emulator_for "$name")" ;;
    esac
done

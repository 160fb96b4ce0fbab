#!/bin/sh
# The linker that cross/build.sh gives to rustc: zig's, with what zig's driver has no words for.
#
# The first link is zig's own. Its command line for lld is run again with more flags:
#   --pack-dyn-relocs=relr   so that a position-independent program costs 3 KiB
#   --icf=all                functions of equal code become one
#   --symbol-ordering-file   what an idle agent runs comes first, by cross/order.txt. The kernel maps a file's pages by
#                            neighbourhoods, so functions that nobody calls between those that are called cost memory

set -eu
here=$(cd "$(dirname "$0")" && pwd)
# cargo-zigbuild names its linker in the environment.
zig_cc=$(env | sed -n 's/^CARGO_TARGET_[A-Z0-9_]*_LINKER=//p' | head -1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Every program is position-independent: rustc's code is, but only on x86_64 does rustc ask that of the linker. Zig takes
# -static for -no-pie, and rustc's -static-pie too; what it links for these targets is static anyway.
for word in "$@"; do
    shift
    case $word in
    -static | -no-pie | -static-pie) ;;
    *) set -- "$@" "$word" ;;
    esac
done
# The libc of armv7 is Thumb-2, as the rest; cargo-zigbuild has no word for that.
case $zig_cc in
*armv7*)
    sed 's/ -target arm-/ -target thumb-/' "$zig_cc" >"$work/zig-cc"
    chmod +x "$work/zig-cc"
    zig_cc=$work/zig-cc
    ;;
esac
ZIG_VERBOSE_LINK=1 "$zig_cc" -fPIE "$@" 2>"$work/told" || {
    cat "$work/told" >&2
    exit 1
}
line=$(sed -n 's/^ld\.lld //p' "$work/told" | tail -1)
linked=$(printf '%s\n' "$line" | sed -n 's/.* -o \([^ ]*\) .*/\1/p')
[ -n "$linked" ] || { echo "linker.sh: zig did not tell how it links" >&2 && exit 1; }

# Name and symbol of every function: the names in cross/order.txt are without the compiler's hashes.
nm "$linked" | awk '$2 ~ /^[tTwW]$/ { print $3 }' | LC_ALL=C sort -u >"$work/symbols"
# shellcheck disable=SC2094
c++filt <"$work/symbols" | sed 's/\[[0-9a-f]*\]//g' | paste "$work/symbols" - |
    awk -F '\t' 'NR == FNR { at[$1] = FNR; next } $2 in at { print at[$2] "\t" $1 }' "$here/order.txt" - |
    LC_ALL=C sort -n | cut -f 2 >"$work/order"
# shellcheck disable=SC2086
python3 -m ziglang ld.lld $line --pack-dyn-relocs=relr --icf=all \
    --symbol-ordering-file="$work/order" --no-warn-symbol-ordering

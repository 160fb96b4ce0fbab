#!/bin/sh
# Shows that cross/build.sh builds with a standard library that rustup has, on a machine that has none of them: builds one
# from source, as a whole and for every profile, lays it out as rustup does, and lets a `rustup` say that it is there.
#
#     cross/prebuilt.sh [TARGET]             armv7 if none is given
#
# It leaves the binary in target/prebuilt, and runs it.

set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/cross/targets.sh"
. "$ROOT/cross/toolchain.sh"
TARGET=${1:-armv7-unknown-linux-musleabihf}
LAID=$CACHE/prebuilt
LIB=$LAID/lib/rustlib/$TARGET/lib

# A standard library with its default features, that can be linked with and without LTO.
build_std() (
    choose_toolchain none
    mkdir -p "$LAID/std/src"
    echo '#![no_std]' >"$LAID/std/src/lib.rs"
    printf '[package]\nname = "nothing"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n' >"$LAID/std/Cargo.toml"
    # As in what rustup has: all unwinds but what aborts.
    cat >"$LAID/rustc" <<'END'
#!/bin/sh
case " $* " in *" --crate-name panic_abort "*) set -- "$@" -Cpanic=abort ;; esac
exec "$@"
END
    chmod +x "$LAID/rustc"
    rm -rf "$LIB" "$LAID/target/$TARGET"
    cd "$LAID/std"
    RUSTC_WRAPPER="$LAID/rustc" RUSTFLAGS="-Cembed-bitcode=yes" cargo build --release --target "$TARGET" --target-dir "$LAID/target" \
        -Zbuild-std=std,panic_abort,panic_unwind
    mkdir -p "$LIB/self-contained"
    cp "$LAID/target/$TARGET"/release/deps/*.rlib "$LIB/"
    rm "$LIB"/libnothing-*
)

# What rustup has beside it: musl and what begins a program. They are zig's here.
lay_out_musl() (
    choose_toolchain none
    machine=$(echo "$TARGET" | sed 's/^armv7/arm/; s/-unknown//')
    echo 'int main(void) { return 0; }' >"$LAID/main.c"
    for kind in "-static -no-pie" -fPIE; do
        # shellcheck disable=SC2086
        ZIG_VERBOSE_LINK=1 python3 -m ziglang cc -target "$machine" $kind "$LAID/main.c" -lunwind -o "$LAID/main" 2>&1 |
            sed -n 's/^ld\.lld //p' | tr ' ' '\n' | grep -E '/(r?crt1\.o|libc\.a|libunwind\.a)$' |
            while read -r file; do cp "$file" "$LIB/self-contained/"; done
    done
    for name in crti.o crtn.o crtbegin.o crtbeginS.o crtend.o crtendS.o; do
        python3 -m ziglang cc -target "$machine" -c -x c /dev/null -o "$LIB/self-contained/$name"
    done
)

# Programs as rustup has them: a rustup, and a rustc whose standard libraries are those laid out.
lay_out_programs() {
    mkdir -p "$LAID/bin" "$LAID/lib/rustlib"
    ln -sfn /usr/bin/cargo "$LAID/bin/cargo"
    for kept in /usr/lib/rustlib/*; do
        ln -sfn "$kept" "$LAID/lib/rustlib/"
    done
    printf '#!/bin/sh\necho %s\n' "$TARGET" >"$LAID/bin/rustup"
    printf '#!/bin/sh\nexec /usr/bin/rustc --sysroot "%s" "$@"\n' "$LAID" >"$LAID/bin/rustc"
    chmod +x "$LAID/bin/rustup" "$LAID/bin/rustc"
}

mkdir -p "$CACHE"
install_missing python3=python3 python3:ensurepip=python3-venv
install_zig
build_std
lay_out_musl
lay_out_programs
OUT=$ROOT/target/prebuilt PATH=$LAID/bin:$PATH "$ROOT/cross/build.sh" "$TARGET"
OUT=$ROOT/target/prebuilt "$ROOT/cross/smoke.sh" "$TARGET"

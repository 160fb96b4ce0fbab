# shellcheck shell=sh
# shellcheck disable=SC2034
# Zig, and a compiler with a standard library for each target. Sourced by the scripts beside this file that build.

ZIG=0.17.1
ZIGBUILD=0.24.0
# What this Zig has.
MUSL=1.2.5
CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bellwether-cross}

install_zig() {
    if [ "$(cat "$CACHE/venv/versions" 2>/dev/null)" = "$ZIG $ZIGBUILD" ]; then
        return
    fi
    echo "installing ziglang $ZIG and cargo-zigbuild $ZIGBUILD into $CACHE/venv" >&2
    python3 -m venv --clear "$CACHE/venv"
    "$CACHE/venv/bin/pip" install --quiet --disable-pip-version-check "ziglang==$ZIG" "cargo-zigbuild==$ZIGBUILD"
    echo "$ZIG $ZIGBUILD" >"$CACHE/venv/versions"
}

has_rustup_target() {
    command -v rustup >/dev/null && rustup target list --installed 2>/dev/null | grep -qx "$1"
}

# Chooses what builds for a target: the environment of cargo-zigbuild, its flags in STD, and the compiler's in FLAGS.
choose_toolchain() {
    FLAGS="" STD=""
    if ! has_rustup_target "$1"; then
        (install_missing /usr/lib/rustlib/src/rust/library/std/Cargo.toml=rust-web-src /usr/bin/cargo=cargo-web \
            /usr/bin/rustc=rustc-web) || die "Debian 12 has a second toolchain (rust-web-src) that can build for $1; here it" \
            "cannot be installed: use \`rustup target add $1\`"
        # The Debian toolchain goes before any other.
        export RUSTC=/usr/bin/rustc CARGO=/usr/bin/cargo PATH="/usr/bin:$PATH" RUSTC_BOOTSTRAP=1
        # Of the place of a panic the line alone, and that of our own code alone (rustc.sh): the names of files and the columns weigh
        # 40 KiB, the lines of others 6 KiB. Of a value that is printed for debugging the name alone: all the fields weigh 32 KiB.
        FLAGS="-Clink-self-contained=no -Zlocation-detail=none -Zfmt-debug=shallow"
        # By its bare name: cargo hashes the words that stand here, and the bytes must not depend on where the clone lies.
        export RUSTC_WORKSPACE_WRAPPER=rustc.sh PATH="$PATH:$ROOT/cross"
        # Without the default features: they print back traces, from symbols that are not there, and weigh 130 KiB.
        STD="-Zbuild-std=std,panic_abort -Zbuild-std-features=${STD_FEATURES:-}"
    fi
    export PATH="$CACHE/venv/bin:$PATH"
}

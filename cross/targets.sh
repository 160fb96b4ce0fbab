# shellcheck shell=sh
# shellcheck disable=SC2034
# The machines we build for. Sourced by the scripts beside this file.

TARGETS="aarch64-unknown-linux-musl armv7-unknown-linux-musleabihf arm-unknown-linux-musleabihf x86_64-unknown-linux-musl"

# The code that the compiler may use. armv6 with hard float is the Pi 1 and Zero; armv7 has Thumb-2, as Debian's armhf,
# which is a quarter smaller (rustc warns that it may rename these features). There, sequences of instructions that are
# met often become functions, which LLVM does for aarch64 by itself: 4 % smaller, 2 to 4 % more instructions.
code_of() {
    case $1 in
    arm-*) echo -Ctarget-cpu=arm1176jzf-s ;;
    armv7-*) echo "-Ctarget-feature=+thumb-mode,+thumb2 -Cllvm-args=-enable-machine-outliner=always" ;;
    esac
}

# Cargo's opt-level where it is not Cargo.toml's: the machines of armv7 have the least room. There all is a seventh smaller,
# and takes a fifth more instructions.
opt_level_of() {
    case $1 in
    armv7-*) echo z ;;
    esac
}

# The Debian architecture that a target's binary is packaged for, empty if it goes into a tarball only: Debian's armhf
# is armv7, so armv6 would be a lie there.
debian_arch_of() {
    case $1 in
    aarch64-*) echo arm64 ;;
    armv7-*) echo armhf ;;
    x86_64-*) echo amd64 ;;
    esac
}

# The command that runs a target's binary on this machine.
emulator_of() {
    case $1 in
    aarch64-*) echo qemu-aarch64-static ;;
    armv7-*) echo "qemu-arm-static -cpu cortex-a7" ;;
    arm-*) echo "qemu-arm-static -cpu arm1176" ;;
    x86_64-*) [ "$(uname -m)" = x86_64 ] || echo qemu-x86_64-static ;;
    esac
}

# What the code is called: Cargo.toml's version, and of when and which commit it is, so that apt takes what is built later
# for newer, and the release for the newest. Without git the version alone.
version_of_code() {
    at=$(TZ=UTC git -C "$ROOT" log -1 --abbrev=12 --date=format-local:%Y%m%d%H%M%S --format=~git%cd.%h 2>/dev/null) || at=
    # Commits hold all of it?
    [ -z "$at" ] || git -C "$ROOT" diff --quiet HEAD || at=$at.changed
    sed -n "s/^version = \"\(.*\)\"/\1$at/p" "$ROOT/Cargo.toml" | head -1
}

# What the changelog says of a version.
changes_of() {
    sed -n "/^### $1\$/,/^### /{//!p}" "$ROOT/cross/README.md"
}

# The time that everything made of the code bears.
time_of_code() {
    [ -z "${SOURCE_DATE_EPOCH:-}" ] || { echo "$SOURCE_DATE_EPOCH" && return; }
    git -C "$ROOT" log -1 --format=%ct || die "there is no commit to take the time of: set SOURCE_DATE_EPOCH"
}

# Writes the checksums of everything that is shipped from the folder named.
write_sums() (
    cd "$1" || exit
    find . -type f \( -name 'bellwether*' -o -name LICENCES -o -name LICENSE -o -name CHANGELOG \) -printf '%P\n' | LC_ALL=C sort |
        xargs sha256sum >SHA256SUMS
)

# Copies this machine's time zones into a folder, without those that nobody asks for by name.
copy_zones() {
    mkdir -p "$1"
    tar -C /usr/share/zoneinfo --exclude=./posix --exclude=./right --exclude=./localtime -cf - . | tar -C "$1" -xf -
}

# Says what went wrong and ends.
die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# Installs Debian packages that are missing, saying which: install_missing PROGRAM=PACKAGE, where PROGRAM may be a file or
# python3:MODULE too.
install_missing() {
    missing=
    for pair in "$@"; do
        case $pair in
        /*) [ -e "${pair%%=*}" ] || missing="$missing ${pair#*=}" ;;
        python3:*) python3 -c "import $(expr "$pair" : 'python3:\(.*\)=')" 2>/dev/null || missing="$missing ${pair#*=}" ;;
        *) command -v "${pair%%=*}" >/dev/null || missing="$missing ${pair#*=}" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || die "missing:$missing; there is no apt-get here: install them by hand"
    [ "$(id -u)" = 0 ] || die "missing:$missing; run: apt-get install$missing"
    echo "installing with apt-get:$missing" >&2
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    apt-get install -qq -y --no-install-recommends $missing >/dev/null 2>&1 || {
        apt-get update -qq >&2
        apt-get install -qq -y --no-install-recommends $missing >/dev/null
    }
}

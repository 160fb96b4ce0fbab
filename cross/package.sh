#!/bin/sh
# Makes packages of the binaries that cross/build.sh left in OUT (target/cross).
#
#     cross/package.sh [--version VERSION] [TARGET...]
#
# For each target a tarball with install.sh, and a .deb where Debian has the architecture: amd64, arm64, armhf. The
# version is the one that cross/build.sh wrote beside the binary unless one is given, and Cargo.toml's for a binary of
# elsewhere. The same binary gives the same bytes.

set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/cross/targets.sh"
OUT=${OUT:-$ROOT/target/cross}
PARTS=$ROOT/cross/package

given_version=
if [ "${1:-}" = --version ]; then
    given_version=${2:?--version needs a value}
    shift 2
fi
given_date=${SOURCE_DATE_EPOCH:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# told TARGET KEY: what cross/build.sh wrote of a binary.
told() {
    sed -n "s/^$2: //p" "$OUT/bellwether-$1.build" 2>/dev/null || true
}

# describe TARGET: its version and date, for all that is made of it.
describe() {
    version=${given_version:-$(told "$1" version)}
    version=${version:-$(sed -n 's/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml" | head -1)}
    SOURCE_DATE_EPOCH=${given_date:-$(told "$1" date)}
    [ -n "$SOURCE_DATE_EPOCH" ] || SOURCE_DATE_EPOCH=$(time_of_code)
    export SOURCE_DATE_EPOCH
    changes=$(changes_of "${version%%[~+]*}")
    [ -n "$changes" ] || changes="What has changed is told by the project's history."
    cat >"$work/changelog" <<END
bellwether ($version) stable; urgency=medium

$(echo "$changes" | as_debian)

 -- The Bellwether authors <bellwether@localhost>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
}

# Each paragraph and each item of a list, as Debian writes them in a changelog.
as_debian() {
    awk 'function tell() { if (text) print "* " text; text = "" }
        /^(- |$)/ { tell() }
        { sub(/^- /, ""); text = text (text && $0 ? " " : "") $0 }
        END { tell() }' | fold -s -w 74 | sed -e 's/ *$//' -e 's/^/    /' -e 's/^    \* /  * /'
}

# The man page, of this version.
man_page() {
    sed -e "s/@VERSION@/$version/; s/@DATE@/$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)/" "$PARTS/bellwether.1"
}

# put MODE FILE PATH: into the package's root.
put() {
    install -D -m "$1" "$2" "$tree/$3"
}

# As put, compressed without a date.
put_gz() {
    install -d "$tree/$(dirname "$2")"
    gzip -9n <"$1" >"$tree/$2"
    chmod 644 "$tree/$2"
}

deb() {
    target=$1 arch=$2 tree=$work/deb
    rm -rf "$tree"
    doc=usr/share/doc/bellwether
    put 755 "$OUT/bellwether-$target" usr/bin/bellwether
    put 755 "$ROOT/systemd/unit-failed" usr/lib/bellwether/unit-failed
    put 644 "$ROOT/systemd/bellwether.service" usr/lib/systemd/system/bellwether.service
    put 644 "$ROOT/systemd/bellwether-onfailure@.service" usr/lib/systemd/system/bellwether-onfailure@.service
    # No conffiles: the scripts copy them to /etc where they are not yet, so that no upgrade asks.
    put 644 "$ROOT/configs/default.toml" usr/share/bellwether/bellwether.toml
    put 644 "$PARTS/default" usr/share/bellwether/default
    put 644 "$PARTS/lintian-overrides" usr/share/lintian/overrides/bellwether
    put 644 "$PARTS/bellwether.bash" usr/share/bash-completion/completions/bellwether
    put 644 "$PARTS/bellwether.zsh" usr/share/zsh/vendor-completions/_bellwether
    put 644 "$PARTS/bellwether.fish" usr/share/fish/vendor_completions.d/bellwether.fish
    put_gz "$work/bellwether.1" usr/share/man/man1/bellwether.1.gz
    put 644 "$PARTS/copyright" $doc/copyright
    put_gz "$OUT/LICENCES" $doc/LICENCES.gz
    put_gz "$work/changelog" $doc/changelog.gz
    put_gz "$ROOT/README.md" $doc/README.md.gz
    put_gz "$ROOT/systemd/README.md" $doc/systemd/README.md.gz
    for example in "$ROOT"/configs/*.* "$ROOT"/systemd/*.conf; do
        put 644 "$example" "$doc/examples/${example##*/}"
    done
    for example in "$ROOT"/configs/fleet/*; do put 644 "$example" "$doc/examples/fleet/${example##*/}"; done

    for script in preinst postinst prerm postrm; do
        put 755 "$PARTS/$script" "DEBIAN/$script"
    done
    cat >"$tree/DEBIAN/control" <<END
Package: bellwether
Version: $version
Architecture: $arch
Maintainer: The Bellwether authors <bellwether@localhost>
Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$tree" | cut -f1)
Depends: adduser, curl, init-system-helpers (>= 1.52)
Recommends: ca-certificates, tzdata
Section: net
Priority: optional
Description: alerting agent for gateways
 Takes alerts over Alertmanager's API, routes, groups, silences and inhibits
 them by Alertmanager's configuration, and notifies receivers. Made for sites
 with power cuts, dead uplinks and no clock battery: what it has answered 200 to
 is kept in a journal made for flash, and the agents of one site notify once
 between them.
END
    (cd "$tree" && find usr -type f | LC_ALL=C sort | xargs md5sum) >"$tree/DEBIAN/md5sums"
    chmod 644 "$tree"/DEBIAN/control "$tree"/DEBIAN/md5sums
    find "$tree" -type d -exec chmod 755 {} +
    find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$tree" "$OUT/bellwether_${version}_$arch.deb" >/dev/null
    echo "$OUT/bellwether_${version}_$arch.deb"
}

tarball() {
    target=$1 name=bellwether-$version-$target
    tree=$work/$name
    put 755 "$OUT/bellwether-$target" bellwether
    put 755 "$PARTS/install.sh" install.sh
    put 755 "$ROOT/systemd/unit-failed" unit-failed
    for file in "$ROOT"/systemd/*.service "$ROOT"/systemd/*.conf "$PARTS/bellwether.bash" "$PARTS/bellwether.zsh" "$PARTS/bellwether.fish" \
        "$work/bellwether.1" "$OUT/LICENCES" "$ROOT/LICENSE" "$ROOT/README.md"; do
        [ ! -e "$file" ] || put 644 "$file" "${file##*/}"
    done
    put 644 "$ROOT/systemd/README.md" systemd/README.md
    for file in "$ROOT"/configs/*.*; do put 644 "$file" "configs/${file##*/}"; done
    for file in "$ROOT"/configs/fleet/*; do put 644 "$file" "configs/fleet/${file##*/}"; done
    for file in "$ROOT"/systemd/without/*; do put 755 "$file" "without/${file##*/}"; done
    tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf - "$name" |
        gzip -9n >"$OUT/$name.tar.gz"
    echo "$OUT/$name.tar.gz"
}

[ $# -gt 0 ] || for target in $TARGETS; do
    [ ! -e "$OUT/bellwether-$target" ] || set -- "$@" "$target"
done
[ $# -gt 0 ] || die "there are no binaries in $OUT; run cross/build.sh"
install_missing git=git dpkg-deb=dpkg xz=xz-utils
for target in "$@"; do
    [ -e "$OUT/bellwether-$target" ] || die "there is no $OUT/bellwether-$target; run cross/build.sh $target"
    describe "$target"
    man_page >"$work/bellwether.1"
    arch=$(debian_arch_of "$target")
    [ -z "$arch" ] || deb "$target" "$arch"
    tarball "$target"
done
write_sums "$OUT"

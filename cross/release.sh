#!/bin/sh
# Makes everything that a release consists of, in OUT (target/bellwether-VERSION), which must be empty.
#
#     cross/release.sh
#
# The version is Cargo.toml's; a commit without a section of it in cross/README.md's changelog is refused, as is a section
# that says "Not released yet", and changes that are not committed. All targets are built twice and compared, tried under
# qemu, packaged, made into images and summed. It leaves: binaries, symbols, .deb, tarballs, the OCI layout,
# bellwether-VERSION.cdx.json (SBOM), CHANGELOG of this version, LICENSE, LICENCES and SHA256SUMS. Nothing is published.

set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/cross/targets.sh"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml" | head -1)
OUT=${OUT:-$ROOT/target/bellwether-$version}
export OUT

case $(changes_of "$version") in
"") die "cross/README.md has no section \"### $version\" in its changelog" ;;
*"Not released yet"*) die "cross/README.md says of $version: Not released yet; write there that it is, and commit that" ;;
esac
[ -z "$(ls -A "$OUT" 2>/dev/null)" ] || die "$OUT is not empty, and a release holds nothing of elsewhere: remove it"
[ -z "$(git -C "$ROOT" status --porcelain)" ] || die "there are changes that are not committed"

"$ROOT/cross/licences.py" --check
# shellcheck disable=SC2086
VERSION=$version "$ROOT/cross/build.sh" --check-reproducible $TARGETS
"$ROOT/cross/smoke.sh"
# shellcheck disable=SC2086
"$ROOT/cross/package.sh" --version "$version" $TARGETS
# shellcheck disable=SC2086
"$ROOT/cross/image.sh" --version "$version" $TARGETS
rust=$(sed -n 's/^release: //p' "$OUT"/bellwether-*.build | sort -u | paste -sd ' ')
"$ROOT/cross/sbom.py" "$version" "$(time_of_code)" "$rust" >"$OUT/bellwether-$version.cdx.json"
printf 'Bellwether %s\n%s\n' "$version" "$(changes_of "$version")" >"$OUT/CHANGELOG"
install -m 644 "$ROOT/LICENSE" "$OUT"
write_sums "$OUT"
echo "$OUT: $version"

#!/bin/sh
# Makes everything that a release consists of, in OUT (target/cross).
#
#     cross/release.sh
#
# The version is Cargo.toml's; a commit without a section of it in cross/README.md's changelog is refused, as is one with
# changes that are not committed. All targets are built twice and compared, tried under qemu, packaged, made into images and
# summed. It leaves: binaries, symbols, .deb, tarballs, the OCI layout, bellwether-VERSION.cdx.json (SBOM), LICENCES and
# SHA256SUMS. Nothing is published.

set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/cross/targets.sh"
OUT=${OUT:-$ROOT/target/cross}
export OUT

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml" | head -1)
grep -q "^### $version" "$ROOT/cross/README.md" || die "cross/README.md has no section \"### $version\" in its changelog"
[ -z "$(git -C "$ROOT" status --porcelain)" ] || die "there are changes that are not committed"

"$ROOT/cross/licences.py" --check
# shellcheck disable=SC2086
"$ROOT/cross/build.sh" --check-reproducible $TARGETS
"$ROOT/cross/smoke.sh"
# shellcheck disable=SC2086
"$ROOT/cross/package.sh" --version "$version" $TARGETS
# shellcheck disable=SC2086
"$ROOT/cross/image.sh" --version "$version" $TARGETS
"$ROOT/cross/sbom.py" "$version" "$(time_of_code)" >"$OUT/bellwether-$version.cdx.json"
write_sums "$OUT"
echo "$OUT: $version"

#!/bin/sh
# Lays out the folder of the Home Assistant add-on, with the binaries of OUT (target/cross).
#
#     cross/home-assistant.sh DIRECTORY
#
# Copy DIRECTORY to /addons/bellwether of the machine, look for local add-ons in its store, and put a bellwether.toml into the
# add-on's configuration folder.

set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/cross/targets.sh"
OUT=${OUT:-$ROOT/target/cross}

[ $# = 1 ] || die "expected the directory of the add-on"
install_missing /etc/ssl/certs/ca-certificates.crt=ca-certificates /usr/share/zoneinfo/Europe/Berlin=tzdata
mkdir -p "$1"
for target in aarch64-unknown-linux-musl x86_64-unknown-linux-musl; do
    [ -e "$OUT/bellwether-$target" ] || die "there is no $OUT/bellwether-$target; run cross/build.sh $target"
    install -m 755 "$OUT/bellwether-$target" "$1/bellwether-$target"
done
install -m 644 /etc/ssl/certs/ca-certificates.crt "$ROOT/cross/home-assistant/config.yaml" "$ROOT/cross/home-assistant/Dockerfile" "$1"
copy_zones "$1/zoneinfo"
echo "$1"

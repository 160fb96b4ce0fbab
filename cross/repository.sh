#!/bin/sh
# Lays out an apt repository of the .deb files in OUT (target/cross).
#
#     cross/repository.sh DIRECTORY [KEY]
#
# DIRECTORY can be served as it is by any web server, or read from a disk. KEY names the secret key of gpg that signs it: an
# id, or a mail address. Without one nothing is signed, and apt asks for [trusted=yes]. On a gateway:
#
#     curl -o /usr/share/keyrings/bellwether.asc https://example.net/apt/bellwether.asc
#     echo 'deb [signed-by=/usr/share/keyrings/bellwether.asc] https://example.net/apt stable main' \
#         > /etc/apt/sources.list.d/bellwether.list
#     apt-get update && apt-get install bellwether
#
# Packages of earlier runs stay, so that apt can go back to them.

set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/cross/targets.sh"
OUT=${OUT:-$ROOT/target/cross}

[ $# -ge 1 ] || die "expected the directory of the repository"
mkdir -p "$1/pool/main/b/bellwether"
directory=$(cd "$1" && pwd)
key=${2:-}
install_missing apt-ftparchive=apt-utils xz=xz-utils
[ -z "$key" ] || install_missing gpg=gnupg

found=
for package in "$OUT"/bellwether_*.deb; do
    [ -e "$package" ] || continue
    cp -p "$package" "$directory/pool/main/b/bellwether/"
    found=1
done
[ -n "$found" ] || die "there are no packages in $OUT; run cross/package.sh"

cd "$directory"
architectures=$(find pool -name '*.deb' | sed 's/.*_\(.*\)\.deb/\1/' | LC_ALL=C sort -u | tr '\n' ' ')
for architecture in $architectures; do
    lists=dists/stable/main/binary-$architecture
    mkdir -p "$lists"
    apt-ftparchive --arch "$architecture" packages pool >"$lists/Packages"
    gzip -9nkf "$lists/Packages"
    xz -kf "$lists/Packages"
done
rm -f dists/stable/Release dists/stable/Release.gpg dists/stable/InRelease
apt-ftparchive \
    -o APT::FTPArchive::Release::Origin=Bellwether \
    -o APT::FTPArchive::Release::Label=Bellwether \
    -o APT::FTPArchive::Release::Suite=stable \
    -o APT::FTPArchive::Release::Codename=stable \
    -o APT::FTPArchive::Release::Components=main \
    -o "APT::FTPArchive::Release::Architectures=${architectures% }" \
    release dists/stable >"$directory/.Release"
mv "$directory/.Release" dists/stable/Release
if [ -n "$key" ]; then
    gpg --batch --yes --local-user "$key" --clearsign --output dists/stable/InRelease dists/stable/Release
    gpg --batch --yes --local-user "$key" --armor --detach-sign --output dists/stable/Release.gpg dists/stable/Release
    gpg --batch --yes --armor --output bellwether.asc --export "$key"
fi
echo "$directory"

#!/bin/sh
# Makes OCI images of the binaries that cross/build.sh left in OUT (target/cross), without a daemon.
#
#     cross/image.sh [--version VERSION] [TARGET...]
#
# It writes bellwether-VERSION.oci.tar: one layout with an image for each target, which podman, skopeo, docker (25 and later)
# and containerd load. The image holds the binary, a configuration, certificates of authorities, time zones and nothing else. It runs as
# user 65534 and keeps its journal in /data:
#
#     podman load -i bellwether-VERSION.oci.tar
#     podman run -p 9093:9093 -v bellwether:/data -v ./bellwether.toml:/etc/bellwether/bellwether.toml:ro bellwether:VERSION
#
# The same binaries give the same bytes.

set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/cross/targets.sh"
OUT=${OUT:-$ROOT/target/cross}

version=
if [ "${1:-}" = --version ]; then
    version=${2:?--version needs a value}
    shift 2
fi
version=${version:-$(version_of_code)}
SOURCE_DATE_EPOCH=$(time_of_code)
created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# platform_of TARGET: as images call it.
platform_of() {
    case $1 in
    aarch64-*) echo '"architecture":"arm64","variant":"v8"' ;;
    armv7-*) echo '"architecture":"arm","variant":"v7"' ;;
    arm-*) echo '"architecture":"arm","variant":"v6"' ;;
    x86_64-*) echo '"architecture":"amd64"' ;;
    esac
}

# pack DIRECTORY: its files as a tar on standard output, the same bytes each time.
pack() {
    tar -C "$1" --sort=name --format=ustar --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf - .
}

# blob FILE TYPE: puts a file among the blobs, and tells it as others refer to it.
blob() {
    sum=$(sha256sum "$1" | cut -d' ' -f1)
    size=$(wc -c <"$1")
    mv "$1" "$layout/blobs/sha256/$sum"
    printf '"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%s' "$2" "$sum" "$size"
}

image() {
    target=$1
    root=$work/$target
    install -D -m 755 "$OUT/bellwether-$target" "$root/usr/bin/bellwether"
    ln -s bellwether "$root/usr/bin/amtool"
    install -D -m 644 "$ROOT/configs/default.toml" "$root/etc/bellwether/bellwether.toml"
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    copy_zones "$root/usr/share/zoneinfo"
    printf 'nobody:x:65534:65534::/data:/usr/bin/bellwether\n' >"$root/etc/passwd"
    printf 'nobody:x:65534:\n' >"$root/etc/group"
    install -d -m 1777 "$root/data" "$root/tmp"
    pack "$root" >"$work/layer.tar"
    layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
    gzip -9n "$work/layer.tar"
    layer_told=$(blob "$work/layer.tar.gz" layer.v1.tar+gzip)
    platform=$(platform_of "$target")
    cat >"$work/config.json" <<END
{"created":"$created",$platform,"os":"linux","config":{"User":"65534:65534","ExposedPorts":{"9093/tcp":{},"9094/udp":{}},"Entrypoint":["/usr/bin/bellwether"],"Cmd":["--config.file=/etc/bellwether/bellwether.toml","--storage.path=/data","--web.listen-address=:9093"],"Volumes":{"/data":{}},"WorkingDir":"/data","Healthcheck":{"Test":["CMD","/usr/bin/bellwether","healthy"],"Interval":30000000000,"Timeout":15000000000,"Retries":3},"Labels":{"org.opencontainers.image.title":"bellwether","org.opencontainers.image.version":"$version","org.opencontainers.image.licenses":"Apache-2.0"}},"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},"history":[{"created":"$created","created_by":"cross/image.sh"}]}
END
    config_told=$(blob "$work/config.json" config.v1+json)
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{%s},"layers":[{%s}]}' \
        "$config_told" "$layer_told" >"$work/manifest.json"
    told=$(blob "$work/manifest.json" manifest.v1+json)
    manifests="$manifests${manifests:+,}{$told,\"platform\":{$platform,\"os\":\"linux\"}}"
}

[ $# -gt 0 ] || for target in $TARGETS; do
    [ ! -e "$OUT/bellwether-$target" ] || set -- "$@" "$target"
done
[ $# -gt 0 ] || die "there are no binaries in $OUT; run cross/build.sh"
install_missing /etc/ssl/certs/ca-certificates.crt=ca-certificates /usr/share/zoneinfo/Europe/Berlin=tzdata
layout=$work/layout
manifests=
mkdir -p "$layout/blobs/sha256"
for target in "$@"; do
    [ -e "$OUT/bellwether-$target" ] || die "there is no $OUT/bellwether-$target; run cross/build.sh $target"
    image "$target"
done
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s]}' "$manifests" >"$work/index.json"
told=$(blob "$work/index.json" index.v1+json)
# A tag knows neither ~ nor +.
tag=$(echo "$version" | tr '~+' '--')
printf '{"schemaVersion":2,"manifests":[{%s,"annotations":{"org.opencontainers.image.ref.name":"bellwether:%s"}}]}' "$told" "$tag" \
    >"$layout/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
pack "$layout" >"$OUT/bellwether-$version.oci.tar"
echo "$OUT/bellwether-$version.oci.tar"

#!/bin/sh
# Runs the package on a whole machine: Debian with systemd as PID 1 in qemu, the .deb of cross/package.sh installed.
#
#     cross/machine.sh [--arch arm64|amd64] [--kills N] [--only TEST,...] [--log FILE]
#
# It is emulated, so slow; ACCEL=kvm is quicker where the machine is of the same kind and can. The base system is made by
# debootstrap once and kept in CACHE. What is tested stands in machine.py beside this file; the machine for arm64 also
# measures the memory of the 32-bit binaries that cross/build.sh left (--kills 0 for little more than that). Needs root.

set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/cross/targets.sh"
OUT=${OUT:-$ROOT/target/cross}
CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bellwether-machine}
arch=arm64 kills=20 log="" only=""
while [ $# -gt 0 ]; do
    case $1 in
    --arch) arch=$2 ;;
    --kills) kills=$2 ;;
    --log) log=$2 ;;
    --only) only=$2 ;;
    *) die "unknown flag $1; see the head of this file" ;;
    esac
    shift 2
done
case $arch in
arm64) target=aarch64-unknown-linux-musl qemu=qemu-system-aarch64=qemu-system-arm ;;
amd64) target=x86_64-unknown-linux-musl qemu=qemu-system-x86_64=qemu-system-x86 ;;
*) die "--arch is arm64 or amd64" ;;
esac
[ "$(id -u)" = 0 ] || die "debootstrap and chroot need root"
install_missing debootstrap=debootstrap mkfs.ext4=e2fsprogs modprobe=kmod cpio=cpio qemu-aarch64-static=qemu-user-static \
    python3=python3 "$qemu"

# shellcheck disable=SC2012
deb=$(ls -t "$OUT"/bellwether_*_"$arch".deb 2>/dev/null | head -1)
[ -n "$deb" ] || die "there is no package for $arch in $OUT; run cross/build.sh $target and cross/package.sh $target"
work=$(mktemp -d)
base=$CACHE/base-$arch
registered=
clean() {
    [ -z "$registered" ] || echo -1 >"$work/binfmt/$registered"
    umount "$work/binfmt" 2>/dev/null || true
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 1' INT TERM

# Programs of the other machine run in its root; the kernel forgets how when this script ends.
run_foreign_programs() {
    [ "$arch" != "$(dpkg --print-architecture)" ] || return 0
    mkdir "$work/binfmt"
    mount -t binfmt_misc binfmt_misc "$work/binfmt"
    if ! grep -qs "interpreter.*$(emulator_of $target)" "$work"/binfmt/*; then
        magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
        mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
        echo ":bellwether-$$:M::$magic:$mask:$(command -v "$(emulator_of $target)"):F" >"$work/binfmt/register"
        registered=bellwether-$$
    fi
}

# The base: made in two stages, the kernel only unpacked, for configuring it would make an initrd that we do not use.
make_base() {
    [ ! -e "$base/.complete" ] || return 0
    echo "making Debian for $arch in $base"
    rm -rf "$base"
    mkdir -p "$CACHE"
    debootstrap --arch="$arch" --foreign --variant=minbase \
        --include="systemd,systemd-sysv,dbus,udev,iproute2,curl,kmod,busybox-static,adduser,tzdata,linux-image-$arch" \
        bookworm "$base" >"$work/log" 2>&1 || { tail "$work/log"; die "debootstrap failed"; }
    for list in required base; do
        tr ' ' '\n' <"$base/debootstrap/$list" | grep -vE '^(linux-|initramfs|klibc|libklibc)' >"$base/debootstrap/new"
        mv "$base/debootstrap/new" "$base/debootstrap/$list"
    done
    for kernel in "$base"/var/cache/apt/archives/linux-image-[0-9]*.deb; do
        dpkg-deb --fsys-tarfile "$kernel" | tar -x --keep-directory-symlink -C "$base"
    done
    chroot "$base" /debootstrap/debootstrap --second-stage >"$work/log" 2>&1 || { tail "$work/log"; die "the second stage failed"; }
    depmod -b "$base" "$(ls "$base/lib/modules")"
    rm -rf "$base"/var/cache/apt/archives/*.deb
    touch "$base/.complete"
}

# The root of the machine under test: the base, the package, and a way in.
make_root() {
    cp -a "$base" "$work/root"
    cp "$deb" "$work/root/package.deb"
    chroot "$work/root" env DEBIAN_FRONTEND=noninteractive dpkg -i /package.deb
    cp -a "$ROOT/cross/machine/." "$work/root/"
    # Its kernel runs 32-bit programs too.
    [ "$arch" != arm64 ] || cp "$OUT"/bellwether-arm*-musleabihf "$work/root/opt/" 2>/dev/null || true
    chroot "$work/root" systemctl --quiet enable systemd-networkd commands.socket
    chroot "$work/root" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer \
        dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer
    echo sheep >"$work/root/etc/hostname"
    truncate -s 2G "$work/disk"
    mkfs.ext4 -q -d "$work/root" "$work/disk"
}

make_initrd() {
    kernel=$(ls "$base/lib/modules")
    mkdir -p "$work/initrd/modules" "$work/initrd/dev" "$work/initrd/root"
    cp "$base/bin/busybox" "$work/initrd/busybox"
    for module in virtio_pci virtio_mmio virtio_blk ext4 crc32c_generic; do
        modprobe -d "$base" -S "$kernel" --show-depends "$module" 2>/dev/null
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' >"$work/modules"
    while read -r file; do
        cp "$file" "$work/initrd/modules/"
    done <"$work/modules"
    {
        echo '#!/busybox sh'
        echo '/busybox mount -t devtmpfs dev /dev'
        sed 's|.*/|/busybox insmod /modules/|' "$work/modules"
        echo 'until /busybox mount -t ext4 /dev/vda /root; do /busybox sleep 1; done'
        echo 'exec /busybox switch_root /root /sbin/init'
    } >"$work/initrd/init"
    chmod +x "$work/initrd/init"
    (cd "$work/initrd" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/initrd.gz"
    cp "$base"/boot/vmlinuz-* "$work/vmlinuz"
}

run_foreign_programs
make_base
make_root
make_initrd
python3 "$ROOT/cross/machine.py" --arch "$arch" --kills "$kills" --directory "$work" ${log:+--log "$log"} ${only:+--only "$only"}

#!/bin/sh
# Installs Bellwether from this directory, or a newer one over an older: the config and the state stay as they are.
#
#     ./install.sh              installs, enables and starts it
#     ./install.sh --remove     stops and removes it; the config and the state stay
#
# systemd, OpenRC (Alpine) and procd (OpenWrt) are known; elsewhere it says how to start the agent.
# DESTDIR=/some/where installs there and starts nothing.

set -eu
cd "$(dirname "$0")"
DESTDIR=${DESTDIR:-}

if [ -z "$DESTDIR" ] && [ "$(id -u)" != 0 ]; then
    echo "install.sh: run this as root" >&2
    exit 1
fi

if [ -n "${INIT:-}" ]; then
    init=$INIT
elif [ -d /run/systemd/system ]; then
    init=systemd
elif [ -x /sbin/openrc-run ]; then
    init=openrc
elif [ -x /sbin/procd ]; then
    init=procd
else
    init=none
fi

# put MODE FILE PATH: by rename, so that what runs is not disturbed.
put() {
    mkdir -p "$DESTDIR${3%/*}"
    cp "$2" "$DESTDIR$3.new"
    chmod "$1" "$DESTDIR$3.new"
    mv "$DESTDIR$3.new" "$DESTDIR$3"
}

make_user() {
    [ -z "$DESTDIR" ] || return 0
    if grep -q '^bellwether:' /etc/passwd; then
        return
    elif command -v useradd >/dev/null; then
        useradd --system --user-group --home-dir /var/lib/bellwether --shell /usr/sbin/nologin bellwether
    elif command -v adduser >/dev/null; then
        addgroup -S bellwether 2>/dev/null || true
        adduser -S -D -H -h /var/lib/bellwether -s /sbin/nologin -G bellwether bellwether
    else
        # OpenWrt has neither.
        echo 'bellwether:x:909:' >>/etc/group
        echo 'bellwether:x:909:909:Bellwether:/var/lib/bellwether:/bin/false' >>/etc/passwd
    fi
}

run() {
    [ -n "$DESTDIR" ] || "$@"
}

# What dpkg has installed is dpkg's to replace and to remove.
leave_to_dpkg() {
    [ -z "$DESTDIR" ] && command -v dpkg-query >/dev/null || return 0
    dpkg-query --search /usr/bin/bellwether >/dev/null 2>&1 || return 0
    echo "install.sh: the package bellwether is installed here: use apt, or remove it first (apt remove bellwether)" >&2
    exit 1
}

# One that works is not replaced by one that cannot run here.
try_binary() {
    [ -z "$DESTDIR" ] || return 0
    ! ./bellwether --version >/dev/null 2>&1 || return 0
    cat >&2 <<END
install.sh: this bellwether does not run here ($(uname -m)); nothing was changed. Take the tarball for this machine:
install.sh:   aarch64  64-bit Pi 3 and later          armv7   32-bit Pi 2 and later
install.sh:   arm      Pi 1, Zero                     x86_64  PCs
END
    exit 1
}

# OpenWrt's sysupgrade keeps what is listed, and nothing else that was added.
keep_over_upgrades() {
    [ -d "$DESTDIR/lib/upgrade" ] || return 0
    mkdir -p "$DESTDIR/lib/upgrade/keep.d"
    cat >"$DESTDIR/lib/upgrade/keep.d/bellwether" <<END
/etc/bellwether/
/etc/init.d/bellwether
/etc/rc.d/K05bellwether
/etc/rc.d/S95bellwether
/lib/upgrade/keep.d/bellwether
/usr/bin/bellwether
END
}

remove() {
    case $init in
    systemd) run systemctl disable --now bellwether.service ;;
    openrc) run rc-service bellwether stop && run rc-update del bellwether default ;;
    procd) run /etc/init.d/bellwether stop && run /etc/init.d/bellwether disable ;;
    esac || true
    rm -f "$DESTDIR/usr/bin/bellwether" "$DESTDIR/usr/lib/bellwether/unit-failed" "$DESTDIR/etc/init.d/bellwether" \
        "$DESTDIR/etc/systemd/system/bellwether.service" "$DESTDIR/etc/systemd/system/bellwether-onfailure@.service" \
        "$DESTDIR/usr/share/man/man1/bellwether.1" "$DESTDIR/usr/share/bash-completion/completions/bellwether" \
        "$DESTDIR/usr/share/zsh/vendor-completions/_bellwether" "$DESTDIR/usr/share/fish/vendor_completions.d/bellwether.fish" \
        "$DESTDIR/lib/upgrade/keep.d/bellwether"
    [ "$init" != systemd ] || run systemctl daemon-reload
    sync
    echo "removed; /etc/bellwether and the state are still there"
}

leave_to_dpkg
if [ "${1:-}" = --remove ]; then
    remove
    exit
fi

try_binary
make_user
put 755 bellwether /usr/bin/bellwether
put 644 bellwether.1 /usr/share/man/man1/bellwether.1
put 644 bellwether.bash /usr/share/bash-completion/completions/bellwether
put 644 bellwether.zsh /usr/share/zsh/vendor-completions/_bellwether
put 644 bellwether.fish /usr/share/fish/vendor_completions.d/bellwether.fish
# Secrets may stand in the config and beside it: root writes, the agent reads.
if [ ! -e "$DESTDIR/etc/bellwether/bellwether.toml" ]; then
    put 640 configs/default.toml /etc/bellwether/bellwether.toml
    run chown root:bellwether /etc/bellwether/bellwether.toml
fi
chmod 750 "$DESTDIR/etc/bellwether"
run chown root:bellwether /etc/bellwether
# procd's state lies beside the config.
if [ "$init" != procd ]; then
    # Where systemd would make it: it cannot on a root that has become read-only since.
    mkdir -p "$DESTDIR/var/lib/bellwether"
    chmod 700 "$DESTDIR/var/lib/bellwether"
    run chown bellwether:bellwether /var/lib/bellwether
fi

case $init in
systemd)
    put 755 unit-failed /usr/lib/bellwether/unit-failed
    command -v curl >/dev/null || echo "install.sh: there is no curl here: bellwether-onfailure@.service needs it" >&2
    put 644 bellwether.service /etc/systemd/system/bellwether.service
    put 644 bellwether-onfailure@.service /etc/systemd/system/bellwether-onfailure@.service
    run systemctl daemon-reload
    run systemctl enable bellwether.service
    run systemctl restart bellwether.service
    ;;
openrc)
    put 755 without/bellwether.openrc /etc/init.d/bellwether
    run rc-update add bellwether default
    run rc-service bellwether restart
    ;;
procd)
    put 755 without/bellwether.procd /etc/init.d/bellwether
    keep_over_upgrades
    run /etc/init.d/bellwether enable
    run /etc/init.d/bellwether restart
    ;;
none)
    echo "no init system that is known here; start it as the user bellwether with:"
    echo "    bellwether --config.file=/etc/bellwether/bellwether.toml --storage.path=/var/lib/bellwether"
    ;;
esac
# What is pulled out now boots with all of it.
sync
echo "installed; configure it in /etc/bellwether/bellwether.toml"

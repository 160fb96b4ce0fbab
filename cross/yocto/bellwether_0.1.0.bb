# A Yocto recipe of a binary that cross/build.sh has made. In local.conf:
#
#     BELLWETHER = "/path/to/bellwether"
#
# BitBake 2.19 with OpenEmbedded-Core of its time has run its tasks down to do_install, for 64-bit ARM. It has built no image with
# it. In this project's tests its step of installation runs by itself.

SUMMARY = "Alerting agent for gateways"
DESCRIPTION = "Takes alerts over Alertmanager's API, routes, groups, silences and inhibits them by Alertmanager's configuration, \
and notifies receivers."
SECTION = "net"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${BELLWETHER}/LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

inherit systemd useradd

# Nothing is fetched and nothing is compiled.
SRC_URI = ""
INHIBIT_DEFAULT_DEPS = "1"

BELLWETHER ?= ""
BELLWETHER_TARGET:aarch64 = "aarch64-unknown-linux-musl"
BELLWETHER_TARGET:armv7a = "armv7-unknown-linux-musleabihf"
BELLWETHER_TARGET:armv7ve = "armv7-unknown-linux-musleabihf"
BELLWETHER_TARGET:armv6 = "arm-unknown-linux-musleabihf"
BELLWETHER_TARGET:x86-64 = "x86_64-unknown-linux-musl"

SYSTEMD_SERVICE:${PN} = "bellwether.service"
USERADD_PACKAGES = "${PN}"
USERADD_PARAM:${PN} = "--system --home-dir /nonexistent --no-create-home --shell ${sbindir}/nologin --user-group bellwether"
RDEPENDS:${PN} = "ca-certificates curl"
RRECOMMENDS:${PN} = "tzdata"
# The binary is static and has no symbols.
INSANE_SKIP:${PN} += "already-stripped"
INHIBIT_PACKAGE_STRIP = "1"
FILES:${PN} += "${systemd_system_unitdir} ${nonarch_libdir}/bellwether"
CONFFILES:${PN} = "${sysconfdir}/bellwether/bellwether.toml"

do_install() {
    install -D -m 755 ${BELLWETHER}/target/cross/bellwether-${BELLWETHER_TARGET} ${D}${bindir}/bellwether
    install -D -m 755 ${BELLWETHER}/systemd/unit-failed ${D}${nonarch_libdir}/bellwether/unit-failed
    install -D -m 644 ${BELLWETHER}/systemd/bellwether.service ${D}${systemd_system_unitdir}/bellwether.service
    install -D -m 644 ${BELLWETHER}/systemd/bellwether-onfailure@.service ${D}${systemd_system_unitdir}/bellwether-onfailure@.service
    install -D -m 640 ${BELLWETHER}/configs/default.toml ${D}${sysconfdir}/bellwether/bellwether.toml
    # The agent reads it, and it may hold secrets.
    chown root:bellwether ${D}${sysconfdir}/bellwether/bellwether.toml
}

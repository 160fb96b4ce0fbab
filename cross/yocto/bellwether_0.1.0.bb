# A Yocto recipe of a binary that cross/build.sh has made. In local.conf:
#
#     BELLWETHER = "/path/to/bellwether"
#
# In this project's tests its steps run by themselves; it has not been run by BitBake.

SUMMARY = "Alerting agent for gateways"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${BELLWETHER}/LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

inherit systemd useradd

BELLWETHER ?= ""
BELLWETHER_TARGET:aarch64 = "aarch64-unknown-linux-musl"
BELLWETHER_TARGET:armv7a = "armv7-unknown-linux-musleabihf"
BELLWETHER_TARGET:armv7ve = "armv7-unknown-linux-musleabihf"
BELLWETHER_TARGET:armv6 = "arm-unknown-linux-musleabihf"
BELLWETHER_TARGET:x86-64 = "x86_64-unknown-linux-musl"

SYSTEMD_SERVICE:${PN} = "bellwether.service"
USERADD_PACKAGES = "${PN}"
USERADD_PARAM:${PN} = "--system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin --user-group bellwether"
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
}

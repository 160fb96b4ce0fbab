//! The network interfaces, as sysfs tells them, and addresses that they may get later.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;

use log::warn;
use socket2::Socket;

const UP: u32 = 0x1;
const LOOPBACK: u32 = 0x8;
const MULTICAST: u32 = 0x1000;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) index: u32,
}

/// Those that are up and can multicast, the loopback left out, by name. None where sysfs cannot be read.
pub(super) fn multicast() -> Vec<Interface> {
    let Ok(entries) = fs::read_dir("/sys/class/net") else { return Vec::new() };
    let mut found: Vec<_> = entries.flatten().filter_map(|entry| read(&entry.path())).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn read(folder: &Path) -> Option<Interface> {
    let name = folder.file_name()?.to_str()?.to_owned();
    let flags = fs::read_to_string(folder.join("flags")).ok()?;
    let index = fs::read_to_string(folder.join("ifindex")).ok()?;
    let index = index.trim_ascii().parse().ok()?;
    can_multicast(&flags)?.then_some(Interface { name, index })
}

/// `flags` is a number like `0x1003`.
fn can_multicast(flags: &str) -> Option<bool> {
    let flags = u32::from_str_radix(flags.trim_ascii().strip_prefix("0x")?, 16).ok()?;
    Some(flags & (UP | LOOPBACK | MULTICAST) == UP | MULTICAST)
}

/// Binds a socket that was asked for at `host`. An address that the machine does not have, as its network is not there yet,
/// is bound all the same: datagrams to it arrive once it has it. Not so where `host` is a name, which may have another
/// address that is there.
pub(super) fn bind(socket: &Socket, host: &str, address: SocketAddr) -> io::Result<()> {
    let may_come = host.parse::<IpAddr>().is_ok();
    match socket.bind(&address.into()) {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable && may_come => {}
        outcome => return outcome,
    }
    if address.is_ipv4() {
        socket.set_freebind_v4(true)?;
    } else {
        socket.set_freebind_v6(true)?;
    }
    socket.bind(&address.into())?;
    warn!(address:%; "this machine does not have the address to listen on: nothing is received there until it has");
    Ok(())
}

/// Whether this machine has the address now, at any port.
pub(super) fn has(mut address: SocketAddr) -> bool {
    address.set_port(0);
    UdpSocket::bind(address).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_its_loopback_and_no_address_of_documentation() {
        let has = |text: &str| has(text.parse().unwrap());
        assert!(has("127.0.0.1:9094") && !has("192.0.2.1:9094") && !has("[2001:db8::1]:9094"));
    }

    #[test]
    fn an_interface_must_be_up_and_able_to_multicast() {
        assert_eq!(can_multicast("0x1003\n"), Some(true));
        assert_eq!(can_multicast("0x1002\n"), Some(false));
        assert_eq!(can_multicast("0x9\n"), Some(false));
        assert_eq!(can_multicast("0x81\n"), Some(false));
        assert_eq!(can_multicast("eth0\n"), None);
    }
}

//! Listens to the kernel for links, addresses and routes that come: what is owed may be deliverable again.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use log::debug;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
use smol::channel::Sender;
use smol::{Async, Timer};

use crate::shell::Event;
use crate::wire::netlink::has_come;

/// Links, IPv4 addresses and routes, IPv6 addresses and routes.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/// Bytes that are read at a time; the kernel sends no larger messages of this kind.
const READ_BYTES: usize = 8 * 1024;
/// Messages that come together are one event: an address is followed by its routes, and needs a moment to work.
const SETTLE: Duration = Duration::from_secs(1);

/// A socket that hears what the kernel tells.
pub(super) fn listen() -> io::Result<Async<OwnedFd>> {
    let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
    // No protocol is that of routes: NETLINK_ROUTE is 0.
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
    Async::new(socket)
}

/// Sends an event whenever something has come, once for all that comes within a moment.
pub(super) async fn send(socket: Async<OwnedFd>, events: Sender<Event>) {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = |socket: &OwnedFd| {
            let (length, _) = recv(socket, buffer.as_mut_slice(), RecvFlags::empty())?;
            Ok(length)
        };
        let is_news = match socket.read_with(read).await {
            Ok(length) => has_come(buffer.get(..length).unwrap_or_default()),
            // Too much has come: something among it surely.
            Err(error)
                if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) =>
            {
                true
            }
            Err(error) => {
                debug!("the kernel tells nothing more of links: {error}");
                return;
            }
        };
        if is_news {
            Timer::after(SETTLE).await;
            if events.send(Event::Link).await.is_err() {
                return;
            }
        }
    }
}

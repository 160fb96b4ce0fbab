//! Listening sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs as _};

use socket2::{Domain, Socket, Type};

use crate::config::settings::Address;
use crate::limits::HTTP_BACKLOG_MAX;
use crate::shell::interfaces;

/// Listens on the first address of a name that can be had.
pub(super) fn bind(asked: &Address) -> io::Result<TcpListener> {
    let addresses: Vec<SocketAddr> = if asked.host.is_empty() {
        vec![(Ipv6Addr::UNSPECIFIED, asked.port).into(), (Ipv4Addr::UNSPECIFIED, asked.port).into()]
    } else {
        (&*asked.host, asked.port).to_socket_addrs()?.collect()
    };
    let mut outcome = Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    for address in addresses {
        outcome = listen(&asked.host, address);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn listen(host: &str, address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    interfaces::bind(&socket, host, address)?;
    socket.listen(HTTP_BACKLOG_MAX)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    #[test]
    fn hundreds_of_connections_wait_to_be_accepted() {
        let kernels = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        let most = HTTP_BACKLOG_MAX.min(kernels.trim().parse().unwrap());
        let listener = bind(&Address { host: "127.0.0.1".to_owned(), port: 0 }).unwrap();
        let address = listener.local_addr().unwrap();
        // More than the 128 of other programs, and fewer than a process may have files.
        let waiting: Vec<_> = (0..most.min(300))
            .map(|_| TcpStream::connect_timeout(&address, Duration::from_secs(30)).unwrap())
            .collect();
        assert!(waiting.iter().all(|it| it.peer_addr().is_ok()));
    }
}

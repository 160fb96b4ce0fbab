//! Listening sockets: TCP, Unix, and those that systemd has passed.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use rustix::fs::{AtFlags, CWD, Gid, chownat};
use smol::Async;
use socket2::{Domain, Socket, Type};

use crate::config::settings::{Address, Listener};
use crate::limits::HTTP_BACKLOG_MAX;
use crate::shell::interfaces;

/// A socket that listens.
#[derive(Debug)]
pub(super) enum ListenSocket {
    Tcp(Async<TcpListener>),
    /// Its path is the agent's own, unless systemd has passed it.
    Unix(
        Async<UnixListener>,
        #[expect(dead_code, reason = "it is there to be dropped")] Option<OwnPath>,
    ),
}

impl ListenSocket {
    /// The next connection. One of a Unix socket is told apart by [`Self::is_unix`] alone: its calls are the same, but
    /// the other end has no address.
    pub(super) async fn accept(&self) -> io::Result<Async<TcpStream>> {
        match self {
            Self::Tcp(listener) => Ok(listener.accept().await?.0),
            Self::Unix(listener, _) => {
                let stream: UnixStream = listener.accept().await?.0.into_inner()?;
                Async::new(TcpStream::from(OwnedFd::from(stream)))
            }
        }
    }

    /// Whether TLS has no place here: the file's permissions say which users may connect.
    pub(super) const fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(..))
    }
}

/// The path of a socket, which is removed with it.
#[derive(Debug)]
pub(super) struct OwnPath(PathBuf);

impl Drop for OwnPath {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        fs::remove_file(&self.0).ok();
    }
}

/// The sockets that systemd has passed to this process, and where each listens. They are its to make, so none is an error.
pub(super) fn passed() -> io::Result<Vec<(ListenSocket, String)>> {
    let mut passed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for at in 0..passed.len() {
        let socket = if let Ok(Some(listener)) = passed.take_tcp_listener(at) {
            let place = listener.local_addr()?.to_string();
            (ListenSocket::Tcp(Async::new(listener)?), place)
        } else if let Ok(Some(listener)) = passed.take_unix_listener(at) {
            let address = listener.local_addr()?;
            let place = address
                .as_pathname()
                .map_or("unix:".to_owned(), |path| Listener::Unix(path.to_owned()).to_string());
            (ListenSocket::Unix(Async::new(listener)?, None), place)
        } else {
            let text = format!(
                "the socket of number {at} is neither TCP nor a Unix stream: write ListenStream="
            );
            return Err(odd(text));
        };
        sockets.push(socket);
    }
    if sockets.is_empty() {
        return Err(odd(
            "no socket was passed: start the agent by a socket unit, or leave the flag out",
        ));
    }
    Ok(sockets)
}

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

/// Listens on a Unix socket whose permissions and group are these; an empty group is the agent's own. One that a process
/// left behind is replaced; anything else at its place is an error.
pub(super) fn listen_unix(path: &Path, mode: u32, group: &str) -> io::Result<ListenSocket> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(odd(
                "there is something else than a socket: remove it, or choose another path",
            ));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(odd("another process listens there: stop it first"));
        }
        Ok(_) => fs::remove_file(path)?,
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    let own = OwnPath(path.to_owned());
    // Until the mode is set, the usual umask lets nobody else connect.
    if !group.is_empty() {
        let gid = group_id(group).ok_or_else(|| odd(format!("there is no group {group:?}")))?;
        chownat(CWD, path, None, Some(Gid::from_raw(gid)), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(ListenSocket::Unix(Async::new(listener)?, Some(own)))
}

fn odd(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, why.into())
}

/// A group's number: the one it is, or the one that /etc/group has for its name.
fn group_id(group: &str) -> Option<u32> {
    group.parse().ok().or_else(|| find_group(&fs::read_to_string("/etc/group").ok()?, group))
}

fn find_group(groups: &str, wanted: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(wanted)).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::MetadataExt as _;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_group_is_a_number_or_a_name() {
        let groups = "root:x:0:\nadm:x:4:ann,bob\nodd\nalerting:x:123:";
        assert_eq!(find_group(groups, "alerting"), Some(123));
        assert_eq!(find_group(groups, "adm"), Some(4));
        assert_eq!(find_group(groups, "odd"), None);
        assert_eq!(group_id("42"), Some(42));
    }

    #[test]
    fn a_unix_socket_has_its_mode_and_replaces_only_what_was_left_behind() {
        let path = std::env::temp_dir().join(format!("bellwether-link-{}", std::process::id()));
        let why = |path: &Path| listen_unix(path, 0o600, "").unwrap_err().to_string();
        fs::write(&path, "precious").unwrap();
        assert!(why(&path).contains("something else than a socket"));
        fs::remove_file(&path).unwrap();
        // Left behind: its listener is gone.
        drop(UnixListener::bind(&path).unwrap());
        // Another group than a socket has without being given one, where this user may give one.
        let own = rustix::process::getegid();
        let others = rustix::process::getgroups().unwrap();
        let other = others.into_iter().find(|group| *group != own).unwrap_or(own);
        let is_root = rustix::process::geteuid().is_root();
        let gid = if is_root { own.as_raw() + 1 } else { other.as_raw() };
        let socket = listen_unix(&path, 0o620, &gid.to_string()).unwrap();
        let made = fs::metadata(&path).unwrap();
        assert_eq!((made.permissions().mode() & 0o777, made.gid()), (0o620, gid));
        assert!(why(&path).contains("another process listens there"));
        let mut client = UnixStream::connect(&path).unwrap();
        // The one of the look, which is gone, and ours.
        smol::block_on(socket.accept()).unwrap();
        let served = smol::block_on(socket.accept()).unwrap();
        assert!(socket.is_unix());
        client.write_all(b"x").unwrap();
        let mut byte = [0];
        smol::block_on(served.readable()).unwrap();
        assert_eq!((served.get_ref().read(&mut byte).unwrap(), byte), (1, *b"x"));
        drop(socket);
        assert!(!path.exists());
        assert!(
            listen_unix(&path, 0o600, "no such group")
                .unwrap_err()
                .to_string()
                .contains("no group")
        );
        assert!(!path.exists());
    }

    #[test]
    fn hundreds_of_connections_wait_to_be_accepted() {
        let kernels = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
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

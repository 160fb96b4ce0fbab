//! Connections of what is not HTTP: plain, or with TLS around them.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use smol::Timer;
use smol::io::{AsyncRead, AsyncWrite};

use crate::config::Tls;
use crate::limits::CONNECT_TIME_MAX;
use crate::shell::notifier::http::connection;
use crate::shell::socket::SharedSocket;
use crate::shell::tls::Clients;

/// A connection.
pub(super) type Stream = Box<dyn Io>;

/// The operations of a connection.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

/// Connects to a host; the error names it.
pub(super) async fn connect(host: &str, port: u16) -> Result<Stream, String> {
    let stream = connection::connect(host, port).await.map_err(|error| error.to_string())?;
    Ok(Box::new(SharedSocket(Rc::new(stream))))
}

/// The first address of a host.
pub(super) async fn address(host: &str, port: u16) -> Result<SocketAddr, String> {
    let found = in_time(CONNECT_TIME_MAX, connection::look_up(host.to_owned(), port)).await;
    let first = found.map_err(|error| format!("looking up {host}: {error}"))?.first().copied();
    first.ok_or_else(|| format!("looking up {host}: the name has no address"))
}

/// Puts TLS around a connection, within the time of a reply.
pub(super) async fn encrypt(
    stream: Stream,
    clients: &Clients,
    tls: &Tls,
    host: &str,
) -> Result<Stream, String> {
    let agreed = async {
        match clients.connect(tls, host, stream).await {
            Ok(stream) => Ok(Box::new(stream) as Stream),
            Err(error) => Err(error.to_string()),
        }
    };
    let late = async {
        Timer::after(CONNECT_TIME_MAX).await;
        Err(format!("TLS with {host}: nothing heard within {CONNECT_TIME_MAX:?}"))
    };
    smol::future::or(agreed, late).await
}

/// A step that takes no longer than this.
pub(super) async fn in_time<T>(
    time: Duration,
    step: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    smol::future::or(step, async {
        Timer::after(time).await;
        let why = format!("nothing heard within {time:?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    })
    .await
}

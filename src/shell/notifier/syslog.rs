//! One message to a syslog server. Datagrams are not acknowledged, and neither is what goes over a connection: sent is
//! delivered, as far as the protocol knows.

use std::io;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;

use smol::Async;
use smol::io::AsyncWriteExt as _;

use crate::config::Tls;
use crate::limits::CONNECT_TIME_MAX;
use crate::notify::{Syslog, Target};
use crate::shell::notifier::stream::{self, in_time};
use crate::shell::socket::note_moved;
use crate::shell::tls::Clients;

/// Sends a message.
pub(super) async fn send(syslog: Syslog, clients: &Clients) -> Result<(), String> {
    let message = syslog.message.as_bytes();
    match &syslog.target {
        Target::Udp(host, port) => {
            let address = stream::address(host, *port).await?;
            let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let sent = async {
                let socket = Async::<UdpSocket>::try_from(UdpSocket::bind(any)?)?;
                note_moved(message.len());
                socket.send_to(message, address).await
            };
            in_time(CONNECT_TIME_MAX, sent).await.map_err(|error| format!("{host}: {error}"))?;
        }
        Target::Unix(path) => {
            let sent = async {
                let socket = Async::<UnixDatagram>::unbound()?;
                socket.get_ref().connect(path)?;
                socket.send(message).await
            };
            in_time(CONNECT_TIME_MAX, sent).await.map_err(|error| format!("{path}: {error}"))?;
        }
        Target::Tcp(host, port) => stream(host, *port, None, message).await?,
        Target::Tls(host, port, tls) => stream(host, *port, Some((clients, tls)), message).await?,
    }
    Ok(())
}

/// The message behind its length (RFC 6587, section 3.4.1).
async fn stream(
    host: &str,
    port: u16,
    tls: Option<(&Clients, &Tls)>,
    message: &[u8],
) -> Result<(), String> {
    let mut stream = stream::connect(host, port).await?;
    if let Some((clients, tls)) = tls {
        stream = stream::encrypt(stream, clients, tls, host).await?;
    }
    let sent = async {
        stream.write_all(format!("{} ", message.len()).as_bytes()).await?;
        stream.write_all(message).await?;
        stream.flush().await?;
        stream.close().await
    };
    in_time(CONNECT_TIME_MAX, sent).await.map_err(|error: io::Error| format!("{host}: {error}"))
}

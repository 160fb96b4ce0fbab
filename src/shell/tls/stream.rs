//! A stream with TLS around it: rustls's connection between two asynchronous ends.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read as _, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection};
use smol::io::{AsyncRead, AsyncWrite};

use super::{Error, Refusal};
use crate::limits::TLS_WRITE_BYTES_MAX;

/// An agreed TLS connection over `S`.
pub(in crate::shell) struct TlsStream<S> {
    io: S,
    connection: Connection,
    host: String,
}

impl<S> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Agrees on TLS over `io`.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    config: Arc<ClientConfig>,
    server: ServerName<'static>,
    host: &str,
    io: S,
) -> Result<TlsStream<S>, Error> {
    let refused = |error: &rustls::Error| Error::Refused(host.to_owned(), Refusal::from(error));
    let connection = ClientConnection::new(config, server).map_err(|error| refused(&error))?;
    let mut stream = TlsStream::new(io, Connection::Client(connection), host.to_owned());
    poll_fn(|cx| stream.poll_handshake(cx)).await.map_err(|error| match refusal(&error) {
        Some(refusal) => Error::Refused(host.to_owned(), refusal),
        None => Error::Io(host.to_owned(), error),
    })?;
    Ok(stream)
}

/// The refusal inside an error of a stream, if that is what it is.
fn refusal(error: &io::Error) -> Option<Refusal> {
    error.get_ref()?.downcast_ref().cloned()
}

/// Sends what waits to be sent.
pub(super) fn poll_send<S: AsyncWrite + Unpin>(
    connection: &mut Connection,
    io: &mut S,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while connection.wants_write() {
        let mut end = End { io, cx };
        match connection.write_tls(&mut end) {
            Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            outcome => outcome?,
        };
    }
    Poll::Ready(Ok(()))
}

/// Reads what the other side has sent, without looking at it; how many bytes there were.
pub(super) fn poll_receive<S: AsyncRead + Unpin>(
    connection: &mut Connection,
    io: &mut S,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut end = End { io, cx };
    match connection.read_tls(&mut end) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        outcome => Poll::Ready(outcome),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// A stream whose two sides agree, or are about to.
    pub(super) fn new(io: S, mut connection: Connection, host: String) -> Self {
        connection.set_buffer_limit(Some(TLS_WRITE_BYTES_MAX));
        Self { io, connection, host }
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_send(cx))?;
            if !self.connection.is_handshaking() {
                return Pin::new(&mut self.io).poll_flush(cx);
            }
            if ready!(self.poll_receive(cx))? == 0 {
                let why = "the connection was closed before TLS was agreed on";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, why)));
            }
        }
    }

    /// Sends what waits to be sent.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_send(&mut self.connection, &mut self.io, cx)
    }

    /// Reads what the other side has sent, and what it means; how many bytes there were.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let count = ready!(poll_receive(&mut self.connection, &mut self.io, cx))?;
        if let Err(error) = self.connection.process_new_packets() {
            // The other side is told why, if that can be said at once.
            drop(self.poll_send(cx));
            let refusal = Refusal::from(&error);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, refusal)));
        }
        Poll::Ready(Ok(count))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Many close without saying goodbye; HTTP itself says where an answer ends.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Ok(0));
                }
                outcome => return Poll::Ready(outcome),
            }
            // Answers to what was received, such as key updates, are in nobody's way.
            if let Poll::Ready(Err(error)) = self.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
            ready!(self.poll_receive(cx))?;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let count = self.connection.writer().write(bytes)?;
            if let Poll::Ready(Err(error)) = self.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
            if count > 0 || bytes.is_empty() {
                return Poll::Ready(Ok(count));
            }
            // The buffer was full: room comes with what is sent.
            ready!(self.poll_send(cx))?;
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.send_close_notify();
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.io).poll_close(cx)
    }
}

/// The asynchronous end as rustls wants it: what would wait is an error.
struct End<'a, 'b, S> {
    io: &'a mut S,
    cx: &'a mut Context<'b>,
}

fn at_once<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl<S: AsyncRead + Unpin> io::Read for End<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        at_once(Pin::new(&mut *self.io).poll_read(self.cx, buffer))
    }
}

impl<S: AsyncWrite + Unpin> io::Write for End<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        at_once(Pin::new(&mut *self.io).poll_write(self.cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        at_once(Pin::new(&mut *self.io).poll_flush(self.cx))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::config::Tls;
    use crate::shell::tls::Clients;

    /// The other side reads nothing and says nothing.
    struct Stuck;

    impl AsyncRead for Stuck {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Stuck {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[test]
    fn so_many_bytes_wait_inside_a_connection_and_no_more() {
        let tls = Tls { insecure_skip_verify: true, ..Tls::default() };
        let config = smol::block_on(Clients::default().client(&tls)).unwrap();
        let server = ServerName::try_from("x.example").unwrap();
        let connection = Connection::Client(ClientConnection::new(config, server).unwrap());
        let mut stream = TlsStream::new(Stuck, connection, String::new());
        let mut cx = Context::from_waker(Waker::noop());
        let mut taken = 0;
        while let Poll::Ready(count) = Pin::new(&mut stream).poll_write(&mut cx, &[7; 1000]) {
            taken += count.unwrap();
        }
        assert_eq!(taken, TLS_WRITE_BYTES_MAX);
    }
}

//! One connection: a socket, TLS around it or not, and one request and answer at a time.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use rustix::net::sockopt::set_tcp_user_timeout;
use smol::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use smol::lock::Semaphore;
use smol::{Async, Timer};

use super::{Error, Taken};
use crate::config::Tls;
use crate::limits::{
    ANSWER_REST_TIME_MAX, ATTEMPTS_MAX, CONNECT_TIME_MAX, KEPT_SILENCE_MAX, SENT_BYTES_AT_ONCE,
};
use crate::model::Url;
use crate::shell::socket::SharedSocket;
use crate::shell::tls::Clients;
use crate::wire::http1::{HttpAnswer, HttpReader, NoAnswer};

/// Both directions of a stream.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// A connection to a receiver or a proxy.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    socket: Rc<Async<TcpStream>>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// Why there was no answer.
pub(super) struct Broken {
    /// Whether the connection broke before any byte of an answer.
    pub(super) before_any_byte: bool,
    why: String,
}

impl Broken {
    pub(super) fn error(self, target: &Url) -> Error {
        Error::Talk(target.authority(), self.why)
    }

    /// As a proxy's error.
    pub(super) fn why(self) -> String {
        self.why
    }
}

impl Connection {
    pub(super) async fn open(host: &str, port: u16) -> Result<Self, Error> {
        let socket = Rc::new(connect(host, port).await?);
        Ok(Self { stream: Box::new(SharedSocket(Rc::clone(&socket))), socket })
    }

    /// The same with TLS around it.
    pub(super) async fn with_tls(
        self,
        clients: &Clients,
        tls: &Tls,
        host: &str,
    ) -> Result<Self, Error> {
        let stream = Box::new(clients.connect(tls, host, self.stream).await?);
        Ok(Self { stream, ..self })
    }

    /// The stream itself, for what is said before HTTP.
    pub(super) fn stream(&mut self) -> &mut (impl AsyncRead + AsyncWrite + Unpin + use<>) {
        &mut self.stream
    }

    /// Whether it is still open and nothing came that nobody asked for.
    pub(super) async fn is_idle(&mut self) -> bool {
        smol::future::poll_once(self.stream.read(&mut [0])).await.is_none()
    }

    /// Notices soon that the other side is gone, though it has not said so.
    pub(super) fn expect_life(&self) {
        let ms = u32::try_from(KEPT_SILENCE_MAX.as_millis()).unwrap_or(u32::MAX);
        // Where the system does not know this, the attempt's own time has to do.
        set_tcp_user_timeout(&*self.socket, ms).ok();
    }

    /// Sends a request, the second part behind the first, and reads its answer: all of it, or what comes in a short while
    /// after its status line.
    pub(super) async fn talk(
        &mut self,
        request: [&[u8]; 2],
        taken: &Taken,
    ) -> Result<HttpAnswer, Broken> {
        self.talk_with(HttpReader::default(), request, taken).await
    }

    /// Sends a `CONNECT` request: after its answer the connection belongs to what is connected.
    pub(super) async fn ask(&mut self, request: &[u8]) -> Result<HttpAnswer, Broken> {
        self.talk_with(HttpReader::of_connect(), [request, &[]], &Taken::default()).await
    }

    async fn talk_with(
        &mut self,
        reader: HttpReader,
        [request, rest_of_request]: [&[u8]; 2],
        taken: &Taken,
    ) -> Result<HttpAnswer, Broken> {
        let mut talk = Talk {
            stream: &mut self.stream,
            socket: &self.socket,
            request,
            rest_of_request,
            reader,
            // Most answers are smaller, and what the allocator needs once it keeps.
            buffer: vec![0; 4096],
            rest: Timer::never(),
            any_byte: false,
            write_error: None,
        };
        let closed = poll_fn(|cx| talk.poll(cx, taken)).await;
        let Talk { request, rest_of_request, reader, any_byte, write_error, .. } = talk;
        let before_any_byte = !any_byte;
        let broken = |why| Broken { before_any_byte, why };
        let closed = closed.map_err(|error| match (error, write_error) {
            (Fault::Io(error), None) | (_, Some(error)) => broken(error.to_string()),
            (Fault::Answer(why), None) => broken(said(why).to_owned()),
        })?;
        let mut answer = reader.finish(closed).map_err(|why| broken(said(why).to_owned()))?;
        if !request.is_empty() || !rest_of_request.is_empty() {
            answer.keep = None;
        }
        Ok(answer)
    }
}

const fn said(why: NoAnswer) -> &'static str {
    match why {
        NoAnswer::Closed => "the connection was closed without an answer",
        NoAnswer::NotHttp => "what answers there is not HTTP; if it speaks TLS, write https://",
    }
}

/// A connection did not answer. The request may have been received.
enum Fault {
    Io(io::Error),
    Answer(NoAnswer),
}

/// A request on its way and its answer.
struct Talk<'a> {
    stream: &'a mut Box<dyn Stream>,
    socket: &'a Async<TcpStream>,
    /// The bytes still to be sent.
    request: &'a [u8],
    /// And behind that.
    rest_of_request: &'a [u8],
    reader: HttpReader,
    buffer: Vec<u8>,
    /// Set once the status is known: how long to wait for the rest.
    rest: Timer,
    any_byte: bool,
    write_error: Option<io::Error>,
}

impl Talk<'_> {
    /// Done when the answer is whole, or as whole as it gets: whether the connection has ended.
    fn poll(&mut self, cx: &mut Context<'_>, taken: &Taken) -> Poll<Result<bool, Fault>> {
        self.send(cx);
        loop {
            let read = Pin::new(&mut *self.stream).poll_read(cx, &mut self.buffer);
            let count = match read {
                Poll::Ready(Ok(count)) => count,
                Poll::Ready(Err(_)) if self.reader.status().is_some() => 0,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Fault::Io(error))),
                Poll::Pending => {
                    ready!(Pin::new(&mut self.rest).poll(cx));
                    // The status is known, and nothing more comes.
                    return Poll::Ready(Ok(true));
                }
            };
            if count == 0 {
                return Poll::Ready(Ok(true));
            }
            self.any_byte = true;
            let fed = self.reader.feed(self.buffer.get(..count).unwrap_or_default());
            if fed.map_err(Fault::Answer)? {
                self.note(taken);
                return Poll::Ready(Ok(false));
            }
            self.note(taken);
        }
    }

    fn note(&mut self, taken: &Taken) {
        let Some(status) = self.reader.status() else { return };
        if !self.rest.will_fire() {
            self.rest.set_after(ANSWER_REST_TIME_MAX);
        }
        if status / 100 == 2 {
            taken.set(Some(status));
        }
    }

    /// Sends what can be sent, but no more than [`SENT_BYTES_AT_ONCE`]: others have their turn before the rest. A failure here
    /// may have been answered all the same.
    fn send(&mut self, cx: &mut Context<'_>) {
        let mut sent = Poll::Ready(Ok(()));
        let mut left = SENT_BYTES_AT_ONCE;
        while self.write_error.is_none() {
            if self.request.is_empty() {
                self.request = std::mem::take(&mut self.rest_of_request);
            }
            if self.request.is_empty() {
                break;
            }
            if left == 0 && self.socket.poll_writable(cx).is_pending() {
                return;
            }
            let piece = self.request.get(..SENT_BYTES_AT_ONCE).unwrap_or(self.request);
            match Pin::new(&mut *self.stream).poll_write(cx, piece) {
                Poll::Ready(Ok(count)) if count > 0 => {
                    left = left.saturating_sub(count);
                    self.request = self.request.get(count..).unwrap_or_default();
                }
                Poll::Ready(Ok(_)) => sent = Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Err(error)) => sent = Poll::Ready(Err(error)),
                Poll::Pending => return,
            }
            if let Poll::Ready(Err(error)) = sent {
                self.write_error = Some(error);
                return;
            }
        }
        if self.write_error.is_none()
            && let Poll::Ready(Err(error)) = Pin::new(&mut *self.stream).poll_flush(cx)
        {
            self.write_error = Some(error);
        }
    }
}

/// Opens a socket to the first address of a host that takes it.
pub(in crate::shell::notifier) async fn connect(
    host: &str,
    port: u16,
) -> Result<Async<TcpStream>, Error> {
    let addresses = in_time(look_up(host.to_owned(), port))
        .await
        .map_err(|error| Error::Resolve(host.to_owned(), error))?;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match in_time(socket_to(address)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Err(Error::Connect(format!("{host}:{port}"), failure))
}

/// The addresses of a host. A look-up whose attempt has ended runs on until the system gives up, and keeps its place.
pub(in crate::shell::notifier) async fn look_up(
    host: String,
    port: u16,
) -> io::Result<Vec<SocketAddr>> {
    static PLACES: Semaphore = Semaphore::new(ATTEMPTS_MAX);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::from((address, port))]);
    }
    let place = PLACES.acquire().await;
    blocking::unblock(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        drop(place);
        found
    })
    .await
}

/// A network that swallows everything must not take the time of the whole attempt.
async fn in_time<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    smol::future::or(step, async {
        Timer::after(CONNECT_TIME_MAX).await;
        let why = format!("nothing heard within {CONNECT_TIME_MAX:?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    })
    .await
}

async fn socket_to(address: SocketAddr) -> io::Result<Async<TcpStream>> {
    let stream = Async::<TcpStream>::connect(address).await?;
    stream.get_ref().set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::TcpListener;
    use std::task::Waker;

    use super::*;

    /// Takes whatever it is given, and counts.
    struct Taker(Rc<Cell<usize>>);

    impl AsyncRead for Taker {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Taker {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.set(self.0.get() + bytes.len());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_large_request_is_sent_in_pieces() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = Async::new(socket).unwrap();
        let sent = Rc::new(Cell::new(0));
        let mut stream: Box<dyn Stream> = Box::new(Taker(Rc::clone(&sent)));
        let body = vec![0; 10 * SENT_BYTES_AT_ONCE];
        let mut talk = Talk {
            stream: &mut stream,
            socket: &socket,
            request: b"head",
            rest_of_request: &body,
            reader: HttpReader::default(),
            buffer: Vec::new(),
            rest: Timer::never(),
            any_byte: false,
            write_error: None,
        };
        talk.send(&mut Context::from_waker(Waker::noop()));
        assert_eq!(sent.get(), 4 + SENT_BYTES_AT_ONCE);
        let whole = smol::block_on(poll_fn(|cx| {
            talk.send(cx);
            let is_all = talk.request.is_empty() && talk.rest_of_request.is_empty();
            if is_all { Poll::Ready(sent.get()) } else { Poll::Pending }
        }));
        assert_eq!(whole, 4 + body.len());
    }
}

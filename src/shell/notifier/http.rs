//! One HTTP request to a receiver, over a connection of its own. No error says more of a URL than its host.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    AUTHORIZATION, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue,
    LOCATION, USER_AGENT,
};
use hyper::http::response::Parts;
use hyper::{Method, Request, StatusCode};
use smol::lock::Semaphore;
use smol::{Async, Timer};
use smol_hyper::rt::FuturesIo;

use crate::config::{Authorization, Secret};
use crate::limits::{ATTEMPTS_MAX, CONNECT_TIME_MAX, REDIRECTS_MAX, REPLY_BYTES_MAX};
use crate::model::url::{Scheme, UrlError, UserInfo};
use crate::model::{Url, base64};
use crate::notify::{HttpRequest, Part, Text};
use crate::shell::secrets;

const AGENT: &str = concat!("Bellwether/", env!("CARGO_PKG_VERSION"));

/// Why no answer came.
#[derive(Debug)]
pub(super) enum Error {
    /// The file of a secret was not read.
    Secret(secrets::Error),
    /// The URL is none that we can use.
    Url(UrlError),
    /// Only http is spoken.
    Scheme,
    /// A header's name or value cannot be sent: its name.
    Header(String),
    /// A host's name was not resolved.
    Resolve(String, io::Error),
    /// No connection to a host.
    Connect(String, io::Error),
    /// The conversation with a host broke.
    Http(String, hyper::Error),
    /// A redirect was one too many or led nowhere.
    Redirect(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(error) => error.fmt(f),
            Self::Url(why) => write!(f, "the URL cannot be used: {why}"),
            Self::Scheme => f.write_str("this version does not speak https"),
            Self::Header(name) => write!(f, "header {name:?} cannot be sent as configured"),
            Self::Resolve(host, error) => write!(f, "looking up {host}: {error}"),
            Self::Connect(host, error) => write!(f, "connecting to {host}: {error}"),
            Self::Http(host, error) => write!(f, "talking to {host}: {error}"),
            Self::Redirect(why) => write!(f, "following a redirect: {why}"),
        }
    }
}

/// Sends a request, follows redirects if that is asked for, and returns the status and the beginning of the body.
pub(super) async fn send(request: HttpRequest) -> Result<(u16, String), Error> {
    let mut target = target(&request.url).await?;
    let mut headers = headers(&request, target.user()).await?;
    let mut method = Method::try_from(request.method).unwrap_or_default();
    let mut body = Bytes::from(written(&request.body).await?);
    for _ in 0..=REDIRECTS_MAX {
        let (head, text) = exchange(&target, method.clone(), &headers, body.clone()).await?;
        let status = head.status;
        let follows = request.http.follow_redirects && status.is_redirection();
        let next = head.headers.get(LOCATION).filter(|_| follows);
        let Some(next) = next else { return Ok((status.as_u16(), text)) };
        let next = target.join(&String::from_utf8_lossy(next.as_bytes())).map_err(Error::Url)?;
        if next.host() != target.host() {
            forget_secrets(&mut headers);
        }
        target = next;
        if !matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
            // As Go does, and browsers: only these two repeat the body.
            method = Method::GET;
            body = Bytes::new();
            headers.remove("content-type");
        }
    }
    Err(Error::Redirect("too many"))
}

/// Opens a connection to where requests to `url` go, and closes it.
pub(super) async fn look(url: &Text) -> Result<(), Error> {
    connect(&target(url).await?).await.map(drop)
}

async fn target(url: &Text) -> Result<Url, Error> {
    let url = Url::parse(&written(url).await?).map_err(Error::Url)?;
    if url.scheme() == Scheme::Http { Ok(url) } else { Err(Error::Scheme) }
}

/// The text with its secrets filled in.
async fn written(text: &Text) -> Result<String, Error> {
    let mut whole = String::new();
    for part in text.parts() {
        match part {
            Part::Plain(text) => whole.push_str(text),
            Part::Secret(secret, escape) => whole.push_str(&escape.apply(&read(secret).await?)),
        }
    }
    Ok(whole)
}

/// One request, the head of its answer and the beginning of the body.
async fn exchange(
    target: &Url,
    method: Method,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<(Parts, String), Error> {
    let failed = |error| Error::Http(target.host().to_owned(), error);
    let stream = FuturesIo::new(connect(target).await?);
    let (mut sender, connection) =
        http1::Builder::new().title_case_headers(true).handshake(stream).await.map_err(failed)?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = target.path().parse().map_err(|_| Error::Url(UrlError::Host))?;
    *request.headers_mut() = headers.clone();
    let host = HeaderValue::try_from(target.authority()).map_err(|_| Error::Url(UrlError::Host))?;
    request.headers_mut().insert(HOST, host);
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let talk = async {
        let (head, body) = sender.send_request(request).await.map_err(failed)?.into_parts();
        Ok((head, beginning(body).await))
    };
    // The connection moves the bytes of the talk; what ends it, the talk hears too.
    let carry = async {
        connection.await.ok();
        std::future::pending().await
    };
    smol::future::or(talk, carry).await
}

/// The one place where TLS will be put around the stream.
async fn connect(target: &Url) -> Result<Async<TcpStream>, Error> {
    let addresses = in_time(look_up(target.host().to_owned(), target.port()))
        .await
        .map_err(|error| Error::Resolve(target.host().to_owned(), error))?;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match in_time(stream_to(address)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(Error::Connect(target.authority(), failure))
}

/// The addresses of a host. A look-up whose attempt has ended runs on until the system gives up, and keeps its place.
async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
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

async fn stream_to(address: SocketAddr) -> io::Result<Async<TcpStream>> {
    let stream = Async::<TcpStream>::connect(address).await?;
    stream.get_ref().set_nodelay(true)?;
    Ok(stream)
}

/// What of a body is worth a line in the log; an answer that breaks off is an answer.
async fn beginning(mut body: Incoming) -> String {
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let data = frame.data_ref().map_or(&[][..], |data| data);
        let room = REPLY_BYTES_MAX - bytes.len();
        bytes.extend_from_slice(data.get(..room).unwrap_or(data));
        if bytes.len() >= REPLY_BYTES_MAX {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn headers(request: &HttpRequest, user: Option<&UserInfo>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let text = written(value).await?;
        let value = if value.has_secrets() { secret(&text) } else { HeaderValue::try_from(text) };
        insert(&mut headers, name, value)?;
    }
    let authorization = match &request.http.authorization {
        Authorization::None | Authorization::OAuth2(_) => {
            user.map(|user| basic(&user.name, &user.password))
        }
        Authorization::Basic { username, password } => {
            Some(basic(&read(username).await?, &read(password).await?))
        }
        Authorization::Scheme(scheme, credentials) => {
            Some(format!("{scheme} {}", read(credentials).await?))
        }
    };
    if let Some(text) = authorization {
        insert(&mut headers, AUTHORIZATION.as_str(), secret(&text))?;
    }
    for (name, value) in &request.http.headers {
        insert(&mut headers, name, secret(&read(value).await?))?;
    }
    Ok(headers)
}

fn insert(
    headers: &mut HeaderMap,
    name: &str,
    value: Result<HeaderValue, InvalidHeaderValue>,
) -> Result<(), Error> {
    match (HeaderName::try_from(name), value) {
        (Ok(known), Ok(value)) => headers.append(known, value),
        _ => return Err(Error::Header(name.to_owned())),
    };
    Ok(())
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::encode(format!("{user}:{password}").as_bytes()))
}

/// A value that is for one host alone.
fn secret(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::try_from(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Leaves out what is not for another host. As in Go a host is one whatever the port.
fn forget_secrets(headers: &mut HeaderMap) {
    let secrets = headers.iter().filter(|(_, value)| value.is_sensitive());
    let names: Vec<HeaderName> = secrets.map(|(name, _)| name.clone()).collect();
    for name in names {
        headers.remove(name);
    }
}

async fn read(secret: &Secret) -> Result<String, Error> {
    secrets::read(secret).await.map_err(Error::Secret)
}

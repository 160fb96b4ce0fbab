//! One HTTP request to a receiver, over a connection of its own. No error says more of a URL than its host.

use std::fmt::{self, Write as _};
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
use hyper::{Method, Request, StatusCode, Uri};
use smol::lock::Semaphore;
use smol::{Async, Timer};
use smol_hyper::rt::FuturesIo;

use crate::config::Secret;
use crate::limits::{ATTEMPTS_MAX, CONNECT_TIME_MAX, REDIRECTS_MAX, REPLY_BYTES_MAX};
use crate::notify::{self, HttpRequest};
use crate::shell::secrets;

const AGENT: &str = concat!("Bellwether/", env!("CARGO_PKG_VERSION"));

/// Why no answer came.
#[derive(Debug)]
pub(super) enum Error {
    /// The file of a secret was not read.
    Secret(secrets::Error),
    /// The URL is none that we can use: what is wrong with it.
    Url(&'static str),
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
    let mut target = Target::parse(&read(&request.url).await?)?;
    let mut headers = headers(request.headers).await?;
    if let Some(user) = target.user.take()
        && !headers.contains_key(AUTHORIZATION)
    {
        headers.insert(AUTHORIZATION, basic(&user)?);
    }
    let mut method = Method::try_from(request.method).map_err(|_| Error::Url("odd method"))?;
    let mut body = Bytes::from(request.body);
    for _ in 0..=REDIRECTS_MAX {
        let (head, text) = exchange(&target, method.clone(), &headers, body.clone()).await?;
        let status = head.status;
        let follows = request.follow_redirects && status.is_redirection();
        let next = head.headers.get(LOCATION).filter(|_| follows);
        let Some(next) = next else { return Ok((status.as_u16(), text)) };
        let next = next.to_str().map_err(|_| Error::Redirect("its target is not text"))?;
        let next = target.join(next)?;
        if next.host != target.host {
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
pub(super) async fn look(url: &Secret) -> Result<(), Error> {
    connect(&Target::parse(&read(url).await?)?).await.map(drop)
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    /// The value of the header `Host`.
    authority: String,
    path: String,
    /// `user:password`, decoded.
    user: Option<String>,
}

impl Target {
    fn parse(url: &str) -> Result<Self, Error> {
        let uri: Uri = escaped(url).parse().map_err(|_| Error::Url("it is not well-formed"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(Error::Url("this version does not speak https")),
            _ => return Err(Error::Url("it does not begin with http://")),
        }
        let authority = uri.authority().ok_or(Error::Url("it names no host"))?;
        let (user, place) = authority
            .as_str()
            .rsplit_once('@')
            .map_or((None, authority.as_str()), |(user, place)| (Some(unescaped(user)), place));
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: place.to_owned(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            user,
        })
    }

    /// What a redirect to `location` leads to.
    fn join(&self, location: &str) -> Result<Self, Error> {
        if location.contains("://") {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("http://{rest}"));
        }
        let path = if location.starts_with('/') {
            location.to_owned()
        } else {
            let path = self.path.split('?').next().unwrap_or_default();
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{location}")
        };
        Self::parse(&format!("http://{}{path}", self.authority))
    }
}

/// The URL with those characters escaped that a browser lets stand and HTTP does not.
fn escaped(url: &str) -> String {
    let mut escaped = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(escaped, "%{byte:02X}").ok();
        }
    }
    escaped
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
            }
            None => bytes.extend_from_slice(format!("%{part}").as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One request, the head of its answer and the beginning of the body.
async fn exchange(
    target: &Target,
    method: Method,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<(Parts, String), Error> {
    let failed = |error| Error::Http(target.host.clone(), error);
    let stream = FuturesIo::new(connect(target).await?);
    let (mut sender, connection) =
        http1::Builder::new().title_case_headers(true).handshake(stream).await.map_err(failed)?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = target.path.parse().map_err(|_| Error::Url("its path is odd"))?;
    *request.headers_mut() = headers.clone();
    let host =
        HeaderValue::try_from(&target.authority).map_err(|_| Error::Url("its host is odd"))?;
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
async fn connect(target: &Target) -> Result<Async<TcpStream>, Error> {
    let addresses = in_time(look_up(target.host.clone(), target.port))
        .await
        .map_err(|error| Error::Resolve(target.host.clone(), error))?;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match in_time(stream_to(address)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(Error::Connect(target.authority.clone(), failure))
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

async fn headers(given: Vec<(String, notify::HeaderValue)>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let value = match value {
            notify::HeaderValue::Plain(text) => HeaderValue::try_from(text),
            notify::HeaderValue::Secret(prefix, text) => {
                secret(&format!("{prefix}{}", read(&text).await?))
            }
            notify::HeaderValue::Basic(user, password) => {
                let pair = format!("{}:{}", read(&user).await?, read(&password).await?);
                Ok(basic(&pair)?)
            }
        };
        match (HeaderName::try_from(&name), value) {
            (Ok(known), Ok(value)) => headers.append(known, value),
            _ => return Err(Error::Header(name)),
        };
    }
    Ok(headers)
}

fn basic(pair: &str) -> Result<HeaderValue, Error> {
    let value = secret(&format!("Basic {}", base64(pair.as_bytes())));
    value.map_err(|_| Error::Header("Authorization".to_owned()))
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

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or(0);
            let digit = DIGITS.get(digit).map_or('=', |digit| char::from(*digit));
            text.push(if place <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

async fn read(secret: &Secret) -> Result<String, Error> {
    secrets::read(secret).await.map_err(Error::Secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let target = Target::parse("http://u%40x:p@[::1]:8080/a/b?c=d").unwrap();
        assert_eq!((&*target.host, target.port, &*target.path), ("::1", 8080, "/a/b?c=d"));
        assert_eq!((&*target.authority, target.user.as_deref()), ("[::1]:8080", Some("u@x:p")));
        assert_eq!(Target::parse("http://h").unwrap().path, "/");
        for bad in ["", "h", "/a", "ftp://h/", "http://", "https://h/"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn odd_characters_of_a_url_are_escaped() {
        let target = Target::parse("http://h/ä/{x}?<a>&b=%20|").unwrap();
        assert_eq!(&*target.path, "/%C3%A4/%7Bx%7D?%3Ca%3E&b=%20%7C");
    }

    #[test]
    fn a_redirect_leads_where_its_target_says() {
        let from = Target::parse("http://h:1/a/b?c").unwrap();
        let to = |location| {
            let target = from.join(location).unwrap();
            format!("{}{}", target.authority, target.path)
        };
        assert_eq!(to("http://x/y"), "x/y");
        assert_eq!(to("//x/y"), "x/y");
        assert_eq!(to("/y?z"), "h:1/y?z");
        assert_eq!(to("y"), "h:1/a/y");
    }

    #[test]
    fn base64_pads() {
        for (plain, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("ÿþ?", "w7/Dvj8=")]
        {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }

    #[test]
    fn no_error_shows_more_of_a_url_than_its_host() {
        let secret = "http://user:hunter2@127.0.0.1:1/token-abc?key=hunter2";
        let request = HttpRequest {
            method: "POST",
            url: Secret::Inline(secret.into()),
            headers: Vec::new(),
            body: Vec::new(),
            follow_redirects: true,
        };
        let error = format!("{}", Target::parse("https://u:hunter2@h/token-abc").unwrap_err());
        assert!(!error.contains("hunter2") && !error.contains("token"), "{error}");
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}

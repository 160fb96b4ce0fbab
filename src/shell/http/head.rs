//! The head of a request: read as its sender means it, written as RFC 9112 has it.

use std::borrow::Cow;
use std::fmt::Write as _;

use hyper::Uri;

/// The header that tells a request that was refused here from a client's; a client's is left out.
pub(super) const REFUSED: &str = "bellwether-refused";

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// In chunks.
    Chunked,
    /// By its length; 0 is none.
    Fixed(u64),
}

/// A status and a text.
type Refusal = (u16, String);

/// Where the head ends, the empty line after it included; what is before `from` is known not to end it.
pub(super) fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let ends = |at: usize| match bytes.get(at..)? {
        [b'\n', b'\n', ..] => Some(at + 2),
        [b'\n', b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    };
    (from..bytes.len()).find_map(ends)
}

/// Reads a head that [`end`] has found the end of, appends it to `out` and returns how its body is delimited. A head that is
/// refused appends nothing.
pub(super) fn read(head: &[u8], headers_max: usize, out: &mut Vec<u8>) -> Result<Body, Refusal> {
    let mut lines =
        head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = request_line(lines.next().unwrap_or_default())?;
    let headers = headers(lines, headers_max)?;
    let framing = framing(&headers, line.method)?;
    let is_old = line.version == "HTTP/1.0";
    // Chunks are no part of version 1.0: the client means 1.1, but cannot be relied on to keep the connection in order.
    let is_lifted = is_old && framing == Body::Chunked;
    let version = if is_old && !is_lifted { "HTTP/1.0" } else { "HTTP/1.1" };
    for piece in [line.method, " ", &line.target, " ", version, "\r\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
    let mut push = |name: &[u8], value: &[u8]| {
        for piece in [name, b": ", value, b"\r\n"] {
            out.extend_from_slice(piece);
        }
    };
    let mut framed = false;
    for Header { name, value } in &headers {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match framing {
            _ if is(REFUSED) || (is("connection") && is_lifted) => {}
            Body::Chunked if is("transfer-encoding") => push(b"transfer-encoding", b"chunked"),
            Body::Fixed(length) if is("content-length") => {
                if !value.is_empty() && !std::mem::replace(&mut framed, true) {
                    push(name.as_bytes(), length.to_string().as_bytes());
                }
            }
            _ => push(name.as_bytes(), value),
        }
    }
    if is_lifted {
        push(b"connection", b"close");
    }
    out.extend_from_slice(b"\r\n");
    Ok(framing)
}

struct RequestLine<'a> {
    method: &'a str,
    target: Cow<'a, str>,
    version: &'a str,
}

/// Between the first space and the last is the target; spaces in its query are taken for what they are.
fn request_line(line: &[u8]) -> Result<RequestLine<'_>, Refusal> {
    let refused = |why: &str| {
        let told = String::from_utf8_lossy(line.get(..80).unwrap_or(line));
        (400, format!("the request line {told:?} {why}"))
    };
    let no_line = || refused("is not METHOD TARGET HTTP/1.1");
    let (method, rest) =
        cut(line, line.iter().position(|byte| *byte == b' ')).ok_or_else(no_line)?;
    let (target, version) =
        cut(rest, rest.iter().rposition(|byte| *byte == b' ')).ok_or_else(no_line)?;
    let method = std::str::from_utf8(method).ok().filter(|it| is_token(it)).ok_or_else(no_line)?;
    let version = std::str::from_utf8(version)
        .ok()
        .filter(|it| it.starts_with("HTTP/"))
        .ok_or_else(no_line)?;
    if !version.starts_with("HTTP/1.") || version.len() != "HTTP/1.1".len() {
        return Err((505, format!("{version:.20} is not spoken here: use HTTP/1.1")));
    }
    if target.is_empty() || target.iter().any(u8::is_ascii_control) {
        return Err(refused("has no target, or control characters in it"));
    }
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    if path.contains(&b' ') {
        return Err(refused("has a space in its path: write %20"));
    }
    let target = encoded(target);
    // `*`, and what proxies are sent: the host, or all of the URL.
    if !target.starts_with('/') && target.parse::<Uri>().is_err() {
        return Err(refused("has a target that is no path: begin it with a slash"));
    }
    Ok(RequestLine { method, target, version })
}

fn cut(bytes: &[u8], at: Option<usize>) -> Option<(&[u8], &[u8])> {
    let at = at?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// The target with each byte that a URL cannot have percent-encoded; what is encoded stays so.
fn encoded(target: &[u8]) -> Cow<'_, str> {
    let is_odd = |byte: &u8| b" \"<>\\^`{|}#".contains(byte) || *byte >= 0x7f;
    if let (false, Ok(plain)) = (target.iter().any(is_odd), std::str::from_utf8(target)) {
        return Cow::Borrowed(plain);
    }
    let mut text = String::with_capacity(target.len());
    for byte in target {
        if is_odd(byte) {
            // Writing to a String cannot fail.
            write!(text, "%{byte:02X}").ok();
        } else {
            text.push(char::from(*byte));
        }
    }
    Cow::Owned(text)
}

struct Header<'a> {
    name: &'a str,
    value: Cow<'a, [u8]>,
}

fn headers<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    max: usize,
) -> Result<Vec<Header<'a>>, Refusal> {
    let mut headers: Vec<Header<'a>> = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            let Some(folded) = headers.last_mut() else {
                return Err((400, "the first header begins with a space".to_owned()));
            };
            folded.value.to_mut().push(b' ');
            folded.value.to_mut().extend_from_slice(line.trim_ascii());
        } else {
            let (name, value) =
                cut(line, line.iter().position(|byte| *byte == b':')).unwrap_or((line, b""));
            let is_whole = name.len() < line.len();
            let Some(name) = std::str::from_utf8(name).ok().filter(|it| is_whole && is_token(it))
            else {
                let told = String::from_utf8_lossy(name.get(..80).unwrap_or(name));
                let rule = "is not NAME: VALUE, without a space in NAME";
                return Err((400, format!("the header {told:?} {rule}")));
            };
            headers.push(Header { name, value: value.trim_ascii().into() });
        }
        if headers.len() > max {
            return Err((431, format!("more than {max} headers")));
        }
    }
    let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    match headers.iter().find(|header| header.value.iter().any(is_control)) {
        Some(Header { name, .. }) => {
            Err((400, format!("the header {name:?} has control characters in it")))
        }
        None => Ok(headers),
    }
}

/// How the body is delimited, if there is one way alone to read that.
fn framing(headers: &[Header<'_>], method: &str) -> Result<Body, Refusal> {
    let values = |wanted: &'static str| {
        let of = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(wanted));
        of.map(|header| String::from_utf8_lossy(&header.value))
    };
    let lengths: Vec<_> = values("content-length").collect();
    let codings: Vec<_> = values("transfer-encoding").collect();
    if let Some(coding) = codings.first() {
        if codings.len() > 1 || !coding.eq_ignore_ascii_case("chunked") {
            return Err((
                501,
                format!("Transfer-Encoding {:?}: only chunked is known", codings.join(", ")),
            ));
        }
        return if lengths.is_empty() {
            Ok(Body::Chunked)
        } else {
            Err((400, "both Transfer-Encoding and Content-Length: send one of them".to_owned()))
        };
    }
    let mut told: Vec<&str> = lengths.iter().flat_map(|it| it.split(',')).map(str::trim).collect();
    told.dedup();
    match *told {
        [] => Ok(Body::Fixed(0)),
        [""] if matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS") => Ok(Body::Fixed(0)),
        [""] => Err((411, "Content-Length is empty: tell how many bytes follow".to_owned())),
        [length] if length.bytes().all(|byte| byte.is_ascii_digit()) => match length.parse() {
            Ok(length) => Ok(Body::Fixed(length)),
            Err(_) => Err((400, format!("Content-Length {length:.40} is too large"))),
        },
        _ => Err((400, format!("Content-Length {:.80?} is not one number", lengths.join(", ")))),
    }
}

/// Whether a text is what RFC 9110 calls a token: a method's or a header's name.
fn is_token(text: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_one)
}

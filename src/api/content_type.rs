//! The content type, the accepted types and the encoding of a request: JSON alone, and not compressed.

use crate::api::{Request, Response};

/// The answer to a request whose body is compressed, or is not JSON and `takes_json`, or that wants an answer that is not JSON
/// and `gives_json`.
pub(super) fn refuse(
    request: &Request<'_>,
    takes_json: bool,
    gives_json: bool,
) -> Option<Response> {
    refuse_encoding(request).or_else(|| match request.method {
        "POST" if takes_json && !request.body.is_empty() => {
            refuse_content_type(request.content_type)
        }
        "GET" | "HEAD" if gives_json => refuse_accept(request.accept),
        _ => None,
    })
}

/// No body is unpacked: a small one may hold gigabytes. Many scripts forget the header, so the first bytes are looked at too.
fn refuse_encoding(request: &Request<'_>) -> Option<Response> {
    let encoding = request.content_encoding.map(str::trim).filter(|it| !it.is_empty());
    if request.body.is_empty() {
        return None;
    }
    let message = match encoding {
        Some(encoding) if !encoding.eq_ignore_ascii_case("identity") => {
            format!("Content-Encoding {encoding:?} is not supported: send the body uncompressed")
        }
        _ => {
            let (_, format) =
                COMPRESSED.iter().find(|(magic, _)| request.body.starts_with(magic))?;
            format!("the body is compressed with {format}: send it uncompressed")
        }
    };
    Some(Response::object(415, 415, &message).with("Accept-Encoding", "identity"))
}

/// The first bytes of compressed data (RFC 1952, RFC 1950, RFC 8878). No JSON begins with them.
const COMPRESSED: [(&[u8], &str); 5] = [
    (&[0x1f, 0x8b], "gzip"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (&[0x78, 0x01], "zlib"),
    (&[0x78, 0x9c], "zlib"),
    (&[0x78, 0xda], "zlib"),
];

/// Only JSON is taken, and a type must be said.
fn refuse_content_type(content_type: Option<&str>) -> Option<Response> {
    let given = content_type.filter(|it| !it.is_empty()).unwrap_or("application/octet-stream");
    let media = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media.is_empty() {
        let why = "failed, because mime: no media type";
        let message = format!("parsing Content-Type header from {given:?} {why}");
        return Some(Response::object(400, 400, &message));
    }
    (media != "application/json").then(|| {
        let message =
            format!("unsupported media type {media:?}, only [application/json] are allowed");
        Response::object(415, 415, &message)
    })
}

/// Only JSON is given.
fn refuse_accept(accept: Option<&str>) -> Option<Response> {
    let takes_json = |range: &str| {
        let media = range.split(';').next().unwrap_or_default().trim();
        ["*/*", "application/*", "application/json"].iter().any(|it| it.eq_ignore_ascii_case(media))
    };
    let refused = accept
        .is_some_and(|accept| !accept.trim().is_empty() && !accept.split(',').any(takes_json));
    refused.then(|| {
        let message = "unsupported media type requested, only [application/json] are available";
        Response::object(406, 406, message)
    })
}

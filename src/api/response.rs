//! Answers, and the three families of errors: a JSON string of a handler, a JSON object of go-openapi, plain text.

use std::borrow::Cow;

use crate::api::Site;
use crate::limits::{HTTP_ANSWERS_BYTES_MAX, HTTP_ERROR_BYTES_MAX};
use crate::model::brief;
use crate::wire::json::body::BodyError;
use crate::wire::json::write;

/// The answer to a request. `Content-Length` and `Date` are the shell's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// `200`
    pub status: u16,
    /// In order.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// As it goes out.
    pub body: Vec<u8>,
}

pub(super) const JSON: (&str, Cow<'static, str>) =
    ("Content-Type", Cow::Borrowed("application/json"));

impl Response {
    /// Nothing but a status.
    pub(super) const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// JSON that is written already; a newline ends it.
    pub(super) fn json(status: u16, mut body: Vec<u8>) -> Self {
        body.push(b'\n');
        Self { status, headers: vec![JSON], body }
    }

    /// An error of a handler: a JSON string.
    pub(super) fn string(status: u16, text: &str) -> Self {
        let mut body = Vec::new();
        write::string(&mut body, cut(text));
        Self::json(status, body)
    }

    /// An error of go-openapi: a JSON object, without a newline.
    pub fn object(status: u16, code: u16, message: &str) -> Self {
        let mut body = format!(r#"{{"code":{code},"message":"#).into_bytes();
        write::string(&mut body, cut(message));
        body.push(b'}');
        Self { status, headers: vec![JSON], body }
    }

    /// The message of go-openapi about a body, which it calls `name`.
    pub(super) fn refused_body(name: &str, error: &BodyError) -> Self {
        match error {
            BodyError::Invalid(code, message) => Self::object(422, *code, message),
            BodyError::Malformed(why) => {
                let message = format!("parsing {name} body from \"\" failed, because {why}");
                Self::object(400, 400, &message)
            }
        }
    }

    /// Plain text; that of an error is not to be taken for anything else.
    pub fn text(status: u16, text: &str) -> Self {
        let mut headers = vec![("Content-Type", "text/plain; charset=utf-8".into())];
        if status >= 400 {
            headers.push(("X-Content-Type-Options", "nosniff".into()));
        }
        Self { status, headers, body: text.as_bytes().to_vec() }
    }

    /// A redirect.
    pub(super) fn moved(status: u16, to: &str) -> Self {
        let mut response = Self::empty(status);
        response.headers.push(("Location", to.to_owned().into()));
        response
    }

    /// The same with one more header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The answer instead of a list for which there is no room.
pub(super) fn too_large(room: usize) -> Response {
    let why = format!(
        "the list is larger than the {room} bytes that are left for answers: filter it, or ask again when others have read \
         theirs"
    );
    Response::object(503, 503, &why)
}

/// Bytes that a list may have.
pub(super) fn room(site: &Site) -> usize {
    HTTP_ANSWERS_BYTES_MAX.saturating_sub(site.http.unread_bytes)
}

/// As much of the text of an error as is told: what was sent may be in it.
pub(super) fn cut(text: &str) -> &str {
    brief::cut(text, HTTP_ERROR_BYTES_MAX)
}

/// The answer to `POST /-/reload`.
pub fn reloaded(outcome: Result<(), String>) -> Response {
    match outcome {
        Ok(()) => Response::empty(200),
        Err(error) => Response::text(500, &format!("failed to reload config: {error}\n")),
    }
}

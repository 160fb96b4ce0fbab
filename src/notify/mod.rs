//! Receiver types: a file each, from a notification to the request to make. Pure.

use crate::config::Secret;

/// What the shell is to send for a notification.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// A line for the log.
    Log(String),
    /// An HTTP request.
    Http(HttpRequest),
}

/// An HTTP request to make.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// `POST`
    pub method: &'static str,
    /// Where to; may be secret.
    pub url: Secret,
    /// In order. `Host`, `Content-Length` and `User-Agent` are the shell's.
    pub headers: Vec<(String, HeaderValue)>,
    /// As it goes out.
    pub body: Vec<u8>,
    /// Whether redirects are followed, ten at most.
    pub follow_redirects: bool,
}

/// What a header says.
#[derive(Clone, Debug)]
pub enum HeaderValue {
    /// Nothing to hide.
    Plain(String),
    /// A prefix (`Bearer `) and a secret.
    Secret(&'static str, Secret),
    /// `Basic` and base64 of `user:password`.
    Basic(Secret, Secret),
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Logged or otherwise delivered without an answer.
    Done,
    /// The other side answered.
    Http {
        /// The status code.
        status: u16,
        /// The beginning of the body, for the log.
        body: String,
    },
    /// It could not be sent or no answer came: what was tried and what went wrong, without secrets.
    Failed(String),
}

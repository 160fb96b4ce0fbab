//! A request on its way to the loop, and its answer's way back.

use std::net::IpAddr;
use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use log::debug;
use smol::channel::Sender;

use crate::api::{Request, Response};

use super::body::Share;

/// A whole request, and where its answer goes.
#[derive(Debug)]
pub struct Exchange {
    pub(super) sender: Option<IpAddr>,
    pub(super) head: Parts,
    pub(super) body: Bytes,
    /// When the last byte of it was read.
    pub read_at: Duration,
    pub(super) answer: Sender<Answered>,
    /// Its answer's share of the bytes that wait to be read.
    pub(super) share: Share,
}

/// An answer, or none where it does not come in time.
pub(super) type Answered = Option<(Response, Share)>;

impl Exchange {
    /// The request as the API sees it.
    pub(in crate::shell) fn request(&self) -> Request<'_> {
        let mut request = Request {
            sender: self.sender,
            method: self.head.method.as_str(),
            path: self.head.uri.path(),
            query: self.head.uri.query().unwrap_or_default(),
            host: self.head.uri.authority().map(Authority::as_str),
            body: &self.body,
            ..Request::default()
        };
        // Of equal ones the first counts.
        for (name, value) in &self.head.headers {
            let known = value.to_str().ok();
            // One that cannot be read is one that nobody knows, not none.
            let told = known.or(Some("?"));
            let (place, text) = match name.as_str() {
                "content-encoding" => (&mut request.content_encoding, known),
                "content-type" => (&mut request.content_type, known),
                "accept" => (&mut request.accept, known),
                "accept-encoding" => (&mut request.accept_encoding, known),
                "if-none-match" => (&mut request.if_none_match, known),
                "host" => (&mut request.host, told),
                "origin" => (&mut request.origin, told),
                "access-control-request-method" => (&mut request.cors_method, known),
                "access-control-request-headers" => (&mut request.cors_headers, known),
                _ => continue,
            };
            *place = place.or(text);
        }
        request
    }

    /// Whether nobody waits for the answer any more.
    pub(in crate::shell) fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    /// Gives back the memory of a body that has been read.
    pub(in crate::shell) fn forget_body(&mut self) {
        self.body = Bytes::new();
    }

    /// Sends the answer, unless the client has gone.
    pub(in crate::shell) fn answer(mut self, response: Response) {
        if self.head.method == Method::GET {
            self.share.take(response.body.len(), usize::MAX);
        }
        if self.answer.try_send(Some((response, self.share))).is_err() {
            debug!("a client did not wait for its answer");
        }
    }
}

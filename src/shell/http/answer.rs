//! Answers in the form that hyper sends.

use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};

use crate::api::Response;

use super::body::Refusal;
use super::{Held, Place};

/// The answer to a body that was refused.
pub(super) fn refuse(refusal: Refusal) -> Response {
    match refusal {
        Refusal::TooLarge => {
            let max = crate::limits::HTTP_BODY_BYTES_MAX;
            let message = format!("the body is larger than {max} bytes: send it in parts");
            Response::object(413, 413, &message)
        }
        Refusal::Busy => {
            Response::object(503, 503, "too many large bodies at a time: try again later")
        }
        Refusal::Gone => {
            Response::object(400, 400, "the body ended before its end, or its chunks make no sense")
        }
    }
}

/// Adds what the operator wants in every answer, in place of what the answer has of the same name.
pub(super) fn add_headers(response: &mut hyper::Response<Held>, headers: &[(String, String)]) {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(&**name), HeaderValue::try_from(&**value))
        {
            response.headers_mut().insert(name, value);
        }
    }
}

/// An answer as hyper sends it, with the place that it holds until it is written.
pub(super) fn built(response: Response, closes: bool, place: Place) -> hyper::Response<Held> {
    let mut built = hyper::Response::new((Bytes::from(response.body), place));
    *built.status_mut() = response.status.try_into().unwrap_or_default();
    for (name, value) in response.headers {
        // A value that comes from the client and is no header's is left out.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(&*value))
        {
            built.headers_mut().append(name, value);
        }
    }
    if closes {
        built.headers_mut().insert("connection", HeaderValue::from_static("close"));
    }
    built
}

//! The remains of version 1 of the API: posting alerts, for older senders.

use crate::api::outcome::Outcome;
use crate::api::response::{JSON, cut};
use crate::api::{Response, alerts};
use crate::wire::json::write;

/// The answer to a post of alerts: any content type, no schema.
pub(super) fn posted(outcome: &Outcome) -> Response {
    match outcome {
        Outcome::Empty => bad_data("EOF"),
        Outcome::Wrong(error) => bad_data(error.why()),
        Outcome::Taken(intake) => match alerts::fault(intake) {
            None => json(200, br#"{"status":"success"}"#.to_vec()),
            Some((400, text)) => bad_data(&text),
            Some((status, text)) => error(status, "server_error", &text),
        },
    }
}

/// The answer of all other paths.
pub(super) fn gone() -> Response {
    let error = "The Alertmanager v1 API was deprecated in version 0.16.0 and is removed as of version 0.27.0 - please \
                 use the equivalent route in the v2 API";
    json(410, format!(r#"{{"status":"deprecated","error":"{error}"}}"#).into_bytes())
}

fn bad_data(text: &str) -> Response {
    error(400, "bad_data", text)
}

fn error(status: u16, kind: &str, text: &str) -> Response {
    let mut out = format!(r#"{{"status":"error","errorType":"{kind}","error":"#).into_bytes();
    write::string(&mut out, cut(text));
    out.push(b'}');
    json(status, out)
}

fn json(status: u16, body: Vec<u8>) -> Response {
    Response { status, headers: vec![JSON], body }
}

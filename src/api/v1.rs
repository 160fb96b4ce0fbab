//! The remains of version 1 of the API: posting alerts, for older senders.

use crate::api::response::{JSON, cut};
use crate::api::{Request, Response, alerts};
use crate::effect::Cx;
use crate::node::Node;
use crate::wire::json::body::{self, BodyError, Schema};
use crate::wire::json::write;

/// Takes what is valid of a batch; any content type, no schema.
pub(super) fn post_alerts(node: &mut Node, cx: &mut Cx<'_>, request: &Request<'_>) -> Response {
    if request.method != "POST" {
        return gone();
    }
    let text = body::text(request.body);
    if text.trim().is_empty() {
        node.handle_refused(cx.now, "alerts", true, "an empty body");
        return bad_data("EOF");
    }
    let reports = match body::alerts(&text, Schema::V1) {
        Ok(reports) => reports,
        Err(BodyError::Malformed(why) | BodyError::Invalid(_, why)) => {
            node.handle_refused(cx.now, "alerts", true, &why);
            return bad_data(&why);
        }
    };
    let intake = node.handle_reports(cx, &reports);
    node.note_late(request.sender, &intake);
    match alerts::fault(&intake) {
        None => json(200, br#"{"status":"success"}"#.to_vec()),
        Some((400, text)) => bad_data(&text),
        Some((status, text)) => error(status, "server_error", &text),
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

//! What is left of version 1 of the API: posting alerts, for older senders.

use crate::api::response::JSON;
use crate::api::{Request, Response};
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
        return bad_data("EOF");
    }
    let reports = match body::alerts(&text, Schema::V1) {
        Ok(reports) => reports,
        Err(BodyError::Malformed(why) | BodyError::Invalid(_, why)) => return bad_data(&why),
    };
    let invalid = node.handle_reports(cx, &reports);
    if invalid.is_empty() {
        json(200, br#"{"status":"success"}"#.to_vec())
    } else {
        bad_data(&invalid.join("\n"))
    }
}

/// What all other paths say.
pub(super) fn gone() -> Response {
    let error = "The Alertmanager v1 API was deprecated in version 0.16.0 and is removed as of version 0.27.0 - please \
                 use the equivalent route in the v2 API";
    json(410, format!(r#"{{"status":"deprecated","error":"{error}"}}"#).into_bytes())
}

fn bad_data(error: &str) -> Response {
    let mut out = br#"{"status":"error","errorType":"bad_data","error":"#.to_vec();
    write::string(&mut out, error);
    out.push(b'}');
    json(400, out)
}

fn json(status: u16, body: Vec<u8>) -> Response {
    Response { status, headers: vec![JSON], body }
}

//! `/api/v2/alerts`.

use crate::api::query::AlertFilter;
use crate::api::{Request, Response};
use crate::core::Muted;
use crate::effect::Cx;
use crate::node::Node;
use crate::time::Now;
use crate::wire::json::body::{self, Schema};
use crate::wire::json::write::{self, AlertView};

/// Takes what is valid of a batch and says what is not.
pub(super) fn post(node: &mut Node, cx: &mut Cx<'_>, request: &Request<'_>) -> Response {
    let text = body::text(request.body);
    if text.trim().is_empty() {
        return Response::object(422, 602, "alerts in body is required");
    }
    let reports = match body::alerts(&text, Schema::V2) {
        Ok(reports) => reports,
        Err(error) => return Response::refused_body("alerts", &error),
    };
    let invalid = node.handle_reports(cx, &reports);
    if invalid.is_empty() {
        Response::empty(200)
    } else {
        Response::string(400, &invalid.join("\n"))
    }
}

/// Lists the alerts that have not ended, in the order of fingerprints.
pub(super) fn list(node: &Node, now: Now, request: &Request<'_>) -> Response {
    let filter = match AlertFilter::new(request, node.options().grammar) {
        Ok(filter) => filter,
        Err(refusal) => return refusal,
    };
    let wanted = node.alerts().filter(|(_, alert, receivers)| {
        alert.ends_at >= now.wall
            && receivers.iter().any(|receiver| filter.receivers.takes(receiver))
            && filter.takes_labels(&alert.labels)
    });
    let shown = wanted.filter_map(|(fingerprint, alert, receivers)| {
        let muted = node.muted(now, fingerprint, alert);
        takes(&filter, &muted).then_some((fingerprint, alert, receivers, muted))
    });
    let mut out = Vec::new();
    write::array(&mut out, shown, |out, (fingerprint, alert, receivers, muted)| {
        let view =
            AlertView { fingerprint, alert, receivers: &receivers, muted: &muted, muted_by: &[] };
        write::alert(out, &view);
    });
    Response::json(200, out)
}

/// Whether alerts that are muted so are asked for.
pub(super) fn takes(filter: &AlertFilter, muted: &Muted) -> bool {
    let is_active = muted.silenced_by.is_empty() && muted.inhibited_by.is_empty();
    (filter.active || !is_active)
        && (filter.silenced || muted.silenced_by.is_empty())
        && (filter.inhibited || muted.inhibited_by.is_empty())
}

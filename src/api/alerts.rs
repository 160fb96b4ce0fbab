//! `/api/v2/alerts`.

use std::rc::Rc;

use crate::api::query::AlertFilter;
use crate::api::{Request, Response, Site};
use crate::core::Intake;
use crate::effect::Cx;
use crate::model::{Alert, Fingerprint, Muted};
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
    match fault(&node.handle_reports(cx, &reports)) {
        None => Response::empty(200),
        Some((status, text)) => Response::string(status, &text),
    }
}

/// What is to be said of the reports that were not taken, if there are any: the status and a text. Where a table was
/// full, the status makes the sender come again.
pub(super) fn fault(intake: &Intake) -> Option<(u16, String)> {
    let mut lines = intake.invalid.clone();
    if intake.refused > 0 {
        let refused = intake.refused;
        lines.push(format!(
            "{refused} alerts were not taken, the tables of alerts and groups have no room for them: try again later, or group by fewer labels"
        ));
        return Some((503, lines.join("\n")));
    }
    (!lines.is_empty()).then(|| (400, lines.join("\n")))
}

/// Lists the alerts that have not ended, in the order of fingerprints.
pub(super) fn list(node: &Node, now: Now, site: &Site, request: &Request<'_>) -> Response {
    let filter = match AlertFilter::new(request, node) {
        Ok(filter) => filter,
        Err(refusal) => return refusal,
    };
    let shown = node.alerts().filter_map(|(fingerprint, alert, receivers)| {
        if alert.ends_at < now.wall || !filter.takes_labels(&alert.labels) {
            return None;
        }
        let receivers: Vec<&str> = receivers.map(|name| &**name).collect();
        if !receivers.iter().any(|receiver| filter.receivers.takes(receiver)) {
            return None;
        }
        let muted = node.muted(now, fingerprint);
        takes(&filter, &muted).then_some((fingerprint, alert, receivers, muted))
    });
    Response::list(site, shown, |out, (fingerprint, alert, receivers, muted)| {
        write::alert(out, &view(fingerprint, alert, &receivers, &muted, &[]));
    })
}

pub(super) fn view<'a>(
    fingerprint: Fingerprint,
    alert: &'a Alert,
    receivers: &'a [&'a str],
    muted: &'a Muted,
    muted_by: &'a [Rc<str>],
) -> AlertView<'a> {
    let (silenced_by, inhibited_by) = (&*muted.silenced_by, &*muted.inhibited_by);
    AlertView { fingerprint, alert, receivers, silenced_by, inhibited_by, muted_by }
}

/// Whether alerts that are muted so are asked for.
pub(super) fn takes(filter: &AlertFilter, muted: &Muted) -> bool {
    let is_active = muted.silenced_by.is_empty() && muted.inhibited_by.is_empty();
    (filter.active || !is_active)
        && (filter.silenced || muted.silenced_by.is_empty())
        && (filter.inhibited || muted.inhibited_by.is_empty())
}

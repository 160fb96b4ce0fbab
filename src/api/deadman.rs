//! `POST /bellwether/v1/ping/NAME`: a sign of life of what is expected. `GET /bellwether/v1/deadman`: every expectation, when
//! its last sign came and whence; and every heartbeat, and what was told last.

use serde_json::{Value, json};

use crate::api::{Request, Response};
use crate::config::{Expectation, Heartbeat, unknown};
use crate::effect::Cx;
use crate::model::duration::Spelled;
use crate::node::{Beating, Node, Seen};
use crate::time::Now;
use crate::wire::metrics::MetricsText;

/// Takes a ping. Nothing of it is kept on flash, so nobody has to wait for that.
pub(super) fn ping(
    node: &mut Node,
    cx: &mut Cx<'_>,
    request: &Request<'_>,
    name: &str,
) -> Response {
    if node.handle_ping(cx, name, request.sender) {
        return Response::text(200, "OK");
    }
    let names = node.config().expect.iter().map(|it| &*it.name);
    Response::text(404, &format!("{}\n", unknown("expectation", name, names)))
}

/// Lists what is expected, and the heartbeats.
pub(super) fn list(node: &Node) -> Response {
    let expected: Vec<Value> = node.expected().map(|(it, seen)| expectation(it, seen)).collect();
    let heartbeats: Vec<Value> =
        node.heartbeats().map(|(it, known)| heartbeat(it, known)).collect();
    let body = json!({ "expected": expected, "heartbeats": heartbeats });
    Response::json(200, body.to_string().into_bytes())
}

fn expectation(it: &Expectation, seen: &Seen) -> Value {
    json!({
        "name": &*it.name,
        "period": Spelled(it.period).to_string(),
        "missing": seen.missing,
        "last": seen.last.as_ref().map(|sign| sign.at),
        "by": seen.last.as_ref().map(|sign| &*sign.by),
    })
}

fn heartbeat(it: &Heartbeat, known: &Beating) -> Value {
    json!({
        "name": &*it.name,
        "period": Spelled(it.period).to_string(),
        "told": known.told.map(|(word, _)| word.as_str()),
        "last": known.told.map(|(_, at)| at),
    })
}

/// Writes what is known of each expectation and heartbeat.
pub(super) fn metrics(text: &mut MetricsText, node: &Node, now: Now) {
    expected(text, node, now);
    if node.config().heartbeats.is_empty() {
        return;
    }
    text.family("bellwether_heartbeats_total", "counter", "Heartbeats that this node told.");
    for (it, known) in node.heartbeats() {
        text.count(&[("heartbeat", &it.name)], known.sent);
    }
    text.family(
        "bellwether_heartbeats_failed_total",
        "counter",
        "Heartbeats that this node tried to tell in vain.",
    );
    for (it, known) in node.heartbeats() {
        text.count(&[("heartbeat", &it.name)], known.failed);
    }
}

fn expected(text: &mut MetricsText, node: &Node, now: Now) {
    if node.config().expect.is_empty() {
        return;
    }
    text.family("bellwether_expected_missing", "gauge", "Whether what is expected stays away.");
    for (it, seen) in node.expected() {
        text.count(&[("expected", &it.name)], seen.missing.into());
    }
    text.family(
        "bellwether_expected_age_seconds",
        "gauge",
        "Seconds since the last sign of what is expected, if one is known.",
    );
    for (it, seen) in node.expected() {
        if let Some(sign) = &seen.last {
            text.count(&[("expected", &it.name)], now.wall.since(sign.at).as_secs());
        }
    }
}

//! `GET /bellwether/v1/owed`: what receivers were not told. `POST .../drop` and `.../retry`, with `{"receiver": "NAME"}` or
//! `{}` for all: forget what came and went, or try at once.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Answer, Post, Request, Response};
use crate::config::unknown;
use crate::effect::Cx;
use crate::limits::PENDING_SHOWN_MAX;
use crate::node::{DebtView, Node, OwedDrop};
use crate::time::Now;
use crate::wire::metrics::MetricsText;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default)]
    receiver: Option<String>,
}

/// Lists what is owed, so many at most.
pub(super) fn list(node: &Node, now: Now) -> Response {
    let list: Vec<Value> = node.owed(now).take(PENDING_SHOWN_MAX).map(|it| debt(&it)).collect();
    Response::json(200, Value::from(list).to_string().into_bytes())
}

fn debt(it: &DebtView<'_>) -> Value {
    let key = &it.debt.key;
    json!({
        "receiver": &*key.receiver,
        "integration": format!("{}[{}]", key.integration, key.index),
        "groupKey": key.group.as_str(),
        "since": it.debt.since,
        "late": it.late,
        "cut": it.debt.cut,
        "retryInMs": it.wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
    })
}

/// Begins to forget what came and went.
pub(super) fn forget(node: &Node, request: &Request<'_>) -> Answer {
    match wish(node, request) {
        Ok(receiver) => Answer::Posting(Post::OwedDrop(OwedDrop::of(receiver))),
        Err(refusal) => Answer::Now(refusal),
    }
}

/// Does another piece of that. The answer comes with the last.
pub(super) fn go_on_dropping(
    node: &mut Node,
    cx: &mut Cx<'_>,
    drop: &mut OwedDrop,
) -> Option<Response> {
    let dropped = |count| Response::json(200, json!({ "dropped": count }).to_string().into_bytes());
    node.handle_owed_drop(cx, drop).then(|| dropped(drop.dropped))
}

/// Tries at once.
pub(super) fn retry(node: &mut Node, cx: &mut Cx<'_>, request: &Request<'_>) -> Response {
    match wish(node, request) {
        Ok(receiver) => {
            node.handle_owed_retry(cx, receiver.as_deref());
            Response::json(200, b"{}".to_vec())
        }
        Err(refusal) => refusal,
    }
}

/// The receiver that is meant; none is all.
fn wish(node: &Node, request: &Request<'_>) -> Result<Option<String>, Response> {
    let body = if request.body.is_empty() { b"{}" } else { request.body };
    let wish: Wish = serde_json::from_slice(body).map_err(|error| {
        Response::string(400, &format!("expected {{\"receiver\": \"NAME\"}} or {{}}: {error}"))
    })?;
    let receivers = &node.config().receivers;
    match wish.receiver {
        Some(name) if receivers.iter().all(|it| *it.name != *name) => {
            let names = receivers.iter().map(|it| &*it.name);
            Err(Response::string(404, &unknown("receiver", &name, names)))
        }
        receiver => Ok(receiver),
    }
}

/// Writes what is owed to each receiver.
pub(super) fn metrics(text: &mut MetricsText, node: &Node, now: Now) {
    let mut owed = std::collections::BTreeMap::<&str, (u64, u64)>::new();
    for it in node.owed(now) {
        let (groups, late) = owed.entry(&it.debt.key.receiver).or_default();
        (*groups, *late) = (*groups + 1, *late + it.late as u64);
    }
    text.family("bellwether_owed_groups", "gauge", "Groups of which a receiver was not told.");
    for (receiver, (groups, _)) in &owed {
        text.count(&[("receiver", receiver)], *groups);
    }
    text.family(
        "bellwether_owed_late_alerts",
        "gauge",
        "Alerts that came and went, of which a receiver was not told.",
    );
    for (receiver, (_, late)) in &owed {
        text.count(&[("receiver", receiver)], *late);
    }
    let stats = node.stats();
    text.family("bellwether_owed_cut_total", "counter", "Owed alerts that the bounds have cut.")
        .count(&[], stats.owed_cut)
        .family("bellwether_late_alerts_total", "counter", "Alerts that were told late.")
        .count(&[], stats.told_late);
}

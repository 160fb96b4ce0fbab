//! `GET /bellwether/v1/history`: what became of the latest deliveries and why, newest first. `GET /bellwether/v1/pending`: the
//! deliveries that are under way, and where each is.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::{Response, Site, flock};
use crate::limits::PENDING_SHOWN_MAX;
use crate::model::LogKey;
use crate::node::{Entry, Muting, Node, Outcome, Pending, Waits};
use crate::time::Now;

type Names = BTreeMap<u64, String>;

pub(super) fn list(node: &Node, now: Now, site: &Site) -> Response {
    let names = names(node, now);
    let own = flock::own_name(node.flock(), site);
    let mut entries: Vec<Value> = node.history().map(|it| entry(it, &names, &own)).collect();
    entries.reverse();
    Response::json(200, Value::from(entries).to_string().into_bytes())
}

/// Lists what is under way, so many at most.
pub(super) fn pending(node: &Node, now: Now) -> Response {
    let names = names(node, now);
    let shown = node.pending().take(PENDING_SHOWN_MAX);
    let list: Vec<Value> = shown.map(|it| under_way(&it, &names)).collect();
    Response::json(200, Value::from(list).to_string().into_bytes())
}

fn names(node: &Node, now: Now) -> Names {
    node.flock().map(|it| flock::names(it, now)).unwrap_or_default()
}

fn name(names: &Names, node: u64) -> String {
    names.get(&node).cloned().unwrap_or_else(|| flock::id(node))
}

/// The name of the integration: `webhook[0]`; empty where the group as a whole is meant.
fn integration(key: &LogKey) -> String {
    match &*key.integration {
        "" => String::new(),
        kind => format!("{kind}[{}]", key.index),
    }
}

fn under_way(pending: &Pending<'_>, names: &Names) -> Value {
    let Pending { key, labels, since, attempts, waits } = pending;
    let other = match waits {
        Waits::Other(node) => node.map(|node| name(names, node)),
        _ => None,
    };
    json!({
        "since": since,
        "receiver": &*key.receiver,
        "integration": integration(key),
        "groupKey": key.group.as_str(),
        "groupLabels": labels,
        "attempts": attempts,
        "waits": waits.as_str(),
        "node": other,
    })
}

/// The fields that every entry has, and those of its outcome alone.
fn entry(entry: &Entry, names: &Names, own: &str) -> Value {
    let key = &entry.key;
    let mut value = json!({
        "at": entry.at,
        "afterMs": u64::try_from(entry.after.as_millis()).unwrap_or(u64::MAX),
        "receiver": &*key.receiver,
        "integration": integration(key),
        "groupKey": key.group.as_str(),
        "groupLabels": entry.labels,
        "outcome": entry.outcome.as_str(),
    });
    if let Some(told) = &entry.told {
        value["node"] = own.into();
        value["firing"] = told.firing.into();
        value["resolved"] = told.resolved.into();
        value["content"] = told.content.as_str().into();
        value["answer"] = told.answer.as_str().into();
    }
    let (own, of): (&str, Value) = match &entry.outcome {
        Outcome::Expired { attempts } => ("attempts", (*attempts).into()),
        Outcome::Failed { why }
        | Outcome::Misrendered { why }
        | Outcome::Refused { why }
        | Outcome::Surrendered { why } => ("why", why.as_str().into()),
        Outcome::FellBack { to } => ("to", (**to).into()),
        Outcome::Held { by: node }
        | Outcome::Told { by: node }
        | Outcome::TookOver { from: node } => ("node", name(names, *node).into()),
        Outcome::Muted(muting) => {
            let Muting { alerts, inhibited, silenced, intervals } = muting;
            value["alerts"] = (*alerts).into();
            value["inhibited"] = (*inhibited).into();
            value["silenced"] = (*silenced).into();
            ("intervals", intervals.iter().map(|name| &**name).collect())
        }
        Outcome::HeldBack { left } | Outcome::Waiting { left } => {
            ("leftMs", u64::try_from(left.as_millis()).unwrap_or(u64::MAX).into())
        }
        Outcome::Sent { reason, attempts } => {
            value["reason"] = reason.as_str().into();
            ("attempts", (*attempts).into())
        }
    };
    value[own] = of;
    value
}

//! `GET /bellwether/v1/history`: what became of the latest deliveries and why, newest first.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::{Response, flock};
use crate::node::{Entry, Node, Outcome};
use crate::time::Now;

pub(super) fn list(node: &Node, now: Now) -> Response {
    let names = node.flock().map(|it| flock::names(it, now)).unwrap_or_default();
    let mut entries: Vec<Value> = node.history().map(|it| entry(it, &names)).collect();
    entries.reverse();
    Response::json(200, Value::from(entries).to_string().into_bytes())
}

/// What every entry has, and what is of its outcome alone.
fn entry(entry: &Entry, names: &BTreeMap<u64, String>) -> Value {
    let key = &entry.key;
    let mut value = json!({
        "at": entry.at,
        "afterMs": u64::try_from(entry.after.as_millis()).unwrap_or(u64::MAX),
        "receiver": &*key.receiver,
        "integration": format!("{}[{}]", key.integration, key.index),
        "groupKey": key.group.as_str(),
        "groupLabels": entry.labels,
        "outcome": entry.outcome.as_str(),
    });
    let name = |node: &u64| names.get(node).cloned().unwrap_or_else(|| flock::id(*node));
    let (own, of): (&str, Value) = match &entry.outcome {
        Outcome::Expired { attempts } => ("attempts", (*attempts).into()),
        Outcome::Failed { why }
        | Outcome::Misrendered { why }
        | Outcome::Refused { why }
        | Outcome::Surrendered { why } => ("why", why.as_str().into()),
        Outcome::Held { by: node }
        | Outcome::Told { by: node }
        | Outcome::TookOver { from: node } => ("node", name(node).into()),
        Outcome::Sent { reason, attempts } => {
            value["reason"] = reason.as_str().into();
            ("attempts", (*attempts).into())
        }
    };
    value[own] = of;
    value
}

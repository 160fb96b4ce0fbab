//! `GET /bellwether/v1/history`: what became of the latest deliveries and why, newest first.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::{Response, flock};
use crate::node::{Entry, Muting, Node, Outcome};
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
    // What is of the group as a whole is of no integration.
    let integration = match &*key.integration {
        "" => String::new(),
        kind => format!("{kind}[{}]", key.index),
    };
    let mut value = json!({
        "at": entry.at,
        "afterMs": u64::try_from(entry.after.as_millis()).unwrap_or(u64::MAX),
        "receiver": &*key.receiver,
        "integration": integration,
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
        Outcome::Muted(muting) => {
            let Muting { alerts, inhibited, silenced, intervals } = muting;
            value["alerts"] = (*alerts).into();
            value["inhibited"] = (*inhibited).into();
            value["silenced"] = (*silenced).into();
            ("intervals", intervals.iter().map(|name| &**name).collect())
        }
        Outcome::Waiting { left } => {
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

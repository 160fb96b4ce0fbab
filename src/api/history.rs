//! `GET /bellwether/v1/history`: what became of the latest deliveries and why, or which alerts began and ended, newest first.
//! `GET /bellwether/v1/pending`: the deliveries that are under way, and where each is.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::query::{Params, ReceiverFilter};
use crate::api::{Request, Response, flock};
use crate::limits::PENDING_SHOWN_MAX;
use crate::model::Matcher;
use crate::node::{Event, Node, Pending, Topic, Waits, integration};
use crate::time::{Now, Wall};
use crate::wire::rfc3339;

type Names = BTreeMap<u64, String>;

/// Lists the events of a topic that the request asks for.
pub(super) fn list(node: &Node, request: &Request<'_>) -> Response {
    match Wanted::new(&Params::new(request.query), node) {
        Err(refusal) => refusal,
        Ok(wanted) => {
            let events = node.history(wanted.topic).rev().take_while(|it| wanted.is_after(it));
            let texts: Vec<&str> =
                events.filter(|it| wanted.takes(&it.text)).map(|it| &*it.text).collect();
            Response::json(200, format!("[{}]", texts.join(",")).into_bytes())
        }
    }
}

/// The events that a request asks for.
struct Wanted {
    topic: Topic,
    after: After,
    receivers: ReceiverFilter,
    /// The outcome, or the status of an alert.
    outcome: Option<String>,
    matchers: Vec<Matcher>,
}

/// Only later events are asked for.
enum After {
    Id(u64),
    Time(Wall),
}

impl Wanted {
    fn new(params: &Params<'_>, node: &Node) -> Result<Self, Response> {
        let topic = match params.last("topic") {
            None | Some("notifications") => Topic::Notifications,
            Some("alerts") => Topic::Alerts,
            Some(other) => {
                let why = format!("topic: {other:?}: expected alerts or notifications");
                return Err(Response::string(400, &why));
            }
        };
        let after = params.last("after").unwrap_or("0");
        let after = after
            .parse()
            .map(After::Id)
            .ok()
            .or_else(|| rfc3339::parse(after).ok().flatten().map(After::Time));
        let after = after.ok_or_else(|| {
            Response::string(
                400,
                "after: expected the id of an entry, or a time such as 2026-11-29T06:00:00Z",
            )
        })?;
        Ok(Self {
            topic,
            after,
            receivers: ReceiverFilter::new(params, node)?,
            outcome: params.last("outcome").map(str::to_owned),
            matchers: params.filter(node.options().grammar)?,
        })
    }

    fn is_after(&self, event: &Event) -> bool {
        match self.after {
            After::Id(id) => event.id > id,
            After::Time(time) => event.at > time,
        }
    }

    fn takes(&self, text: &str) -> bool {
        let is_all = matches!(self.receivers, ReceiverFilter::All);
        if is_all && self.outcome.is_none() && self.matchers.is_empty() {
            return true;
        }
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let of = |name: &str| value.get(name).and_then(Value::as_str);
        let (labels, outcome) = match self.topic {
            Topic::Notifications => ("groupLabels", "outcome"),
            Topic::Alerts => ("labels", "status"),
        };
        let label = |name: &str| value.get(labels)?.get(name)?.as_str();
        (is_all || of("receiver").is_some_and(|it| self.receivers.takes(it)))
            && self.outcome.as_deref().is_none_or(|it| of(outcome) == Some(it))
            && self
                .matchers
                .iter()
                .all(|it| it.matches_value(label(it.name()).unwrap_or_default(), &mut 0))
    }
}

/// Lists what is under way, so many at most.
pub(super) fn pending(node: &Node, now: Now) -> Response {
    let names = node.flock().map(|it| flock::names(it, now)).unwrap_or_default();
    let shown = node.pending().take(PENDING_SHOWN_MAX);
    let list: Vec<Value> = shown.map(|it| under_way(&it, &names)).collect();
    Response::json(200, Value::from(list).to_string().into_bytes())
}

fn name(names: &Names, node: u64) -> String {
    names.get(&node).cloned().unwrap_or_else(|| flock::id(node))
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

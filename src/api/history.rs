//! `GET /bellwether/v1/history`: what became of the latest deliveries and why, or which alerts began and ended, newest first.
//! `GET /bellwether/v1/pending`: the deliveries that are under way, and where each is.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::pages::Pages;
use crate::api::query::Params;
use crate::api::receivers::ReceiverFilter;
use crate::api::{Request, Response, flock};
use crate::limits::{PENDING_SHOWN_MAX, PIECE_STEPS};
use crate::model::{Labels, Matchers};
use crate::node::{HistoryEvent, Node, Pending, Topic, Waits, integration};
use crate::time::{Now, Wall};
use crate::wire::rfc3339;

type Names = BTreeMap<u64, String>;

/// Steps to read a byte of an event's JSON.
const READ_STEPS: u64 = 4;

/// The list of the events of a topic that are asked for, the latest first.
#[derive(Debug)]
pub(super) struct List {
    topic: Topic,
    after: After,
    receivers: ReceiverFilter,
    /// The outcome, or the status of an alert.
    outcome: Option<String>,
    matchers: Matchers,
    /// Those before this one were not yet looked at.
    before: u64,
    /// How far the next one was compared with the matchers.
    at: usize,
}

/// Only later events are asked for.
#[derive(Debug)]
enum After {
    Id(u64),
    Time(Wall),
}

impl List {
    pub(super) fn new(node: &Node, request: &Request<'_>) -> Result<Self, Response> {
        let params = &Params::new(request.query);
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
            matchers: params.filter(node.options().grammar)?.into_iter().collect(),
            before: u64::MAX,
            at: 0,
        })
    }

    /// Lists some more. Returns whether that are all.
    pub(super) fn go_on(&mut self, node: &Node, pages: &mut Pages) -> bool {
        if !self.receivers.go_on(node, &mut pages.steps) {
            return false;
        }
        let before = self.before;
        for event in node.history(self.topic).rev().skip_while(|it| it.id >= before) {
            if !self.after.is_before(event) {
                break;
            }
            if pages.is_over() {
                return false;
            }
            let text = event.text();
            match self.takes(&text, &mut pages.steps) {
                None => return false,
                Some(true) => pages.push(|out| out.extend_from_slice(text.as_bytes())),
                Some(false) => {}
            }
            (self.before, self.at) = (event.id, 0);
        }
        true
    }

    /// Whether an event of this text is asked for; nothing if `steps`, to which what it takes is added, come to
    /// [`PIECE_STEPS`] before it is known: then the next call goes on.
    fn takes(&mut self, text: &str, steps: &mut u64) -> Option<bool> {
        if self.receivers.is_all() && self.outcome.is_none() && self.matchers.is_empty() {
            return Some(true);
        }
        *steps += READ_STEPS * text.len() as u64;
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let of = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let (labels, outcome) = match self.topic {
            Topic::Notifications => ("groupLabels", "outcome"),
            Topic::Alerts => ("labels", "status"),
        };
        if !self.receivers.takes(of("receiver"))
            || self.outcome.as_deref().is_some_and(|it| it != of(outcome))
        {
            return Some(false);
        }
        let pairs = value.get(labels).and_then(Value::as_object).into_iter().flatten();
        let labels: Labels =
            pairs.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
        self.matchers.compare(&labels, &mut self.at, steps, PIECE_STEPS)
    }
}

impl After {
    fn is_before(&self, event: &HistoryEvent) -> bool {
        match *self {
            Self::Id(id) => id < event.id,
            Self::Time(time) => time < event.at,
        }
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

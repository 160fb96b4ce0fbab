//! The receivers of notifications: they answer, hesitate, fail, or take without answering; and what they were told.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bellwether::time::Wall;

/// Bytes of an attempt beside its body: the headers, the answer, TLS.
pub(crate) const AROUND_BYTES: u64 = 1_500;

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Answers 200 after so many milliseconds, at least and at most.
    Fine(u64, u64),
    /// Answers with this status, having taken nothing.
    Fails(u16),
    /// Takes it, and never answers.
    Silent,
}

pub(crate) struct Receiver {
    pub(crate) manner: Manner,
    /// Seats from which there is no way to it.
    pub(crate) unreachable_from: BTreeSet<usize>,
    /// How long it takes to find that out, in ms.
    pub(crate) unreachable_after: (u64, u64),
}

impl Default for Receiver {
    fn default() -> Self {
        Self {
            manner: Manner::Fine(5, 40),
            unreachable_from: BTreeSet::new(),
            unreachable_after: (2, 900),
        }
    }
}

/// A notification that a receiver has taken.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// When it arrived.
    pub(crate) at: u64,
    /// When the node began to send it.
    pub(crate) begun: u64,
    /// Which node.
    pub(crate) seat: usize,
    /// The node's life then.
    pub(crate) life: u64,
    /// Which receiver.
    pub(crate) receiver: usize,
    /// The value of the group's label.
    pub(crate) group: Rc<str>,
    /// Alertmanager's words.
    pub(crate) reason: Rc<str>,
    /// Names of alerts.
    pub(crate) firing: BTreeSet<Rc<str>>,
    pub(crate) resolved: BTreeSet<Rc<str>>,
    /// When each of them ended, and whether it is told late.
    pub(crate) ends: BTreeMap<Rc<str>, (Wall, bool)>,
    /// The words in which it tells of the receiver's budget.
    pub(crate) of_budget: Option<Rc<str>>,
    /// Whether some alerts are counted only, since the budget is short.
    pub(crate) is_cut: bool,
    /// When its sender heard that it had arrived.
    pub(crate) answered_at: Option<u64>,
    /// Whether its sender's log of it became durable.
    pub(crate) kept: bool,
}

/// The content of a webhook's body.
pub(crate) struct Payload {
    pub(crate) group: Rc<str>,
    pub(crate) reason: Rc<str>,
    pub(crate) firing: BTreeSet<Rc<str>>,
    pub(crate) resolved: BTreeSet<Rc<str>>,
    pub(crate) ends: BTreeMap<Rc<str>, (Wall, bool)>,
    pub(crate) of_budget: Option<Rc<str>>,
    pub(crate) is_cut: bool,
}

/// Reads a webhook's body.
pub(crate) fn read(body: &str) -> Payload {
    let json: serde_json::Value = serde_json::from_str(body).expect("a payload is JSON");
    let text = |value: &serde_json::Value| -> Rc<str> { value.as_str().unwrap_or("").into() };
    let (mut firing, mut resolved, mut ends) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    for alert in json["alerts"].as_array().into_iter().flatten() {
        let name = text(&alert["labels"]["alertname"]);
        if alert["status"] == "firing" {
            firing.insert(name);
        } else {
            let at = alert["endsAt"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
            let at = Wall::from_ms(at.expect("a time").as_millisecond());
            ends.insert(Rc::clone(&name), (at, alert["late"] == true));
            resolved.insert(name);
        }
    }
    let (group, reason) = (text(&json["groupLabels"]["group"]), text(&json["notification_reason"]));
    let of_budget = json["heldBack"]["budget"].as_str().map(Into::into);
    let is_cut = json["heldBack"]["leftOut"].as_u64().is_some_and(|count| count > 0);
    Payload { group, reason, firing, resolved, ends, of_budget, is_cut }
}

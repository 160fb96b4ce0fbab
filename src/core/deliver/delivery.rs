//! A delivery: one integration is to be told of a flush. The flush has one for each integration of its receiver; `machine` says
//! what each does next.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Integration, Receiver};
use crate::core::Core;
use crate::core::deliver::backoff::RETRY_PAUSE_FIRST;
use crate::core::deliver::content::Content;
use crate::core::deliver::dedup::Reason;
use crate::core::deliver::machine::State;
use crate::core::timers::Timer;
use crate::core::which::Which;
use crate::effect::AttemptId;
use crate::limits::ATTEMPT_TIME;
use crate::model::{Brief, LogKey};
use crate::notify::{Cause, Draft};
use crate::time::Mono;

/// One integration's part of a flush.
#[derive(Debug)]
pub struct Delivery {
    /// The receiver that is notified: the route's, or its fallback.
    pub(in crate::core) receiver: Arc<Receiver>,
    /// The place of the integration in it.
    place: usize,
    /// Its entry in the log.
    pub(in crate::core) key: LogKey,
    pub(in crate::core) state: State,
    pub(in crate::core) attempts: u32,
    /// Requests of the attempt that is under way: some receivers take several.
    pub(in crate::core) requests: u32,
    /// The attempt that is under way, while it is [`State::Sending`].
    pub(in crate::core) sent: Option<Sent>,
    /// The ticket with which it waits, while it is [`State::Waiting`].
    pub(in crate::core) ticket: u64,
    /// The draft that the last attempt sends or has sent.
    pub(in crate::core) draft: Option<Rc<Draft>>,
    /// Why the last attempt failed, if it did.
    pub(in crate::core) cause: Option<Cause>,
    /// The pause after the next attempt, if that fails.
    pub(in crate::core) pause: Duration,
    /// How long the next attempt may take if its config does not say.
    pub(in crate::core) patience: Duration,
    /// When it is to be looked at again, while it is [`State::Held`] or [`State::Listening`].
    pub(in crate::core) due: Mono,
    /// The member whose claim it waits for, as the history has it.
    pub(in crate::core) held_by: Option<u64>,
    /// The member whose turn it was if this node takes it, until the history has it.
    pub(in crate::core) takes_from: Option<u64>,
    /// When it last answered another's claim while it was [`State::Sending`], or will.
    pub(in crate::core) answers: Option<Mono>,
    /// Whether it has left the turn to others without trying.
    pub(in crate::core) was_left: bool,
    /// The alerts.
    pub(in crate::core) content: Rc<Content>,
    /// Facts that the receiver's answer has brought, if any.
    pub(in crate::core) facts: Option<Rc<[Arc<str>]>>,
    /// The senders of the group's notifications when that was looked at last.
    pub(in crate::core) notified_by: Rc<[(u64, u64)]>,
    /// The deliveries of other groups that its attempt tells of, too.
    pub(in crate::core) carries: Vec<Which>,
}

/// An attempt that is under way.
#[derive(Clone, Copy, Debug)]
pub(in crate::core) struct Sent {
    pub(in crate::core) id: AttemptId,
    /// When its request was sent.
    pub(in crate::core) since: Mono,
    /// Why it is made.
    pub(in crate::core) reason: Reason,
}

impl Delivery {
    pub(in crate::core) fn new(
        (receiver, place): (Arc<Receiver>, usize),
        key: LogKey,
        (content, notified_by): (Rc<Content>, Rc<[(u64, u64)]>),
        now: Mono,
    ) -> Self {
        Self {
            receiver,
            place,
            key,
            state: State::Held,
            attempts: 0,
            requests: 0,
            sent: None,
            ticket: 0,
            draft: None,
            cause: None,
            pause: RETRY_PAUSE_FIRST,
            patience: ATTEMPT_TIME,
            due: now,
            held_by: None,
            takes_from: None,
            answers: None,
            was_left: false,
            content,
            facts: None,
            notified_by,
            carries: Vec::new(),
        }
    }

    /// The integration that it notifies.
    pub(in crate::core) fn integration(&self) -> Option<&Integration> {
        self.receiver.integrations.get(self.place)
    }
}

impl Core {
    /// A delivery of a flush that is under way.
    pub(in crate::core) fn delivery(&self, (id, at): Which) -> Option<&Delivery> {
        self.groups.get(id)?.flush.as_ref()?.deliveries.get(at)
    }

    /// The same, to be changed.
    pub(in crate::core) fn delivery_mut(&mut self, (id, at): Which) -> Option<&mut Delivery> {
        self.groups.get_mut(id)?.flush.as_mut()?.deliveries.get_mut(at)
    }

    /// The turn of a delivery.
    pub(in crate::core) fn turn_of(&self, which: Which) -> Option<u128> {
        self.delivery(which).map(|it| it.key.id())
    }

    /// The log entry of a delivery.
    pub(in crate::core) fn log_key_of(&self, which: Which) -> Option<LogKey> {
        self.delivery(which).map(|it| it.key.clone())
    }

    /// Sets the timer of a delivery, which never lies behind the flush's deadline.
    pub(in crate::core) fn set_timer(&mut self, (id, at): Which, when: Mono) {
        if let Some(deadline) = self.deadline_of((id, at)) {
            self.timers.set(Timer::Delivery(id, at), when.min(deadline));
        }
    }

    /// Sets the timer of a delivery to the flush's deadline.
    pub(in crate::core) fn set_timer_to_deadline(&mut self, (id, at): Which) {
        if let Some(deadline) = self.deadline_of((id, at)) {
            self.timers.set(Timer::Delivery(id, at), deadline);
        }
    }

    /// When the flush of a delivery gives up.
    pub(in crate::core) fn deadline_of(&self, (id, _): Which) -> Option<Mono> {
        self.groups.get(id)?.flush.as_ref().map(|flush| flush.deadline)
    }
}

/// The name of a delivery in the log: `default/webhook[0]: group {}:{alertname="A"}`.
pub(in crate::core) fn name(key: &LogKey) -> String {
    let LogKey { group, receiver, integration, index, .. } = key;
    format!("{}/{integration}[{index}]: group {}", Brief(receiver), Brief(group.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GroupKey;

    #[test]
    fn the_log_names_receiver_integration_and_group_in_bounds() {
        let key = |group: &str| {
            LogKey::new(GroupKey::from_stored(group), "team".into(), "webhook".into(), 1)
        };
        assert_eq!(
            name(&key(r#"{}:{alertname="A"}"#)),
            r#"team/webhook[1]: group {}:{alertname="A"}"#
        );
        assert!(name(&key(&"x".repeat(50_000))).len() < 1100);
    }
}

//! The one timer heap: what is to be done, and when.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::which::GroupId;
use crate::time::Mono;

/// The timers. The order breaks ties between timers of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A delivery of a large flush is to begin, by its place in the flush.
    Begin(GroupId, usize),
    /// The claim of an attempt that takes long is to be made or renewed.
    Claim(GroupId, usize),
    /// The flock is to hear that this node still holds turns.
    Pulse,
    /// The next look or attempt of a delivery, by its place in the flush; or its deadline while an attempt is under way.
    Delivery(GroupId, usize),
    /// Deliveries are to be told what became of others, or to be given places.
    Places,
    /// The next flush of a group.
    Flush(GroupId),
    /// Groups that have been empty for long are to go.
    Groups,
    /// Alerts that have been resolved for long are to go.
    Alerts,
    /// Silences and log entries that have expired are to go.
    Records,
    /// Whether the bounds of what is owed are kept is to be looked at.
    Owed,
    /// Silences that the config declares may begin or end.
    Declared,
    /// Heartbeats may be due.
    Heartbeats,
    /// An acknowledgement is to be looked at.
    Acknowledgements,
}

/// Each timer at most once.
#[derive(Debug, Default)]
pub struct Timers {
    queue: BTreeSet<(Mono, Timer)>,
    due: BTreeMap<Timer, Mono>,
}

impl Timers {
    /// Sets `timer` to `at`, wherever it stood before.
    pub fn set(&mut self, timer: Timer, at: Mono) {
        self.cancel(timer);
        self.due.insert(timer, at);
        self.queue.insert((at, timer));
    }

    /// Sets `timer` to `at` unless it is set.
    pub fn set_if_idle(&mut self, timer: Timer, at: Mono) {
        if !self.due.contains_key(&timer) {
            self.set(timer, at);
        }
    }

    /// Takes `timer` out.
    pub fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.due.remove(&timer) {
            self.queue.remove(&(at, timer));
        }
    }

    /// When `timer` is due.
    pub fn due(&self, timer: Timer) -> Option<Mono> {
        self.due.get(&timer).copied()
    }

    /// When the first timer is due.
    pub fn next(&self) -> Option<Mono> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes out the first timer that is due at `now`.
    pub fn pop(&mut self, now: Mono) -> Option<Timer> {
        let (at, timer) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.cancel(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_when_due_in_order_and_each_once() {
        let at = Mono::from_ms;
        let mut timers = Timers::default();
        timers.set(Timer::Alerts, at(30));
        timers.set(Timer::Groups, at(20));
        timers.set(Timer::Alerts, at(10));
        timers.set_if_idle(Timer::Alerts, at(1));
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.pop(at(9)), None);
        assert_eq!(timers.pop(at(25)), Some(Timer::Alerts));
        assert_eq!(timers.pop(at(25)), Some(Timer::Groups));
        assert_eq!(timers.next(), None);
    }
}

//! Places for attempts: so many attempts run at a time, and other deliveries wait here for a place.
//!
//! A free place goes to the integration with the fewest attempts under way, and there to the delivery that has waited longest.
//! No integration takes the last places, so that a receiver which swallows its attempts leaves room for the others. A delivery
//! that waits holds its turn as if it sent. When it gets its place it looks again at what was sent and claimed meanwhile. If
//! the receiver turns out not to be reached, all deliveries that wait for it are left to other members at once, instead of one
//! batch after the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::box_map::BoxMap;
use crate::config::Config;
use crate::core::Core;
use crate::core::deliver::budget::key_of;
use crate::core::deliver::machine::Input;
use crate::core::deliver::reach::{self, IntegrationKey};
use crate::core::timers::Timer;
use crate::core::which::Which;
use crate::effect::{AttemptId, Cx};
use crate::limits::{ATTEMPTS_BYTES_MAX, ATTEMPTS_EACH_MAX, ATTEMPTS_MAX};

/// The attempts and looks that are under way, and the deliveries that wait for a place.
#[derive(Debug, Default)]
pub(in crate::core) struct Places {
    made: u64,
    under_way: BoxMap<AttemptId, UnderWay>,
    /// Bytes of all that is under way.
    bytes: usize,
    looks: BoxMap<AttemptId, IntegrationKey>,
    /// Attempts that were stopped, until the bytes that each has moved are told.
    stopped: BoxMap<AttemptId, IntegrationKey>,
    /// The integrations that take one place at a time, so that each notification is counted before the next.
    single: BTreeSet<IntegrationKey>,
    /// How many places each integration has taken.
    taken: BoxMap<IntegrationKey, usize>,
    tickets: u64,
    /// By integration and ticket.
    waiting: BoxMap<IntegrationKey, BTreeMap<u64, Which>>,
    /// Deliveries that are to be told something, before any is given a place.
    untold: VecDeque<(Which, Input)>,
}

/// The deliveries to which one piece of the work brings an input or a place: each may compare its alerts and publish a claim.
pub(in crate::core) const STEPPED_AT_ONCE: usize = 64;

/// The integrations that are compared for one place at the cost of a step of a delivery.
const COMPARED_FOR_ONE: usize = 200;

#[derive(Debug)]
struct UnderWay {
    which: Which,
    /// The integration whose place it takes. One that writes to the log alone takes none.
    key: Option<IntegrationKey>,
    bytes: usize,
}

impl Places {
    /// Whether an attempt for this integration may begin.
    pub(in crate::core) fn is_free(&self, key: &IntegrationKey) -> bool {
        self.taken.values().sum::<usize>() < ATTEMPTS_MAX
            && self.taken_by(key) < if self.single.contains(key) { 1 } else { ATTEMPTS_EACH_MAX }
            && self.bytes < ATTEMPTS_BYTES_MAX
    }

    /// Gives each integration of a receiver with a rate limit one place at a time.
    pub(in crate::core) fn limit(&mut self, config: &Config) {
        let limited = config.receivers.iter().filter(|it| it.is_limited());
        self.single =
            limited.flat_map(|it| it.integrations.iter().map(|one| key_of(it, one))).collect();
    }

    fn taken_by(&self, key: &IntegrationKey) -> usize {
        self.taken.get(key).copied().unwrap_or(0)
    }

    /// Begins an attempt that sends so many bytes and takes a place of the integration `key`.
    pub(in crate::core) fn begin(
        &mut self,
        which: Which,
        key: Option<IntegrationKey>,
        bytes: usize,
    ) -> AttemptId {
        let attempt = self.name();
        if let Some(key) = &key {
            *self.taken.get_or_default(key.clone()) += 1;
        }
        self.bytes += bytes;
        self.under_way.insert(attempt, UnderWay { which, key, bytes });
        attempt
    }

    /// Begins a look, which takes a place like an attempt.
    pub(in crate::core) fn begin_look(&mut self, key: IntegrationKey) -> AttemptId {
        let look = self.name();
        *self.taken.get_or_default(key.clone()) += 1;
        self.looks.insert(look, key);
        look
    }

    /// A name that no attempt had before.
    pub(in crate::core) fn name(&mut self) -> AttemptId {
        self.made += 1;
        AttemptId(self.made - 1)
    }

    /// The delivery whose attempt it is, if it is under way.
    pub(in crate::core) fn which(&self, attempt: AttemptId) -> Option<Which> {
        self.under_way.get(&attempt).map(|it| it.which)
    }

    /// Ends an attempt. Returns the delivery whose it was, if it was under way.
    pub(in crate::core) fn end(&mut self, attempt: AttemptId) -> Option<Which> {
        let UnderWay { which, key, bytes } = self.under_way.remove(&attempt)?;
        self.bytes -= bytes;
        if let Some(key) = key {
            self.free(&key);
        }
        Some(which)
    }

    /// Ends an attempt that is stopped before its outcome.
    pub(in crate::core) fn stop(&mut self, attempt: AttemptId) {
        let key = self.under_way.get(&attempt).and_then(|it| it.key.clone());
        self.stopped.extend(key.map(|key| (attempt, key)));
        self.end(attempt);
    }

    /// Takes note that the bytes of a stopped attempt are told; its integration, if there was such an attempt.
    pub(in crate::core) fn end_stopped(&mut self, attempt: AttemptId) -> Option<IntegrationKey> {
        self.stopped.remove(&attempt)
    }

    /// Ends a look. Returns the integration that was looked at, if it was under way.
    pub(in crate::core) fn end_look(&mut self, look: AttemptId) -> Option<IntegrationKey> {
        let key = self.looks.remove(&look)?;
        self.free(&key);
        Some(key)
    }

    fn free(&mut self, key: &IntegrationKey) {
        if let Some(taken) = self.taken.get_mut(key) {
            *taken -= 1;
            if *taken == 0 {
                self.taken.remove(key);
            }
        }
    }

    /// Lets a delivery wait for a place of this integration. Returns its ticket.
    fn wait(&mut self, key: IntegrationKey, which: Which) -> u64 {
        self.tickets += 1;
        self.waiting.get_or_default(key).insert(self.tickets, which);
        self.tickets
    }

    /// Takes out what waits with this ticket.
    pub(in crate::core) fn leave(&mut self, key: &IntegrationKey, ticket: u64) {
        if let Some(waiting) = self.waiting.get_mut(key) {
            waiting.remove(&ticket);
            if waiting.is_empty() {
                self.waiting.remove(key);
            }
        }
    }

    /// Takes out what is to begin next, if there is a place for it.
    fn next(&mut self) -> Option<Which> {
        let firsts = self.waiting.iter().filter(|(key, _)| self.is_free(key));
        let first = |(key, waiting): (_, &BTreeMap<u64, Which>)| {
            let (ticket, which) = waiting.first_key_value()?;
            Some((self.taken_by(key), *ticket, *which, key))
        };
        let (_, ticket, which, key) = firsts.filter_map(first).min()?;
        let key = key.clone();
        self.leave(&key, ticket);
        Some(which)
    }

    /// The deliveries that wait for this integration, oldest first.
    fn waiting_for(&self, key: &IntegrationKey) -> Vec<Which> {
        self.waiting.get(key).into_iter().flat_map(BTreeMap::values).copied().collect()
    }
}

impl Core {
    /// Lets a delivery wait for a place, its turn held.
    pub(in crate::core) fn queue(&mut self, cx: &Cx<'_>, which: Which) {
        let Some(log) = self.log_key_of(which) else { return };
        let ticket = self.places.wait(reach::key(&log), which);
        if let Some(delivery) = self.delivery_mut(which) {
            delivery.ticket = ticket;
        }
        self.set_timer_to_deadline(which);
        self.arm_claim(cx, which);
    }

    /// Gives the places that are free to the deliveries that wait: to so many, and to the others in further pieces.
    pub(in crate::core) fn fill(&mut self, cx: &mut Cx<'_>) {
        let mut stepped = self.tell_untold(cx);
        while stepped < STEPPED_AT_ONCE {
            let Some(which) = self.places.next() else { return };
            stepped += 1 + self.places.waiting.len() / COMPARED_FOR_ONE;
            self.step(cx, which, Input::Place);
            self.finish(cx, which.0);
        }
        self.timers.set(Timer::Places, cx.now.mono);
    }

    /// Leaves the deliveries that wait for an integration that was not reached to other members, as far as those may reach it.
    pub(in crate::core) fn leave_waiting(&mut self, cx: &mut Cx<'_>, key: &IntegrationKey) {
        // Alone there is nobody to leave them to, and finding that out for each of thousands after each failure takes long.
        if !self.turns.alone() {
            self.tell(cx, self.places.waiting_for(key), Input::NotReached);
        }
    }

    /// Tells deliveries of an input: so many now, the others in further pieces.
    pub(in crate::core) fn tell(
        &mut self,
        cx: &mut Cx<'_>,
        deliveries: impl IntoIterator<Item = Which>,
        input: Input,
    ) {
        self.places.untold.extend(deliveries.into_iter().map(|which| (which, input)));
        if self.tell_untold(cx) >= STEPPED_AT_ONCE {
            self.timers.set(Timer::Places, cx.now.mono);
        }
    }

    /// Tells so many deliveries what they are to be told. Returns how many these were.
    fn tell_untold(&mut self, cx: &mut Cx<'_>) -> usize {
        let mut told = 0;
        while told < STEPPED_AT_ONCE
            && let Some((which, input)) = self.places.untold.pop_front()
        {
            told += 1;
            self.step(cx, which, input);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::which::GroupId;

    fn key(name: &str) -> IntegrationKey {
        (name.into(), "webhook".into(), 0)
    }

    fn which(number: u64) -> Which {
        (GroupId(number), 0)
    }

    #[test]
    fn large_attempts_wait_until_those_under_way_leave_room() {
        let mut it = Places::default();
        let first = it.begin(which(0), Some(key("a")), ATTEMPTS_BYTES_MAX - 1);
        assert!(it.is_free(&key("b")));
        it.begin(which(1), Some(key("b")), 8 * ATTEMPTS_BYTES_MAX);
        assert!(!it.is_free(&key("c")));
        it.end(first);
        assert!(!it.is_free(&key("c")));
    }

    #[test]
    fn a_place_goes_to_the_oldest_of_the_least_busy_integration() {
        let mut it = Places::default();
        let mut begun = Vec::new();
        for number in 0..ATTEMPTS_MAX {
            let key = key(if number < ATTEMPTS_EACH_MAX { "a" } else { "c" });
            assert!(it.is_free(&key));
            begun.push(it.begin(which(number as u64), Some(key), 0));
        }
        assert!(!it.is_free(&key("a")) && !it.is_free(&key("b")));
        for (number, name) in [(100, "a"), (101, "a"), (102, "b"), (103, "b")] {
            it.wait(key(name), which(number));
        }
        assert_eq!(it.next(), None, "all places are taken");
        let mut order = Vec::new();
        for attempt in begun.drain(..4) {
            assert!(it.end(attempt).is_some());
            let next = it.next().unwrap();
            let name = if next.0.0 < 102 { "a" } else { "b" };
            it.begin(next, Some(key(name)), 0);
            order.push(next.0.0);
        }
        assert_eq!(order, [102, 103, 100, 101]);
        assert_eq!(it.next(), None, "nothing waits");
    }

    #[test]
    fn no_integration_takes_the_last_places() {
        let mut it = Places::default();
        for number in 0..ATTEMPTS_EACH_MAX as u64 {
            it.begin(which(number), Some(key("a")), 0);
        }
        it.wait(key("a"), which(100));
        assert!(!it.is_free(&key("a")) && it.is_free(&key("b")));
        assert_eq!(it.next(), None);
        it.end(AttemptId(0));
        assert_eq!(it.next(), Some(which(100)));
    }

    #[test]
    fn a_delivery_that_leaves_is_not_begun_and_an_attempt_ends_once() {
        let mut it = Places::default();
        let attempt = it.begin(which(0), Some(key("a")), 0);
        let ticket = it.wait(key("a"), which(1));
        it.wait(key("a"), which(2));
        it.leave(&key("a"), ticket);
        it.leave(&key("a"), ticket);
        assert_eq!(it.waiting_for(&key("a")), [which(2)]);
        assert_eq!((it.end(attempt), it.end(attempt)), (Some(which(0)), None));
        assert_eq!(it.next(), Some(which(2)));
        assert!(it.waiting.is_empty() && it.taken.is_empty());
    }

    #[test]
    fn an_instant_receiver_takes_no_place() {
        let mut it = Places::default();
        for number in 0..40 {
            it.begin(which(number), None, 0);
        }
        assert!(it.is_free(&key("a")));
    }
}

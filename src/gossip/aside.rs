//! The versions of records that the tables hold and the flock is not told of: because no node has published them, because the
//! index had no room, because they have ended, or because the flock knows a newer version that the tables refused.
//!
//! The first of these stay, and the others are refused again: only records for which there was no room are offered to the
//! index once more, some minutes later and in pieces.

use std::collections::BTreeMap;
use std::ops::Bound::{self, Excluded, Unbounded};
use std::time::Duration;

use super::record::{Key, Stamp};
use crate::time::Mono;

/// Records for which the index had no room are offered to it again after so long.
const OFFERED_AFTER: Duration = Duration::from_secs(5 * 60);

/// Stamps by key.
#[derive(Debug, Default)]
pub(super) struct Aside {
    stamps: BTreeMap<Key, Stamp>,
    /// Since when a record waits for room.
    full_since: Option<Mono>,
    /// Below which key those are that are still to be offered, while they are.
    offering: Option<Bound<Key>>,
}

impl Aside {
    pub(super) fn get(&self, key: &Key) -> Option<Stamp> {
        self.stamps.get(key).copied()
    }

    pub(super) fn put(&mut self, key: Key, stamp: Stamp) {
        self.stamps.insert(key, stamp);
    }

    pub(super) fn remove(&mut self, key: &Key) {
        self.stamps.remove(key);
    }

    /// Notes that there was no room for one of these: the others are not offered before there may be.
    pub(super) fn note_full(&mut self, now: Mono) {
        self.full_since.get_or_insert(now);
        self.offering = None;
    }

    /// Has all be offered now.
    pub(super) fn offer_all(&mut self) {
        (self.full_since, self.offering) = (None, Some(Unbounded));
    }

    /// So many of those that are to be offered now; those after them come the next time. The kinds with the lowest numbers
    /// come last: a member that has room for an alert and not for its log entry would notify once more.
    pub(super) fn take_offered(&mut self, now: Mono, count: usize) -> Vec<(Key, Stamp)> {
        if self.full_since.is_some_and(|at| now.since(at) >= OFFERED_AFTER) {
            self.offer_all();
        }
        let Some(below) = self.offering.take() else { return Vec::new() };
        let rest = self.stamps.range((Unbounded, below)).rev();
        let some: Vec<_> = rest.take(count).map(|(key, stamp)| (key.clone(), *stamp)).collect();
        if some.len() == count {
            self.offering = some.last().map(|(key, _)| Excluded(key.clone()));
        }
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_offered_last() {
        let mut aside = Aside::default();
        let keys = [(3, 2), (3, 1), (2, 1), (1, 2), (1, 1)].map(|(kind, id)| Key::new(kind, [id]));
        for key in &keys {
            aside.put(key.clone(), Stamp::default());
        }
        let later = Mono::ZERO + OFFERED_AFTER;
        assert_eq!(aside.take_offered(later, 9), [], "nothing waits for room");
        aside.note_full(Mono::ZERO);
        let mut offered = Vec::new();
        for now in [Mono::ZERO, later, later, later, later] {
            let some = aside.take_offered(now, 2).into_iter().map(|(key, _)| key);
            offered.push(some.collect::<Vec<_>>());
        }
        assert_eq!(offered, [&keys[..0], &keys[..2], &keys[2..4], &keys[4..], &keys[..0]]);
    }
}

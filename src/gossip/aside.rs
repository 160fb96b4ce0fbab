//! The versions of records that the tables hold and the flock is not told of: because no node has published them, because the
//! index had no room, because they have ended, or because the flock knows a newer version that the tables refused.
//!
//! The first of these stay, and the others are refused again: only records for which there was no room are offered to the
//! index once more, some minutes later and in pieces.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

use super::record::{Key, Stamp};
use crate::time::Mono;

/// The first kind after that of alerts.
const AFTER_ALERTS: u8 = 2;

/// Records for which the index had no room are offered to it again after so long.
const OFFERED_AFTER: Duration = Duration::from_secs(5 * 60);

/// Stamps by key.
#[derive(Debug, Default)]
pub(super) struct Aside {
    stamps: BTreeMap<Key, Stamp>,
    /// Since when a record waits for room.
    full_since: Option<Mono>,
    /// While they are being offered: the last one that was, at first one before all but alerts.
    offering: Option<Key>,
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
        (self.full_since, self.offering) = (None, Some(Key::new(AFTER_ALERTS, [])));
    }

    /// Whether some are still to be offered.
    pub(super) const fn is_offering(&self) -> bool {
        self.offering.is_some()
    }

    /// So many of those that are to be offered now; those after them come the next time. Silences come first, and alerts last: a
    /// member that has room for an alert and not for its log entry would notify once more.
    pub(super) fn take_offered(&mut self, now: Mono, count: usize) -> Vec<(Key, Stamp)> {
        if self.full_since.is_some_and(|at| now.since(at) >= OFFERED_AFTER) {
            self.offer_all();
        }
        let Some(last) = self.offering.take() else { return Vec::new() };
        let others = Key::new(AFTER_ALERTS, []);
        let is_alert = last < others;
        let rest = (!is_alert).then(|| self.stamps.range((Excluded(&last), Unbounded)));
        let alerts_from = if is_alert { Excluded(&last) } else { Unbounded };
        let alerts = self.stamps.range((alerts_from, Excluded(&others)));
        let rest = rest.into_iter().flatten().chain(alerts);
        let some: Vec<_> = rest.take(count).map(|(key, stamp)| (key.clone(), *stamp)).collect();
        if some.len() == count {
            self.offering = some.last().map(|(key, _)| key.clone());
        }
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silences_are_offered_first_and_alerts_last() {
        let mut aside = Aside::default();
        let keys = [(2, 1), (3, 1), (3, 2), (1, 1), (1, 2)].map(|(kind, id)| Key::new(kind, [id]));
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

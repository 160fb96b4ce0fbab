//! The versions of the records that this node holds: the core holds their objects, this table their stamps.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::core::step::Step;
use crate::gossip::{Key, Version};
use crate::limits::NEWER_BYTES_MAX;
use crate::node::kinds::rules;
use crate::store::Record;
use crate::time::{Mono, Wall};
use crate::wire::record::{GroupTimer, Kind, decode_group};
use crate::wire::rest::{rest, with_rest};

/// How long claims and timers that have ended may stay.
const SWEEP_CLAIMS: Duration = Duration::from_secs(1);
const SWEEP_GROUPS: Duration = Duration::from_secs(15 * 60);
/// The timers of groups that one sweep looks at, each of which it may have to read; the next one goes on.
const SWEPT_AT_ONCE: usize = 1_000;

/// The version of a record that this node holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) version: Version,
    /// Wall milliseconds, by the flock's time, from which on the record means nothing.
    pub(super) expires_at_ms: i64,
    /// Of an alert: the end of its lease that the flock knows, by our clock.
    pub(super) lease_end: Wall,
    pub(super) extra: Extra,
}

/// The part of a body that the core does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Extra {
    /// None: the core holds all of it.
    #[default]
    None,
    /// The elements that only a newer version knows.
    Newer(Rc<[u8]>),
    /// The whole body, by our clock.
    Whole(Rc<[u8]>),
}

impl Extra {
    /// The part that a stamp must hold of a body as we write it, and of the elements that only a newer version knows.
    pub(super) fn of(kind: Kind, body: &[u8], newer: Option<&[u8]>) -> Self {
        match newer {
            Some(newer) if rules(kind).is_in_core() => Self::Newer(newer.into()),
            None if rules(kind).is_in_core() => Self::None,
            Some(newer) => Self::Whole(with_rest(kind, body, newer).into()),
            None => Self::Whole(body.into()),
        }
    }

    /// The bytes that count against [`NEWER_BYTES_MAX`].
    fn newer_bytes(&self) -> usize {
        if let Self::Newer(newer) = self { newer.len() } else { 0 }
    }
}

impl Stamp {
    /// The elements of the body that only a newer version knows.
    pub(super) fn newer(&self, kind: Kind) -> Option<&[u8]> {
        match &self.extra {
            Extra::None => None,
            Extra::Newer(newer) => Some(newer),
            Extra::Whole(body) => rest(kind, body),
        }
    }

    /// The timer of a group, if that is the body.
    fn timer(&self) -> Option<GroupTimer> {
        if let Extra::Whole(body) = &self.extra { decode_group(body).ok() } else { None }
    }
}

/// The place of a stamp: kind and key.
pub(super) type Place = (Kind, u128);

/// The place of the first of all. Alerts come last: a member that has room for an alert and not for its log entry would notify
/// once more.
pub(super) const FIRST: Place = (Kind::Silence, 0);

/// The stamps, by kind and key.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    by_key: BTreeMap<Place, Stamp>,
    /// Bytes of all elements that only newer versions know.
    newer_bytes: usize,
    /// When claims and groups are to be swept.
    next_claims: Mono,
    next_groups: Mono,
    /// Where the sweep of the timers of groups is to go on, while one is under way.
    swept: Option<u128>,
}

impl Stamps {
    pub(super) fn get(&self, kind: Kind, key: &[u8]) -> Option<&Stamp> {
        self.by_key.get(&(kind, number(key)))
    }

    /// Holds a stamp. If there is no room for the elements that only a newer version knows, these are left out.
    pub(super) fn put(&mut self, kind: Kind, key: &[u8], mut stamp: Stamp) {
        self.remove(kind, key);
        if stamp.extra.newer_bytes() > NEWER_BYTES_MAX - self.newer_bytes {
            stamp.extra = Extra::None;
        }
        self.newer_bytes += stamp.extra.newer_bytes();
        self.by_key.insert((kind, number(key)), stamp);
    }

    pub(super) fn remove(&mut self, kind: Kind, key: &[u8]) {
        if let Some(stamp) = self.by_key.remove(&(kind, number(key))) {
            self.newer_bytes -= stamp.extra.newer_bytes();
        }
    }

    /// Each stamp from a place on, alerts last, with its place and the key by which the flock knows its record.
    pub(super) fn iter_from(&self, first: Place) -> impl Iterator<Item = (Place, Key, &Stamp)> {
        let is_alert = first < FIRST;
        let others = (!is_alert).then(|| self.by_key.range(first..)).into_iter().flatten();
        let first_alert = if is_alert { first } else { (Kind::Alert, 0) };
        others.chain(self.by_key.range(first_alert..FIRST)).map(|(place, stamp)| {
            let (kind, key) = *place;
            let id = &key.to_be_bytes()[16 - rules(kind).key_bytes()..];
            (*place, Key::new(kind.number(), id), stamp)
        })
    }

    /// Moves all times along when our clock steps.
    pub(super) fn step(&mut self, step: Step) {
        for ((kind, _), stamp) in &mut self.by_key {
            stamp.lease_end = step.time(stamp.lease_end);
            if let Extra::Whole(body) = &stamp.extra
                && let Some(stepped) = rules(*kind).stepped(body, step)
            {
                stamp.extra = Extra::of(*kind, &stepped, rest(*kind, body));
            }
        }
    }

    /// Forgets claims, beats and timers of groups that mean nothing any more at `now_ms` of the flock's time, but for timers of
    /// groups that `is_there` knows. Returns the deletions for flash. Does nothing when the last sweep was a moment ago.
    pub(super) fn sweep(
        &mut self,
        now: Mono,
        now_ms: i64,
        is_there: impl Fn(&GroupTimer) -> bool,
    ) -> Vec<Record> {
        if self.next_claims <= now {
            self.next_claims = now + SWEEP_CLAIMS;
            self.remove_ended(Kind::Claim, now_ms);
        }
        if self.next_groups <= now {
            self.next_groups = now + SWEEP_GROUPS;
            self.remove_ended(Kind::Beat, now_ms);
            self.swept.get_or_insert(0);
        }
        let Some(from) = self.swept else { return Vec::new() };
        let mut timers = self.by_key.range((Kind::Group, from)..=(Kind::Group, u128::MAX));
        let gone = |stamp: &Stamp| stamp.timer().is_none_or(|timer| !is_there(&timer));
        let ended: Vec<[u8; 16]> = (&mut timers)
            .take(SWEPT_AT_ONCE)
            .filter(|(_, stamp)| stamp.expires_at_ms <= now_ms && gone(stamp))
            .map(|((_, key), _)| key.to_be_bytes())
            .collect();
        self.swept = timers.next().map(|((_, key), _)| *key);
        for key in &ended {
            self.remove(Kind::Group, key);
        }
        ended.into_iter().map(|key| Record::delete(Kind::Group.number().into(), key)).collect()
    }

    /// Forgets the records of one kind, with keys of 16 bytes, that mean nothing any more at `now_ms`.
    fn remove_ended(&mut self, kind: Kind, now_ms: i64) {
        let all = self.by_key.range((kind, 0)..=(kind, u128::MAX));
        let ended = all.filter(|(_, stamp)| stamp.expires_at_ms <= now_ms);
        let keys: Vec<[u8; 16]> = ended.map(|((_, key), _)| key.to_be_bytes()).collect();
        for key in keys {
            self.remove(kind, &key);
        }
    }
}

/// The key by which the flock knows a record.
pub(super) fn shared_key(kind: Kind, key: &[u8]) -> Key {
    Key::new(kind.number(), key)
}

/// Keys are 8 or 16 bytes: a number, big-endian.
fn number(key: &[u8]) -> u128 {
    key.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;
    use crate::wire::record::{encode_group, group_key};

    #[test]
    fn elements_of_newer_versions_are_bounded() {
        let mut stamps = Stamps::default();
        let stamp =
            |bytes: usize| Stamp { extra: Extra::Newer(vec![0; bytes].into()), ..Stamp::default() };
        stamps.put(Kind::Alert, &[1; 8], stamp(NEWER_BYTES_MAX));
        stamps.put(Kind::Alert, &[2; 8], stamp(1));
        assert_eq!(stamps.get(Kind::Alert, &[2; 8]), Some(&Stamp::default()));
        stamps.put(Kind::Alert, &[1; 8], stamp(NEWER_BYTES_MAX - 1));
        stamps.put(Kind::Alert, &[2; 8], stamp(1));
        assert_eq!(stamps.get(Kind::Alert, &[2; 8]), Some(&stamp(1)));
        stamps.remove(Kind::Alert, &[1; 8]);
        assert_eq!(stamps.newer_bytes, 1);
    }

    #[test]
    fn alerts_come_after_what_was_told_of_them() {
        let mut stamps = Stamps::default();
        for (kind, key) in [(Kind::Alert, 1), (Kind::Alert, 2), (Kind::Log, 1), (Kind::Beat, 1)] {
            stamps.put(kind, &[key; 8], Stamp::default());
        }
        let all: Vec<Place> = stamps.iter_from(FIRST).map(|it| it.0).collect();
        let kinds: Vec<Kind> = all.iter().map(|it| it.0).collect();
        assert_eq!(kinds, [Kind::Log, Kind::Beat, Kind::Alert, Kind::Alert]);
        for (n, place) in all.iter().enumerate() {
            let rest: Vec<Place> = stamps.iter_from(*place).map(|it| it.0).collect();
            assert_eq!(rest, all[n..]);
        }
    }

    fn group(path: &str, expires_at_ms: i64) -> ([u8; 16], Stamp) {
        let labels = Labels::empty();
        let key = group_key(path, &labels);
        let timer = GroupTimer { path: path.to_owned(), labels, first: Wall::EPOCH };
        let extra = Extra::Whole(encode_group(&timer).into());
        (key, Stamp { expires_at_ms, extra, ..Stamp::default() })
    }

    #[test]
    fn timers_without_a_group_are_swept() {
        let mut stamps = Stamps::default();
        for (path, expires_at_ms) in [("gone", 10), ("there", 10), ("later", 11)] {
            let (key, stamp) = group(path, expires_at_ms);
            stamps.put(Kind::Group, &key, stamp);
        }
        stamps.put(Kind::Alert, &[1; 8], Stamp::default());
        let is_there = |timer: &GroupTimer| timer.path == "there";
        assert_eq!(stamps.sweep(Mono::ZERO, 9, is_there), []);
        assert_eq!(stamps.sweep(Mono::ZERO, 10, is_there), [], "a moment after the last sweep");
        let delete = |path| Record::delete(Kind::Group.number().into(), group(path, 0).0);
        let later = Mono::ZERO + SWEEP_GROUPS;
        assert_eq!(stamps.sweep(later, 10, is_there), [delete("gone")]);
        assert_eq!(stamps.iter_from(FIRST).count(), 3);
        assert_eq!(stamps.sweep(later + SWEEP_GROUPS, 11, |_| false).len(), 2);
        assert_eq!(stamps.iter_from(FIRST).count(), 1, "the alert's");
    }

    #[test]
    fn timers_are_swept_in_pieces() {
        let mut stamps = Stamps::default();
        for n in 0..=2 * SWEPT_AT_ONCE {
            let (key, stamp) = group(&n.to_string(), 10);
            stamps.put(Kind::Group, &key, stamp);
        }
        let asked = std::cell::Cell::new(0);
        let mut pieces = Vec::new();
        for _ in 0..4 {
            let is_there = |_: &GroupTimer| {
                asked.set(asked.get() + 1);
                false
            };
            stamps.sweep(Mono::ZERO, 10, is_there);
            pieces.push(asked.take());
        }
        assert_eq!(pieces, [SWEPT_AT_ONCE, SWEPT_AT_ONCE, 1, 0]);
        assert_eq!(stamps.iter_from(FIRST).count(), 0);
    }

    #[test]
    fn ended_claims_are_swept_within_a_second() {
        let mut stamps = Stamps::default();
        for end in [10, 11] {
            let expires_at_ms = i64::from(end);
            stamps.put(Kind::Claim, &[end; 16], Stamp { expires_at_ms, ..Stamp::default() });
        }
        stamps.put(Kind::Log, &[9; 16], Stamp::default());
        assert_eq!(stamps.sweep(Mono::ZERO, 10, |_| false), []);
        assert_eq!(stamps.get(Kind::Claim, &[10; 16]), None);
        stamps.sweep(Mono::from_ms(999), 11, |_| false);
        assert!(stamps.get(Kind::Claim, &[11; 16]).is_some(), "a moment after the last sweep");
        stamps.sweep(Mono::from_ms(1_000), 11, |_| false);
        assert_eq!(stamps.iter_from(FIRST).count(), 1, "the log entry's");
    }
}

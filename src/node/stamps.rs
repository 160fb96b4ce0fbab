//! The versions of what is kept and shared: each table of the core holds its nouns, this one their stamps.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::core::clock::Step;
use crate::faults::{self, Fault};
use crate::gossip::{Key, Version};
use crate::limits::NEWER_BYTES_MAX;
use crate::store::Record;
use crate::time::{Mono, Wall};
use crate::wire::record::{GroupTimer, Kind, decode_group, encode_group};
use crate::wire::rest::{rest, with_rest};

/// How long what has ended may stay.
const SWEEP_CLAIMS: Duration = Duration::from_secs(1);
const SWEEP_GROUPS: Duration = Duration::from_secs(15 * 60);

/// Which version of a record is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Its version.
    pub(super) version: Version,
    /// Wall milliseconds, by the flock's time, from which on it means nothing.
    pub(super) expires_at_ms: i64,
    /// Of an alert: the end that the flock knows of, by our clock.
    pub(super) shared_end: Wall,
    /// What of its body the core does not hold: all of claims and groups, by our clock, else what only a newer version
    /// knows.
    pub(super) beyond: Option<Rc<[u8]>>,
}

impl Stamp {
    /// What of the body only a newer version knows.
    pub(super) fn rest(&self, kind: Kind) -> Option<&[u8]> {
        let beyond = self.beyond.as_deref()?;
        if is_whole(kind) { rest(kind, beyond) } else { Some(beyond) }
    }
}

/// Whether the body of this kind is held whole.
const fn is_whole(kind: Kind) -> bool {
    matches!(kind, Kind::Claim | Kind::Group)
}

/// What a stamp has to hold of a body: as we write it, and what of it only a newer version knows.
pub(super) fn beyond(kind: Kind, body: &[u8], rest: Option<&[u8]>) -> Option<Rc<[u8]>> {
    let rest = rest.filter(|_| !faults::on(Fault::NewerForgotten));
    match rest {
        Some(rest) if is_whole(kind) => Some(with_rest(kind, body, rest).into()),
        None if is_whole(kind) => Some(body.into()),
        rest => rest.map(Into::into),
    }
}

/// The stamps, by kind and key.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    by_key: BTreeMap<(u8, u128), Stamp>,
    /// Bytes of all that only newer versions know.
    rest_bytes: usize,
    /// When claims and groups are to be swept.
    next_claims: Mono,
    next_groups: Mono,
}

impl Stamps {
    pub(super) fn get(&self, kind: Kind, key: &[u8]) -> Option<&Stamp> {
        self.by_key.get(&(kind.number(), number(key)))
    }

    pub(super) fn put(&mut self, kind: Kind, key: &[u8], mut stamp: Stamp) {
        self.remove(kind, key);
        if !is_whole(kind) {
            let left = NEWER_BYTES_MAX - self.rest_bytes;
            stamp.beyond = stamp.beyond.filter(|rest| rest.len() <= left);
            self.rest_bytes += stamp.beyond.as_ref().map_or(0, |rest| rest.len());
        }
        self.by_key.insert((kind.number(), number(key)), stamp);
    }

    pub(super) fn remove(&mut self, kind: Kind, key: &[u8]) {
        if let Some(stamp) = self.by_key.remove(&(kind.number(), number(key)))
            && !is_whole(kind)
        {
            self.rest_bytes -= stamp.beyond.map_or(0, |rest| rest.len());
        }
    }

    /// Each stamp with the kind and key that the flock knows it by.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Stamp)> {
        self.by_key.iter().map(|((kind, key), stamp)| {
            let bytes = key.to_be_bytes();
            let id = if *kind == Kind::Alert.number() { &bytes[8..] } else { &bytes[..] };
            (Key { kind: *kind, id: id.to_vec() }, stamp)
        })
    }

    /// Moves all times along when our clock steps.
    pub(super) fn step(&mut self, step: Step) {
        for ((kind, _), stamp) in &mut self.by_key {
            stamp.shared_end = step.time(stamp.shared_end);
            if *kind == Kind::Group.number()
                && let Some(timer) = stamp.beyond.as_deref().and_then(|it| decode_group(it).ok())
            {
                let first = step.time(timer.first);
                let body = encode_group(&GroupTimer { first, ..timer });
                stamp.beyond = beyond(Kind::Group, &body, stamp.rest(Kind::Group));
            }
        }
    }

    /// Forgets claims and timers of groups that mean nothing any more at `now_ms` of the flock's time, but timers of groups
    /// that `is_there` knows. Returns what tells flash so. Does nothing where the last sweep was a moment ago.
    pub(super) fn sweep(
        &mut self,
        now: Mono,
        now_ms: i64,
        is_there: impl Fn(&GroupTimer) -> bool,
    ) -> Vec<Record> {
        if self.next_claims <= now {
            self.next_claims = now + SWEEP_CLAIMS;
            for key in self.ended(Kind::Claim, now_ms, |_| true) {
                self.remove(Kind::Claim, &key);
            }
        }
        if now < self.next_groups {
            return Vec::new();
        }
        self.next_groups = now + SWEEP_GROUPS;
        let timer = |stamp: &Stamp| stamp.beyond.as_deref().and_then(|it| decode_group(it).ok());
        let gone = |stamp: &Stamp| timer(stamp).is_none_or(|timer| !is_there(&timer));
        let ended = self.ended(Kind::Group, now_ms, gone);
        for key in &ended {
            self.remove(Kind::Group, key);
        }
        ended.into_iter().map(|key| Record::delete(Kind::Group.number().into(), key)).collect()
    }

    /// The keys of one kind, of 16 bytes, that mean nothing any more at `now_ms`.
    fn ended(&self, kind: Kind, now_ms: i64, gone: impl Fn(&Stamp) -> bool) -> Vec<[u8; 16]> {
        self.by_key
            .range((kind.number(), 0)..=(kind.number(), u128::MAX))
            .filter(|(_, stamp)| stamp.expires_at_ms <= now_ms && gone(stamp))
            .map(|((_, key), _)| key.to_be_bytes())
            .collect()
    }
}

/// The key by which the flock knows a record.
pub(super) fn shared_key(kind: Kind, key: &[u8]) -> Key {
    Key { kind: kind.number(), id: key.to_vec() }
}

/// Keys are 8 or 16 bytes: a number, big-endian.
fn number(key: &[u8]) -> u128 {
    key.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;
    use crate::wire::record::group_key;

    #[test]
    fn what_newer_versions_know_is_bounded_and_what_has_no_room_is_left_out() {
        let mut stamps = Stamps::default();
        let stamp =
            |bytes: usize| Stamp { beyond: Some(vec![0; bytes].into()), ..Stamp::default() };
        stamps.put(Kind::Alert, &[1; 8], stamp(NEWER_BYTES_MAX));
        stamps.put(Kind::Alert, &[2; 8], stamp(1));
        assert_eq!(stamps.get(Kind::Alert, &[2; 8]), Some(&Stamp::default()));
        stamps.put(Kind::Alert, &[1; 8], stamp(NEWER_BYTES_MAX - 1));
        stamps.put(Kind::Alert, &[2; 8], stamp(1));
        assert_eq!(stamps.get(Kind::Alert, &[2; 8]), Some(&stamp(1)));
        stamps.remove(Kind::Alert, &[1; 8]);
        assert_eq!(stamps.rest_bytes, 1);
    }

    fn group(path: &str, expires_at_ms: i64) -> ([u8; 16], Stamp) {
        let labels = Labels::empty();
        let key = group_key(path, &labels);
        let timer = GroupTimer { path: path.to_owned(), labels, first: Wall::EPOCH };
        let beyond = Some(encode_group(&timer).into());
        (key, Stamp { expires_at_ms, beyond, ..Stamp::default() })
    }

    #[test]
    fn timers_of_groups_that_nobody_has_end_here_and_on_flash() {
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
        assert_eq!(stamps.iter().count(), 3);
        assert_eq!(stamps.sweep(later + SWEEP_GROUPS, 11, |_| false).len(), 2);
        assert_eq!(stamps.iter().count(), 1, "the alert's");
    }

    #[test]
    fn claims_end_within_a_second() {
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
        assert_eq!(stamps.iter().count(), 1, "the log entry's");
    }
}

//! The parts of records that the core does not hold: elements that only a newer version knows, and the bodies of some kinds.
//! Which versions this node holds, and until when, the gossip knows.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::core::step::Step;
use crate::gossip::Key;
use crate::limits::NEWER_BYTES_MAX;
use crate::node::kinds::rules;
use crate::time::Mono;
use crate::wire::record::{GroupTimer, Kind, decode_group};
use crate::wire::rest::{rest, with_rest};

/// How long claims and timers that have ended may stay.
const SWEEP_CLAIMS: Duration = Duration::from_secs(10);
const SWEEP_GROUPS: Duration = Duration::from_secs(15 * 60);
/// The claims, and the timers of groups, that one sweep looks at; the next one goes on. It may have to read each timer.
const SWEPT_AT_ONCE: usize = 1_000;

/// The part of a body that the core does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extra {
    /// The elements that only a newer version knows.
    Newer(Rc<[u8]>),
    /// The whole body, by our clock.
    Whole(Rc<[u8]>),
}

impl Extra {
    /// The part of a body as we write it, and of the elements that only a newer version knows; nothing if the core holds all
    /// of it.
    pub(super) fn of(kind: Kind, body: &[u8], newer: Option<&[u8]>) -> Option<Self> {
        match newer {
            Some(newer) if rules(kind).is_in_core() => Some(Self::Newer(newer.into())),
            None if rules(kind).is_in_core() => None,
            Some(newer) => Some(Self::Whole(with_rest(kind, body, newer).into())),
            None => Some(Self::Whole(body.into())),
        }
    }

    /// The elements of the body that only a newer version knows.
    pub(super) fn newer(&self, kind: Kind) -> Option<&[u8]> {
        match self {
            Self::Newer(newer) => Some(newer),
            Self::Whole(body) => rest(kind, body),
        }
    }

    /// The timer of a group, if that is the body.
    pub(super) fn timer(&self) -> Option<GroupTimer> {
        if let Self::Whole(body) = self { decode_group(body).ok() } else { None }
    }

    /// The bytes that count against [`NEWER_BYTES_MAX`].
    fn newer_bytes(&self) -> usize {
        if let Self::Newer(newer) = self { newer.len() } else { 0 }
    }
}

/// These parts, by kind and key.
#[derive(Debug, Default)]
pub(super) struct Extras {
    by_key: BTreeMap<(Kind, u128), Extra>,
    /// Bytes of all elements that only newer versions know.
    newer_bytes: usize,
    /// When claims and groups are to be swept.
    next_claims: Mono,
    next_groups: Mono,
    /// Where the sweeps of claims and of the timers of groups are to go on, while they are under way.
    swept_claims: Option<u128>,
    swept: Option<u128>,
}

impl Extras {
    pub(super) fn get(&self, kind: Kind, key: &[u8]) -> Option<&Extra> {
        self.by_key.get(&(kind, number(key)))
    }

    /// Holds the extra of a record, or notes that it has none. If there is no room for the elements that only a newer version
    /// knows, these are left out.
    pub(super) fn put(&mut self, kind: Kind, key: &[u8], extra: Option<Extra>) {
        self.remove(kind, key);
        if let Some(extra) = extra
            && extra.newer_bytes() <= NEWER_BYTES_MAX - self.newer_bytes
        {
            self.newer_bytes += extra.newer_bytes();
            self.by_key.insert((kind, number(key)), extra);
        }
    }

    pub(super) fn remove(&mut self, kind: Kind, key: &[u8]) {
        if let Some(extra) = self.by_key.remove(&(kind, number(key))) {
            self.newer_bytes -= extra.newer_bytes();
        }
    }

    /// Moves all times along when our clock steps.
    pub(super) fn step(&mut self, step: Step) {
        for ((kind, _), extra) in &mut self.by_key {
            if let Extra::Whole(body) = extra
                && let Some(stepped) = rules(*kind).stepped(body, step)
                && let Some(stepped) = Extra::of(*kind, &stepped, rest(*kind, body))
            {
                *extra = stepped;
            }
        }
    }

    /// Forgets claims, beats and timers of groups that have ended, but for timers of groups that `is_there` knows. Returns the
    /// keys. Does nothing when the last sweep was a moment ago.
    pub(super) fn sweep(
        &mut self,
        now: Mono,
        has_ended: impl Fn(&Key) -> bool,
        is_there: impl Fn(&GroupTimer) -> bool,
    ) -> Vec<(Kind, Key)> {
        let mut ended = Vec::new();
        if self.next_claims <= now {
            self.next_claims = now + SWEEP_CLAIMS;
            self.swept_claims.get_or_insert(0);
        }
        if let Some(from) = self.swept_claims {
            let mut claims = self.by_key.range((Kind::Claim, from)..=(Kind::Claim, u128::MAX));
            let looked_at = (&mut claims).take(SWEPT_AT_ONCE);
            let keys = looked_at.map(|((_, key), _)| shared_key(Kind::Claim, &key.to_be_bytes()));
            ended.extend(keys.filter(&has_ended).map(|key| (Kind::Claim, key)));
            self.swept_claims = claims.next().map(|((_, key), _)| *key);
        }
        if self.next_groups <= now {
            self.next_groups = now + SWEEP_GROUPS;
            ended.extend(self.ended(Kind::Beat, &has_ended));
            self.swept.get_or_insert(0);
        }
        if let Some(from) = self.swept {
            let mut timers = self.by_key.range((Kind::Group, from)..=(Kind::Group, u128::MAX));
            let gone = |extra: &Extra| extra.timer().is_none_or(|timer| !is_there(&timer));
            let looked_at = (&mut timers).take(SWEPT_AT_ONCE);
            let keys = looked_at
                .map(|((_, key), extra)| (shared_key(Kind::Group, &key.to_be_bytes()), extra));
            let over = keys.filter(|(key, extra)| has_ended(key) && gone(extra));
            ended.extend(over.map(|(key, _)| (Kind::Group, key)));
            self.swept = timers.next().map(|((_, key), _)| *key);
        }
        for (kind, key) in &ended {
            self.remove(*kind, &key.id);
        }
        ended
    }

    /// The records of one kind, with keys of 16 bytes, that have ended.
    fn ended(
        &self,
        kind: Kind,
        has_ended: impl Fn(&Key) -> bool,
    ) -> impl Iterator<Item = (Kind, Key)> {
        let all = self.by_key.range((kind, 0)..=(kind, u128::MAX));
        let keys = all.map(move |((_, key), _)| shared_key(kind, &key.to_be_bytes()));
        keys.filter(has_ended).map(move |key| (kind, key))
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
    use crate::time::Wall;
    use crate::wire::record::{encode_group, group_key};

    #[test]
    fn elements_of_newer_versions_are_bounded() {
        let mut extras = Extras::default();
        let newer = |bytes: usize| Some(Extra::Newer(vec![0; bytes].into()));
        extras.put(Kind::Alert, &[1; 8], newer(NEWER_BYTES_MAX));
        extras.put(Kind::Alert, &[2; 8], newer(1));
        assert_eq!(extras.get(Kind::Alert, &[2; 8]), None);
        extras.put(Kind::Alert, &[1; 8], newer(NEWER_BYTES_MAX - 1));
        extras.put(Kind::Alert, &[2; 8], newer(1));
        assert_eq!(extras.get(Kind::Alert, &[2; 8]), newer(1).as_ref());
        extras.put(Kind::Alert, &[1; 8], None);
        assert_eq!((extras.newer_bytes, extras.by_key.len()), (1, 1));
    }

    fn put_group(extras: &mut Extras, path: &str) -> Key {
        let labels = Labels::empty();
        let key = group_key(path, &labels);
        let timer = GroupTimer { path: path.to_owned(), labels, first: Wall::EPOCH };
        extras.put(Kind::Group, &key, Extra::of(Kind::Group, &encode_group(&timer), None));
        shared_key(Kind::Group, &key)
    }

    #[test]
    fn timers_without_a_group_are_swept() {
        let mut extras = Extras::default();
        let [gone, _, later] = ["gone", "there", "later"].map(|it| put_group(&mut extras, it));
        extras.put(Kind::Alert, &[1; 8], Some(Extra::Newer([1].into())));
        let is_there = |timer: &GroupTimer| timer.path == "there";
        assert_eq!(extras.sweep(Mono::ZERO, |_| false, is_there), []);
        let has_ended = |key: &Key| *key != later;
        assert_eq!(extras.sweep(Mono::ZERO, has_ended, is_there), [], "a moment later");
        let next = Mono::ZERO + SWEEP_GROUPS;
        assert_eq!(extras.sweep(next, has_ended, is_there), [(Kind::Group, gone)]);
        assert_eq!(extras.by_key.len(), 3);
        assert_eq!(extras.sweep(next + SWEEP_GROUPS, |_| true, |_| false).len(), 2);
        assert_eq!(extras.by_key.len(), 1, "the alert's");
    }

    #[test]
    fn timers_are_swept_in_pieces() {
        let mut extras = Extras::default();
        for n in 0..=2 * SWEPT_AT_ONCE {
            put_group(&mut extras, &n.to_string());
        }
        let asked = std::cell::Cell::new(0);
        let mut pieces = Vec::new();
        for _ in 0..4 {
            let is_there = |_: &GroupTimer| {
                asked.set(asked.get() + 1);
                false
            };
            extras.sweep(Mono::ZERO, |_| true, is_there);
            pieces.push(asked.take());
        }
        assert_eq!(pieces, [SWEPT_AT_ONCE, SWEPT_AT_ONCE, 1, 0]);
        assert_eq!(extras.by_key.len(), 0);
    }

    #[test]
    fn ended_claims_are_swept_within_ten_seconds() {
        let mut extras = Extras::default();
        let claims = [10, 11].map(|end| shared_key(Kind::Claim, &[end; 16]));
        for kind in [Kind::Claim, Kind::Log] {
            extras.put(kind, &[10; 16], Some(Extra::Whole([].into())));
            extras.put(kind, &[11; 16], Some(Extra::Whole([].into())));
        }
        let is_first = |key: &Key| *key == claims[0];
        let swept = extras.sweep(Mono::ZERO, is_first, |_| false);
        assert_eq!(swept, [(Kind::Claim, claims[0].clone())]);
        assert_eq!(extras.get(Kind::Claim, &[10; 16]), None);
        extras.sweep(Mono::from_ms(9_999), |_| true, |_| false);
        assert!(extras.get(Kind::Claim, &[11; 16]).is_some(), "a moment after the last sweep");
        extras.sweep(Mono::from_ms(10_000), |_| true, |_| false);
        assert_eq!(extras.by_key.len(), 2, "the log entries'");
    }
}

//! The versions of what is kept and shared: each table of the core holds its nouns, this one their stamps.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::core::clock::Step;
use crate::faults::{self, Fault};
use crate::gossip::{Key, Version};
use crate::limits::NEWER_BYTES_MAX;
use crate::time::Wall;
use crate::wire::record::{GroupTimer, Kind, decode_group, encode_group};
use crate::wire::rest::{rest, with_rest};

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
    stamps: BTreeMap<(u8, u128), Stamp>,
    /// Bytes of all that only newer versions know.
    rest_bytes: usize,
}

impl Stamps {
    pub(super) fn get(&self, kind: Kind, key: &[u8]) -> Option<&Stamp> {
        self.stamps.get(&(kind.number(), number(key)))
    }

    pub(super) fn put(&mut self, kind: Kind, key: &[u8], mut stamp: Stamp) {
        self.remove(kind, key);
        if !is_whole(kind) {
            let left = NEWER_BYTES_MAX - self.rest_bytes;
            stamp.beyond = stamp.beyond.filter(|rest| rest.len() <= left);
            self.rest_bytes += stamp.beyond.as_ref().map_or(0, |rest| rest.len());
        }
        self.stamps.insert((kind.number(), number(key)), stamp);
    }

    pub(super) fn remove(&mut self, kind: Kind, key: &[u8]) {
        if let Some(stamp) = self.stamps.remove(&(kind.number(), number(key)))
            && !is_whole(kind)
        {
            self.rest_bytes -= stamp.beyond.map_or(0, |rest| rest.len());
        }
    }

    /// Each stamp with the kind and key that the flock knows it by.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Stamp)> {
        self.stamps.iter().map(|((kind, key), stamp)| {
            let bytes = key.to_be_bytes();
            let id = if *kind == Kind::Alert.number() { &bytes[8..] } else { &bytes[..] };
            (Key { kind: *kind, id: id.to_vec() }, stamp)
        })
    }

    /// Moves all times along when our clock steps.
    pub(super) fn step(&mut self, step: Step) {
        for ((kind, _), stamp) in &mut self.stamps {
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

    /// Forgets claims that mean nothing any more at `now_ms`.
    pub(super) fn sweep_claims(&mut self, now_ms: i64) {
        let claim = Kind::Claim.number();
        self.stamps.retain(|(kind, _), stamp| *kind != claim || stamp.expires_at_ms > now_ms);
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
}

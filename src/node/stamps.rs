//! The versions of what is kept and shared: each table of the core holds its nouns, this one their stamps.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::core::clock::Step;
use crate::gossip::{Key, Version};
use crate::time::Wall;
use crate::wire::record::{GroupTimer, Kind, decode_group, encode_group};

/// Which version of a record is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Its version.
    pub(super) version: Version,
    /// Wall milliseconds, by the flock's time, from which on it means nothing.
    pub(super) expires_at_ms: i64,
    /// Of an alert: the end that the flock knows of, by our clock.
    pub(super) shared_end: Wall,
    /// The body by our clock, of kinds that the core does not hold as they came.
    pub(super) body: Option<Rc<[u8]>>,
}

/// The stamps, by kind and key.
#[derive(Debug, Default)]
pub(super) struct Stamps(BTreeMap<(u8, u128), Stamp>);

impl Stamps {
    pub(super) fn get(&self, kind: Kind, key: &[u8]) -> Option<&Stamp> {
        self.0.get(&(kind.number(), number(key)))
    }

    pub(super) fn put(&mut self, kind: Kind, key: &[u8], stamp: Stamp) {
        self.0.insert((kind.number(), number(key)), stamp);
    }

    pub(super) fn remove(&mut self, kind: Kind, key: &[u8]) {
        self.0.remove(&(kind.number(), number(key)));
    }

    /// Each stamp with the kind and key that the flock knows it by.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Stamp)> {
        self.0.iter().map(|((kind, key), stamp)| {
            let bytes = key.to_be_bytes();
            let id = if *kind == Kind::Alert.number() { &bytes[8..] } else { &bytes[..] };
            (Key { kind: *kind, id: id.to_vec() }, stamp)
        })
    }

    /// Moves all times along when our clock steps.
    pub(super) fn step(&mut self, step: Step) {
        for ((kind, _), stamp) in &mut self.0 {
            stamp.shared_end = step.time(stamp.shared_end);
            if *kind == Kind::Group.number()
                && let Some(timer) = stamp.body.as_deref().and_then(|it| decode_group(it).ok())
            {
                let first = step.time(timer.first);
                stamp.body = Some(encode_group(&GroupTimer { first, ..timer }).into());
            }
        }
    }

    /// Forgets claims that mean nothing any more at `now_ms`.
    pub(super) fn sweep_claims(&mut self, now_ms: i64) {
        let claim = Kind::Claim.number();
        self.0.retain(|(kind, _), stamp| *kind != claim || stamp.expires_at_ms > now_ms);
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

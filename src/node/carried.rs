//! Records of kinds that only a newer version knows: their bodies, stored and replicated for it until they end. Their versions,
//! and when they end, the gossip knows.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::gossip::{Key, Record, Stamp, Version};
use crate::limits::NEWER_BYTES_MAX;
use crate::store;
use crate::time::Mono;
use crate::wire::record::{Stamped, is_kept, is_shared};

/// The memory of a record beside its key and body.
const AROUND_BYTES: usize = 96;
/// How long records that have ended may stay.
const SWEEP: Duration = Duration::from_secs(60);

/// The bodies, by key.
#[derive(Debug, Default)]
pub(super) struct Carried {
    bodies: BTreeMap<Key, Rc<[u8]>>,
    bytes: usize,
    next_sweep: Mono,
}

impl Carried {
    /// Takes a record in the place of an older version. An error says why not.
    pub(super) fn take(&mut self, key: &Key, body: &[u8]) -> Result<(), &'static str> {
        if !is_shared(key.kind.into()) {
            return Err("a kind that is not shared");
        }
        let old = self.bodies.get(key).map_or(0, |body| size(key, body));
        let new = size(key, body);
        if self.bytes - old + new > NEWER_BYTES_MAX {
            return Err("too much of what only newer versions know");
        }
        self.bytes = self.bytes - old + new;
        self.bodies.insert(key.clone(), body.into());
        Ok(())
    }

    pub(super) fn fetch(&self, key: &Key) -> Option<Vec<u8>> {
        self.bodies.get(key).map(|body| body.to_vec())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &[u8])> {
        self.bodies.iter().map(|(key, body)| (key, &**body))
    }

    /// Drops records that have ended, and returns their keys. Does nothing when the last sweep was a moment ago.
    pub(super) fn sweep(&mut self, now: Mono, has_ended: impl Fn(&Key) -> bool) -> Vec<Key> {
        if self.next_sweep > now {
            return Vec::new();
        }
        self.next_sweep = now + SWEEP;
        let ended: Vec<Key> = self.bodies.keys().filter(|key| has_ended(key)).cloned().collect();
        for key in &ended {
            self.bytes -= self.bodies.remove(key).map_or(0, |body| size(key, &body));
        }
        ended
    }
}

/// The deletion for flash, if it stores this kind.
pub(super) fn deleted(key: &Key) -> Option<store::JournalRecord> {
    let kind = u16::from(key.kind);
    is_kept(kind).then(|| store::JournalRecord::delete(kind, &*key.id))
}

/// The record for flash, if it stores this kind.
pub(super) fn stored(key: &Key, stamp: Stamp, body: &[u8]) -> Option<store::JournalRecord> {
    let kind = u16::from(key.kind);
    let Stamp { version: Version { hlc, node }, expires_at_ms } = stamp;
    let stamped = Stamped { hlc, node, expires_at_ms, body: body.to_vec() };
    is_kept(kind).then(|| store::JournalRecord::put(kind, key.id.to_vec(), stamped.encode()))
}

/// The record that flash has stored, if it is replicated.
pub(super) fn kept(kind: u16, key: &[u8], body: &[u8]) -> Option<Record> {
    let number = u8::try_from(kind).ok().filter(|_| is_shared(kind))?;
    let Stamped { hlc, node, expires_at_ms, body, .. } = Stamped::decode(body).ok()?;
    let key = Key::new(number, key);
    Some(Record { key, version: Version { hlc, node }, expires_at_ms, body, sent_at: None })
}

fn size(key: &Key, body: &[u8]) -> usize {
    key.id.len() + body.len() + AROUND_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: u8) -> Key {
        Key::new(kind, [kind])
    }

    #[test]
    fn a_record_survives_a_restart_and_leaves_when_it_has_ended() {
        let mut carried = Carried::default();
        assert_eq!(carried.take(&key(60), &[0; 9]), Ok(()));
        assert_eq!(carried.fetch(&key(60)), Some(vec![0; 9]));
        let stamp = Stamp { version: Version { hlc: 2, node: 1 }, expires_at_ms: 1_000 };
        let flash = stored(&key(60), stamp, &[0; 9]).unwrap();
        let kept = kept(flash.kind, &flash.key, flash.body().unwrap()).unwrap();
        assert_eq!((kept.stamp(), kept.key, kept.body), (stamp, key(60), vec![0; 9]));
        assert_eq!(carried.sweep(Mono::ZERO, |_| false), []);
        assert_eq!(carried.sweep(Mono::ZERO, |_| true), [], "a moment after the last sweep");
        assert_eq!(carried.sweep(Mono::ZERO + SWEEP, |_| true), [key(60)]);
        assert_eq!(deleted(&key(60)), Some(store::JournalRecord::delete(60, [60])));
        assert_eq!((carried.bytes, carried.iter().count()), (0, 0));
    }

    #[test]
    fn the_number_of_a_kind_decides_its_storage() {
        let mut carried = Carried::default();
        assert_eq!(carried.take(&key(64), &[1]), Ok(()));
        assert_eq!(stored(&key(64), Stamp::default(), &[1]), None, "shared, not kept");
        assert!(carried.take(&key(128), &[1]).is_err(), "kept, not shared");
        let flash = stored(&key(128), Stamp::default(), &[1]).unwrap();
        assert_eq!(kept(128, &flash.key, flash.body().unwrap()), None);
        assert_eq!(kept(60, b"id", b"no stamp around it"), None);
    }

    #[test]
    fn a_full_table_refuses_new_records_and_replaces_old_ones() {
        let mut carried = Carried::default();
        let half = vec![0; NEWER_BYTES_MAX / 2 - AROUND_BYTES - 1];
        assert_eq!(carried.take(&key(60), &half), Ok(()));
        assert_eq!(carried.take(&key(61), &half), Ok(()));
        assert!(carried.take(&key(62), &[]).is_err());
        assert_eq!(carried.take(&key(60), &half), Ok(()));
    }
}

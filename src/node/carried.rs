//! Records of kinds that only a newer version knows: stored and replicated for it until they end.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::gossip::{Key, Merge, Record, Version};
use crate::limits::{CLOCK_AHEAD_MS_MAX, NEWER_BYTES_MAX};
use crate::store;
use crate::wire::record::{Stamped, is_kept, is_shared};

/// The memory of a record beside its key and body.
const AROUND_BYTES: usize = 96;

/// The records, by key.
#[derive(Debug, Default)]
pub(super) struct Carried {
    loads: BTreeMap<Key, Load>,
    by_expiry: BTreeSet<(i64, Key)>,
    bytes: usize,
}

#[derive(Debug)]
struct Load {
    version: Version,
    expires_at_ms: i64,
    body: Rc<[u8]>,
}

impl Carried {
    /// Takes a record unless one as new is carried.
    pub(super) fn take(&mut self, record: &Record) -> Merge {
        let Record { key, version, expires_at_ms, body, .. } = record;
        let (version, expires_at_ms) = (*version, *expires_at_ms);
        if !is_shared(key.kind.into()) {
            return Merge::Refused("a kind that is not shared");
        }
        let known = self.loads.get(key);
        if known.is_some_and(|known| known.version >= version) {
            return Merge::Same;
        }
        let old = known.map_or(0, |known| size(key, &known.body));
        let new = size(key, body);
        if self.bytes - old + new > NEWER_BYTES_MAX {
            return Merge::Refused("too much of what only newer versions know");
        }
        self.remove(key);
        self.bytes += new;
        self.by_expiry.insert((expires_at_ms, key.clone()));
        let body = body.as_slice().into();
        self.loads.insert(key.clone(), Load { version, expires_at_ms, body });
        Merge::Changed(record.stamp())
    }

    pub(super) fn fetch(&self, key: &Key) -> Option<Vec<u8>> {
        self.loads.get(key).map(|load| load.body.to_vec())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Record> {
        self.loads.iter().map(|(key, load)| record(key, load))
    }

    /// Drops records that have ended by every clock of the flock at `now_ms`, and returns their keys.
    pub(super) fn sweep(&mut self, now_ms: i64) -> Vec<Key> {
        let gone = now_ms.saturating_sub(CLOCK_AHEAD_MS_MAX);
        let mut keys = Vec::new();
        while let Some((_, key)) = self.by_expiry.first().filter(|(at, _)| *at <= gone).cloned() {
            self.remove(&key);
            keys.push(key);
        }
        keys
    }

    fn remove(&mut self, key: &Key) {
        if let Some(load) = self.loads.remove(key) {
            self.bytes -= size(key, &load.body);
            self.by_expiry.remove(&(load.expires_at_ms, key.clone()));
        }
    }
}

/// The deletion for flash, if it stores this kind.
pub(super) fn deleted(key: &Key) -> Option<store::Record> {
    let kind = u16::from(key.kind);
    is_kept(kind).then(|| store::Record::delete(kind, &*key.id))
}

/// The record for flash, if it stores this kind.
pub(super) fn stored(record: &Record) -> Option<store::Record> {
    let kind = u16::from(record.key.kind);
    let stamped = Stamped {
        hlc: record.version.hlc,
        node: record.version.node,
        expires_at_ms: record.expires_at_ms,
        body: record.body.clone(),
    };
    is_kept(kind).then(|| store::Record::put(kind, record.key.id.to_vec(), stamped.encode()))
}

/// The record that flash has stored, if it is replicated.
pub(super) fn kept(kind: u16, key: &[u8], body: &[u8]) -> Option<Record> {
    let number = u8::try_from(kind).ok().filter(|_| is_shared(kind))?;
    let Stamped { hlc, node, expires_at_ms, body, .. } = Stamped::decode(body).ok()?;
    let key = Key::new(number, key);
    Some(Record { key, version: Version { hlc, node }, expires_at_ms, body, sent_at: None })
}

fn record(key: &Key, load: &Load) -> Record {
    let (version, expires_at_ms) = (load.version, load.expires_at_ms);
    // Only a newer version could tell of which clock its times are.
    let (key, body) = (key.clone(), load.body.to_vec());
    Record { key, version, expires_at_ms, body, sent_at: None }
}

fn size(key: &Key, body: &[u8]) -> usize {
    key.id.len() + body.len() + AROUND_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: u8, hlc: u64, bytes: usize) -> Record {
        Record {
            key: Key::new(kind, [kind]),
            version: Version { hlc, node: 1 },
            expires_at_ms: 1_000,
            body: vec![0; bytes],
            sent_at: None,
        }
    }

    #[test]
    fn the_newest_version_survives_a_restart() {
        let mut carried = Carried::default();
        assert_eq!(carried.take(&of(60, 2, 9)), Merge::Changed(of(60, 2, 9).stamp()));
        assert_eq!(carried.take(&of(60, 1, 8)), Merge::Same);
        assert_eq!(carried.fetch(&of(60, 0, 0).key), Some(of(60, 2, 9).body));
        let flash = stored(&of(60, 2, 9)).unwrap();
        assert_eq!(kept(flash.kind, &flash.key, flash.body().unwrap()), Some(of(60, 2, 9)));
        assert_eq!(carried.sweep(1_000 + CLOCK_AHEAD_MS_MAX - 1), []);
        let ended = carried.sweep(1_000 + CLOCK_AHEAD_MS_MAX);
        assert_eq!(ended, [Key::new(60, [60])]);
        assert_eq!(deleted(&ended[0]), Some(store::Record::delete(60, [60])));
        assert_eq!((carried.bytes, carried.iter().count(), carried.by_expiry.len()), (0, 0, 0));
    }

    #[test]
    fn the_number_of_a_kind_decides_its_storage() {
        let mut carried = Carried::default();
        assert!(matches!(carried.take(&of(64, 1, 1)), Merge::Changed(_)));
        assert_eq!(stored(&of(64, 1, 1)), None, "shared, not kept");
        assert!(matches!(carried.take(&of(128, 1, 1)), Merge::Refused(_)), "kept, not shared");
        let flash = stored(&of(128, 1, 1)).unwrap();
        assert_eq!(kept(128, &flash.key, flash.body().unwrap()), None);
        assert_eq!(kept(60, b"id", b"no stamp around it"), None);
    }

    #[test]
    fn a_full_table_refuses_new_records_and_replaces_old_ones() {
        let mut carried = Carried::default();
        let half = NEWER_BYTES_MAX / 2 - AROUND_BYTES - 1;
        assert!(matches!(carried.take(&of(60, 1, half)), Merge::Changed(_)));
        assert!(matches!(carried.take(&of(61, 1, half)), Merge::Changed(_)));
        assert!(matches!(carried.take(&of(62, 1, 0)), Merge::Refused(_)));
        assert!(matches!(carried.take(&of(60, 2, half)), Merge::Changed(_)));
    }
}

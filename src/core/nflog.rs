//! The notification log: what was last sent, for every group and integration.

use std::collections::BTreeMap;

use crate::model::{LogEntry, LogKey};
use crate::time::Wall;

/// One entry a key, the latest.
#[derive(Debug, Default)]
pub struct Nflog {
    entries: BTreeMap<LogKey, LogEntry>,
    /// The keys by [`LogKey::id`], by which the flock knows them.
    ids: BTreeMap<u128, LogKey>,
}

impl Nflog {
    /// The entry of `key`, if it has not expired.
    pub fn get(&self, key: &LogKey, now: Wall) -> Option<&LogEntry> {
        self.entries.get(key).filter(|entry| entry.expires_at > now)
    }

    /// Takes an entry, own or another's: the later one stays, of equally late ones the one that sorts last, so that
    /// every node keeps the same. Returns whether anything changed.
    pub fn merge(&mut self, key: LogKey, entry: LogEntry, now: Wall) -> bool {
        if entry.expires_at <= now {
            return false;
        }
        let rank = |entry: &LogEntry| {
            (entry.timestamp, entry.firing.clone(), entry.resolved.clone(), entry.expires_at)
        };
        if self.entries.get(&key).is_some_and(|known| rank(known) >= rank(&entry)) {
            return false;
        }
        self.replace(key, entry);
        true
    }

    /// Takes an entry as it is.
    pub fn replace(&mut self, key: LogKey, entry: LogEntry) {
        if !self.entries.contains_key(&key) {
            self.ids.insert(key.id(), key.clone());
        }
        self.entries.insert(key, entry);
    }

    /// The entry of the key with this [`LogKey::id`].
    pub fn find(&self, id: u128) -> Option<(&LogKey, &LogEntry)> {
        self.entries.get_key_value(self.ids.get(&id)?)
    }

    /// Every entry, expired ones that were not yet swept too.
    pub fn iter(&self) -> impl Iterator<Item = (&LogKey, &LogEntry)> {
        self.entries.iter()
    }

    /// Calls `with` for every entry, to change it.
    pub fn for_each(&mut self, mut with: impl FnMut(&LogKey, &mut LogEntry)) {
        self.entries.iter_mut().for_each(|(key, entry)| with(key, entry));
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Drops what has expired and returns the keys.
    pub fn sweep(&mut self, now: Wall) -> Vec<LogKey> {
        let gone: Vec<LogKey> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.expires_at <= now)
            .map(|(key, _)| key.clone())
            .collect();
        for key in &gone {
            self.entries.remove(key);
            self.ids.remove(&key.id());
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fingerprint, GroupKey};

    fn key() -> LogKey {
        LogKey {
            group: GroupKey::from_stored("{}:{}"),
            receiver: "r".into(),
            integration: "webhook".into(),
            index: 0,
        }
    }

    fn entry(timestamp: i64, firing: u64) -> LogEntry {
        LogEntry {
            timestamp: Wall::from_secs(timestamp),
            firing: [Fingerprint(firing)].into(),
            resolved: [].into(),
            expires_at: Wall::from_secs(timestamp + 100),
            tellers: [].into(),
        }
    }

    #[test]
    fn merging_is_commutative_and_idempotent_and_says_whether_it_changed() {
        let now = Wall::from_secs(0);
        let entries = [entry(1, 1), entry(2, 1), entry(2, 2)];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut log = Nflog::default();
            for i in order {
                log.merge(key(), entries[i].clone(), now);
                assert!(!log.merge(key(), entries[i].clone(), now));
            }
            assert_eq!(log.get(&key(), now), Some(&entries[2]), "{order:?}");
        }
    }

    #[test]
    fn an_expired_entry_is_neither_taken_nor_shown_nor_kept() {
        let mut log = Nflog::default();
        assert!(!log.merge(key(), entry(1, 1), Wall::from_secs(101)));
        assert!(log.merge(key(), entry(1, 1), Wall::from_secs(100)));
        assert_eq!(log.get(&key(), Wall::from_secs(101)), None);
        assert_eq!(log.sweep(Wall::from_secs(101)), [key()]);
        assert!(log.is_empty());
    }
}

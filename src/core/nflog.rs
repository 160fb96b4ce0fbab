//! The notification log: what was last sent, for every group and integration, and how two entries of one key are merged.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::box_map::BoxMap;
use crate::limits::{LOG_BYTES_MAX, LOG_ENTRIES_MAX, LOG_NOTIFIERS_MAX};
use crate::model::log_entry::united;
use crate::model::{LogEntry, LogKey};
use crate::time::{Mono, Wall};

/// One entry a key, the latest.
#[derive(Debug, Default)]
pub struct Nflog {
    /// By [`LogKey::id`], by which the flock knows them.
    entries: BoxMap<u128, (LogKey, LogEntry)>,
    /// When another's entry was taken last, of those that have one.
    heard: BoxMap<u128, Mono>,
    /// In the order in which they give way.
    order: BTreeSet<Place>,
    /// Bytes of all keys and entries.
    bytes: usize,
}

/// Whether something fires, when it expires, and whose it is: the least gives way first.
type Place = (bool, Wall, u128);

/// The result of merging a log entry of another member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    /// There was no room for it.
    Full,
    /// It is held joined with the entry that was held before. Every node that holds both does the same; `by`, of which the
    /// other's author had not heard, publishes the result.
    Joined {
        /// A node.
        by: u64,
    },
    /// It is held.
    Taken,
}

impl Nflog {
    /// The entry of `key`, if it has not expired.
    pub fn get(&self, key: &LogKey, now: Wall) -> Option<&LogEntry> {
        let (_, entry) = self.find(key.id())?;
        (entry.expires_at > now).then_some(entry)
    }

    /// The entry of the key with this [`LogKey::id`].
    pub fn find(&self, id: u128) -> Option<(&LogKey, &LogEntry)> {
        self.entries.get(&id).map(|(key, entry)| (key, entry))
    }

    /// The entry of another member merged with the one that is held: if its author did not have that, the flock was in parts, and
    /// the two are joined. The result is not put yet.
    pub fn merged(&self, now: Wall, key: &LogKey, entry: LogEntry) -> (Logged, LogEntry) {
        let apart = self.get(key, now).and_then(|ours| {
            let by = entry.unheard(ours)?;
            let joined = ours.joined(&entry);
            let says_more = joined.firing != entry.firing || joined.resolved != entry.resolved;
            says_more.then_some((by, joined))
        });
        match apart {
            Some((by, joined)) => (Logged::Joined { by }, joined),
            None => (Logged::Taken, entry),
        }
    }

    /// Takes an entry as it is. Returns the keys of those that give way to it, which may be its own.
    pub fn put(&mut self, key: LogKey, entry: LogEntry) -> Vec<LogKey> {
        let id = key.id();
        let heard_at = self.heard_at(id);
        self.remove(id);
        self.heard.extend(heard_at.map(|at| (id, at)));
        self.order.insert(place(id, &entry));
        self.bytes += bytes(&key, &entry);
        self.entries.insert(id, (key, entry));
        let mut gone = Vec::new();
        while self.len() > LOG_ENTRIES_MAX || self.bytes > LOG_BYTES_MAX {
            let Some((_, _, least)) = self.order.first().copied() else { break };
            gone.extend(self.remove(least));
        }
        gone
    }

    /// Takes note that the entry with this [`LogKey::id`] is another's, or was joined with it.
    pub fn note_heard(&mut self, id: u128, now: Mono) {
        if self.entries.contains_key(&id) {
            self.heard.insert(id, now);
        }
    }

    /// When another's entry was last taken under this [`LogKey::id`].
    pub fn heard_at(&self, id: u128) -> Option<Mono> {
        self.heard.get(&id).copied()
    }

    /// Every entry, expired ones that were not yet swept too.
    pub fn iter(&self) -> impl Iterator<Item = (&LogKey, &LogEntry)> {
        self.entries.values().map(|(key, entry)| (key, entry))
    }

    /// Calls `with` for every entry, to change its times.
    pub fn for_each(&mut self, mut with: impl FnMut(&mut LogEntry)) {
        self.entries.values_mut().for_each(|(_, entry)| with(entry));
        self.order = self.entries.iter().map(|(id, (_, entry))| place(*id, entry)).collect();
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Drops what has expired, so many at most, and returns the keys.
    pub fn sweep(&mut self, now: Wall, max: usize) -> Vec<LogKey> {
        let ended = |fires| self.order.range((fires, Wall::MIN, 0)..=(fires, now, u128::MAX));
        let ended = ended(false).chain(ended(true)).take(max);
        let ended: Vec<u128> = ended.map(|(_, _, id)| *id).collect();
        ended.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    fn remove(&mut self, id: u128) -> Option<LogKey> {
        let (key, entry) = self.entries.remove(&id)?;
        self.order.remove(&place(id, &entry));
        self.heard.remove(&id);
        self.bytes -= bytes(&key, &entry);
        Some(key)
    }
}

impl LogEntry {
    /// The last sender of those that had sent `other` or an earlier entry, without this entry's author having heard.
    fn unheard(&self, other: &Self) -> Option<u64> {
        other.notified_by.iter().find(|it| self.told_by(it.0) < it.1).map(|it| it.0)
    }

    /// The joint state that receivers know from this and from `later`, neither of which knew of the other. Of an alert that only one
    /// reported as firing, and the other as ended, nobody knows which came last: it is told once more.
    #[must_use]
    pub(in crate::core) fn joined(&self, later: &Self) -> Self {
        let firing = united(&self.firing, &later.firing);
        let mut notified_by: Vec<(u64, u64)> = later.notified_by.to_vec();
        for (node, times) in &*self.notified_by {
            match notified_by.iter_mut().find(|it| it.0 == *node) {
                Some(known) => known.1 = known.1.max(*times),
                None => notified_by.push((*node, *times)),
            }
        }
        notified_by.truncate(LOG_NOTIFIERS_MAX);
        // The same whichever is joined to which.
        let last = (self.timestamp, &self.facts).max((later.timestamp, &later.facts)).1;
        Self {
            timestamp: self.timestamp.max(later.timestamp),
            // Also the ends that `later` did not report: a third may not know of them, and say that it fires.
            resolved: united(&self.resolved, &later.resolved),
            firing,
            expires_at: self.expires_at.max(later.expires_at),
            notified_by: notified_by.into(),
            facts: Rc::clone(last),
        }
    }
}

fn place(id: u128, entry: &LogEntry) -> Place {
    (!entry.firing.is_empty(), entry.expires_at, id)
}

/// Bytes of what is said, as it stands in a record.
fn bytes(key: &LogKey, entry: &LogEntry) -> usize {
    let names = key.group.as_str().len() + key.receiver.len() + key.integration.len();
    let facts: usize = entry.facts.iter().map(|it| it.len()).sum();
    names + facts + 8 * (entry.firing.len() + entry.resolved.len()) + 16 * entry.notified_by.len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Fingerprint, GroupKey};

    fn key(group: &str) -> LogKey {
        LogKey::new(GroupKey::from_stored(group), "r".into(), "webhook".into(), 0)
    }

    fn entry(expires: i64, firing: &[u64]) -> LogEntry {
        LogEntry {
            timestamp: Wall::from_secs(1),
            firing: firing.iter().copied().map(Fingerprint).collect(),
            resolved: [].into(),
            expires_at: Wall::from_secs(expires),
            notified_by: [].into(),
            facts: [].into(),
        }
    }

    #[test]
    fn an_expired_entry_is_not_shown_and_swept() {
        let mut log = Nflog::default();
        for (group, expires) in [("a", 100), ("b", 101), ("c", 102)] {
            assert_eq!(log.put(key(group), entry(expires, &[1])), []);
        }
        log.put(key("a"), entry(101, &[]));
        let now = Wall::from_secs(101);
        assert_eq!((log.get(&key("b"), now), log.get(&key("a"), now)), (None, None));
        assert_eq!(log.get(&key("c"), now), Some(&entry(102, &[1])));
        assert_eq!(log.sweep(now, 9), [key("a"), key("b")]);
        log.for_each(|it| it.expires_at = now);
        log.note_heard(key("c").id(), Mono::from_ms(5));
        log.put(key("c"), entry(101, &[]));
        assert_eq!(log.heard_at(key("c").id()), Some(Mono::from_ms(5)));
        assert_eq!(log.sweep(now, 9), [key("c")], "in the order of its time after a step");
        log.note_heard(key("c").id(), Mono::from_ms(6));
        assert_eq!((log.len(), log.order.len(), log.heard.len(), log.bytes), (0, 0, 0, 0));
    }

    #[test]
    fn a_full_log_evicts_empty_entries_and_then_the_soonest_to_expire() {
        let mut log = Nflog::default();
        log.put(key("quiet, late"), entry(900, &[]));
        log.put(key("quiet, soon"), entry(800, &[]));
        log.put(key("fires, soon"), entry(100, &[1]));
        for n in 3..LOG_ENTRIES_MAX {
            assert_eq!(log.put(key(&n.to_string()), entry(500, &[1])), []);
        }
        assert_eq!(log.put(key("4"), entry(600, &[1, 2])), [], "a known one");
        assert_eq!(log.put(key("x"), entry(500, &[1])), [key("quiet, soon")]);
        assert_eq!(log.put(key("y"), entry(500, &[1])), [key("quiet, late")]);
        assert_eq!(log.put(key("z"), entry(999, &[])), [key("z")], "itself");
        assert_eq!(log.put(key("z"), entry(99, &[1])), [key("z")]);
        assert_eq!(log.put(key("z"), entry(500, &[1])), [key("fires, soon")]);
        assert_eq!((log.len(), log.order.len()), (LOG_ENTRIES_MAX, LOG_ENTRIES_MAX));
    }

    #[test]
    fn the_bytes_of_all_entries_are_bounded() {
        let mut log = Nflog::default();
        let many: Vec<u64> = (0..u64::try_from(LOG_BYTES_MAX / 8 / 3).unwrap()).collect();
        log.put(key("a"), entry(100, &many));
        log.put(key("b"), entry(101, &many));
        assert_eq!(log.put(key("c"), entry(102, &many)), [key("a")]);
        assert_eq!(log.put(key("c"), entry(103, &[1])), [], "what it was is not counted");
        assert_eq!(log.put(key("d"), entry(104, &many)), []);
    }

    fn ids(ids: &[u64]) -> Rc<[Fingerprint]> {
        ids.iter().copied().map(Fingerprint).collect()
    }

    /// An entry of this time, and the members that had sent.
    fn said(secs: i64, firing: &[u64], resolved: &[u64], notified_by: &[(u64, u64)]) -> LogEntry {
        LogEntry {
            timestamp: Wall::from_secs(secs),
            resolved: ids(resolved),
            notified_by: notified_by.into(),
            ..entry(secs + 100, firing)
        }
    }

    #[test]
    fn the_facts_of_the_later_answer_stay_whichever_is_joined_to_which() {
        let facts = |text: &str| -> Rc<[Arc<str>]> { [text.into()].into() };
        let one = LogEntry { facts: facts("1"), ..said(5, &[1], &[], &[(7, 2)]) };
        let later = LogEntry { facts: facts("2"), ..said(9, &[1], &[], &[(8, 1)]) };
        assert_eq!((one.joined(&later).facts, later.joined(&one).facts), (facts("2"), facts("2")));
    }

    #[test]
    fn of_two_that_did_not_know_of_each_other_both_hold() {
        let one = said(5, &[1, 3, 6], &[2, 4], &[(7, 2), (9, 1)]);
        let later = said(9, &[2, 3], &[1, 5], &[(8, 1), (9, 3)]);
        let joined = said(9, &[1, 2, 3, 6], &[1, 2, 4, 5], &[(8, 1), (9, 3), (7, 2)]);
        assert_eq!(one.joined(&later), joined);
        assert_eq!(one.joined(&joined), joined, "once is enough");
    }

    #[test]
    fn an_unknowing_third_entry_settles_no_disagreement() {
        let fires = said(5, &[1, 3], &[], &[(7, 1)]);
        let ended = said(6, &[1], &[3], &[(8, 1)]);
        let third = said(9, &[1], &[4], &[(9, 1)]);
        let joined = fires.joined(&ended).joined(&third);
        assert_eq!((&*joined.firing, &*joined.resolved), (&*ids(&[1, 3]), &*ids(&[3, 4])));
        assert_eq!(fires.joined(&third).resolved, ids(&[4]), "nobody said that it had ended");
    }

    #[test]
    fn a_notified_end_survives_two_merges() {
        let fires = said(5, &[1, 3], &[], &[(7, 1)]);
        let ended = said(6, &[1], &[3], &[(8, 1)]);
        let later = said(9, &[1], &[], &[(9, 1)]);
        let joined = fires.joined(&ended.joined(&later));
        assert!(!joined.reported(Fingerprint(3), true) && !joined.reported(Fingerprint(3), false));
    }

    #[test]
    fn alerts_that_two_logs_disagree_on_are_unsure() {
        let reported = |entry: &LogEntry, id: u64| {
            let [firing, ended] = [true, false].map(|it| entry.reported(Fingerprint(id), it));
            (firing, ended)
        };
        let one = said(5, &[1, 3], &[2], &[(7, 2)]);
        let joined = one.joined(&said(9, &[2, 3], &[1, 4], &[(8, 1)]));
        for (id, expected) in [
            (1, (false, false)),
            (2, (false, false)),
            (3, (true, false)),
            (4, (false, true)),
            (5, (false, false)),
        ] {
            assert_eq!(reported(&joined, id), expected, "{id}");
        }
    }
}

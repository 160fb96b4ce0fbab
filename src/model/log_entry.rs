//! The notification log's entry: what was last sent for a group by one integration.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::limits::{LOG_FACT_BYTES_MAX, LOG_FACTS_MAX, LOG_NOTIFIERS_MAX};
use crate::model::hash::{fnv128, fnv128_bytes};
use crate::model::{Fingerprint, GroupKey};
use crate::time::Wall;

/// Whose entry it is: a group, a receiver, and one integration of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogKey {
    /// The group.
    pub group: GroupKey,
    /// The receiver's name.
    pub receiver: Arc<str>,
    /// The integration's type: `webhook`.
    pub integration: Arc<str>,
    /// Its place among those of its type in the receiver.
    pub index: u32,
    /// A hash of all of it, which is asked for some 25 times for a notification.
    id: u128,
}

impl LogKey {
    /// The key of these.
    pub fn new(group: GroupKey, receiver: Arc<str>, integration: Arc<str>, index: u32) -> Self {
        let id = fnv128([group.as_str(), &receiver, &integration, &index.to_string()]);
        Self { group, receiver, integration, index, id }
    }

    /// The same 128 bits on every node.
    pub const fn id(&self) -> u128 {
        self.id
    }
}

/// `group:receiver/integration/index`, as Alertmanager prints it.
impl fmt::Display for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}/{}", self.group, self.receiver, self.integration, self.index)
    }
}

/// The last successful notification of a [`LogKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// When it was logged, or later than what it replaced.
    pub timestamp: Wall,
    /// The alerts it reported as firing, sorted.
    pub firing: Rc<[Fingerprint]>,
    /// The alerts it reported as resolved, and those that were before, as far as they are known still, sorted. Of one that is
    /// among both nobody knows what was reported last.
    pub resolved: Rc<[Fingerprint]>,
    /// When it may be forgotten.
    pub expires_at: Wall,
    /// Which members have told of this group, the last one first, and how often: so it shows what its author did not
    /// know of.
    pub notified_by: Rc<[(u64, u64)]>,
    /// Facts of the receiver's answer that are needed when the group is told of again, such as the message to be changed.
    pub facts: Rc<[Arc<str>]>,
}

impl LogEntry {
    /// How often `node` has told of this group, as far as this entry's author knew.
    pub fn told_by(&self, node: u64) -> u64 {
        self.notified_by.iter().find(|it| it.0 == node).map_or(0, |it| it.1)
    }

    /// The senders once `node` has sent again.
    pub fn notified_by_after(known: Option<&Self>, node: u64) -> Rc<[(u64, u64)]> {
        let before = known.map(|it| &*it.notified_by).unwrap_or_default();
        let times = known.map_or(0, |it| it.told_by(node)).saturating_add(1);
        let others = before.iter().filter(|it| it.0 != node);
        [(node, times)].iter().chain(others).take(LOG_NOTIFIERS_MAX).copied().collect()
    }

    /// Facts as an entry keeps them: all of them, or none where they are too many or too long.
    pub fn facts_of<'a>(said: impl IntoIterator<Item = &'a str>) -> Rc<[Arc<str>]> {
        let facts: Vec<&str> = said.into_iter().take(LOG_FACTS_MAX + 1).collect();
        let fit =
            facts.len() <= LOG_FACTS_MAX && facts.iter().all(|it| it.len() <= LOG_FACT_BYTES_MAX);
        if fit { facts.into_iter().map(Arc::from).collect() } else { [].into() }
    }

    /// 16 bits that identify its content, the same on every node: a hash of the fingerprints and of the members that sent, each list with its
    /// length before it, as 8-byte numbers, big-endian. Its times are left out: each node has them by its own clock. A node
    /// that computes other bits for the same content holds another version of it until the greater one has spread.
    pub fn print(&self) -> u16 {
        let lists = [&self.firing, &self.resolved].map(|it| it.iter().map(|it| it.0).collect());
        let notified_by =
            self.notified_by.iter().flat_map(|(node, times)| [*node, *times]).collect();
        let [firing, resolved]: [Vec<u64>; 2] = lists;
        let bytes = [firing, resolved, notified_by].into_iter().flat_map(|list: Vec<u64>| {
            std::iter::once(list.len() as u64).chain(list).flat_map(u64::to_be_bytes)
        });
        (fnv128_bytes(bytes) & 0xffff) as u16
    }

    /// Whether this is known to have been the last that was reported of an alert: that it fires, or that it has ended.
    pub fn reported(&self, fingerprint: Fingerprint, firing: bool) -> bool {
        let is_in = |all: &[Fingerprint]| all.binary_search(&fingerprint).is_ok();
        is_in(&self.firing) == firing && is_in(&self.resolved) != firing
    }

    /// This, but for what it says of these alerts that fire.
    #[must_use]
    pub fn without_firing(&self, mut some: Vec<Fingerprint>) -> Self {
        some.sort_unstable();
        let stays = |it: &&Fingerprint| some.binary_search(it).is_err();
        Self { firing: self.firing.iter().filter(stays).copied().collect(), ..self.clone() }
    }

    /// This, and of these alerts, which are sorted and which `known` says to fire, what it says.
    #[must_use]
    pub fn with_firing(self, some: &[Fingerprint], known: &Self) -> Self {
        let unsure = known.resolved.iter().filter(|it| some.binary_search(it).is_ok());
        let unsure: Vec<_> = unsure.copied().collect();
        Self {
            firing: united(&self.firing, some),
            resolved: united(&self.resolved, &unsure),
            ..self
        }
    }

    /// This, and of these alerts that it is not known whether they were told to fire or to have ended last.
    #[must_use]
    pub fn with_unsure(self, some: &[Fingerprint]) -> Self {
        Self { firing: united(&self.firing, some), resolved: united(&self.resolved, some), ..self }
    }

    /// This, and that those of these alerts have ended that it does not say to fire.
    #[must_use]
    pub fn with_ends(self, some: &[Fingerprint]) -> Self {
        let ended = some.iter().filter(|it| self.firing.binary_search(it).is_err());
        let ended: Vec<_> = ended.copied().collect();
        Self { resolved: united(&self.resolved, &ended), ..self }
    }
}

/// The union, sorted.
pub(crate) fn united(one: &[Fingerprint], other: &[Fingerprint]) -> Rc<[Fingerprint]> {
    let mut all = [one, other].concat();
    all.sort_unstable();
    all.dedup();
    all.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[u64]) -> Rc<[Fingerprint]> {
        ids.iter().copied().map(Fingerprint).collect()
    }

    fn entry(secs: i64, firing: &[u64], resolved: &[u64], notified_by: &[(u64, u64)]) -> LogEntry {
        LogEntry {
            timestamp: Wall::from_secs(secs),
            firing: ids(firing),
            resolved: ids(resolved),
            expires_at: Wall::from_secs(secs + 100),
            notified_by: notified_by.into(),
            facts: [].into(),
        }
    }

    /// These bits travel in versions: a change of them is a change of the format.
    #[test]
    fn golden_print() {
        let print = |firing: &[u64], resolved: &[u64], notified_by: &[(u64, u64)]| {
            entry(5, firing, resolved, notified_by).print()
        };
        assert_eq!(print(&[], &[], &[]), 0xf8ad);
        assert_eq!(print(&[1, 2], &[3], &[(7, 1)]), 0x2df0);
        assert_eq!(print(&[1], &[2, 3], &[(7, 1)]), 0x97d0);
    }

    #[test]
    fn so_many_facts_of_an_answer_are_kept_or_none() {
        let kept = |count: usize| LogEntry::facts_of(vec!["ts"; count]).len();
        assert_eq!((kept(LOG_FACTS_MAX), kept(LOG_FACTS_MAX + 1)), (LOG_FACTS_MAX, 0));
        let long = |bytes: usize| LogEntry::facts_of([&*"x".repeat(bytes)]).len();
        assert_eq!((long(LOG_FACT_BYTES_MAX), long(LOG_FACT_BYTES_MAX + 1)), (1, 0));
    }

    #[test]
    fn the_last_sender_comes_first_and_the_oldest_is_left_out() {
        let mut known: Option<LogEntry> = None;
        for node in (0..20).chain([10]) {
            let notified_by = LogEntry::notified_by_after(known.as_ref(), node);
            known = Some(entry(1, &[], &[], &notified_by));
        }
        let known = known.unwrap();
        assert_eq!(known.notified_by.len(), LOG_NOTIFIERS_MAX);
        assert_eq!(known.notified_by.first(), Some(&(10, 2)));
        assert_eq!((known.told_by(19), known.told_by(3)), (1, 0));
    }
}

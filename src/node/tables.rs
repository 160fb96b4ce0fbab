//! The tables of core and node as the gossip sees them: records of other members are put into them, and records that members
//! ask for are fetched.

use std::time::Duration;

use crate::gossip::{self, Key, Merge, Replica, Stamp};
use crate::limits::CLOCK_AHEAD_MS_MAX;
use crate::node::carried::{self, Carried};
use crate::node::clock::dated;
use crate::node::extras::{Extra, Extras};
use crate::node::keep::whole;
use crate::node::kinds::{Merged, Merging, Refusal, flash_record, life_max, rules};
use crate::store::JournalRecord;
use crate::time::{Now, Wall};
use crate::wire::record::{Kind, Malformed};
use crate::wire::rest::{rest, with_rest};

/// The tables as the gossip sees them.
pub(super) struct Tables<'a> {
    pub(super) now: Now,
    /// The time as the flock counts it, if it is known.
    pub(super) flock_wall: Option<Wall>,
    pub(super) merging: Merging<'a>,
    pub(super) extras: &'a mut Extras,
    pub(super) carried: &'a mut Carried,
    /// Records for flash.
    pub(super) records: Vec<JournalRecord>,
}

impl Replica for Tables<'_> {
    fn merge(&mut self, now: Now, record: gossip::Record, held: Option<Stamp>) -> Merge {
        let kind = Kind::from_number(record.key.kind.into());
        if self.lives_too_long(kind, Wall::from_ms(record.expires_at_ms)) {
            return Merge::Refused("it would be kept for too long");
        }
        // Of a version of 1970 that has its date and one that has not got it yet, the later stays the later.
        let is_newer = |stamp: Stamp| {
            let is_later = kind.is_some() && dated(stamp.version) > dated(record.version);
            stamp.version >= record.version || is_later
        };
        if held.is_some_and(is_newer) {
            return Merge::Same;
        }
        let Some(kind) = kind else {
            return self.carry(&record);
        };
        let known_expires_ms = held.map_or(0, |it| it.expires_at_ms);
        match rules(kind).merge(&mut self.merging, now, &record, known_expires_ms) {
            Ok(merged) => self.hold(kind, &record, merged),
            Err(Refusal::Full(what)) => Merge::Refused(what),
            Err(Refusal::Malformed(Malformed(why))) => {
                log::debug!(
                    "gossip: malformed record of member {:016x}: {why}",
                    record.version.node
                );
                Merge::Refused("a body that makes no sense")
            }
        }
    }

    fn fetch(&self, key: &Key) -> Option<(Vec<u8>, Option<i64>)> {
        let Some(kind) = Kind::from_number(key.kind.into()) else {
            // Only a newer version could tell of which clock its times are.
            return self.carried.fetch(key).map(|body| (body, None));
        };
        let body = || rules(kind).body(self.merging.core, self.now, &key.id);
        let body = match self.extras.get(kind, &key.id) {
            None => body()?,
            Some(Extra::Newer(newer)) => with_rest(kind, &body()?, newer),
            Some(Extra::Whole(body)) => body.to_vec(),
        };
        Some((body, Some(self.now.wall.as_ns())))
    }
}

impl Tables<'_> {
    /// Whether a record expires later than any that this node would write, clocks that differ aside.
    fn lives_too_long(&self, kind: Option<Kind>, expires: Wall) -> bool {
        let ahead = Duration::from_millis(CLOCK_AHEAD_MS_MAX.unsigned_abs());
        self.flock_wall.is_some_and(|now| expires > now + life_max(kind) + ahead)
    }

    /// Takes a record of a kind that only a newer version knows.
    fn carry(&mut self, record: &gossip::Record) -> Merge {
        if let Err(why) = self.carried.take(&record.key, &record.body) {
            return Merge::Refused(why);
        }
        self.records.extend(carried::stored(&record.key, record.stamp(), &record.body));
        Merge::Changed(record.stamp())
    }

    /// Holds the extra of a record that the core has taken.
    fn hold(&mut self, kind: Kind, record: &gossip::Record, merged: Merged) -> Merge {
        let Merged { stamp, body, stored } = merged;
        let newer = rest(kind, &record.body);
        let key = &record.key.id;
        self.extras.put(kind, key, Extra::of(kind, &body, newer));
        if stored {
            self.records.push(flash_record(kind, key.to_vec(), stamp, whole(kind, body, newer)));
        }
        Merge::Changed(stamp)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::core::deliver::turn::Flock;
    use crate::core::testing::{config, route};
    use crate::effect::{Cx, Effect};
    use crate::gossip::Gossip;
    use crate::gossip::Version;
    use crate::limits::RECORD_LIFE_MAX;
    use crate::limits::{GOSSIP_RECORDS_MAX, LOG_ENTRIES_MAX};
    use crate::model::LogKey;
    use crate::model::{Alert, Fingerprint, GroupKey, Labels, LogEntry};
    use crate::node::DATED;
    use crate::node::Node;
    use crate::node::Options;
    use crate::time::Mono;
    use crate::wire::record::{self, GroupTimer};

    const NOW: Now = Now { mono: Mono::ZERO, wall: Wall::from_secs(1_700_000_000) };

    /// A node that is a member of a flock.
    fn node() -> Node {
        let config = Arc::new(config(route("r", &[])));
        let mut node = Node::new(config, Options::default(), None, NOW);
        let (flock, mut rng) = (gossip::Config::new(1, "a"), StdRng::seed_from_u64(1));
        node.gossip = Some(Gossip::new(NOW, &mut rng, flock));
        node
    }

    /// Has the node take a record; returns what became of it.
    fn merge(node: &mut Node, kind: Kind, key: &[u8], body: &[u8]) -> Merge {
        merge_until(node, kind.number(), key, body, Duration::from_secs(60))
    }

    /// The same with when it expires.
    fn merge_until(node: &mut Node, kind: u8, key: &[u8], body: &[u8], life: Duration) -> Merge {
        let version = Version { hlc: 1, node: 7 };
        offer(node, version, Key::new(kind, key), body, life).0
    }

    /// The same with its version; and what the node then holds.
    fn offer(
        node: &mut Node,
        version: Version,
        key: Key,
        body: &[u8],
        life: Duration,
    ) -> (Merge, Option<gossip::Record>) {
        let mut gossip = node.gossip.take().unwrap();
        let mut tables = Tables {
            now: NOW,
            flock_wall: Some(NOW.wall),
            merging: Merging::new(&mut node.core),
            extras: &mut node.extras,
            carried: &mut node.carried,
            records: Vec::new(),
        };
        let expires_at_ms = (NOW.wall + life).as_ms();
        let body = body.to_vec();
        let record = gossip::Record { key, version, expires_at_ms, body, sent_at: None };
        let outcome = gossip.offer(NOW, record, &mut tables);
        node.gossip = Some(gossip);
        outcome
    }

    fn timer() -> GroupTimer {
        let labels: Labels = [("a", "b")].into_iter().collect();
        GroupTimer { path: "{}".to_owned(), labels, first: NOW.wall }
    }

    #[test]
    fn a_record_under_anothers_key_is_refused() {
        let (log_key, entry) = logged("{}:{}", Duration::from_secs(60), &[]);
        let (timer, claim) = (timer(), record::encode_claim(Duration::ZERO, true, &[]));
        let group_key = record::group_key(&timer.path, &timer.labels);
        let bodies = [
            (Kind::Log, record::log_key(&log_key), record::encode_log(&log_key, &entry)),
            (Kind::Group, group_key, record::encode_group(&timer)),
        ];
        let mut node = node();
        for (kind, key, body) in &bodies {
            for wrong in [&[9; 16][..], &key[1..], &[]] {
                let merge = merge(&mut node, *kind, wrong, body);
                assert!(matches!(merge, Merge::Refused(_)), "{kind:?} under {wrong:?}: {merge:?}");
                assert_eq!(node.held(*kind, wrong), None);
            }
            assert!(matches!(merge(&mut node, *kind, key, body), Merge::Changed(_)), "{kind:?}");
        }
        assert!(matches!(merge(&mut node, Kind::Claim, &[9; 15], &claim), Merge::Refused(_)));
        assert!(matches!(merge(&mut node, Kind::Claim, &[9; 16], &claim), Merge::Changed(_)));
    }

    fn logged(group: &str, expires: Duration, firing: &[u64]) -> (LogKey, LogEntry) {
        let key = LogKey::new(GroupKey::from_stored(group), "r".into(), "log".into(), 0);
        let entry = LogEntry {
            timestamp: NOW.wall,
            firing: firing.iter().copied().map(Fingerprint).collect(),
            resolved: [].into(),
            expires_at: NOW.wall + expires,
            notified_by: [].into(),
            facts: [].into(),
        };
        (key, entry)
    }

    fn merge_logged(node: &mut Node, (key, entry): &(LogKey, LogEntry)) -> Merge {
        merge(node, Kind::Log, &record::log_key(key), &record::encode_log(key, entry))
    }

    #[test]
    fn a_record_that_would_live_too_long_is_refused() {
        let (log_key, entry) = logged("g", RECORD_LIFE_MAX, &[1]);
        let claim = record::encode_claim(Duration::ZERO, true, &[]);
        let timer = timer();
        let group_key = record::group_key(&timer.path, &timer.labels);
        let (day, ahead) = (Duration::from_secs(24 * 3600), Duration::from_secs(600));
        let cases: [(u8, [u8; 16], Vec<u8>, Duration); 4] = [
            (3, record::log_key(&log_key), record::encode_log(&log_key, &entry), day * 366),
            (4, group_key, record::encode_group(&timer), day),
            (5, [9; 16], claim, Duration::from_secs(800 + 30 + 600)),
            (60, [9; 16], b"of a newer version".to_vec(), day * 366),
        ];
        for (kind, key, body, life) in cases {
            let mut node = node();
            let mut merge = |life| merge_until(&mut node, kind, &key, &body, life);
            let longer = life + ahead + Duration::from_millis(1);
            assert!(matches!(merge(longer), Merge::Refused(_)), "{kind}");
            assert!(matches!(merge(life + ahead), Merge::Changed(_)), "{kind}");
        }
    }

    #[test]
    fn a_log_entry_of_the_future_counts_as_one_of_now() {
        let mut node = node();
        let ahead = Duration::from_millis(CLOCK_AHEAD_MS_MAX.cast_unsigned());
        let taken = |node: &mut Node, at: Wall| {
            let (key, mut entry) = logged(&at.to_string(), RECORD_LIFE_MAX, &[1]);
            entry.timestamp = at;
            assert!(matches!(merge_logged(node, &(key.clone(), entry)), Merge::Changed(_)));
            node.core.nflog().get(&key, NOW.wall).unwrap().timestamp
        };
        for at in [NOW.wall, NOW.wall + ahead] {
            assert_eq!(taken(&mut node, at), at);
        }
        for at in [NOW.wall + ahead * 2, NOW.wall + RECORD_LIFE_MAX * 100] {
            assert_eq!(taken(&mut node, at), NOW.wall + ahead);
        }
    }

    #[test]
    fn concurrent_log_entries_merge_identically() {
        let minute = Duration::from_secs(60);
        let ((key, mut one), (_, mut two)) = (logged("g", minute, &[1]), logged("g", minute, &[2]));
        (one.notified_by, two.notified_by) = ([(8, 1)].into(), [(9, 1)].into());
        let version = |ms: u64, node| Version { hlc: ms << 16, node };
        let shared = Key::new(Kind::Log.number(), record::log_key(&key));
        let mut held = Vec::new();
        for me in [8, 9, 10] {
            let mut node = node();
            node.core.set_flock(Flock { me, others: vec![], settling: false });
            for (entry, version, life) in [(&one, version(4, 8), 2), (&two, version(5, 9), 1)] {
                let body = record::encode_log(&key, entry);
                held.push(offer(&mut node, version, shared.clone(), &body, minute * life));
            }
        }
        let (merge, joined) = held.pop().unwrap();
        let joined = joined.unwrap();
        let (_, entry) = record::decode_log(&joined.body).unwrap();
        assert_eq!(merge, Merge::Changed(joined.stamp()));
        assert_eq!(*entry.firing, [Fingerprint(1), Fingerprint(2)]);
        assert!(version(6, 0) < joined.version && joined.version < version(7, 0));
        assert_eq!(joined.expires_at_ms, (NOW.wall + minute * 2).as_ms());
        assert_eq!(held[1].1.as_ref(), Some(&joined));
        assert_eq!(held[3].1.as_ref(), Some(&joined));
    }

    #[test]
    fn the_last_version_of_1970_stays_the_last() {
        let timer = timer();
        let key = record::group_key(&timer.path, &timer.labels);
        let shared = Key::new(Kind::Group.number(), key);
        let body = record::encode_group(&timer);
        let mut node = node();
        let mut offer = |wall: Wall| {
            let version = Version { node: 7, ..Version::at(wall.as_ms()) };
            offer(&mut node, version, shared.clone(), &body, Duration::from_secs(60)).0
        };
        let (earlier, last, later) =
            (Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(5));
        assert!(matches!(offer(Wall::EPOCH + last), Merge::Changed(_)));
        assert_eq!(offer(DATED + earlier), Merge::Same);
        assert!(matches!(offer(DATED + last), Merge::Changed(_)));
        assert_eq!(offer(Wall::EPOCH + later), Merge::Same, "until it has its date");
        assert!(matches!(offer(DATED + later), Merge::Changed(_)));
    }

    #[test]
    fn a_published_timer_holds_before_and_after_its_group_is_made() {
        let alert = Alert {
            labels: [("a", "b")].into_iter().collect(),
            annotations: Labels::empty(),
            generator_url: "".into(),
            starts_at: NOW.wall,
            ends_at: NOW.wall + Duration::from_secs(300),
            updated_at: NOW.wall,
            timeout: true,
        };
        let key = record::alert_key(alert.labels.fingerprint());
        let told_alert = (Kind::Alert, key.to_vec(), record::encode_alert(&alert));
        let path = node().core.routes().matching(&alert.labels, &mut 0)[0];
        let path = node().core.routes().get(path).path.to_string();
        let first = NOW.wall + Duration::from_secs(3);
        let timer = GroupTimer { path, labels: Labels::empty(), first };
        let key = record::group_key(&timer.path, &timer.labels).to_vec();
        let told_timer = (Kind::Group, key.clone(), record::encode_group(&timer));
        for order in [[&told_alert, &told_timer], [&told_timer, &told_alert]] {
            let (mut node, mut rng, mut effects) = (node(), StdRng::seed_from_u64(1), Vec::new());
            let cx = &mut Cx { now: NOW, rng: &mut rng, effects: &mut effects };
            node.handle_restored(cx);
            for (kind, key, body) in order {
                assert!(matches!(merge(&mut node, *kind, key, body), Merge::Changed(_)));
                // No member publishes it any more.
                node.core.handle_timeout(cx);
                node.publish_some(cx);
            }
            assert_eq!(node.core.groups().iter().next().unwrap().1.first_flush, first);
            let stamp = node.held(Kind::Group, &key).unwrap();
            assert_eq!(stamp.version, Version { hlc: 1, node: 7 });
        }
    }

    #[test]
    fn a_log_entry_dropped_from_a_full_log_leaves_flash() {
        let (mut node, minute) = (node(), Duration::from_secs(60));
        let quiet = logged("quiet", minute * 9, &[]);
        assert!(matches!(merge_logged(&mut node, &quiet), Merge::Changed(_)));
        for n in 1..LOG_ENTRIES_MAX {
            let (key, entry) = logged(&n.to_string(), minute, &[1]);
            node.core.merge_log(NOW, &key, entry);
        }
        assert!(matches!(
            merge_logged(&mut node, &logged("more", minute, &[1])),
            Merge::Changed(_)
        ));
        let refused = logged("refused", minute * 9, &[]);
        assert!(matches!(merge_logged(&mut node, &refused), Merge::Refused(_)));
        let (mut rng, mut effects) = (StdRng::seed_from_u64(1), Vec::new());
        node.publish_some(&mut Cx { now: NOW, rng: &mut rng, effects: &mut effects });
        let delete = |of: &(LogKey, LogEntry)| JournalRecord::delete(3, record::log_key(&of.0));
        let [Effect::Persist(records)] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!(*records, [delete(&quiet), delete(&refused)]);
        assert_eq!(node.core.stats().log_dropped, 2);
        assert_eq!(node.held(Kind::Log, &record::log_key(&quiet.0)), None);
    }

    #[test]
    fn a_full_version_table_is_counted_and_logged_once_a_minute() {
        let (mut node, mut rng) = (node(), StdRng::seed_from_u64(1));
        let mut gossip = Gossip::new(NOW, &mut rng, gossip::Config::new(1, "a"));
        for id in 0..GOSSIP_RECORDS_MAX {
            let stamp = Stamp { version: Version { hlc: 1, node: 1 }, expires_at_ms: i64::MAX };
            gossip.set_aside(Key::new(1, id.to_be_bytes()), stamp);
        }
        gossip.share(NOW);
        node.gossip = Some(gossip);
        for (count, secs, said) in [(1, 0, 0), (2, 59, 0), (3, 60, 60), (4, 119, 60)] {
            let by = Duration::from_secs(secs);
            let now = Now { mono: NOW.mono + by, wall: NOW.wall + by };
            let cx = &mut Cx { now, rng: &mut rng, effects: &mut Vec::new() };
            node.publish(cx, Kind::Log, &[9; 16], NOW.wall, Stamp::default(), &[]);
            assert_eq!(node.flock().unwrap().stats().index_full, count);
            assert_eq!(node.full_warned, Some(NOW.mono + Duration::from_secs(said)));
        }
    }
}

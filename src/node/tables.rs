//! The tables of core and node as the gossip sees them: records of other members are put into them, and records that members
//! ask for are fetched.

use std::time::Duration;

use crate::gossip::{self, Key, Merge, Replica};
use crate::limits::CLOCK_AHEAD_MS_MAX;
use crate::node::carried::{self, Carried};
use crate::node::clock::dated;
use crate::node::keep::flash_record;
use crate::node::kinds::{Merged, Merging, Refusal, life_max, rules};
use crate::node::stamps::{Extra, Stamp, Stamps};
use crate::store::Record;
use crate::time::{Now, Wall};
use crate::wire::record::{Kind, Malformed};
use crate::wire::rest::{rest, with_rest};

/// The tables as the gossip sees them.
pub(super) struct Tables<'a> {
    pub(super) now: Now,
    /// The time as the flock counts it, if it is known.
    pub(super) flock_wall: Option<Wall>,
    pub(super) merging: Merging<'a>,
    pub(super) stamps: &'a mut Stamps,
    pub(super) carried: &'a mut Carried,
    /// Records for flash.
    pub(super) records: Vec<Record>,
}

impl Replica for Tables<'_> {
    fn merge(&mut self, now: Now, record: gossip::Record) -> Merge {
        let kind = Kind::from_number(record.key.kind.into());
        if self.lives_too_long(kind, Wall::from_ms(record.expires_at_ms)) {
            return Merge::Refused("it would be kept for too long");
        }
        let Some(kind) = kind else {
            return self.carry(&record);
        };
        let known = self.stamps.get(kind, &record.key.id);
        // Of a version of 1970 that has its date and one that has not got it yet, the later stays the later.
        let is_newer = |stamp: &Stamp| {
            stamp.version >= record.version || dated(stamp.version) > dated(record.version)
        };
        if known.is_some_and(is_newer) {
            return Merge::Same;
        }
        let known_expires_ms = known.map_or(0, |it| it.expires_at_ms);
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

    fn fetch(&self, key: &Key) -> Option<gossip::Record> {
        let Some(kind) = Kind::from_number(key.kind.into()) else {
            return self.carried.fetch(key);
        };
        let stamp = self.stamps.get(kind, &key.id)?;
        let body = || rules(kind).body(self.merging.core, self.now, &key.id);
        let body = match &stamp.extra {
            Extra::None => body()?,
            Extra::Newer(newer) => with_rest(kind, &body()?, newer),
            Extra::Whole(body) => body.to_vec(),
        };
        let (version, expires_at_ms) = (stamp.version, stamp.expires_at_ms);
        let sent_at = Some(self.now.wall.as_ns());
        Some(gossip::Record { key: key.clone(), version, expires_at_ms, body, sent_at })
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
        let merge = self.carried.take(record);
        if merge == Merge::Changed {
            self.records.extend(carried::stored(record));
        }
        merge
    }

    /// Holds the stamp of a record that the core has taken.
    fn hold(&mut self, kind: Kind, record: &gossip::Record, merged: Merged) -> Merge {
        let Merged { version, expires_at_ms, body, lease_end, stored } = merged;
        let extra = Extra::of(kind, &body, rest(kind, &record.body));
        let stamp = Stamp { version, expires_at_ms, lease_end, extra };
        let key = &record.key.id;
        if stored {
            self.records.push(flash_record(kind, key.to_vec(), &stamp, body));
        }
        self.stamps.put(kind, key, stamp);
        Merge::Changed
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

    fn node() -> Node {
        Node::new(Arc::new(config(route("r", &[]))), Options::default(), None, NOW)
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
        let mut tables = Tables {
            now: NOW,
            flock_wall: Some(NOW.wall),
            merging: Merging::new(&mut node.core),
            stamps: &mut node.stamps,
            carried: &mut node.carried,
            records: Vec::new(),
        };
        let expires_at_ms = (NOW.wall + life).as_ms();
        let (held, body) = (key.clone(), body.to_vec());
        let record = gossip::Record { key, version, expires_at_ms, body, sent_at: None };
        (tables.merge(NOW, record), tables.fetch(&held))
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
                assert_eq!(node.stamps.get(*kind, wrong), None);
            }
            assert_eq!(merge(&mut node, *kind, key, body), Merge::Changed, "{kind:?}");
        }
        assert!(matches!(merge(&mut node, Kind::Claim, &[9; 15], &claim), Merge::Refused(_)));
        assert_eq!(merge(&mut node, Kind::Claim, &[9; 16], &claim), Merge::Changed);
    }

    fn logged(group: &str, expires: Duration, firing: &[u64]) -> (LogKey, LogEntry) {
        let key = LogKey::new(GroupKey::from_stored(group), "r".into(), "log".into(), 0);
        let entry = LogEntry {
            timestamp: NOW.wall,
            firing: firing.iter().copied().map(Fingerprint).collect(),
            resolved: [].into(),
            expires_at: NOW.wall + expires,
            tellers: [].into(),
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
            assert_eq!(merge(life + ahead), Merge::Changed, "{kind}");
        }
    }

    #[test]
    fn a_log_entry_of_the_future_counts_as_one_of_now() {
        let mut node = node();
        let ahead = Duration::from_millis(CLOCK_AHEAD_MS_MAX.cast_unsigned());
        let taken = |node: &mut Node, at: Wall| {
            let (key, mut entry) = logged(&at.to_string(), RECORD_LIFE_MAX, &[1]);
            entry.timestamp = at;
            assert_eq!(merge_logged(node, &(key.clone(), entry)), Merge::Changed);
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
        (one.tellers, two.tellers) = ([(8, 1)].into(), [(9, 1)].into());
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
        assert_eq!(
            (merge, &*entry.firing),
            (Merge::Changed, &[Fingerprint(1), Fingerprint(2)][..])
        );
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
        assert_eq!(offer(Wall::EPOCH + last), Merge::Changed);
        assert_eq!(offer(DATED + earlier), Merge::Same);
        assert_eq!(offer(DATED + last), Merge::Changed);
        assert_eq!(offer(Wall::EPOCH + later), Merge::Same, "until it has its date");
        assert_eq!(offer(DATED + later), Merge::Changed);
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
            node.flock_config = Some(gossip::Config::new(1, "a"));
            let cx = &mut Cx { now: NOW, rng: &mut rng, effects: &mut effects };
            node.handle_restored(cx);
            for (kind, key, body) in order {
                assert_eq!(merge(&mut node, *kind, key, body), Merge::Changed);
                // No member publishes it any more.
                node.core.handle_timeout(cx);
                node.spread(cx);
            }
            assert_eq!(node.core.groups().iter().next().unwrap().1.first_flush, first);
            let stamp = node.stamps.get(Kind::Group, &key).unwrap();
            assert_eq!(stamp.version, Version { hlc: 1, node: 7 });
        }
    }

    #[test]
    fn a_log_entry_dropped_from_a_full_log_leaves_flash() {
        let (mut node, minute) = (node(), Duration::from_secs(60));
        let quiet = logged("quiet", minute * 9, &[]);
        assert_eq!(merge_logged(&mut node, &quiet), Merge::Changed);
        for n in 1..LOG_ENTRIES_MAX {
            let (key, entry) = logged(&n.to_string(), minute, &[1]);
            node.core.merge_log(NOW, &key, entry);
        }
        assert_eq!(merge_logged(&mut node, &logged("more", minute, &[1])), Merge::Changed);
        let refused = logged("refused", minute * 9, &[]);
        assert!(matches!(merge_logged(&mut node, &refused), Merge::Refused(_)));
        let (mut rng, mut effects) = (StdRng::seed_from_u64(1), Vec::new());
        node.spread(&mut Cx { now: NOW, rng: &mut rng, effects: &mut effects });
        let delete = |of: &(LogKey, LogEntry)| Record::delete(3, record::log_key(&of.0));
        let [Effect::Persist(records)] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!(*records, [delete(&quiet), delete(&refused)]);
        assert_eq!(node.core.stats().log_dropped, 2);
        assert_eq!(node.stamps.get(Kind::Log, &record::log_key(&quiet.0)), None);
    }

    #[test]
    fn records_without_room_in_the_index_are_offered_again_in_pieces() {
        let (mut node, mut rng) = (node(), StdRng::seed_from_u64(1));
        node.gossip = Some(Gossip::new(NOW, &mut rng, gossip::Config::new(1, "a")));
        let stamp = Stamp {
            expires_at_ms: i64::MAX,
            version: Version { hlc: 1, node: 1 },
            ..Stamp::default()
        };
        for id in 0..2_500_u64 {
            node.stamps.put(Kind::Alert, &id.to_be_bytes(), stamp.clone());
        }
        node.unshared_since = Some(NOW.mono);
        let mut known = Vec::new();
        for minute in 4..9 {
            let by = Duration::from_secs(60 * minute);
            let now = Now { mono: NOW.mono + by, wall: NOW.wall + by };
            node.handle_flock_timeout(&mut Cx { now, rng: &mut rng, effects: &mut Vec::new() });
            known.push(node.flock().unwrap().records());
        }
        assert_eq!(known, [0, 1_000, 2_000, 2_500, 2_500]);
        assert_eq!((node.unshared_since, node.noting), (None, None));
    }

    #[test]
    fn a_full_version_table_is_counted_and_logged_once_a_minute() {
        let (mut node, mut rng) = (node(), StdRng::seed_from_u64(1));
        let mut gossip = Gossip::new(NOW, &mut rng, gossip::Config::new(1, "a"));
        for id in 0..GOSSIP_RECORDS_MAX {
            let record = gossip::Record {
                key: Key::new(1, id.to_be_bytes()),
                version: Version { hlc: 1, node: 1 },
                expires_at_ms: i64::MAX,
                body: Vec::new(),
                sent_at: None,
            };
            gossip.note(NOW, &record).unwrap();
        }
        node.gossip = Some(gossip);
        for (count, secs, said) in [(1, 0, 0), (2, 59, 0), (3, 60, 60), (4, 119, 60)] {
            let by = Duration::from_secs(secs);
            let now = Now { mono: NOW.mono + by, wall: NOW.wall + by };
            let cx = &mut Cx { now, rng: &mut rng, effects: &mut Vec::new() };
            node.publish(cx, Kind::Log, &[9; 16], &Stamp::default(), &[]);
            assert_eq!(node.flock().unwrap().stats().index_full, count);
            assert_eq!(node.full_warned, Some(NOW.mono + Duration::from_secs(said)));
        }
    }
}

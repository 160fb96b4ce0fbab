//! Changes of the core become records: they are given a version, stored on flash and published to the flock.

use log::{debug, warn};

use crate::core::Change;
use crate::effect::Cx;
use crate::gossip::{self, Stamp, Version};
use crate::limits::{HISTORY_MAX, WARN_INTERVAL};
use crate::model::{Alert, Fingerprint};
use crate::node::Node;
use crate::node::extras::{Extra, shared_key};
use crate::node::kinds::{Act, Draft, act, flash_deletion, flash_record, life_max, rules};
use crate::store::JournalRecord;
use crate::time::{Now, Wall};
use crate::wire::record::{self, GroupTimer, Kind};
use crate::wire::rest::with_rest;

/// How many changes, or records that are written again, are stored and published in one piece, unless somebody waits for all.
pub(super) const PUBLISHED_TOGETHER: usize = 500;

impl Node {
    /// Stores and publishes what has changed, then sends. If very much has, the rest follows with the next timeouts.
    pub(super) fn publish_some(&mut self, cx: &mut Cx<'_>) {
        let changes = self.core.take_some_changes(PUBLISHED_TOGETHER);
        self.publish_these(cx, changes);
    }

    /// Stores and publishes everything that has changed, then sends: somebody waits until that is durable.
    pub(super) fn publish_all(&mut self, cx: &mut Cx<'_>) {
        let changes = self.core.take_changes();
        self.publish_these(cx, changes);
    }

    fn publish_these(&mut self, cx: &mut Cx<'_>, changes: Vec<Change>) {
        let mut records = Vec::new();
        let is_end = |it: &&Change| matches!(it, Change::AlertEnded { .. });
        let mut unnoted = changes.iter().filter(is_end).count().saturating_sub(HISTORY_MAX);
        for change in changes {
            if let Change::AlertEnded { fingerprint, .. } = change {
                // The history has no room for the first of so many.
                if unnoted == 0 {
                    self.note_turned(cx.now.wall, fingerprint);
                }
                unnoted = unnoted.saturating_sub(1);
            }
            match change {
                Change::AlertEnded { fingerprint, told: false } => {
                    records.extend(self.ended(fingerprint, cx.now));
                }
                Change::Alert { fingerprint, lease: true } if !self.lease_is_due(fingerprint) => {}
                change => match act(&self.core, change, cx.now) {
                    Some(Act::Delete(kind, key)) => records.push(self.delete(kind, key)),
                    Some(Act::Put(draft)) => records.extend(self.put(cx, draft)),
                    None => {}
                },
            }
        }
        self.note_past(cx.now);
        self.persist(cx, records);
        self.send(cx);
        self.watch_receivers();
    }

    /// Forgets a record. Returns its deletion for flash.
    fn delete(&mut self, kind: Kind, key: Vec<u8>) -> JournalRecord {
        self.extras.remove(kind, &key);
        if let Some(gossip) = &mut self.gossip {
            gossip.mark_removed(&shared_key(kind, &key));
        }
        flash_deletion(kind, key)
    }

    /// Gives a record a version and publishes it. Returns the record for flash, if that stores it.
    fn put(&mut self, cx: &mut Cx<'_>, draft: Draft) -> Option<JournalRecord> {
        let Draft { kind, key, expires, mut body, stored, published } = draft;
        let known = (!published).then(|| self.known_timer(kind, &key)).flatten();
        let (stamp, extra) = if let Some((stamp, extra, timer)) = known {
            self.core.merge_group(cx.now, &timer.path, &timer.labels, timer.first);
            body = record::encode_group(&timer);
            (stamp, Some(extra))
        } else {
            // This version is older than any that a member publishes.
            let unpublished = Version::UNPUBLISHED;
            let version = if published { self.next_version(cx.now) } else { unpublished };
            let expires_at_ms = self.end_of(cx.now, kind, &key, expires);
            (Stamp { version, expires_at_ms }, Extra::of(kind, &body, None))
        };
        if published {
            self.publish(cx, kind, &key, expires, stamp, &body);
        } else {
            self.set_aside(kind, &key, stamp);
        }
        let record = stored.then(|| {
            let newer = extra.as_ref().and_then(|extra| extra.newer(kind));
            flash_record(kind, key.clone(), stamp, whole(kind, body, newer))
        });
        if self.is_member() {
            self.extras.put(kind, &key, extra);
        }
        record
    }

    /// The timer that another member has published of a group before the group was made here.
    fn known_timer(&self, kind: Kind, key: &[u8]) -> Option<(Stamp, Extra, GroupTimer)> {
        let extra = self.extras.get(kind, key)?;
        Some((self.held(kind, key)?, extra.clone(), extra.timer()?))
    }

    /// The stamp of a record that this node holds; none without a flock.
    pub(super) fn held(&self, kind: Kind, key: &[u8]) -> Option<Stamp> {
        self.gossip.as_ref()?.held(&shared_key(kind, key))
    }

    /// Takes the stamp of a record that is not published.
    pub(super) fn set_aside(&mut self, kind: Kind, key: &[u8], stamp: Stamp) {
        if let Some(gossip) = &mut self.gossip {
            gossip.set_aside(shared_key(kind, key), stamp);
        }
    }

    /// The record for flash of an alert that time has ended.
    fn ended(&self, fingerprint: Fingerprint, now: Now) -> Option<JournalRecord> {
        let change = Change::Alert { fingerprint, lease: false };
        let Act::Put(draft) = act(&self.core, change, now)? else { return None };
        Some(self.stored_again(draft, now))
    }

    /// A record for flash under the version that is held. A node without a flock holds none: no node has an older version.
    pub(super) fn stored_again(&self, draft: Draft, now: Now) -> JournalRecord {
        let Draft { kind, key, expires, body, .. } = draft;
        let stamp = self.held(kind, &key).unwrap_or_else(|| Stamp {
            version: Version { hlc: self.last_hlc, node: 0 },
            expires_at_ms: expires.min(now.wall + life_max(Some(kind))).as_ms(),
        });
        let newer = self.extras.get(kind, &key).and_then(|extra| extra.newer(kind));
        let body = whole(kind, body, newer);
        flash_record(kind, key, stamp, body)
    }

    /// Publishes a record, which expires at a time by our clock, under its stamp.
    pub(super) fn publish(
        &mut self,
        cx: &mut Cx<'_>,
        kind: Kind,
        key: &[u8],
        expires: Wall,
        stamp: Stamp,
        body: &[u8],
    ) {
        let Some(gossip) = &mut self.gossip else { return };
        rules(kind).note_published(&mut self.core, key, expires);
        let record = gossip::Record {
            key: shared_key(kind, key),
            version: stamp.version,
            expires_at_ms: stamp.expires_at_ms,
            body: body.to_vec(),
            sent_at: Some(cx.now.wall.as_ns()),
        };
        let Err(error) = gossip.publish(cx.now, cx.rng, record) else { return };
        let since = self.full_warned.map(|at| cx.now.mono.since(at));
        if error == gossip::PublishError::Full && since.is_none_or(|it| it >= WARN_INTERVAL) {
            self.full_warned = Some(cx.now.mono);
            warn!("gossip: record not replicated; others may follow: {error}");
        } else {
            debug!("gossip: record not replicated: {error}");
        }
    }

    /// Whether the longer lease of an alert that fires on is to be published: once half of the lease that the flock knows
    /// has passed.
    fn lease_is_due(&self, fingerprint: Fingerprint) -> bool {
        let Some(entry) = self.core.alerts().get(fingerprint) else { return true };
        if self.gossip.is_none() {
            return false;
        }
        let alert: &Alert = &entry.alert;
        alert.ends_at.since(entry.known_end) >= alert.ends_at.since(alert.updated_at) / 2
    }

    /// The version of a record that this node writes now.
    fn next_version(&mut self, now: Now) -> Version {
        if let Some(gossip) = &mut self.gossip {
            return gossip.stamp(now);
        }
        let wall = u64::try_from(now.wall.as_ms()).unwrap_or(0) << 16;
        self.last_hlc = wall.max(self.last_hlc + 1);
        Version { hlc: self.last_hlc, node: self.identity.unwrap_or(0) }
    }

    /// The end, by the flock's time, of a record that expires at a time by our clock. It never expires before an older version,
    /// or that could come back from a node that was away: the gossip knows how long any version is kept.
    pub(super) fn end_of(&self, now: Now, kind: Kind, key: &[u8], expires: Wall) -> i64 {
        // Its end is compared by the flock's time, everything else by ours.
        let most = self.flock_wall(now) + life_max(Some(kind));
        let expires_at_ms = self.flock_time(now, expires).min(most).as_ms();
        let known = self.gossip.as_ref().and_then(|it| it.expires_at_ms(&shared_key(kind, key)));
        known.map_or(expires_at_ms, |known| known.max(expires_at_ms))
    }
}

/// A body as the core holds it, with the elements that only a newer version knows.
pub(super) fn whole(kind: Kind, body: Vec<u8>, newer: Option<&[u8]>) -> Vec<u8> {
    match newer {
        Some(newer) => with_rest(kind, &body, newer),
        None => body,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;
    use std::time::Duration;

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::config::{Config, GroupBy};
    use crate::core::testing::{config, matchers, route};
    use crate::effect::Effect;
    use crate::limits::{HISTORY_KEPT_MAX, RECORD_LIFE_MAX};
    use crate::model::Report;
    use crate::node::{Options, SilenceDraft};
    use crate::notify::Reply;
    use crate::store::Op;
    use crate::time::{Mono, SET_SINCE};

    /// A node, the flash beneath it, and a `log` receiver that takes everything.
    struct World {
        node: Node,
        now: Now,
        rng: StdRng,
        flash: BTreeMap<(u16, Vec<u8>), Vec<u8>>,
        writes: usize,
        told: usize,
    }

    impl World {
        fn new() -> Self {
            Self::with(config(route("r", &[])))
        }

        fn with(config: Config) -> Self {
            let now = Now { mono: Mono::from_ms(0), wall: Wall::from_secs(1_700_000_000) };
            let node = Node::new(Arc::new(config), Options::default(), None, now);
            let rng = StdRng::seed_from_u64(1);
            Self { node, now, rng, flash: BTreeMap::new(), writes: 0, told: 0 }
        }

        fn step<T>(&mut self, input: impl FnOnce(&mut Node, &mut Cx<'_>) -> T) -> T {
            let mut effects = Vec::new();
            let mut cx = Cx { now: self.now, rng: &mut self.rng, effects: &mut effects };
            let outcome = input(&mut self.node, &mut cx);
            while let Some(effect) = effects.pop() {
                match effect {
                    Effect::Attempt(attempt) => {
                        self.told += 1;
                        let mut cx =
                            Cx { now: self.now, rng: &mut self.rng, effects: &mut effects };
                        self.node.handle_reply(&mut cx, attempt.id, &Reply::Done);
                    }
                    Effect::Cancel(_)
                    | Effect::Look { .. }
                    | Effect::Multicast(_)
                    | Effect::Send { .. } => {}
                    Effect::BeginAnew(state) => {
                        let queued = std::mem::take(&mut self.flash);
                        let put = |it: JournalRecord| {
                            Some(((it.kind, it.key.clone()), it.body()?.to_vec()))
                        };
                        self.flash.extend(state.into_iter().filter_map(put).chain(queued));
                    }
                    Effect::Persist(records) => {
                        self.writes += records.len();
                        for record in records {
                            match record.op {
                                Op::Put(body) => self.flash.insert((record.kind, record.key), body),
                                Op::Delete => self.flash.remove(&(record.kind, record.key)),
                            };
                        }
                    }
                }
            }
            outcome
        }

        fn pass(&mut self, secs: u64) {
            let end = self.now.mono + Duration::from_secs(secs);
            while let Some(at) = self.node.next_timeout().filter(|at| *at <= end) {
                self.advance(at.max(self.now.mono));
                self.step(Node::handle_timeout);
            }
            self.advance(end);
        }

        fn advance(&mut self, at: Mono) {
            self.now.wall = self.now.wall + at.since(self.now.mono);
            self.now.mono = at;
        }

        /// Pulls the plug and starts again after `secs`.
        fn restart(&mut self, secs: u64) {
            self.now.wall = self.now.wall + Duration::from_secs(secs);
            self.now.mono = Mono::from_ms(5);
            self.node =
                Node::new(Arc::new(config(route("r", &[]))), Options::default(), None, self.now);
            for ((kind, key), body) in self.flash.clone() {
                self.node.handle_record(kind, &key, &body).unwrap();
            }
            self.step(Node::handle_restored);
        }

        fn post(&mut self, name: &'static str, ended: bool) {
            let labels = vec![(Cow::Borrowed("alertname"), Cow::Borrowed(name))];
            let ends = ended.then_some(self.now.wall);
            let report = Report::new(labels, vec![], None, ends, "".into());
            self.step(|node, cx| drop(node.handle_reports(cx, &[report])));
        }
    }

    #[test]
    fn a_restart_neither_repeats_nor_forgets_nor_waits_anew() {
        let mut w = World::new();
        w.post("A", false);
        w.pass(5);
        assert_eq!(w.told, 1);
        w.post("B", false);
        w.restart(1);
        w.pass(1);
        assert_eq!(w.told, 2, "B was due while the power was out");
        w.pass(30);
        assert_eq!(w.told, 2);
        w.post("A", true);
        w.restart(20);
        w.pass(10);
        assert_eq!(w.told, 3, "the end of A");
        w.restart(1);
        w.pass(30);
        assert_eq!(w.told, 3);
    }

    #[test]
    fn a_restart_renews_leases_and_keeps_ended_alerts_ended() {
        let mut w = World::new();
        w.post("A", false);
        w.pass(5);
        w.restart(1800);
        w.pass(290);
        assert_eq!(w.told, 1, "while nobody listened nobody could extend it");
        w.pass(30);
        assert_eq!(w.told, 2, "nor has anybody since");
        w.restart(1);
        w.pass(600);
        assert_eq!(w.told, 2);
    }

    #[test]
    fn a_repeated_report_writes_nothing() {
        let mut w = World::new();
        w.post("A", false);
        w.pass(60);
        let before = w.writes;
        for _ in 0..100 {
            w.post("A", false);
            w.pass(60);
        }
        assert_eq!(w.writes - before, 2, "the repeated notification's log entry, and its event");
    }

    #[test]
    fn an_own_alert_ends_with_its_process() {
        let mut w = World::new();
        w.step(|node, cx| node.handle_journal(cx, Some("EIO")));
        w.pass(60);
        assert_eq!(w.told, 1);
        w.restart(1);
        w.step(|node, cx| node.handle_journal(cx, None));
        w.pass(60);
        assert_eq!(w.told, 2, "its end");
    }

    #[test]
    fn records_are_put_in_force_in_pieces_and_are_the_same() {
        let mut w = with_many(300);
        let (told, kept) = (w.told, std::mem::take(&mut w.flash));
        w.restart(60);
        for ((kind, key), body) in &kept {
            w.node.handle_record(*kind, key, body).unwrap();
        }
        let (mut pieces, mut most, mut known) = (0, 0, 0);
        let mut is_done = false;
        while !is_done {
            is_done = w.step(|node, cx| node.restore_some(cx, 100));
            let count = w.node.alerts().count();
            (pieces, most, known) = (pieces + 1, most.max(count - known), count);
        }
        assert!(pieces >= 8 && most <= 100, "{pieces} pieces of {most} alerts at most");
        w.pass(60);
        assert_eq!((w.node.alerts().count(), w.told), (300, told), "nothing is news");
        w.step(Node::handle_state_wanted);
        w.pass(60);
        assert!(w.flash.keys().eq(kept.keys()));
    }

    #[test]
    fn records_found_late_change_nothing_newer() {
        let mut w = World::new();
        w.post("A", false);
        w.post("B", false);
        w.pass(60);
        let told = w.told;
        let kept = w.flash.clone();
        w.flash.clear();
        w.restart(10);
        w.post("A", true);
        for ((kind, key), body) in kept {
            w.node.handle_record(kind, &key, &body).unwrap();
        }
        w.step(Node::handle_restored);
        let now = w.now.wall;
        let ended: Vec<bool> = w.node.alerts().map(|(_, alert, _)| alert.resolved(now)).collect();
        assert_eq!(ended.iter().filter(|ended| **ended).count(), 1);
        assert_eq!(ended.len(), 2);
        w.pass(60);
        assert_eq!(w.told, told + 1, "the end of A, and B is no news");
    }

    #[test]
    fn very_many_changes_are_stored_in_pieces() {
        const MANY: usize = 1_400;
        let mut root = route("r", &[]);
        root.group_by = GroupBy::Labels(Vec::new());
        let mut w = World::with(config(root));
        for n in 0..MANY {
            w.post(Box::leak(n.to_string().into_boxed_str()), false);
        }
        w.pass(200);
        assert_eq!(w.told, 1);
        // Nobody posts them again, and all end together.
        let (mut all, mut most) = (0, 0);
        while w.told == 1 || w.node.next_timeout() <= Some(w.now.mono) {
            let at = w.node.next_timeout().unwrap();
            w.advance(at.max(w.now.mono));
            let before = w.writes;
            w.step(Node::handle_timeout);
            (all, most) = (all + w.writes - before, most.max(w.writes - before));
        }
        assert!(all >= MANY && most <= PUBLISHED_TOGETHER + HISTORY_MAX, "{most} of {all}");
    }

    /// Many alerts, each told.
    fn with_many(count: usize) -> World {
        let mut w = World::new();
        for n in 0..count {
            w.post(Box::leak(n.to_string().into_boxed_str()), false);
        }
        w.pass(60);
        w
    }

    #[test]
    fn after_a_step_of_the_clock_all_is_stored_again_in_pieces() {
        let mut w = with_many(1_400);
        w.now.wall = SET_SINCE + Duration::from_secs(3600);
        let (mut all, mut most) = (0, 0);
        loop {
            let before = w.writes;
            w.step(Node::handle_timeout);
            (all, most) = (all + w.writes - before, most.max(w.writes - before));
            if w.node.next_timeout() > Some(w.now.mono) {
                break;
            }
        }
        // Each has its alert, its group and its log entry; the history comes along once or twice.
        let history = 4 * HISTORY_KEPT_MAX;
        assert!(all >= 3 * 1_400 && most <= PUBLISHED_TOGETHER + history, "{most} of {all}");
        let begun = w.node.alerts().next().unwrap().1.starts_at;
        w.restart(0);
        let starts: BTreeSet<Wall> = w.node.alerts().map(|(_, it, _)| it.starts_at).collect();
        assert_eq!(starts, [begun].into(), "stored as stepped");
    }

    #[test]
    fn the_state_is_gathered_in_pieces_and_with_what_comes_meanwhile() {
        let mut w = with_many(1_400);
        w.flash.clear();
        w.step(Node::handle_state_wanted);
        assert_eq!(w.flash.len(), 0, "not all in one piece");
        w.post("7", true);
        w.post("new", false);
        let mut pieces = 1;
        while w.node.next_timeout() <= Some(w.now.mono) {
            w.step(Node::handle_timeout);
            pieces += 1;
        }
        assert!(pieces > 2, "{pieces}");
        w.restart(1);
        let now = w.now.wall;
        let ended: Vec<bool> = w.node.alerts().map(|(_, it, _)| it.resolved(now)).collect();
        assert_eq!(ended.len(), 1_401);
        assert_eq!(ended.iter().filter(|it| **it).count(), 1);
    }

    #[test]
    fn a_far_end_is_published_for_a_year_and_again_after_half_of_it() {
        let w = World::new();
        let of = |now, ends| {
            let expires_at_ms = w.node.end_of(now, Kind::Silence, &[7; 16], ends);
            Stamp { version: Version::at(1), expires_at_ms }
        };
        let stamp = of(w.now, Wall::MAX);
        assert_eq!(stamp.expires_at_ms, (w.now.wall + RECORD_LIFE_MAX).as_ms());
        let early = |days: u32| {
            let wall = w.now.wall + Duration::from_secs(24 * 3600) * days;
            w.node.expires_early(Now { wall, ..w.now }, Kind::Silence, &[7; 16], stamp, Wall::MAX)
        };
        assert!(!early(0) && !early(183) && early(184));
    }

    #[test]
    fn silences_come_back_and_ended_ones_leave_no_record() {
        let mut w = World::new();
        let draft = SilenceDraft {
            id: None,
            matchers: matchers(&["alertname=A"]),
            starts_at: None,
            ends_at: w.now.wall + Duration::from_secs(3600),
            created_by: "me".into(),
            comment: "c".into(),
            annotations: vec![],
        };
        w.step(|node, cx| drop(node.handle_set_silence(cx, draft)));
        w.restart(1);
        w.post("A", false);
        w.pass(30);
        assert_eq!(w.told, 0);
        w.pass(7 * 24 * 3600);
        let left = w.flash.keys().filter(|(kind, _)| *kind != u16::from(Kind::Past.number()));
        assert_eq!(left.count(), 0, "{:?}", w.flash.keys());
    }
}

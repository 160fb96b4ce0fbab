//! What is kept and shared: changes of the core become records.

use std::net::SocketAddr;
use std::time::Duration;

use log::{debug, warn};

use crate::core::Change;
use crate::effect::{Cx, Effect};
use crate::faults::{self, Fault};
use crate::gossip::{self, Version};
use crate::limits::{CLAIM_TIME_MAX, CLOCK_AHEAD_MS_MAX, RECORD_LIFE_MAX, WARN_INTERVAL};
use crate::model::{Alert, Fingerprint, Labels};
use crate::node::Node;
use crate::node::carried;
use crate::node::stamps::{Stamp, beyond, shared_key};
use crate::store::Record;
use crate::time::{Now, Wall};
use crate::wire::record::{self, GroupTimer, Kind, Stamped};
use crate::wire::rest::{rest, with_rest};

/// How long the time of a group's first flush is shared.
const GROUP_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long a claim is shared after it has lapsed, so that who gave up stays known for the turn; and longer by as much
/// as the clock of a member may be ahead, or that member would take it for expired.
const CLAIM_LIFE: Duration = Duration::from_millis(30_000 + CLOCK_AHEAD_MS_MAX.cast_unsigned());

/// How long from now on a record may mean something; of a kind that only a newer version knows too.
pub(super) const fn life_max(kind: Option<Kind>) -> Duration {
    match kind {
        Some(Kind::Claim) => CLAIM_TIME_MAX.saturating_add(CLAIM_LIFE),
        Some(Kind::Group) => GROUP_LIFE,
        _ => RECORD_LIFE_MAX,
    }
}

/// What is to be done about a change.
pub(super) enum Act {
    /// Its record is gone.
    Delete(Kind, Vec<u8>),
    /// It has a new record.
    Put {
        kind: Kind,
        key: Vec<u8>,
        expires: Wall,
        body: Vec<u8>,
        /// Whether flash keeps it.
        keep: bool,
        /// Whether the flock is told.
        share: bool,
    },
}

impl Node {
    /// Brings what has changed to those who must know: flash, and the flock.
    pub(super) fn spread(&mut self, cx: &mut Cx<'_>) {
        let mut records = Vec::new();
        for change in self.core.take_changes() {
            if let Change::AlertEnded { fingerprint, told: false } = change {
                records.extend(self.ended(fingerprint, cx.now));
                continue;
            }
            match self.act(change, cx.now) {
                Some(Act::Delete(kind, key)) => {
                    self.stamps.remove(kind, &key);
                    if let Some(gossip) = &mut self.gossip {
                        gossip.mark_gone(&shared_key(kind, &key));
                    }
                    records.push(Record::delete(u16::from(kind.number()), key));
                }
                Some(Act::Put { kind, key, expires, mut body, keep, share }) => {
                    let stamp = if share {
                        self.stamp(cx.now, kind, expires, &body)
                    } else if let Some((told, timer)) = self.told_timer(kind, &key) {
                        self.core.merge_group(cx.now, &timer.path, &timer.labels, timer.first);
                        body = record::encode_group(&timer);
                        told
                    } else {
                        // Nobody has told it yet, so whatever somebody tells holds.
                        self.stamp_of_version(cx.now, Version::UNPUBLISHED, kind, expires, &body)
                    };
                    if share && !self.unshared(kind, &key, cx.now) {
                        self.publish(cx, kind, &key, &stamp, body.clone());
                    }
                    if keep && !(kind == Kind::Alert && faults::on(Fault::AlertNotKept)) {
                        records.push(stored(kind, key.clone(), &stamp, body));
                    }
                    if self.is_member() {
                        self.stamps.put(kind, &key, stamp);
                    }
                }
                None => {}
            }
        }
        if !records.is_empty() {
            cx.effects.push(Effect::Persist(records));
        }
        self.send(cx);
        self.watch_receivers();
    }

    /// The timer that was told of a group before it was made.
    fn told_timer(&self, kind: Kind, key: &[u8]) -> Option<(Stamp, GroupTimer)> {
        let stamp = self.stamps.get(kind, key)?;
        let timer = record::decode_group(stamp.beyond.as_deref()?).ok()?;
        Some((stamp.clone(), timer))
    }

    /// The record that tells flash that time has ended an alert.
    fn ended(&self, fingerprint: Fingerprint, now: Now) -> Option<Record> {
        let key = record::alert_key(fingerprint);
        let alert = &self.core.alerts().get(fingerprint)?.alert;
        let expires = alert.ends_at + self.core.options().alerts_gc_interval;
        let stamp = self.stamp_of(now, Kind::Alert, &key, expires);
        let body = record::encode_alert(&as_told(alert, now.wall));
        Some(stored(Kind::Alert, key.to_vec(), &stamp, body))
    }

    /// The stamp of what is held. A node without a flock keeps none: nobody has an older version.
    fn stamp_of(&self, now: Now, kind: Kind, key: &[u8], expires: Wall) -> Stamp {
        self.stamps.get(kind, key).cloned().unwrap_or_else(|| Stamp {
            version: Version { hlc: self.last_hlc, node: 0 },
            expires_at_ms: expires.min(now.wall + life_max(Some(kind))).as_ms(),
            ..Stamp::default()
        })
    }

    /// Shares what was stamped.
    pub(super) fn publish(
        &mut self,
        cx: &mut Cx<'_>,
        kind: Kind,
        key: &[u8],
        stamp: &Stamp,
        body: Vec<u8>,
    ) {
        let Some(gossip) = &mut self.gossip else { return };
        let record = gossip::Record {
            key: shared_key(kind, key),
            version: stamp.version,
            expires_at_ms: stamp.expires_at_ms,
            body,
            sent_at: Some(cx.now.wall.as_ns()),
        };
        let Err(error) = gossip.publish(cx.now, cx.rng, record) else { return };
        if error == gossip::PublishError::Full {
            self.unshared_since.get_or_insert(cx.now.mono);
        }
        let since = self.full_warned.map(|at| cx.now.mono.since(at));
        if error == gossip::PublishError::Full && since.is_none_or(|it| it >= WARN_INTERVAL) {
            self.full_warned = Some(cx.now.mono);
            warn!("a record is not shared, nor may others be: {error}");
        } else {
            debug!("not shared: {error}");
        }
    }

    /// Everything that is kept, as records: what a journal begins anew with.
    pub fn records(&self, now: Now) -> Vec<Record> {
        let mut records: Vec<Record> = self
            .everything()
            .into_iter()
            .filter_map(|change| match self.act(change, now)? {
                Act::Put { kind, key, expires, body, .. } => {
                    let stamp = self.stamp_of(now, kind, &key, expires);
                    Some(stored(kind, key, &stamp, body))
                }
                Act::Delete(..) => None,
            })
            .collect();
        for ((path, labels), first) in self.core.unmade_groups() {
            let (key, body) = timer(path, labels, first);
            let stamp = self.stamp_of(now, Kind::Group, &key, now.wall + GROUP_LIFE);
            records.push(stored(Kind::Group, key, &stamp, body));
        }
        records.extend(self.identity.map(|id| identity(id, &self.met)));
        records.extend(self.carried.iter().filter_map(|record| carried::stored(&record)));
        records
    }

    /// Everything that the core holds, as if it had just changed.
    pub(super) fn everything(&self) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        changes.extend(self.core.silences().iter().map(|it| Change::Silence(it.id)));
        changes.extend(self.core.nflog().iter().map(|(key, _)| Change::Log(key.clone())));
        let alert = |fingerprint| Change::Alert { fingerprint, lease: false };
        changes.extend(self.core.alerts().iter().map(|(fingerprint, _)| alert(fingerprint)));
        let groups = self.core.groups().iter();
        changes.extend(groups.map(|(id, _)| Change::Group { id, merged: false }));
        changes
    }

    /// What is to be done about a change; nothing if it is not worth it.
    pub(super) fn act(&self, change: Change, now: Now) -> Option<Act> {
        let put = |kind, key: &[u8], expires, body| Act::Put {
            kind,
            key: key.to_vec(),
            expires,
            body,
            keep: true,
            share: true,
        };
        Some(match change {
            Change::Alert { fingerprint, lease } => {
                let key = record::alert_key(fingerprint);
                let Some(entry) = self.core.alerts().get(fingerprint) else {
                    return Some(Act::Delete(Kind::Alert, key.to_vec()));
                };
                if lease && !self.lease_is_due(&key, &entry.alert) {
                    return None;
                }
                let alert = as_told(&entry.alert, now.wall);
                let expires = alert.ends_at + self.core.options().alerts_gc_interval;
                let body = record::encode_alert(&alert);
                let key = key.to_vec();
                Act::Put { kind: Kind::Alert, key, expires, body, keep: !lease, share: true }
            }
            Change::AlertEnded { fingerprint, .. } => {
                return self.act(Change::Alert { fingerprint, lease: false }, now);
            }
            Change::Claim { key, lifetime, surrendered, given_up } => Act::Put {
                kind: Kind::Claim,
                key: key.to_be_bytes().to_vec(),
                expires: now.wall + lifetime + CLAIM_LIFE,
                body: record::encode_claim(lifetime, surrendered, &given_up),
                keep: false,
                share: true,
            },
            Change::Group { id, merged } => {
                let group = self.core.groups().get(id)?;
                let path = &self.core.routes().get(group.route).path;
                let (key, body) = timer(path, &group.labels, group.first_flush);
                let (kind, expires) = (Kind::Group, now.wall + GROUP_LIFE);
                Act::Put { kind, key, expires, body, keep: true, share: !merged }
            }
            Change::GroupGone { path, labels } => {
                Act::Delete(Kind::Group, record::group_key(&path, &labels).to_vec())
            }
            Change::Log(key) => {
                let id = record::log_key(&key);
                let Some(entry) = self.core.nflog().get(&key, now.wall) else {
                    return Some(Act::Delete(Kind::Log, id.to_vec()));
                };
                put(Kind::Log, &id, entry.expires_at, record::encode_log(&key, entry))
            }
            Change::Silence(id) => {
                let key = record::silence_key(id);
                let Some(silence) = self.core.silences().get(id) else {
                    return Some(Act::Delete(Kind::Silence, key.to_vec()));
                };
                let expires = silence.ends_at + self.core.options().retention;
                put(Kind::Silence, &key, expires, record::encode_silence(silence))
            }
        })
    }

    /// Whether an alert that fires on is to be told to the flock: once half of the lease that it knows of has passed.
    fn lease_is_due(&self, key: &[u8], alert: &Alert) -> bool {
        if self.gossip.is_none() {
            return false;
        }
        let known = self.stamps.get(Kind::Alert, key).map_or(Wall::EPOCH, |stamp| stamp.shared_end);
        alert.ends_at.since(known) >= alert.ends_at.since(alert.updated_at) / 2
    }

    fn stamp(&mut self, now: Now, kind: Kind, expires: Wall, body: &[u8]) -> Stamp {
        let version = if let Some(gossip) = &mut self.gossip {
            gossip.stamp(now)
        } else {
            let wall = u64::try_from(now.wall.as_ms()).unwrap_or(0) << 16;
            self.last_hlc = wall.max(self.last_hlc + 1);
            Version { hlc: self.last_hlc, node: self.identity.unwrap_or(0) }
        };
        self.stamp_of_version(now, version, kind, expires, body)
    }

    /// The stamp of a body that expires at a time by our clock.
    pub(super) fn stamp_of_version(
        &self,
        now: Now,
        version: Version,
        kind: Kind,
        expires: Wall,
        body: &[u8],
    ) -> Stamp {
        let shared_end = match kind {
            Kind::Alert => expires - self.core.options().alerts_gc_interval,
            _ => Wall::EPOCH,
        };
        let beyond = beyond(kind, body, rest(kind, body));
        // When it expires is compared by the flock's time, everything else by ours.
        let most = self.flock_wall(now) + life_max(Some(kind));
        let expires_at_ms = self.flock_time(now, expires).min(most).as_ms();
        Stamp { version, expires_at_ms, shared_end, beyond }
    }

    /// Whether a deliberate fault keeps this from the flock.
    fn unshared(&self, kind: Kind, key: &[u8], now: Now) -> bool {
        match kind {
            Kind::Alert => faults::on(Fault::AlertNotShared),
            Kind::Claim if faults::on(Fault::ClaimToldOnce) => {
                self.stamps.get(kind, key).is_some_and(|it| Some(it.version.node) == self.identity)
            }
            Kind::Claim => faults::on(Fault::ClaimNotShared),
            Kind::Log => faults::on(Fault::LogNotShared),
            Kind::Silence if faults::on(Fault::ExpiryNotShared) => {
                let id = record::silence_id_of(key).ok();
                let silence = id.and_then(|id| self.core.silences().get(id));
                silence.is_some_and(|it| it.ends_at <= now.wall)
            }
            _ => false,
        }
    }
}

/// An alert as flash and flock are told of it.
pub(super) fn as_told(alert: &Alert, now: Wall) -> Alert {
    let mut alert = alert.clone();
    if alert.resolved(now) {
        // Says that it has ended, also when no report did: it gets no lease when it comes back.
        alert.updated_at = alert.updated_at.max(alert.ends_at);
    }
    alert
}

/// The record that flash keeps.
pub(super) fn stored(kind: Kind, key: Vec<u8>, stamp: &Stamp, body: Vec<u8>) -> Record {
    let body = match stamp.rest(kind) {
        Some(rest) => with_rest(kind, &body, rest),
        None => body,
    };
    let stamped = Stamped {
        hlc: stamp.version.hlc,
        node: stamp.version.node,
        expires_at_ms: stamp.expires_at_ms,
        body,
    };
    Record::put(u16::from(kind.number()), key, stamped.encode())
}

/// The record of this node itself.
pub(super) fn identity(id: u64, met: &[SocketAddr]) -> Record {
    let body = record::encode_identity(id, met);
    stored(Kind::Identity, b"node".to_vec(), &Stamp::default(), body)
}

/// The key and the body of the record of a group's timer.
fn timer(path: &str, labels: &Labels, first: Wall) -> (Vec<u8>, Vec<u8>) {
    let timer = GroupTimer { path: path.to_owned(), labels: labels.clone(), first };
    (record::group_key(path, labels).to_vec(), record::encode_group(&timer))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::core::testing::{config, matchers, route};
    use crate::model::Report;
    use crate::node::{Options, SilenceDraft};
    use crate::notify::Reply;
    use crate::store::Op;
    use crate::time::Mono;

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
            let now = Now { mono: Mono::from_ms(0), wall: Wall::from_secs(1_700_000_000) };
            let node = Node::new(Rc::new(config(route("r", &[]))), Options::default(), None, now);
            let rng = StdRng::seed_from_u64(1);
            Self { node, now, rng, flash: BTreeMap::new(), writes: 0, told: 0 }
        }

        fn step(&mut self, input: impl FnOnce(&mut Node, &mut Cx<'_>)) {
            let mut effects = Vec::new();
            let mut cx = Cx { now: self.now, rng: &mut self.rng, effects: &mut effects };
            input(&mut self.node, &mut cx);
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
                Node::new(Rc::new(config(route("r", &[]))), Options::default(), None, self.now);
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
    fn what_fires_gets_its_lease_anew_and_what_time_has_ended_stays_ended() {
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
    fn a_repeat_of_what_is_known_writes_nothing() {
        let mut w = World::new();
        w.post("A", false);
        w.pass(60);
        let before = w.writes;
        for _ in 0..100 {
            w.post("A", false);
            w.pass(60);
        }
        assert_eq!(w.writes - before, 1, "the repeated notification's log entry alone");
    }

    #[test]
    fn an_alert_of_our_own_ends_with_the_process_it_was_about() {
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
    fn what_is_found_late_changes_nothing_that_came_meanwhile() {
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
    fn what_ends_in_a_far_future_is_shared_for_a_year_and_told_anew_after_half_of_it() {
        let w = World::new();
        let of = |now, ends| w.node.stamp_of_version(now, Version::at(1), Kind::Silence, ends, &[]);
        let stamp = of(w.now, Wall::MAX);
        assert_eq!(stamp.expires_at_ms, (w.now.wall + RECORD_LIFE_MAX).as_ms());
        let early = |days: u32| {
            let wall = w.now.wall + Duration::from_secs(24 * 3600) * days;
            w.node.expires_early(Now { wall, ..w.now }, Kind::Silence, &stamp, Wall::MAX)
        };
        assert!(!early(0) && !early(183) && early(184));
    }

    #[test]
    fn silences_come_back_and_what_is_gone_leaves_no_record() {
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
        assert!(w.flash.is_empty(), "{:?}", w.flash.keys());
    }
}

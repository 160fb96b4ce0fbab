//! The flush: one pass of a group through the pipeline, on one screen.
//!
//! Snapshot the group; drop what inhibition, time intervals and silences mute; then for each integration of the
//! receiver: dedup gives a [`Reason`] or ends it, a [`Delivery`] takes its turn and is attempted until it is delivered,
//! refused or the deadline passes, and is logged. If none failed, the alerts that had ended leave the group.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use log::debug;

use crate::config::{Integration, Receiver};
use crate::core::content::{Content, Flushed};
use crate::core::dedup::{self, Reason};
use crate::core::delivery::{Delivery, State};
use crate::core::group::GroupId;
use crate::core::history::Muting;
use crate::core::timers::Timer;
use crate::core::{Change, Core};
use crate::effect::Cx;
use crate::limits::RECORD_LIFE_MAX;
use crate::model::{Fingerprint, GroupKey, LogEntry, LogKey, alert};
use crate::notify;
use crate::time::{Mono, Now, Wall};

/// A flush has at least this long, however short the group interval is (Alertmanager's `MinTimeout`).
const DEADLINE_MIN: Duration = Duration::from_secs(10);

/// A log entry lives at least this long, as in Alertmanager, which drops expired ones only each 15 minutes.
const ENTRY_LIFE_MIN: Duration = Duration::from_secs(15 * 60);

/// The log entry of a member may be here so long before the alerts that it names, where much is lost.
const NEWS_LATE: Duration = Duration::from_secs(60);

/// With more alerts than this the deliveries of a flush begin one after the other, and others have their turn between.
const BEGIN_TOGETHER_MAX: usize = 1_000;

/// A flush that is under way.
#[derive(Debug)]
pub struct Flush {
    /// When it was decided.
    pub(super) tick: Now,
    /// When to give up.
    pub(super) deadline: Mono,
    /// The receiver as it was configured at the tick.
    pub(super) receiver: Arc<Receiver>,
    repeat_interval: Duration,
    group_interval: Duration,
    /// Whether the flock had settled, so that the alerts were all there.
    pub(super) settled: bool,
    /// All alerts of the group, muted ones too.
    pub(super) snapshot: Vec<Flushed>,
    /// One an integration of the receiver.
    pub(super) deliveries: Vec<Delivery>,
    /// Muted alerts whose end may be told later.
    pub(super) quiet: BTreeSet<Fingerprint>,
    /// Alerts that time has ended, and of whose end the flock was told.
    ended: BTreeSet<Fingerprint>,
}

impl Flush {
    /// The group interval as it was configured at the tick.
    pub(super) const fn group_interval(&self) -> Duration {
        self.group_interval
    }
}

impl Core {
    /// Flushes a group; one whose last flush is still under way is flushed when that ends.
    pub(super) fn flush(&mut self, cx: &mut Cx<'_>, id: GroupId) {
        let Some(group) = self.groups.get_mut(id) else { return };
        if group.flush.is_some() {
            group.overdue = true;
            return;
        }
        group.flushed = true;
        let route = self.routes.get(group.route);
        let next = group.next_flush.take().unwrap_or(cx.now.mono + route.group_interval);
        self.timers.set(Timer::Flush(id), next.max(cx.now.mono));
        self.begin_flush(cx, id);
        self.finish(cx, id);
    }

    /// Begins a flush anew of which nothing was told yet.
    pub(super) fn flush_again(&mut self, cx: &mut Cx<'_>, id: GroupId) {
        let Some(flush) = self.groups.get_mut(id).and_then(|group| group.flush.take()) else {
            return;
        };
        self.abandon(cx, id, &flush);
        self.begin_flush(cx, id);
    }

    fn begin_flush(&mut self, cx: &mut Cx<'_>, id: GroupId) {
        if self.groups.get(id).is_none_or(|group| group.alerts.is_empty()) {
            return;
        }
        let snapshot = self.snapshot(id, cx.now.wall);
        let alerts = self.unmuted(id, &snapshot, cx.now);
        let quiet = self.quiet(id, &snapshot, &alerts, cx.now.wall);
        let Some(group) = self.groups.get_mut(id) else { return };
        let route = self.routes.get(group.route);
        group.flush = Some(Flush {
            tick: cx.now,
            deadline: cx.now.mono + route.group_interval.max(DEADLINE_MIN),
            receiver: Arc::clone(&route.receiver),
            repeat_interval: route.repeat_interval,
            group_interval: route.group_interval,
            settled: !self.turns.flock.settling,
            snapshot,
            quiet,
            deliveries: Vec::new(),
            ended: BTreeSet::new(),
        });
        if !alerts.is_empty() {
            self.fan_out(cx, id, Content::new(alerts));
        }
    }

    /// The group's alerts at `now`, in the order of notifications.
    fn snapshot(&self, id: GroupId, now: Wall) -> Vec<Flushed> {
        let Some(group) = self.groups.get(id) else { return Vec::new() };
        let snapshot: Vec<Flushed> = group
            .alerts
            .iter()
            .filter_map(|fingerprint| {
                let alert = Rc::clone(&self.alerts.get(*fingerprint)?.alert);
                Some(Flushed { fingerprint: *fingerprint, resolved: alert.resolved(now), alert })
            })
            .collect();
        alert::in_order(snapshot, |it| &*it.alert)
    }

    /// Those of the snapshot that may be notified at `now`.
    fn unmuted(&mut self, id: GroupId, snapshot: &[Flushed], now: Now) -> Vec<Flushed> {
        let Some(group) = self.groups.get(id) else { return Vec::new() };
        let wall = now.wall;
        let mut alerts = snapshot.to_vec();
        alerts.retain(|it| !self.is_inhibited(it.fingerprint, wall));
        let mut muting = Muting {
            alerts: snapshot.len(),
            inhibited: snapshot.len() - alerts.len(),
            intervals: self.routes.get(group.route).muted_by(wall),
            silenced: 0,
        };
        self.stats.suppressed_inhibition += muting.inhibited as u64;
        if muting.intervals.is_empty() {
            let before = alerts.len();
            alerts.retain(|it| !self.is_silenced(it.fingerprint, wall));
            muting.silenced = before - alerts.len();
            self.stats.suppressed_silence += muting.silenced as u64;
        } else {
            debug!("group {}: muted by time intervals {:?}", group.key, muting.intervals);
            self.stats.suppressed_interval += alerts.len() as u64;
            alerts.clear();
        }
        self.note_muting(now, id, muting);
        alerts
    }

    fn is_inhibited(&self, fingerprint: Fingerprint, now: Wall) -> bool {
        self.alerts.get(fingerprint).is_some_and(|entry| {
            // Most were compared before the flush began.
            self.inhibitor.compare(&entry.alert.labels, &entry.targets, &mut 0, u64::MAX);
            self.inhibitor.source(fingerprint, entry, &self.alerts, now, &mut 0).is_some()
        })
    }

    fn is_silenced(&self, fingerprint: Fingerprint, now: Wall) -> bool {
        self.alerts.get(fingerprint).is_some_and(|entry| {
            // Most were compared before the flush began.
            self.silences.compare(&entry.alert.labels, &entry.memo, &mut 0, u64::MAX);
            self.silences.mutes(&entry.memo, now)
        })
    }

    /// Asks for each integration whether there is news, and starts to deliver it.
    fn fan_out(&mut self, cx: &mut Cx<'_>, id: GroupId, content: Content) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let Some(flush) = group.flush.as_mut() else { return };
        let content = Rc::new(content);
        let is_large = content.alerts.len() > BEGIN_TOGETHER_MAX;
        let receiver = Arc::clone(&flush.receiver);
        let key = group.key.clone();
        let mut deliveries = self.deliveries(&key, &receiver, &content, cx.now);
        if let Some(fallback) = self.fallback_of(&receiver)
            && self.falls_back(&key, &receiver, &fallback, &content, cx.now)
        {
            deliveries.extend(self.deliveries(&key, &fallback, &content, cx.now));
        }
        let count = deliveries.len();
        if let Some(flush) = self.flush_of(id) {
            flush.deliveries = deliveries;
        }
        for at in 0..count {
            if at > 0 && is_large {
                self.timers.set(Timer::Begin(id, at), cx.now.mono);
            } else {
                self.begin(cx, id, at);
            }
        }
    }

    /// The deliveries of a group to each integration of a receiver.
    pub(super) fn deliveries(
        &self,
        group: &GroupKey,
        receiver: &Arc<Receiver>,
        content: &Rc<Content>,
        now: Now,
    ) -> Vec<Delivery> {
        let delivery = |(place, it)| {
            let key = log_key(group.clone(), receiver, it);
            let tellers = tellers(self.nflog.get(&key, now.wall));
            let to = (Arc::clone(receiver), place);
            Delivery::new(to, key, (Rc::clone(content), tellers), now.mono)
        };
        receiver.integrations.iter().enumerate().map(delivery).collect()
    }

    /// Why an integration is to be told of the flush, if it is. Where another has told since the alerts were looked at,
    /// they are looked at again: some may have ended between our tick and the other's.
    pub(super) fn dedup(&mut self, id: GroupId, at: usize, now: Wall) -> Option<Reason> {
        let reason = self.compare(id, at, now)?;
        if self.renew(id, at, now) { self.compare(id, at, now) } else { Some(reason) }
    }

    /// Takes the alerts of a delivery as they have become, if another has told since. Returns whether that is so.
    fn renew(&mut self, id: GroupId, at: usize, now: Wall) -> bool {
        let flush = self.groups.get_mut(id).and_then(|group| group.flush.as_mut());
        let Some(delivery) = flush.and_then(|flush| flush.deliveries.get_mut(at)) else {
            return false;
        };
        let tellers = tellers(self.nflog.get(&delivery.key, now));
        // The log entry of another member may come before the alerts that it names.
        let another = tellers.first().is_some_and(|it| it.0 != self.turns.flock.me);
        let fires = |it: &Flushed| it.resolved && self.alerts.fires(it.fingerprint, now);
        let revived = another && delivery.content.alerts.iter().any(fires);
        if delivery.tellers == tellers && !revived {
            return false;
        }
        delivery.tellers = tellers;
        delivery.content = Rc::new(delivery.content.renewed(&self.alerts, now));
        true
    }

    /// Why the alerts of a delivery are news, if they are.
    fn compare(&self, id: GroupId, at: usize, now: Wall) -> Option<Reason> {
        let flush = self.groups.get(id)?.flush.as_ref()?;
        let delivery = flush.deliveries.get(at)?;
        let (content, key) = (&delivery.content, &delivery.key);
        let integration = delivery.integration()?;
        let logged = self.nflog.get(key, now);
        let quiet = logged.map_or_else(Vec::new, |it| self.quiet_in(id, it));
        let known = logged.map(|it| {
            let others = [self.later_alerts(id, key, it), quiet.clone()].concat();
            if others.is_empty() {
                Cow::Borrowed(it)
            } else {
                Cow::Owned(it.without_firing(&others))
            }
        });
        let is_held_back = self.budgets.holds(key);
        let reason = dedup::reason(
            known.as_deref(),
            &content.firing,
            &content.resolved,
            integration.send_resolved,
            notify::resend_interval(integration).unwrap_or(flush.repeat_interval),
            flush.tick.wall,
        );
        // What is quiet was told, too.
        let reason = match reason {
            Some(Reason::First) if !quiet.is_empty() => Some(Reason::NewAlerts),
            reason => reason,
        };
        // It was to be told that these fire, and was not: it is told that they did.
        let ended = !content.resolved.is_empty() && integration.send_resolved;
        let reason = reason
            .or_else(|| (is_held_back && ended && known.is_none()).then_some(Reason::AllResolved));
        let is_late = || !self.missed(key, content, now).is_empty();
        let reason = reason.or_else(|| is_late().then_some(Reason::Late));
        debug!(
            "{key}: {} firing, {} resolved: {}",
            content.firing.len(),
            content.resolved.len(),
            reason.map_or("nothing new", Reason::as_str)
        );
        reason
    }

    /// Logs a delivery.
    pub(super) fn record(&mut self, cx: &Cx<'_>, id: GroupId, at: usize) {
        let Some(flush) = self.groups.get(id).and_then(|it| it.flush.as_ref()) else { return };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let (key, now) = (delivery.key.clone(), cx.now.wall);
        let content = &delivery.content;
        let (firing, resolved) = (Rc::clone(&content.firing), Rc::clone(&content.resolved));
        let life = self.entry_life(flush);
        // Later than what it replaces, also if the clock has gone back since.
        let after = |entry: &LogEntry| entry.timestamp + Duration::from_nanos(1);
        let known = self.nflog.get(&key, now);
        let timestamp = known.map_or(now, |entry| now.max(after(entry)));
        let tellers = match self.turns.flock.me {
            0 => Rc::default(),
            me => LogEntry::tellers_after(known, me),
        };
        let expires_at = now + life;
        // A log entry of another member since this was sent did not know of this, nor this of that.
        let meanwhile = known.filter(|it| it.tellers != delivery.tellers);
        // A group that nobody knew to fire is told of anew: what was known of its end is of no use.
        let before = known.filter(|it| !it.firing.is_empty()).map(|it| Rc::clone(&it.facts));
        let facts = delivery.facts.clone().or(before).unwrap_or_default();
        let entry = LogEntry { timestamp, firing, resolved, expires_at, tellers, facts };
        let mut entry = entry.with_ends(&self.ends_told(known));
        if let Some(other) = meanwhile {
            entry = other.joined(&entry);
        } else if let Some(it) = known {
            entry = entry.with_firing(&self.later_alerts(id, &key, it), it);
        }
        if let Some(it) = known {
            entry = entry.with_unsure(&self.quiet_in(id, it));
        }
        // Where a member has just restarted an alert may still fire: it must hear of the end no later than of the log.
        let is_new = |it: &&Flushed| !flush.ended.contains(&it.fingerprint) && self.has_lapsed(it);
        let ended = delivery.content.alerts.iter().filter(is_new).map(|it| it.fingerprint);
        let ended: Vec<_> = ended.collect();
        if let Some(flush) = self.flush_of(id) {
            flush.ended.extend(&ended);
        }
        let told = |fingerprint| Change::AlertEnded { fingerprint, told: true };
        self.changes.extend(ended.into_iter().map(told));
        self.release_turn(cx.now.mono, id, key.id());
        if self.put_log(cx.now, &key, entry) {
            self.changes.push(Change::Log(key));
        }
    }

    /// How long an entry lives. Whatever is configured, it outlives the next flush: else that would tell the same again, and no
    /// end.
    pub(super) fn entry_life(&self, flush: &Flush) -> Duration {
        let life = self.options.retention.min(flush.repeat_interval * 2);
        life.max(flush.group_interval * 2).max(ENTRY_LIFE_MIN).min(RECORD_LIFE_MAX)
    }

    /// Ends that members have told, of alerts that are known still: another part of the flock may say that these fire, as it
    /// told before.
    fn ends_told(&self, known: Option<&LogEntry>) -> Vec<Fingerprint> {
        let Some(known) = known.filter(|_| self.turns.flock.me != 0) else { return Vec::new() };
        let told = known.resolved.iter().copied();
        told.filter(|fingerprint| self.alerts.get(*fingerprint).is_some()).collect()
    }

    /// Alerts that were told as firing a moment ago, perhaps by another member, or as another has said a moment ago, and
    /// that a flush of this group does not know: they came after its tick, or have not come yet. They are not this flush's
    /// to tell of.
    fn later_alerts(&self, id: GroupId, key: &LogKey, known: &LogEntry) -> Vec<Fingerprint> {
        let Some(group) = self.groups.get(id) else { return Vec::new() };
        let Some(flush) = &group.flush else { return Vec::new() };
        let another = known.tellers.iter().any(|it| it.0 != self.turns.flock.me);
        let told_lately = known.timestamp >= flush.tick.wall - NEWS_LATE;
        let heard_at = self.nflog.heard_at(key.id());
        let heard_lately = heard_at.is_some_and(|at| at + NEWS_LATE >= flush.tick.mono);
        if !another || !(told_lately || heard_lately) {
            return Vec::new();
        }
        let ours: BTreeSet<_> = flush.snapshot.iter().map(|it| it.fingerprint).collect();
        // One that this node has told as firing and that has left the group since has ended, and was muted then.
        let own = known.tellers.first().is_some_and(|it| it.0 == self.turns.flock.me);
        let left =
            |it: &Fingerprint| own && self.alerts.get(*it).is_some() && !group.alerts.contains(it);
        known.firing.iter().filter(|it| !ours.contains(it) && !left(it)).copied().collect()
    }

    /// Whether time has ended an alert, and nothing has changed about it since it was looked at.
    fn has_lapsed(&self, flushed: &Flushed) -> bool {
        let alert = &flushed.alert;
        let current = self.alerts.get(flushed.fingerprint);
        flushed.resolved
            && alert.updated_at < alert.ends_at
            && current.is_none_or(|entry| entry.alert.updated_at == alert.updated_at)
    }

    /// Takes a log entry as it is; that others give way to it is told. Returns whether there was room for it.
    pub(super) fn put_log(&mut self, now: Now, key: &LogKey, entry: LogEntry) -> bool {
        let gone = self.nflog.put(key.clone(), entry);
        let stays = !gone.contains(key);
        self.stats.log_dropped += gone.len() as u64;
        self.changes.extend(gone.into_iter().map(Change::Log));
        self.arm_records(now);
        stays
    }

    /// Ends the flush if no delivery is open.
    pub(super) fn finish(&mut self, cx: &Cx<'_>, id: GroupId) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let Some(flush) = &group.flush else { return };
        if flush.deliveries.iter().any(Delivery::open) {
            return;
        }
        let failed = flush.deliveries.iter().any(|it| it.state == State::Failed);
        let Some(flush) = group.flush.take() else { return };
        for (at, delivery) in flush.deliveries.iter().enumerate() {
            self.timers.cancel(Timer::Begin(id, at));
            self.timers.cancel(Timer::Delivery(id, at));
            self.timers.cancel(Timer::Claim(id, at));
            self.open.remove(&delivery.key.id());
            self.turns.forget_order(delivery.key.id());
            if delivery.state == State::Done {
                self.settle(id, &delivery.key, cx.now.wall);
            }
        }
        let quiet = self.keep_quiet(cx.now, id, &flush);
        let Some(group) = self.groups.get_mut(id) else { return };
        if !failed {
            let ended = |it: &&Flushed| it.resolved && !quiet.contains(&it.fingerprint);
            for it in flush.snapshot.iter().filter(ended) {
                let current = self.alerts.get(it.fingerprint);
                if current.is_none_or(|entry| entry.alert.updated_at == it.alert.updated_at) {
                    group.alerts.remove(&it.fingerprint);
                    let fingerprint = it.fingerprint;
                    if it.alert.updated_at < it.alert.ends_at && !flush.ended.contains(&fingerprint)
                    {
                        self.changes.push(Change::AlertEnded { fingerprint, told: false });
                    }
                }
            }
        }
        let overdue = std::mem::take(&mut group.overdue);
        if group.alerts.is_empty() {
            self.arm_sweep_groups(cx.now);
        }
        if overdue {
            self.timers.set(Timer::Flush(id), cx.now.mono);
        }
    }

    pub(super) fn flush_of(&mut self, id: GroupId) -> Option<&mut Flush> {
        self.groups.get_mut(id)?.flush.as_mut()
    }
}

/// The senders of a group's notifications, as its log entry says.
fn tellers(entry: Option<&LogEntry>) -> Rc<[(u64, u64)]> {
    entry.map(|it| Rc::clone(&it.tellers)).unwrap_or_default()
}

pub(super) fn log_key(group: GroupKey, receiver: &Receiver, integration: &Integration) -> LogKey {
    LogKey {
        group,
        receiver: Arc::clone(&receiver.name),
        integration: integration.name().into(),
        index: integration.index,
    }
}

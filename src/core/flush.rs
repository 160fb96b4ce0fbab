//! The flush: one pass of a group through the pipeline, on one screen.
//!
//! Snapshot the group; drop what inhibition, time intervals and silences mute; then for each integration of the
//! receiver: dedup gives a [`Reason`] or ends it, a request is made and attempted until it is delivered, refused or the
//! deadline passes, and a delivery is logged. If no delivery failed, the alerts that had ended leave the group.

use std::rc::Rc;
use std::time::Duration;

use log::{debug, warn};
use rand::RngExt as _;

use crate::config::{Integration, Receiver};
use crate::core::dedup::{self, Reason};
use crate::core::group::GroupId;
use crate::core::timers::Timer;
use crate::core::{Change, Core};
use crate::effect::{Attempt, AttemptId, Cx, Effect};
use crate::model::{Alert, Fingerprint, LogEntry, LogKey};
use crate::notify::{self, Notification, Reply, Verdict};
use crate::time::{Mono, Now, Wall};

/// A flush has at least this long, however short the group interval is (Alertmanager's `MinTimeout`).
const DEADLINE_MIN: Duration = Duration::from_secs(10);
/// The pause after the first failed attempt; each further one is half as long again, give or take half of it.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// An alert as it was at the tick.
#[derive(Clone, Debug)]
pub struct Flushed {
    /// Which alert.
    pub fingerprint: Fingerprint,
    /// As it was.
    pub alert: Rc<Alert>,
    /// Whether it had ended.
    pub resolved: bool,
}

/// A flush that is under way.
#[derive(Debug)]
pub struct Flush {
    tick: Now,
    deadline: Mono,
    /// The receiver as it was configured at the tick.
    receiver: Rc<Receiver>,
    repeat_interval: Duration,
    /// All alerts of the group, muted ones too.
    snapshot: Vec<Flushed>,
    /// Those that were not muted, in the order of notifications.
    alerts: Vec<Flushed>,
    firing: Rc<[Fingerprint]>,
    resolved: Rc<[Fingerprint]>,
    deliveries: Vec<Delivery>,
}

/// What one integration is to be told.
#[derive(Debug)]
struct Delivery {
    /// Its place in the receiver.
    integration: usize,
    reason: Reason,
    state: State,
    attempts: u32,
    pause: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first attempt is to be made.
    Ready,
    /// An attempt is under way since.
    Sending(AttemptId, Mono),
    /// The next attempt waits for its timer.
    Paused,
    /// Delivered, or nothing was to be said.
    Done,
    /// Refused, or the deadline passed.
    Failed,
}

impl Core {
    /// Flushes a group; one whose last flush is still under way is flushed when that ends.
    pub(super) fn flush(&mut self, cx: &mut Cx<'_>, id: GroupId) {
        let Some(group) = self.groups.get_mut(id) else { return };
        if group.flush.is_some() {
            group.overdue = true;
            return;
        }
        let route = self.routes.get(group.route);
        self.timers.set(Timer::Flush(id), cx.now.mono + route.group_interval);
        if group.alerts.is_empty() {
            return;
        }
        let snapshot = self.snapshot(id, cx.now.wall);
        let alerts = self.unmuted(id, &snapshot, cx.now.wall);
        let sorted = |resolved: bool| -> Rc<[Fingerprint]> {
            let mut found: Vec<Fingerprint> = alerts
                .iter()
                .filter(|alert| alert.resolved == resolved)
                .map(|alert| alert.fingerprint)
                .collect();
            found.sort_unstable();
            found.into()
        };
        let Some(group) = self.groups.get_mut(id) else { return };
        let route = self.routes.get(group.route);
        group.flush = Some(Flush {
            tick: cx.now,
            deadline: cx.now.mono + route.group_interval.max(DEADLINE_MIN),
            receiver: Rc::clone(&route.receiver),
            repeat_interval: route.repeat_interval,
            firing: sorted(false),
            resolved: sorted(true),
            snapshot,
            alerts,
            deliveries: Vec::new(),
        });
        self.fan_out(cx, id);
        self.finish(cx, id);
    }

    /// The group's alerts at `now`, in the order of notifications.
    fn snapshot(&self, id: GroupId, now: Wall) -> Vec<Flushed> {
        let Some(group) = self.groups.get(id) else { return Vec::new() };
        let mut snapshot: Vec<Flushed> = group
            .alerts
            .iter()
            .filter_map(|fingerprint| {
                let alert = Rc::clone(&self.alerts.get(*fingerprint)?.alert);
                Some(Flushed { fingerprint: *fingerprint, resolved: alert.resolved(now), alert })
            })
            .collect();
        snapshot.sort_by(|a, b| a.alert.order(&b.alert));
        snapshot
    }

    /// Those of the snapshot that may be notified at `now`.
    fn unmuted(&mut self, id: GroupId, snapshot: &[Flushed], now: Wall) -> Vec<Flushed> {
        let Some(group) = self.groups.get(id) else { return Vec::new() };
        let count = |alerts: &[Flushed]| alerts.len() as u64;
        let mut alerts = snapshot.to_vec();
        alerts.retain(|it| self.inhibitor.source(&it.alert.labels, &self.alerts, now).is_none());
        self.stats.suppressed_inhibition += count(snapshot) - count(&alerts);
        let muted_by = self.routes.get(group.route).muted_by(now);
        if !muted_by.is_empty() {
            debug!("group {}: muted by time intervals {muted_by:?}", group.key);
            self.stats.suppressed_interval += count(&alerts);
            return Vec::new();
        }
        let before = count(&alerts);
        alerts.retain(|it| self.silences.muting(&it.alert.labels, now).next().is_none());
        self.stats.suppressed_silence += before - count(&alerts);
        alerts
    }

    /// Asks for each integration whether there is news, and starts to deliver it.
    fn fan_out(&mut self, cx: &mut Cx<'_>, id: GroupId) {
        let Some(flush) = self.flush_of(id) else { return };
        if flush.alerts.is_empty() {
            return;
        }
        for place in 0..flush.receiver.integrations.len() {
            let Some(delivery) = self.dedup(id, place, cx.now.wall) else { continue };
            let Some(flush) = self.flush_of(id) else { return };
            flush.deliveries.push(delivery);
            let at = flush.deliveries.len() - 1;
            self.attempt(cx, id, at);
        }
    }

    /// The delivery that an integration is due, if there is news for it.
    fn dedup(&self, id: GroupId, place: usize, now: Wall) -> Option<Delivery> {
        let group = self.groups.get(id)?;
        let flush = group.flush.as_ref()?;
        let integration = flush.receiver.integrations.get(place)?;
        let key = log_key(group.key.clone(), &flush.receiver, integration);
        let reason = dedup::reason(
            self.nflog.get(&key, now),
            &flush.firing,
            &flush.resolved,
            integration.send_resolved,
            flush.repeat_interval,
            flush.tick.wall,
        );
        debug!(
            "{key}: {} firing, {} resolved: {}",
            flush.firing.len(),
            flush.resolved.len(),
            reason.map_or("nothing new", Reason::as_str)
        );
        let silent = flush.firing.is_empty() && !integration.send_resolved;
        reason.map(|reason| Delivery {
            integration: place,
            reason,
            // The log learns that all have ended, though nothing is sent of it.
            state: if silent { State::Done } else { State::Ready },
            attempts: 0,
            pause: PAUSE_FIRST,
        })
    }

    /// Makes the next attempt of a delivery, or logs one of which nothing is sent.
    fn attempt(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        let attempt_id = AttemptId(self.attempts_made);
        let Some(group) = self.groups.get_mut(id) else { return };
        let Some(flush) = group.flush.as_mut() else { return };
        let Some(delivery) = flush.deliveries.get_mut(at) else { return };
        if delivery.state == State::Done {
            self.record(cx, id, at);
            return;
        }
        let Some(integration) = flush.receiver.integrations.get(delivery.integration) else {
            return;
        };
        let notification = Notification {
            receiver: &flush.receiver.name,
            group_key: &group.key,
            group_labels: &group.labels,
            route_labels: &self.routes.get(group.route).labels,
            reason: delivery.reason.as_str(),
            external_url: &self.options.external_url,
            alerts: flush
                .alerts
                .iter()
                .filter(|it| integration.send_resolved || !it.resolved)
                .map(|it| notify::AlertView {
                    fingerprint: it.fingerprint,
                    alert: &it.alert,
                    resolved: it.resolved,
                })
                .collect(),
        };
        let (outgoing, timeout) = notify::request(&integration.kind, &notification);
        let left = flush.deadline.since(cx.now.mono);
        let timeout = timeout.map_or(left, |timeout| timeout.min(left));
        delivery.state = State::Sending(attempt_id, cx.now.mono);
        delivery.attempts += 1;
        self.stats.integration(integration.kind.as_str()).requests += 1;
        self.attempts_made += 1;
        self.attempts.insert(attempt_id, (id, at));
        self.timers.set(Timer::Delivery(id, at), flush.deadline);
        cx.effects.push(Effect::Attempt(Attempt { id: attempt_id, outgoing, timeout }));
    }

    /// Takes what came of an attempt; of one that is no longer known, nothing.
    pub fn handle_reply(&mut self, cx: &mut Cx<'_>, attempt: AttemptId, reply: &Reply) {
        let Some((id, at)) = self.attempts.remove(&attempt) else { return };
        let Some(flush) = self.flush_of(id) else { return };
        let (deadline, receiver) = (flush.deadline, Rc::clone(&flush.receiver));
        let Some(delivery) = flush.deliveries.get_mut(at) else { return };
        let Some(integration) = receiver.integrations.get(delivery.integration) else { return };
        let State::Sending(_, since) = delivery.state else { return };
        let verdict = notify::judge(&integration.kind, reply);
        let (state, attempts, pause) = match &verdict {
            Verdict::Sent => (State::Done, delivery.attempts, delivery.pause),
            Verdict::Retry(_) => (State::Paused, delivery.attempts, delivery.pause),
            Verdict::Refused(_) => (State::Failed, delivery.attempts, delivery.pause),
        };
        delivery.state = state;
        delivery.pause = (pause * 3 / 2).min(PAUSE_MAX);
        let name =
            format!("{}/{}[{}]", receiver.name, integration.kind.as_str(), integration.index);
        let stats = self.stats.integration(integration.kind.as_str());
        stats.latency(cx.now.mono.since(since));
        match verdict {
            Verdict::Sent => {
                stats.sent += 1;
                debug!("{name}: delivered at attempt {attempts}");
                self.timers.cancel(Timer::Delivery(id, at));
                self.record(cx, id, at);
            }
            Verdict::Retry(why) => {
                stats.requests_failed += 1;
                warn!("{name}: attempt {attempts} failed, will be tried again: {why}");
                let jitter = cx.rng.random_range(0.5..1.5);
                let next = cx.now.mono + pause.mul_f64(jitter);
                self.timers.set(Timer::Delivery(id, at), next.min(deadline));
            }
            Verdict::Refused(why) => {
                stats.requests_failed += 1;
                stats.sent += 1;
                stats.failed += 1;
                warn!("{name}: refused, will not be tried again before the next flush: {why}");
                self.timers.cancel(Timer::Delivery(id, at));
            }
        }
        self.finish(cx, id);
    }

    /// Goes on with a delivery whose timer is due: the next attempt, or the end.
    pub(super) fn handle_delivery(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        let Some(flush) = self.flush_of(id) else { return };
        let (deadline, receiver) = (flush.deadline, Rc::clone(&flush.receiver));
        let Some(delivery) = flush.deliveries.get_mut(at) else { return };
        if cx.now.mono < deadline {
            self.attempt(cx, id, at);
            return;
        }
        let (state, attempts) =
            (std::mem::replace(&mut delivery.state, State::Failed), delivery.attempts);
        let integration = receiver.integrations.get(delivery.integration);
        if let State::Sending(attempt, _) = state {
            self.attempts.remove(&attempt);
            cx.effects.push(Effect::Cancel(attempt));
        }
        if let Some(integration) = integration {
            let kind = integration.kind.as_str();
            warn!(
                "{}/{kind}[{}]: notify retry canceled after {attempts} attempts: the flush's deadline has passed",
                receiver.name, integration.index
            );
            let stats = self.stats.integration(kind);
            stats.sent += 1;
            stats.failed += 1;
        }
        self.finish(cx, id);
    }

    /// Logs a delivery.
    fn record(&mut self, cx: &Cx<'_>, id: GroupId, at: usize) {
        let Some(group) = self.groups.get(id) else { return };
        let Some(flush) = group.flush.as_ref() else { return };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let Some(integration) = flush.receiver.integrations.get(delivery.integration) else {
            return;
        };
        let key = log_key(group.key.clone(), &flush.receiver, integration);
        let now = cx.now.wall;
        // Later than what it replaces, also if the clock has gone back since.
        let after = |entry: &LogEntry| entry.timestamp + Duration::from_nanos(1);
        let timestamp = self.nflog.get(&key, now).map_or(now, |entry| now.max(after(entry)));
        let life = self.options.retention.min(flush.repeat_interval * 2);
        let entry = LogEntry {
            timestamp,
            firing: Rc::clone(&flush.firing),
            resolved: Rc::clone(&flush.resolved),
            expires_at: now + life,
        };
        if self.nflog.merge(key.clone(), entry, now) {
            self.changes.push(Change::Log(key));
            self.arm_records(cx.now);
        }
    }

    /// Ends the flush if no delivery is open.
    fn finish(&mut self, cx: &mut Cx<'_>, id: GroupId) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let Some(flush) = &group.flush else { return };
        let open = |it: &Delivery| !matches!(it.state, State::Done | State::Failed);
        if flush.deliveries.iter().any(open) {
            return;
        }
        let failed = flush.deliveries.iter().any(|it| it.state == State::Failed);
        let Some(flush) = group.flush.take() else { return };
        if !failed {
            for it in flush.snapshot.iter().filter(|it| it.resolved) {
                let current = self.alerts.get(it.fingerprint);
                if current.is_none_or(|entry| entry.alert.updated_at == it.alert.updated_at) {
                    group.alerts.remove(&it.fingerprint);
                    // Who keeps it must know that it ended, also if no report but time has ended it.
                    let fingerprint = it.fingerprint;
                    self.changes.push(Change::Alert { fingerprint, lease: false });
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

    /// Stops a flush whose group is to go.
    pub(super) fn abandon(&mut self, cx: &mut Cx<'_>, id: GroupId, flush: &Flush) {
        for (at, delivery) in flush.deliveries.iter().enumerate() {
            self.timers.cancel(Timer::Delivery(id, at));
            if let State::Sending(attempt, _) = delivery.state {
                self.attempts.remove(&attempt);
                cx.effects.push(Effect::Cancel(attempt));
            }
        }
    }

    fn flush_of(&mut self, id: GroupId) -> Option<&mut Flush> {
        self.groups.get_mut(id)?.flush.as_mut()
    }
}

fn log_key(
    group: crate::model::GroupKey,
    receiver: &Receiver,
    integration: &Integration,
) -> LogKey {
    LogKey {
        group,
        receiver: Rc::clone(&receiver.name),
        integration: integration.kind.as_str().into(),
        index: integration.index,
    }
}

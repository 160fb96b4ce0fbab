//! The flush: one pass of a group through the pipeline, on one screen.
//!
//! Snapshot the group; drop what inhibition, time intervals and silences mute; then for each integration of the
//! receiver: `dedup` gives a reason or ends it, a [`Delivery`] takes its turn and is attempted until it is delivered,
//! refused or the deadline passes, and is logged. If none failed, the alerts that had ended leave the group.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Receiver;
use crate::core::deliver::content::{Content, Flushed};
use crate::core::deliver::delivery::Delivery;
use crate::core::deliver::flushing::{Flush, Stage};
use crate::core::deliver::logging::{log_key, notified_by};
use crate::core::deliver::machine::{Input, State};
use crate::core::deliver::reach;
use crate::core::timers::Timer;
use crate::core::which::{GroupId, Which};
use crate::core::{Change, Core};
use crate::effect::{Cx, Effect};
use crate::model::order::in_order;
use crate::model::{Fingerprint, GroupKey, LogKey};
use crate::notify::Cause;
use crate::time::{Now, Wall};

/// A flush has at least this long, however short the group interval is (Alertmanager's `MinTimeout`).
const DEADLINE_MIN: Duration = Duration::from_secs(10);

/// The steps to bring an alert into order.
const SORTED_STEPS: u64 = 30;

/// With more alerts than this, for each integration counted, a flush is done in pieces, and others have their turn between: the
/// alerts of the tick are sorted, then it is looked which of them are muted, and the deliveries begin one after the other.
const BEGIN_TOGETHER_MAX: usize = 1_000;

/// Whether a flush of these alerts is done in pieces.
fn is_large(snapshot: &[Flushed], receiver: &Receiver) -> bool {
    snapshot.len() * receiver.integrations.len().max(1) > BEGIN_TOGETHER_MAX
}

impl Core {
    /// Flushes a group; one whose last flush is still under way is flushed when that ends.
    pub(in crate::core) fn flush(&mut self, cx: &mut Cx<'_>, id: GroupId) {
        let Some(group) = self.groups.get_mut(id) else { return };
        if group.flush.is_some() {
            (group.overdue, group.looked) = (true, None);
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
    pub(in crate::core) fn flush_again(&mut self, cx: &mut Cx<'_>, id: GroupId) {
        let Some(flush) = self.groups.get_mut(id).and_then(|group| group.flush.take()) else {
            return;
        };
        self.owe_ends(cx.now, &flush);
        self.abandon(cx, id, &flush);
        if let Some(group) = self.groups.get_mut(id) {
            group.looked = None;
        }
        self.begin_flush(cx, id);
    }

    fn begin_flush(&mut self, cx: &mut Cx<'_>, id: GroupId) {
        let Some(group) = self.groups.get_mut(id) else { return };
        if group.alerts.is_empty() {
            group.looked = None;
            return;
        }
        let alerts = self.alerts_of(id, cx.now.wall);
        let Some(group) = self.groups.get(id) else { return };
        let receiver = &self.routes.get(group.route).receiver;
        let is_large = is_large(&alerts, receiver) || !self.compare_group(cx.now.wall, id, &mut 0);
        let notified_by = if is_large { self.notifiers(id, cx.now.wall) } else { Vec::new() };
        let Some(group) = self.groups.get_mut(id) else { return };
        let route = self.routes.get(group.route);
        group.flush = Some(Flush {
            tick: cx.now,
            deadline: cx.now.mono + route.group_interval.max(DEADLINE_MIN),
            receiver: Arc::clone(&route.receiver),
            repeat_interval: route.repeat_interval,
            group_interval: route.group_interval,
            settled: !self.turns.flock.settling,
            snapshot: alerts,
            stage: Stage::Gathered,
            quiet: BTreeSet::new(),
            notified_by,
            deliveries: Vec::new(),
            ended: BTreeSet::new(),
        });
        if is_large {
            self.timers.set(Timer::Begin(id, 0), cx.now.mono);
        } else {
            self.go_on_flushing(cx, id, &mut 0, u64::MAX);
        }
    }

    /// Goes on with a flush until its deliveries are made, or until `steps`, to which what is done is added, come to `most`.
    pub(in crate::core) fn go_on_flushing(
        &mut self,
        cx: &mut Cx<'_>,
        id: GroupId,
        steps: &mut u64,
        most: u64,
    ) {
        while *steps < most {
            let Some(flush) = self.flush_of(id) else { return };
            match flush.stage {
                Stage::Gathered => {
                    let alerts = std::mem::take(&mut flush.snapshot);
                    *steps += SORTED_STEPS * alerts.len() as u64;
                    flush.snapshot = in_order(alerts, |it| &it.alert.labels);
                    flush.stage = Stage::Sorted;
                }
                Stage::Sorted => self.begin_looking(id),
                Stage::Looking(_) => {
                    if self.look_on(id, steps, most) {
                        return self.fan_out(cx, id);
                    }
                }
                Stage::FannedOut => return,
            }
        }
        self.timers.set(Timer::Begin(id, 0), cx.now.mono);
    }

    /// The group's alerts as they are at `now`, in no order.
    fn alerts_of(&self, id: GroupId, now: Wall) -> Vec<Flushed> {
        let Some(group) = self.groups.get(id) else { return Vec::new() };
        let flushed = |fingerprint: &Fingerprint| {
            let alert = Rc::clone(&self.alerts.get(*fingerprint)?.alert);
            Some(Flushed { fingerprint: *fingerprint, resolved: alert.resolved(now), alert })
        };
        group.alerts.iter().filter_map(flushed).collect()
    }

    /// The senders of the group's notifications to each integration of its receiver.
    fn notifiers(&self, id: GroupId, now: Wall) -> Vec<Rc<[(u64, u64)]>> {
        let Some(group) = self.groups.get(id) else { return Vec::new() };
        let receiver = &self.routes.get(group.route).receiver;
        let keys = receiver.integrations.iter().map(|it| log_key(group.key.clone(), receiver, it));
        keys.map(|key| notified_by(self.nflog.get(&key, now))).collect()
    }

    /// Asks for each integration whether there is news of what is not muted, and starts to deliver it.
    fn fan_out(&mut self, cx: &mut Cx<'_>, id: GroupId) {
        let alerts = self.end_looking(id);
        let Some(group) = self.groups.get_mut(id) else { return };
        let Some(flush) = group.flush.as_mut() else { return };
        (flush.stage, group.looked) = (Stage::FannedOut, None);
        if alerts.is_empty() {
            return;
        }
        let is_large = is_large(&flush.snapshot, &flush.receiver);
        let receiver = Arc::clone(&flush.receiver);
        let key = group.key.clone();
        let content = Rc::new(Content::new(alerts));
        let notified_by = std::mem::take(&mut flush.notified_by);
        let mut deliveries = self.deliveries(&key, &receiver, &content, cx.now);
        for (delivery, before) in deliveries.iter_mut().zip(notified_by) {
            delivery.notified_by = before;
        }
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
            if is_large {
                self.timers.set(Timer::Begin(id, at), cx.now.mono);
            } else {
                self.step(cx, (id, at), Input::Begin);
            }
        }
    }

    /// The deliveries of a group to each integration of a receiver.
    pub(in crate::core) fn deliveries(
        &self,
        group: &GroupKey,
        receiver: &Arc<Receiver>,
        content: &Rc<Content>,
        now: Now,
    ) -> Vec<Delivery> {
        let delivery = |(place, it)| {
            let key = log_key(group.clone(), receiver, it);
            let notified_by = notified_by(self.nflog.get(&key, now.wall));
            let to = (Arc::clone(receiver), place);
            Delivery::new(to, key, (Rc::clone(content), notified_by), now.mono)
        };
        receiver.integrations.iter().enumerate().map(delivery).collect()
    }

    /// Ends the flush if no delivery is open.
    pub(in crate::core) fn finish(&mut self, cx: &Cx<'_>, id: GroupId) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let Some(flush) = &group.flush else { return };
        if !matches!(flush.stage, Stage::FannedOut)
            || flush.deliveries.iter().any(|it| it.state.is_open())
        {
            return;
        }
        let failed = flush.deliveries.iter().any(|it| it.state == State::Failed);
        let Some(flush) = group.flush.take() else { return };
        let mut told = Vec::new();
        for (at, delivery) in flush.deliveries.iter().enumerate() {
            self.close((id, at), &delivery.key);
            if delivery.state == State::Done {
                told.push(delivery.key.clone());
            }
        }
        self.settle(id, &told, cx.now.wall);
        let quiet = self.keep_quiet(cx.now, id, &flush);
        let Some(group) = self.groups.get_mut(id) else { return };
        if !failed {
            let ended =
                |it: &&Flushed| it.resolved && quiet.binary_search(&it.fingerprint).is_err();
            for it in flush.snapshot.iter().filter(ended) {
                let current = self.alerts.get(it.fingerprint);
                if current.is_none_or(|entry| entry.alert.updated_at == it.alert.updated_at) {
                    group.alerts.remove(&it.fingerprint);
                    let fingerprint = it.fingerprint;
                    let is_kept = flush.ended.contains(&fingerprint)
                        || current.is_some_and(|entry| entry.end_is_kept);
                    if it.alert.updated_at < it.alert.ends_at && !is_kept {
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

    /// Forgets a delivery: its timers and its turn.
    fn close(&mut self, (id, at): Which, key: &LogKey) {
        for timer in [Timer::Begin(id, at), Timer::Delivery(id, at), Timer::Claim(id, at)] {
            self.timers.cancel(timer);
        }
        let turn = key.id();
        self.open.remove(&turn);
        self.turns.forget_order(turn);
    }

    /// Stops the deliveries of a flush whose group is to go.
    pub(in crate::core) fn abandon(&mut self, cx: &mut Cx<'_>, id: GroupId, flush: &Flush) {
        self.timers.cancel(Timer::Begin(id, 0));
        for (at, delivery) in flush.deliveries.iter().enumerate() {
            self.close((id, at), &delivery.key);
            self.turns.release(delivery.key.id(), cx.now.mono);
            for carried in &delivery.carries {
                self.step(cx, *carried, Input::DigestFailed);
            }
            if let Some(sent) = &delivery.sent {
                self.places.stop(sent.id);
                cx.effects.push(Effect::Cancel(sent.id));
                if let Some(draft) = &delivery.draft {
                    let stats = self.stats.integration(draft.schema().name);
                    stats.requests += 1;
                    stats.requests_failed += 1;
                    stats.fail(Cause::Canceled);
                }
            }
            if delivery.state == State::Waiting {
                self.places.leave(&reach::key(&delivery.key), delivery.ticket);
            }
        }
    }
}

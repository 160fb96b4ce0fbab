//! Sweeps: what has ended long ago leaves its table.

use std::sync::Arc;
use std::time::Duration;

use crate::core::route::RouteId;
use crate::core::timers::Timer;
use crate::core::which::GroupId;
use crate::core::{Change, Core};
use crate::limits::{INTERVAL_MIN, PIECE_STEPS};
use crate::model::Fingerprint;
use crate::time::Now;

/// How long expired records may stay after their time.
const SWEEP_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// The steps to look at an alert or a group, and to drop something with all that hangs on it.
const LOOKED_STEPS: u64 = 30;
const DROPPED_STEPS: u64 = 1_000;
/// Expired silences and log entries that are dropped in one piece, of each.
const SWEPT_TOGETHER: usize = 250;
/// How long groups without alerts may stay: Alertmanager's `--dispatch.maintenance-interval`.
const SWEEP_GROUPS_INTERVAL: Duration = Duration::from_secs(30);

impl Core {
    /// Drops resolved alerts that no group waits to tell of, for as long as [`PIECE_STEPS`] take.
    pub(super) fn sweep_alerts(&mut self, now: Now, steps: &mut u64) {
        let mut gone: Vec<Fingerprint> = Vec::new();
        let mut rest = self.alerts.iter_from(self.swept);
        self.swept = loop {
            let Some((fingerprint, entry)) = rest.next() else { break Fingerprint(0) };
            if *steps >= PIECE_STEPS {
                break fingerprint;
            }
            *steps += LOOKED_STEPS * (1 + entry.groups.len() as u64);
            let told = |(_, id): &(RouteId, Option<GroupId>)| {
                let group = id.and_then(|id| self.groups.get(id));
                group.is_none_or(|group| !group.alerts.contains(&fingerprint))
            };
            // Long enough for other members to be told what became of it.
            let long_ended = entry.alert.ends_at + self.options.alerts_gc_interval <= now.wall;
            if long_ended && entry.groups.iter().all(told) {
                *steps += DROPPED_STEPS;
                gone.push(fingerprint);
            }
        };
        drop(rest);
        for fingerprint in gone {
            self.inhibitor.remove(fingerprint);
            self.alerts.remove(fingerprint);
            self.changes.push(Change::Alert { fingerprint, lease: false });
        }
        if self.swept != Fingerprint(0) {
            self.timers.set(Timer::Alerts, now.mono);
        } else if !self.alerts.is_empty() {
            self.arm_alerts(now);
        }
    }

    pub(super) fn arm_alerts(&mut self, now: Now) {
        let interval = self.options.alerts_gc_interval.max(INTERVAL_MIN);
        self.timers.set_if_idle(Timer::Alerts, now.mono + interval);
    }

    /// Drops groups that are empty. This comes at fixed times after the start, as in Alertmanager: an alert that fires
    /// again before waits for the tick of its old group.
    /// Those for which [`PIECE_STEPS`] do not suffice go with the next piece.
    pub(super) fn sweep_groups(&mut self, now: Now, steps: &mut u64) {
        *steps += LOOKED_STEPS * self.groups.len() as u64;
        let room = PIECE_STEPS.saturating_sub(*steps) / DROPPED_STEPS;
        let mut empty = self.groups.empty();
        let gone: Vec<GroupId> = empty.by_ref().take(1 + room as usize).collect();
        let is_over = empty.next().is_none();
        drop(empty);
        *steps += DROPPED_STEPS * gone.len() as u64;
        for id in gone {
            self.timers.cancel(Timer::Flush(id));
            self.drop_group(id);
        }
        if !is_over {
            return self.timers.set(Timer::Groups, now.mono);
        }
        self.budgets.retain(|id| self.groups.get(id).is_some());
    }

    pub(super) fn arm_sweep_groups(&mut self, now: Now) {
        let interval = SWEEP_GROUPS_INTERVAL.as_millis();
        let passed = now.mono.since(self.started).as_millis();
        let left = u64::try_from(interval - passed % interval).unwrap_or(u64::MAX);
        self.timers.set_if_idle(Timer::Groups, now.mono + Duration::from_millis(left));
    }

    fn drop_group(&mut self, id: GroupId) {
        if let Some(group) = self.groups.remove(id) {
            let path = Arc::clone(&self.routes.get(group.route).path);
            self.changes.push(Change::GroupGone { path, labels: group.labels });
        }
    }

    /// Drops silences and log entries that have expired, for as long as [`PIECE_STEPS`] take.
    pub(super) fn sweep_records(&mut self, now: Now, steps: &mut u64) {
        let silences = self.silences.sweep(self.options.retention, now.wall, SWEPT_TOGETHER);
        let entries = self.nflog.sweep(now.wall, SWEPT_TOGETHER);
        let is_over = silences.len().max(entries.len()) < SWEPT_TOGETHER;
        *steps += DROPPED_STEPS * (silences.len() + entries.len()) as u64;
        self.changes.extend(silences.into_iter().map(Change::Silence));
        self.changes.extend(entries.into_iter().map(Change::Log));
        if !is_over {
            *steps = PIECE_STEPS;
            return self.timers.set(Timer::Records, now.mono);
        }
        self.turns.sweep(now.mono);
        // The member that told of them has had time to tell of their alerts.
        self.first_flushes.clear();
        if !self.nflog.is_empty() || self.silences.iter().next().is_some() {
            self.arm_records(now);
        }
    }

    pub(super) fn arm_records(&mut self, now: Now) {
        self.timers.set_if_idle(Timer::Records, now.mono + SWEEP_INTERVAL);
    }
}

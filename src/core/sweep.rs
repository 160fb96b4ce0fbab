//! Sweeps: what has ended long ago leaves its table.

use std::sync::Arc;
use std::time::Duration;

use crate::core::route::RouteId;
use crate::core::timers::Timer;
use crate::core::which::GroupId;
use crate::core::{Change, Core};
use crate::limits::INTERVAL_MIN;
use crate::model::Fingerprint;
use crate::time::Now;

/// How long expired records may stay after their time.
const SWEEP_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// Between two sweeps of alerts, however short `--alerts.gc-interval` is: each looks at every alert.
/// How long groups without alerts may stay: Alertmanager's `--dispatch.maintenance-interval`.
const SWEEP_GROUPS_INTERVAL: Duration = Duration::from_secs(30);

impl Core {
    /// Drops resolved alerts that no group waits to tell of.
    pub(super) fn sweep_alerts(&mut self, now: Now) {
        let gone: Vec<Fingerprint> = self
            .alerts
            .iter()
            .filter(|(fingerprint, entry)| {
                let told = |(_, id): &(RouteId, Option<GroupId>)| {
                    let group = id.and_then(|id| self.groups.get(id));
                    group.is_none_or(|group| !group.alerts.contains(fingerprint))
                };
                // Long enough for other members to be told what became of it.
                let long_ended = entry.alert.ends_at + self.options.alerts_gc_interval <= now.wall;
                long_ended && entry.groups.iter().all(told)
            })
            .map(|(fingerprint, _)| fingerprint)
            .collect();
        for fingerprint in gone {
            self.inhibitor.remove(fingerprint);
            self.alerts.remove(fingerprint);
            self.changes.push(Change::Alert { fingerprint, lease: false });
        }
        if !self.alerts.is_empty() {
            self.arm_alerts(now);
        }
    }

    pub(super) fn arm_alerts(&mut self, now: Now) {
        let interval = self.options.alerts_gc_interval.max(INTERVAL_MIN);
        self.timers.set_if_idle(Timer::Alerts, now.mono + interval);
    }

    /// Drops groups that are empty. This comes at fixed times after the start, as in Alertmanager: an alert that fires
    /// again before waits for the tick of its old group.
    pub(super) fn sweep_groups(&mut self) {
        for id in self.groups.empty() {
            self.timers.cancel(Timer::Flush(id));
            self.drop_group(id);
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

    /// Drops silences and log entries that have expired.
    pub(super) fn sweep_records(&mut self, now: Now) {
        let silences = self.silences.sweep(self.options.retention, now.wall);
        self.changes.extend(silences.into_iter().map(Change::Silence));
        self.changes.extend(self.nflog.sweep(now.wall).into_iter().map(Change::Log));
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

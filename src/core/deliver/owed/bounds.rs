//! The bounds of what receivers are owed: debts whose groups have gone end, and of what came and went the oldest is cut.
//!
//! The sweep goes over all debts in pieces, between which other work has its turn. So what it has seen may have changed when
//! it comes to cut: an alert that fires again or was told stays as it is.

use std::sync::Arc;
use std::time::Duration;

use crate::core::alerts::AlertEntry;
use crate::core::deliver::logging::log_key;
use crate::core::deliver::owed::DEBT_STEPS;
use crate::core::deliver::owed::spool::Sweep;
use crate::core::route::RouteId;
use crate::core::timers::Timer;
use crate::core::{Change, Core};
use crate::limits::{OWED_AGE_MAX, OWED_ALERTS_MAX, OWED_BYTES_MAX, PIECE_STEPS};
use crate::model::{Fingerprint, GroupKey, LogKey};
use crate::time::Now;

/// The steps to look at an alert of a debt, to cut one, and to have flash keep a debt.
const LOOKED_STEPS: u64 = 80;
const CUT_STEPS: u64 = 500;
const KEPT_STEPS: u64 = 1_500;

impl Core {
    /// Goes on to see to the bounds, and adds the steps that this takes.
    pub(in crate::core) fn sweep_owed(&mut self, now: Now, steps: &mut u64) {
        let mut sweep = std::mem::take(&mut self.owed.sweep);
        // Groups that are being filled seem to have no alerts.
        let is_over = self.filling.is_some() || self.go_on_sweeping_owed(now, &mut sweep, steps);
        if !is_over {
            self.owed.sweep = sweep;
            self.timers.set(Timer::Owed, now.mono);
        } else if !self.owed.is_empty() {
            self.arm_owed(now);
        }
    }

    /// Does a piece of a sweep. Returns whether it was the last one.
    fn go_on_sweeping_owed(&mut self, now: Now, sweep: &mut Sweep, steps: &mut u64) -> bool {
        while *steps < PIECE_STEPS {
            if self.cut_oldest(now, sweep, steps) {
                continue;
            }
            let next = self.owed.next_after(sweep.after).map(|(id, _)| id);
            match next {
                Some(id) if sweep.is_cut => self.keep_cut(id, steps),
                Some(id) => self.spool(now, id, sweep, steps),
                None if sweep.is_cut || sweep.spools.values().all(|it| it.cut == 0) => {
                    self.owed.is_reloaded = false;
                    std::mem::take(sweep).say();
                    return true;
                }
                None => (sweep.is_cut, sweep.current) = (true, None),
            }
            sweep.after = next;
        }
        false
    }

    /// Ends a debt whose group has gone; else takes note of the alerts that are owed.
    fn spool(&mut self, now: Now, id: u128, sweep: &mut Sweep, steps: &mut u64) {
        *steps += DEBT_STEPS;
        let Some(debt) = self.owed.find(id) else { return };
        let group = self.groups.find_key(&debt.key.group);
        let alerts = group.map_or(0, |id| self.alerts_in(id));
        let Some(group) = group.filter(|_| alerts > 0) else {
            *steps += KEPT_STEPS;
            let (key, cut, late) = (debt.key.clone(), debt.cut, debt.late);
            let lost = if self.owed.is_reloaded { late } else { 0 };
            self.stats.owed_cut += sweep.lose(&key, lost);
            self.keep_count(&key, cut + lost);
            return self.end_debt(&key);
        };
        if !debt.is_due {
            return;
        }
        *steps += LOOKED_STEPS * alerts;
        let ended = self.ended_in(group, now.wall);
        let key = debt.key.clone();
        self.prolong_log(now, &key, steps);
        self.keep_ends(&ended, steps);
        let Some(debt) = self.owed.find(id) else { return };
        let mut late = 0;
        let spool = sweep.spools.get_or_default(Arc::clone(&debt.key.receiver));
        for fingerprint in self.missed_of(debt, &ended, now.wall) {
            let Some(AlertEntry { alert, .. }) = self.alerts.get(fingerprint) else { continue };
            let bytes = alert.bytes();
            late += 1;
            if spool.alerts.insert((alert.ends_at, fingerprint, group, bytes)) {
                spool.bytes += bytes;
            }
        }
        sweep.current = Some(Arc::clone(&key.receiver));
        if let Some(debt) = self.owed.debts.get_mut(&id) {
            debt.late = late;
            if late > 0 && debt.kept.is_none_or(|it| it.1 < late) {
                *steps += KEPT_STEPS;
                debt.kept = Some(debt.counts());
                self.changes.push(Change::Owed(key));
            }
        }
    }

    /// Has flash know of the ends that time has brought, once: else a restart gives the alerts their leases anew.
    fn keep_ends(&mut self, ended: &[Fingerprint], steps: &mut u64) {
        for fingerprint in ended.iter().copied() {
            let entry = self.alerts.get_mut(fingerprint);
            let lapsed = entry.filter(|it| it.alert.updated_at < it.alert.ends_at);
            if let Some(entry) = lapsed.filter(|it| !it.end_is_kept) {
                *steps += KEPT_STEPS;
                entry.end_is_kept = true;
                self.changes.push(Change::AlertEnded { fingerprint, told: false });
            }
        }
    }

    /// Cuts the oldest alert that the receiver of the last debt is owed, if that passes the bounds.
    fn cut_oldest(&mut self, now: Now, sweep: &mut Sweep, steps: &mut u64) -> bool {
        let Some(spool) = sweep.current.as_ref().and_then(|it| sweep.spools.get_mut(it)) else {
            return false;
        };
        let Some((ends_at, fingerprint, id, bytes)) = spool.alerts.first().copied() else {
            return false;
        };
        let is_old = now.wall.since(ends_at) > OWED_AGE_MAX;
        let is_over = spool.alerts.len() > OWED_ALERTS_MAX || spool.bytes > OWED_BYTES_MAX;
        if spool.is_told || !(is_old || is_over) {
            return false;
        }
        *steps += CUT_STEPS;
        spool.alerts.pop_first();
        spool.bytes -= bytes;
        // After a restart it is not counted again, unless one that ended at the same time is kept.
        let is_last = spool.alerts.first().is_none_or(|it| it.0 > ends_at);
        let until = if is_last { ends_at } else { ends_at - Duration::from_nanos(1) };
        let is_same = self.alerts.get(fingerprint).is_some_and(|it| it.alert.ends_at == ends_at);
        let group = self.groups.get_mut(id).filter(|_| is_same);
        if !group.is_some_and(|group| group.alerts.remove(&fingerprint)) {
            return true;
        }
        spool.cut += 1;
        self.stats.owed_cut += 1;
        let Some(group) = self.groups.get(id) else { return true };
        let (keys, is_empty) = (self.log_keys(&group.key, group.route), group.alerts.is_empty());
        *steps += CUT_STEPS * keys.len() as u64;
        if is_empty {
            self.arm_sweep_groups(now);
        }
        for key in keys {
            let debt = self.owed.due(key.id());
            let is_owed = debt.is_some_and(|debt| {
                self.missed_of(debt, &[fingerprint], now.wall).next().is_some()
            });
            if let Some(debt) = self.owed.debts.get_mut(&key.id()) {
                debt.cut += u64::from(is_owed);
                debt.late = debt.late.saturating_sub(u64::from(is_owed));
                debt.since = debt.since.max(until);
            }
        }
        true
    }

    /// Has flash keep how many alerts of a debt were cut, if that has changed.
    pub(super) fn keep_cut(&mut self, id: u128, steps: &mut u64) {
        *steps += DEBT_STEPS / 10;
        if let Some(debt) = self.owed.debts.get_mut(&id)
            && debt.cut != debt.kept.map_or(0, |it| it.0)
        {
            *steps += KEPT_STEPS;
            debt.kept = Some(debt.counts());
            self.changes.push(Change::Owed(debt.key.clone()));
        }
    }

    /// The log keys of a group under a route: of each integration of its receiver, and of the fallback.
    pub(super) fn log_keys(&self, group: &GroupKey, route: RouteId) -> Vec<LogKey> {
        let receiver = &self.routes.get(route).receiver;
        let fallback = self.fallback_of(receiver);
        let all = fallback.iter().chain([receiver]);
        all.flat_map(|receiver| {
            receiver.integrations.iter().map(|it| log_key(group.clone(), receiver, it))
        })
        .collect()
    }
}

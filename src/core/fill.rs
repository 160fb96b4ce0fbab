//! Alerts are brought to their groups in pieces: those that were kept after a start, and all of them after a reload. Until
//! they are all there no group is flushed, so that none is told in part.

use std::collections::BTreeSet;
use std::rc::Rc;

use log::error;

use crate::core::group::{GROUP_STEPS, GroupId};
use crate::core::restore::{GroupTimers, Phase, until_flush};
use crate::core::route::RouteId;
use crate::core::timers::Timer;
use crate::core::{Change, Core};
use crate::limits::{
    GROUPS_BYTES_MAX, GROUPS_MAX, INHIBIT_SOURCES_MAX, OWN_GROUPS_MAX, PIECE_STEPS,
};
use crate::model::{Fingerprint, Labels};
use crate::time::{Now, Wall};

/// The alerts that are still to be brought to their groups.
#[derive(Debug, Default)]
pub(super) struct Filling {
    alerts: BTreeSet<Fingerprint>,
    /// The first flush of each group that was kept and is not made yet.
    timers: GroupTimers,
    /// Whether the times of the groups have changed since they were kept.
    stepped: bool,
    /// Alerts that were left out for want of room.
    left_out: usize,
}

impl Filling {
    /// The first flushes that were kept, to be changed.
    pub(super) fn times(&mut self) -> impl Iterator<Item = &mut Wall> {
        self.timers.values_mut()
    }
}

impl Core {
    /// Begins to bring alerts to their groups.
    pub(super) fn begin_filling(
        &mut self,
        now: Now,
        alerts: BTreeSet<Fingerprint>,
        timers: GroupTimers,
        stepped: bool,
    ) {
        let filling = self.filling.get_or_insert_default();
        filling.alerts.extend(alerts);
        filling.timers.extend(timers);
        filling.stepped |= stepped;
        if !filling.timers.is_empty() {
            // Where flash could not be read at first, some were made meanwhile.
            let made: Vec<_> = self.groups.iter().map(|(id, group)| (id, group.route)).collect();
            for (id, route) in made {
                self.restore_timer(now, id, route);
            }
        }
        self.fill_groups(now);
    }

    /// The alerts that are still to be brought to their groups, which are then no longer.
    pub(super) fn unfilled(&mut self) -> BTreeSet<Fingerprint> {
        self.filling.as_mut().map(|it| std::mem::take(&mut it.alerts)).unwrap_or_default()
    }

    /// Every group that was kept and is not made yet.
    pub fn unmade_groups(&self) -> impl Iterator<Item = (&(Rc<str>, Labels), Wall)> {
        let filling = self.filling.iter();
        filling.flat_map(|it| it.timers.iter().map(|(group, first)| (group, *first)))
    }

    /// Brings alerts to their groups, for as long as [`PIECE_STEPS`] take. Returns whether all are there.
    pub(super) fn fill_groups(&mut self, now: Now) -> bool {
        let mut steps = 0;
        while let Some(filling) = &mut self.filling {
            if steps >= PIECE_STEPS {
                return false;
            }
            match filling.alerts.pop_first() {
                Some(fingerprint) => self.bring(now, fingerprint, &mut steps),
                None => self.end_filling(),
            }
        }
        true
    }

    fn bring(&mut self, now: Now, fingerprint: Fingerprint, steps: &mut u64) {
        let Some(entry) = self.alerts.get(fingerprint) else { return };
        let mut groups = entry.groups.clone();
        if groups.is_empty() {
            let labels = entry.alert.labels.clone();
            let routes = self.routes.matching(&labels, steps);
            self.inhibitor.add(fingerprint, &labels, steps);
            if self.groups.len() + routes.len() > GROUPS_MAX + OWN_GROUPS_MAX
                || !self.has_bytes_for_groups(&routes, &labels)
                || self.inhibitor.is_overfull()
            {
                self.inhibitor.remove(fingerprint, &labels);
                self.alerts.remove(fingerprint);
                if let Some(filling) = &mut self.filling {
                    filling.left_out += 1;
                }
                return;
            }
            groups = routes.into_iter().map(|route| (route, None)).collect();
        }
        *steps += GROUP_STEPS * groups.len() as u64;
        for (route, id) in &mut groups {
            if id.is_none_or(|id| self.groups.get(id).is_none()) {
                *id = self.group_for(now, *route, fingerprint);
            }
        }
        if let Some(entry) = self.alerts.get_mut(fingerprint) {
            entry.groups = groups;
        }
    }

    fn end_filling(&mut self) {
        let Some(filling) = self.filling.take() else { return };
        for (path, labels) in filling.timers.into_keys() {
            self.changes.push(Change::GroupGone { path, labels });
        }
        if filling.left_out > 0 {
            error!(
                "{} alerts of those that were kept are left out: under this config they need more than {GROUPS_MAX} groups, groups of more than {GROUPS_BYTES_MAX} bytes of keys and labels, or more than {INHIBIT_SOURCES_MAX} sources of inhibition; group by fewer labels",
                filling.left_out
            );
        }
    }

    /// Gives a group that was just made the timer that was kept of it, if there is one: one that should have been flushed
    /// in the meantime is due at once. Returns whether there is, and flash knows it.
    pub(super) fn restore_timer(&mut self, now: Now, id: GroupId, route: RouteId) -> bool {
        let Some(group) = self.groups.get_mut(id) else { return false };
        let Some(filling) = &mut self.filling else { return false };
        let route = self.routes.get(route);
        let Some(first) = filling.timers.remove(&(Rc::clone(&route.path), group.labels.clone()))
        else {
            return false;
        };
        let due = match until_flush(first, route.group_interval, now.wall) {
            // The clock may have gone back since; nobody waits longer than a new group does.
            Phase::Waiting(wait) => now.mono + wait.min(route.group_wait),
            Phase::Flushing(wait) => {
                group.next_flush = Some(now.mono + wait);
                now.mono
            }
        };
        group.first_flush = first;
        self.timers.set(Timer::Flush(id), due);
        !filling.stepped
    }
}

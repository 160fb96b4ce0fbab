//! Alerts are brought to their groups in pieces: those that were kept after a start, and all of them after a reload. Until
//! they are all there no group is flushed, so that none is told in part.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use log::error;

use crate::core::group::{GROUP_STEPS, Group};
use crate::core::intake::Sender;
use crate::core::place::Placing;
use crate::core::restore::{GroupTimers, Phase, until_flush};
use crate::core::route::RouteId;
use crate::core::timers::Timer;
use crate::core::which::GroupId;
use crate::core::{Change, Core};
use crate::effect::Cx;
use crate::limits::{
    GROUPS_BYTES_MAX, GROUPS_MAX, INHIBIT_SOURCES_MAX, MEMBERSHIPS_MAX, OWN_GROUPS_MAX, PIECE_STEPS,
};
use crate::model::{Fingerprint, Labels};
use crate::time::{Now, Wall};

/// The alerts that are still to be brought to their groups.
#[derive(Debug, Default)]
pub(super) struct Filling {
    /// Alerts of which it is known where they belong: a config was just taken.
    placed: BTreeMap<Fingerprint, Placed>,
    /// The groups there were then. Those that none of these alerts belongs to are to go.
    unclaimed: BTreeSet<GroupId>,
    /// Groups that are no more, of which something is still to be forgotten.
    homeless: Vec<Homeless>,
    alerts: BTreeSet<Fingerprint>,
    /// The one that is being brought.
    current: Option<(Fingerprint, Placing)>,
    /// The first flush of each group that was kept and is not made yet.
    timers: GroupTimers,
    /// Whether the times of the groups have changed since they were kept.
    stepped: bool,
    /// Alerts that were left out for want of room.
    left_out: usize,
}

/// Where an alert belongs.
#[derive(Debug)]
pub(super) struct Placed {
    /// The routes and the labels of its groups, by their fingerprints.
    pub(super) places: Vec<(RouteId, Fingerprint)>,
    /// Whether it is to be told; known once the config is taken.
    pub(super) joins: bool,
}

/// Groups whose route another config no longer has. Their flushes were abandoned.
#[derive(Debug)]
pub(super) struct Homeless {
    pub(super) groups: BTreeMap<GroupId, Group>,
    /// The paths of their routes.
    pub(super) paths: BTreeMap<RouteId, Arc<str>>,
}

/// Alerts whose routes take long to find. They are brought to their groups after all other work.
#[derive(Debug, Default)]
pub(super) struct Late(BTreeMap<Fingerprint, (Placing, Sender)>);

impl Late {
    /// Takes an alert for which this much is found.
    pub(super) fn put(&mut self, fingerprint: Fingerprint, placing: Placing, sender: Sender) {
        self.0.insert(fingerprint, (placing, sender));
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets all of them, and tells which they were.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = Fingerprint> {
        std::mem::take(&mut self.0).into_keys()
    }
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
        cx: &mut Cx<'_>,
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
                self.restore_timer(cx.now, id, route);
            }
        }
        self.fill_groups(cx);
    }

    /// Begins to bring alerts to their groups under a config that was just taken, of which it is known where they belong.
    /// `homeless` are the groups that it has no route for.
    pub(super) fn begin_moving(
        &mut self,
        placed: BTreeMap<Fingerprint, Placed>,
        homeless: Homeless,
    ) {
        let filling = self.filling.get_or_insert_default();
        filling.homeless.push(homeless);
        filling.placed = placed;
        filling.current = None;
        filling.unclaimed = self.groups.iter().map(|(id, _)| id).collect();
    }

    /// The alerts that are still to be brought to their groups, which are then no longer.
    pub(super) fn unfilled(&mut self) -> BTreeSet<Fingerprint> {
        let Some(filling) = &mut self.filling else { return BTreeSet::new() };
        let placed = std::mem::take(&mut filling.placed).into_iter();
        let mut alerts = std::mem::take(&mut filling.alerts);
        alerts.extend(placed.filter(|(_, it)| it.joins).map(|(fingerprint, _)| fingerprint));
        alerts
    }

    /// Every group that was kept and is not made yet.
    pub fn unmade_groups(&self) -> impl Iterator<Item = (&(Arc<str>, Labels), Wall)> {
        let filling = self.filling.iter();
        filling.flat_map(|it| it.timers.iter().map(|(group, first)| (group, *first)))
    }

    /// The first flush of a group that was kept, if it is not made yet.
    pub fn unmade_group(&self, group: &(Arc<str>, Labels)) -> Option<Wall> {
        self.filling.iter().find_map(|it| it.timers.get(group).copied())
    }

    /// Brings alerts to their groups, for as long as [`PIECE_STEPS`] take. Returns whether all are there.
    pub(super) fn fill_groups(&mut self, cx: &mut Cx<'_>) -> bool {
        let mut steps = 0;
        while let Some(filling) = &mut self.filling {
            if steps >= PIECE_STEPS {
                return false;
            }
            if let Some((fingerprint, placed)) = filling.placed.pop_first() {
                self.move_alert(cx.now, fingerprint, placed);
                steps += GROUP_STEPS;
            } else if let Some(id) = filling.unclaimed.pop_first() {
                self.drop_unclaimed(cx, id);
                steps += GROUP_STEPS;
            } else if let Some(homeless) = filling.homeless.last_mut() {
                let path_of = |group: &Group| homeless.paths.get(&group.route).cloned();
                let found = homeless.groups.pop_first();
                if let Some((id, group)) = found
                    && let Some(path) = path_of(&group)
                {
                    self.groups.forget(id, &group);
                    self.lose(id, group, path);
                    steps += GROUP_STEPS;
                } else {
                    filling.homeless.pop();
                }
            } else if let Some(fingerprint) = filling.alerts.first().copied() {
                let known = filling.current.take().filter(|(at, _)| *at == fingerprint);
                let placing = known.map(|(_, placing)| placing).unwrap_or_default();
                if let Some(placing) = self.bring(cx.now, fingerprint, placing, &mut steps) {
                    if let Some(filling) = &mut self.filling {
                        filling.current = Some((fingerprint, placing));
                    }
                    return false;
                }
                if let Some(filling) = &mut self.filling {
                    filling.alerts.remove(&fingerprint);
                }
            } else {
                self.end_filling();
            }
        }
        true
    }

    /// Brings an alert to those of its groups that are there; for others it is brought later.
    fn move_alert(&mut self, now: Now, fingerprint: Fingerprint, placed: Placed) {
        let Placed { places, joins } = placed;
        if self.alerts.get(fingerprint).is_none() {
            return;
        }
        let find = |(route, labels)| (route, self.groups.find_by(route, labels));
        let groups: Vec<_> = places.into_iter().map(find).collect();
        self.alerts.set_groups(fingerprint, groups.clone());
        for (_, id) in &groups {
            if let (Some(id), Some(filling)) = (id, &mut self.filling) {
                filling.unclaimed.remove(id);
            }
        }
        if !joins {
            return;
        }
        for (_, id) in groups {
            match id {
                Some(id) => self.join(now, id, fingerprint),
                None => {
                    if let Some(filling) = &mut self.filling {
                        filling.alerts.insert(fingerprint);
                    }
                }
            }
        }
    }

    /// Drops a group that none of the moved alerts belongs to, unless one has come meanwhile.
    fn drop_unclaimed(&mut self, cx: &mut Cx<'_>, id: GroupId) {
        if self.groups.get(id).is_some_and(|group| group.alerts.is_empty())
            && let Some(group) = self.groups.remove(id)
        {
            if let Some(flush) = &group.flush {
                self.abandon(cx, id, flush);
            }
            let path = Arc::clone(&self.routes.get(group.route).path);
            self.lose(id, group, path);
        }
    }

    /// Nothing is due any more of a group that was taken out, and flash forgets it, unless a further config has it again.
    fn lose(&mut self, id: GroupId, group: Group, path: Arc<str>) {
        self.timers.cancel(Timer::Flush(id));
        let route = self.routes.find(&path);
        if route.and_then(|route| self.groups.find(route, &group.labels)).is_none() {
            self.changes.push(Change::GroupGone { path, labels: group.labels });
        }
    }

    /// Brings alerts whose routes take long to find to their groups, until `steps` come to [`PIECE_STEPS`].
    pub(super) fn bring_late(&mut self, now: Now, steps: &mut u64) {
        while *steps < PIECE_STEPS
            && let Some((fingerprint, (placing, sender))) = self.late.0.pop_first()
        {
            if sender == Sender::Client || self.alerts.fires(fingerprint, now.wall) {
                if let Some(placing) = self.bring(now, fingerprint, placing, steps) {
                    self.late.put(fingerprint, placing, sender);
                }
            } else if let Some(labels) =
                self.alerts.get(fingerprint).map(|it| it.alert.labels.clone())
            {
                let (mut placing, to) = (placing, (&self.routes, &mut self.inhibitor));
                match placing.go_on(to, (fingerprint, &labels), steps, PIECE_STEPS) {
                    None => self.late.put(fingerprint, placing, sender),
                    Some(routes) => {
                        if !self.has_memberships_for(&routes) {
                            self.leave_out(fingerprint);
                            continue;
                        }
                        *steps += GROUP_STEPS * routes.len() as u64;
                        let joins = self.is_news(now, fingerprint, &routes);
                        let groups = routes.into_iter().map(|route| (route, None)).collect();
                        self.alerts.set_groups(fingerprint, groups);
                        if joins {
                            self.rejoin_groups(now, (fingerprint, sender), 0);
                        }
                    }
                }
            }
        }
    }

    /// Brings an alert to its groups. Returns how far it was found which these are, if `steps` have come to
    /// [`PIECE_STEPS`] before they were.
    fn bring(
        &mut self,
        now: Now,
        fingerprint: Fingerprint,
        mut placing: Placing,
        steps: &mut u64,
    ) -> Option<Placing> {
        let entry = self.alerts.get(fingerprint)?;
        let mut groups = entry.groups.clone();
        if groups.is_empty() {
            let labels = entry.alert.labels.clone();
            let to = (&self.routes, &mut self.inhibitor);
            let found = placing.go_on(to, (fingerprint, &labels), steps, PIECE_STEPS);
            let Some(routes) = found else { return Some(placing) };
            if self.groups.len() + routes.len() > GROUPS_MAX + OWN_GROUPS_MAX
                || !self.has_memberships_for(&routes)
                || !self.has_bytes_for_groups(&routes, &labels)
                || self.inhibitor.is_overfull()
            {
                self.leave_out(fingerprint);
                return None;
            }
            groups = routes.into_iter().map(|route| (route, None)).collect();
        }
        *steps += GROUP_STEPS * groups.len() as u64;
        for (route, id) in &mut groups {
            if id.is_none_or(|id| self.groups.get(id).is_none()) {
                *id = self.group_for(now, *route, fingerprint, false);
            }
        }
        self.alerts.set_groups(fingerprint, groups);
        None
    }

    /// Leaves an alert out for which there is no room.
    fn leave_out(&mut self, fingerprint: Fingerprint) {
        self.inhibitor.remove(fingerprint);
        self.alerts.remove(fingerprint);
        self.stats.refused += 1;
        if let Some(filling) = &mut self.filling {
            filling.left_out += 1;
        }
    }

    fn end_filling(&mut self) {
        let Some(filling) = self.filling.take() else { return };
        for (path, labels) in filling.timers.into_keys() {
            self.changes.push(Change::GroupGone { path, labels });
        }
        if filling.left_out > 0 {
            error!(
                "{} alerts of those that were kept are left out: under this config they need more than {GROUPS_MAX} groups, {MEMBERSHIPS_MAX} places in groups, groups of more than {GROUPS_BYTES_MAX} bytes of keys and labels, or more than {INHIBIT_SOURCES_MAX} sources of inhibition; group by fewer labels",
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
        let Some(first) = filling.timers.remove(&(Arc::clone(&route.path), group.labels.clone()))
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

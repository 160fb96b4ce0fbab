//! Aggregation groups: the alerts of one route that share the labels it groups by.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::core::deliver::flushing::Flush;
use crate::core::deliver::history::Muting;
use crate::core::route::RouteId;
use crate::core::timers::Timer;
use crate::core::which::GroupId;
use crate::core::{Change, Core};
use crate::model::{Fingerprint, GroupKey, Interned, Labels};
use crate::time::{Mono, Now, Wall};

/// The steps to find or make the group of an alert.
pub(super) const GROUP_STEPS: u64 = 1_000;

/// One group.
#[derive(Debug)]
pub struct Group {
    /// Its route.
    pub route: RouteId,
    /// The labels its alerts share.
    pub labels: Labels,
    /// Its name in notifications and in the log.
    pub key: GroupKey,
    /// When it is or was first flushed; it is flushed at each group interval after that.
    pub first_flush: Wall,
    /// When it is flushed after a flush that was due while the node did not run: in its old rhythm.
    pub next_flush: Option<Mono>,
    /// Whether it has been flushed since this node knows it.
    pub flushed: bool,
    /// Its alerts; an ended one leaves once that has been told.
    pub alerts: BTreeSet<Fingerprint>,
    /// The flush that is under way: a group has one at a time.
    pub flush: Option<Flush>,
    /// Whether the next flush came due while one was under way.
    pub overdue: bool,
    /// Of the alerts, those that each flush has found muted while they fired.
    pub hidden: BTreeSet<Fingerprint>,
    /// The muted alerts at the last flush.
    pub muting: Muting,
    /// While a flush is prepared: the revision of the sources of inhibition from which on it is looked which of them inhibit its
    /// alerts. New ones that come meanwhile do not let it begin anew.
    pub looked: Option<u64>,
    /// Whether the history has it that alerts wait for the next flush.
    pub awaited: bool,
}

/// Every group.
#[derive(Debug, Default)]
pub struct Groups {
    table: BTreeMap<GroupId, Group>,
    by_labels: BTreeMap<(RouteId, Fingerprint), GroupId>,
    /// By [`GroupKey::id`].
    by_key: BTreeMap<u128, GroupId>,
    made: u64,
    /// Bytes of all keys and labels.
    bytes: usize,
}

/// Bytes of the key and the labels of a group.
pub fn cost(key: &GroupKey, labels: &Labels) -> usize {
    key.as_str().len() + labels.len() * size_of::<(Interned, Interned)>()
}

impl Groups {
    /// Bytes of the keys and labels of all groups.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The group of `id`.
    pub fn get(&self, id: GroupId) -> Option<&Group> {
        self.table.get(&id)
    }

    /// The group of `id`, to be changed.
    pub fn get_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        self.table.get_mut(&id)
    }

    /// The group of `labels` under `route`.
    pub fn find(&self, route: RouteId, labels: &Labels) -> Option<GroupId> {
        self.by_labels.get(&(route, labels.fingerprint())).copied()
    }

    /// The group of a key.
    pub fn find_key(&self, key: &GroupKey) -> Option<GroupId> {
        // Anybody can make keys of equal bits.
        let is_it = |id: &GroupId| self.get(*id).is_some_and(|group| group.key == *key);
        self.by_key.get(&key.id()).copied().filter(is_it)
    }

    /// Every group, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.table.iter().map(|(id, group)| (*id, group))
    }

    /// The same from `first` on.
    pub fn iter_from(&self, first: GroupId) -> impl Iterator<Item = (GroupId, &Group)> {
        self.table.range(first..).map(|(id, group)| (*id, group))
    }

    /// Calls `with` for every group, to change it.
    pub fn for_each(&mut self, with: impl FnMut(&mut Group)) {
        self.table.values_mut().for_each(with);
    }

    /// The number of groups.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Makes the group of `labels` under `route`, without alerts, to be flushed first at `first_flush`.
    pub fn create(
        &mut self,
        route: RouteId,
        route_key: &str,
        labels: Labels,
        first_flush: Wall,
    ) -> GroupId {
        self.made += 1;
        let id = GroupId(self.made);
        self.by_labels.insert((route, labels.fingerprint()), id);
        let key = GroupKey::new(route_key, &labels);
        self.bytes += cost(&key, &labels);
        self.by_key.insert(key.id(), id);
        let group = Group {
            route,
            key,
            labels,
            first_flush,
            next_flush: None,
            flushed: false,
            alerts: BTreeSet::new(),
            flush: None,
            overdue: false,
            hidden: BTreeSet::new(),
            muting: Muting::default(),
            looked: None,
            awaited: false,
        };
        self.table.insert(id, group);
        id
    }

    /// The group under `route` whose labels have this fingerprint.
    pub fn find_by(&self, route: RouteId, labels: Fingerprint) -> Option<GroupId> {
        self.by_labels.get(&(route, labels)).copied()
    }

    /// Brings every group to the route that stands for its own under another config, without alerts. Returns the groups that no
    /// route stands for, which are taken out as they are: [`Groups::forget`] has still to be called of each.
    pub fn rebase(&mut self, routes: &BTreeMap<RouteId, RouteId>) -> BTreeMap<GroupId, Group> {
        let mut kept = Vec::new();
        for (id, group) in &mut self.table {
            if let Some(route) = routes.get(&group.route) {
                group.route = *route;
                group.alerts = BTreeSet::new();
                group.flush.iter_mut().for_each(Flush::look_anew);
                kept.push(*id);
            }
        }
        let mut homeless = BTreeMap::new();
        if kept.len() < self.table.len() {
            homeless = std::mem::take(&mut self.table);
            let of = |id| Some((id, homeless.remove(&id)?));
            self.table = kept.into_iter().filter_map(of).collect();
        }
        let by_labels = std::mem::take(&mut self.by_labels).into_iter();
        self.by_labels = by_labels
            .filter_map(|((route, labels), id)| Some(((*routes.get(&route)?, labels), id)))
            .collect();
        homeless
    }

    /// Takes a group out.
    pub fn remove(&mut self, id: GroupId) -> Option<Group> {
        let group = self.table.remove(&id)?;
        self.by_labels.remove(&(group.route, group.labels.fingerprint()));
        self.forget(id, &group);
        Some(group)
    }

    /// Forgets the key and the bytes of a group that was taken out.
    pub fn forget(&mut self, id: GroupId, group: &Group) {
        self.bytes -= cost(&group.key, &group.labels);
        let key = group.key.id();
        if self.by_key.get(&key) == Some(&id) {
            self.by_key.remove(&key);
        }
    }

    /// The groups that have no alerts and no flush under way, oldest first.
    pub fn empty(&self) -> impl Iterator<Item = GroupId> {
        let empty = |group: &Group| group.alerts.is_empty() && group.flush.is_none();
        self.iter().filter(move |(_, group)| empty(group)).map(|(id, _)| id)
    }
}

impl Core {
    /// The group of an alert under a route, the alert in it; a new one is flushed after `group_wait`, or at once if the
    /// alert has fired longer than that. `is_members`: another member of the flock has told of it.
    pub(super) fn group_for(
        &mut self,
        now: Now,
        route_id: RouteId,
        fingerprint: Fingerprint,
        is_members: bool,
    ) -> Option<GroupId> {
        let alert = Rc::clone(&self.alerts.get(fingerprint)?.alert);
        let route = self.routes.get(route_id);
        let labels = route.group_labels(&alert.labels);
        let id = match self.groups.find(route_id, &labels) {
            Some(id) => id,
            None => self.make_group(now, route_id, labels, (alert.starts_at, is_members)),
        };
        self.join(now, id, fingerprint);
        Some(id)
    }

    /// Puts an alert into a group.
    pub(super) fn join(&mut self, now: Now, id: GroupId, fingerprint: Fingerprint) {
        if let Some(group) = self.groups.get_mut(id)
            && group.alerts.insert(fingerprint)
        {
            self.note_waiting(now, id);
        }
    }

    fn make_group(
        &mut self,
        now: Now,
        route_id: RouteId,
        labels: Labels,
        (since, is_members): (Wall, bool),
    ) -> GroupId {
        let path = Arc::clone(&self.routes.get(route_id).path);
        let told = self.take_first_flush(&path, &labels);
        let route = self.routes.get(route_id);
        let late = since + route.group_wait < now.wall;
        let wait = match told {
            Some(first) => first.since(now.wall).min(route.group_wait),
            None if late => Duration::ZERO,
            None => route.group_wait,
        };
        let at = (now.mono + wait).max(self.started + self.options.start_delay);
        let first_flush = told.unwrap_or(now.wall + at.since(now.mono));
        let id = self.groups.create(route_id, &route.key, labels, first_flush);
        self.timers.set(Timer::Flush(id), at);
        if !self.restore_timer(now, id, route_id) {
            self.changes.push(Change::Group { id, merged: is_members });
        }
        id
    }
}

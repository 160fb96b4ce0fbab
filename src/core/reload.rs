//! Another config: every alert is routed anew, and what goes on keeps its timers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use crate::config::Config;
use crate::core::group::{self, GROUP_STEPS, Group, GroupId};
use crate::core::inhibit::{Inhibitor, Targets};
use crate::core::route::{RouteId, Routes};
use crate::core::timers::Timer;
use crate::core::{Change, Core};
use crate::effect::Cx;
use crate::limits::{GROUPS_BYTES_MAX, GROUPS_MAX, INHIBIT_SOURCES_MAX, PIECE_STEPS};
use crate::model::{Fingerprint, GroupKey, Labels};

/// A config that is to be taken: where each alert ends under it is found in pieces, before anything changes.
#[derive(Debug)]
pub struct Reload {
    config: Rc<Config>,
    routes: Routes,
    /// The first alert that was not yet routed.
    next: Fingerprint,
    found: BTreeMap<Fingerprint, (Labels, Vec<RouteId>)>,
    inhibitor: Inhibitor,
    groups: BTreeSet<(RouteId, Fingerprint)>,
    /// Bytes of their keys and labels.
    bytes: usize,
}

impl From<Rc<Config>> for Reload {
    fn from(config: Rc<Config>) -> Self {
        Self {
            routes: Routes::new(&config),
            inhibitor: Inhibitor::new(&config.inhibit_rules),
            config,
            next: Fingerprint::MIN,
            found: BTreeMap::new(),
            groups: BTreeSet::new(),
            bytes: 0,
        }
    }
}

impl Reload {
    /// Routes an alert, unless that was done.
    fn route(&mut self, fingerprint: Fingerprint, labels: &Labels, steps: &mut u64) {
        if self.found.contains_key(&fingerprint) {
            return;
        }
        let routes = self.routes.matching(labels, steps);
        for id in &routes {
            let route = self.routes.get(*id);
            let labels = route.group_labels(labels);
            *steps += GROUP_STEPS;
            if self.groups.insert((*id, labels.fingerprint())) {
                self.bytes += group::cost(&GroupKey::new(&route.key, &labels), &labels);
            }
        }
        self.inhibitor.add(fingerprint, labels, steps);
        self.found.insert(fingerprint, (labels.clone(), routes));
    }
}

/// A config that was not taken: under it there is no room for the alerts that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// They need so many groups, with so many bytes.
    Groups {
        /// How many.
        count: usize,
        /// Bytes of their keys and labels.
        bytes: usize,
    },
    /// Too many of them are sources of its rules of inhibition.
    Sources,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Groups { count, bytes } => write!(
                f,
                "route: the alerts that are known would need {count} groups, at most {GROUPS_MAX}, with keys and labels of {bytes} bytes, at most {GROUPS_BYTES_MAX}: group by fewer labels"
            ),
            Self::Sources => write!(
                f,
                "inhibit_rules: more than {INHIBIT_SOURCES_MAX} times an alert that is known matches the source side of a rule: let fewer alerts match"
            ),
        }
    }
}

impl Core {
    /// Routes alerts under a config that is to be taken, for as long as [`PIECE_STEPS`] take. Returns whether that were all.
    pub fn prepare(&self, reload: &mut Reload) -> bool {
        let mut steps = 0;
        for (fingerprint, entry) in self.alerts.iter_from(reload.next) {
            reload.next = fingerprint;
            if steps >= PIECE_STEPS {
                return false;
            }
            reload.route(fingerprint, &entry.alert.labels, &mut steps);
        }
        true
    }

    /// Goes on with another config: every alert is routed anew. A group that the new tree still has keeps its timer and
    /// the flush that is under way, so nothing waits again and nothing in flight is lost or sent twice. A config that
    /// has no room for the alerts changes nothing. What was not prepared is routed now.
    pub fn handle_config(
        &mut self,
        cx: &mut Cx<'_>,
        reload: impl Into<Reload>,
    ) -> Result<(), NoRoom> {
        let mut reload = reload.into();
        for (fingerprint, entry) in self.alerts.iter() {
            reload.route(fingerprint, &entry.alert.labels, &mut 0);
        }
        let Reload { config, routes, mut found, mut inhibitor, groups, bytes, .. } = reload;
        if groups.len() > GROUPS_MAX || bytes > GROUPS_BYTES_MAX {
            return Err(NoRoom::Groups { count: groups.len(), bytes });
        }
        if inhibitor.is_overfull() {
            return Err(NoRoom::Sources);
        }
        let mut kept: BTreeMap<(Rc<str>, Labels), (GroupId, Group)> = BTreeMap::new();
        let known: Vec<Fingerprint> =
            self.alerts.iter().map(|(fingerprint, _)| fingerprint).collect();
        let mut pending: BTreeSet<Fingerprint> = BTreeSet::new();
        for id in self.groups.iter().map(|(id, _)| id).collect::<Vec<_>>() {
            let Some(mut group) = self.groups.remove(id) else { continue };
            pending.append(&mut group.alerts);
            let path = Rc::clone(&self.routes.get(group.route).path);
            kept.insert((path, group.labels.clone()), (id, group));
        }
        self.reach.clear();
        self.retain_failing(&config);
        self.routes = routes;
        // Those that have left the table meanwhile.
        for (fingerprint, (labels, _)) in &found {
            if self.alerts.get(*fingerprint).is_none() {
                inhibitor.remove(*fingerprint, labels);
            }
        }
        self.inhibitor = inhibitor;
        self.config = config;
        for fingerprint in known {
            let Some(entry) = self.alerts.get(fingerprint) else { continue };
            let labels = entry.alert.labels.clone();
            let joins = pending.contains(&fingerprint) || !entry.alert.resolved(cx.now.wall);
            let mut groups = Vec::new();
            for route in found.remove(&fingerprint).map(|it| it.1).unwrap_or_default() {
                self.keep_group(&mut kept, route, &labels);
                let id = if joins { self.group_for(cx.now, route, fingerprint) } else { None };
                groups.push((route, id));
            }
            if let Some(entry) = self.alerts.get_mut(fingerprint) {
                (entry.groups, entry.targets) = (groups, Targets::default());
            }
        }
        for ((path, labels), (id, group)) in kept {
            self.timers.cancel(Timer::Flush(id));
            self.changes.push(Change::GroupGone { path, labels });
            if let Some(flush) = &group.flush {
                self.abandon(cx, id, flush);
            }
        }
        self.fill(cx);
        Ok(())
    }

    /// Brings the group of `labels` over from the tree before, if it had one.
    fn keep_group(
        &mut self,
        kept: &mut BTreeMap<(Rc<str>, Labels), (GroupId, Group)>,
        route_id: RouteId,
        labels: &Labels,
    ) {
        let route = self.routes.get(route_id);
        let labels = route.group_labels(labels);
        if let Some((id, mut group)) = kept.remove(&(Rc::clone(&route.path), labels)) {
            group.route = route_id;
            self.groups.restore(id, group);
        }
    }
}

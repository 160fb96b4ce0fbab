//! Another config: every alert is routed anew, and what goes on keeps its timers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use crate::config::Config;
use crate::core::group::{self, GROUP_STEPS, Group, GroupId};
use crate::core::inhibit::{Inhibitor, Targets};
use crate::core::restore::GroupTimers;
use crate::core::route::{RouteId, Routes};
use crate::core::timers::Timer;
use crate::core::{Change, Core};
use crate::effect::Cx;
use crate::limits::{GROUPS_BYTES_MAX, GROUPS_MAX, INHIBIT_SOURCES_MAX, PIECE_STEPS};
use crate::model::{Fingerprint, GroupKey, Labels};

/// A route at which an alert ends, and the fingerprint of the labels of its group there.
type Place = (RouteId, Fingerprint);

/// A config that is to be taken: where each alert ends under it is found in pieces, before anything changes.
#[derive(Debug)]
pub struct Reload {
    config: Rc<Config>,
    routes: Routes,
    /// The first alert that was not yet routed.
    next: Fingerprint,
    found: BTreeMap<Fingerprint, (Labels, Vec<Place>)>,
    inhibitor: Inhibitor,
    groups: BTreeSet<Place>,
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
        let mut places = Vec::new();
        for id in self.routes.matching(labels, steps) {
            let route = self.routes.get(id);
            let group = route.group_labels(labels);
            *steps += GROUP_STEPS;
            places.push((id, group.fingerprint()));
            if self.groups.insert((id, group.fingerprint())) {
                self.bytes += group::cost(&GroupKey::new(&route.key, &group), &group);
            }
        }
        self.inhibitor.add(fingerprint, labels, steps);
        self.found.insert(fingerprint, (labels.clone(), places));
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
        if reload.groups.len() > GROUPS_MAX || reload.bytes > GROUPS_BYTES_MAX {
            return Err(NoRoom::Groups { count: reload.groups.len(), bytes: reload.bytes });
        }
        if reload.inhibitor.is_overfull() {
            return Err(NoRoom::Sources);
        }
        self.take(cx, reload);
        self.fill(cx);
        Ok(())
    }

    /// Takes a config: alerts stay in the groups that the new tree still has, and are brought to the others in pieces.
    fn take(&mut self, cx: &mut Cx<'_>, reload: Reload) {
        let Reload { config, routes, found, mut inhibitor, .. } = reload;
        let same = self.routes.same_in(&routes);
        let (mut pending, homeless) = self.groups.rebase(&same);
        pending.append(&mut self.unfilled());
        for (id, group) in homeless {
            self.lose(cx, id, group);
        }
        self.reach.clear();
        self.kept.clear();
        self.retain_failing(&config);
        self.attempts.limit(&config);
        self.budgets.retain_limited(&config);
        (self.routes, self.config) = (routes, config);
        self.expect(cx.now);
        self.begin_heartbeats(cx.now.mono);
        let (mut claimed, mut unfilled) = (BTreeSet::new(), BTreeSet::new());
        for (fingerprint, (labels, places)) in found {
            let Some(entry) = self.alerts.get_mut(fingerprint) else {
                // It has left the table meanwhile.
                inhibitor.remove(fingerprint, &labels);
                continue;
            };
            let joins = pending.contains(&fingerprint) || !entry.alert.resolved(cx.now.wall);
            let find = |(route, group)| (route, self.groups.find_by(route, group));
            entry.groups = places.into_iter().map(find).collect();
            entry.targets = Targets::default();
            for (_, id) in entry.groups.clone() {
                if let Some(id) = id {
                    claimed.insert(id);
                    if joins {
                        self.join(cx.now, id, fingerprint);
                    }
                } else if joins {
                    unfilled.insert(fingerprint);
                }
            }
        }
        self.inhibitor = inhibitor;
        let gone = self.groups.iter().map(|(id, _)| id).filter(|id| !claimed.contains(id));
        for id in gone.collect::<Vec<_>>() {
            if let Some(group) = self.groups.remove(id) {
                self.lose(cx, id, group);
            }
        }
        self.begin_filling(cx.now, unfilled, GroupTimers::new(), false);
    }

    /// Ends what a group that was taken out was about.
    fn lose(&mut self, cx: &mut Cx<'_>, id: GroupId, group: Group) {
        self.timers.cancel(Timer::Flush(id));
        let path = Rc::clone(&self.routes.get(group.route).path);
        self.changes.push(Change::GroupGone { path, labels: group.labels });
        if let Some(flush) = &group.flush {
            self.abandon(cx, id, flush);
        }
    }
}

//! Another config: every alert is routed anew, and what goes on keeps its timers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use crate::config::Config;
use crate::core::group::{Group, GroupId};
use crate::core::inhibit::Inhibitor;
use crate::core::route::{RouteId, Routes};
use crate::core::timers::Timer;
use crate::core::{Change, Core};
use crate::effect::Cx;
use crate::limits::GROUPS_MAX;
use crate::model::{Fingerprint, Labels};

/// A config that was not taken: under it the alerts that are known need so many groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyGroups(usize);

impl fmt::Display for TooManyGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "route: the alerts that are known would need {} groups, at most {GROUPS_MAX} are kept: group by fewer labels",
            self.0
        )
    }
}

impl Core {
    /// Goes on with another config: every alert is routed anew. A group that the new tree still has keeps its timer and
    /// the flush that is under way, so nothing waits again and nothing in flight is lost or sent twice. A config that
    /// would make too many groups changes nothing.
    pub fn handle_config(
        &mut self,
        cx: &mut Cx<'_>,
        config: Rc<Config>,
    ) -> Result<(), TooManyGroups> {
        let routes = Routes::new(&config);
        self.check_groups(&routes)?;
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
        self.routes = routes;
        self.inhibitor = Inhibitor::new(&config.inhibit_rules);
        self.config = config;
        for fingerprint in known {
            let Some(entry) = self.alerts.get(fingerprint) else { continue };
            let labels = entry.alert.labels.clone();
            let joins = pending.contains(&fingerprint) || !entry.alert.resolved(cx.now.wall);
            self.inhibitor.add(fingerprint, &labels);
            let mut groups = Vec::new();
            for route in self.routes.matching(&labels) {
                self.keep_group(&mut kept, route, &labels);
                let id = if joins { self.group_for(cx.now, route, fingerprint) } else { None };
                groups.push((route, id));
            }
            if let Some(entry) = self.alerts.get_mut(fingerprint) {
                entry.groups = groups;
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

    /// Whether there is room for the groups that all alerts need under a tree.
    fn check_groups(&self, routes: &Routes) -> Result<(), TooManyGroups> {
        let groups: BTreeSet<(RouteId, Fingerprint)> = self
            .alerts
            .iter()
            .flat_map(|(_, entry)| {
                let labels = &entry.alert.labels;
                let group = |id| (id, routes.get(id).group_labels(labels).fingerprint());
                routes.matching(labels).into_iter().map(group)
            })
            .collect();
        if groups.len() > GROUPS_MAX { Err(TooManyGroups(groups.len())) } else { Ok(()) }
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

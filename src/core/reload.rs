//! Another config: every alert is routed anew, and what goes on keeps its timers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::config::Config;
use crate::core::Core;
use crate::core::fill::{Homeless, Placed};
use crate::core::group::{self, GROUP_STEPS};
use crate::core::inhibit::Inhibitor;
use crate::core::place::Placing;
use crate::core::policy::Policy;
use crate::core::restore::GroupTimers;
use crate::core::route::RouteId;
use crate::core::targets::Targets;
use crate::core::which::GroupId;
use crate::effect::Cx;
use crate::limits::{
    GROUPS_BYTES_MAX, GROUPS_MAX, INHIBIT_SOURCES_MAX, MEMBERSHIPS_MAX, PIECE_STEPS,
};
use crate::model::{Fingerprint, GroupKey, Labels};
use crate::time::Wall;

/// The steps to look whether an alert was routed.
const LOOK_STEPS: u64 = 30;

/// A route at which an alert ends, and the fingerprint of the labels of its group there.
type Place = (RouteId, Fingerprint);

/// A config that is to be taken: where each alert ends under it is found in pieces, before anything changes.
#[derive(Debug)]
pub struct Reload {
    policy: Policy,
    /// The first alert that was not yet looked at.
    next: Fingerprint,
    /// How far it is routed.
    placing: Placing,
    /// Whether one was routed since the first of all was looked at.
    has_found: bool,
    found: BTreeMap<Fingerprint, Placed>,
    groups: BTreeSet<Place>,
    /// Bytes of their keys and labels.
    bytes: usize,
    /// The routes at which all of them end, for each alert.
    memberships: usize,
}

impl From<Arc<Config>> for Reload {
    fn from(config: Arc<Config>) -> Self {
        Self::from(Policy::from(config))
    }
}

impl From<Policy> for Reload {
    fn from(policy: Policy) -> Self {
        Self {
            policy,
            next: Fingerprint::MIN,
            placing: Placing::default(),
            has_found: false,
            found: BTreeMap::new(),
            groups: BTreeSet::new(),
            bytes: 0,
            memberships: 0,
        }
    }
}

impl Reload {
    /// The lack of room for the alerts that were routed, if there is one.
    fn lack(&self) -> Option<NoRoom> {
        if self.groups.len() > GROUPS_MAX || self.bytes > GROUPS_BYTES_MAX {
            Some(NoRoom::Groups { count: self.groups.len(), bytes: self.bytes })
        } else if self.memberships > MEMBERSHIPS_MAX {
            Some(NoRoom::Memberships(self.memberships))
        } else {
            self.policy.inhibitor.is_overfull().then_some(NoRoom::Sources)
        }
    }

    /// Routes an alert, unless that was done, until `steps` come to `most`. Returns whether it is routed; if not, the next
    /// call goes on.
    fn route(
        &mut self,
        fingerprint: Fingerprint,
        labels: &Labels,
        steps: &mut u64,
        most: u64,
    ) -> bool {
        if fingerprint != self.next {
            (self.next, self.placing) = (fingerprint, Placing::default());
        }
        *steps += LOOK_STEPS;
        if self.found.contains_key(&fingerprint) {
            return true;
        }
        let to = (&self.policy.routes, &mut self.policy.inhibitor);
        let Some(routes) = self.placing.go_on(to, (fingerprint, labels), steps, most) else {
            return false;
        };
        let mut places = Vec::with_capacity(routes.len());
        for id in routes {
            let route = self.policy.routes.get(id);
            let group = route.group_labels(labels);
            *steps += GROUP_STEPS;
            places.push((id, group.fingerprint()));
            if self.groups.insert((id, group.fingerprint())) {
                self.bytes += group::cost(&GroupKey::new(&route.key, &group), &group);
            }
        }
        self.memberships += places.len();
        self.found.insert(fingerprint, Placed { places, joins: false });
        self.has_found = true;
        true
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
    /// They end at so many routes together.
    Memberships(usize),
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
            Self::Memberships(count) => write!(
                f,
                "route: the alerts that are known would end at {count} routes together, at most {MEMBERSHIPS_MAX}: let fewer routes continue"
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
            if steps >= PIECE_STEPS {
                return false;
            }
            if !reload.route(fingerprint, &entry.alert.labels, &mut steps, PIECE_STEPS) {
                return false;
            }
        }
        // Some may have come meanwhile whose place is among those that were looked at.
        reload.next = Fingerprint::MIN;
        !std::mem::take(&mut reload.has_found)
    }

    /// Goes on with another config: every alert is routed anew. A group that the new tree still has keeps its timer and
    /// the flush that is under way, so nothing waits again and nothing in flight is lost or sent twice. A config that
    /// has no room for the alerts changes nothing. Alerts that were not prepared are routed now. Returns what was in force until now,
    /// or what is not taken: to free it takes time, too.
    pub fn handle_config(
        &mut self,
        cx: &mut Cx<'_>,
        reload: impl Into<Reload>,
    ) -> Result<Policy, (NoRoom, Box<Policy>)> {
        let mut reload = reload.into();
        for (fingerprint, entry) in self.alerts.iter() {
            reload.route(fingerprint, &entry.alert.labels, &mut 0, u64::MAX);
        }
        if let Some(lack) = reload.lack() {
            return Err((lack, reload.policy.into()));
        }
        let old = self.take(cx, reload);
        self.fill(cx);
        Ok(old)
    }

    /// Takes a config: alerts stay in the groups that the new tree still has, and are brought to the others in pieces.
    fn take(&mut self, cx: &mut Cx<'_>, reload: Reload) -> Policy {
        let Reload { policy: Policy { config, routes, mut inhibitor }, mut found, .. } = reload;
        inhibitor.follow(&self.inhibitor);
        self.place_anew(cx.now.wall, &mut found, &mut inhibitor);
        let homeless = self.groups.rebase(&self.routes.same_in(&routes));
        let mut paths = BTreeMap::new();
        for (id, group) in &homeless {
            if let Some(flush) = &group.flush {
                self.abandon(cx, *id, flush);
            }
            let path = || Arc::clone(&self.routes.get(group.route).path);
            paths.entry(group.route).or_insert_with(path);
        }
        let homeless = Homeless { groups: homeless, paths };
        self.reach.clear();
        self.kept.clear();
        self.backoff.clear();
        self.retain_failing(&routes);
        self.places.limit(&config);
        self.stats.begin(&config);
        self.budgets.retain_limited(&routes, |name| self.heartbeats.counts_as(name));
        let routes = std::mem::replace(&mut self.routes, routes);
        let config = std::mem::replace(&mut self.config, config);
        self.look_at_debts_anew(cx.now);
        self.expect(cx.now);
        self.begin_heartbeats(cx.now.mono);
        self.declare_anew(cx.now);
        let inhibitor = std::mem::replace(&mut self.inhibitor, inhibitor);
        self.begin_moving(found, homeless);
        self.begin_filling(cx, BTreeSet::new(), GroupTimers::new(), false);
        Policy { config, routes, inhibitor }
    }

    /// Every alert ends at the routes that were found, and is in no group. Those are to be told that fire, or that wait for it.
    fn place_anew(
        &mut self,
        now: Wall,
        found: &mut BTreeMap<Fingerprint, Placed>,
        inhibitor: &mut Inhibitor,
    ) {
        let mut waiting = self.unfilled();
        waiting.extend(self.late.clear());
        let (groups, mut left) = (&self.groups, found.iter_mut().peekable());
        self.alerts.for_each(|fingerprint, entry| {
            while let Some((gone, _)) = left.next_if(|it| *it.0 < fingerprint) {
                // It has left the table meanwhile.
                inhibitor.remove(*gone);
            }
            let Some((_, placed)) = left.next_if(|it| *it.0 == fingerprint) else { return };
            let is_in = |(_, id): &(RouteId, Option<GroupId>)| {
                let group = id.and_then(|id| groups.get(id));
                group.is_some_and(|group| group.alerts.contains(&fingerprint))
            };
            placed.joins = !entry.alert.resolved(now)
                || waiting.contains(&fingerprint)
                || entry.groups.iter().any(is_in);
            entry.targets = Targets::default();
            entry.groups.clear();
            entry.groups.extend(placed.places.iter().map(|(route, _)| (*route, None)));
        });
        left.for_each(|(gone, _)| inhibitor.remove(*gone));
    }
}

//! The alerting mind: a file a table or a rule, in pipeline order. The control flow lives here and in [`flush`].

pub mod alerts;
pub mod clock;
pub mod dedup;
pub mod delivery;
pub mod flush;
pub mod group;
pub mod history;
pub mod index;
pub mod inhibit;
pub mod nflog;
pub mod reach;
mod replica;
pub mod restore;
pub mod route;
pub mod silences;
pub mod stats;
mod sweep;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod timers;
pub mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use log::{Level, log, warn};

use crate::config::Config;
use crate::core::alerts::Alerts;
use crate::core::clock::Watch;
use crate::core::group::{Group, GroupId, Groups};
use crate::core::history::History;
use crate::core::inhibit::Inhibitor;
use crate::core::nflog::Nflog;
use crate::core::reach::Reach;
use crate::core::restore::GroupTimers;
use crate::core::route::{RouteId, Routes};
use crate::core::silences::{SilenceDraft, SilenceError, SilenceRules, Silences};
use crate::core::stats::Stats;
use crate::core::timers::{Timer, Timers};
use crate::core::turn::Turns;
use crate::effect::{AttemptId, Cx};
use crate::faults::{self, Fault};
use crate::limits::{GROUPS_MAX, OWN_GROUPS_MAX};
use crate::model::matcher::Grammar;
use crate::model::{Alert, Fingerprint, Labels, LogKey, Muted, Report, SilenceId};
use crate::time::{Mono, Now, Wall};

/// What flags say of alerting.
#[derive(Clone, Debug)]
pub struct Options {
    /// The URL under which users reach this node, without a trailing slash.
    pub external_url: Rc<str>,
    /// `--data.retention`: how long log entries and expired silences are kept. 120 h.
    pub retention: Duration,
    /// `--alerts.gc-interval`: how long resolved alerts are kept. 30 m.
    pub alerts_gc_interval: Duration,
    /// `--alerts.per-alertname-limit`; 0 is none.
    pub alerts_per_name_max: usize,
    /// `--dispatch.start-delay`: no group is flushed before the node has run this long. 0.
    pub start_delay: Duration,
    /// Which silences are taken: `--silences.max-silences`, `--silences.max-silence-size-bytes`.
    pub silence_rules: SilenceRules,
    /// How matchers and label names are read.
    pub grammar: Grammar,
    /// `--log.silences`: whether the log has each change of a silence at level info. At debug it has it anyway.
    pub log_silences: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            external_url: "http://localhost:9093".into(),
            retention: Duration::from_secs(120 * 3600),
            alerts_gc_interval: Duration::from_secs(30 * 60),
            alerts_per_name_max: 0,
            start_delay: Duration::ZERO,
            silence_rules: SilenceRules::default(),
            grammar: Grammar::default(),
            log_silences: false,
        }
    }
}

/// Something that changed and that others (flash, the flock) may have to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An alert came, changed or went; `lease`: it only fires on.
    Alert {
        /// Which.
        fingerprint: Fingerprint,
        /// Only its end moved.
        lease: bool,
    },
    /// Time has ended an alert and receivers know: flash must know too, or it gets its lease anew after a restart.
    AlertEnded {
        /// Which.
        fingerprint: Fingerprint,
        /// Whether this node has told it: then it tells the flock, where a member that has just restarted may still
        /// wait for the lease to end.
        told: bool,
    },
    /// A turn was claimed or given up.
    Claim {
        /// Whose turn: [`LogKey::id`].
        key: u128,
        /// How long it holds unless it is renewed.
        lifetime: Duration,
        /// Whether it was given up.
        surrendered: bool,
        /// The nodes that have given it up.
        given_up: Vec<u64>,
    },
    /// A group was made; `merged`: of an alert that another member has told of.
    Group {
        /// Which.
        id: GroupId,
        /// Not by a report to this node.
        merged: bool,
    },
    /// A group was removed.
    GroupGone {
        /// The path of its route.
        path: Rc<str>,
        /// The labels its alerts shared.
        labels: Labels,
    },
    /// A log entry was written or dropped.
    Log(LogKey),
    /// A silence was set, expired or dropped.
    Silence(SilenceId),
}

/// What became of the reports of one post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intake {
    /// What is wrong with those that were not taken, in Alertmanager's words.
    pub invalid: Vec<String>,
    /// How many were not taken because a table is full; their sender should come again.
    pub refused: usize,
}

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

/// The tables and their rules.
#[derive(Debug)]
pub struct Core {
    config: Rc<Config>,
    options: Options,
    started: Mono,
    watch: Watch,
    routes: Routes,
    alerts: Alerts,
    groups: Groups,
    inhibitor: Inhibitor,
    silences: Silences,
    nflog: Nflog,
    timers: Timers,
    attempts: BTreeMap<AttemptId, (GroupId, usize)>,
    attempts_made: u64,
    turns: Turns,
    reach: Reach,
    /// The deliveries that are open, by their turn.
    open: BTreeMap<u128, (GroupId, usize)>,
    /// First flushes that others have told of groups that are not made yet.
    first_flushes: GroupTimers,
    /// Whether what happens was said by another member.
    merging: bool,
    changes: Vec<Change>,
    history: History,
    stats: Stats,
}

impl Core {
    /// A mind without memories.
    pub fn new(config: Rc<Config>, options: Options, now: Now) -> Self {
        Self {
            routes: Routes::new(&config),
            inhibitor: Inhibitor::new(&config.inhibit_rules),
            config,
            options,
            started: now.mono,
            watch: Watch::new(now),
            alerts: Alerts::default(),
            groups: Groups::default(),
            silences: Silences::default(),
            nflog: Nflog::default(),
            timers: Timers::default(),
            attempts: BTreeMap::new(),
            attempts_made: 0,
            turns: Turns::default(),
            reach: Reach::default(),
            open: BTreeMap::new(),
            first_flushes: GroupTimers::new(),
            merging: false,
            changes: Vec::new(),
            history: History::default(),
            stats: Stats::default(),
        }
    }

    // Inputs.

    /// Takes a report of our own: there is room for it, however full the tables are.
    pub fn handle_own_report(&mut self, now: Now, report: &Report<'_>) {
        let fingerprint = alerts::fingerprint(report);
        let timeout = self.config.global.resolve_timeout;
        let alert = self.alerts.read(fingerprint, report, now.wall, timeout);
        self.put_alert(now, fingerprint, alert, OWN_GROUPS_MAX);
    }

    /// Takes the reports of one post, those that are valid.
    pub fn handle_reports(&mut self, now: Now, reports: &[Report<'_>]) -> Intake {
        let mut intake = Intake::default();
        for report in reports {
            if let Some(fault) =
                alerts::fault(report, self.end_of(report, now), self.options.grammar)
            {
                self.stats.invalid += 1;
                intake.invalid.push(fault);
                continue;
            }
            let fingerprint = alerts::fingerprint(report);
            if !self.alerts.has_room_for(fingerprint, 0)
                || !self.alerts.has_bytes_for(fingerprint, report.bytes())
            {
                self.stats.refused += 1;
                intake.refused += 1;
                continue;
            }
            let timeout = self.config.global.resolve_timeout;
            let alert = self.alerts.read(fingerprint, report, now.wall, timeout);
            if alert.resolved(now.wall) {
                self.stats.received_resolved += 1;
            } else {
                self.stats.received_firing += 1;
            }
            if self.over_name_limit(fingerprint, &alert) {
                self.stats.limited += 1;
                continue;
            }
            if !self.put_alert(now, fingerprint, alert, 0) {
                self.stats.refused += 1;
                intake.refused += 1;
            }
        }
        intake
    }

    /// The end that a report has or will be given.
    fn end_of(&self, report: &Report<'_>, now: Now) -> Wall {
        report.ends_at.unwrap_or(now.wall + self.config.global.resolve_timeout)
    }

    fn over_name_limit(&self, fingerprint: Fingerprint, alert: &Alert) -> bool {
        let limit = self.options.alerts_per_name_max;
        let name = alert.labels.get("alertname").unwrap_or("");
        let over =
            limit > 0 && self.alerts.get(fingerprint).is_none() && self.alerts.named(name) >= limit;
        if over {
            warn!(
                "alert {} dropped: {limit} alerts named {name:?} are known, the limit",
                alert.labels
            );
        }
        over
    }

    /// Takes in an alert and brings it to its groups, of which there may be `spare` more than others may make. Returns
    /// whether there was room for them.
    fn put_alert(
        &mut self,
        now: Now,
        fingerprint: Fingerprint,
        alert: Alert,
        spare: usize,
    ) -> bool {
        let change = self.alerts.put(fingerprint, alert, now.wall);
        let admitted = self.admit(now, fingerprint, change == alerts::Change::New, spare);
        if change != alerts::Change::None && self.alerts.get(fingerprint).is_some() {
            let lease = change == alerts::Change::Lease;
            self.changes.push(Change::Alert { fingerprint, lease });
        }
        admitted
    }

    /// Brings an alert of the table to its groups. Returns whether there was room for them; a new alert that finds none
    /// leaves the table.
    fn admit(&mut self, now: Now, fingerprint: Fingerprint, new: bool, spare: usize) -> bool {
        let joins =
            !self.merging || faults::on(Fault::MergedEndsJoin) || self.is_news(now, fingerprint);
        if !new {
            return !joins || self.rejoin_groups(now, fingerprint, spare);
        }
        let Some(labels) = self.alerts.get(fingerprint).map(|it| it.alert.labels.clone()) else {
            return true;
        };
        let routes = self.routes.matching(&labels);
        if self.groups.len() + routes.len() > GROUPS_MAX + spare {
            self.alerts.remove(fingerprint);
            return false;
        }
        self.inhibitor.add(fingerprint, &labels);
        let groups = routes
            .into_iter()
            .map(|route| {
                let id = if joins { self.group_for(now, route, fingerprint) } else { GroupId(0) };
                (route, id)
            })
            .collect();
        if let Some(entry) = self.alerts.get_mut(fingerprint) {
            entry.groups = groups;
        }
        self.arm_alerts(now);
        true
    }

    /// Brings a known alert back to the groups that it left when it ended, or that have gone. Returns whether there was
    /// room for them.
    pub(super) fn rejoin_groups(
        &mut self,
        now: Now,
        fingerprint: Fingerprint,
        spare: usize,
    ) -> bool {
        let Some(entry) = self.alerts.get(fingerprint) else { return true };
        for place in 0..entry.groups.len() {
            let Some((route, id)) =
                self.alerts.get(fingerprint).and_then(|entry| entry.groups.get(place).copied())
            else {
                return true;
            };
            if let Some(group) = self.groups.get_mut(id) {
                group.alerts.insert(fingerprint);
                continue;
            }
            if self.groups.len() >= GROUPS_MAX + spare {
                return false;
            }
            let id = self.group_for(now, route, fingerprint);
            if let Some(member) =
                self.alerts.get_mut(fingerprint).and_then(|entry| entry.groups.get_mut(place))
            {
                member.1 = id;
            }
        }
        true
    }

    /// The group of an alert under a route, the alert in it; a new one is flushed after `group_wait`, or at once if the
    /// alert has fired longer than that.
    fn group_for(&mut self, now: Now, route_id: RouteId, fingerprint: Fingerprint) -> GroupId {
        let Some(alert) = self.alerts.get(fingerprint).map(|entry| Rc::clone(&entry.alert)) else {
            return GroupId(0);
        };
        let route = self.routes.get(route_id);
        let labels = route.group_labels(&alert.labels);
        let id = match self.groups.find(route_id, &labels) {
            Some(id) => id,
            None => self.make_group(now, route_id, labels, alert.starts_at),
        };
        if let Some(group) = self.groups.get_mut(id) {
            group.alerts.insert(fingerprint);
        }
        id
    }

    fn make_group(&mut self, now: Now, route_id: RouteId, labels: Labels, since: Wall) -> GroupId {
        let path = Rc::clone(&self.routes.get(route_id).path);
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
        self.changes.push(Change::Group { id, merged: self.merging });
        id
    }

    /// Sets a silence and returns its id.
    pub fn handle_set_silence(
        &mut self,
        cx: &mut Cx<'_>,
        draft: SilenceDraft,
    ) -> Result<SilenceId, SilenceError> {
        let mut bits = [0; 16];
        cx.rng.fill_bytes(&mut bits);
        let fresh = SilenceId::from_random(u128::from_be_bytes(bits));
        let changed = self.silences.set(draft, fresh, self.options.silence_rules, cx.now.wall)?;
        let id = changed.first().copied().unwrap_or(fresh);
        for id in &changed {
            self.tell_silence(*id);
        }
        self.changes.extend(changed.into_iter().map(Change::Silence));
        self.arm_records(cx.now);
        Ok(id)
    }

    /// Expires a silence; one that has expired stays as it is.
    pub fn handle_expire_silence(&mut self, now: Now, id: SilenceId) -> Result<(), SilenceError> {
        if self.silences.expire(id, now.wall)? {
            self.tell_silence(id);
            self.changes.push(Change::Silence(id));
        }
        Ok(())
    }

    fn tell_silence(&self, id: SilenceId) {
        let Some(silence) = self.silences.get(id) else { return };
        let level = if self.options.log_silences { Level::Info } else { Level::Debug };
        let (matchers, by) = (&silence.matchers, &silence.created_by);
        let (from, to) = (silence.starts_at, silence.ends_at);
        log!(level, "silence {id} of {by:?}: {matchers} from {from} to {to}");
    }

    /// Runs everything that is due.
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        while let Some(timer) = self.timers.pop(cx.now.mono) {
            match timer {
                Timer::Alerts => self.sweep_alerts(cx.now),
                Timer::Claim(id, at) => self.handle_claim(cx, id, at),
                Timer::Delivery(id, at) => self.handle_delivery(cx, id, at),
                Timer::Flush(id) => self.flush(cx, id),
                Timer::Groups => self.sweep_groups(),
                Timer::Records => self.sweep_records(cx.now),
            }
        }
    }

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
                let id =
                    if joins { self.group_for(cx.now, route, fingerprint) } else { GroupId(0) };
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

    // Getters.

    /// When [`Core::handle_timeout`] wants to be called next.
    pub fn next_timeout(&self) -> Option<Mono> {
        self.timers.next()
    }

    /// What has changed since this was last asked.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// The config it runs with.
    pub const fn config(&self) -> &Rc<Config> {
        &self.config
    }

    /// The options it runs with.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// The alert table.
    pub const fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// The groups.
    pub const fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The routing tree.
    pub const fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The silences.
    pub const fn silences(&self) -> &Silences {
        &self.silences
    }

    /// The notification log.
    pub const fn nflog(&self) -> &Nflog {
        &self.nflog
    }

    /// The counters.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Why an alert would not be notified now.
    pub fn muted(&self, now: Wall, fingerprint: Fingerprint) -> Muted {
        let Some(entry) = self.alerts.get(fingerprint) else { return Muted::default() };
        let labels = &entry.alert.labels;
        Muted {
            silenced_by: self.silences.muting(labels, &entry.memo, now),
            inhibited_by: self.inhibitor.source(labels, &self.alerts, now).into_iter().collect(),
        }
    }
}

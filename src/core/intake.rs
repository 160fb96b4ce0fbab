//! Reports come in: each is checked, stored and brought to its groups.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use log::{debug, warn};

use crate::core::behind::{self, Behind, LateReport, Taken};
use crate::core::group::{self, GROUP_STEPS};
use crate::core::place::Placing;
use crate::core::route::{Route, RouteId};
use crate::core::which::GroupId;
use crate::core::{Change, Core, alerts};
use crate::limits::{
    GROUPS_BYTES_MAX, GROUPS_MAX, HTTP_ERROR_BYTES_MAX, MEMBERSHIPS_MAX, OWN_GROUPS_MAX,
    PIECE_STEPS, WARN_INTERVAL,
};
use crate::model::{Alert, Brief, Fingerprint, GroupKey, Labels, Report, Word};
use crate::time::{Now, Wall};

/// The steps to take in a report, its texts, routes and groups aside.
const REPORT_STEPS: u64 = 1_000;

/// The steps to look whether a known alert is in one of its groups.
const JOIN_STEPS: u64 = 50;

/// The steps to look what is owed of an end to an integration.
const OWED_END_STEPS: u64 = 500;

/// When nothing was refused for so long, what is refused then is news.
const REFUSED_FOR: Duration = Duration::from_secs(3600);

/// Whether work that is done in pieces is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is.
    Done,
    /// There is more to do.
    More,
}

/// The result of the reports of one post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intake {
    /// The errors of those that were not taken, in Alertmanager's words: as much of it as an answer tells.
    pub invalid: Vec<String>,
    /// How many were not taken because a table is full; their sender should come again.
    pub refused: usize,
    /// The last of those that had ended when they came, if any: of an alert that nobody knew, or taken to fire.
    pub late: Option<LateReport>,
}

impl Intake {
    /// Keeps what is wrong with a report, unless there is more already than an answer tells.
    fn note(&mut self, fault: String) {
        let told: usize = self.invalid.iter().map(String::len).sum();
        if told < HTTP_ERROR_BYTES_MAX {
            self.invalid.push(fault);
        }
    }
}

/// The sender of an alert that is brought to its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// A client of this node, or this node itself.
    Client,
    /// Another member of the flock.
    Member,
}

impl Core {
    /// Takes a report of our own: there is room for it, however full the tables are.
    pub fn handle_own_report(&mut self, now: Now, report: &Report<'_>) {
        let fingerprint = alerts::fingerprint(report);
        let ends_at = self.end_of(report, now);
        let alert = self.alerts.read(fingerprint, report, now.wall, ends_at);
        self.put_alert(now, fingerprint, alert, OWN_GROUPS_MAX, &mut 0);
        self.hasten_heartbeats(now.mono);
    }

    /// Takes note that a post of `what` was refused, whole or in part: counted if it was one of alerts, and said in the log when it
    /// begins and ever more rarely while it goes on, for a broken script posts each minute.
    pub fn handle_refused(
        &mut self,
        now: Now,
        (sender, what): (Option<IpAddr>, &'static str),
        whole: bool,
        why: &str,
    ) {
        if whole && what == "alerts" {
            self.stats.invalid += 1;
        }
        if self.refused.get(&what).is_some_and(|it| now.mono.since(it.last) >= REFUSED_FOR) {
            self.refused.end(&what, now.mono);
        }
        let from = sender.map_or_else(String::new, |sender| format!(" from {sender}"));
        match self.refused.strike(&what, why, now) {
            Some((Word::Begins, _)) => warn!("a post of {what}{from} was refused: {}", Brief(why)),
            Some((Word::Lasts, it)) => {
                let (times, age) = (it.times, it.age(now.mono));
                let why = Brief(why);
                warn!("{times} posts of {what} were refused in {age}, the last{from}: {why}");
            }
            None => debug!("a post of {what}{from} was refused: {}", Brief(why)),
        }
    }

    /// Takes the reports of one post, those that are valid.
    pub fn handle_reports(&mut self, now: Now, reports: &[Report<'_>]) -> Intake {
        // Alerts that take long to compare are left for later, also if many take long together.
        let (mut intake, mut steps) = (Intake::default(), 0);
        for report in reports {
            self.take_report(now, report, &mut intake, &mut steps);
        }
        intake
    }

    /// Takes reports for as long as [`PIECE_STEPS`] take, and adds to `intake` what became of them.
    pub fn handle_some_reports<'a>(
        &mut self,
        now: Now,
        reports: &mut impl Iterator<Item = Report<'a>>,
        intake: &mut Intake,
    ) -> Progress {
        let mut steps = 0;
        while steps < PIECE_STEPS {
            let Some(report) = reports.next() else { return Progress::Done };
            steps += REPORT_STEPS + report.bytes() as u64 + 100 * report.pairs() as u64;
            self.take_report(now, &report, intake, &mut steps);
        }
        Progress::More
    }

    /// Takes one report, if it is valid.
    fn take_report(&mut self, now: Now, report: &Report<'_>, intake: &mut Intake, steps: &mut u64) {
        if let Some(fault) = alerts::fault(report, self.end_of(report, now), self.options.grammar) {
            self.stats.invalid += 1;
            intake.note(fault);
            return;
        }
        let fingerprint = alerts::fingerprint(report);
        if !self.alerts.has_room_for(fingerprint, 0)
            || !self.alerts.has_room_for_text(fingerprint, report)
        {
            self.stats.refused += 1;
            intake.refused += 1;
            return;
        }
        let is_late = behind::is_late(report, now);
        let is_new = is_late && self.alerts.get(fingerprint).is_none();
        let taken = self.taken(now, fingerprint, report, is_late);
        if is_late && (is_new || matches!(taken, Taken::Fires(..))) {
            self.stats.late += 1;
            intake.late = Some(LateReport::new(report, now, !is_new));
        }
        let report = match taken {
            Taken::AsSaid => Cow::Borrowed(report),
            Taken::Repeats => {
                self.stats.received_firing += 1;
                self.meet_by(now, &labels_of(report), steps);
                return;
            }
            taken => Cow::Owned(behind::as_taken(report, taken, now.wall)),
        };
        let ends_at = self.end_of(&report, now);
        let alert = self.alerts.read(fingerprint, &report, now.wall, ends_at);
        if alert.resolved(now.wall) {
            self.stats.received_resolved += 1;
        } else {
            self.stats.received_firing += 1;
            self.meet_by(now, &alert.labels, steps);
        }
        if self.over_name_limit(now, fingerprint, &alert) {
            self.stats.limited += 1;
            return;
        }
        if !self.put_alert(now, fingerprint, alert, 0, steps) {
            self.stats.refused += 1;
            intake.refused += 1;
        }
        if is_late
            && is_new
            && let (Some(entry), Some(ends_at)) = (self.alerts.get_mut(fingerprint), report.ends_at)
        {
            entry.behind = Some(Box::new(Behind::new(ends_at, now)));
        }
    }

    /// How a report is to be taken: by its word, unless its sender's clock is known to be behind.
    fn taken(
        &mut self,
        now: Now,
        fingerprint: Fingerprint,
        report: &Report<'_>,
        is_late: bool,
    ) -> Taken {
        let Some(entry) = self.alerts.get_mut(fingerprint) else { return Taken::AsSaid };
        let Some(ends_at) = report.ends_at.filter(|_| is_late) else {
            // Its clock was set.
            entry.behind = None;
            return Taken::AsSaid;
        };
        if entry.behind.is_none() {
            entry.behind = Behind::marked(&entry.alert, ends_at, now).map(Box::new);
        }
        entry.behind.as_mut().map_or(Taken::AsSaid, |behind| behind.hear(ends_at, now))
    }

    /// The end that a report has or is given: as in Alertmanager, an alert without an end ends after `resolve_timeout`.
    fn end_of(&self, report: &Report<'_>, now: Now) -> Wall {
        report.ends_at.unwrap_or(now.wall + self.config.global.resolve_timeout)
    }

    fn over_name_limit(&mut self, now: Now, fingerprint: Fingerprint, alert: &Alert) -> bool {
        let limit = self.options.alerts_per_name_max;
        let name = alert.labels.get("alertname").unwrap_or("");
        let over =
            limit > 0 && self.alerts.get(fingerprint).is_none() && self.alerts.named(name) >= limit;
        if over && self.limit_warned.is_none_or(|at| now.mono.since(at) >= WARN_INTERVAL) {
            self.limit_warned = Some(now.mono);
            let name = Brief(name);
            warn!(
                "an alert is dropped: {limit} alerts named {name} are known, which is --alerts.per-alertname-limit; alertmanager_alerts_limited_total counts what is dropped from now on"
            );
        }
        over
    }

    /// Takes in an alert and brings it to its groups, of which there may be `spare` more than others may make. Returns
    /// whether there was room for them, and adds what it took to `steps`.
    pub(super) fn put_alert(
        &mut self,
        now: Now,
        fingerprint: Fingerprint,
        alert: Alert,
        spare: usize,
        steps: &mut u64,
    ) -> bool {
        let bytes = alert.bytes();
        let change = self.alerts.put(fingerprint, alert, now.wall);
        let is_new = change == alerts::ReportOutcome::New;
        let admitted = self.admit(now, (fingerprint, Sender::Client), is_new, spare, steps);
        // A new one that found no room has left the table.
        let is_known = admitted || self.alerts.get(fingerprint).is_some();
        if change != alerts::ReportOutcome::None && is_known {
            let lease = change == alerts::ReportOutcome::Lease;
            self.changes.push(Change::Alert { fingerprint, lease });
            if !is_new {
                self.keep_debts(now, fingerprint);
            }
            if !lease {
                let to = self.turns.flock.others.len();
                self.travels.begin(now.mono, fingerprint, bytes, to);
            }
            if is_new || change == alerts::ReportOutcome::Turned {
                self.note_turned(fingerprint);
            }
        }
        admitted
    }

    /// Brings an alert of the table to its groups. Returns whether there was room for them; a new alert that finds none
    /// leaves the table. Adds what it took to `steps`.
    pub(super) fn admit(
        &mut self,
        now: Now,
        (fingerprint, sender): (Fingerprint, Sender),
        new: bool,
        spare: usize,
        steps: &mut u64,
    ) -> bool {
        if !new {
            let Some(entry) = self.alerts.get(fingerprint) else { return true };
            *steps += JOIN_STEPS * entry.groups.len() as u64 + self.debt_steps(now, entry);
            let joins = sender == Sender::Client
                || self.is_news(now, fingerprint, &self.routes_of(fingerprint));
            return !joins || self.rejoin_groups(now, (fingerprint, sender), spare);
        }
        let Some(labels) = self.alerts.get(fingerprint).map(|it| it.alert.labels.clone()) else {
            return true;
        };
        let (mut placing, mut own) = (Placing::default(), 0);
        let to = (&self.routes, &mut self.inhibitor);
        let routes = placing.go_on(to, (fingerprint, &labels), &mut own, PIECE_STEPS);
        *steps += own;
        let Some(routes) = routes else {
            self.late.put(fingerprint, placing, sender);
            self.arm_alerts(now);
            return true;
        };
        let has_room = self.has_room_for_groups(&routes, &labels, spare);
        let has_sources = !self.inhibitor.is_overfull() || spare > 0;
        if !has_room || !has_sources {
            self.inhibitor.remove(fingerprint);
            self.alerts.remove(fingerprint);
            return false;
        }
        *steps += GROUP_STEPS * routes.len() as u64;
        let joins = sender == Sender::Client || self.is_news(now, fingerprint, &routes);
        let groups = routes
            .into_iter()
            .map(|route| {
                let id = if joins {
                    self.group_for(now, route, fingerprint, sender == Sender::Member)
                } else {
                    None
                };
                (route, id)
            })
            .collect();
        self.alerts.set_groups(fingerprint, groups);
        self.arm_alerts(now);
        true
    }

    /// The steps to look what is owed of an alert to all integrations that it goes to: of its end alone.
    fn debt_steps(&self, now: Now, entry: &alerts::AlertEntry) -> u64 {
        let groups = if entry.alert.resolved(now.wall) { &*entry.groups } else { &[] };
        let receivers = groups.iter().map(|(route, _)| &self.routes.get(*route).receiver);
        receivers.map(|it| OWED_END_STEPS * it.integrations.len() as u64).sum()
    }

    /// The routes of a known alert; none as long as they are not found.
    fn routes_of(&self, fingerprint: Fingerprint) -> Vec<RouteId> {
        let groups = self.alerts.get(fingerprint).into_iter().flat_map(|entry| &entry.groups);
        groups.map(|(route, _)| *route).collect()
    }

    /// Whether there is room for the groups that an alert of these labels may need, were they all new.
    fn has_room_for_groups(&self, routes: &[RouteId], labels: &Labels, spare: usize) -> bool {
        let has_places = self.groups.len() + routes.len() <= GROUPS_MAX + spare;
        let has_rest =
            || self.has_memberships_for(routes) && self.has_bytes_for_groups(routes, labels);
        has_places && (spare > 0 || has_rest())
    }

    /// Whether an alert may end at these routes, besides all others at theirs.
    pub(super) fn has_memberships_for(&self, routes: &[RouteId]) -> bool {
        self.alerts.memberships() + routes.len() <= MEMBERSHIPS_MAX
    }

    /// Whether there is room for the keys and labels of the groups that an alert of these labels may need.
    pub(super) fn has_bytes_for_groups(&self, routes: &[RouteId], labels: &Labels) -> bool {
        let left = GROUPS_BYTES_MAX.saturating_sub(self.groups.bytes());
        let routes = || routes.iter().map(|route| self.routes.get(*route));
        // A byte is quoted with four at most.
        let each = 4 * labels.bytes() + 64 * labels.len();
        let most: usize = routes().map(|route| route.key.len() + each).sum();
        let needed = || -> usize {
            let cost = |route: &Route| {
                let labels = route.group_labels(labels);
                group::cost(&GroupKey::new(&route.key, &labels), &labels)
            };
            routes().map(cost).sum()
        };
        most <= left || needed() <= left
    }

    /// Brings a known alert back to the groups that it left when it ended, or that have gone. Returns whether there was
    /// room for them.
    pub(super) fn rejoin_groups(
        &mut self,
        now: Now,
        (fingerprint, sender): (Fingerprint, Sender),
        spare: usize,
    ) -> bool {
        let Some(entry) = self.alerts.get(fingerprint) else { return true };
        let is_in = |id: GroupId| self.groups.get(id).map(|it| it.alerts.contains(&fingerprint));
        if entry.groups.iter().all(|(_, id)| id.and_then(is_in) == Some(true)) {
            return true;
        }
        for place in 0..entry.groups.len() {
            let Some((route, id)) =
                self.alerts.get(fingerprint).and_then(|entry| entry.groups.get(place).copied())
            else {
                return true;
            };
            if let Some(group) = id.and_then(|id| self.groups.get_mut(id)) {
                if group.alerts.insert(fingerprint)
                    && let Some(id) = id
                {
                    self.note_waiting(now, id);
                }
                continue;
            }
            let is_full = self.groups.bytes() > GROUPS_BYTES_MAX && spare == 0;
            if self.groups.len() >= GROUPS_MAX + spare || is_full {
                return false;
            }
            let id = self.group_for(now, route, fingerprint, sender == Sender::Member);
            if let Some(member) =
                self.alerts.get_mut(fingerprint).and_then(|entry| entry.groups.get_mut(place))
            {
                member.1 = id;
            }
        }
        true
    }
}

fn labels_of(report: &Report<'_>) -> Labels {
    report.labels.iter().map(|(name, value)| (&**name, &**value)).collect()
}

//! Owed: what a receiver was not told because it was not reached.
//!
//! The state of a group is tried again at each of its flushes, and the newest wins. But an alert that fires and ends while
//! nothing gets through would never be told of. So a delivery that fails leaves a [`Debt`]: alerts of its group that end
//! after the flush before it, and of which the receiver never heard, stay in the group and are told once, marked as late, as soon as
//! something gets through. The alerts themselves are the spool; a debt is a short record, written to flash together with
//! the end of the first alert that it keeps, so it costs no commit of its own. If that end comes while the first attempt is
//! under way, the debt is written too, and dropped when the attempt succeeds: the power may be cut before it ends.
//!
//! Every member of a flock has the alerts, and fails or waits in vain like the others: each notes the debt for itself, and
//! the log entry of the sender ends it on all.
//!
//! `hidden` has the alerts that are not owed because they were muted. `bounds` sees to how much is kept, by a sweep over the
//! `spool`, and `cut` counts the rest. `drop` is for users.

mod bounds;
mod cut;
mod drop;
mod hidden;
mod spool;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;
use std::time::Duration;

pub use drop::OwedDrop;

use crate::box_map::BoxMap;
use crate::core::deliver::content::Content;
use crate::core::deliver::delivery::Delivery;
use crate::core::deliver::flushing::Flush;
use crate::core::deliver::logging::log_key;
use crate::core::deliver::owed::spool::Sweep;
use crate::core::deliver::reach;
use crate::core::deliver::reach::IntegrationKey;
use crate::core::step::Step;
use crate::core::timers::Timer;
use crate::core::which::{GroupId, Which};
use crate::core::{Change, Core};
use crate::limits::OWED_MAX;
use crate::model::{Alert, Fingerprint, LogEntry, LogKey};
use crate::notify;
use crate::time::{Now, Wall};

/// Between two looks at whether the bounds are kept.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The steps to find the group of a debt.
const DEBT_STEPS: u64 = 200;

/// The notification of one group that is owed to one integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debt {
    /// The group, and the integration that is owed.
    pub key: LogKey,
    /// Alerts that ended after this time are told, though they no longer fire.
    pub since: Wall,
    /// Alerts that the bounds have cut.
    pub cut: u64,
    /// Whether an attempt has failed; else the first one is under way.
    is_due: bool,
    /// Whether the integration is told of alerts that came and went: one that opens incidents and closes them is not.
    tells_ended: bool,
    /// Its counts as flash has them, if it has the debt.
    kept: Option<(u64, u64)>,
    /// How many alerts came and went, as the last sweep has found it.
    late: u64,
}

/// A debt as the API shows it.
#[derive(Debug)]
pub struct DebtView<'a> {
    /// The debt.
    pub debt: &'a Debt,
    /// Alerts that came and went.
    pub late: usize,
    /// When the receiver is tried again at the earliest, if it has failed for long.
    pub wait: Option<Duration>,
}

/// The debts, by [`LogKey::id`].
#[derive(Debug, Default)]
pub struct Owed {
    debts: BoxMap<u128, Debt>,
    /// Alerts that were cut of debts that are no more, or for which there was no room: no more integrations than are configured.
    cut_before: BoxMap<IntegrationKey, u64>,
    /// Whether a config was taken since the last sweep, so that groups may be others.
    is_reloaded: bool,
    /// The sweep that is under way, or is to begin.
    sweep: Sweep,
}

impl Owed {
    /// The debt of this [`LogKey::id`].
    pub fn find(&self, id: u128) -> Option<&Debt> {
        self.debts.get(&id)
    }

    /// The same, if an attempt has failed.
    fn due(&self, id: u128) -> Option<&Debt> {
        self.find(id).filter(|debt| debt.is_due)
    }

    /// The first debt after another.
    fn next_after(&self, after: Option<u128>) -> Option<(u128, &Debt)> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.debts.range((first, Bound::Unbounded)).next().map(|(id, debt)| (*id, debt))
    }

    /// Every debt that flash is to have.
    pub fn kept(&self) -> impl Iterator<Item = &Debt> {
        self.debts.values().filter(|debt| debt.kept.is_some())
    }

    /// The number of debts.
    pub fn len(&self) -> usize {
        self.debts.len()
    }

    /// Whether nothing is owed.
    pub fn is_empty(&self) -> bool {
        self.debts.is_empty()
    }

    /// Moves all times along when the clock steps.
    pub(in crate::core) fn step(&mut self, step: Step) {
        self.debts.values_mut().for_each(|debt| debt.since = step.time(debt.since));
    }
}

impl Core {
    /// The owed notifications.
    pub const fn owed(&self) -> &Owed {
        &self.owed
    }

    /// Every debt, with what came and went meanwhile.
    pub fn debts(&self, now: Now) -> impl Iterator<Item = DebtView<'_>> {
        // One group may owe several integrations.
        let mut ended = BTreeMap::new();
        self.owed.debts.values().filter(|debt| debt.is_due).map(move |debt| {
            let group = self.groups.find_key(&debt.key.group);
            let ended =
                group.map(|id| ended.entry(id).or_insert_with(|| self.ended_in(id, now.wall)));
            let late = ended.map_or(0, |ended| self.missed_of(debt, ended, now.wall).count());
            let until = self.backoff.until(&reach::key(&debt.key));
            let wait = until.map(|until| until.since(now.mono)).filter(|wait| !wait.is_zero());
            DebtView { debt, late, wait }
        })
    }

    /// Notes a debt for a delivery that was not told, and for each that its digest carried.
    pub(in crate::core) fn owe(&mut self, now: Now, which: Which) {
        let carried = self.delivery(which).map(|it| it.carries.clone()).unwrap_or_default();
        for which in std::iter::once(which).chain(carried) {
            self.owe_one(now, which);
        }
    }

    fn owe_one(&mut self, now: Now, (id, at): Which) {
        let Some(flush) = self.flush_of(id) else { return };
        let tick = flush.tick.wall;
        let Some(key) = flush.deliveries.get(at).map(|it| it.key.clone()) else { return };
        let since = self.since(id, &key, tick);
        let is_due = self.owes(&key);
        if let Some(debt) = self.owed.debts.get_mut(&key.id()) {
            debt.is_due = true;
        } else if self.owed.len() < OWED_MAX {
            self.owed.debts.insert(key.id(), Debt::new(key.clone(), since));
        }
        if !is_due && self.owes(&key) {
            self.prolong_log(now, &key, &mut 0);
        }
        self.arm_owed(now);
    }

    /// The end of what an integration was told of by the flushes before `tick`: the alerts that ended later are news to it.
    fn since(&self, id: GroupId, key: &LogKey, tick: Wall) -> Wall {
        let interval = self.groups.get(id).map(|group| self.routes.get(group.route).group_interval);
        let before = tick - interval.unwrap_or_default();
        self.nflog.get(key, tick).map_or(before, |log| log.timestamp.max(before).min(tick))
    }

    /// Ends the debt of a delivery that was refused before any attempt failed: it is not owed.
    pub(in crate::core) fn owe_nothing(&mut self, key: &LogKey) {
        if self.owed.due(key.id()).is_none() {
            self.end_debt(key);
        }
    }

    pub(in crate::core) fn arm_owed(&mut self, now: Now) {
        self.timers.set_if_idle(Timer::Owed, now.mono + SWEEP_INTERVAL);
    }

    /// Whether an integration is owed something of a group.
    pub(in crate::core) fn owes(&self, key: &LogKey) -> bool {
        self.owed.due(key.id()).is_some()
    }

    /// Takes back a debt that flash has kept. Its group may have gone with another config, which is looked at soon.
    pub fn restore_debt(&mut self, now: Now, key: LogKey, since: Wall, (cut, late): (u64, u64)) {
        if self.owed.len() < OWED_MAX {
            let debt = Debt { cut, late, kept: Some((cut, late)), ..Debt::new(key, since) };
            self.owed.debts.insert(debt.key.id(), debt);
            self.owed.is_reloaded = true;
            self.timers.set(Timer::Owed, now.mono);
        }
    }

    /// The alerts of a delivery that came and went without the receiver's hearing of them, sorted.
    pub(in crate::core) fn missed(
        &self,
        key: &LogKey,
        content: &Content,
        now: Wall,
    ) -> Vec<Fingerprint> {
        let Some(debt) = self.owed.due(key.id()) else { return Vec::new() };
        let known = self.nflog.get(key, now);
        let hidden = self.hidden_in(&key.group);
        let ended = content.alerts.iter().filter(|it| it.resolved);
        let ended = ended.filter(|it| !self.is_hidden(hidden, it.fingerprint));
        let missed = ended.filter(|it| debt.keeps(&it.alert, it.fingerprint, known));
        let mut missed: Vec<Fingerprint> = missed.map(|it| it.fingerprint).collect();
        missed.sort_unstable();
        missed
    }

    /// The ended alerts of a delivery, sorted, without those of which its receiver has not heard and does not hear, because they
    /// ended before this node owed anything: another member may owe them, and is not to take them for told.
    pub(in crate::core) fn ends_to_tell(
        &self,
        key: &LogKey,
        content: &Content,
        now: Wall,
    ) -> Rc<[Fingerprint]> {
        let debt = self.owed.due(key.id()).filter(|debt| debt.tells_ended);
        let Some(debt) = debt else { return Rc::clone(&content.resolved) };
        let known = self.nflog.get(key, now);
        let is_known = |it: &Fingerprint| {
            known.is_some_and(|log| {
                [&log.firing, &log.resolved].iter().any(|all| all.binary_search(it).is_ok())
            })
        };
        let hidden = self.hidden_in(&key.group);
        let ended = content.alerts.iter().filter(|it| it.resolved);
        let told = ended.filter(|it| {
            it.alert.ends_at > debt.since
                || is_known(&it.fingerprint)
                || self.is_hidden(hidden, it.fingerprint)
        });
        let mut told: Vec<Fingerprint> = told.map(|it| it.fingerprint).collect();
        told.sort_unstable();
        told.into()
    }

    /// A flush begins anew. Where an alert has ended that it was to tell as firing, the debt is due: the receiver would not hear
    /// of it at all.
    pub(in crate::core) fn owe_ends(&mut self, now: Now, flush: &Flush) {
        for delivery in flush.deliveries.iter().filter(|it| it.state.is_open()) {
            let key = &delivery.key;
            let has_ended = |it: &Fingerprint| !self.alerts.fires(*it, now.wall);
            if !delivery.content.firing.iter().any(has_ended) {
                continue;
            }
            if let Some(debt) = self.owed.debts.get_mut(&key.id()) {
                debt.is_due = true;
                self.prolong_log(now, key, &mut 0);
            }
        }
    }

    /// The alerts of a group that have ended.
    fn ended_in(&self, id: GroupId, now: Wall) -> Vec<Fingerprint> {
        let alerts = self.groups.get(id).into_iter().flat_map(|group| &group.alerts).copied();
        let is_ended =
            |it: &Fingerprint| self.alerts.get(*it).is_some_and(|it| it.alert.resolved(now));
        alerts.filter(is_ended).collect()
    }

    /// Those of the ended alerts of a debt's group that are owed.
    fn missed_of<'a>(
        &'a self,
        debt: &'a Debt,
        ended: &'a [Fingerprint],
        now: Wall,
    ) -> impl Iterator<Item = Fingerprint> + 'a {
        let (known, hidden) = (self.nflog.get(&debt.key, now), self.hidden_in(&debt.key.group));
        let is_kept = move |it: &Fingerprint| {
            self.alerts.get(*it).is_some_and(|entry| debt.keeps(&entry.alert, *it, known))
                && !self.is_hidden(hidden, *it)
        };
        ended.iter().copied().filter(is_kept)
    }

    /// Whether an end that another member tells of is owed to an integration.
    pub(in crate::core) fn owes_end(
        &self,
        key: &LogKey,
        fingerprint: Fingerprint,
        now: Wall,
    ) -> bool {
        let debt = self.owed.due(key.id());
        debt.is_some_and(|debt| self.missed_of(debt, &[fingerprint], now).next().is_some())
    }

    /// Has flash keep the debts of the groups of an alert that was known to fire, and has ended: those that are due, and those
    /// that would be if the power was cut now.
    pub(in crate::core) fn keep_debts(&mut self, now: Now, fingerprint: Fingerprint) {
        let Some(entry) = self.alerts.get(fingerprint) else { return };
        if !entry.alert.resolved(now.wall) {
            return;
        }
        let started = entry.alert.starts_at;
        let (mut known, mut begun) = (Vec::new(), Vec::new());
        let groups = entry.groups.iter().filter_map(|(_, id)| *id);
        for (id, group) in groups.filter_map(|id| Some((id, self.groups.get(id)?))) {
            let route = self.routes.get(group.route);
            if !self.owed.is_empty() {
                known.extend(self.log_keys(&group.key, group.route));
            }
            // After a restart it may end before its group is flushed again; what was not told before is owed.
            if !group.flushed && started + route.group_wait < now.wall {
                // One that was told of the group a moment ago would have been told of it in time.
                let lately = now.wall - route.group_interval * 2;
                let is_reached = |key: &LogKey| {
                    self.nflog.get(key, now.wall).is_some_and(|it| it.timestamp > lately)
                };
                let receiver = &route.receiver;
                let all = receiver.integrations.iter();
                let unflushed = all.map(|it| log_key(group.key.clone(), receiver, it));
                let unflushed = unflushed.filter(|key| !is_reached(key));
                begun.extend(unflushed.map(|key| Debt::new(key, started)));
            }
            if let Some(flush) = &group.flush {
                let open = flush.deliveries.iter().filter(|it| it.state.is_open());
                let under_way = |it: &Delivery| {
                    let since = self.since(id, &it.key, flush.tick.wall);
                    Debt { is_due: false, ..Debt::new(it.key.clone(), since) }
                };
                begun.extend(open.map(under_way));
            }
        }
        for key in known {
            let debt = self.owed.debts.get_mut(&key.id());
            if let Some(debt) = debt.filter(|it| it.kept.is_none() && it.tells_ended) {
                debt.kept = Some(debt.counts());
                self.changes.push(Change::Owed(key));
            }
        }
        for debt in begun.into_iter().filter(|it| it.tells_ended) {
            let id = debt.key.id();
            if !self.owed.debts.contains_key(&id) && self.owed.len() < OWED_MAX {
                self.changes.push(Change::Owed(debt.key.clone()));
                self.owed.debts.insert(id, Debt { kept: Some((0, 0)), ..debt });
                self.arm_owed(now);
            }
        }
    }

    /// Ends the debts of deliveries that have nothing more to tell.
    pub(in crate::core) fn settle(&mut self, id: GroupId, told: &[LogKey], now: Wall) {
        let owes = |key: &&LogKey| self.owed.find(key.id()).is_some();
        let told: Vec<&LogKey> = told.iter().filter(owes).collect();
        let ended = if told.is_empty() { Vec::new() } else { self.ended_in(id, now) };
        for key in told {
            let Some(debt) = self.owed.find(key.id()) else { continue };
            if !debt.is_due || self.missed_of(debt, &ended, now).next().is_none() {
                self.end_debt(key);
                self.owed.sweep.note_told(&key.receiver);
            }
        }
    }

    /// A config was taken, so that groups may be others: a sweep over the debts begins at once.
    pub(in crate::core) fn look_at_debts_anew(&mut self, now: Now) {
        let routes = &self.routes;
        self.owed.cut_before.retain(|key, _| routes.receiver(&key.0).is_some());
        if !self.owed.is_empty() {
            (self.owed.is_reloaded, self.owed.sweep) = (true, Sweep::default());
            self.timers.set(Timer::Owed, now.mono);
        }
    }

    fn end_debt(&mut self, key: &LogKey) {
        if self.owed.debts.remove(&key.id()).is_some_and(|debt| debt.kept.is_some()) {
            self.changes.push(Change::Owed(key.clone()));
        }
    }
}

impl Debt {
    /// The debt of a delivery that has failed.
    fn new(key: LogKey, since: Wall) -> Self {
        let tells_ended = !notify::has_incidents(&key.integration);
        Self { key, since, cut: 0, is_due: true, tells_ended, kept: None, late: 0 }
    }

    /// How many alerts were cut, and how many came and went.
    pub const fn counts(&self) -> (u64, u64) {
        (self.cut, self.late)
    }

    /// Whether it keeps an alert that has ended: it ended since, and the receiver never heard of it.
    fn keeps(&self, alert: &Alert, fingerprint: Fingerprint, known: Option<&LogEntry>) -> bool {
        let is_in = |some: &[Fingerprint]| some.binary_search(&fingerprint).is_ok();
        let is_told = known.is_some_and(|it| {
            // One that the receiver knows to have ended may have fired again. An end that is posted again does not say that.
            let fired_again = alert.starts_at > it.timestamp && alert.starts_at < alert.ends_at;
            is_in(&it.firing) || (is_in(&it.resolved) && !fired_again)
        });
        self.tells_ended && alert.ends_at > self.since && !is_told
    }
}

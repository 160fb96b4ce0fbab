//! The alerting mind: a file a table or a rule, in pipeline order. The control flow lives here and in
//! [`deliver::flush`].

mod acknowledge;
pub mod alerts;
pub mod behind;
mod bits;
pub mod clock;
pub mod deliver;
pub mod expect;
mod fill;
pub mod group;
pub mod heartbeat;
pub mod index;
pub mod inhibit;
mod intake;
pub mod intervals;
mod muted;
pub mod nflog;
pub mod pending;
mod place;
mod policy;
mod quiet;
mod reload;
pub mod replica;
pub mod restore;
pub mod route;
mod route_labels;
pub mod silences;
pub mod stats;
pub mod step;
mod sweep;
mod targets;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod timers;
mod travel;
pub mod which;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use log::{Level, log};

pub use intake::{Intake, Progress};
pub use policy::Policy;
pub use reload::{NoRoom, Reload};

use crate::box_map::BoxMap;
use crate::config::Config;
use crate::core::acknowledge::Acknowledgements;
use crate::core::alerts::Alerts;
use crate::core::clock::Watch;
use crate::core::deliver::backoff::Backoff;
use crate::core::deliver::failing::Failing;
use crate::core::deliver::history::History;
use crate::core::deliver::kept::Kept;
use crate::core::deliver::machine::Input;
use crate::core::deliver::owed::Owed;
use crate::core::deliver::places::Places;
use crate::core::deliver::rate_limit::Budgets;
use crate::core::deliver::reach::Reach;
use crate::core::deliver::turn::Turns;
use crate::core::expect::Expected;
use crate::core::fill::{Filling, Late};
use crate::core::group::Groups;
use crate::core::heartbeat::Heartbeats;
use crate::core::inhibit::Inhibitor;
use crate::core::nflog::Nflog;
use crate::core::restore::GroupTimers;
use crate::core::route::Routes;
use crate::core::silences::{SilenceDraft, SilenceError, SilenceRules, Silences};
use crate::core::stats::Stats;
use crate::core::timers::{Timer, Timers};
use crate::core::travel::Travels;
use crate::core::which::{GroupId, Which};
use crate::effect::Cx;
use crate::limits::PIECE_STEPS;
use crate::model::matcher::Grammar;
use crate::model::{Fingerprint, Labels, LogKey, SilenceId, Troubles};
use crate::time::{Mono, Now, Wall};

/// The steps to run a timer, comparisons aside.
const TIMER_STEPS: u64 = 5_000;

/// The steps to flush an alert of a group.
const FLUSHED_STEPS: u64 = 750;

/// The flags of alerting.
#[derive(Clone, Debug)]
pub struct Options {
    /// The URL under which users reach this node, without a trailing slash.
    pub external_url: Arc<str>,
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
    /// This node's name while it is in no flock.
    pub name: Arc<str>,
    /// How matchers and label names are read.
    pub grammar: Grammar,
    /// `--alerts.own`: whether receivers that fail, members that are down and peers with another key are alerts.
    pub own_alerts: bool,
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
            name: "".into(),
            grammar: Grammar::default(),
            own_alerts: true,
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
    /// An alert has expired, and a receiver was notified of its end. Flash stores this, or the alert would fire again after a
    /// restart. The log entries of others say what they are still to be told.
    AlertEnded {
        /// Which.
        fingerprint: Fingerprint,
        /// Whether this node has told it: then it tells the flock, where a member that has just restarted may still
        /// wait for the lease to end.
        told: bool,
    },
    /// A sign of life came or was told.
    Beat {
        /// `expect/backup`, `heartbeat/office`.
        name: Arc<str>,
        /// When.
        at: Wall,
        /// Whence it came, or the word that was told.
        said: Arc<str>,
        /// Between two of them.
        period: Duration,
    },
    /// A turn was claimed or given up, or this node says that it still holds turns.
    Claim {
        /// Whose turn: [`LogKey::id`], or [`turn::pulse_key`] of this node.
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
        path: Arc<str>,
        /// The labels its alerts shared.
        labels: Labels,
    },
    /// A log entry was written or dropped.
    Log(LogKey),
    /// The owed notification of an integration and a group has changed, or is settled.
    Owed(LogKey),
    /// A silence was set, expired or dropped.
    Silence(SilenceId),
}

/// The tables and their rules.
#[derive(Debug)]
pub struct Core {
    config: Arc<Config>,
    options: Options,
    started: Mono,
    watch: Watch,
    routes: Routes,
    alerts: Alerts,
    groups: Groups,
    inhibitor: Inhibitor,
    silences: Silences,
    /// Those that the config declares, whether or not they mute now.
    declared: BTreeSet<SilenceId>,
    acknowledgements: Acknowledgements,
    nflog: Nflog,
    timers: Timers,
    places: Places,
    budgets: Budgets,
    kept: Kept,
    turns: Turns,
    reach: Reach,
    failing: Failing,
    backoff: Backoff,
    owed: Owed,
    expected: Expected,
    heartbeats: Heartbeats,
    /// Members from which turns were taken over since this was last asked.
    doubted: Vec<u64>,
    /// The deliveries that are open, by their turn.
    open: BoxMap<u128, Which>,
    /// First flushes that others have told of groups that are not made yet.
    first_flushes: GroupTimers,
    /// Alerts that are still to be brought to their groups.
    filling: Option<Filling>,
    /// Alerts that are brought to their groups in pieces, while all others go on.
    late: Late,
    /// Posts that were refused, by what they were of.
    refused: Troubles<&'static str>,
    /// When it was last said that an alert is over its name's limit.
    limit_warned: Option<Mono>,
    /// Large alerts that the other members may not have yet.
    travels: Travels,
    /// Whether somebody has set the wall clock since the boot, as far as this was told.
    has_calendar: bool,
    changes: Vec<Change>,
    /// The first alert that the sweep under way is still to look at.
    swept: Fingerprint,
    history: History,
    stats: Stats,
}

impl Core {
    /// A mind without memories.
    pub fn new(config: Arc<Config>, options: Options, now: Now) -> Self {
        let mut places = Places::default();
        places.limit(&config);
        let mut stats = Stats::default();
        stats.begin(&config);
        let mut core = Self {
            routes: Routes::new(&config),
            inhibitor: Inhibitor::new(&config.inhibit_rules),
            config,
            options,
            started: now.mono,
            watch: Watch::new(now),
            alerts: Alerts::default(),
            groups: Groups::default(),
            silences: Silences::default(),
            declared: BTreeSet::new(),
            acknowledgements: Acknowledgements::default(),
            nflog: Nflog::default(),
            timers: Timers::default(),
            places,
            budgets: Budgets::default(),
            kept: Kept::default(),
            turns: Turns::default(),
            reach: Reach::default(),
            failing: Failing::default(),
            backoff: Backoff::default(),
            owed: Owed::default(),
            expected: Expected::default(),
            heartbeats: Heartbeats::default(),
            doubted: Vec::new(),
            open: BoxMap::new(),
            first_flushes: GroupTimers::new(),
            filling: None,
            late: Late::default(),
            refused: Troubles::default(),
            limit_warned: None,
            travels: Travels::default(),
            has_calendar: true,
            changes: Vec::new(),
            swept: Fingerprint(0),
            history: History::default(),
            stats,
        };
        core.expect(now);
        core.begin_heartbeats(now.mono);
        core.declare(now);
        core
    }

    // Inputs.

    /// Sets a silence and returns its id.
    pub fn handle_set_silence(
        &mut self,
        cx: &mut Cx<'_>,
        mut draft: SilenceDraft,
    ) -> Result<SilenceId, SilenceError> {
        draft.id.map_or(Ok(()), |id| self.refuse_declared(id))?;
        self.narrow(&mut draft, cx.now)?;
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
        self.note_acknowledgement(id, cx.now);
        Ok(id)
    }

    /// Expires a silence; one that has expired stays as it is.
    pub fn handle_expire_silence(&mut self, now: Now, id: SilenceId) -> Result<(), SilenceError> {
        self.refuse_declared(id)?;
        if self.silences.expire(id, now.wall)? {
            self.tell_silence(id);
            self.changes.push(Change::Silence(id));
        }
        Ok(())
    }

    /// Logs a change of a silence, whichever node made it.
    fn tell_silence(&self, id: SilenceId) {
        let Some(silence) = self.silences.get(id) else { return };
        let level = if self.options.log_silences { Level::Info } else { Level::Debug };
        let (matchers, by) = (&silence.matchers, &silence.created_by);
        let (from, to) = (silence.starts_at, silence.ends_at);
        log!(level, "silence {id} of {by:?}: {matchers} from {from} to {to}");
    }

    /// Runs what is due, for as long as [`PIECE_STEPS`] take. If more is due, [`Core::next_timeout`] is not later than now.
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        if !self.fill_groups(cx) {
            return;
        }
        let mut steps = 0;
        while steps < PIECE_STEPS
            && let Some(timer) = self.timers.pop(cx.now.mono)
        {
            steps += TIMER_STEPS;
            match timer {
                Timer::Acknowledgements => self.look_at_acknowledgements(cx.now),
                Timer::Alerts => self.sweep_alerts(cx.now, &mut steps),
                Timer::Begin(id, at) if self.is_fanned_out(id) => {
                    steps += FLUSHED_STEPS * self.alerts_in(id);
                    self.step(cx, (id, at), Input::Begin);
                    self.finish(cx, id);
                }
                Timer::Begin(id, _) => {
                    self.go_on_flushing(cx, id, &mut steps, PIECE_STEPS);
                    if self.is_fanned_out(id) {
                        steps += FLUSHED_STEPS * self.alerts_in(id);
                    }
                    self.finish(cx, id);
                }
                Timer::Claim(id, at) => {
                    self.step(cx, (id, at), Input::ClaimDue);
                }
                Timer::Delivery(id, at) => {
                    steps += FLUSHED_STEPS * self.alerts_in(id);
                    self.handle_delivery(cx, (id, at));
                }
                Timer::Flush(id) => {
                    let has_begun = steps > TIMER_STEPS;
                    let is_compared = self.compare_group(cx.now.wall, id, &mut steps);
                    let cost = FLUSHED_STEPS * self.alerts_in(id);
                    if is_compared && !(has_begun && steps + cost > PIECE_STEPS) {
                        steps += cost;
                        self.flush(cx, id);
                    } else {
                        // A large one has a piece for itself.
                        self.timers.set(timer, cx.now.mono);
                        break;
                    }
                }
                Timer::Places => {
                    steps += PIECE_STEPS / 2;
                    self.fill(cx);
                }
                Timer::Groups => self.sweep_groups(cx.now, &mut steps),
                Timer::Heartbeats => self.handle_heartbeats(cx),
                Timer::Pulse => self.handle_pulse(cx.now.mono),
                Timer::Owed => self.sweep_owed(cx.now, &mut steps),
                Timer::Declared => self.declare(cx.now),
                Timer::Records => self.sweep_records(cx.now, &mut steps),
            }
        }
        self.bring_late(cx.now, &mut steps);
        self.meet_late(cx.now, &mut steps);
    }

    // Getters.

    /// When [`Core::handle_timeout`] wants to be called next.
    pub fn next_timeout(&self) -> Option<Mono> {
        let is_at_work =
            self.filling.is_some() || !self.late.is_empty() || self.expected.is_at_work();
        if is_at_work { Some(Mono::ZERO) } else { self.timers.next() }
    }

    /// The changes since this was last asked, oldest first; so many at most.
    pub fn take_some_changes(&mut self, max: usize) -> Vec<Change> {
        self.changes.drain(..max.min(self.changes.len())).collect()
    }

    /// All changes since this was last asked, oldest first.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Whether there are changes that were not asked for.
    pub const fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The members from which turns were taken over since this was last asked, though they had not given them up.
    pub fn take_doubted(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.doubted)
    }

    /// The config it runs with.
    pub const fn config(&self) -> &Arc<Config> {
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

    fn alerts_in(&self, id: GroupId) -> u64 {
        self.groups.get(id).map_or(0, |group| group.alerts.len() as u64)
    }
}

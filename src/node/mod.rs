//! The whole brain: `handle_*` in, effects out, one [`Node::next_timeout`].
//!
//! | File | Idea |
//! |---|---|
//! | `keep`, `extras`, `kinds/` | changes of the core become records with versions, for flash and flock; one file per kind |
//! | `restore` | stored records become state again |
//! | `rewrite` | everything is written again, in pieces |
//! | `flock`, `tables` | the gossip, and the tables as it sees them |
//! | `carried` | records of kinds that only a newer version knows |
//! | `clock` | steps of the wall clock |
//! | `expect` | what is expected, and the alerts of what stays away |
//! | `members` | the members that have not said goodbye, stored: one that stays away is down |
//! | `addresses` | the addresses of members, stored |
//! | `owed` | what receivers were not told |
//! | `history` | what has happened, in memory and on flash |
//! | `own`, `troubles`, `faults` | alerts of our own, and the faults that they report: around this node, and its own |

mod addresses;
mod carried;
mod clock;
mod expect;
mod extras;
mod faults;
mod flock;
mod history;
mod keep;
mod kinds;
mod members;
mod owed;
mod own;
mod restore;
mod rewrite;
mod tables;
#[cfg(test)]
mod testing;
mod troubles;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::config::Config;
use crate::core::behind::BehindSenders;
use crate::core::clock::Watch;
use crate::core::stats::Stats;
use crate::core::{Core, Intake, NoRoom, Progress};
use crate::effect::{AttemptId, Cx};
use crate::gossip::{self, Gossip};
use crate::model::Muted;
use crate::model::order::in_order;
use crate::model::{Alert, Fingerprint, Labels, Report, Silence, SilenceId};
use crate::notify::Reply;
use crate::time::{Mono, Now};

use carried::Carried;
use extras::Extras;
use history::Past;
use restore::Restoring;
use rewrite::Rewrite;
use troubles::Around;

pub use clock::DATED;
pub use faults::Validity;
pub use history::{HistoryEvent, Topic, integration};
pub use troubles::TroubleView;

pub use crate::core::deliver::budget::{Stage, Used};
pub use crate::core::deliver::failing::Last;
pub use crate::core::deliver::owed::{DebtView, OwedDrop};
pub use crate::core::deliver::reach::IntegrationKey;
pub use crate::core::expect::{Seen, Sign};
pub use crate::core::heartbeat::{Beating, HeartbeatWord};

pub use crate::core::pending::{Pending, Waits};
pub use crate::core::silences::{SilenceDraft, SilenceError, SilenceRules};
pub use crate::core::which::GroupId;
pub use crate::core::{Options, Policy, Reload};

/// An aggregation group as the API shows it.
#[derive(Clone, Debug)]
pub struct GroupView<'a> {
    /// The group's labels.
    pub labels: &'a Labels,
    /// The receiver's name.
    pub receiver: &'a Arc<str>,
    /// The names of the time intervals that mute it now.
    pub muted_by: Vec<Arc<str>>,
}

/// The whole brain of an agent, without I/O: it takes inputs and the time, and returns effects.
///
/// Methods are of four kinds:
///
/// - *Inputs*, `handle_*`, take something that has happened: a post, a datagram, a reply, a time. They push effects to
///   [`Cx::effects`], which the caller carries out in order. An error says what was left unchanged.
/// - *Timers*: [`Node::next_timeout`] is the latest time at which [`Node::handle_timeout`] must be called. Ask again after
///   each input.
/// - *Preparations*, [`Node::prepare`]: long work in slices, which changes nothing.
/// - *Getters*, all others, take `&self`. They never lag behind: everything is computed when it is asked for.
///
/// The order of calls: [`Node::new`]; [`Node::handle_record`] for each record that flash has stored, in any order;
/// [`Node::handle_restored`] (or [`Node::restore_some`]), once all are in, also if there was none; then any input in any order, each with a `now` not
/// before that of the last; at the end [`Node::handle_leave`]. If flash could be read only later, `handle_record` and
/// `handle_restored` may be called again at any time: records that came meanwhile are newer and stay.
#[derive(Debug)]
pub struct Node {
    core: Core,
    restoring: Restoring,
    last_hlc: u64,
    flock_config: Option<gossip::Config>,
    identity: Option<u64>,
    /// The addresses of members, as flash has stored them.
    met: Vec<SocketAddr>,
    /// How many members that were met were up when their addresses were last stored.
    met_living: usize,
    gossip: Option<Gossip>,
    /// When the log last said that the gossip has no room for a record.
    full_warned: Option<Mono>,
    extras: Extras,
    carried: Carried,
    /// Everything that is being written again.
    rewrite: Rewrite,
    /// Whether a fault of our journal of which the flock tells is one of the process before us.
    ends_fault: bool,
    /// Watches the time of the flock.
    flock_watch: Watch,
    behind_senders: BehindSenders,
    around: Around,
    past: Past,
}

impl Node {
    /// A node without memories; `flock` if it is to be a member of one: its node id is the one that was kept, if any was.
    pub fn new(
        config: Arc<Config>,
        options: Options,
        flock: Option<gossip::Config>,
        now: Now,
    ) -> Self {
        Self {
            core: Core::new(config, options, now),
            restoring: Restoring::default(),
            last_hlc: 0,
            flock_config: flock,
            identity: None,
            met: Vec::new(),
            met_living: 0,
            gossip: None,
            full_warned: None,
            extras: Extras::default(),
            carried: Carried::default(),
            rewrite: Rewrite::default(),
            ends_fault: false,
            flock_watch: Watch::new(now),
            behind_senders: BehindSenders::default(),
            around: Around::default(),
            past: Past::default(),
        }
    }

    // Inputs.

    /// Takes the reports of one post: the valid ones are stored and routed. Returns how many were taken, and why others were
    /// not.
    pub fn handle_reports(&mut self, cx: &mut Cx<'_>, reports: &[Report<'_>]) -> Intake {
        self.handle_clock(cx);
        let intake = self.core.handle_reports(cx.now, reports);
        self.publish_all(cx);
        intake
    }

    /// Takes some of the reports of one post, a slice of the work at a time, and adds their outcome to `intake`.
    pub fn handle_some_reports<'a>(
        &mut self,
        cx: &mut Cx<'_>,
        reports: &mut impl Iterator<Item = Report<'a>>,
        intake: &mut Intake,
    ) -> Progress {
        self.handle_clock(cx);
        let progress = self.core.handle_some_reports(cx.now, reports, intake);
        self.publish_all(cx);
        progress
    }

    /// Counts a post that was refused, as a `whole` or in part, and logs why. `post` is its sender, if it has an address, and
    /// its content: `alerts` or `silences`.
    pub fn handle_refused(
        &mut self,
        now: Now,
        post: (Option<IpAddr>, &'static str),
        whole: bool,
        why: &str,
    ) {
        self.core.handle_refused(now, post, whole, why);
    }

    /// Logs a sender whose reports had ended when they came, once.
    pub fn note_late(&mut self, sender: Option<IpAddr>, intake: &Intake) {
        if let Some(late) = &intake.late {
            self.behind_senders.tell(sender, late);
        }
    }

    /// Sets a silence and returns its id: the draft's own where history allows, else a new one.
    pub fn handle_set_silence(
        &mut self,
        cx: &mut Cx<'_>,
        draft: SilenceDraft,
    ) -> Result<SilenceId, SilenceError> {
        self.handle_clock(cx);
        let id = self.core.handle_set_silence(cx, draft)?;
        self.publish_all(cx);
        Ok(id)
    }

    /// Expires a silence; one that has expired stays as it is.
    pub fn handle_expire_silence(
        &mut self,
        cx: &mut Cx<'_>,
        id: SilenceId,
    ) -> Result<(), SilenceError> {
        self.handle_clock(cx);
        self.core.handle_expire_silence(cx.now, id)?;
        self.publish_all(cx);
        Ok(())
    }

    /// Counts bytes that an attempt, of which the outcome is still to come, has sent and received.
    pub fn handle_traffic(&mut self, now: Now, id: AttemptId, bytes: u64) {
        self.core.handle_traffic(now.mono, id, bytes);
    }

    /// Takes the outcome of an attempt. That of an attempt that is no longer known changes nothing.
    pub fn handle_reply(&mut self, cx: &mut Cx<'_>, id: AttemptId, reply: &Reply) {
        self.handle_clock(cx);
        self.core.handle_reply(cx, id, reply);
        self.publish_some(cx);
    }

    /// Runs everything that is due.
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        // A piece of what begins here is done here.
        let rewrites = self.rewrite.due().is_some();
        self.handle_clock(cx);
        // Changes that wait come first: nothing that is still to come may overtake them.
        if !self.core.has_changes() {
            self.core.handle_timeout(cx);
        }
        self.publish_some(cx);
        if rewrites {
            self.go_on_rewriting(cx);
        }
        self.handle_flock_timeout(cx);
        self.look_around(cx);
        self.look_at_expected(cx);
    }

    /// Goes on with another config, best after [`Node::prepare`] has done all of its work. A config that has no room for
    /// the alerts changes nothing. Returns what was in force until now, or what is not taken.
    pub fn handle_config(
        &mut self,
        cx: &mut Cx<'_>,
        reload: impl Into<Reload>,
    ) -> Result<Policy, (NoRoom, Box<Policy>)> {
        self.handle_clock(cx);
        let old = self.core.handle_config(cx, reload)?;
        self.publish_some(cx);
        Ok(old)
    }

    // Getters.

    /// When [`Node::handle_timeout`] wants to be called next.
    pub fn next_timeout(&self) -> Option<Mono> {
        let flock = self.gossip.as_ref().map(Gossip::next_timeout);
        let own = self.around_timeout().into_iter().chain(self.expected_timeout());
        let own =
            own.chain(self.core.has_changes().then_some(Mono::ZERO)).chain(self.rewrite.due());
        self.core.next_timeout().into_iter().chain(flock).chain(own).min()
    }

    /// The config it runs with.
    pub const fn config(&self) -> &Arc<Config> {
        self.core.config()
    }

    /// The options it runs with.
    pub const fn options(&self) -> &Options {
        self.core.options()
    }

    /// Does another slice of the work before a config is taken, which changes nothing. Returns whether that was all.
    pub fn prepare(&self, reload: &mut Reload) -> bool {
        self.core.prepare(reload)
    }

    /// The counters.
    pub const fn stats(&self) -> &Stats {
        self.core.stats()
    }

    /// How much the integrations have used that were told of something, with the parts of their budgets that they are in.
    pub fn used(&self, now: Mono) -> impl Iterator<Item = (&IntegrationKey, Used, Option<Stage>)> {
        self.core.all_used(now)
    }

    /// When the integrations that were told, or failed, of something were so last.
    pub fn last(&self) -> impl Iterator<Item = (&IntegrationKey, &Last)> {
        self.core.failing().last()
    }

    /// How many groups rate limits hold back, counted for each integration.
    pub fn held_back_len(&self) -> usize {
        self.core.budgets().held_len()
    }

    /// The deliveries that are under way, by group.
    pub fn pending(&self) -> impl Iterator<Item = Pending<'_>> {
        self.core.pending()
    }

    /// How many deliveries have had an outcome since the start.
    pub const fn history_count(&self) -> u64 {
        self.core.history().count()
    }

    /// The number of aggregation groups.
    pub fn groups_len(&self) -> usize {
        self.core.groups().len()
    }

    /// Every alert it knows, in the order of fingerprints, ended ones too, with the receivers its routes lead to.
    pub fn alerts(
        &self,
    ) -> impl Iterator<Item = (Fingerprint, &Alert, impl Iterator<Item = &Arc<str>>)> {
        self.alerts_from(Fingerprint::MIN)
    }

    /// The same from `first` on.
    pub fn alerts_from(
        &self,
        first: Fingerprint,
    ) -> impl Iterator<Item = (Fingerprint, &Alert, impl Iterator<Item = &Arc<str>>)> {
        self.core.alerts().iter_from(first).map(|(fingerprint, entry)| {
            let receiver = |route| &self.core.routes().get(route).receiver.name;
            (
                fingerprint,
                &*entry.alert,
                entry.groups.iter().map(move |(route, _)| receiver(*route)),
            )
        })
    }

    /// Whether an alert would not be notified now, as far as that is found in a few steps; else what was known last.
    pub fn is_muted(&self, now: Now, fingerprint: Fingerprint, steps: &mut u64) -> bool {
        self.core.is_muted(now.wall, fingerprint, steps)
    }

    /// Why an alert would not be notified now. Adds what it took to `steps`; nothing if they come to
    /// [`crate::limits::PIECE_STEPS`] before it is known: then the next call goes on.
    pub fn muted(&self, now: Now, fingerprint: Fingerprint, steps: &mut u64) -> Option<Muted> {
        self.core.muted(now.wall, fingerprint, steps)
    }

    /// The aggregation groups that have alerts from `first` on, oldest first, with their labels and receivers.
    pub fn groups_from(
        &self,
        first: GroupId,
    ) -> impl Iterator<Item = (GroupId, &Labels, &Arc<str>)> {
        let groups = self.core.groups().iter_from(first);
        groups.filter(|(_, group)| !group.alerts.is_empty()).map(|(id, group)| {
            (id, &group.labels, &self.core.routes().get(group.route).receiver.name)
        })
    }

    /// An aggregation group, if it is still there. Adds what it took to `steps`.
    pub fn group(&self, now: Now, id: GroupId, steps: &mut u64) -> Option<GroupView<'_>> {
        let group = self.core.groups().get(id)?;
        let routes = self.core.routes();
        let route = routes.get(group.route);
        *steps += route.intervals.count() as u64;
        Some(GroupView {
            labels: &group.labels,
            receiver: &route.receiver.name,
            muted_by: routes.intervals.muted_by(&route.intervals, self.core.calendar(now.wall)),
        })
    }

    /// The labels of a group's route, rendered for the alerts that it has now.
    /// Adds what it took to `steps`.
    pub fn route_labels(&self, now: Now, id: GroupId, steps: &mut u64) -> Labels {
        self.core.route_labels(now.wall, id, steps)
    }

    /// The alerts of a group in their order in notifications, also those that have ended.
    pub fn alerts_of(&self, id: GroupId) -> Vec<Fingerprint> {
        let group = self.core.groups().get(id);
        let fingerprints = group.into_iter().flat_map(|group| &group.alerts);
        let alerts = fingerprints.filter_map(|it| Some((*it, self.alert(*it)?)));
        let alerts = in_order(alerts.collect(), |(_, alert)| &alert.labels);
        alerts.into_iter().map(|(fingerprint, _)| fingerprint).collect()
    }

    /// The alert of this fingerprint.
    pub fn alert(&self, fingerprint: Fingerprint) -> Option<&Alert> {
        self.core.alerts().get(fingerprint).map(|entry| &*entry.alert)
    }

    /// Every silence it knows, expired ones too, in the order of ids.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.core.silences().iter()
    }

    /// The same from `first` on.
    pub fn silences_from(&self, first: SilenceId) -> impl Iterator<Item = &Silence> {
        self.core.silences().iter_from(first)
    }

    /// The silence of this id.
    pub fn silence(&self, id: SilenceId) -> Option<&Silence> {
        self.core.silences().get(id)
    }
}

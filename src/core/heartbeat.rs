//! Heartbeats: others are told again and again that the flock lives, so that they notice when it does not. `start` is told
//! first, then `ok`, and `fail` while something is wrong with the agent itself.
//!
//! One member sends each: the one that sent it last, or at first the member of the lowest rank. It replicates the time of
//! sending. A member that does not get that record in time, which is a little later for each rank, sends in its place. Nothing of
//! this is logged or stored: a heartbeat that is sent twice does no harm.
//!
//! Members may differ for minutes on whether something is wrong: one was not there when it began, another has given an alert
//! its lease anew. So a change is told at once by the one that told last, and `fail` also by another that knows of a fault
//! that the one that told last does not know of; it tells from then on. Nobody but the one that told it takes `fail` back.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use log::{debug, info, warn};
use rand::RngExt as _;

use crate::box_map::BoxMap;
use crate::config::Heartbeat;
use crate::core::deliver::reach::IntegrationKey;
use crate::core::deliver::turn::SETTLE_LOOK;
use crate::core::step::Step;
use crate::core::timers::Timer;
use crate::core::{Change, Core};
use crate::effect::{Attempt, AttemptId, Cx, Effect};
use crate::limits::HEARTBEAT_TIME;
use crate::model::hash::fnv128;
use crate::model::{Brief, GroupKey, Labels, Troubles, Word as Said, own};
use crate::notify::{self, AlertView, Notification, Reply, Verdict};
use crate::time::{Mono, Now, Wall};

/// How the names of their records begin.
const PREFIX: &str = "heartbeat/";
/// From one rank to the next.
const RANK: Duration = Duration::from_secs(5);
/// So many members, however many there are, have time to tell `fail` again before one that knows of no fault takes it back.
const FIRST: u32 = 8;
/// The pause after a failed attempt, give or take half of it; no longer than the period.
const PAUSE: Duration = Duration::from_secs(30);

/// A word that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartbeatWord {
    /// It has begun.
    Start,
    /// All is well.
    Ok,
    /// Something is wrong with the agent itself.
    Fail,
}

impl HeartbeatWord {
    /// As it is told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Ok => "ok",
            Self::Fail => "fail",
        }
    }

    fn of(text: &str) -> Option<Self> {
        [Self::Start, Self::Ok, Self::Fail].into_iter().find(|word| word.as_str() == text)
    }
}

/// The state of a heartbeat.
#[derive(Clone, Debug, Default)]
pub struct Beating {
    /// The word that a member told last, and when.
    pub told: Option<(HeartbeatWord, Wall)>,
    /// How often this node told it.
    pub sent: u64,
    /// How often this node failed to.
    pub failed: u64,
    /// Whether it was this node that told it last.
    is_ours: bool,
    /// When the next is due.
    due: Mono,
    /// When this node learned that another word has to be sent at once.
    news: Option<Mono>,
    /// Before that this node does not try again.
    pause: Mono,
    attempt: Option<(AttemptId, HeartbeatWord)>,
}

impl Beating {
    /// Whether this node is to tell this word before the next is due.
    fn has_news(&self, word: HeartbeatWord) -> bool {
        self.told
            .is_none_or(|(told, _)| told != word && (self.is_ours || word == HeartbeatWord::Fail))
    }

    /// How many others this node, of this rank among `all`, gives time to tell before it does. One that would take back what
    /// another has told comes after those that would not, as far as these are few.
    fn place(&self, word: HeartbeatWord, rank: u32, all: u32) -> u32 {
        match self.told {
            None => rank,
            Some(_) if self.is_ours => 0,
            Some((HeartbeatWord::Fail, _)) if word != HeartbeatWord::Fail => all.min(FIRST) + rank,
            Some(_) => 1 + rank,
        }
    }
}

/// The heartbeats of the config, by name.
#[derive(Debug, Default)]
pub struct Heartbeats {
    beating: BoxMap<Arc<str>, Beating>,
    troubles: Troubles<Arc<str>>,
}

impl Heartbeats {
    /// The state of a heartbeat.
    pub fn get(&self, name: &str) -> Option<&Beating> {
        self.beating.get(name)
    }

    /// Moves all times along when the clock steps.
    pub(super) fn step(&mut self, step: Step) {
        let told = self.beating.values_mut().filter_map(|it| it.told.as_mut());
        told.for_each(|(_, at)| *at = step.time(*at));
    }

    /// The key under which the bytes of an attempt are counted, if it tells one.
    pub(super) fn key_of(&self, attempt: AttemptId) -> Option<IntegrationKey> {
        let (name, _) = self.of_attempt(attempt)?;
        Some((format!("{PREFIX}{name}").into(), "heartbeat".into(), 0))
    }

    /// Whether bytes that are counted under this name are those of a heartbeat that there is.
    pub(super) fn counts_as(&self, receiver: &str) -> bool {
        receiver.strip_prefix(PREFIX).is_some_and(|name| self.beating.contains_key(name))
    }

    /// Whose attempt this is.
    fn of_attempt(&self, attempt: AttemptId) -> Option<(Arc<str>, HeartbeatWord)> {
        self.beating.iter().find_map(|(name, it)| {
            let (_, word) = it.attempt.filter(|(id, _)| *id == attempt)?;
            Some((Arc::clone(name), word))
        })
    }
}

impl Core {
    /// The heartbeats.
    pub const fn heartbeats(&self) -> &Heartbeats {
        &self.heartbeats
    }

    /// Begins with the heartbeats of the config, and goes on with those that there were before.
    pub(super) fn begin_heartbeats(&mut self, now: Mono) {
        let mut before = std::mem::take(&mut self.heartbeats.beating);
        for Heartbeat { name, period, .. } in &self.config.heartbeats {
            let mut beating = before.remove(name).unwrap_or_default();
            beating.due = beating.due.min(now + *period);
            self.heartbeats.beating.insert(Arc::clone(name), beating);
        }
        let beating = &self.heartbeats.beating;
        self.heartbeats.troubles.retain(|name| beating.contains_key(name));
        self.hasten_heartbeats(now);
    }

    /// Looks at them by then: something may be wrong with the agent, or no longer.
    pub(super) fn hasten_heartbeats(&mut self, by: Mono) {
        let is_later = self.timers.due(Timer::Heartbeats).is_none_or(|at| at > by);
        if is_later && !self.config.heartbeats.is_empty() {
            self.timers.set(Timer::Heartbeats, by);
        }
    }

    /// Tells the heartbeats that are due.
    pub(super) fn handle_heartbeats(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now.mono;
        if self.turns.flock.settling {
            self.timers.set(Timer::Heartbeats, now + SETTLE_LOOK);
            return;
        }
        let config = Arc::clone(&self.config);
        let faults =
            if config.heartbeats.is_empty() { Vec::new() } else { self.faults(cx.now.wall) };
        let mut next: Option<Mono> = None;
        for heartbeat in &config.heartbeats {
            let rank = self.turns.rank(fnv128(["heartbeat", &heartbeat.name]));
            let all = u32::try_from(self.turns.flock.others.len() + 1).unwrap_or(u32::MAX);
            let Some(beating) = self.heartbeats.beating.get_mut(&heartbeat.name) else { continue };
            let word = word(heartbeat, beating.told, !faults.is_empty());
            beating.news = beating.has_news(word).then(|| beating.news.unwrap_or(now));
            let since = beating.news.map_or(beating.due, |news| news.min(beating.due));
            let at = (since + RANK * beating.place(word, rank, all)).max(beating.pause);
            if beating.attempt.is_some() {
                continue;
            }
            if at > now {
                next = Some(next.map_or(at, |next| next.min(at)));
            } else if word == HeartbeatWord::Fail
                && heartbeat.integration.values.text("fail").is_empty()
            {
                // No heartbeat says the same.
                beating.due = now + heartbeat.period;
                next = Some(next.map_or(beating.due, |next| next.min(beating.due)));
            } else {
                self.tell_heartbeat(cx, heartbeat, word, &faults);
            }
        }
        if let Some(next) = next {
            self.hasten_heartbeats(next);
        }
    }

    /// The faults of the agent itself, as far as the flock knows.
    fn faults(&self, now: Wall) -> Vec<AlertView> {
        let all = self.alerts.iter().filter(|(_, it)| is_fault(&it.alert.labels));
        all.filter(|(_, it)| !it.alert.resolved(now))
            .map(|(fingerprint, it)| AlertView {
                fingerprint,
                alert: Rc::clone(&it.alert),
                resolved: false,
                late: false,
            })
            .collect()
    }

    fn tell_heartbeat(
        &mut self,
        cx: &mut Cx<'_>,
        heartbeat: &Heartbeat,
        word: HeartbeatWord,
        faults: &[AlertView],
    ) {
        let notification = Notification {
            receiver: Arc::clone(&heartbeat.name),
            group_key: GroupKey::from_stored("heartbeat"),
            group_labels: Labels::empty(),
            route_labels: Labels::empty(),
            reason: word.as_str(),
            external_url: Arc::clone(&self.options.external_url),
            alerts: if word == HeartbeatWord::Fail { faults.into() } else { Rc::default() },
            cut: 0,
            remembered: Rc::default(),
            held_back: None,
            now: cx.now.wall,
        };
        let draft = notify::draft(&heartbeat.integration, notification, &self.config.templates);
        let id = self.places.name();
        if let Some(beating) = self.heartbeats.beating.get_mut(&heartbeat.name) {
            beating.attempt = Some((id, word));
        }
        cx.effects.push(Effect::Attempt(Attempt {
            id,
            draft: Rc::new(draft),
            timeout: HEARTBEAT_TIME,
        }));
    }

    /// Takes what came of an attempt to tell a heartbeat. Returns whether it is one.
    pub(super) fn handle_heartbeat_reply(
        &mut self,
        cx: &mut Cx<'_>,
        attempt: AttemptId,
        reply: &Reply,
    ) -> bool {
        let Some((name, word)) = self.heartbeats.of_attempt(attempt) else { return false };
        let config = Arc::clone(&self.config);
        let Some(heartbeat) = config.heartbeats.iter().find(|it| it.name == name) else {
            return true;
        };
        let Some(beating) = self.heartbeats.beating.get_mut(&name) else { return true };
        beating.attempt = None;
        match Verdict::of(reply, &[429]) {
            Verdict::Sent | Verdict::Remember(_) | Verdict::Next(_) | Verdict::NextFor(..) => {
                beating.sent += 1;
                beating.told = Some((word, cx.now.wall));
                beating.is_ours = true;
                beating.due = cx.now.mono + heartbeat.period;
                if let Some(it) = self.heartbeats.troubles.end(&name, cx.now.mono) {
                    info!("heartbeat {name}: told again after {}", it.age(cx.now.mono));
                }
                self.changes.push(Change::Beat {
                    name: format!("{PREFIX}{name}").into(),
                    at: cx.now.wall,
                    said: word.as_str().into(),
                    period: heartbeat.period,
                });
            }
            Verdict::Retry(failure, _) | Verdict::Refused(failure) => {
                beating.failed += 1;
                let pause = PAUSE.min(heartbeat.period).mul_f64(cx.rng.random_range(0.5..1.5));
                beating.pause = cx.now.mono + pause;
                let why = Brief(&failure.why);
                match self.heartbeats.troubles.strike(&name, why.0, cx.now) {
                    Some((Said::Begins, _)) => warn!("heartbeat {name} cannot be sent: {why}"),
                    Some((Said::Lasts, it)) => {
                        warn!("heartbeat {name} cannot be sent for {}: {why}", it.age(cx.now.mono));
                    }
                    None => debug!("heartbeat {name} cannot be sent: {why}"),
                }
            }
        }
        self.hasten_heartbeats(cx.now.mono);
        true
    }

    /// Takes note that another member has told a heartbeat.
    pub(super) fn merge_heartbeat(&mut self, now: Now, name: &str, at: Wall, said: &str) {
        let Some(name) = name.strip_prefix(PREFIX) else { return };
        let (Some(word), at) = (HeartbeatWord::of(said), at.min(now.wall)) else { return };
        let config = Arc::clone(&self.config);
        let Some(heartbeat) = config.heartbeats.iter().find(|it| &*it.name == name) else { return };
        let Some(beating) = self.heartbeats.beating.get_mut(name) else { return };
        if beating.told.is_some_and(|(_, known)| known >= at) {
            return;
        }
        beating.told = Some((word, at));
        beating.is_ours = false;
        beating.due = now.mono + heartbeat.period.saturating_sub(now.wall.since(at));
        self.hasten_heartbeats(now.mono);
    }
}

/// Whether an alert is a fault of the agent itself, which its heartbeats tell of.
pub(super) fn is_fault(labels: &Labels) -> bool {
    let name = labels.get("alertname");
    name.is_some_and(|name| [own::JOURNAL_FAILED, own::RECEIVER_FAILING].contains(&name))
}

/// The word that is to be told now.
fn word(heartbeat: &Heartbeat, told: Option<(HeartbeatWord, Wall)>, fails: bool) -> HeartbeatWord {
    if told.is_none() && !heartbeat.integration.values.text("start").is_empty() {
        HeartbeatWord::Start
    } else if fails {
        HeartbeatWord::Fail
    } else {
        HeartbeatWord::Ok
    }
}

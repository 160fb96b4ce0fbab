//! A delivery: one integration is to be told of a flush. It takes its turn, is attempted, tried again, and ends.

use std::rc::Rc;
use std::time::Duration;

use log::{debug, warn};
use rand::RngExt as _;

use crate::core::dedup::Reason;
use crate::core::flush::Flush;
use crate::core::group::GroupId;
use crate::core::history::Outcome;
use crate::core::timers::Timer;
use crate::core::turn::{self, BEAT, CLAIM_AFTER, Claim, Flock, LISTEN, SETTLE_LOOK};
use crate::core::{Change, Core};
use crate::effect::{Attempt, AttemptId, Cx, Effect};
use crate::faults::{self, Fault};
use crate::model::{Brief, LogKey};
use crate::notify::{self, Notification, Reply, Verdict};
use crate::time::{Mono, Now};

/// The pause after the first failed attempt; each further one is half as long again, give or take half of it.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// By so much members may flush a group one after the other.
const TOGETHER: Duration = Duration::from_millis(100);
/// Alerts whose log entry travels in one datagram.
const ENTRY_SHORT: usize = 100;
/// How much longer a claim holds if the log entry will be longer: for what of it is lost, again and again.
const ENTRY_MENDED: Duration = Duration::from_secs(5);
/// How much longer a claim holds then for each alert that the log entry will name, and each other member: twice the time in
/// which that is sent where nothing is lost.
const ENTRY_TRAVEL: Duration = Duration::from_micros(300);

/// What one integration is to be told.
#[derive(Debug)]
pub struct Delivery {
    /// Its place in the receiver.
    pub(super) integration: usize,
    /// Its entry in the log.
    pub(super) key: LogKey,
    pub(super) state: State,
    attempts: u32,
    pause: Duration,
    /// When it is to be looked at again, while it is [`State::Held`] or [`State::Listening`].
    due: Mono,
    /// Whose claim it waits for, as the history has it.
    held_by: Option<u64>,
    /// Whose turn it was if this node takes it, until the history has it.
    takes_from: Option<u64>,
    /// When it last answered another's claim while it was [`State::Sending`], or will.
    answers: Option<Mono>,
    /// Whether it has left the turn to others without trying.
    deferred: bool,
    /// Who had told of the group when the last attempt began.
    pub(super) tellers: Rc<[(u64, u64)]>,
}

/// Where a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It waits for another member, or for its rank's beat.
    Held,
    /// This node has claimed the turn and listens whether another has too.
    Listening,
    /// An attempt is under way since, for this reason.
    Sending(AttemptId, Mono, Reason),
    /// An attempt has failed; the next waits for its timer.
    Paused,
    /// Delivered, by whomever, or nothing was to be said.
    Done,
    /// Refused, or the deadline passed.
    Failed,
}

impl Delivery {
    pub(super) fn new(integration: usize, key: LogKey, now: Mono) -> Self {
        Self {
            integration,
            key,
            state: State::Held,
            attempts: 0,
            pause: PAUSE_FIRST,
            due: now,
            held_by: None,
            takes_from: None,
            answers: None,
            deferred: false,
            tellers: Rc::default(),
        }
    }

    pub(super) const fn open(&self) -> bool {
        !matches!(self.state, State::Done | State::Failed)
    }

    /// Whether this node has delivered it, or tried to before another did.
    pub(super) fn told(&self) -> bool {
        self.state == State::Done && self.attempts > 0
    }
}

impl Core {
    /// Says who takes part in the flock.
    pub fn set_flock(&mut self, flock: Flock) {
        self.turns.flock = flock;
    }

    /// Begins a delivery: at once if this node's turn comes first, else after its rank's beat.
    pub(super) fn begin(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        if self.dedup(id, at, cx.now.wall).is_none() {
            self.set_state(id, at, State::Done);
            return;
        }
        let Some(key) = self.turn_key(id, at) else { return };
        self.open.insert(key, (id, at));
        self.turns.begin(key);
        let rank = self.turns.rank(key);
        if self.turns.flock.settling {
            self.hold(cx, id, at, cx.now.mono + SETTLE_LOOK);
        } else if rank > 0 {
            debug!("turn {key:032x}: {rank} members come first");
            self.hold(cx, id, at, cx.now.mono + BEAT * rank);
        } else if let Some(claim) = self.turns.held(key, cx.now.mono) {
            self.note_held(cx.now, id, at, claim.node);
            let challenge = self.turns.challenge(key, &claim);
            self.hold(cx, id, at, challenge);
        } else if !self.defer(cx, id, at) {
            self.attempt(cx, id, at);
        }
    }

    /// Looks at a delivery whose timer is due, or of which something was heard.
    pub(super) fn handle_delivery(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        let Some(flush) = self.flush_of(id) else { return };
        let past = cx.now.mono >= flush.deadline;
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let state = delivery.state;
        match state {
            State::Done | State::Failed => return,
            _ if past => {
                self.give_up(cx, id, at);
                return;
            }
            State::Sending(..) => return,
            State::Held | State::Paused => self.take_turn(cx, id, at),
            State::Listening => {
                let Some(key) = self.turn_key(id, at) else { return };
                if self.turns.mine(key) || self.turns.alone() {
                    self.attempt(cx, id, at);
                } else {
                    self.take_turn(cx, id, at);
                }
            }
        }
        self.finish(cx, id);
    }

    /// Takes the turn if nobody has it and nothing was told meanwhile: claims it, and listens before it sends.
    fn take_turn(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        if self.dedup(id, at, cx.now.wall).is_none() {
            self.set_state(id, at, State::Done);
            return;
        }
        let Some(key) = self.turn_key(id, at) else { return };
        let held = self.turns.held(key, cx.now.mono);
        let challenge = held.as_ref().map(|claim| (claim.node, self.turns.challenge(key, claim)));
        if self.turns.flock.settling {
            self.hold(cx, id, at, cx.now.mono + SETTLE_LOOK);
        } else if let Some((node, when)) = challenge.filter(|(_, when)| cx.now.mono < *when) {
            debug!("turn {key:032x}: held by {node:016x}");
            self.note_held(cx.now, id, at, node);
            self.hold(cx, id, at, when);
        } else if self.turns.alone() {
            self.attempt(cx, id, at);
        } else if !self.defer(cx, id, at) {
            debug!("turn {key:032x}: claimed");
            let from = self.turns.before(key);
            let Some(delivery) = self.flush_of(id).and_then(|it| it.deliveries.get_mut(at)) else {
                return;
            };
            delivery.takes_from = from.filter(|_| delivery.attempts == 0);
            // Who has tried before gave up itself, whatever it has claimed since: then all try in turn.
            let tried = delivery.attempts > 0 || delivery.deferred;
            let handed_over = !tried && held.is_none() && self.turns.handed_over(key);
            let lifetime = turn::lifetime(Duration::ZERO);
            if handed_over {
                self.claim(key, cx.now.mono, lifetime, false);
                self.attempt(cx, id, at);
            } else {
                self.claim(key, cx.now.mono, LISTEN + lifetime, false);
                self.wait(cx, id, at, State::Listening, cx.now.mono + LISTEN);
            }
        }
    }

    /// Leaves the turn to others if this node has just not reached the receiver and another may. Returns whether it did.
    fn defer(&mut self, cx: &Cx<'_>, id: GroupId, at: usize) -> bool {
        let delivery = self.flush_of(id).and_then(|flush| flush.deliveries.get(at));
        let Some(delivery) = delivery.filter(|it| it.attempts == 0 && !it.deferred) else {
            return false;
        };
        let log = delivery.key.clone();
        let key = log.id();
        if !self.turns.another_can(key) || !self.reach.doubts(&log, cx.now.mono) {
            return false;
        }
        debug!("turn {key:032x}: left to others, the receiver was not reached a while ago");
        self.note(cx.now, id, at, Outcome::failed("it was not reached a while ago", true));
        self.hand_over(cx, id, at);
        if let Some(delivery) = self.flush_of(id).and_then(|flush| flush.deliveries.get_mut(at)) {
            (delivery.deferred, delivery.state) = (true, State::Paused);
        }
        self.set_timer(id, at, cx.now.mono + BEAT * 2);
        true
    }

    fn hold(&mut self, cx: &Cx<'_>, id: GroupId, at: usize, until: Mono) {
        self.wait(cx, id, at, State::Held, until);
    }

    fn wait(&mut self, cx: &Cx<'_>, id: GroupId, at: usize, state: State, until: Mono) {
        self.set_state(id, at, state);
        if let Some(delivery) = self.flush_of(id).and_then(|flush| flush.deliveries.get_mut(at)) {
            delivery.due = until.max(cx.now.mono + Duration::from_millis(1));
            let due = delivery.due;
            self.set_timer(id, at, due);
        }
    }

    /// Makes the next attempt, or logs what is not worth one.
    fn attempt(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        let Some(reason) = self.dedup(id, at, cx.now.wall) else {
            self.set_state(id, at, State::Done);
            return;
        };
        let Some(group) = self.groups.get_mut(id) else { return };
        let Some(flush) = group.flush.as_mut() else { return };
        let (deadline, receiver) = (flush.deadline, Rc::clone(&flush.receiver));
        let Some(delivery) = flush.deliveries.get_mut(at) else { return };
        let known = self.nflog.get(&delivery.key, cx.now.wall);
        delivery.tellers = known.map(|it| Rc::clone(&it.tellers)).unwrap_or_default();
        let Some(integration) = receiver.integrations.get(delivery.integration) else { return };
        if flush.firing.is_empty() && !integration.send_resolved {
            // The log learns that all have ended, though nothing is sent of it.
            self.set_state(id, at, State::Done);
            self.record(cx, id, at);
            return;
        }
        let notification = Notification {
            receiver: &receiver.name,
            group_key: &group.key,
            group_labels: &group.labels,
            route_labels: &self.routes.get(group.route).labels,
            reason: reason.as_str(),
            external_url: &self.options.external_url,
            alerts: views(flush, integration.send_resolved),
        };
        let (outgoing, timeout) = notify::request(&integration.kind, &notification);
        let left = deadline.since(cx.now.mono);
        let timeout = timeout.map_or(left, |timeout| timeout.min(left));
        let attempt = AttemptId(self.attempts_made);
        self.attempts_made += 1;
        self.attempts.insert(attempt, (id, at));
        self.stats.integration(integration.kind.as_str()).requests += 1;
        if let Some(delivery) = self.flush_of(id).and_then(|flush| flush.deliveries.get_mut(at)) {
            delivery.state = State::Sending(attempt, cx.now.mono, reason);
            delivery.attempts += 1;
        }
        self.timers.set(Timer::Delivery(id, at), deadline);
        self.note_taken(cx.now, id, at);
        if !self.turns.alone() {
            // The log entry of many alerts is long on its way: who waits for it must know before that.
            let after = if self.entry_len(id) > ENTRY_SHORT { Duration::ZERO } else { CLAIM_AFTER };
            self.timers.set(Timer::Claim(id, at), cx.now.mono + after);
        }
        cx.effects.push(Effect::Attempt(Attempt { id: attempt, outgoing, timeout }));
        if faults::on(Fault::LogBeforeAnswer) {
            self.record(cx, id, at);
        }
    }

    /// Gives the turn up: at once, or when the others have surely begun the flush, who would not heed it before.
    fn hand_over(&mut self, cx: &Cx<'_>, id: GroupId, at: usize) {
        let Some(key) = self.turn_key(id, at) else { return };
        let Some(begun) = self.flush_of(id).map(|flush| flush.tick.mono + TOGETHER) else { return };
        if cx.now.mono < begun {
            self.timers.set(Timer::Claim(id, at), begun);
        } else {
            self.claim(key, cx.now.mono, Duration::ZERO, true);
        }
    }

    /// Claims the turn of an attempt that is still under way, or renews the claim, or gives up what waited for that.
    pub(super) fn handle_claim(&mut self, cx: &Cx<'_>, id: GroupId, at: usize) {
        let Some(flush) = self.flush_of(id) else { return };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let key = delivery.key.id();
        let State::Sending(_, since, _) = delivery.state else {
            if delivery.state == State::Paused {
                self.claim(key, cx.now.mono, Duration::ZERO, true);
            }
            return;
        };
        let lifetime = turn::lifetime(cx.now.mono.since(since));
        let travel = self.entry_travel(id);
        self.claim(key, cx.now.mono, lifetime + travel, false);
        self.timers.set(Timer::Claim(id, at), cx.now.mono + turn::renewal(lifetime));
    }

    /// Takes what came of an attempt; of one that is no longer known, nothing.
    pub fn handle_reply(&mut self, cx: &mut Cx<'_>, attempt: AttemptId, reply: &Reply) {
        let Some((id, at)) = self.attempts.remove(&attempt) else { return };
        let Some(flush) = self.flush_of(id) else { return };
        let (deadline, receiver) = (flush.deadline, Rc::clone(&flush.receiver));
        let Some(delivery) = flush.deliveries.get_mut(at) else { return };
        let Some(integration) = receiver.integrations.get(delivery.integration) else { return };
        let State::Sending(_, since, reason) = delivery.state else { return };
        let (attempts, pause) = (delivery.attempts, delivery.pause);
        let log = delivery.key.clone();
        let key = log.id();
        delivery.pause = (pause * 3 / 2).min(PAUSE_MAX);
        let name = name(&delivery.key);
        let stats = self.stats.integration(integration.kind.as_str());
        stats.latency(cx.now.mono.since(since));
        self.timers.cancel(Timer::Claim(id, at));
        match reply {
            Reply::Failed(_) => self.reach.lost(&log, cx.now.mono),
            Reply::Done | Reply::Http { .. } => self.reach.found(&log),
        }
        match notify::judge(&integration.kind, reply) {
            Verdict::Sent => {
                stats.sent += 1;
                debug!("{name}: delivered at attempt {attempts}");
                self.note(cx.now, id, at, Outcome::Sent { reason, attempts });
                self.set_state(id, at, State::Done);
                self.record(cx, id, at);
            }
            Verdict::Retry(why) => {
                stats.requests_failed += 1;
                let brief = Brief(&why);
                warn!("{name}: attempt {attempts} failed, will be tried again: {brief}");
                self.set_state(id, at, State::Paused);
                let jitter = cx.rng.random_range(0.5..1.5);
                self.set_timer(id, at, (cx.now.mono + pause.mul_f64(jitter)).min(deadline));
                let another_can = !self.turns.alone() && self.turns.another_can(key);
                if attempts == 1 {
                    self.note(cx.now, id, at, Outcome::failed(&why, another_can));
                }
                if !self.turns.alone() {
                    self.hand_over(cx, id, at);
                    // While another can still try, it is the other's turn.
                    if another_can {
                        let next = cx.now.mono + pause.mul_f64(jitter).max(BEAT * 2);
                        self.set_timer(id, at, next.min(deadline));
                    }
                }
            }
            Verdict::Refused(why) => {
                stats.requests_failed += 1;
                stats.sent += 1;
                stats.failed += 1;
                self.note(cx.now, id, at, Outcome::refused(&why));
                let why = Brief(&why);
                warn!(
                    "{name}: refused at attempt {attempts}, will not be tried again before the next flush: {why}"
                );
                self.set_state(id, at, State::Failed);
            }
        }
        self.finish(cx, id);
    }

    /// Ends a delivery whose time is over.
    fn give_up(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        let Some(flush) = self.flush_of(id) else { return };
        let receiver = Rc::clone(&flush.receiver);
        let Some(attempts) = flush.deliveries.get(at).map(|it| it.attempts) else { return };
        self.note(cx.now, id, at, Outcome::Expired { attempts });
        let Some(flush) = self.flush_of(id) else { return };
        let Some(delivery) = flush.deliveries.get_mut(at) else { return };
        let state = std::mem::replace(&mut delivery.state, State::Failed);
        let (integration, key) = (delivery.integration, delivery.key.clone());
        if let State::Sending(attempt, ..) = state {
            self.attempts.remove(&attempt);
            cx.effects.push(Effect::Cancel(attempt));
        }
        if let Some(integration) = receiver.integrations.get(integration).filter(|_| attempts > 0) {
            let name = name(&key);
            warn!(
                "{name}: notify retry canceled after {attempts} attempts: the flush's deadline has passed"
            );
            let stats = self.stats.integration(integration.kind.as_str());
            stats.sent += 1;
            stats.failed += 1;
        }
        self.finish(cx, id);
    }

    /// Stops the deliveries of a flush whose group is to go.
    pub(super) fn abandon(&mut self, cx: &mut Cx<'_>, id: GroupId, flush: &Flush) {
        for (at, delivery) in flush.deliveries.iter().enumerate() {
            self.timers.cancel(Timer::Delivery(id, at));
            self.timers.cancel(Timer::Claim(id, at));
            self.open.remove(&delivery.key.id());
            if let State::Sending(attempt, ..) = delivery.state {
                self.attempts.remove(&attempt);
                cx.effects.push(Effect::Cancel(attempt));
            }
        }
    }

    /// Takes another member's claim.
    pub fn handle_peer_claim(&mut self, cx: &mut Cx<'_>, key: u128, claim: Claim) {
        let surrendered = claim.surrendered;
        let mine = self.turns.mine(key);
        self.turns.put(key, claim);
        let Some(&(id, at)) = self.open.get(&key) else { return };
        let Some(flush) = self.flush_of(id) else { return };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        match delivery.state {
            State::Sending(_, since, _) if mine || !surrendered => {
                self.answer(cx.now.mono, id, at, since);
                return;
            }
            State::Held | State::Listening if surrendered && delivery.attempts == 0 => {}
            _ => return,
        }
        // It cannot deliver: whoever comes next by rank takes over at once.
        let due = delivery.due;
        let next = cx.now.mono + BEAT * self.turns.rank(key);
        if next < due && !self.turns.flock.settling {
            self.hold(cx, id, at, next);
        }
    }

    /// Claims a turn anew that another claims while an attempt of this node is under way: at once, but not as often as
    /// two that both send would answer each other.
    fn answer(&mut self, now: Mono, id: GroupId, at: usize, since: Mono) {
        let gap = turn::lifetime(now.since(since)) / 4;
        let due = self.timers.due(Timer::Claim(id, at));
        let Some(delivery) = self.flush_of(id).and_then(|it| it.deliveries.get_mut(at)) else {
            return;
        };
        let when = delivery.answers.map_or(now, |last| now.max(last + gap));
        if due.is_none_or(|due| when < due) {
            delivery.answers = Some(when);
            self.timers.set(Timer::Claim(id, at), when);
        }
    }

    /// Looks again at a delivery of which another member, `node`, has logged something.
    pub fn handle_peer_log(&mut self, cx: &mut Cx<'_>, key: &LogKey, node: u64) {
        let turn = key.id();
        self.turns.end(turn);
        let Some(&(id, at)) = self.open.get(&turn) else { return };
        let Some(delivery) = self.flush_of(id).and_then(|flush| flush.deliveries.get(at)) else {
            return;
        };
        let waits = matches!(delivery.state, State::Held | State::Listening | State::Paused);
        if waits && self.dedup(id, at, cx.now.wall).is_none() {
            debug!("{key}: told by another member");
            self.note(cx.now, id, at, Outcome::Told { by: node });
            self.set_state(id, at, State::Done);
            self.finish(cx, id);
        }
    }

    /// Gives up every turn that this node has claimed: it is about to leave.
    pub fn surrender(&mut self, now: Mono) {
        let claimed: Vec<u128> =
            self.open.keys().copied().filter(|key| self.turns.mine(*key)).collect();
        for key in claimed {
            self.claim(key, now, Duration::ZERO, true);
        }
    }

    /// How many alerts the log entry of a flush names.
    fn entry_len(&self, id: GroupId) -> usize {
        let flush = self.groups.get(id).and_then(|group| group.flush.as_ref());
        flush.map_or(0, |flush| flush.alerts.len())
    }

    /// How long the log entry of a flush takes to reach all others, if it is too long for a datagram.
    fn entry_travel(&self, id: GroupId) -> Duration {
        let alerts = self.entry_len(id);
        if alerts <= ENTRY_SHORT {
            return Duration::ZERO;
        }
        let copies = u32::try_from(alerts * self.turns.flock.others.len()).unwrap_or(u32::MAX);
        ENTRY_MENDED + ENTRY_TRAVEL * copies
    }

    fn claim(&mut self, key: u128, now: Mono, lifetime: Duration, surrendered: bool) {
        let node = self.turns.flock.me;
        let claim = Claim { node, until: now + lifetime, surrendered, given_up: Vec::new() };
        self.turns.put(key, claim);
        let given_up = self.turns.given_up(key);
        self.changes.push(Change::Claim { key, lifetime, surrendered, given_up });
    }

    /// Notes once whose claim a delivery waits for.
    fn note_held(&mut self, now: Now, id: GroupId, at: usize, by: u64) {
        let delivery = self.flush_of(id).and_then(|flush| flush.deliveries.get_mut(at));
        if delivery.is_some_and(|it| it.held_by.replace(by) != Some(by)) {
            self.note(now, id, at, Outcome::Held { by });
        }
    }

    /// Notes once that a delivery is taken over from whoever had the turn.
    fn note_taken(&mut self, now: Now, id: GroupId, at: usize) {
        let delivery = self.flush_of(id).and_then(|flush| flush.deliveries.get_mut(at));
        if let Some(from) = delivery.and_then(|it| it.takes_from.take()) {
            self.note(now, id, at, Outcome::TookOver { from });
        }
    }

    fn turn_key(&mut self, id: GroupId, at: usize) -> Option<u128> {
        Some(self.flush_of(id)?.deliveries.get(at)?.key.id())
    }

    fn set_state(&mut self, id: GroupId, at: usize, state: State) {
        if let Some(delivery) = self.flush_of(id).and_then(|flush| flush.deliveries.get_mut(at)) {
            delivery.state = state;
        }
    }

    /// Sets the timer of a delivery, which never lies behind the flush's deadline.
    fn set_timer(&mut self, id: GroupId, at: usize, when: Mono) {
        let Some(deadline) = self.flush_of(id).map(|flush| flush.deadline) else { return };
        self.timers.set(Timer::Delivery(id, at), when.min(deadline));
    }
}

/// The alerts of a flush as one integration is told of them.
fn views(flush: &Flush, send_resolved: bool) -> Vec<notify::AlertView<'_>> {
    let told = flush.alerts.iter().filter(|it| send_resolved || !it.resolved);
    told.map(|it| notify::AlertView {
        fingerprint: it.fingerprint,
        alert: &it.alert,
        resolved: it.resolved,
    })
    .collect()
}

/// What the log calls a delivery: `default/webhook[0]: group {}:{alertname="A"}`.
fn name(key: &LogKey) -> String {
    let LogKey { group, receiver, integration, index } = key;
    format!("{}/{integration}[{index}]: group {}", Brief(receiver), Brief(group.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GroupKey;

    #[test]
    fn the_log_names_receiver_integration_and_group_in_bounds() {
        let key = |group: &str| LogKey {
            group: GroupKey::from_stored(group),
            receiver: "team".into(),
            integration: "webhook".into(),
            index: 1,
        };
        assert_eq!(
            name(&key(r#"{}:{alertname="A"}"#)),
            r#"team/webhook[1]: group {}:{alertname="A"}"#
        );
        assert!(name(&key(&"x".repeat(50_000))).len() < 1100);
    }
}

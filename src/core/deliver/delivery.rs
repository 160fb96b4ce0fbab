//! A delivery: one integration is to be told of a flush. It takes its turn, is attempted, tried again, and ends.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use log::{debug, info};
use rand::RngExt as _;

use crate::config::{Integration, Receiver};
use crate::core::Core;
use crate::core::deliver::content::Content;
use crate::core::deliver::dedup::Reason;
use crate::core::deliver::history::{Outcome, Told};
use crate::core::deliver::reach;
use crate::core::deliver::turn::{BEAT, SETTLE_LOOK};
use crate::core::timers::Timer;
use crate::core::which::{GroupId, Which};
use crate::effect::{Attempt, AttemptId, Cx, Effect};
use crate::limits::{ATTEMPT_TIME, REQUESTS_PER_ATTEMPT_MAX};
use crate::model::{Brief, LogEntry, LogKey};
use crate::notify::{self, Cause, Draft, Failure, Reply, Verdict};
use crate::time::Mono;

/// The pause after the first failed attempt; each further one is half as long again, give or take half of it.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// One integration's part of a flush.
#[derive(Debug)]
pub struct Delivery {
    /// The receiver that is notified: the route's, or its fallback.
    pub(in crate::core) receiver: Arc<Receiver>,
    /// The place of the integration in it.
    place: usize,
    /// Its entry in the log.
    pub(in crate::core) key: LogKey,
    pub(in crate::core) state: State,
    pub(in crate::core) attempts: u32,
    /// Requests of the attempt that is under way: some receivers take several.
    requests: u32,
    /// The draft that the last attempt sends or has sent.
    pub(in crate::core) draft: Option<Rc<Draft>>,
    /// Why the last attempt failed, if it did.
    cause: Option<Cause>,
    pause: Duration,
    /// How long the next attempt may take if its config does not say.
    patience: Duration,
    /// When it is to be looked at again, while it is [`State::Held`] or [`State::Listening`].
    pub(in crate::core) due: Mono,
    /// Whose claim it waits for, as the history has it.
    pub(in crate::core) held_by: Option<u64>,
    /// Whose turn it was if this node takes it, until the history has it.
    pub(in crate::core) takes_from: Option<u64>,
    /// When it last answered another's claim while it was [`State::Sending`], or will.
    pub(in crate::core) answers: Option<Mono>,
    /// Whether it has left the turn to others without trying.
    pub(in crate::core) deferred: bool,
    /// The content.
    pub(in crate::core) content: Rc<Content>,
    /// Facts that the receiver's answer has brought, if any.
    pub(in crate::core) facts: Option<Rc<[Arc<str>]>>,
    /// The senders of the group's notifications when that was looked at last.
    pub(in crate::core) tellers: Rc<[(u64, u64)]>,
    /// The deliveries of other groups that its attempt tells of, too.
    pub(in crate::core) carries: Vec<Which>,
}

/// Where a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum State {
    /// It waits for another member, or for its rank's beat.
    Held,
    /// This node has claimed the turn and listens whether another has too.
    Listening,
    /// This node has the turn since then, and waits with this ticket until fewer attempts are under way.
    Waiting(u64, Mono),
    /// An attempt is under way since, for this reason.
    Sending(AttemptId, Mono, Reason),
    /// An attempt has failed; the next waits for its timer.
    Paused,
    /// It waits until there is room in its receiver's rate limit.
    HeldBack,
    /// The attempt of another group's delivery tells of this one, too.
    Carried,
    /// Delivered, by whomever, or nothing was to be said.
    Done,
    /// Refused, or the deadline passed.
    Failed,
}

impl Delivery {
    pub(in crate::core) fn new(
        (receiver, place): (Arc<Receiver>, usize),
        key: LogKey,
        (content, tellers): (Rc<Content>, Rc<[(u64, u64)]>),
        now: Mono,
    ) -> Self {
        Self {
            receiver,
            place,
            key,
            state: State::Held,
            attempts: 0,
            requests: 0,
            draft: None,
            cause: None,
            pause: PAUSE_FIRST,
            patience: ATTEMPT_TIME,
            due: now,
            held_by: None,
            takes_from: None,
            answers: None,
            deferred: false,
            content,
            facts: None,
            tellers,
            carries: Vec::new(),
        }
    }

    /// The integration that it notifies.
    pub(in crate::core) fn integration(&self) -> Option<&Integration> {
        self.receiver.integrations.get(self.place)
    }

    pub(in crate::core) const fn open(&self) -> bool {
        !matches!(self.state, State::Done | State::Failed)
    }
}

impl Core {
    /// Begins a delivery: at once if this node's turn comes first, else after its rank's beat.
    pub(in crate::core) fn begin(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        if self.dedup(id, at, cx.now.wall).is_none() {
            self.set_state(id, at, State::Done);
            return;
        }
        let Some(key) = self.turn_key(id, at) else { return };
        self.open.insert(key, (id, at));
        self.turns.begin(key);
        if let Some(order) = self.log_key_of(id, at).and_then(|log| self.shared_order(&log)) {
            self.turns.order_as(key, order);
        }
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
    pub(in crate::core) fn handle_delivery(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        let Some(flush) = self.flush_of(id) else { return };
        let past = cx.now.mono >= flush.deadline;
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let state = delivery.state;
        match state {
            State::Done | State::Failed | State::Carried => return,
            // The next flush takes it up.
            State::HeldBack if past => self.set_state(id, at, State::Failed),
            _ if past => {
                self.give_up(cx, id, at);
                self.fill(cx);
                return;
            }
            State::Sending(..) | State::Waiting(..) => return,
            State::HeldBack => self.begin(cx, id, at),
            State::Held | State::Paused => self.take_turn(cx, id, at),
            State::Listening => self.has_listened(cx, id, at),
        }
        self.finish(cx, id);
    }

    /// Makes the next attempt, or logs what is not worth one.
    pub(in crate::core) fn attempt(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        let Some(reason) = self.dedup(id, at, cx.now.wall) else {
            self.set_state(id, at, State::Done);
            return;
        };
        let Some(flush) = self.flush_of(id) else { return };
        let deadline = flush.deadline;
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let receiver = Arc::clone(&delivery.receiver);
        let Some(integration) = receiver.integrations.get(delivery.place) else { return };
        let place = (!integration.schema.instant).then(|| reach::key(&delivery.key));
        let (key, content) = (delivery.key.clone(), Rc::clone(&delivery.content));
        let is_unwanted = content.firing.is_empty() && !integration.send_resolved;
        if is_unwanted && self.missed(&key, &content, cx.now.wall).is_empty() {
            // The log learns that all have ended, though nothing is sent of it.
            self.set_state(id, at, State::Done);
            self.record(cx, id, at);
            return;
        }
        if (place.is_some() && self.is_left_alone(cx, id, at)) || self.hold_back(cx, id, at) {
            return;
        }
        if place.as_ref().is_some_and(|place| !self.attempts.has_room(place)) {
            self.queue(cx, id, at, deadline);
            return;
        }
        if receiver.rate_limit.is_some() {
            self.gather(cx, id, at);
        }
        let Some(notification) = self.notification(id, at, reason, cx.now) else { return };
        let draft = notify::draft(integration, notification, &self.config.templates);
        let Some(delivery) = self.flush_of(id).and_then(|it| it.deliveries.get_mut(at)) else {
            return;
        };
        delivery.attempts += 1;
        delivery.requests = 0;
        let reason = if delivery.carries.is_empty() { reason } else { Reason::HeldBack };
        let draft = Rc::new(self.first_step(id, at, draft, cx.now.mono));
        self.note_faults(cx.now, id, at, &draft);
        self.note_taken(cx.now, id, at);
        self.send(cx, id, at, draft, reason);
    }

    /// Sends a draft: an attempt's first request, or a further one.
    fn send(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize, draft: Rc<Draft>, reason: Reason) {
        let Some(flush) = self.flush_of(id) else { return };
        let deadline = flush.deadline;
        let Some(delivery) = flush.deliveries.get_mut(at) else { return };
        let place = (!draft.schema().instant).then(|| reach::key(&delivery.key));
        delivery.draft = Some(Rc::clone(&draft));
        delivery.requests += 1;
        let left = deadline.since(cx.now.mono);
        let timeout = draft.timeout().unwrap_or(delivery.patience).min(left);
        let attempt = self.attempts.begin((id, at), place, draft.bytes());
        self.set_state(id, at, State::Sending(attempt, cx.now.mono, reason));
        self.timers.set(Timer::Delivery(id, at), deadline);
        self.arm_claim(cx, id, at);
        cx.effects.push(Effect::Attempt(Attempt { id: attempt, draft, timeout }));
    }

    /// Takes what came of an attempt or a look; of one that is no longer known, nothing.
    pub fn handle_reply(&mut self, cx: &mut Cx<'_>, attempt: AttemptId, reply: &Reply) {
        let Some((id, at)) = self.attempts.end(attempt) else {
            if self.handle_heartbeat_reply(cx, attempt, reply) {
                return;
            }
            self.handle_look(cx, attempt, reply);
            return;
        };
        let delivery = self.flush_of(id).and_then(|flush| flush.deliveries.get(at));
        let key = delivery.map(|it| reach::key(&it.key));
        self.judge(cx, id, at, reply);
        if let Some(key) = key.filter(|_| !matches!(reply, Reply::Unsendable(_))) {
            self.learn(cx, &key, !matches!(reply, Reply::Failed(_)));
        }
        self.finish(cx, id);
        self.fill(cx);
    }

    /// Draws the conclusions from the reply to a delivery's attempt.
    fn judge(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize, reply: &Reply) {
        let Some(flush) = self.flush_of(id) else { return };
        let Some(delivery) = flush.deliveries.get_mut(at) else { return };
        let State::Sending(_, since, reason) = delivery.state else { return };
        let Some(draft) = delivery.draft.take() else { return };
        let (attempts, requests) = (delivery.attempts, delivery.requests);
        if matches!(reply, Reply::Failed(failure) if failure.cause == Cause::Timeout) {
            // One that is slow, not gone, is to hear it no more often than it must.
            delivery.patience *= 2;
        }
        let log_key = delivery.key.clone();
        let name = name(&log_key);
        let stats = self.stats.integration(draft.schema().name);
        stats.latency(cx.now.mono.since(since));
        self.timers.cancel(Timer::Claim(id, at));
        let verdict = self.keep(&log_key, draft.judge(reply), cx.now.mono);
        let goes_on = matches!(verdict, Verdict::Next(_)) && requests < REQUESTS_PER_ATTEMPT_MAX;
        if !goes_on {
            self.stats.integration(draft.schema().name).requests += 1;
        }
        if let Verdict::Remember(facts) = &verdict
            && let Some(delivery) = self.flush_of(id).and_then(|it| it.deliveries.get_mut(at))
        {
            delivery.facts = Some(LogEntry::facts_of(facts.iter().map(String::as_str)));
        }
        match verdict {
            Verdict::Sent | Verdict::Remember(_) => {
                self.stats.integration(draft.schema().name).sent += 1;
                let tries =
                    if attempts > 1 { format!(", attempt {attempts}") } else { String::new() };
                info!("{name}: delivered ({}{tries})", reason.as_str());
                self.note_delivering(cx.now, &log_key);
                self.stop_backing_off(cx.now.mono, &reach::key(&log_key));
                let late = draft.notification().alerts.iter().filter(|it| it.late).count();
                self.stats.told_late += late as u64;
                self.told_cut(&log_key);
                let told = Told::of(&draft).answered(reply);
                self.note_told(cx.now, id, at, Outcome::Sent { reason, attempts }, Some(told));
                self.set_state(id, at, State::Done);
                self.record(cx, id, at);
                self.spend(cx, id, at, attempts);
            }
            Verdict::Next(step) | Verdict::NextFor(step, _) if goes_on => {
                self.send(cx, id, at, Rc::new(draft.at(step)), reason);
            }
            Verdict::Next(_) | Verdict::NextFor(..) => {
                let why = format!("no end after {requests} requests");
                let failure = Failure { cause: Cause::Other, why };
                self.refuse(cx, id, at, &draft, &failure);
            }
            Verdict::Retry(failure, after) => {
                self.retry(cx, id, at, &draft, (failure, after));
            }
            Verdict::Refused(failure) => self.refuse(cx, id, at, &draft, &failure),
        }
    }

    /// Lets a delivery whose attempt has failed wait for the next one, not before `after` has passed.
    fn retry(
        &mut self,
        cx: &mut Cx<'_>,
        id: GroupId,
        at: usize,
        draft: &Draft,
        (failure, after): (Failure, Option<Duration>),
    ) {
        let Some(flush) = self.flush_of(id) else { return };
        let deadline = flush.deadline;
        let Some(delivery) = flush.deliveries.get_mut(at) else { return };
        let (attempts, pause, key) = (delivery.attempts, delivery.pause, delivery.key.id());
        delivery.pause = (pause * 3 / 2).min(PAUSE_MAX);
        delivery.cause = Some(failure.cause);
        let log_key = delivery.key.clone();
        debug!("{}: attempt {attempts} failed", name(&log_key));
        self.note_failing(cx.now, id, &log_key, &failure.why);
        self.back_off(cx, &reach::key(&log_key));
        self.owe(cx.now, id, at);
        self.stats.integration(draft.schema().name).requests_failed += 1;
        self.set_state(id, at, State::Paused);
        self.put_back(cx.now.mono, id, at);
        let pause = pause.mul_f64(cx.rng.random_range(0.5..1.5)).max(after.unwrap_or_default());
        self.set_timer(id, at, (cx.now.mono + pause).min(deadline));
        let another_can = !self.turns.alone() && self.turns.another_can(key);
        if attempts == 1 {
            let outcome = Outcome::failed(&failure.why, another_can);
            self.note_told(cx.now, id, at, outcome, Some(Told::of(draft)));
        }
        if !self.turns.alone() {
            self.hand_over(cx, id, at);
            // While another can still try, it is the other's turn.
            if another_can {
                let next = cx.now.mono + pause.max(BEAT * 2);
                self.set_timer(id, at, next.min(deadline));
            }
        }
        if !another_can {
            self.fall_back(cx, id, at);
        }
    }

    /// Ends a delivery that the receiver has refused.
    fn refuse(
        &mut self,
        cx: &mut Cx<'_>,
        id: GroupId,
        at: usize,
        draft: &Draft,
        failure: &Failure,
    ) {
        let Some(flush) = self.flush_of(id) else { return };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let (log_key, attempts) = (delivery.key.clone(), delivery.attempts);
        debug!("{}: refused at attempt {attempts}", name(&log_key));
        self.note_failing(cx.now, id, &log_key, &failure.why);
        let stats = self.stats.integration(draft.schema().name);
        stats.requests_failed += 1;
        stats.fail(failure.cause);
        let outcome = Outcome::refused(&failure.why);
        self.note_told(cx.now, id, at, outcome, Some(Told::of(draft)));
        self.owe_nothing(&log_key);
        self.set_state(id, at, State::Failed);
        self.surrender_turn(cx.now.mono, log_key.id());
        self.put_back(cx.now.mono, id, at);
        self.fall_back(cx, id, at);
    }

    /// Ends a delivery whose time is over.
    pub(in crate::core) fn give_up(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        let Some(flush) = self.flush_of(id) else { return };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let (attempts, key) = (delivery.attempts, reach::key(&delivery.key));
        if attempts > 0 || self.backoff.until(&key).is_none() {
            self.note(cx.now, id, at, Outcome::Expired { attempts });
        }
        self.owe(cx.now, id, at);
        let Some(flush) = self.flush_of(id) else { return };
        let Some(delivery) = flush.deliveries.get_mut(at) else { return };
        let state = delivery.state;
        let kind = delivery.integration().map(Integration::name);
        let (key, cause) = (delivery.key.clone(), delivery.cause);
        self.set_state(id, at, State::Failed);
        self.turns.release(key.id(), cx.now.mono);
        self.put_back(cx.now.mono, id, at);
        if let State::Sending(attempt, ..) = state {
            self.attempts.end(attempt);
            cx.effects.push(Effect::Cancel(attempt));
        }
        let was_its_own = attempts > 0 || matches!(state, State::Waiting(..));
        if let Some(kind) = kind.filter(|_| was_its_own) {
            let name = name(&key);
            debug!("{name}: not delivered by the flush's deadline, {attempts} attempts");
            let stats = self.stats.integration(kind);
            stats.fail(cause.unwrap_or(Cause::Timeout));
            if let State::Sending(..) = state {
                stats.requests += 1;
                stats.requests_failed += 1;
                self.note_failing(cx.now, id, &key, "no answer until the flush's deadline");
                self.back_off(cx, &reach::key(&key));
            }
        }
        self.finish(cx, id);
    }

    /// Looks again at a delivery of which another member, `node`, has logged something.
    pub fn handle_peer_log(&mut self, cx: &mut Cx<'_>, key: &LogKey, node: u64) {
        let turn = key.id();
        self.turns.end(turn);
        let integration = reach::key(key);
        self.try_again(cx.now.mono, |it| *it == integration);
        let Some(&(id, at)) = self.open.get(&turn) else { return };
        let Some(delivery) = self.flush_of(id).and_then(|flush| flush.deliveries.get(at)) else {
            return;
        };
        if matches!(delivery.state, State::Sending(..)) || !delivery.open() {
            return;
        }
        if self.dedup(id, at, cx.now.wall).is_none() {
            debug!("{key}: told by another member");
            self.note(cx.now, id, at, Outcome::Told { by: node });
            self.set_state(id, at, State::Done);
            self.finish(cx, id);
        }
    }

    pub(in crate::core) fn turn_key(&mut self, id: GroupId, at: usize) -> Option<u128> {
        Some(self.flush_of(id)?.deliveries.get(at)?.key.id())
    }

    pub(in crate::core) fn set_state(&mut self, id: GroupId, at: usize, state: State) {
        let Some(delivery) = self.flush_of(id).and_then(|flush| flush.deliveries.get_mut(at))
        else {
            return;
        };
        let log = delivery.key.clone();
        if let State::Waiting(ticket, _) = std::mem::replace(&mut delivery.state, state) {
            self.attempts.leave(&reach::key(&log), ticket);
        }
        if state == State::Done {
            self.budgets.release(&log);
        }
    }

    /// Sets the timer of a delivery, which never lies behind the flush's deadline.
    pub(in crate::core) fn set_timer(&mut self, id: GroupId, at: usize, when: Mono) {
        let Some(deadline) = self.flush_of(id).map(|flush| flush.deadline) else { return };
        self.timers.set(Timer::Delivery(id, at), when.min(deadline));
    }
}

/// The name of a delivery in the log: `default/webhook[0]: group {}:{alertname="A"}`.
pub(in crate::core) fn name(key: &LogKey) -> String {
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

//! Attempts: the request of a delivery, what follows from the reply, and the pause before the next one.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use log::{debug, info};

use crate::core::Core;
use crate::core::deliver::backoff;
use crate::core::deliver::dedup::Reason;
use crate::core::deliver::delivery::{Sent, name};
use crate::core::deliver::history::{Outcome, Told};
use crate::core::deliver::machine::Input;
use crate::core::deliver::reach;
use crate::core::deliver::turn::BEAT;
use crate::core::timers::Timer;
use crate::core::which::Which;
use crate::effect::{Attempt, AttemptId, Cx, Effect};
use crate::limits::REQUESTS_PER_ATTEMPT_MAX;
use crate::model::LogEntry;
use crate::notify::{self, Cause, Draft, Failure, Reply, Verdict};

impl Core {
    /// Makes the next attempt of a delivery.
    pub(in crate::core) fn attempt(&mut self, cx: &mut Cx<'_>, which: Which, reason: Reason) {
        let Some(receiver) = self.delivery(which).map(|it| Arc::clone(&it.receiver)) else {
            return;
        };
        if receiver.is_limited() {
            self.gather(cx, which);
        }
        let Some(notification) = self.notification(which, reason, cx.now) else { return };
        let Some(delivery) = self.delivery(which) else { return };
        let Some(integration) = delivery.integration() else { return };
        let draft = notify::draft(integration, notification, &self.config.templates);
        let Some(delivery) = self.delivery_mut(which) else { return };
        delivery.attempts += 1;
        delivery.requests = 0;
        let reason = if delivery.carries.is_empty() { reason } else { Reason::HeldBack };
        let draft = Rc::new(self.first_step(which, draft, cx.now.mono));
        self.note_faults(cx.now, which, &draft);
        self.note_taken(cx.now, which);
        self.send(cx, which, draft, reason);
    }

    /// Sends a draft: an attempt's first request, or a further one.
    fn send(&mut self, cx: &mut Cx<'_>, which: Which, draft: Rc<Draft>, reason: Reason) {
        let Some(deadline) = self.deadline_of(which) else { return };
        let Some(delivery) = self.delivery_mut(which) else { return };
        let place = (!draft.schema().instant).then(|| reach::key(&delivery.key));
        delivery.draft = Some(Rc::clone(&draft));
        delivery.requests += 1;
        let left = deadline.since(cx.now.mono);
        let timeout = draft.timeout().unwrap_or(delivery.patience).min(left);
        let id = self.places.begin(which, place, draft.bytes());
        if let Some(delivery) = self.delivery_mut(which) {
            delivery.sent = Some(Sent { id, since: cx.now.mono, reason });
        }
        self.set_timer_to_deadline(which);
        self.arm_claim(cx, which);
        cx.effects.push(Effect::Attempt(Attempt { id, draft, timeout }));
    }

    /// Takes the outcome of an attempt or a look. That of one that is no longer known changes nothing.
    pub fn handle_reply(&mut self, cx: &mut Cx<'_>, attempt: AttemptId, reply: &Reply) {
        let Some(which) = self.places.end(attempt) else {
            if self.handle_heartbeat_reply(cx, attempt, reply) {
                return;
            }
            self.handle_look(cx, attempt, reply);
            return;
        };
        let key = self.delivery(which).map(|it| reach::key(&it.key));
        self.judge(cx, which, reply);
        if let Some(key) = key.filter(|_| !matches!(reply, Reply::Unsendable(_))) {
            self.learn(cx, &key, !matches!(reply, Reply::Failed(_)));
        }
        self.finish(cx, which.0);
        self.fill(cx);
    }

    /// Draws the conclusions from the reply to a delivery's attempt.
    fn judge(&mut self, cx: &mut Cx<'_>, which: Which, reply: &Reply) {
        let Some(delivery) = self.delivery_mut(which) else { return };
        let Some(sent) = delivery.sent.take() else { return };
        let Some(draft) = delivery.draft.take() else { return };
        let requests = delivery.requests;
        if matches!(reply, Reply::Failed(failure) if failure.cause == Cause::Timeout) {
            // A receiver that is slow, and not gone, should not be sent the same more often than needed.
            delivery.patience *= 2;
        }
        let log_key = delivery.key.clone();
        let stats = self.stats.integration(draft.schema().name);
        stats.latency(cx.now.mono.since(sent.since));
        self.timers.cancel(Timer::Claim(which.0, which.1));
        let verdict = self.keep(&log_key, draft.judge(reply), cx.now.mono);
        let goes_on = matches!(verdict, Verdict::Next(_)) && requests < REQUESTS_PER_ATTEMPT_MAX;
        if !goes_on {
            self.stats.integration(draft.schema().name).requests += 1;
        }
        match verdict {
            Verdict::Sent => self.delivered(cx, which, &draft, reply, sent.reason),
            Verdict::Remember(facts) => {
                if let Some(delivery) = self.delivery_mut(which) {
                    delivery.facts = Some(LogEntry::facts_of(facts.iter().map(String::as_str)));
                }
                self.delivered(cx, which, &draft, reply, sent.reason);
            }
            Verdict::Next(step) | Verdict::NextFor(step, _) if goes_on => {
                self.send(cx, which, Rc::new(draft.at(step)), sent.reason);
            }
            Verdict::Next(_) | Verdict::NextFor(..) => {
                let why = format!("no end after {requests} requests");
                let failure = Failure { cause: Cause::Other, why };
                self.refuse(cx, which, &draft, &failure);
            }
            Verdict::Retry(failure, after) => {
                self.retry(cx, which, &draft, (failure, after));
            }
            Verdict::Refused(failure) => self.refuse(cx, which, &draft, &failure),
        }
    }

    /// Ends a delivery that the receiver has taken.
    fn delivered(
        &mut self,
        cx: &mut Cx<'_>,
        which: Which,
        draft: &Draft,
        reply: &Reply,
        reason: Reason,
    ) {
        let Some(delivery) = self.delivery(which) else { return };
        let (log_key, attempts) = (delivery.key.clone(), delivery.attempts);
        self.stats.integration(draft.schema().name).sent += 1;
        let tries = if attempts > 1 { format!(", attempt {attempts}") } else { String::new() };
        info!("{}: delivered ({}{tries})", name(&log_key), reason.as_str());
        let key = reach::key(&log_key);
        self.note_delivering(cx.now, &log_key);
        self.stop_backing_off(cx.now.mono, which, &key);
        let late = draft.notification().alerts.iter().filter(|it| it.late).count();
        self.stats.told_late += late as u64;
        self.told_cut(&log_key);
        let told = Told::of(draft).answered(reply);
        self.note_told(cx.now, which, Outcome::Sent { reason, attempts }, Some(told));
        self.step(cx, which, Input::Delivered);
        let switch = draft.notification().held_back.and_then(|it| it.budget);
        self.spend(cx, which, (attempts, switch));
    }

    /// Lets a delivery whose attempt has failed wait for the next one, not before `after` has passed.
    fn retry(
        &mut self,
        cx: &mut Cx<'_>,
        which: Which,
        draft: &Draft,
        (failure, after): (Failure, Option<Duration>),
    ) {
        let Some(delivery) = self.delivery_mut(which) else { return };
        let (attempts, key) = (delivery.attempts, delivery.key.id());
        let pause = backoff::next_pause(&mut delivery.pause);
        delivery.cause = Some(failure.cause);
        let log_key = delivery.key.clone();
        debug!("{}: attempt {attempts} failed", name(&log_key));
        self.note_failing(cx.now, which.0, &log_key, &failure.why);
        self.back_off(cx, &reach::key(&log_key));
        self.owe(cx.now, which);
        self.stats.integration(draft.schema().name).requests_failed += 1;
        self.step(cx, which, Input::Failed);
        self.put_back(cx, which);
        let pause = backoff::jittered(pause, cx.rng).max(after.unwrap_or_default());
        self.set_timer(which, cx.now.mono + pause);
        let another_can = !self.turns.alone() && self.turns.another_can(key);
        if attempts == 1 {
            let outcome = Outcome::failed(&failure.why, another_can);
            self.note_told(cx.now, which, outcome, Some(Told::of(draft)));
        }
        if !self.turns.alone() {
            self.hand_over(cx, which);
            // While another can still try, it is the other's turn.
            if another_can {
                self.set_timer(which, cx.now.mono + pause.max(BEAT * 2));
            }
        }
        if !another_can {
            self.fall_back(cx, which);
        }
    }

    /// Ends a delivery that the receiver has refused.
    fn refuse(&mut self, cx: &mut Cx<'_>, which: Which, draft: &Draft, failure: &Failure) {
        let Some(delivery) = self.delivery(which) else { return };
        let (log_key, attempts) = (delivery.key.clone(), delivery.attempts);
        debug!("{}: refused at attempt {attempts}", name(&log_key));
        self.note_failing(cx.now, which.0, &log_key, &failure.why);
        let stats = self.stats.integration(draft.schema().name);
        stats.requests_failed += 1;
        stats.fail(failure.cause);
        let outcome = Outcome::refused(&failure.why);
        self.note_told(cx.now, which, outcome, Some(Told::of(draft)));
        self.owe_nothing(&log_key);
        self.step(cx, which, Input::Refused);
        self.surrender_turn(cx.now.mono, which);
        self.put_back(cx, which);
        self.fall_back(cx, which);
    }
}

//! Deliveries act: for each input the [machine](machine::step) is asked for the next state and action, and the action is taken.

use std::rc::Rc;
use std::time::Duration;

use log::debug;

use crate::config::Integration;
use crate::core::Core;
use crate::core::deliver::backoff::Permit;
use crate::core::deliver::delivery;
use crate::core::deliver::history::Outcome;
use crate::core::deliver::machine::{self, Action, Input, State};
use crate::core::deliver::reach::{self, Advice};
use crate::core::deliver::sight::Sight;
use crate::core::deliver::turn::{BEAT, CLAIM_LIFE, LISTEN};
use crate::core::timers::Timer;
use crate::core::which::Which;
use crate::effect::{Cx, Effect};
use crate::limits::CONNECT_TIME_MAX;
use crate::notify::Cause;
use crate::time::Mono;

impl Core {
    /// Tells a delivery of an input. It takes its next step; returns the action that it took.
    pub(in crate::core) fn step(&mut self, cx: &mut Cx<'_>, which: Which, input: Input) -> Action {
        let Some(sight) = Sight::of(self, which, cx.now) else { return Action::Nothing };
        let before = sight.state();
        let (state, action) = machine::step(before, input, &sight);
        let asked = sight.asked();
        let Some(delivery) = self.delivery_mut(which) else { return Action::Nothing };
        delivery.state = state;
        if let Some(renewed) = asked.renewed {
            (delivery.notified_by, delivery.content) = renewed;
        }
        let (log, ticket) = (delivery.key.clone(), delivery.ticket);
        debug!("{}: {input:?}: {before:?} to {state:?}: {action:?}", delivery::name(&log));
        let key = reach::key(&log);
        match asked.advice {
            Some(Advice::Probe) => self.reach.probe(&key, cx.now.mono),
            Some(Advice::Wait) => self.reach.wait(&key, which),
            Some(Advice::Try | Advice::Leave) | None => {}
        }
        match asked.permit {
            Some(Permit::Probe) => self.backoff.probe(&key, which, cx.now.mono),
            Some(Permit::At(at)) => self.backoff.give(&key, which, at),
            Some(Permit::Free | Permit::Until(_)) | None => {}
        }
        if before == State::Waiting && state != State::Waiting {
            self.places.leave(&key, ticket);
        }
        if state == State::Done && before != state {
            self.budgets.release(&log);
        }
        self.act(cx, which, action);
        action
    }

    fn act(&mut self, cx: &mut Cx<'_>, which: Which, action: Action) {
        match action {
            Action::Nothing => {}
            Action::Open => self.open_turn(cx, which),
            Action::Hold { until, by } => {
                if let Some(by) = by {
                    self.note_held(cx.now, which, by);
                }
                self.look_again(cx, which, until);
            }
            Action::FlushAgain => self.flush_again(cx, which.0),
            Action::Claim { listens } => self.claim_turn(cx, which, listens),
            Action::Leave => self.leave_to_others(cx, which),
            Action::BackOff(until) => {
                self.owe(cx.now, which);
                if self.turn_of(which).is_some_and(|turn| self.turns.another_can(turn)) {
                    self.hand_over(cx, which);
                }
                self.set_timer(which, until);
            }
            Action::HoldBack(left) => self.hold_back(cx, which, left),
            Action::Queue => self.queue(cx, which),
            Action::Attempt(reason) => self.attempt(cx, which, reason),
            Action::Log => self.log_delivery(cx, which),
            Action::NoteTold(by) => self.note(cx.now, which, Outcome::Told { by }),
            Action::Expire { from } => self.expire(cx, which, from),
            Action::RenewClaim => self.renew_claim(cx, which),
            Action::GiveTurnUp => self.give_turn_up(cx.now.mono, which),
            Action::AnswerClaim => self.answer(cx.now.mono, which),
            Action::Look => self.look(cx, which),
            Action::Renew => self.renew(cx, which),
            Action::Carry => {
                self.timers.cancel(Timer::Delivery(which.0, which.1));
                self.arm_claim(cx, which);
            }
            Action::PutBack => {
                self.timers.cancel(Timer::Claim(which.0, which.1));
                self.surrender_turn(cx.now.mono, which);
                self.set_timer_to_deadline(which);
            }
        }
    }

    /// Looks at a delivery whose timer is due.
    pub(in crate::core) fn handle_delivery(&mut self, cx: &mut Cx<'_>, which: Which) {
        let action = self.step(cx, which, Input::Due);
        self.finish(cx, which.0);
        if matches!(action, Action::Expire { .. }) {
            self.fill(cx);
        }
    }

    /// Begins the turn of a delivery.
    fn open_turn(&mut self, cx: &mut Cx<'_>, which: Which) {
        let Some(log) = self.log_key_of(which) else { return };
        let turn = log.id();
        self.open.insert(turn, which);
        self.turns.begin(turn);
        if let Some(order) = self.shared_order(&log) {
            self.turns.order_as(turn, order);
        }
        self.step(cx, which, Input::Opened);
    }

    /// Looks at a delivery again at `until`.
    fn look_again(&mut self, cx: &Cx<'_>, which: Which, until: Mono) {
        if let Some(delivery) = self.delivery_mut(which) {
            delivery.due = until.max(cx.now.mono + Duration::from_millis(1));
            let due = delivery.due;
            self.set_timer(which, due);
        }
    }

    fn claim_turn(&mut self, cx: &mut Cx<'_>, which: Which, listens: bool) {
        let Some(turn) = self.turn_of(which) else { return };
        let from = self.turns.before(turn);
        if let Some(delivery) = self.delivery_mut(which) {
            delivery.takes_from = from.filter(|_| delivery.attempts == 0);
        }
        self.claim(turn, cx.now.mono, CLAIM_LIFE, false);
        if listens {
            self.look_again(cx, which, cx.now.mono + LISTEN);
        } else {
            self.step(cx, which, Input::Claimed);
        }
    }

    /// Takes the alerts of a delivery as they have become.
    fn renew(&mut self, cx: &mut Cx<'_>, which: Which) {
        let Some(delivery) = self.delivery(which) else { return };
        let content = Rc::new(delivery.content.renewed(&self.alerts, cx.now.wall));
        if let Some(delivery) = self.delivery_mut(which) {
            delivery.content = content;
        }
        self.step(cx, which, Input::Renewed);
    }

    /// Gives up the turn of a delivery that was not tried, because this node has just not reached the receiver.
    fn leave_to_others(&mut self, cx: &Cx<'_>, which: Which) {
        let Some(delivery) = self.delivery_mut(which) else { return };
        if !std::mem::replace(&mut delivery.was_left, true) && delivery.attempts == 0 {
            let why = "this node could not reach the receiver a moment ago";
            self.note(cx.now, which, Outcome::failed(why, true));
        }
        self.hand_over(cx, which);
        // By then every node that looks whether it reaches the receiver knows.
        self.set_timer(which, cx.now.mono + CONNECT_TIME_MAX + BEAT);
    }

    /// Ends a delivery whose time is over.
    fn expire(&mut self, cx: &mut Cx<'_>, which: Which, from: State) {
        let Some(delivery) = self.delivery(which) else { return };
        let (attempts, cause, log) = (delivery.attempts, delivery.cause, delivery.key.clone());
        let kind = delivery.integration().map(Integration::name);
        let key = reach::key(&log);
        if attempts > 0 || self.backoff.until(&key).is_none() {
            self.note(cx.now, which, Outcome::Expired { attempts });
        }
        self.owe(cx.now, which);
        self.count_unowed(cx.now, which);
        self.turns.release(log.id(), cx.now.mono);
        self.put_back(cx, which);
        let sent = self.delivery_mut(which).and_then(|it| it.sent.take());
        if let Some(sent) = &sent {
            self.places.stop(sent.id);
            cx.effects.push(Effect::Cancel(sent.id));
        }
        let was_its_own = attempts > 0 || from == State::Waiting;
        let Some(kind) = kind.filter(|_| was_its_own) else { return };
        let stats = self.stats.integration(kind);
        stats.fail(cause.unwrap_or(Cause::Timeout));
        if sent.is_some() {
            stats.requests += 1;
            stats.requests_failed += 1;
            self.note_failing(cx.now, which.0, &log, "no answer until the flush's deadline");
            self.back_off(cx, &key);
        }
    }
}

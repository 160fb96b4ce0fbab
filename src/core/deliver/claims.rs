//! How a delivery takes its turn: it waits for whoever has claimed it, claims it, renews the claim, and gives it up. The
//! rules of the order are in [`turn`].

use std::time::Duration;

use log::debug;

use crate::core::deliver::delivery::State;
use crate::core::deliver::history::Outcome;
use crate::core::deliver::reach::{self, Advice};
use crate::core::deliver::turn::{
    self, BEAT, CLAIM_AFTER, CLAIM_LIFE, CLAIM_RENEWAL, Claim, Flock, LISTEN, PULSE, PULSE_LIFE,
    SETTLE_LOOK,
};
use crate::core::timers::Timer;
use crate::core::which::GroupId;
use crate::core::{Change, Core};
use crate::effect::Cx;
use crate::limits::CONNECT_TIME_MAX;
use crate::time::{Mono, Now};

/// By so much members may flush a group one after the other.
const TOGETHER: Duration = Duration::from_millis(100);
/// Alerts whose log entry travels in one datagram.
const ENTRY_SHORT: usize = 100;
/// How much longer a claim holds if the log entry will be longer: for what of it is lost, again and again.
const ENTRY_MENDED: Duration = Duration::from_secs(5);
/// How much longer a claim holds then for each alert that the log entry will name, and each other member: twice the time in
/// which that is sent where nothing is lost.
const ENTRY_TRAVEL: Duration = Duration::from_micros(300);

impl Core {
    /// Says who takes part in the flock.
    pub fn set_flock(&mut self, flock: Flock) {
        self.turns.flock = flock;
    }

    /// Takes the turn if nobody has it and nothing was told meanwhile: claims it, and listens before it sends.
    pub(in crate::core) fn take_turn(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        let settled = !self.turns.flock.settling;
        if settled && self.flush_of(id).is_some_and(|flush| !flush.settled) {
            self.flush_again(cx, id);
            return;
        }
        let Some(key) = self.turn_key(id, at) else { return };
        let held = self.turns.held(key, cx.now.mono);
        let challenge = held.as_ref().map(|claim| (claim.node, self.turns.challenge(key, claim)));
        // While another sends, this is looked at once a pulse: it is to cost little.
        if let Some((node, when)) = challenge.filter(|(_, when)| settled && cx.now.mono < *when) {
            debug!("turn {key:032x}: held by {node:016x}");
            self.note_held(cx.now, id, at, node);
            self.hold(cx, id, at, when);
            return;
        }
        if self.dedup(id, at, cx.now.wall).is_none() {
            self.set_state(id, at, State::Done);
            return;
        }
        if !settled {
            self.hold(cx, id, at, cx.now.mono + SETTLE_LOOK);
        } else if self.is_left_alone(cx, id, at) {
            debug!("turn {key:032x}: waits, the receiver has failed for long");
        } else if self.hold_back(cx, id, at) {
            // There is nothing to claim yet.
        } else if self.turns.alone() {
            self.attempt(cx, id, at);
        } else if !self.defer(cx, id, at) {
            debug!("turn {key:032x}: claimed");
            let from = self.turns.before(key);
            let Some(delivery) = self.flush_of(id).and_then(|it| it.deliveries.get_mut(at)) else {
                return;
            };
            delivery.takes_from = from.filter(|_| delivery.attempts == 0);
            // A node that has tried before gave up itself, whatever it has claimed since: then all try in turn.
            let tried = delivery.attempts > 0 || delivery.deferred;
            let handed_over = !tried && held.is_none() && self.turns.handed_over(key);
            self.claim(key, cx.now.mono, CLAIM_LIFE, false);
            if handed_over {
                self.attempt(cx, id, at);
            } else {
                self.wait(cx, id, at, State::Listening, cx.now.mono + LISTEN);
            }
        }
    }

    /// Sends if nobody else has claimed the turn, and the receiver was not lost meanwhile.
    pub(in crate::core) fn has_listened(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        let Some(delivery) = self.flush_of(id).and_then(|flush| flush.deliveries.get(at)) else {
            return;
        };
        let (turn, key) = (delivery.key.id(), reach::key(&delivery.key));
        let began = delivery.due - LISTEN;
        if self.turns.another_can(turn) && self.reach.lost_after(&key, began) {
            self.leave_to_others(cx, id, at);
        } else if self.turns.mine(turn) || self.turns.alone() {
            self.attempt(cx, id, at);
        } else {
            self.take_turn(cx, id, at);
        }
    }

    /// Leaves the turn to others if this node has just not reached the receiver and another may, or lets it wait for a look
    /// that will tell. Returns whether it did.
    pub(in crate::core) fn defer(&mut self, cx: &Cx<'_>, id: GroupId, at: usize) -> bool {
        let delivery = self.flush_of(id).and_then(|flush| flush.deliveries.get(at));
        let Some(delivery) = delivery.filter(|it| it.attempts == 0 && !it.deferred) else {
            return false;
        };
        let (turn, key) = (delivery.key.id(), reach::key(&delivery.key));
        if !self.turns.another_can(turn) {
            return false;
        }
        match self.reach.advise(&key, (id, at), cx.now.mono) {
            Advice::Try => return false,
            Advice::Leave => self.leave_to_others(cx, id, at),
            Advice::Wait => self.hold(cx, id, at, cx.now.mono + CONNECT_TIME_MAX + BEAT),
        }
        true
    }

    /// Gives the turn of a delivery up that was not tried, for the receiver was not reached.
    pub(in crate::core) fn leave_to_others(&mut self, cx: &Cx<'_>, id: GroupId, at: usize) {
        self.set_state(id, at, State::Paused);
        let Some(delivery) = self.flush_of(id).and_then(|flush| flush.deliveries.get_mut(at))
        else {
            return;
        };
        debug!("{}: left to others, the receiver was not reached a while ago", delivery.key);
        if !std::mem::replace(&mut delivery.deferred, true) && delivery.attempts == 0 {
            self.note(
                cx.now,
                id,
                at,
                Outcome::failed("this node could not reach the receiver a moment ago", true),
            );
        }
        self.hand_over(cx, id, at);
        // By then whoever looks whether it reaches it knows.
        self.set_timer(id, at, cx.now.mono + CONNECT_TIME_MAX + BEAT);
    }

    pub(in crate::core) fn hold(&mut self, cx: &Cx<'_>, id: GroupId, at: usize, until: Mono) {
        self.wait(cx, id, at, State::Held, until);
    }

    /// Looks at a delivery again later.
    fn wait(&mut self, cx: &Cx<'_>, id: GroupId, at: usize, state: State, until: Mono) {
        self.set_state(id, at, state);
        if let Some(delivery) = self.flush_of(id).and_then(|flush| flush.deliveries.get_mut(at)) {
            delivery.due = until.max(cx.now.mono + Duration::from_millis(1));
            let due = delivery.due;
            self.set_timer(id, at, due);
        }
    }

    /// Gives the turn up: at once, or when the others have surely begun the flush, who would not heed it before.
    pub(in crate::core) fn hand_over(&mut self, cx: &Cx<'_>, id: GroupId, at: usize) {
        let Some(key) = self.turn_key(id, at) else { return };
        let Some(begun) = self.flush_of(id).map(|flush| flush.tick.mono + TOGETHER) else { return };
        if cx.now.mono < begun {
            self.timers.set(Timer::Claim(id, at), begun);
        } else {
            self.claim(key, cx.now.mono, Duration::ZERO, true);
        }
    }

    /// Sees to it that an attempt which takes long, or waits for long, is claimed.
    pub(in crate::core) fn arm_claim(&mut self, cx: &Cx<'_>, id: GroupId, at: usize) {
        if !self.turns.alone() {
            // The log entry of many alerts is long on its way: who waits for it must know before that.
            let after = if self.entry_len(id) > ENTRY_SHORT { Duration::ZERO } else { CLAIM_AFTER };
            self.timers.set(Timer::Claim(id, at), cx.now.mono + after);
        }
    }

    /// Claims the turn of an attempt that is still under way or waits for its place, or renews the claim, or gives up what waited for that.
    pub(in crate::core) fn handle_claim(&mut self, cx: &Cx<'_>, id: GroupId, at: usize) {
        let Some(flush) = self.flush_of(id) else { return };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let key = delivery.key.id();
        let (State::Sending(..) | State::Waiting(..) | State::Carried) = delivery.state else {
            if delivery.state == State::Paused {
                self.claim(key, cx.now.mono, Duration::ZERO, true);
            }
            return;
        };
        let travel = self.entry_travel(id);
        self.claim(key, cx.now.mono, CLAIM_LIFE + travel, false);
        self.timers.set(Timer::Claim(id, at), cx.now.mono + CLAIM_RENEWAL);
    }

    /// Says that this node still holds turns, if it does.
    pub(in crate::core) fn handle_pulse(&mut self, now: Mono) {
        if self.turns.holds_any(now) {
            let key = turn::pulse_key(self.turns.flock.me);
            let (lifetime, given_up) = (PULSE_LIFE, Vec::new());
            self.changes.push(Change::Claim { key, lifetime, surrendered: false, given_up });
            self.timers.set(Timer::Pulse, now + PULSE);
        }
    }

    /// Takes another member's claim, or its pulse.
    pub fn handle_peer_claim(&mut self, cx: &mut Cx<'_>, key: u128, claim: Claim) {
        if key == turn::pulse_key(claim.node) {
            self.turns.put_pulse(claim.node, claim.until);
            return;
        }
        self.turns.heard(claim.node, cx.now.mono);
        let surrendered = claim.surrendered;
        let mine = self.turns.mine(key);
        let me = self.turns.flock.me;
        // Of two that give up at once only one is heard of: the other says so again, or it would be waited for.
        let hidden = surrendered
            && !claim.given_up.contains(&me)
            && self.turns.given_up(key).contains(&me)
            && self.open.contains_key(&key);
        self.turns.put(key, claim);
        if hidden {
            self.claim(key, cx.now.mono, Duration::ZERO, true);
        }
        let Some(&(id, at)) = self.open.get(&key) else { return };
        let Some(flush) = self.flush_of(id) else { return };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        match delivery.state {
            State::Sending(..) | State::Waiting(..) | State::Carried if mine || !surrendered => {
                self.answer(cx.now.mono, id, at);
            }
            // It cannot deliver: whoever comes next by rank takes over at once.
            _ if surrendered && delivery.attempts == 0 => self.hasten(cx, id, at),
            _ if !surrendered => self.look(cx, id, at),
            _ => {}
        }
    }

    /// Claims a turn anew that another claims while an attempt of this node is under way: at once, but not as often as
    /// two that both send would answer each other.
    fn answer(&mut self, now: Mono, id: GroupId, at: usize) {
        let due = self.timers.due(Timer::Claim(id, at));
        let Some(delivery) = self.flush_of(id).and_then(|it| it.deliveries.get_mut(at)) else {
            return;
        };
        let when = delivery.answers.map_or(now, |last| now.max(last + PULSE));
        if due.is_none_or(|due| when < due) {
            delivery.answers = Some(when);
            self.timers.set(Timer::Claim(id, at), when);
        }
    }

    /// Gives a turn up if this node has claimed it: it delivers nothing more.
    pub(in crate::core) fn surrender_turn(&mut self, now: Mono, key: u128) {
        if self.turns.mine(key) {
            self.claim(key, now, Duration::ZERO, true);
        }
    }

    /// Lets others have a turn when they have heard that this node has delivered.
    pub(in crate::core) fn release_turn(&mut self, now: Mono, id: GroupId, key: u128) {
        let travel = self.entry_travel(id);
        self.turns.release(key, now + travel);
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
    pub(in crate::core) fn entry_len(&self, id: GroupId) -> usize {
        let flush = self.groups.get(id).and_then(|group| group.flush.as_ref());
        let told = flush.and_then(|flush| flush.deliveries.first());
        told.map_or(0, |delivery| delivery.content.alerts.len())
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
        if !surrendered && self.timers.due(Timer::Pulse).is_none() {
            self.handle_pulse(now);
        }
    }

    /// Notes once whose claim a delivery waits for.
    pub(in crate::core) fn note_held(&mut self, now: Now, id: GroupId, at: usize, by: u64) {
        let delivery = self.flush_of(id).and_then(|flush| flush.deliveries.get_mut(at));
        if delivery.is_some_and(|it| it.held_by.replace(by) != Some(by)) {
            self.note(now, id, at, Outcome::Held { by });
        }
    }

    /// Notes once that a delivery is taken over from whoever had the turn.
    pub(in crate::core) fn note_taken(&mut self, now: Now, id: GroupId, at: usize) {
        let delivery = self.flush_of(id).and_then(|flush| flush.deliveries.get_mut(at));
        let key = delivery.as_ref().map(|it| it.key.id());
        if let Some(from) = delivery.and_then(|it| it.takes_from.take()) {
            if key.is_some_and(|key| !self.turns.given_up(key).contains(&from)) {
                self.doubted.push(from);
            }
            self.note(now, id, at, Outcome::TookOver { from });
        }
    }
}

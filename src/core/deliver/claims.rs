//! Claims: how a delivery claims its turn, renews the claim and gives it up, and what it hears of others. The rules of the
//! order are in [`turn`].

use std::time::Duration;

use crate::core::deliver::history::Outcome;
use crate::core::deliver::machine::Input;
use crate::core::deliver::reach;
use crate::core::deliver::turn::{
    self, CLAIM_AFTER, CLAIM_LIFE, CLAIM_RENEWAL, Claim, Flock, PULSE, PULSE_LIFE,
};
use crate::core::timers::Timer;
use crate::core::which::{GroupId, Which};
use crate::core::{Change, Core};
use crate::effect::Cx;
use crate::model::LogKey;
use crate::time::{Mono, Now};

/// Members flush a group within this time of each other.
const TOGETHER: Duration = Duration::from_millis(100);
/// Alerts whose log entry travels in one datagram.
const ENTRY_SHORT: usize = 100;
/// How much longer a claim holds if the log entry will be longer: parts of it may be lost more than once.
const ENTRY_MENDED: Duration = Duration::from_secs(5);
/// How much longer a claim holds then for each alert that the log entry will name, and each other member: twice the time in
/// which that is sent where nothing is lost.
const ENTRY_TRAVEL: Duration = Duration::from_micros(300);

impl Core {
    /// Says which nodes take part in the flock.
    pub fn set_flock(&mut self, flock: Flock) {
        self.turns.flock = flock;
    }

    /// Gives the turn up: at once, or when the others have surely begun the flush, before which they would not heed it.
    pub(in crate::core) fn hand_over(&mut self, cx: &Cx<'_>, which: Which) {
        let flush = self.groups.get(which.0).and_then(|group| group.flush.as_ref());
        let Some(begun) = flush.map(|flush| flush.tick.mono + TOGETHER) else { return };
        if cx.now.mono < begun {
            self.timers.set(Timer::Claim(which.0, which.1), begun);
        } else {
            self.give_turn_up(cx.now.mono, which);
        }
    }

    /// Gives the turn of a delivery up.
    pub(in crate::core) fn give_turn_up(&mut self, now: Mono, which: Which) {
        if let Some(turn) = self.turn_of(which) {
            self.claim(turn, now, Duration::ZERO, true);
        }
    }

    /// Gives a turn up if this node has claimed it: it delivers nothing more.
    pub(in crate::core) fn surrender_turn(&mut self, now: Mono, which: Which) {
        if self.turn_of(which).is_some_and(|turn| self.turns.mine(turn)) {
            self.give_turn_up(now, which);
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

    /// Sees to it that an attempt which takes long, or waits for long, is claimed.
    pub(in crate::core) fn arm_claim(&mut self, cx: &Cx<'_>, (id, at): Which) {
        if !self.turns.alone() {
            // The log entry of many alerts is long on its way: others must know of the attempt before that.
            let after = if self.entry_len(id) > ENTRY_SHORT { Duration::ZERO } else { CLAIM_AFTER };
            self.timers.set(Timer::Claim(id, at), cx.now.mono + after);
        }
    }

    /// Claims the turn of an attempt that is still under way or waits for its place, or renews the claim.
    pub(in crate::core) fn renew_claim(&mut self, cx: &Cx<'_>, (id, at): Which) {
        let Some(turn) = self.turn_of((id, at)) else { return };
        let travel = self.entry_travel(id);
        self.claim(turn, cx.now.mono, CLAIM_LIFE + travel, false);
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
        let gives_up = claim.surrendered;
        let was_mine = self.turns.mine(key);
        let me = self.turns.flock.me;
        // Of two members that give up at the same moment only one record stays. The other says so again, or others would wait for it.
        let hidden = gives_up
            && !claim.given_up.contains(&me)
            && self.turns.given_up(key).contains(&me)
            && self.open.contains_key(&key);
        self.turns.put(key, claim);
        if hidden {
            self.claim(key, cx.now.mono, Duration::ZERO, true);
        }
        if let Some(&which) = self.open.get(&key) {
            self.step(cx, which, Input::PeerClaim { gives_up, was_mine });
        }
    }

    /// Takes note that another member, `node`, has logged something of a group.
    pub fn handle_peer_log(&mut self, cx: &mut Cx<'_>, key: &LogKey, node: u64) {
        let turn = key.id();
        self.turns.end(turn);
        let integration = reach::key(key);
        self.try_again(cx.now.mono, |it| *it == integration);
        if let Some(&which) = self.open.get(&turn) {
            self.step(cx, which, Input::PeerLog(node));
            self.finish(cx, which.0);
        }
    }

    /// Claims a turn anew that another claims while an attempt of this node is under way: at once, but not as often as
    /// two that both send would answer each other.
    pub(in crate::core) fn answer(&mut self, now: Mono, (id, at): Which) {
        let due = self.timers.due(Timer::Claim(id, at));
        let Some(delivery) = self.delivery_mut((id, at)) else { return };
        let when = delivery.answers.map_or(now, |last| now.max(last + PULSE));
        if due.is_none_or(|due| when < due) {
            delivery.answers = Some(when);
            self.timers.set(Timer::Claim(id, at), when);
        }
    }

    /// Lets others have a turn when they have heard that this node has delivered.
    pub(in crate::core) fn release_turn(&mut self, now: Mono, id: GroupId, key: u128) {
        let travel = self.entry_travel(id);
        self.turns.release(key, now + travel);
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

    pub(in crate::core) fn claim(
        &mut self,
        key: u128,
        now: Mono,
        lifetime: Duration,
        surrendered: bool,
    ) {
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
    pub(in crate::core) fn note_held(&mut self, now: Now, which: Which, by: u64) {
        let delivery = self.delivery_mut(which);
        if delivery.is_some_and(|it| it.held_by.replace(by) != Some(by)) {
            self.note(now, which, Outcome::Held { by });
        }
    }

    /// Notes once that a delivery is taken over from the member that had the turn.
    pub(in crate::core) fn note_taken(&mut self, now: Now, which: Which) {
        let Some(delivery) = self.delivery_mut(which) else { return };
        let Some(from) = delivery.takes_from.take() else { return };
        let turn = delivery.key.id();
        if !self.turns.given_up(turn).contains(&from) {
            self.doubted.push(from);
        }
        self.note(now, which, Outcome::TookOver { from });
    }
}

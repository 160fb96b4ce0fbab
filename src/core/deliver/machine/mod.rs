//! The machine of a delivery: the states that it can be in, what can happen to it, and what it does then.
//!
//! [`step`] is pure: from the state, the input and what the delivery sees it decides the next state and one action, and changes
//! nothing. `sight` answers what the delivery sees, each only when it matters; `act` does what is to be done.
//!
//! The way to an attempt is the same from everywhere: something must be news, the turn must be this node's, the receiver must
//! not be left alone for now, its rate limit must have room, and a place must be free.

use std::time::Duration;

use crate::core::deliver::dedup::Reason;
use crate::core::deliver::reach::Advice;
use crate::core::deliver::turn::{BEAT, SETTLE_LOOK};
use crate::limits::CONNECT_TIME_MAX;
use crate::time::Mono;

/// Where a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum State {
    /// It waits for another member, or for its rank's beat.
    Held,
    /// This node has claimed the turn and listens whether another has too.
    Listening,
    /// This node has the turn, and waits until fewer attempts are under way.
    Waiting,
    /// An attempt is under way.
    Sending,
    /// An attempt has failed, or was left to others; the next waits for its timer.
    Paused,
    /// It waits until there is room in its receiver's rate limit.
    HeldBack,
    /// The attempt of another group's delivery tells of this one, too.
    Carried,
    /// Delivered, by this node or another, or nothing was to be said.
    Done,
    /// Refused, or the deadline passed.
    Failed,
}

impl State {
    /// Whether it has not ended.
    pub(in crate::core) const fn is_open(self) -> bool {
        !matches!(self, Self::Done | Self::Failed)
    }
}

/// The things that can happen to a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum Input {
    /// Its flush begins it.
    Begin,
    /// [`Action::Open`] is done.
    Opened,
    /// Its timer is due: its next look or attempt, or the deadline of its flush.
    Due,
    /// The timer of its claim is due.
    ClaimDue,
    /// [`Action::Claim`] is done, and the others have handed the turn over: it need not listen.
    Claimed,
    /// A place for its attempt is free.
    Place,
    /// Another member has claimed its turn, or given it up.
    PeerClaim {
        /// It is given up.
        gives_up: bool,
        /// The claim that counted before was this node's.
        was_mine: bool,
    },
    /// This member has logged that it has notified.
    PeerLog(u64),
    /// It is known now whether this node reaches the receiver, for which it may have waited.
    Learned,
    /// This node has not reached the receiver.
    NotReached,
    /// The receiver has taken it.
    Delivered,
    /// The attempt has failed, and may be made again.
    Failed,
    /// The receiver has refused it for good.
    Refused,
    /// A digest is about to tell of it, too.
    Gather,
    /// [`Action::Renew`] is done.
    Renewed,
    /// The digest that tells of it was delivered.
    DigestDelivered,
    /// The digest that tells of it was not delivered.
    DigestFailed,
}

/// The things that a delivery does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum Action {
    /// Nothing more.
    Nothing,
    /// Begins its turn, then takes [`Input::Opened`].
    Open,
    /// Looks again then.
    Hold {
        /// When.
        until: Mono,
        /// The member whose claim it waits for.
        by: Option<u64>,
    },
    /// Has its flush begin anew: the flock had not settled, so alerts may have been missing.
    FlushAgain,
    /// Claims the turn, and listens; or takes [`Input::Claimed`] at once.
    Claim {
        /// Whether it listens.
        listens: bool,
    },
    /// Leaves the turn to others, since this node has not reached the receiver.
    Leave,
    /// Waits until its integration, which has failed for long, is tried again, and gives the turn up if another may reach it.
    BackOff(Mono),
    /// Waits for so long for room in the rate limit.
    HoldBack(Duration),
    /// Queues for a place.
    Queue,
    /// Makes an attempt.
    Attempt(Reason),
    /// Logs that it has notified, or that there is nothing to send.
    Log,
    /// Notes that this member has notified.
    NoteTold(u64),
    /// Gives up, since the deadline of its flush has passed.
    Expire {
        /// The state until then.
        from: State,
    },
    /// Claims the turn again while its attempt takes long.
    RenewClaim,
    /// Gives the turn up.
    GiveTurnUp,
    /// Claims the turn anew, since another has claimed it too.
    AnswerClaim,
    /// Looks whether this node reaches the receiver that another is sending to.
    Look,
    /// Takes the newest state of its alerts, then takes [`Input::Renewed`].
    Renew,
    /// Lets the digest tell of it.
    Carry,
    /// Waits for the next digest, or for another member.
    PutBack,
}

/// The facts that a delivery sees when something happens to it.
pub(in crate::core) trait Sees {
    /// The time.
    fn now(&self) -> Mono;
    /// Whether the deadline of its flush has passed.
    fn is_past(&self) -> bool;
    /// When it is to look again.
    fn due(&self) -> Mono;
    /// How often this node has tried.
    fn attempts(&self) -> u32;
    /// Whether this node has left the turn to others already.
    fn was_left(&self) -> bool;
    /// Why its alerts are news to the integration, if they are.
    fn news(&self) -> Option<Reason>;
    /// Whether the log alone is to have what is new.
    fn is_for_the_log(&self) -> bool;
    /// Whether the flock is still settling.
    fn is_settling(&self) -> bool;
    /// Whether the flock was still settling when its flush began.
    fn began_settling(&self) -> bool;
    /// How many members come before this node.
    fn rank(&self) -> u32;
    /// Whether those may not have all of its alerts yet.
    fn is_on_its_way(&self) -> bool;
    /// Another member's claim that holds: whose, and when this node is to challenge it.
    fn held(&self) -> Option<(u64, Mono)>;
    /// Whether this node's own claim is the one that counts.
    fn is_mine(&self) -> bool;
    /// Whether this node has nobody to wait for.
    fn is_alone(&self) -> bool;
    /// Whether some other member may still deliver.
    fn another_can(&self) -> bool;
    /// Whether all members before this node have given the turn up.
    fn is_handed_over(&self) -> bool;
    /// Whether to try, to leave it to others, or to wait for a look.
    fn advice(&self) -> Advice;
    /// Whether this node has failed to reach the receiver since it began to listen.
    fn was_lost(&self) -> bool;
    /// Until when its integration is left alone, because it has failed for long.
    fn left_alone(&self) -> Option<Mono>;
    /// How long it is held back by a rate limit.
    fn held_back(&self) -> Option<Duration>;
    /// Whether its attempt takes a place.
    fn takes_place(&self) -> bool;
    /// Whether a place is free.
    fn has_place(&self) -> bool;
}

type Next = (State, Action);

/// The next state of a delivery, and what it does.
pub(in crate::core) fn step(state: State, input: Input, sees: &impl Sees) -> Next {
    use State::{Carried, Done, Failed, Held, HeldBack, Listening, Paused, Sending, Waiting};
    let stay = (state, Action::Nothing);
    match (input, state) {
        (Input::Begin, Held) => begin(sees),
        (Input::Opened, Held) => open(sees),
        (Input::Claimed, Held) => attempt(sees),
        (Input::Due, _) => due(state, sees),
        (Input::Place, Waiting) => take_place(state, sees),
        (Input::ClaimDue, Sending | Waiting | Carried) => (state, Action::RenewClaim),
        (Input::ClaimDue, Paused) => (state, Action::GiveTurnUp),
        (Input::PeerClaim { gives_up, was_mine }, _) => peer_claim(state, gives_up, was_mine, sees),
        (Input::PeerLog(node), Held | Listening | Waiting | Paused | HeldBack | Carried)
            if sees.news().is_none() =>
        {
            (Done, Action::NoteTold(node))
        }
        (Input::Learned, _) => hasten(state, sees),
        (Input::NotReached, Waiting) if sees.another_can() => (Paused, Action::Leave),
        (Input::Delivered, Sending) | (Input::DigestDelivered, Carried) => (Done, Action::Log),
        (Input::Failed, Sending) => (Paused, Action::Nothing),
        (Input::Refused, Sending) => (Failed, Action::Nothing),
        (Input::Gather, Held | Listening | Waiting | Paused | HeldBack)
            if sees.held().is_none() =>
        {
            (state, Action::Renew)
        }
        (Input::Renewed, Held | Listening | Waiting | Paused | HeldBack) => {
            if sees.news().is_none() { NOTHING_NEW } else { (Carried, Action::Carry) }
        }
        (Input::DigestFailed, Carried) => (HeldBack, Action::PutBack),
        _ => stay,
    }
}

const NOTHING_NEW: Next = (State::Done, Action::Nothing);

const fn hold(until: Mono) -> Next {
    (State::Held, Action::Hold { until, by: None })
}

fn begin(sees: &impl Sees) -> Next {
    if sees.news().is_none() { NOTHING_NEW } else { (State::Held, Action::Open) }
}

/// At once if this node's turn comes first, else after its rank's beat: unless those that come before may not know of it.
fn open(sees: &impl Sees) -> Next {
    if sees.is_settling() {
        return hold(sees.now() + SETTLE_LOOK);
    }
    let rank = sees.rank();
    if rank > 0 && sees.is_on_its_way() {
        return take_turn(State::Held, sees);
    }
    if rank > 0 {
        return hold(sees.now() + BEAT * rank);
    }
    if let Some((node, until)) = sees.held() {
        return (State::Held, Action::Hold { until, by: Some(node) });
    }
    defer(sees).unwrap_or_else(|| attempt(sees))
}

fn due(state: State, sees: &impl Sees) -> Next {
    match state {
        State::Done | State::Failed | State::Carried => (state, Action::Nothing),
        // The next flush takes it up.
        State::HeldBack if sees.is_past() => (State::Failed, Action::Nothing),
        _ if sees.is_past() => (State::Failed, Action::Expire { from: state }),
        State::Sending | State::Waiting => (state, Action::Nothing),
        State::HeldBack => begin(sees),
        State::Held | State::Paused => take_turn(state, sees),
        State::Listening => has_listened(state, sees),
    }
}

/// Takes the turn if nobody has it and nothing was told meanwhile: claims it, and listens before it sends.
fn take_turn(state: State, sees: &impl Sees) -> Next {
    let settles = sees.is_settling();
    if !settles && sees.began_settling() {
        return (state, Action::FlushAgain);
    }
    // While another member sends, this is asked once a pulse, so it should cost little.
    let held = sees.held();
    if let Some((node, until)) = held.filter(|(_, until)| !settles && sees.now() < *until) {
        return (State::Held, Action::Hold { until, by: Some(node) });
    }
    if sees.news().is_none() {
        return NOTHING_NEW;
    }
    if settles {
        return hold(sees.now() + SETTLE_LOOK);
    }
    if let Some(until) = sees.left_alone() {
        return (State::Paused, Action::BackOff(until));
    }
    if let Some(left) = sees.held_back() {
        return (State::HeldBack, Action::HoldBack(left));
    }
    if sees.is_alone() {
        return attempt(sees);
    }
    if let Some(next) = defer(sees) {
        return next;
    }
    // A node that has tried before has given the turn up itself, even if it has claimed it since: then all try in turn.
    let has_tried = sees.attempts() > 0 || sees.was_left();
    if !has_tried && held.is_none() && sees.is_handed_over() {
        return (State::Held, Action::Claim { listens: false });
    }
    (State::Listening, Action::Claim { listens: true })
}

/// Sends if nobody else has claimed the turn, and the receiver was not lost meanwhile.
fn has_listened(state: State, sees: &impl Sees) -> Next {
    if sees.another_can() && sees.was_lost() {
        (State::Paused, Action::Leave)
    } else if sees.is_mine() || sees.is_alone() {
        attempt(sees)
    } else {
        take_turn(state, sees)
    }
}

/// Makes the attempt that has waited, unless something has changed meanwhile.
fn take_place(state: State, sees: &impl Sees) -> Next {
    if sees.is_past() {
        (State::Failed, Action::Expire { from: state })
    } else if sees.news().is_none() {
        NOTHING_NEW
    } else if sees.is_settling() || sees.held().is_some() {
        take_turn(state, sees)
    } else {
        defer(sees).unwrap_or_else(|| attempt(sees))
    }
}

/// Leaves the turn to others if this node has just not reached the receiver and another may, or waits for a look that will
/// tell.
fn defer(sees: &impl Sees) -> Option<Next> {
    if sees.attempts() > 0 || sees.was_left() || !sees.another_can() {
        return None;
    }
    match sees.advice() {
        Advice::Try | Advice::Probe => None,
        Advice::Leave => Some((State::Paused, Action::Leave)),
        Advice::Wait => Some(hold(sees.now() + CONNECT_TIME_MAX + BEAT)),
    }
}

/// The last questions before an attempt.
fn attempt(sees: &impl Sees) -> Next {
    let Some(reason) = sees.news() else { return NOTHING_NEW };
    if sees.is_for_the_log() {
        return (State::Done, Action::Log);
    }
    if let Some(until) = sees.left_alone().filter(|_| sees.takes_place()) {
        return (State::Paused, Action::BackOff(until));
    }
    if let Some(left) = sees.held_back() {
        return (State::HeldBack, Action::HoldBack(left));
    }
    if sees.takes_place() && !sees.has_place() {
        return (State::Waiting, Action::Queue);
    }
    (State::Sending, Action::Attempt(reason))
}

fn peer_claim(state: State, gives_up: bool, was_mine: bool, sees: &impl Sees) -> Next {
    match state {
        State::Sending | State::Waiting | State::Carried if was_mine || !gives_up => {
            (state, Action::AnswerClaim)
        }
        // The other cannot deliver: the next by rank takes over at once.
        _ if gives_up && sees.attempts() == 0 => hasten(state, sees),
        _ if !gives_up => (state, Action::Look),
        _ => (state, Action::Nothing),
    }
}

/// Takes the turn when its rank says so, if that is sooner than it would.
fn hasten(state: State, sees: &impl Sees) -> Next {
    if !matches!(state, State::Held | State::Listening) || sees.is_settling() {
        return (state, Action::Nothing);
    }
    let next = sees.now() + BEAT * sees.rank();
    if next < sees.due() { hold(next) } else { (state, Action::Nothing) }
}

#[cfg(test)]
mod tests;

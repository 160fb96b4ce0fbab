//! The transitions of a delivery, as a table.

use super::State::{Carried, Done, Failed, Held, HeldBack, Listening, Paused, Sending, Waiting};
use super::*;

const ALL: [State; 9] =
    [Held, Listening, Waiting, Sending, Paused, HeldBack, Carried, Done, Failed];
const NOW: Mono = Mono::from_ms(10_000);
const LEFT: Duration = Duration::from_secs(30);

/// The surroundings of a delivery: by default it is news, the turn is this node's, and nothing is in the way.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "a list of facts")]
struct Seen {
    past: bool,
    due: Mono,
    attempts: u32,
    was_left: bool,
    news: bool,
    for_the_log: bool,
    settling: bool,
    began_settling: bool,
    rank: u32,
    on_its_way: bool,
    /// When the claim of member 9 is to be challenged.
    held: Option<Mono>,
    mine: bool,
    alone: bool,
    another_can: bool,
    handed_over: bool,
    advice: Advice,
    lost: bool,
    left_alone: bool,
    held_back: bool,
    instant: bool,
    full: bool,
}

const SEEN: Seen = Seen {
    past: false,
    due: NOW,
    attempts: 0,
    was_left: false,
    news: true,
    for_the_log: false,
    settling: false,
    began_settling: false,
    rank: 0,
    on_its_way: false,
    held: None,
    mine: true,
    alone: false,
    another_can: true,
    handed_over: false,
    advice: Advice::Try,
    lost: false,
    left_alone: false,
    held_back: false,
    instant: false,
    full: false,
};

impl Sees for Seen {
    fn now(&self) -> Mono {
        NOW
    }
    fn is_past(&self) -> bool {
        self.past
    }
    fn due(&self) -> Mono {
        self.due
    }
    fn attempts(&self) -> u32 {
        self.attempts
    }
    fn was_left(&self) -> bool {
        self.was_left
    }
    fn news(&self) -> Option<Reason> {
        self.news.then_some(Reason::First)
    }
    fn is_for_the_log(&self) -> bool {
        self.for_the_log
    }
    fn is_settling(&self) -> bool {
        self.settling
    }
    fn began_settling(&self) -> bool {
        self.began_settling
    }
    fn rank(&self) -> u32 {
        self.rank
    }
    fn is_on_its_way(&self) -> bool {
        self.on_its_way
    }
    fn held(&self) -> Option<(u64, Mono)> {
        self.held.map(|until| (9, until))
    }
    fn is_mine(&self) -> bool {
        self.mine
    }
    fn is_alone(&self) -> bool {
        self.alone
    }
    fn another_can(&self) -> bool {
        self.another_can
    }
    fn is_handed_over(&self) -> bool {
        self.handed_over
    }
    fn advice(&self) -> Advice {
        self.advice
    }
    fn was_lost(&self) -> bool {
        self.lost
    }
    fn left_alone(&self) -> Option<Mono> {
        self.left_alone.then_some(NOW + LEFT)
    }
    fn held_back(&self) -> Option<Duration> {
        self.held_back.then_some(LEFT)
    }
    fn takes_place(&self) -> bool {
        !self.instant
    }
    fn has_place(&self) -> bool {
        !self.full
    }
}

const CLAIM: Input = Input::PeerClaim { gives_up: false, was_mine: false };
const REPLACES: Input = Input::PeerClaim { gives_up: false, was_mine: true };
const GIVEN_UP: Input = Input::PeerClaim { gives_up: true, was_mine: false };
const ATTEMPT: Next = (Sending, Action::Attempt(Reason::First));
const OVER: Next = (Done, Action::Nothing);
const LISTEN: Next = (Listening, Action::Claim { listens: true });
const LEAVE: Next = (Paused, Action::Leave);
const BACK_OFF: Next = (Paused, Action::BackOff(Mono::from_ms(40_000)));
const HOLD_BACK: Next = (HeldBack, Action::HoldBack(LEFT));

const fn held_until(ms: u64) -> Next {
    hold(Mono::from_ms(ms))
}

const fn held_by_9(ms: u64) -> Next {
    (Held, Action::Hold { until: Mono::from_ms(ms), by: Some(9) })
}

const fn expires(from: State) -> Next {
    (Failed, Action::Expire { from })
}

type Row = (State, Input, fn(&mut Seen), Next);

/// Every transition. A pair of state and input that is not here changes nothing.
const TABLE: &[Row] = &[
    (Held, Input::Begin, |_| {}, (Held, Action::Open)),
    (Held, Input::Begin, |it| it.news = false, OVER),
    // Its turn is looked at first.
    (Held, Input::Opened, |_| {}, ATTEMPT),
    (Held, Input::Opened, |it| it.settling = true, held_until(10_500)),
    (Held, Input::Opened, |it| it.rank = 2, held_until(12_000)),
    (Held, Input::Opened, |it| (it.rank, it.on_its_way) = (2, true), LISTEN),
    (Held, Input::Opened, |it| it.on_its_way = true, ATTEMPT),
    (Held, Input::Opened, |it| it.held = Some(Mono::from_ms(11_000)), held_by_9(11_000)),
    (Held, Input::Opened, |it| it.advice = Advice::Probe, ATTEMPT),
    (Held, Input::Opened, |it| it.advice = Advice::Leave, LEAVE),
    (Held, Input::Opened, |it| it.advice = Advice::Wait, held_until(15_000)),
    (Held, Input::Opened, |it| (it.advice, it.another_can) = (Advice::Leave, false), ATTEMPT),
    (Held, Input::Opened, |it| (it.advice, it.was_left) = (Advice::Leave, true), ATTEMPT),
    (Held, Input::Opened, |it| it.for_the_log = true, (Done, Action::Log)),
    (Held, Input::Opened, |it| it.left_alone = true, BACK_OFF),
    (Held, Input::Opened, |it| (it.left_alone, it.instant) = (true, true), ATTEMPT),
    (Held, Input::Opened, |it| it.held_back = true, HOLD_BACK),
    (Held, Input::Opened, |it| it.full = true, (Waiting, Action::Queue)),
    (Held, Input::Opened, |it| (it.full, it.instant) = (true, true), ATTEMPT),
    // It looks again.
    (Held, Input::Due, |_| {}, LISTEN),
    (Held, Input::Due, |it| it.past = true, expires(Held)),
    (Held, Input::Due, |it| it.began_settling = true, (Held, Action::FlushAgain)),
    (Held, Input::Due, |it| it.held = Some(Mono::from_ms(10_001)), held_by_9(10_001)),
    (Held, Input::Due, |it| it.held = Some(NOW), LISTEN),
    (Held, Input::Due, |it| it.news = false, OVER),
    (Held, Input::Due, |it| it.settling = true, held_until(10_500)),
    (Held, Input::Due, |it| (it.left_alone, it.instant) = (true, true), BACK_OFF),
    (Held, Input::Due, |it| it.held_back = true, HOLD_BACK),
    (Held, Input::Due, |it| it.alone = true, ATTEMPT),
    (Held, Input::Due, |it| it.advice = Advice::Leave, LEAVE),
    (Held, Input::Due, |it| it.handed_over = true, (Held, Action::Claim { listens: false })),
    (Held, Input::Due, |it| (it.handed_over, it.held) = (true, Some(NOW)), LISTEN),
    (Held, Input::Due, |it| (it.handed_over, it.attempts) = (true, 1), LISTEN),
    (Held, Input::Claimed, |_| {}, ATTEMPT),
    (Paused, Input::Due, |it| it.attempts = 1, LISTEN),
    (Paused, Input::Due, |it| (it.attempts, it.advice) = (1, Advice::Leave), LISTEN),
    (Paused, Input::Due, |it| it.past = true, expires(Paused)),
    (Paused, Input::ClaimDue, |_| {}, (Paused, Action::GiveTurnUp)),
    // It has listened.
    (Listening, Input::Due, |_| {}, ATTEMPT),
    (Listening, Input::Due, |it| it.past = true, expires(Listening)),
    (Listening, Input::Due, |it| it.lost = true, LEAVE),
    (Listening, Input::Due, |it| (it.lost, it.another_can) = (true, false), ATTEMPT),
    (Listening, Input::Due, |it| it.mine = false, LISTEN),
    (Listening, Input::Due, |it| (it.mine, it.alone) = (false, true), ATTEMPT),
    (
        Listening,
        Input::Due,
        |it| (it.mine, it.held) = (false, Some(Mono::from_ms(11_000))),
        held_by_9(11_000),
    ),
    // It waits for a place.
    (Waiting, Input::Due, |it| it.past = true, expires(Waiting)),
    (Waiting, Input::ClaimDue, |_| {}, (Waiting, Action::RenewClaim)),
    (Waiting, Input::Place, |_| {}, ATTEMPT),
    (Waiting, Input::Place, |it| it.past = true, expires(Waiting)),
    (Waiting, Input::Place, |it| it.news = false, OVER),
    (Waiting, Input::Place, |it| it.settling = true, held_until(10_500)),
    (Waiting, Input::Place, |it| it.held = Some(Mono::from_ms(11_000)), held_by_9(11_000)),
    (Waiting, Input::Place, |it| it.advice = Advice::Leave, LEAVE),
    (Waiting, Input::NotReached, |_| {}, LEAVE),
    (Waiting, CLAIM, |_| {}, (Waiting, Action::AnswerClaim)),
    // Its attempt is under way.
    (Sending, Input::Due, |it| it.past = true, expires(Sending)),
    (Sending, Input::ClaimDue, |_| {}, (Sending, Action::RenewClaim)),
    (Sending, CLAIM, |_| {}, (Sending, Action::AnswerClaim)),
    (Sending, REPLACES, |_| {}, (Sending, Action::AnswerClaim)),
    (Sending, Input::Delivered, |_| {}, (Done, Action::Log)),
    (Sending, Input::Failed, |_| {}, (Paused, Action::Nothing)),
    (Sending, Input::Refused, |_| {}, (Failed, Action::Nothing)),
    // A rate limit has held it back.
    (HeldBack, Input::Due, |_| {}, (Held, Action::Open)),
    (HeldBack, Input::Due, |it| it.news = false, OVER),
    (HeldBack, Input::Due, |it| it.past = true, (Failed, Action::Nothing)),
    (HeldBack, Input::Gather, |_| {}, (HeldBack, Action::Renew)),
    (Held, Input::Gather, |_| {}, (Held, Action::Renew)),
    (Listening, Input::Gather, |_| {}, (Listening, Action::Renew)),
    (Waiting, Input::Gather, |_| {}, (Waiting, Action::Renew)),
    (Paused, Input::Gather, |_| {}, (Paused, Action::Renew)),
    (HeldBack, Input::Renewed, |_| {}, (Carried, Action::Carry)),
    (HeldBack, Input::Renewed, |it| it.news = false, OVER),
    (Carried, Input::ClaimDue, |_| {}, (Carried, Action::RenewClaim)),
    (Carried, CLAIM, |_| {}, (Carried, Action::AnswerClaim)),
    (Carried, Input::DigestDelivered, |_| {}, (Done, Action::Log)),
    (Carried, Input::DigestFailed, |_| {}, (HeldBack, Action::PutBack)),
    // Another member has the turn, or gives it up.
    (Held, CLAIM, |_| {}, (Held, Action::Look)),
    (Paused, CLAIM, |_| {}, (Paused, Action::Look)),
    (Held, GIVEN_UP, |it| (it.due, it.rank) = (Mono::from_ms(12_000), 1), held_until(11_000)),
    (Listening, GIVEN_UP, |it| it.due = Mono::from_ms(10_700), held_until(10_000)),
    (Held, Input::Learned, |it| it.due = Mono::from_ms(16_000), held_until(10_000)),
    (Held, Input::PeerLog(9), |it| it.news = false, (Done, Action::NoteTold(9))),
    (Waiting, Input::PeerLog(9), |it| it.news = false, (Done, Action::NoteTold(9))),
    (Paused, Input::PeerLog(9), |it| it.news = false, (Done, Action::NoteTold(9))),
    (Carried, Input::PeerLog(9), |it| it.news = false, (Done, Action::NoteTold(9))),
];

#[test]
fn transitions_are_those_of_the_table() {
    for (number, (state, input, surroundings, next)) in TABLE.iter().enumerate() {
        let mut seen = SEEN;
        surroundings(&mut seen);
        assert_eq!(step(*state, *input, &seen), *next, "row {number}: {state:?}, {input:?}");
    }
}

#[test]
fn a_pair_that_the_table_lacks_changes_nothing() {
    let inputs = [
        Input::Begin,
        Input::Opened,
        Input::Due,
        Input::ClaimDue,
        Input::Claimed,
        Input::Place,
        GIVEN_UP,
        Input::PeerLog(9),
        Input::Learned,
        Input::NotReached,
        Input::Delivered,
        Input::Failed,
        Input::Refused,
        Input::Gather,
        Input::Renewed,
        Input::DigestDelivered,
        Input::DigestFailed,
    ];
    let mut unchanged = 0;
    for (state, input) in ALL.into_iter().flat_map(|state| inputs.map(|it| (state, it))) {
        if TABLE.iter().any(|row| (row.0, row.1) == (state, input)) {
            continue;
        }
        let own = [Input::Renewed, Input::PeerLog(9)].contains(&input) && state.is_open();
        if !own {
            let next = step(state, input, &SEEN);
            assert_eq!(next, (state, Action::Nothing), "{state:?}, {input:?}");
            unchanged += 1;
        }
    }
    assert!(unchanged > 80, "{unchanged}");
}

#[test]
fn a_delivery_that_has_ended_stays_so() {
    let inputs = [Input::Due, CLAIM, REPLACES, GIVEN_UP, Input::PeerLog(9), Input::Learned];
    for (state, input) in [Done, Failed].into_iter().flat_map(|it| inputs.map(|on| (it, on))) {
        for past in [false, true] {
            let seen = Seen { past, news: false, due: Mono::from_ms(20_000), ..SEEN };
            assert_eq!(step(state, input, &seen).0, state, "{state:?}, {input:?}");
        }
    }
}

#[test]
fn a_surrender_hastens_only_a_delivery_that_has_not_tried() {
    let seen = Seen { due: Mono::from_ms(12_000), ..SEEN };
    assert_eq!(step(Held, GIVEN_UP, &seen), held_until(10_000));
    let stay = (Held, Action::Nothing);
    assert_eq!(step(Held, GIVEN_UP, &Seen { attempts: 1, ..seen }), stay);
    assert_eq!(step(Held, GIVEN_UP, &Seen { settling: true, ..seen }), stay);
    assert_eq!(step(Held, GIVEN_UP, &Seen { rank: 2, ..seen }), stay, "it is due by then");
    let answers = Input::PeerClaim { gives_up: true, was_mine: true };
    assert_eq!(step(Sending, answers, &seen).1, Action::AnswerClaim);
    assert_eq!(step(Sending, GIVEN_UP, &seen).1, Action::Nothing);
}

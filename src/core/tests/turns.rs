//! Turns, as one member of three sees them: the others are played by the test.

use super::*;
use crate::core::Change;
use crate::core::deliver::history::Outcome;
use crate::core::deliver::turn::{Claim, PULSE_LIFE, Turns, pulse_key};

/// The members, in the order in which they come for the turn of the one group, and that turn.
fn ranked() -> (u128, Vec<u64>) {
    let mut w = World::new(config(route("r", &[])));
    w.answers = false;
    w.post("A", "1", None);
    w.pass(1);
    let key = *w.core.open.keys().next().unwrap();
    let mut nodes = vec![1, 2, 3];
    nodes.sort_by_key(|me| {
        let others = [1, 2, 3].into_iter().filter(|it| it != me).collect();
        let flock = Flock { me: *me, others, settling: false };
        let mut turns = Turns::default();
        turns.flock = flock;
        turns.rank(key)
    });
    (key, nodes)
}

pub(super) struct Member {
    pub(super) w: World,
    key: u128,
    /// The first, the second and the third by rank.
    nodes: Vec<u64>,
    /// When this node has claimed, in ms.
    claims: Vec<u64>,
    /// When it has said that it holds turns.
    pulses: Vec<u64>,
}

impl Member {
    /// The member of this rank. The group is due at 1,000 ms, and what is sent is never answered.
    pub(super) fn new(rank: usize) -> Self {
        let (key, nodes) = ranked();
        let me = nodes[rank];
        let others = nodes.iter().copied().filter(|it| *it != me).collect();
        let mut w = World::new(config(route("r", &[])));
        w.core.set_flock(Flock { me, others, settling: false });
        w.answers = false;
        w.post("A", "1", None);
        w.core.take_changes();
        Self { w, key, nodes, claims: Vec::new(), pulses: Vec::new() }
    }

    pub(super) fn run_until(&mut self, ms: u64) {
        let end = Mono::from_ms(ms);
        while let Some(at) = self.w.core.next_timeout().filter(|at| *at <= end) {
            self.w.pass_until(at);
            self.note_claims();
        }
        self.w.pass_until(end);
    }

    fn note_claims(&mut self) {
        let now = self.w.now.mono.as_ms();
        for change in self.w.core.take_changes() {
            match change {
                Change::Claim { key, surrendered: false, .. } if key == self.key => {
                    self.claims.push(now);
                }
                Change::Claim { surrendered: false, .. } => self.pulses.push(now),
                _ => {}
            }
        }
    }

    /// Another says that it still holds turns.
    fn hears_a_pulse(&mut self, rank: usize) {
        let node = self.nodes[rank];
        let until = self.w.now.mono + PULSE_LIFE;
        let claim = Claim { node, until, surrendered: false, given_up: Vec::new() };
        self.w.step(|core, cx| core.handle_peer_claim(cx, pulse_key(node), claim));
        self.note_claims();
    }

    /// Another claims the turn or gives it up.
    fn hears(&mut self, rank: usize, lifetime_ms: u64, surrendered: bool) {
        let until = self.w.now.mono + Duration::from_millis(lifetime_ms);
        let claim = Claim { node: self.nodes[rank], until, surrendered, given_up: Vec::new() };
        let key = self.key;
        self.w.step(|core, cx| core.handle_peer_claim(cx, key, claim));
        self.note_claims();
    }

    pub(super) fn sent(&self) -> Vec<u64> {
        self.w.told.iter().map(|(at, _)| *at).collect()
    }

    fn history(&self) -> Vec<Outcome> {
        let outcomes = self.w.core.history().iter().map(|it| it.outcome.clone());
        outcomes.filter(|it| !matches!(it, Outcome::Waiting { .. })).collect()
    }
}

#[test]
fn an_unrenewed_claim_is_challenged_before_it_lapses() {
    let mut m = Member::new(1);
    m.run_until(1_300);
    m.hears(0, 1_500, false);
    m.run_until(2_099);
    assert_eq!((m.claims.len(), m.sent().len()), (0, 0));
    m.run_until(2_799);
    assert_eq!((&*m.claims, m.sent().len()), (&[2_100][..], 0));
    m.run_until(2_800);
    assert_eq!(m.sent(), [2_800]);
    let first = m.nodes[0];
    assert_eq!(m.history(), [Outcome::Held { by: first }, Outcome::TookOver { from: first }]);
    m.run_until(3_100);
    assert_eq!(*m.claims.last().unwrap(), 3_100, "renewed long before the challenge lapses");
}

#[test]
fn an_answered_challenge_waits_and_takes_nothing_over() {
    let mut m = Member::new(1);
    m.run_until(1_300);
    m.hears(0, 1_500, false);
    m.run_until(2_105);
    m.hears(0, 1_600, false);
    m.run_until(3_000);
    assert_eq!((&*m.claims, m.sent().len()), (&[2_100][..], 0));
    assert_eq!(m.history(), [Outcome::Held { by: m.nodes[0] }]);
    m.run_until(3_705);
    assert_eq!((m.claims[1], m.sent()), (3_005, vec![3_705]), "challenged once more");
}

#[test]
fn a_third_waits_until_the_challenge_has_lapsed_too() {
    let mut m = Member::new(2);
    m.run_until(1_300);
    m.hears(0, 1_500, false);
    m.run_until(2_100);
    m.hears(1, 2_200, false);
    m.run_until(3_599);
    assert_eq!((m.claims.len(), m.sent().len()), (0, 0));
    // It does not wait for the first, from which the turn was taken over.
    m.run_until(4_300);
    assert_eq!((m.claims[0], m.sent()), (3_600, vec![4_300]));
}

#[test]
fn of_two_challenges_the_one_that_holds_sends() {
    let mut m = Member::new(1);
    m.run_until(1_300);
    m.hears(0, 1_500, false);
    m.run_until(2_101);
    m.hears(2, 2_200, false);
    m.run_until(2_900);
    assert_eq!((m.claims.len(), m.sent().len()), (1, 0));
}

#[test]
fn a_sending_node_answers_a_challenge_at_once_and_not_without_end() {
    let mut m = Member::new(0);
    m.run_until(1_400);
    assert_eq!((m.sent(), &*m.claims), (vec![1_000], &[1_300][..]));
    m.hears(1, 2_200, false);
    m.run_until(1_400);
    assert_eq!(m.claims[1..], [1_400]);
    // A second one that sends too, and answers each claim.
    m.hears(1, 1_600, false);
    let mut now = 1_400;
    while now < 5_400 {
        let before = m.claims.len();
        now += 2;
        m.run_until(now);
        if m.claims.len() > before {
            m.hears(1, 1_600, false);
        }
    }
    let count = m.claims.len() - 2;
    assert!((5..=16).contains(&count), "{count} claims in 4 s: {:?}", m.claims);
    assert_eq!(m.sent(), [1_000]);
}

#[test]
fn a_sending_node_claims_again_when_a_surrender_hides_its_claim() {
    let mut m = Member::new(0);
    m.run_until(1_200);
    m.hears(1, 0, true);
    m.run_until(1_250);
    assert!(m.claims.is_empty(), "it has not claimed yet, nothing is hidden");
    m.run_until(1_400);
    m.hears(2, 0, true);
    m.run_until(1_400);
    assert_eq!(m.claims, [1_300, 1_400]);
}

#[test]
fn a_listening_node_sends_at_once_when_the_turn_is_given_up() {
    let mut m = Member::new(1);
    m.run_until(1_300);
    m.hears(0, 1_500, false);
    m.run_until(2_200);
    m.hears(0, 0, true);
    m.run_until(2_201);
    assert_eq!((m.claims[0], m.sent()), (2_100, vec![2_201]));
    assert!(m.history().contains(&Outcome::TookOver { from: m.nodes[0] }));
}

#[test]
fn the_first_by_rank_challenges_the_node_that_claimed_before() {
    let mut m = Member::new(0);
    m.run_until(900);
    m.hears(2, 1_500, false);
    m.run_until(2_399);
    assert_eq!((&*m.claims, m.sent().len()), (&[1_700][..], 0));
    m.run_until(2_400);
    assert_eq!(m.sent(), [2_400]);
}

#[test]
fn a_member_that_sends_has_a_pulse_and_rarely_renews_its_claim() {
    let mut m = Member::new(0);
    m.run_until(6_800);
    assert_eq!(m.claims, [1_300, 6_300]);
    let each: Vec<u64> = (0..12).map(|n| 1_300 + 500 * n).collect();
    assert_eq!(m.pulses, each, "however many turns it holds");
    let attempt = m.w.open.pop().unwrap();
    m.w.answer(attempt);
    m.run_until(20_000);
    assert_eq!((m.claims.len(), m.pulses.len()), (2, 12), "what was delivered needs none");
}

#[test]
fn a_turn_is_taken_over_when_the_pulse_stops() {
    let mut m = Member::new(1);
    m.run_until(1_300);
    m.hears(0, 15_000, false);
    for n in 0..15 {
        m.run_until(1_300 + 500 * n);
        m.hears_a_pulse(0);
    }
    assert_eq!((m.claims.len(), m.sent().len()), (0, 0));
    m.run_until(10_500);
    let died = 1_300 + 500 * 14;
    assert_eq!((m.claims[0], m.sent()), (died + 1_100, vec![died + 1_800]));
}

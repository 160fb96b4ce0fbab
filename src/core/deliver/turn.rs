//! Turns: one member of a flock notifies, and the others hold back.
//!
//! For each group and integration the living members are ranked by rendezvous hashing: every node computes the same
//! order, and the work spreads. The first sends; the others look again after a beat a rank. An attempt that takes longer
//! than a moment is claimed, and the claim is renewed; a member that cannot deliver gives the turn up, and the next takes
//! it at once. A member that takes a turn which was not its own from the start claims it first and listens, since another
//! may do the same: of two claims the one with the greater version holds on every node.
//!
//! A member that holds turns has a pulse: one small record, sent again each [`PULSE`], however many turns it holds and
//! however long its attempts take. Its claims lapse [`PULSE_LIFE`] after its last sign of life. So its death hands all its
//! turns on in that time, and a long attempt costs no more than the pulse and a rare renewal. A member of an earlier
//! version has no pulse: its claims hold for as long as each says.
//!
//! A claim that is about to lapse is challenged: the next member claims the turn as long before as the listening takes, so
//! that it may send when the claim lapses; a member that still sends answers with a claim at once, so that lost signs
//! cost nothing. A log entry ends it all. A node that hears nobody waits for nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::box_map::BoxMap;
use crate::time::Mono;

/// From one rank to the next: some round trips, and time for news to be repeated where datagrams are lost.
pub const BEAT: Duration = Duration::from_secs(1);
/// From a claim to the sending, unless another's claim is heard: long enough for a claim to get past a member that
/// should hand it on and is dead.
pub const LISTEN: Duration = Duration::from_millis(700);
/// An attempt that takes longer is claimed; most do not.
pub const CLAIM_AFTER: Duration = Duration::from_millis(300);
/// Between two looks while the flock settles.
pub const SETTLE_LOOK: Duration = Duration::from_millis(500);

/// From one pulse of a member that holds turns to the next.
pub const PULSE: Duration = Duration::from_millis(500);
/// How long the claims of a member hold after its last sign of life. Two pulses come before another challenges them, so one
/// may be lost and sent again.
pub const PULSE_LIFE: Duration = Duration::from_millis(1_800);
/// How long a claim of a member holds at most while it is not renewed.
pub const CLAIM_LIFE: Duration = Duration::from_secs(15);
/// From a claim to its renewal.
pub const CLAIM_RENEWAL: Duration = Duration::from_secs(5);

/// The flock, as far as turns depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flock {
    /// This node.
    pub me: u64,
    /// The other members that live.
    pub others: Vec<u64>,
    /// Whether it is still settling, so that nobody knows yet what has been told.
    pub settling: bool,
}

/// A claim as it was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose it is.
    pub node: u64,
    /// Until when it holds if it is not renewed.
    pub until: Mono,
    /// Whether it gives the turn up instead.
    pub surrendered: bool,
    /// The nodes that have given the turn up as far as its author knows: a claim may overtake the surrender before it.
    pub given_up: Vec<u64>,
}

/// The claims that are heard of, by [`crate::model::LogKey::id`].
#[derive(Debug, Default)]
pub struct Turns {
    /// The nodes that take part.
    pub flock: Flock,
    claims: BoxMap<u128, Claim>,
    given_up: BoxMap<u128, BTreeSet<u64>>,
    /// Members whose claim another's has replaced, until there is a sign of life: a challenge does not wait for them.
    suspects: BTreeSet<u64>,
    /// Turns whose order is that of another key.
    orders: BTreeMap<u128, u128>,
    /// The members that have a pulse, and when their claims lapse unless there is another sign of life.
    pulses: BTreeMap<u64, Mono>,
}

impl Turns {
    /// Orders a turn as all those that are given the same `order`.
    pub fn order_as(&mut self, key: u128, order: u128) {
        self.orders.insert(key, order);
    }

    /// Forgets the order of a turn.
    pub fn forget_order(&mut self, key: u128) {
        self.orders.remove(&key);
    }

    /// The key by which a turn is ordered.
    fn order(&self, key: u128) -> u128 {
        self.orders.get(&key).copied().unwrap_or(key)
    }

    /// Takes a pulse of a member.
    pub fn put_pulse(&mut self, node: u64, until: Mono) {
        self.suspects.remove(&node);
        self.pulses.insert(node, until);
    }

    /// Takes a claim as a sign of life of a member that has a pulse.
    pub fn heard(&mut self, node: u64, now: Mono) {
        if let Some(until) = self.pulses.get_mut(&node) {
            *until = (*until).max(now + PULSE_LIFE);
        }
    }

    /// When a claim lapses unless something more is heard of its member.
    fn lapses(&self, claim: &Claim) -> Mono {
        self.pulses.get(&claim.node).map_or(claim.until, |pulse| claim.until.min(*pulse))
    }

    /// Whether this node holds a turn, so that it needs a pulse.
    pub fn holds_any(&self, now: Mono) -> bool {
        self.claims.values().any(|it| self.is_mine(it) && it.until > now)
    }

    /// Lets this node's own claim lapse at `until`: it has delivered, and the news of that is on its way.
    pub fn release(&mut self, key: u128, until: Mono) {
        let me = self.flock.me;
        if let Some(claim) = self.claims.get_mut(&key).filter(|it| it.node == me) {
            claim.until = until;
        }
    }

    fn is_mine(&self, claim: &Claim) -> bool {
        claim.node == self.flock.me && !claim.surrendered
    }

    /// Takes a claim, own or another's; the caller has seen to it that it is the newest.
    pub fn put(&mut self, key: u128, claim: Claim) {
        let replaced = self.claims.get(&key).filter(|it| !it.surrendered && !claim.surrendered);
        self.suspects.extend(replaced.map(|it| it.node));
        self.suspects.remove(&claim.node);
        let given_up = self.given_up.get_or_default(key);
        given_up.extend(claim.given_up.iter().filter(|node| **node != self.flock.me));
        if claim.surrendered {
            given_up.insert(claim.node);
        } else {
            given_up.remove(&claim.node);
        }
        if given_up.is_empty() {
            self.given_up.remove(&key);
        }
        self.claims.insert(key, claim);
    }

    /// The members that have given this turn up, this node among them if it has.
    pub fn given_up(&self, key: u128) -> Vec<u64> {
        self.given_up.get(&key).into_iter().flatten().copied().collect()
    }

    /// Begins a turn anew: a node that could not deliver the last time may be able to now, and if none could, all would
    /// come first.
    pub fn begin(&mut self, key: u128) {
        self.given_up.remove(&key);
    }

    /// Forgets a turn that has ended.
    pub fn end(&mut self, key: u128) {
        self.claims.remove(&key);
        self.given_up.remove(&key);
    }

    /// Forgets claims that have lapsed for long.
    pub fn sweep(&mut self, now: Mono) {
        let mut claims = std::mem::take(&mut self.claims);
        claims.retain(|_, claim| self.lapses(claim) + CLAIM_LIFE > now);
        self.given_up.retain(|key, _| claims.contains_key(key));
        self.claims = claims;
        self.pulses.retain(|_, until| *until + CLAIM_LIFE > now);
    }

    /// Another's claim on this turn that holds at `now`, with when it lapses: neither lapsed nor given up, by a member that
    /// lives.
    pub fn held(&self, key: u128, now: Mono) -> Option<Claim> {
        let claim = self.claims.get(&key)?;
        let until = self.lapses(claim);
        (claim.node != self.flock.me
            && !claim.surrendered
            && until > now
            && self.flock.others.contains(&claim.node))
        .then(|| Claim { until, ..claim.clone() })
    }

    /// Whether this node's own claim is the one that counts.
    pub fn mine(&self, key: u128) -> bool {
        self.claims.get(&key).is_some_and(|claim| self.is_mine(claim))
    }

    /// When this node is to claim a turn that another claims now, unless there is a sign of life: it may send [`LISTEN`] later,
    /// when the claim has lapsed. Ranks count from the start again: each member waits for those before it.
    pub fn challenge(&self, key: u128, claim: &Claim) -> Mono {
        claim.until + LISTEN * self.rank_without(key, Some(claim.node)) - LISTEN
    }

    /// How many living members that have not given this turn up come before this node.
    pub fn rank(&self, key: u128) -> u32 {
        self.rank_without(key, None)
    }

    /// The same once `gone` has had its turn.
    fn rank_without(&self, key: u128, gone: Option<u64>) -> u32 {
        let given_up = self.given_up.get(&key);
        let key = self.order(key);
        let mine = score(self.flock.me, key);
        let before = self.flock.others.iter().filter(|node| {
            score(**node, key) > mine
                && gone.is_none_or(|gone| gone != **node && !self.suspects.contains(node))
                && !given_up.is_some_and(|nodes| nodes.contains(node))
        });
        u32::try_from(before.count()).unwrap_or(u32::MAX)
    }

    /// The member from which this node takes the turn: the last that claimed it, else the first by rank.
    pub fn before(&self, key: u128) -> Option<u64> {
        let claimant = self.claims.get(&key).map(|claim| claim.node);
        let order = self.order(key);
        let first = || self.flock.others.iter().copied().max_by_key(|node| score(*node, order));
        claimant.or_else(first).filter(|node| *node != self.flock.me)
    }

    /// Whether all nodes that came before this one have given the turn up themselves, so that no other comes before it
    /// now.
    pub fn handed_over(&self, key: u128) -> bool {
        let given_up = self.given_up.get(&key);
        given_up.is_some_and(|nodes| !nodes.contains(&self.flock.me)) && self.rank(key) == 0
    }

    /// Whether some other living member has not given this turn up.
    pub fn another_can(&self, key: u128) -> bool {
        let given_up = self.given_up.get(&key);
        self.flock.others.iter().any(|node| !given_up.is_some_and(|nodes| nodes.contains(node)))
    }

    /// Whether this node has nobody to wait for.
    pub fn alone(&self) -> bool {
        self.flock.others.is_empty()
    }
}

/// The key of a member's pulse, among those of the turns that it claims.
pub fn pulse_key(node: u64) -> u128 {
    (u128::from(node) << 64) | u128::from(u64::from_be_bytes(*b"my pulse"))
}

/// The member with the highest score comes first.
fn score(node: u64, key: u128) -> u64 {
    // The finaliser of SplitMix64: every bit of node and key changes half of the score's.
    let mix = |mut x: u64| {
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
    mix(mix(mix(node) ^ half(key >> 64)) ^ half(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(me: u64, others: &[u64]) -> Turns {
        let flock = Flock { me, others: others.to_vec(), settling: false };
        Turns { flock, ..Turns::default() }
    }

    fn claim(node: u64, until: u64, surrendered: bool) -> Claim {
        Claim { node, until: Mono::from_ms(until), surrendered, given_up: Vec::new() }
    }

    #[test]
    fn every_node_computes_one_order_and_the_work_spreads() {
        let nodes = [3, 1, 4, 15, 9];
        let mut firsts = BTreeMap::new();
        for key in 0..10_000 {
            let mut ranks: Vec<(u32, u64)> = nodes
                .iter()
                .map(|me| {
                    let others: Vec<u64> = nodes.iter().copied().filter(|it| it != me).collect();
                    (turns(*me, &others).rank(key), *me)
                })
                .collect();
            ranks.sort_unstable();
            let order: Vec<u32> = ranks.iter().map(|(rank, _)| *rank).collect();
            assert_eq!(order, [0, 1, 2, 3, 4]);
            *firsts.entry(ranks[0].1).or_insert(0) += 1;
        }
        for (node, count) in firsts {
            assert!((1900..=2100).contains(&count), "node {node}: {count} of 10,000");
        }
    }

    #[test]
    fn a_claim_holds_until_it_lapses_or_is_given_up_or_its_node_is_gone() {
        let now = Mono::from_ms(100);
        let mut turns = turns(1, &[2, 3]);
        turns.put(7, claim(2, 200, false));
        assert_eq!(turns.held(7, now), Some(claim(2, 200, false)));
        assert_eq!(turns.held(7, Mono::from_ms(200)), None);
        turns.put(7, claim(2, 200, true));
        assert_eq!(turns.held(7, now), None);
        turns.put(7, claim(9, 200, false));
        assert_eq!(turns.held(7, now), None, "9 is not among the living");
        turns.put(7, claim(1, 200, false));
        assert!(turns.held(7, now).is_none() && turns.mine(7));
    }

    #[test]
    fn claims_lapse_with_the_members_pulse_or_at_their_own_end() {
        let until =
            |turns: &Turns, now| turns.held(7, Mono::from_ms(now)).map(|it| it.until.as_ms());
        let mut turns = turns(1, &[2, 3]);
        turns.put(7, claim(2, 15_000, false));
        turns.heard(2, Mono::from_ms(100));
        assert_eq!(until(&turns, 9_000), Some(15_000), "an earlier version has no pulse");
        turns.put_pulse(2, Mono::from_ms(1_800));
        turns.put_pulse(3, Mono::from_ms(9_000));
        assert_eq!((until(&turns, 1_799), until(&turns, 1_800)), (Some(1_800), None));
        turns.heard(2, Mono::from_ms(1_000));
        assert_eq!(until(&turns, 1_800), Some(2_800));
        turns.put_pulse(2, Mono::from_ms(20_000));
        assert_eq!((until(&turns, 3_000), until(&turns, 15_000)), (Some(15_000), None));
        turns.sweep(Mono::from_ms(29_999));
        assert!(turns.claims.contains_key(&7) && !turns.pulses.contains_key(&3));
        turns.sweep(Mono::from_ms(35_000));
        assert!(turns.claims.is_empty() && turns.pulses.is_empty());
    }

    #[test]
    fn a_challenge_does_not_wait_for_suspects() {
        let key = (0..1000).find(|key| turns(1, &[2, 3, 4]).rank(*key) == 3).unwrap();
        let mut turns = turns(1, &[2, 3, 4]);
        let held = claim(2, 10_000, false);
        let wait = |turns: &Turns| turns.challenge(key, &held).as_ms();
        let others_come_first = wait(&turns);
        turns.put(9, claim(3, 200, false));
        turns.put(9, claim(4, 900, false));
        assert_eq!(wait(&turns) + 700, others_come_first, "3 is silent");
        assert_eq!(turns.rank(key), 3, "it may be alive: it has its own turns");
        turns.put_pulse(3, Mono::from_ms(5_000));
        assert_eq!(wait(&turns), others_come_first);
        turns.put(9, claim(4, 900, true));
        turns.put(9, claim(3, 900, false));
        assert_eq!(wait(&turns), others_come_first, "what is given up is no silence");
    }

    #[test]
    fn turns_of_one_order_have_the_same_ranks() {
        let mut turns = turns(1, &[2, 3, 4, 5]);
        let mut ranks = |order| {
            let all: BTreeSet<u32> = (0..100)
                .map(|key| {
                    if let Some(order) = order {
                        turns.order_as(key, order);
                    }
                    turns.rank(key)
                })
                .collect();
            (0..100).for_each(|key| turns.forget_order(key));
            all.len()
        };
        assert_eq!((ranks(None), ranks(Some(7)), ranks(None)), (5, 1, 5));
    }

    #[test]
    fn a_node_has_a_pulse_while_it_holds_a_turn_that_it_has_not_released() {
        let holds = |turns: &Turns, now| turns.holds_any(Mono::from_ms(now));
        let mut turns = turns(1, &[2]);
        turns.put(7, claim(2, 200, false));
        turns.put(8, claim(1, 200, true));
        assert!(!holds(&turns, 100));
        turns.put(9, claim(1, 200, false));
        assert!(holds(&turns, 199) && !holds(&turns, 200));
        turns.release(9, Mono::from_ms(150));
        turns.release(7, Mono::from_ms(150));
        assert!(holds(&turns, 149) && !holds(&turns, 150));
        assert_eq!(turns.held(7, Mono::from_ms(199)).map(|it| it.node), Some(2), "another's stays");
    }

    #[test]
    fn a_node_that_gives_up_no_longer_comes_first() {
        let key = (0..1000).find(|key| turns(1, &[2, 3]).rank(*key) == 2).unwrap();
        let mut turns = turns(1, &[2, 3]);
        turns.put(key, claim(2, 200, true));
        assert_eq!(turns.rank(key), 1);
        turns.put(key, claim(3, 200, true));
        assert_eq!(turns.rank(key), 0);
        assert!(!turns.another_can(key));
        turns.put(key, claim(3, 200, false));
        assert_eq!(turns.rank(key), 1);
        turns.begin(key);
        assert_eq!(turns.rank(key), 2);
        turns.put(key, claim(2, 200, true));
        turns.end(key);
        assert_eq!(turns.rank(key), 2);
    }

    #[test]
    fn a_claim_that_overtakes_a_surrender_tells_of_it() {
        let mut turns = turns(1, &[2, 3]);
        turns.put(7, Claim { given_up: vec![1, 2], ..claim(3, 200, true) });
        assert_eq!(turns.given_up(7), [2, 3], "what this node does it knows better");
    }

    #[test]
    fn a_turn_is_handed_over_when_all_before_this_node_gave_up() {
        let key = (0..1000).find(|key| turns(1, &[2, 3]).rank(*key) == 1).unwrap();
        let before = if turns(2, &[1, 3]).rank(key) == 0 { 2 } else { 3 };
        let mut turns = turns(1, &[2, 3]);
        assert!(!turns.handed_over(key));
        turns.put(key, claim(before, 200, true));
        assert!(turns.handed_over(key));
        turns.put(key, claim(1, 200, true));
        assert!(!turns.handed_over(key), "a node that gave up too tries again like all others");
    }
}

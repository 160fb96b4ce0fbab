//! Looking ahead, as one member of three sees it: the others are played by the test.

use super::attempts::{reply, webhooks, world};
use super::*;
use crate::core::Change;
use crate::core::deliver::turn::Claim;

fn lost() -> Reply {
    Reply::failed("no way there")
}

/// A node whose turn the group `A`, which is due at 1,000 ms, is not, and that hears another's claim on it at 1,300 ms.
fn claimed() -> (World, u128) {
    for name in ["A", "B", "C", "D", "E", "F", "G", "H"] {
        let mut w = world(webhooks(), &[8, 9]);
        w.post(name, "1", None);
        w.pass_until(Mono::from_ms(1_300));
        let key = *w.core.open.keys().next().unwrap();
        if w.core.turns.rank(key) == 1 {
            let other = first(&w, key);
            hears(&mut w, key, other, false);
            return (w, key);
        }
    }
    panic!("one of eight groups is the second's");
}

/// The other that comes before this node.
fn first(w: &World, key: u128) -> u64 {
    w.core.turns.before(key).unwrap()
}

fn hears(w: &mut World, key: u128, node: u64, surrendered: bool) {
    let until = w.now.mono + Duration::from_secs(2);
    let claim = Claim { node, until, surrendered, given_up: Vec::new() };
    w.step(|core, cx| core.handle_peer_claim(cx, key, claim));
}

/// Whether the turn was given up since this was last asked.
fn surrenders(w: &mut World) -> bool {
    let changes = w.core.take_changes();
    changes.iter().any(|it| matches!(it, Change::Claim { surrendered: true, .. }))
}

#[test]
fn a_peer_claim_causes_one_look_for_a_while() {
    let (mut w, key) = claimed();
    let other = first(&w, key);
    hears(&mut w, key, other, false);
    assert_eq!((w.looks.len(), w.told.len()), (1, 0));
    let look = w.looks[0];
    reply(&mut w, look, &Reply::Done);
    hears(&mut w, key, other, false);
    assert_eq!(w.looks.len(), 1, "it is known for a while");
    w.move_to(Mono::from_ms(31_300));
    hears(&mut w, key, other, false);
    assert_eq!(w.looks.len(), 2);
}

#[test]
fn a_node_that_cannot_reach_the_receiver_leaves_its_turn_at_once() {
    let (mut w, key) = claimed();
    let (other, look) = (first(&w, key), w.looks[0]);
    reply(&mut w, look, &lost());
    w.core.take_changes();
    hears(&mut w, key, other, true);
    w.pass_until(Mono::from_ms(1_310));
    assert!(surrenders(&mut w) && w.told.is_empty());
}

#[test]
fn a_turn_that_comes_during_a_look_waits_for_its_outcome() {
    for reached in [true, false] {
        let (mut w, key) = claimed();
        let (other, look) = (first(&w, key), w.looks[0]);
        hears(&mut w, key, other, true);
        w.pass_until(Mono::from_ms(1_800));
        assert!(!surrenders(&mut w) && w.told.is_empty() && !w.core.turns.mine(key));
        reply(&mut w, look, &if reached { Reply::Done } else { lost() });
        w.pass_until(Mono::from_ms(1_810));
        assert_eq!((w.told.len(), surrenders(&mut w)), (usize::from(reached), !reached));
    }
}

#[test]
fn when_no_other_can_the_outcome_is_not_waited_for() {
    let (mut w, key) = claimed();
    for other in [8, 9] {
        hears(&mut w, key, other, true);
    }
    w.pass_until(Mono::from_ms(1_310));
    assert_eq!((w.looks.len(), w.told.len()), (1, 1));
}

#[test]
fn a_look_of_a_config_before_tells_nothing_and_what_waits_for_it_goes_on() {
    let (mut w, key) = claimed();
    let (other, look) = (first(&w, key), w.looks[0]);
    hears(&mut w, key, other, true);
    w.pass_until(Mono::from_ms(1_400));
    w.step(|core, cx| drop(core.handle_config(cx, Arc::new(webhooks())).unwrap()));
    reply(&mut w, look, &lost());
    w.pass_until(Mono::from_ms(7_000));
    assert_eq!(w.told.len(), 1);
}

#[test]
fn a_node_that_loses_the_receiver_while_listening_leaves_the_turn() {
    let (mut w, key) = claimed();
    let look = w.looks[0];
    reply(&mut w, look, &Reply::Done);
    // The claim of the first is not renewed: this node challenges it, and listens.
    let listens = |w: &World| w.core.turns.mine(key) && w.told.is_empty();
    while !listens(&w) {
        let next = w.core.next_timeout().unwrap();
        w.pass_until(next);
    }
    let soon = w.now.mono + Duration::from_millis(100);
    w.pass_until(soon);
    let hook = ("a".into(), "webhook".into(), 0);
    w.step(|core, cx| core.learn(cx, &hook, false));
    w.core.take_changes();
    w.pass_until(soon + Duration::from_secs(1));
    assert!(surrenders(&mut w) && w.told.is_empty());
}

#[test]
fn of_two_surrenders_at_once_the_hidden_one_is_repeated() {
    let (mut w, key) = claimed();
    let (other, look) = (first(&w, key), w.looks[0]);
    reply(&mut w, look, &lost());
    hears(&mut w, key, other, true);
    w.pass_until(Mono::from_ms(1_310));
    assert!(surrenders(&mut w));
    hears(&mut w, key, other, false);
    assert!(!surrenders(&mut w), "it tries again");
    hears(&mut w, key, other, true);
    assert!(surrenders(&mut w), "its version is the newer one, and does not name this node");
    let (me, until) = (w.core.turns.flock.me, w.now.mono);
    let claim = Claim { node: other, until, surrendered: true, given_up: vec![me] };
    w.step(|core, cx| core.handle_peer_claim(cx, key, claim));
    assert!(!surrenders(&mut w), "it is known");
}

//! Senders whose clock is behind.

use super::*;

const THREE_HOURS: i64 = -3 * 3600;

fn world() -> World {
    World::new(config(route("r", &[])))
}

/// Posts each minute with a lease of five, by a clock that is three hours behind.
fn post_behind(w: &mut World, minutes: usize) {
    for _ in 0..minutes {
        w.post("A", "1", Some(THREE_HOURS + 300));
        w.pass(60);
    }
}

fn words(w: &mut World) -> Vec<String> {
    w.told().into_iter().map(|(_, line)| line).collect()
}

#[test]
fn alerts_of_a_sender_with_a_slow_clock_fire_while_reports_come() {
    let mut w = world();
    post_behind(&mut w, 1);
    assert!(words(&mut w).is_empty(), "one report may be of an alert that has ended");
    assert_eq!(w.core.stats().late, 1);
    post_behind(&mut w, 30);
    let told = words(&mut w);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("[FIRING:1]"), "{told:?}");
    let (_, entry) = w.core.alerts().iter().next().unwrap();
    assert!(entry.alert.annotations.get("bellwether_clock").unwrap().contains("2h55m"));
    assert_eq!(entry.alert.starts_at, Wall::from_secs(START));
    assert_eq!(w.core.stats().late, 31);
    w.pass(400);
    let told = words(&mut w);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("[RESOLVED]"), "{told:?}");
}

#[test]
fn an_end_that_goes_back_ends_it_at_once() {
    let mut w = world();
    post_behind(&mut w, 3);
    assert_eq!(words(&mut w).len(), 1);
    w.post("A", "1", Some(THREE_HOURS));
    w.pass(300);
    let told = words(&mut w);
    assert!(told.len() == 1 && told[0].starts_with("[RESOLVED]"), "{told:?}");
}

#[test]
fn a_clock_that_is_set_brings_the_sender_s_word_back_into_force() {
    let mut w = world();
    post_behind(&mut w, 3);
    assert_eq!(words(&mut w).len(), 1);
    w.post("A", "1", Some(300));
    w.pass(60);
    let (_, entry) = w.core.alerts().iter().next().unwrap();
    assert_eq!(entry.alert.annotations.get("bellwether_clock"), None);
    w.post("A", "1", Some(0));
    w.pass(300);
    let told = words(&mut w);
    assert!(told.len() == 1 && told[0].starts_with("[RESOLVED]"), "{told:?}");
}

#[test]
fn after_a_restart_the_mark_says_that_it_fires_by_our_word() {
    let mut w = world();
    post_behind(&mut w, 3);
    assert_eq!(words(&mut w).len(), 1);
    let (fingerprint, _) = w.core.alerts().iter().next().unwrap();
    w.step(|core, _| {
        if let Some(entry) = core.alerts.get_mut(fingerprint) {
            entry.behind = None;
        }
    });
    post_behind(&mut w, 10);
    assert!(words(&mut w).is_empty(), "it fires on");
}

#[test]
fn an_alert_that_has_ended_stays_ended() {
    let mut w = world();
    // Says each minute that all is well now.
    for _ in 0..10 {
        w.post("well", "1", Some(-2));
        w.pass(60);
    }
    // Says so with a clock that is behind, of an alert that fired by the same sender's word.
    w.post("over", "1", Some(100));
    w.pass(60);
    for _ in 0..10 {
        w.post("over", "1", Some(-120));
        w.pass(60);
    }
    let told = words(&mut w);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("[FIRING:1] over") && told[1].starts_with("[RESOLVED]"));
    assert_eq!(w.core.stats().late, 0);
}

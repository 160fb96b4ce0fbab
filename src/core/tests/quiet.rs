//! Resolved after quiet: ends of alerts that were muted are told once nothing mutes them any more.

use super::*;
use crate::limits::QUIET_END_AGE_MAX;

/// A mind with one receiver and these rules of inhibition.
fn world(is_on: bool, rules: &[(&[&str], &[&str])]) -> World {
    let mut root = route("r", &[]);
    root.resolved_after_quiet = is_on;
    let mut config = config(root);
    config.inhibit_rules =
        rules.iter().map(|(source, target)| inhibit_rule(source, target, &[])).collect();
    World::new(config)
}

fn lines(w: &mut World) -> Vec<String> {
    w.told().into_iter().map(|(_, line)| line).collect()
}

#[test]
fn an_end_under_a_silence_is_told_once_when_the_silence_is_over() {
    for is_on in [true, false] {
        let mut w = world(is_on, &[]);
        w.post("A", "1", Some(36_000));
        w.pass(5);
        assert_eq!(lines(&mut w).len(), 1);
        w.silence(&["alertname=A"], 600);
        w.post("A", "1", Some(0));
        w.pass(500);
        assert_eq!(lines(&mut w).len(), 0, "what is muted is silent");
        w.pass(200);
        let told = lines(&mut w);
        assert_eq!(told.len(), usize::from(is_on), "{told:?}");
        assert!(told.iter().all(|it| it.starts_with("[RESOLVED] A -> r (all alerts resolved")));
        w.pass(3 * 3600);
        assert_eq!((lines(&mut w).len(), w.core.groups().len()), (0, 0));
    }
}

#[test]
fn a_quiet_of_days_is_outlived_by_the_log() {
    let day = 24 * 3600;
    let mut w = world(true, &[]);
    w.post("A", "1", Some(10 * day));
    w.pass(5);
    w.silence(&["alertname=A"], 3 * day);
    w.pass(2 * 24 * 3600);
    w.post("A", "1", Some(0));
    assert_eq!(lines(&mut w).len(), 1);
    w.pass(24 * 3600 + 60);
    assert_eq!(lines(&mut w).len(), 1, "its end");
}

#[test]
fn an_end_under_inhibition_is_told_when_the_source_has_ended() {
    let mut w = world(true, &[(&["alertname=S"], &["alertname=A"])]);
    w.post("A", "1", Some(36_000));
    w.pass(5);
    w.post("S", "1", Some(36_000));
    w.pass(5);
    w.post("A", "1", Some(0));
    w.pass(60);
    assert_eq!(lines(&mut w).len(), 2, "both fire");
    w.post("S", "1", Some(0));
    w.pass(30);
    let told = lines(&mut w);
    assert!(told.len() == 2 && told.iter().all(|it| it.starts_with("[RESOLVED]")), "{told:?}");
}

#[test]
fn alerts_that_fire_after_the_quiet_are_told_as_in_alertmanager() {
    for is_on in [true, false] {
        let mut w = world(is_on, &[]);
        w.post("A", "1", Some(36_000));
        w.pass(5);
        w.silence(&["i=1"], 600);
        w.post("A", "2", Some(36_000));
        w.pass(300);
        w.post("A", "2", Some(0));
        w.pass(200);
        let reason = |line: &String| line.split('(').nth(1).unwrap_or_default().to_owned();
        let told: Vec<_> = lines(&mut w).iter().map(reason).collect();
        assert_eq!(told, ["first notification)", "new alerts added)", "all alerts resolved)"]);
        w.pass(200);
        let told = lines(&mut w);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("[FIRING:1]"),
            "the receiver believed that all had ended: {told:?}"
        );
        w.post("A", "1", Some(0));
        w.pass(30);
        assert!(lines(&mut w)[0].starts_with("[RESOLVED]"));
    }
}

#[test]
fn an_end_does_not_wait_for_ever() {
    let mut root = route("r", &[]);
    (root.resolved_after_quiet, root.group_interval) = (true, Duration::from_secs(3600));
    let mut w = World::new(config(root));
    w.post("A", "1", Some(36_000));
    w.pass(5);
    w.silence(&["alertname=A"], 40 * 24 * 3600);
    w.post("A", "1", Some(0));
    w.pass(QUIET_END_AGE_MAX.as_secs());
    assert_eq!(w.core.groups().len(), 1);
    w.pass(2 * 3600);
    assert_eq!((w.core.groups().len(), lines(&mut w).len()), (0, 1));
}

//! Alerts of which it takes long to find where they belong, and groups that a config moves.

use super::*;
use crate::config::{Expectation, StaticLabels};

/// A report whose label is so long that to route it takes many pieces.
fn long(text: &str) -> Report<'_> {
    let pair = |name, value| (Cow::Borrowed(name), Cow::Borrowed(value));
    Report::new(vec![pair("alertname", "long"), pair("x", text)], vec![], None, None, "".into())
}

fn many_routes() -> Config {
    let mut root = route("r", &[]);
    root.routes = (0..300).map(|n| route("r", &[&format!("x=~.*[x-z][w-z]{{{n}}}.*")])).collect();
    root.routes.push(route("last", &["x=~(ab)+"]));
    config(root)
}

#[test]
fn a_slow_to_route_alert_is_grouped_in_pieces_while_others_are_sent() {
    let text = "ab".repeat(20_000);
    let mut w = World::new(many_routes());
    let intake = w.core.handle_reports(w.now, &[long(&text)]);
    assert_eq!((intake, w.core.groups().len()), (Intake::default(), 0));
    w.post("A", "1", None);
    assert_eq!(w.core.groups().len(), 1);
    let mut pieces = 0;
    while w.core.next_timeout() == Some(Mono::ZERO) {
        w.step(Core::handle_timeout);
        pieces += 1;
    }
    assert!(pieces > 5, "{pieces}");
    let receivers: Vec<&str> = w
        .core
        .groups()
        .iter()
        .map(|(_, group)| &*w.core.routes().get(group.route).receiver.name)
        .collect();
    assert_eq!(receivers, ["r", "last"]);
    w.pass(60);
    assert_eq!(w.told.len(), 2);
}

#[test]
fn a_slow_to_route_end_from_a_member_waits_its_turn_and_is_no_news() {
    let text = "ab".repeat(20_000);
    let mut one = World::new(many_routes());
    one.core.handle_reports(one.now, &[long(&text)]);
    let mut alert = (*one.core.alerts().iter().next().unwrap().1.alert).clone();
    alert.ends_at = one.now.wall;
    let mut w = World::new(many_routes());
    let fingerprint = alert.labels.fingerprint();
    assert!(w.core.merge_alert(w.now, fingerprint, alert));
    let routes = |w: &World| w.core.alerts().get(fingerprint).map(|it| it.groups.len());
    assert_eq!(routes(&w), Some(0));
    let mut pieces = 0;
    while w.core.next_timeout() == Some(Mono::ZERO) {
        w.step(Core::handle_timeout);
        pieces += 1;
    }
    assert!(pieces > 5, "{pieces}");
    assert_eq!((routes(&w), w.core.groups().len()), (Some(1), 0), "nobody knows of it");
}

#[test]
fn a_reload_brings_a_late_alert_to_its_group() {
    let text = "ab".repeat(20_000);
    let mut w = World::new(many_routes());
    w.core.handle_reports(w.now, &[long(&text)]);
    w.step(Core::handle_timeout);
    w.step(|core, cx| drop(core.handle_config(cx, Arc::new(config(route("r", &[])))).unwrap()));
    w.fill();
    assert_eq!(w.core.groups().len(), 1);
    w.pass(60);
    assert_eq!(w.told.len(), 1);
}

#[test]
fn groups_without_a_route_are_forgotten_in_pieces() {
    let by_all = |below: bool| {
        let mut all = route("r", &["alertname=~.+"]);
        (all.group_by, all.continue_) = (GroupBy::All, true);
        let mut root = route("r", &[]);
        root.routes = if below { vec![all] } else { Vec::new() };
        Arc::new(config(root))
    };
    let mut w = World::new((*by_all(true)).clone());
    w.core.handle_reports(w.now, &reports(0..3000, None));
    w.core.take_some_changes(usize::MAX);
    let gone = |w: &mut World| {
        let changes = w.core.take_some_changes(usize::MAX);
        changes.iter().filter(|it| matches!(it, crate::core::Change::GroupGone { .. })).count()
    };
    let bytes = w.core.groups().bytes();
    w.step(|core, cx| drop(core.handle_config(cx, by_all(false)).unwrap()));
    let first = gone(&mut w);
    assert!(first < 1000, "{first} in one piece");
    w.step(|core, cx| drop(core.handle_config(cx, by_all(true)).unwrap()));
    w.fill();
    let all = first + gone(&mut w);
    assert_eq!((all, w.core.groups().len()), (3000, 3000));
    assert_eq!(w.core.groups().bytes(), bytes);
    w.core.handle_reports(w.now, &reports(0..1, None));
    assert_eq!(w.core.groups().len(), 3000);
}

#[test]
fn groups_are_moved_in_pieces_and_those_that_nothing_belongs_to_go() {
    let mut all = route("r", &[]);
    all.group_by = GroupBy::All;
    let mut w = World::new(config(all));
    w.core.handle_reports(w.now, &reports(0..3000, None));
    assert_eq!(w.core.groups().len(), 3000);
    let mut together = route("r", &[]);
    together.group_by = GroupBy::Labels(Vec::new());
    w.step(|core, cx| drop(core.handle_config(cx, Arc::new(config(together))).unwrap()));
    let left = w.core.groups().len();
    assert!(left > 1000, "{left}: one piece does not move all of them");
    w.fill();
    let alerts: Vec<usize> = w.core.groups().iter().map(|it| it.1.alerts.len()).collect();
    assert_eq!(alerts, [3000]);
}

#[test]
fn an_end_that_waits_to_be_told_stays_in_its_group_under_another_config() {
    let mut w = World::new(config(route("r", &[])));
    w.post("A", "1", None);
    w.post("A", "2", None);
    w.post("A", "3", None);
    w.pass(5);
    w.post("A", "1", Some(0));
    w.pass(10);
    w.post("A", "2", Some(0));
    let alerts = |w: &World| w.core.groups().iter().next().map(|it| it.1.alerts.clone());
    let before = alerts(&w);
    assert_eq!((before.as_ref().map(BTreeSet::len), w.core.alerts().len()), (Some(2), 3));
    for _ in 0..2 {
        let same = Arc::new(config(route("r", &[])));
        w.step(|core, cx| drop(core.handle_config(cx, same).unwrap()));
    }
    w.fill();
    assert_eq!(alerts(&w), before);
    w.told();
    w.pass(10);
    assert_eq!(w.told(), at(&[(21_000, "[FIRING:1] A -> r (some alerts resolved)")]));
}

#[test]
fn a_slow_comparison_with_expected_signs_is_made_in_pieces() {
    let text = format!("b{}", "ab".repeat(600));
    let mut config = config(route("r", &[]));
    let expectation = |n: usize| Expectation {
        name: format!("e{n}").into(),
        matchers: matchers(&["x=~.*b[ab]{900}", "x=~.+b[ab]{900}"]),
        period: Duration::from_secs(3600),
        labels: StaticLabels::default(),
    };
    config.expect = (0..10).map(expectation).collect();
    let mut w = World::new(config);
    w.core.handle_reports(w.now, &[long(&text)]);
    let met = |w: &World| {
        let seen = |n: &usize| w.core.expected().get(&format!("e{n}")).unwrap().last.is_some();
        (0..10).filter(seen).count()
    };
    let mut last = met(&w);
    assert!(last < 10, "{last}");
    while w.core.next_timeout() == Some(Mono::ZERO) {
        w.step(Core::handle_timeout);
        assert!(met(&w) - last <= 1, "{last}");
        last = met(&w);
    }
    assert_eq!(last, 10);
}

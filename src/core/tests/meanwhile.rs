//! Notifications of another member between a flush's tick and its turn.

use std::collections::BTreeSet;

use super::turns::Member;
use super::*;
use crate::core::Change;
use crate::model::LogKey;

const ANOTHER: u64 = 9;

/// The fingerprint of an alert of this member's group.
fn alert(i: &str) -> Fingerprint {
    Fingerprint::of([("alertname", "A"), ("i", i)])
}

fn key(m: &Member) -> LogKey {
    let (_, group) = m.w.core.groups().iter().next().unwrap();
    group.flush.as_ref().unwrap().deliveries[0].key.clone()
}

/// Another has told for the `times`th time.
fn hears_log(m: &mut Member, key: &LogKey, times: u64, firing: &[Fingerprint]) {
    let resolved: Vec<_> = [alert("1")].into_iter().filter(|it| !firing.contains(it)).collect();
    hears(m, key, times, (firing, &resolved));
}

fn hears(
    m: &mut Member,
    key: &LogKey,
    times: u64,
    (firing, resolved): (&[Fingerprint], &[Fingerprint]),
) {
    let entry = LogEntry {
        timestamp: m.w.now.wall,
        firing: firing.into(),
        resolved: resolved.into(),
        expires_at: m.w.now.wall + Duration::from_secs(3600),
        notified_by: [(ANOTHER, times)].into(),
        facts: [].into(),
    };
    hears_entry(m, key, entry);
}

fn hears_entry(m: &mut Member, key: &LogKey, entry: LogEntry) {
    let now = m.w.now;
    m.w.step(|core, cx| {
        assert_eq!(core.merge_log(now, key, entry), Logged::Taken);
        core.handle_peer_log(cx, key, ANOTHER);
    });
}

/// The second member of three, at whose tick, at 11,000 ms, the one alert that was told has ended.
fn at_the_end() -> (Member, LogKey) {
    let mut m = Member::new(1);
    m.run_until(1_000);
    let key = key(&m);
    hears_log(&mut m, &key, 1, &[alert("1")]);
    m.run_until(5_000);
    m.w.post("A", "1", Some(0));
    m.run_until(11_000);
    assert!(m.sent().is_empty());
    (m, key)
}

#[test]
fn an_alert_that_came_after_the_tick_is_no_news_here_and_stays_told() {
    let (mut m, key) = at_the_end();
    let mut both = [alert("1"), alert("2")];
    both.sort_unstable();
    hears_log(&mut m, &key, 2, &both);
    m.w.answers = true;
    m.run_until(20_000);
    assert_eq!(m.w.told(), at(&[(12_700, "[RESOLVED] A -> r (all alerts resolved)")]));
    let held = m.w.core.nflog().get(&key, m.w.now.wall).unwrap();
    assert_eq!((&*held.firing, &*held.resolved), (&[alert("2")][..], &[alert("1")][..]));
}

#[test]
fn an_alert_of_long_ago_of_which_another_tells_only_now_stays_told() {
    let (mut m, key) = at_the_end();
    let entry = LogEntry {
        timestamp: m.w.now.wall - Duration::from_secs(600),
        firing: [alert("1"), alert("2")].into_iter().collect::<BTreeSet<_>>().into_iter().collect(),
        resolved: [].into(),
        expires_at: m.w.now.wall + Duration::from_secs(3600),
        notified_by: [(ANOTHER, 2)].into(),
        facts: [].into(),
    };
    hears_entry(&mut m, &key, entry);
    m.w.answers = true;
    m.run_until(20_000);
    assert_eq!(m.w.told(), at(&[(12_700, "[RESOLVED] A -> r (all alerts resolved)")]));
    assert_eq!(*m.w.core.nflog().get(&key, m.w.now.wall).unwrap().firing, [alert("2")]);
}

#[test]
fn a_notified_end_stays_in_a_flocks_log_while_the_alert_is_known() {
    let (mut m, key) = at_the_end();
    hears_log(&mut m, &key, 2, &[]);
    m.run_until(20_000);
    m.w.post("A", "2", None);
    m.w.answers = true;
    m.run_until(40_000);
    assert_eq!(m.w.told().len(), 1);
    let held = m.w.core.nflog().get(&key, m.w.now.wall).unwrap();
    assert!(held.reported(alert("1"), false) && held.reported(alert("2"), true), "{held:?}");
}

#[test]
fn of_a_later_alert_it_stays_unsure_what_was_told_last() {
    let (mut m, key) = at_the_end();
    let mut both = [alert("1"), alert("2")];
    both.sort_unstable();
    hears(&mut m, &key, 2, (&both, &[alert("2")]));
    m.w.answers = true;
    m.run_until(20_000);
    let held = m.w.core.nflog().get(&key, m.w.now.wall).unwrap();
    let [one, two] = [alert("1"), alert("2")];
    assert!(held.reported(one, false));
    assert!(!held.reported(two, true) && !held.reported(two, false), "{held:?}");
    assert_eq!(*held.firing, [two]);
}

#[test]
fn an_end_that_another_told_with_a_later_alert_is_not_told_again() {
    let (mut m, key) = at_the_end();
    hears_log(&mut m, &key, 2, &[alert("2")]);
    m.run_until(20_000);
    assert!(m.sent().is_empty());
    let held = m.w.core.nflog().get(&key, m.w.now.wall).unwrap();
    assert_eq!(*held.firing, [alert("2")]);
}

#[test]
fn an_alert_that_ended_between_two_members_ticks_is_not_told_as_firing() {
    let mut m = Member::new(1);
    m.w.post("A", "1", Some(2));
    m.run_until(1_000);
    let key = key(&m);
    m.run_until(1_900);
    m.w.now.wall = m.w.now.wall + Duration::from_millis(200);
    hears_log(&mut m, &key, 2, &[]);
    m.run_until(10_000);
    assert!(m.sent().is_empty());
}

#[test]
fn an_alert_that_fires_after_another_told_its_end_is_told() {
    let mut m = Member::new(1);
    m.run_until(1_000);
    let key = key(&m);
    hears_log(&mut m, &key, 2, &[]);
    m.run_until(10_000);
    assert_eq!(m.sent().len(), 1);
}

#[test]
fn alerts_before_the_flock_settles_join_the_waiting_flush() {
    let (_, key) = at_the_end();
    let mut both = [alert("1"), alert("2")];
    both.sort_unstable();
    let mut m = Member::new(1);
    let flock = m.w.core.turns.flock.clone();
    m.w.core.set_flock(Flock { settling: true, ..flock.clone() });
    hears_log(&mut m, &key, 1, &both);
    m.w.post("A", "1", Some(0));
    m.run_until(1_000);
    m.w.post("A", "2", None);
    m.run_until(3_000);
    m.w.core.set_flock(flock);
    m.w.answers = true;
    m.run_until(8_000);
    let told = m.w.told();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1, "[FIRING:1] A -> r (some alerts resolved)");
    assert_eq!(*m.w.core.nflog().get(&key, m.w.now.wall).unwrap().firing, [alert("2")]);
}

#[test]
fn an_alert_that_ends_before_the_flock_settles_is_told_late() {
    let mut m = Member::new(1);
    let flock = m.w.core.turns.flock.clone();
    m.w.core.set_flock(Flock { settling: true, ..flock.clone() });
    m.run_until(2_000);
    m.w.post("A", "1", Some(0));
    m.run_until(3_000);
    m.w.core.set_flock(flock);
    m.w.answers = true;
    m.run_until(20_000);
    let told: Vec<_> = m.w.told().iter().map(|it| it.1.clone()).collect();
    assert_eq!(told, ["[RESOLVED] A -> r (alerts came and went unreported)"]);
    assert_eq!(m.w.core.owed().len(), 0);
}

#[test]
fn an_alert_that_ended_while_it_was_muted_is_not_kept_in_the_log() {
    let (_, key) = at_the_end();
    let mut m = Member::new(1);
    hears_log(&mut m, &key, 1, &[]);
    m.w.post("A", "3", None);
    m.w.answers = true;
    m.run_until(5_000);
    assert_eq!(m.w.told().len(), 1);
    m.w.silence(&["i=3"], 600);
    m.w.post("A", "3", Some(0));
    m.run_until(12_000);
    m.w.post("A", "1", Some(0));
    m.run_until(30_000);
    assert_eq!(m.w.told().len(), 1);
    assert!(m.w.core.nflog().get(&key, m.w.now.wall).unwrap().firing.is_empty());
}

#[test]
fn a_log_entry_that_comes_before_its_alert_does_not_end_it() {
    let (mut m, key) = at_the_end();
    hears_log(&mut m, &key, 2, &[]);
    m.run_until(20_900);
    assert!(m.sent().is_empty(), "its end was told");
    // It fires again: the log entry of its sender comes first, so at the tick an end seems to be still to be told.
    hears_log(&mut m, &key, 3, &[alert("1")]);
    m.run_until(21_500);
    m.w.post("A", "1", None);
    m.w.answers = true;
    m.run_until(29_000);
    assert!(m.w.told().is_empty(), "{:?}", m.w.told());
}

#[test]
fn a_timed_out_end_is_published_once_with_its_first_log_entry() {
    let mut w = World::new(config(route("r", &[])));
    w.post("A", "1", Some(5));
    w.pass(10);
    w.core.take_changes();
    w.pass(30);
    let of_end = |it: &Change| match it {
        Change::AlertEnded { told, .. } => Some(if *told { "end" } else { "end for flash alone" }),
        Change::Log(_) => Some("log"),
        _ => None,
    };
    let said: Vec<_> = w.core.take_changes().iter().filter_map(of_end).collect();
    assert_eq!(said, ["end", "log"]);
}

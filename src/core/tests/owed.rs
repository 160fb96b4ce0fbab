//! The bounds of what receivers are owed.

use super::attempts::{reply, webhooks, world};
use super::*;
use crate::core::deliver::owed::Debt;
use crate::limits::{OWED_AGE_MAX, OWED_BYTES_MAX, OWED_MAX};
use crate::model::LogKey;

/// Alerts that came and went and are owed.
fn late(w: &World) -> usize {
    w.core.debts(w.now).map(|it| it.late).sum()
}

/// The same group for all alerts.
fn one_group() -> Config {
    let mut config = webhooks();
    config.route.group_by = GroupBy::Labels(Vec::new());
    config.route.group_interval = Duration::from_secs(3600);
    config
}

/// Posts alerts, or their ends.
fn post_all(w: &mut World, names: &[String], text: &str, ended: bool) {
    let ends = Some(if ended { w.now.wall } else { w.now.wall + OWED_AGE_MAX * 2 });
    let report = |name: &String| {
        let labels = vec![("alertname".into(), Cow::Owned(name.clone()))];
        let annotations = vec![("text".into(), Cow::Owned(text.to_owned()))];
        Report::new(labels, annotations, None, ends, "".into())
    };
    let reports: Vec<_> = names.iter().map(report).collect();
    let now = w.now;
    w.step(|core, _| drop(core.handle_reports(now, &reports)));
    w.fill();
}

/// The same node after a power cut, with these debts on flash, and with what another member has told since.
fn restored(before: &World, debts: &[Debt], told: Option<&(LogKey, LogEntry)>) -> World {
    let mut w = world(one_group(), &[]);
    w.now = before.now;
    let now = w.now;
    for (fingerprint, it) in before.core.alerts().iter() {
        w.core.restore_alert(now, fingerprint, (*it.alert).clone());
    }
    for debt in debts {
        w.core.restore_debt(now, debt.key.clone(), debt.since, debt.counts());
    }
    if let Some((key, entry)) = told {
        w.core.merge_log(now, key, entry.clone());
    }
    w.step(|core, cx| core.restore_groups(cx, BTreeMap::new(), false));
    w.fill();
    w
}

#[test]
fn an_end_during_the_first_attempt_is_on_flash_before_that_ends() {
    for (status, is_told) in
        [(Some(200), false), (Some(400), false), (Some(503), true), (None, true)]
    {
        let mut w = world(one_group(), &[]);
        w.post("A", "1", Some(36_000));
        w.pass(2);
        assert_eq!(w.open.len(), 1, "it is under way");
        w.post("A", "1", Some(0));
        let kept: Vec<_> = w.core.owed().kept().cloned().collect();
        assert_eq!((kept.len(), w.core.debts(w.now).count()), (1, 0), "not shown as owed yet");
        if let Some(status) = status {
            let id = w.open[0];
            reply(&mut w, id, &Reply::status(status));
            assert_eq!(w.core.owed().kept().count(), usize::from(is_told), "{status}");
            continue;
        }
        // The power is cut, and what is on flash comes back.
        let mut after = restored(&w, &kept, None);
        assert_eq!(late(&after), 1);
        after.pass(5);
        let alerts = Rc::clone(&after.drafts[0].1.notification().alerts);
        assert_eq!((alerts.len(), alerts[0].late), (1, true));
    }
}

#[test]
fn debts_are_bounded_and_what_passes_the_bound_is_counted_and_told() {
    let mut w = world(webhooks(), &[]);
    let names: Vec<String> = (0..OWED_MAX + 10).map(|n| format!("A{n}")).collect();
    post_all(&mut w, &names, "", false);
    w.pass(13);
    assert_eq!((w.core.owed().len(), w.core.stats().owed_cut), (OWED_MAX, 0), "all of them fire");
    post_all(&mut w, &names, "", true);
    w.pass(20);
    assert_eq!(w.core.stats().owed_cut, 10, "those that came and went, once each");
    assert_eq!(w.core.owed().cut(), BTreeMap::from([("a", 10)]));
    w.pass(10);
    assert_eq!(w.core.stats().owed_cut, 10);
    assert_eq!(w.drafts.last().unwrap().1.notification().cut, 10, "whichever group is told of");
    let first = w.open[0];
    reply(&mut w, first, &Reply::status(200));
    assert_eq!(w.core.owed().cut().len(), 0, "the receiver knows");
}

#[test]
fn the_texts_of_what_is_owed_are_bounded() {
    let mut w = world(one_group(), &[]);
    let names: Vec<String> = (0..100).map(|n| format!("A{n}")).collect();
    let text = "x".repeat(16 * 1024);
    post_all(&mut w, &names, &text, false);
    w.pass(2 * 3600);
    assert_eq!(late(&w), 0);
    post_all(&mut w, &names, &text, true);
    w.pass(120);
    let kept = late(&w);
    let most = OWED_BYTES_MAX / text.len();
    assert!((most - 2..=most).contains(&kept), "{kept} of {most}");
    assert_eq!(w.core.debts(w.now).map(|it| it.debt.cut).sum::<u64>(), 100 - kept as u64);
}

#[test]
fn alerts_owed_for_too_long_are_cut() {
    let mut w = world(one_group(), &[]);
    post_all(&mut w, &["A".to_owned()], "", false);
    w.pass(2 * 3600);
    post_all(&mut w, &["A".to_owned()], "", true);
    w.pass(OWED_AGE_MAX.as_secs() - 3600);
    assert_eq!(late(&w), 1);
    w.pass(2 * 3600);
    assert_eq!((late(&w), w.core.stats().owed_cut), (0, 1));
}

#[test]
fn cut_alerts_count_once_a_receiver_and_only_where_they_were_owed() {
    for is_told in [false, true] {
        let mut config = one_group();
        let receiver = Arc::get_mut(&mut config.receivers[0]).unwrap();
        let mut second = receiver.integrations[0].clone();
        second.index = 1;
        receiver.integrations.push(second);
        let mut w = world(config, &[]);
        post_all(&mut w, &["A".to_owned(), "fires".to_owned()], "", false);
        w.pass(2);
        if is_told {
            let first = w.open[0];
            reply(&mut w, first, &Reply::status(200));
        }
        w.pass(2 * 3600);
        post_all(&mut w, &["A".to_owned()], "", true);
        w.pass(OWED_AGE_MAX.as_secs() + 3600);
        let mut cuts: Vec<u64> = w.core.debts(w.now).map(|it| it.debt.cut).collect();
        cuts.sort_unstable();
        assert_eq!(cuts, [u64::from(!is_told), 1], "{is_told}");
        assert_eq!((w.core.owed().cut(), w.core.stats().owed_cut), (BTreeMap::from([("a", 1)]), 1));
    }
}

#[test]
fn a_member_that_was_away_hears_what_was_told_late_however_long_that_was() {
    let mut w = world(one_group(), &[]);
    w.post("A", "1", Some(36_000));
    w.pass(2);
    w.post("A", "1", Some(0));
    let kept: Vec<_> = w.core.owed().kept().cloned().collect();
    let mut teller = restored(&w, &kept, None);
    teller.core.set_flock(Flock { me: 8, others: vec![], settling: false });
    teller.pass(5);
    let id = teller.open[0];
    reply(&mut teller, id, &Reply::status(200));
    for hours in [0, 9, 13 * 24] {
        teller.pass(hours * 3600);
        let entry = teller.core.nflog().iter().next().map(|(key, it)| (key.clone(), it.clone()));
        w.now = teller.now;
        let mut away = restored(&w, &kept, entry.as_ref());
        away.pass(30);
        assert_eq!((late(&away), away.drafts.len()), (0, 0), "{hours}");
    }
}

#[test]
fn alerts_that_were_muted_for_all_their_life_are_not_owed() {
    let mut config = one_group();
    config.route.group_interval = Duration::from_secs(10);
    let mut w = world(config, &[]);
    w.post("fires", "1", Some(36_000));
    w.pass(15);
    let muted = |w: &mut World, name: &'static str, before: bool, after: bool| {
        if before {
            w.post(name, "1", Some(36_000));
            w.pass(20);
        }
        let id = w.silence(&[&format!("alertname={name}")], 600);
        w.post(name, "1", Some(36_000));
        w.pass(20);
        if !after {
            w.post(name, "1", Some(0));
            w.pass(20);
        }
        let now = w.now;
        w.step(|core, _| core.handle_expire_silence(now, id).unwrap());
        w.pass(20);
        // The end, or the same end once more.
        w.post(name, "1", Some(0));
        w.pass(20);
    };
    muted(&mut w, "A", false, false);
    assert_eq!(late(&w), 0, "muted until its end");
    muted(&mut w, "B", true, false);
    assert_eq!(late(&w), 1, "it was to be told before");
    muted(&mut w, "C", false, true);
    assert_eq!(late(&w), 2, "it was to be told afterwards");
    w.post("A", "1", Some(36_000));
    w.post("A", "1", Some(0));
    w.pass(20);
    assert_eq!(late(&w), 3, "another one, of which no flush has known");
}

#[test]
fn alerts_that_a_reload_takes_from_the_group_that_owes_them_are_counted() {
    let mut w = world(webhooks(), &[]);
    w.post("A", "1", Some(36_000));
    w.pass(15);
    w.post("A", "1", Some(0));
    w.pass(65);
    assert_eq!((late(&w), w.core.stats().owed_cut), (1, 0));
    let mut other = webhooks();
    other.route.routes.push(route("a", &["alertname=A"]));
    w.step(|core, cx| drop(core.handle_config(cx, Arc::new(other)).unwrap()));
    w.fill();
    w.pass(65);
    assert_eq!((w.core.owed().len(), w.core.stats().owed_cut), (0, 1));
    assert_eq!(
        w.core.owed().cut(),
        BTreeMap::from([("a", 1)]),
        "the receiver is to be told how many"
    );
}

/// A member that owes the end of an alert.
fn owes_the_end_of_a() -> World {
    let mut config = one_group();
    config.route.group_interval = Duration::from_secs(10);
    let mut w = world(config, &[]);
    w.post("A", "1", Some(36_000));
    w.pass(2);
    let id = w.open[0];
    reply(&mut w, id, &Reply::status(503));
    w.post("A", "1", Some(0));
    w
}

#[test]
fn an_alert_that_one_member_does_not_owe_is_told_by_another_that_does() {
    let alert = |name: &str| Fingerprint::of([("alertname", name), ("i", "1")]);
    let names = |w: &World| -> Vec<(Fingerprint, bool)> {
        let alerts = w.drafts.last().unwrap().1.notification().alerts.clone();
        alerts.iter().map(|it| (it.fingerprint, it.late)).collect()
    };
    let mut all: Vec<World> = (0..3).map(|_| owes_the_end_of_a()).collect();
    for (me, w) in (7..).zip(&mut all) {
        w.core.set_flock(Flock { me, others: vec![], settling: false });
        w.post("B", "1", Some(36_000));
        let debt = w.core.owed().kept().next().unwrap().clone();
        let now = w.now;
        if me != 7 {
            // It was restarted, and owes what ended since.
            w.core.restore_debt(now, debt.key, now.wall, (0, 0));
        }
    }
    let [owes, teller, other] = all.try_into().ok().unwrap();
    let (mut owes, mut teller, mut other) = (owes, teller, other);
    teller.pass(15);
    assert_eq!(names(&teller), [(alert("B"), false)]);
    let id = *teller.open.last().unwrap();
    reply(&mut teller, id, &Reply::status(200));
    let (key, entry) = teller.core.nflog().iter().next().unwrap();
    assert_eq!((&*entry.firing, &*entry.resolved), (&[alert("B")][..], &[][..]));
    for w in [&mut owes, &mut other] {
        w.pass(15);
        let id = *w.open.last().unwrap();
        reply(w, id, &Reply::status(503));
        w.drafts.clear();
        w.step(|core, cx| {
            core.merge_log(cx.now, key, entry.clone());
            core.handle_peer_log(cx, key, 8);
        });
        w.pass(30);
    }
    let mut told = names(&owes);
    told.sort_unstable();
    let mut expected = [(alert("A"), true), (alert("B"), false)];
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert!(other.drafts.is_empty(), "it has nothing to tell: {:?}", other.told);
}

#[test]
fn an_end_that_was_told_and_is_posted_again_is_not_owed_again() {
    let mut teller = owes_the_end_of_a();
    teller.pass(15);
    let id = *teller.open.last().unwrap();
    reply(&mut teller, id, &Reply::status(200));
    let (key, told) = teller.core.nflog().iter().next().unwrap();
    for (fires_again, owed) in [(false, 0), (true, 1)] {
        let mut w = owes_the_end_of_a();
        w.pass(15);
        w.core.merge_log(w.now, key, told.clone());
        assert_eq!(late(&w), 0);
        // Before a flush has seen that nothing is owed.
        let soon = w.now.mono + Duration::from_secs(1);
        w.move_to(soon);
        if fires_again {
            w.post("A", "1", Some(36_000));
            w.move_to(soon + Duration::from_secs(1));
        }
        w.post("A", "1", Some(0));
        assert_eq!(late(&w), owed);
    }
}

#[test]
fn an_alert_whose_end_the_flock_has_told_does_not_fire_after_a_restart() {
    for is_told in [false, true] {
        let mut w = world(one_group(), &[]);
        w.post("A", "1", Some(36_000));
        w.pass(2);
        let id = w.open[0];
        reply(&mut w, id, &Reply::status(200));
        let (key, known) = w.core.nflog().iter().next().unwrap();
        let (key, known) = (key.clone(), known.clone());
        w.pass(7_200);
        let ended = LogEntry {
            timestamp: w.now.wall - Duration::from_secs(3_600),
            firing: Rc::default(),
            resolved: Rc::clone(&known.firing),
            notified_by: [(8, 1)].into(),
            ..known.clone()
        };
        let entry = if is_told { ended } else { known };
        let after = restored(&w, &[], Some(&(key, entry)));
        let fires =
            after.core.alerts().iter().filter(|it| !it.1.alert.resolved(w.now.wall)).count();
        assert_eq!(fires, usize::from(!is_told));
    }
}

#[test]
fn an_end_that_is_carried_along_ends_no_alert_that_fired_anew() {
    let mut w = world(one_group(), &[]);
    w.post("A", "1", Some(36_000));
    w.pass(2);
    let id = w.open[0];
    reply(&mut w, id, &Reply::status(200));
    let (key, told) = w.core.nflog().iter().next().unwrap();
    let hour = Duration::from_secs(3600);
    let (key, now) = (key.clone(), Now { mono: w.now.mono + hour, wall: w.now.wall + hour });
    let ended = LogEntry {
        firing: Rc::default(),
        resolved: Rc::clone(&told.firing),
        notified_by: [(8, 1)].into(),
        ..told.clone()
    };
    let later = LogEntry { timestamp: now.wall, notified_by: [(8, 2)].into(), ..ended.clone() };
    // Told so soon after the alert fired that the notification may have been made before.
    let soon = LogEntry { timestamp: w.now.wall + Duration::from_secs(5), ..later.clone() };
    for (is_known, later) in [(true, &later), (false, &soon), (false, &later)] {
        let mut after = world(one_group(), &[]);
        after.now = now;
        for (fingerprint, it) in w.core.alerts().iter() {
            after.core.restore_alert(now, fingerprint, (*it.alert).clone());
        }
        if is_known {
            after.core.restore_log(now, &key, ended.clone());
        }
        after.core.merge_log(now, &key, later.clone());
        let fires = after.core.alerts().iter().any(|it| !it.1.alert.resolved(now.wall));
        assert_eq!(fires, is_known || later.timestamp < now.wall);
    }
}

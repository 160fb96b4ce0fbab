//! Receivers with a rate limit: what is held back, and the digest that makes up for it.

use super::attempts::{self, count, reply, webhooks, world};
use super::*;
use crate::config::RateLimit;
use crate::core::Change;
use crate::core::deliver::history::Outcome;
use crate::core::deliver::places::STEPPED_AT_ONCE;
use crate::core::pending::Waits;
use crate::notify::{Draft, Reply};

/// The group key of a digest.
const DIGEST: &str = "rate_limit:{}";

/// Receiver `a` may be notified so often within a minute.
fn limited(notifications: usize) -> Config {
    let mut config = webhooks();
    let limit = RateLimit { notifications, per: Duration::from_secs(60) };
    Arc::get_mut(&mut config.receivers[0]).unwrap().rate_limit = Some(limit);
    config
}

/// Posts an alert of a group of its own.
fn post(w: &mut World, name: &'static str, ends: Option<i64>) {
    w.post(name, "1", ends.or(Some(36_000)));
}

/// Lets time pass while the receiver takes what it is told; when it was told what, in seconds: group key and alerts, those
/// that have ended with a minus.
fn serve(w: &mut World, secs: u64) -> Vec<(u64, String, Vec<String>)> {
    serve_with(w, secs, 200)
}

fn serve_with(w: &mut World, secs: u64, status: u16) -> Vec<(u64, String, Vec<String>)> {
    let mut told = Vec::new();
    for _ in 0..secs {
        w.pass(1);
        while let Some((id, draft)) = w.drafts.pop() {
            if !w.open.contains(&id) {
                continue; // It was given up when its flush ended.
            }
            told.push((w.now.mono.as_ms() / 1000, key(&draft), names(&draft)));
            reply(w, id, &Reply::status(status));
        }
    }
    told
}

fn key(draft: &Draft) -> String {
    let text = draft.notification().group_key.to_string();
    text.split('"').nth(1).unwrap_or(&text).to_owned()
}

fn names(draft: &Draft) -> Vec<String> {
    let name = |it: &crate::notify::AlertView| {
        let name = it.alert.labels.get("alertname").unwrap_or_default().to_owned();
        if it.resolved { format!("-{name}") } else { name }
    };
    draft.notification().alerts.iter().map(name).collect()
}

fn of(at: u64, key: &str, names: &[&str]) -> (u64, String, Vec<String>) {
    (at, key.to_owned(), names.iter().map(|it| (*it).to_owned()).collect())
}

#[test]
fn over_its_limit_a_receiver_hears_one_digest_when_there_is_room_again() {
    let mut w = world(limited(2), &[]);
    for name in ["A", "B", "C", "D"] {
        post(&mut w, name, None);
    }
    assert_eq!(serve(&mut w, 30), [of(1, "A", &["A"]), of(1, "B", &["B"])]);
    let pending: Vec<_> = w.core.pending().map(|it| (it.waits, it.attempts)).collect();
    assert_eq!(pending, [(Waits::RateLimit, 0), (Waits::RateLimit, 0)]);
    let held = |w: &World| w.core.stats().clone().integration("webhook").held_back;
    assert_eq!((held(&w), w.core.budgets().held_len()), (2, 2));
    let told = serve(&mut w, 60);
    assert_eq!(told, [of(62, DIGEST, &["C", "D"])], "a minute after the first");
    assert_eq!((held(&w), w.core.stats().digests, w.core.budgets().held_len()), (2, 1, 0));
    let outcomes = w.core.history().iter().map(|it| it.outcome.as_str());
    let outcomes: Vec<_> = outcomes.filter(|it| *it != "waiting").collect();
    assert_eq!(outcomes, ["sent", "sent", "held back", "held back", "sent", "sent"]);
    assert_eq!(serve(&mut w, 300), [], "all of them are told");
    post(&mut w, "C", Some(0));
    assert_eq!(serve(&mut w, 30).len(), 1, "what a digest told is logged as told by group");
}

#[test]
fn a_digest_tells_the_newest_state_and_of_what_has_ended_unheard() {
    let mut w = world(limited(1), &[]);
    post(&mut w, "A", None);
    assert_eq!(serve(&mut w, 5), [of(1, "A", &["A"])]);
    post(&mut w, "B", Some(20));
    post(&mut w, "C", None);
    post(&mut w, "D", None);
    assert_eq!(serve(&mut w, 20), []);
    post(&mut w, "A", Some(0));
    w.post("C", "2", Some(36_000));
    assert_eq!(serve(&mut w, 60), [of(62, DIGEST, &["-A", "-B", "C", "C", "D"])]);
    assert_eq!(serve(&mut w, 200), []);
}

#[test]
fn a_single_group_is_told_as_itself_and_says_what_it_makes_up_for() {
    let mut w = world(limited(1), &[]);
    post(&mut w, "A", None);
    serve(&mut w, 5);
    w.post("A", "2", Some(36_000));
    serve(&mut w, 10);
    w.post("A", "3", Some(36_000));
    serve(&mut w, 20);
    w.pass(30);
    let (id, draft) = w.drafts.pop().unwrap();
    let held_back = draft.notification().held_back.unwrap();
    assert_eq!((key(&draft), held_back.groups, held_back.notifications), ("A".to_owned(), 1, 2));
    assert_eq!(draft.notification().reason, "new alerts added");
    reply(&mut w, id, &Reply::status(200));
    assert_eq!(serve(&mut w, 100), []);
}

#[test]
fn a_failed_digest_leaves_a_debt_for_each_of_its_groups() {
    let mut w = world(limited(1), &[]);
    for name in ["A", "B", "C"] {
        post(&mut w, name, None);
    }
    assert_eq!(serve(&mut w, 50).len(), 1);
    assert_eq!(w.core.debts(w.now).count(), 0, "what is held back has not failed");
    serve_with(&mut w, 40, 503);
    assert_eq!(w.core.debts(w.now).count(), 2);
    post(&mut w, "B", Some(0));
    post(&mut w, "C", Some(0));
    let told = serve(&mut w, 60);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].2, ["-B", "-C"]);
    let late = w.drafts.is_empty() && w.core.stats().told_late == 2;
    assert!(late && w.core.debts(w.now).count() == 0);
}

#[test]
fn a_digest_that_fails_is_tried_again_whole_and_costs_nothing() {
    let mut w = world(limited(1), &[]);
    for name in ["A", "B", "C"] {
        post(&mut w, name, None);
    }
    assert_eq!(serve(&mut w, 50).len(), 1);
    let failed = serve_with(&mut w, 40, 503);
    assert!(failed.len() > 3 && failed.iter().all(|it| it.2.len() == 2), "{failed:?}");
    let told = serve(&mut w, 60);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].2, ["B", "C"]);
    assert_eq!(serve(&mut w, 100), []);
}

#[test]
fn a_digest_that_is_refused_is_told_again_at_the_next_flush() {
    let mut w = world(limited(1), &[]);
    for name in ["A", "B", "C"] {
        post(&mut w, name, None);
    }
    assert_eq!(serve(&mut w, 55).len(), 1);
    let refused = serve_with(&mut w, 30, 400);
    assert!((2..=4).contains(&refused.len()), "one a flush: {refused:?}");
    assert_eq!(serve(&mut w, 60)[0].2, ["B", "C"]);
}

#[test]
fn a_large_digest_leaves_the_rest_for_the_next() {
    let mut w = world(limited(1), &[]);
    post(&mut w, "A", None);
    serve(&mut w, 5);
    let all: Vec<Report> = (0..3 * 600)
        .map(|n| {
            let labels = vec![
                (Cow::Borrowed("alertname"), Cow::Owned(format!("G{}", n % 3))),
                (Cow::Borrowed("i"), Cow::Owned(n.to_string())),
            ];
            let ends = w.now.wall + Duration::from_secs(36_000);
            Report::new(labels, vec![], None, Some(ends), "".into())
        })
        .collect();
    let now = w.now;
    w.step(|core, _| assert!(core.handle_reports(now, &all).invalid.is_empty()));
    let told = serve(&mut w, 200);
    let counts: Vec<_> = told.iter().map(|it| it.2.len()).collect();
    assert_eq!(counts, [1_200, 600], "1,000 are reached with the second group");
    assert_eq!((&*told[0].1, &*told[1].1), (DIGEST, "G2"));
}

#[test]
fn notifications_of_another_member_count_and_a_restart_remembers_them() {
    let mut w = world(limited(2), &[8]);
    for name in ["A", "B", "C"] {
        post(&mut w, name, None);
    }
    serve(&mut w, 20);
    let ledger = |w: &World| {
        let found = w.core.nflog().iter().find(|(key, _)| key.group.as_str() == "rate_limit");
        found.map(|(key, entry)| (key.clone(), entry.clone())).unwrap()
    };
    let (log, entry) = ledger(&w);
    assert_eq!(entry.notified_by, [(7, 2)].into());
    let changes = w.core.take_changes();
    assert!(changes.iter().any(|it| *it == Change::Log(log.clone())), "it is shared and kept");
    // Another member hears of both, and a third one.
    let mut other = world(limited(2), &[7]);
    other.pass_until(w.now.mono);
    let now = other.now;
    other.step(|core, _| {
        core.merge_log(now, &log, entry.clone());
    });
    for name in ["D", "E"] {
        post(&mut other, name, None);
    }
    assert_eq!(serve(&mut other, 30), []);
    let outcomes: Vec<_> = other.core.history().iter().map(|it| it.outcome.as_str()).collect();
    assert!(outcomes.contains(&"held back"), "{outcomes:?}");
    // The same after a restart.
    let mut again = world(limited(2), &[]);
    again.pass_until(w.now.mono);
    let now = again.now;
    again.step(|core, _| core.restore_log(now, &log, entry));
    post(&mut again, "D", None);
    assert_eq!(serve(&mut again, 30), []);
    assert_eq!(serve(&mut again, 40).len(), 1);
}

#[test]
fn groups_that_go_and_receivers_without_a_limit_are_held_back_no_longer() {
    let mut w = world(limited(1), &[]);
    post(&mut w, "A", None);
    post(&mut w, "B", None);
    serve(&mut w, 20);
    assert_eq!(w.core.budgets().held_len(), 1);
    let config = Arc::new(webhooks());
    w.step(|core, cx| drop(core.handle_config(cx, Arc::clone(&config)).unwrap()));
    assert_eq!(w.core.budgets().held_len(), 0);
    let told = serve(&mut w, 20);
    assert_eq!(told, [of(told[0].0, "B", &["B"])], "at the next flush");
    let history =
        w.core.history().iter().filter(|it| it.outcome == Outcome::Expired { attempts: 0 });
    assert_eq!(history.count(), 0);
}

#[test]
fn many_that_wait_for_a_place_are_held_back_in_pieces() {
    let mut w = world(limited(1), &[]);
    attempts::post(&mut w, "a", 300);
    w.pass(1);
    assert_eq!((w.open.len(), count(&w, Waits::Place)), (1, 299));
    let first = w.open[0];
    reply(&mut w, first, &Reply::status(200));
    assert_eq!(count(&w, Waits::RateLimit), STEPPED_AT_ONCE);
    while count(&w, Waits::Place) > 0 {
        let before = count(&w, Waits::RateLimit);
        assert_eq!(w.core.next_timeout(), Some(w.now.mono));
        w.step(Core::handle_timeout);
        assert!(count(&w, Waits::RateLimit) - before <= 2 * STEPPED_AT_ONCE);
    }
    assert_eq!(count(&w, Waits::RateLimit), 299);
}

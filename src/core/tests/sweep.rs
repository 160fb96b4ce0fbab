//! Sweeps go through their tables in pieces.

use super::attempts::{webhooks, world};
use super::*;
use crate::core::Change;
use crate::limits::OWED_ALERTS_MAX;

/// More than fit into a piece.
const MANY: usize = 1_600;
/// The most changes that one piece may make.
const PIECE: usize = 510;

fn post_all(w: &mut World, ended: bool) {
    let ends = Some(if ended { w.now.wall } else { w.now.wall + Duration::from_secs(1 << 20) });
    let report = |n: usize| {
        let labels = vec![("alertname".into(), Cow::Owned(format!("A{n}")))];
        Report::new(labels, vec![], None, ends, "".into())
    };
    let reports: Vec<_> = (0..MANY).map(report).collect();
    let now = w.now;
    w.step(|core, _| drop(core.handle_reports(now, &reports)));
    w.fill();
    w.core.take_changes();
}

/// Lets time pass. Returns how many changes of a kind there were in all, and in the piece that had most.
fn count(w: &mut World, secs: u64, is_one: impl Fn(&Change) -> bool) -> (usize, usize) {
    let end = w.now.mono + Duration::from_secs(secs);
    let (mut all, mut most) = (0, 0);
    while let Some(at) = w.core.next_timeout().filter(|at| *at <= end) {
        w.move_to(at.max(w.now.mono));
        w.step(Core::handle_timeout);
        let count = w.core.take_changes().iter().filter(|it| is_one(it)).count();
        (all, most) = (all + count, most.max(count));
    }
    w.move_to(end);
    (all, most)
}

#[test]
fn ended_alerts_and_empty_groups_go_in_pieces() {
    let mut w = World::new(config(route("r", &[])));
    post_all(&mut w, false);
    w.pass(30);
    post_all(&mut w, true);
    let is_group = |it: &Change| matches!(it, Change::GroupGone { .. });
    let (all, most) = count(&mut w, 120, is_group);
    assert!(all == MANY && most <= PIECE, "{all} groups, {most} in one piece");
    let is_alert = |it: &Change| matches!(it, Change::Alert { .. });
    let (all, most) = count(&mut w, 3_700, is_alert);
    assert!(all == MANY && most <= PIECE, "{all} alerts, {most} in one piece");
    assert!(w.core.alerts().is_empty() && w.core.groups().is_empty());
    let is_log = |it: &Change| matches!(it, Change::Log(_));
    let (all, most) = count(&mut w, 10 * 24 * 3_600, is_log);
    assert!(all == MANY && most <= PIECE, "{all} log entries, {most} in one piece");
}

#[test]
fn debts_beyond_their_bounds_are_cut_in_pieces() {
    let mut w = world(webhooks(), &[]);
    post_all(&mut w, false);
    w.pass(15);
    w.move_to(w.now.mono + Duration::from_secs(1));
    post_all(&mut w, true);
    let is_debt = |it: &Change| matches!(it, Change::Owed(_));
    let (all, most) = count(&mut w, 180, is_debt);
    let late: usize = w.core.debts(w.now).map(|it| it.late).sum();
    assert_eq!((late, w.core.stats().owed_cut), (OWED_ALERTS_MAX, (MANY - OWED_ALERTS_MAX) as u64));
    assert!(all >= MANY - OWED_ALERTS_MAX && most <= PIECE, "{all} debts, {most} in one piece");
}

#[test]
fn alerts_that_fire_again_while_the_bounds_are_looked_at_are_not_cut() {
    let mut w = world(webhooks(), &[]);
    post_all(&mut w, false);
    w.pass(15);
    w.move_to(w.now.mono + Duration::from_secs(1));
    post_all(&mut w, true);
    // Until the sweep has begun, and has not ended.
    while w.core.stats().owed_cut == 0 {
        let at = w.core.next_timeout().unwrap().max(w.now.mono);
        w.move_to(at);
        w.step(Core::handle_timeout);
    }
    let cut = w.core.stats().owed_cut;
    assert!(cut < (MANY - OWED_ALERTS_MAX) as u64, "a piece of the sweep: {cut}");
    post_all(&mut w, false);
    w.pass(1);
    let more = w.core.stats().owed_cut - cut;
    assert_eq!(more, 0, "all of them fire");
}

//! A notification that could not be delivered is delivered later, once.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt as _;

use crate::checkers;
use crate::site::{BUDGET_BYTES, METERED};
use crate::world::{CONFIG, Posted, Setup, World, ends, fires};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const GROUPS: usize = 20;
/// A sender comes again until it is answered.
const RETRY: Option<Duration> = Some(Duration::from_secs(5));

/// Three nodes reach no receiver for hours. Alerts come and go, the power is cut twice, and one node gets a new card.
/// Afterwards every alert is told once, though none fires any more, and the flock owes nothing.
pub(crate) fn alerts_that_came_and_went_without_uplink_are_told_once() {
    let (hours, alerts) = (2, 20);
    let mut world = World::settled(1, Setup::new(3));
    world.receivers[0].unreachable_from = (0..3).collect();
    let (begin, end) = (world.now, world.now + hours * HOUR);
    plan_alerts(&mut world, alerts, 3, begin..end - HOUR);
    plan_cuts(&mut world, begin, hours);
    world.plan(begin + hours * HOUR / 2, |world| {
        world.crash(2, true);
        world.wipe(2);
        world.start(2);
    });
    world.run_until(end);
    assert!(world.told.is_empty(), "nothing gets through");
    world.receivers[0].unreachable_from.clear();
    world.run_for(HOUR);

    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for told in &world.told {
        for name in told.firing.iter().chain(&told.resolved).filter(|it| it.starts_with('a')) {
            *times.entry(name).or_default() += 1;
        }
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert_eq!((times.len(), twice.len()), (alerts, 0), "{twice:?}");
    let last = world.told.iter().filter(|it| !it.resolved.is_empty()).map(|it| it.at).max();
    say!("all told {} s after the uplink came back", (last.unwrap() - end) / 1000);
    for seat in 0..3 {
        let now = world.seats[seat].now(world.now);
        assert_eq!(world.node(seat).owed(now).count(), 0, "n{seat}");
    }
}

/// A node without uplink loses its power after thirty alerts of thirty groups have come and gone. When the link is up, each is
/// told once, late, and one after the other.
pub(crate) fn all_that_is_owed_survives_a_power_cut_and_is_told_at_a_pace() {
    const ALERTS: usize = 30;
    let mut world = World::settled(1, Setup::new(1));
    world.receivers[0].unreachable_from = [0].into();
    let names: Vec<_> = (0..ALERTS).map(|n| (format!("a{n}"), format!("g{n}"))).collect();
    world.post(0, names.iter().map(|(name, group)| fires(name, group)).collect(), RETRY);
    world.run_for(MINUTE);
    world.post(0, names.iter().map(|(name, group)| ends(name, group)).collect(), RETRY);
    world.run_for(2 * MINUTE);
    world.crash(0, true);
    world.run_for(MINUTE);
    world.start(0);
    world.run_for(10 * MINUTE);
    assert!(world.told.is_empty(), "nothing gets through");
    world.receivers[0].unreachable_from.clear();
    world.call(0, bellwether::node::Node::handle_link);
    world.run_for(MINUTE);
    let late = world.told.iter().flat_map(|it| it.ends.iter().filter(|(_, (_, late))| *late));
    let mut late: Vec<_> = late.map(|(name, _)| name.to_string()).collect();
    late.sort();
    let mut expected: Vec<_> = names.into_iter().map(|it| it.0).collect();
    expected.sort();
    assert_eq!(late, expected);
    let at: Vec<u64> = world.told.iter().map(|it| it.at).collect();
    assert!(at.windows(2).all(|it| it[1] >= it[0] + 200), "{at:?}");
}

/// A week without uplink. Twice a day the power is cut for the whole site, and one of three nodes gets a new card. Alerts come
/// and go, of every third no end is posted, and one that the receiver was told to fire ends on the first day. Afterwards the
/// receiver hears of each once, late but for that one, with the time of its end, in order for each group, and at a pace.
pub(crate) fn a_week_without_uplink_is_told_once_in_order_and_at_a_pace() {
    const DAYS: u64 = 7;
    const ALERTS: usize = 500;
    if cfg!(debug_assertions) {
        return;
    }
    let mut world = World::settled(1, Setup::new(3));
    let known = Posted { lease: Some(Duration::from_secs(14 * 24 * 3600)), ..fires("known", "g0") };
    world.post(0, vec![known.clone()], RETRY);
    world.run_for(20_000);
    assert_eq!(world.told_of("g0").len(), 1);
    world.receivers[0].unreachable_from = (0..3).collect();
    let (begin, end) = (world.now, world.now + DAYS * 24 * HOUR);
    let mut ends = plan_week(&mut world, ALERTS, begin..end - 2 * HOUR);
    let at = begin + HOUR;
    world.plan(at, move |world| {
        world.post(0, vec![Posted { ended: true, lease: None, ..known }], RETRY);
    });
    ends.insert("known".to_owned(), at);
    plan_site_cuts(&mut world, begin, 2 * DAYS);
    world.run_until(end);
    assert_eq!(world.told.len(), 1, "nothing gets through");
    world.receivers[0].unreachable_from.clear();
    for seat in world.up() {
        world.call(seat, bellwether::node::Node::handle_link);
    }
    world.run_for(HOUR);

    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for it in world.told.iter().skip(1) {
        assert!(it.firing.is_empty(), "all are over: {it:?}");
        for (name, (ended, late)) in &it.ends {
            *told.entry(name).or_default() += 1;
            assert_eq!(*late, &**name != "known", "{it:?}");
            let posted = world.seats[it.seat].wall(ends[&**name]);
            // While the site is without power no post is taken, and after it a lease begins anew.
            let slack = if ends_by_lease(name) { 15 * MINUTE } else { 4 * MINUTE };
            let apart = ended.as_ms().abs_diff(posted.as_ms());
            assert!(apart <= slack, "{name} ended {apart} ms from {posted}: {it:?}");
        }
        let newest = it.ends.keys().map(|name| ends[&**name]).max().unwrap();
        let before = last.insert(&it.group, newest).unwrap_or(0);
        assert!(
            before <= newest + 15 * MINUTE,
            "of {} an older state came later: {it:?}",
            it.group
        );
    }
    let twice: Vec<_> = told.iter().filter(|(_, times)| **times > 1).collect();
    assert_eq!((told.len(), twice.len()), (ALERTS + 1, 0), "{twice:?}");
    let at: Vec<u64> = world.told.iter().skip(1).map(|it| it.at).collect();
    let took = at[at.len() - 1] - at[0];
    say!("{} notifications within {took} ms", at.len());
    assert!(took >= 200 * (at.len() as u64 - 1), "{} notifications within {took} ms", at.len());
    for seat in 0..3 {
        let now = world.seats[seat].now(world.now);
        assert_eq!(world.node(seat).owed(now).count(), 0, "n{seat}");
    }
}

/// One of three nodes loses its power amid an outage, and comes back when all was told and the lives of log entries of what fires
/// have passed. One group is silenced, and a second receiver has a budget. The first receiver hears of each alert
/// once, late, and of none that was silenced; the second within its budget; and the member that was away tells nothing.
pub(crate) fn a_member_that_was_away_tells_nothing_that_was_told_late() {
    let first = "[[route.routes]]\nreceiver = \"r1\"\n";
    let both = format!("{first}continue = true\n[[route.routes]]\nreceiver = \"r0\"\n\n{first}");
    let config = CONFIG.replace("\"4h\"", "\"5m\"").replacen(first, &both, 1).replace(
        "name = \"r1\"\n",
        &format!("name = \"r1\"\nbudget = {{ bytes = {BUDGET_BYTES} }}\n"),
    );
    let mut world = World::settled(1, Setup { config, ..Setup::new(3) });
    world.graded = true;
    world.silence(0, "g3", 4 * HOUR);
    for receiver in &mut world.receivers {
        receiver.unreachable_from = (0..3).collect();
    }
    let begin = world.now;
    plan_alerts(&mut world, 60, 2, begin..begin + HOUR);
    world.plan(begin + HOUR / 2, |world| world.crash(2, true));
    world.run_until(begin + 2 * HOUR);
    assert!(world.told.is_empty(), "nothing gets through");
    for receiver in &mut world.receivers {
        receiver.unreachable_from.clear();
    }
    for seat in world.up() {
        world.call(seat, bellwether::node::Node::handle_link);
    }
    world.run_for(HOUR);
    let told = |world: &World, receiver: usize| {
        let told = world.told.iter().filter(|it| it.receiver == receiver);
        let names =
            told.flat_map(|it| it.ends.iter().map(|(name, (_, late))| (name.clone(), *late)));
        let mut names: Vec<_> = names.filter(|(name, _)| name.starts_with('a')).collect();
        names.sort();
        names
    };
    let mut expected: Vec<_> =
        (0..60).filter(|n| n % GROUPS != 3).map(|n| (format!("a{n}").into(), true)).collect();
    expected.sort();
    assert_eq!(told(&world, 0), expected);
    world.start(2);
    world.run_for(20 * MINUTE);
    assert_eq!(told(&world, 0), expected, "twice");
    let metered = told(&world, METERED);
    let twice = metered.windows(2).find(|two| two[0].0 == two[1].0);
    assert!(metered.len() > 10 && twice.is_none(), "{metered:?}");
    checkers::budget::check(&world).unwrap_or_else(|error| panic!("{error}"));
    for seat in 0..3 {
        let now = world.seats[seat].now(world.now);
        let owed = world.node(seat).owed(now).filter(|it| &*it.debt.key.receiver == "r0");
        assert_eq!(owed.count(), 0, "n{seat}");
    }
}

/// A power cut of the whole site each half day; one of the nodes comes back with a new card in the middle of them.
fn plan_site_cuts(world: &mut World, begin: u64, halves: u64) {
    for half in 0..halves {
        let at = begin + half * 12 * HOUR + world.rng.random_range(HOUR..11 * HOUR);
        for seat in 0..3 {
            world.plan(at, move |world| {
                if world.seats[seat].is_up() {
                    world.crash(seat, true);
                }
                if (half, seat) == (halves / 2, 2) {
                    world.wipe(seat);
                }
            });
            world.plan(at + MINUTE * (1 + seat as u64), move |world| {
                if !world.seats[seat].is_up() {
                    world.start(seat);
                }
            });
        }
    }
}

fn ends_by_lease(name: &str) -> bool {
    name.strip_prefix('a').and_then(|n| n.parse::<usize>().ok()).is_some_and(|n| n % 3 == 0)
}

/// Alerts of some minutes each, and when each of them is to end.
fn plan_week(
    world: &mut World,
    count: usize,
    within: std::ops::Range<u64>,
) -> BTreeMap<String, u64> {
    let mut ends = BTreeMap::new();
    for n in 0..count {
        let at = world.rng.random_range(within.clone());
        let name = format!("a{n}");
        let by_lease = ends_by_lease(&name);
        let lasts =
            if by_lease { 10 * MINUTE } else { world.rng.random_range(MINUTE..10 * MINUTE) };
        let lease = Duration::from_millis(if by_lease { lasts } else { 24 * HOUR });
        let alert = Posted { lease: Some(lease), ..fires(&name, &format!("g{}", n % GROUPS)) };
        let over = Posted { ended: true, lease: None, ..alert.clone() };
        world.plan(at, move |world| {
            world.post(n % 3, vec![alert], RETRY);
        });
        if !by_lease {
            world.plan(at + lasts, move |world| {
                world.post(n % 3, vec![over], RETRY);
            });
        }
        ends.insert(name, at + lasts);
    }
    ends
}

/// Alerts of some minutes each, posted to these many seats.
fn plan_alerts(world: &mut World, count: usize, seats: usize, within: std::ops::Range<u64>) {
    for n in 0..count {
        let at = world.rng.random_range(within.clone());
        let lasts = world.rng.random_range(MINUTE..10 * MINUTE);
        let alert = Posted {
            lease: Some(Duration::from_secs(3600)),
            ..fires(&format!("a{n}"), &format!("g{}", n % GROUPS))
        };
        let over = Posted { ended: true, lease: None, ..alert.clone() };
        let seat = n % seats;
        world.plan(at, move |world| {
            world.post(seat, vec![alert], RETRY);
        });
        world.plan(at + lasts, move |world| {
            world.post(seat, vec![over], RETRY);
        });
    }
}

/// Two power cuts, each of one node for a minute.
fn plan_cuts(world: &mut World, begin: u64, hours: u64) {
    let part = hours * HOUR / 2;
    for cut in 0..2 {
        let at = begin + cut * part + world.rng.random_range(MINUTE..part - 10 * MINUTE);
        let seat = world.rng.random_range(0..3);
        world.plan(at, move |world| {
            if world.seats[seat].is_up() {
                world.crash(seat, true);
            }
        });
        world.plan(at + MINUTE, move |world| {
            if !world.seats[seat].is_up() {
                world.start(seat);
            }
        });
    }
}

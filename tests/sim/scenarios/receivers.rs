//! Receivers that fail for long or may be told but so much: what the flock tells them, and whom else.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use super::worlds;
use crate::checkers;
use crate::receiver::{Manner, Told};
use crate::site::{BUDGET_BYTES, METERED};
use crate::world::{CONFIG, Posted, Setup, World, ends, fires, severity};

/// A config in which the receiver `r0` has these keys, too.
fn with_keys(keys: &str) -> String {
    CONFIG.replace("name = \"r0\"\n", &format!("name = \"r0\"\n{keys}\n"))
}

fn groups(prefix: &str, count: usize, of: fn(&str, &str) -> Posted) -> Vec<Posted> {
    (0..count).map(|n| of(&format!("{prefix}{n}"), &format!("{prefix}{n}"))).collect()
}

fn post(world: &mut World, alerts: &[Posted]) {
    for seat in world.up() {
        world.post(seat, alerts.to_vec(), None);
    }
}

fn told_by(world: &World, receiver: usize) -> Vec<&Told> {
    world.told.iter().filter(|it| it.receiver == receiver).collect()
}

/// How often a receiver was told that a group fires, and that it has ended.
fn counts(world: &World, receiver: usize) -> BTreeMap<Rc<str>, (usize, usize)> {
    let mut counts = BTreeMap::<Rc<str>, (usize, usize)>::new();
    for it in told_by(world, receiver) {
        let (firing, ended) = counts.entry(Rc::clone(&it.group)).or_default();
        if it.firing.is_empty() { *ended += 1 } else { *firing += 1 }
    }
    counts
}

#[track_caller]
fn each(world: &World, receiver: usize, count: usize, times: (usize, usize)) {
    let found = counts(world, receiver);
    let all_are = found.len() == count && found.values().all(|it| *it == times);
    assert!(all_are, "receiver {receiver}: {count} groups {times:?} times, not {found:?}");
}

/// The fallback of a receiver that refuses or fails is told of each group once, by whichever member, also across a death and a
/// restart; the receiver hears what it was not told when it works, and both hear the end.
pub(crate) fn a_fallback_is_told_once_by_the_flock_and_hears_the_end() {
    const COUNT: usize = 20;
    let config = with_keys("fallback = \"r1\"\nfallback_after = \"20s\"");
    for (seed, manner) in worlds(&[(1, Manner::Fails(400)), (2, Manner::Fails(503))]) {
        let mut world = World::settled(seed, Setup { config: config.clone(), ..Setup::new(3) });
        world.receivers[0].manner = manner;
        post(&mut world, &groups("a", COUNT, fires));
        world.run_for(20_000);
        each(&world, 1, 0, (0, 0));
        world.run_for(100_000);
        each(&world, 1, COUNT, (1, 0));
        let seat = told_by(&world, 1)[0].seat;
        world.crash(seat, true);
        world.run_for(60_000);
        world.start(seat);
        world.run_for(120_000);
        each(&world, 1, COUNT, (1, 0));
        each(&world, 0, 0, (0, 0));
        world.receivers[0].manner = Manner::Fine(5, 40);
        world.run_for(90_000);
        each(&world, 0, COUNT, (1, 0));
        post(&mut world, &groups("a", COUNT, ends));
        world.run_for(90_000);
        each(&world, 0, COUNT, (1, 1));
        each(&world, 1, COUNT, (1, 1));
    }
}

/// A flock keeps to a rate limit together, and also when the member that spends it dies; what was held back comes in digests,
/// and nothing is missing or told twice.
pub(crate) fn a_flock_keeps_to_a_rate_limit_together_and_tells_the_rest_in_digests() {
    const COUNT: usize = 40;
    const ALLOWED: usize = 5;
    const PER_MS: u64 = 120_000;
    let config = with_keys("rate_limit = { notifications = 5, per = \"2m\" }");
    for seed in worlds(&[1, 0, 2, 3, 4]) {
        let mut world = World::settled(seed, Setup { config: config.clone(), ..Setup::new(5) });
        post(&mut world, &groups("a", COUNT, fires));
        world.run_for(40_000);
        assert_eq!(told_by(&world, 0).len(), ALLOWED, "at first");
        // The member that has sent them dies before there is room again.
        let seat = world.told[0].seat;
        assert!(world.told.iter().all(|it| it.seat == seat), "one member spends the budget");
        if seed > 0 {
            world.crash(seat, true);
        }
        post(&mut world, &groups("b", COUNT, fires));
        world.run_for(PER_MS);
        if seed > 0 {
            world.start(seat);
        }
        post(&mut world, &groups("c", COUNT, fires));
        world.run_for(3 * PER_MS);
        let told = told_by(&world, 0);
        for some in told.windows(ALLOWED + 1) {
            let took = some[ALLOWED].at - some[0].at;
            assert!(took >= PER_MS, "{} notifications within {took} ms", ALLOWED + 1);
        }
        let digests = told.iter().filter(|it| it.firing.len() > 1).count();
        let mut names: Vec<_> = told.iter().flat_map(|it| it.firing.iter().cloned()).collect();
        say!("{} notifications, {digests} digests, of {} groups", told.len(), names.len());
        names.sort_unstable();
        let unique: BTreeSet<_> = names.iter().cloned().collect();
        assert_eq!((names.len(), unique.len()), (3 * COUNT, 3 * COUNT), "each once");
        assert!((1..=4).contains(&digests));
    }
}

/// For hours there is news of alerts that a budget keeps, and of others. The last quarter of it is for the first alone.
pub(crate) fn the_last_quarter_of_a_budget_is_for_alerts_that_it_keeps() {
    const HOUR: u64 = 3_600_000;
    const ROUNDS: u64 = 24;
    let second = "[[route.routes]]\nreceiver = \"r1\"\nmatchers = ['severity=\"second\"']\n";
    let config = CONFIG.replace(second, "").replacen("\"r0\"", "\"r1\"", 1);
    let budget = format!("name = \"r1\"\nbudget = {{ bytes = {BUDGET_BYTES} }}\n");
    let config = config.replace("name = \"r1\"\n", &budget);
    let mut world = World::settled(1, Setup { config, ..Setup::new(1) });
    world.graded = true;
    let begin = world.now;
    let last_for = |it: Posted| Posted { lease: Some(Duration::from_secs(40 * 3600)), ..it };
    for round in 0..ROUNDS {
        // The last digit tells what is critical.
        for name in [format!("{}1", 100 + round), format!("{}0", 100 + round)] {
            let alert = last_for(fires(&name, &format!("g{name}")));
            world.plan(begin + round * HOUR / 4, move |world| post(world, &[alert]));
        }
    }
    world.run_until(begin + 8 * HOUR);
    checkers::budget::check(&world).map_err(checkers::by("budget")).unwrap();
    let used = |it: &Told| checkers::budget::used_by(&world, (it.seat, it.life), it.begun);
    let told = told_by(&world, METERED);
    let is_last = |it: &&&Told| used(it) * 4 >= BUDGET_BYTES * 3;
    let last: Vec<_> = told.iter().filter(is_last).collect();
    say!("{} notifications, {} of the last quarter", told.len(), last.len());
    assert!(last.len() > 2, "there is a last quarter");
    assert!(told.iter().filter(|it| !is_last(it)).any(|it| checkers::budget::has_others(it)));
    let named: BTreeSet<_> = last.iter().flat_map(|it| it.firing.iter()).collect();
    assert!(named.iter().all(|it| severity(it) == "critical"), "{named:?}");
}

//! A notification that could not be delivered is delivered later, once.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt as _;

use crate::world::{Posted, Setup, World, fires};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// Hours, alerts and seeds; an unoptimised simulator takes its time.
const SIZE: (u64, usize, u64) = if cfg!(debug_assertions) { (2, 20, 1) } else { (24, 60, 1) };
const GROUPS: usize = 20;
/// A sender comes again until it is answered.
const RETRY: Option<Duration> = Some(Duration::from_secs(5));

/// Three nodes reach no receiver for hours. Alerts come and go, the power is cut twice a day, and one node gets a new card.
/// Afterwards every alert is told once, though none fires any more, and the flock owes nothing.
pub(crate) fn alerts_that_came_and_went_without_uplink_are_told_once() {
    let (hours, alerts, seeds) = SIZE;
    for seed in 1..=seeds {
        let mut world = World::settled(seed, Setup::new(3));
        world.receivers[0].unreachable_from = (0..3).collect();
        let (begin, end) = (world.now, world.now + hours * HOUR);
        plan_alerts(&mut world, alerts, begin..end - HOUR);
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
        assert_eq!((times.len(), twice.len()), (alerts, 0), "seed {seed}: {twice:?}");
        let last = world.told.iter().filter(|it| !it.resolved.is_empty()).map(|it| it.at).max();
        say!("seed {seed}: all told {} s after the uplink came back", (last.unwrap() - end) / 1000);
        for seat in 0..3 {
            let now = world.seats[seat].now(world.now);
            assert_eq!(world.node(seat).owed(now).count(), 0, "n{seat} of seed {seed}");
        }
    }
}

/// Alerts of some minutes each.
fn plan_alerts(world: &mut World, count: usize, within: std::ops::Range<u64>) {
    for n in 0..count {
        let at = world.rng.random_range(within.clone());
        let lasts = world.rng.random_range(MINUTE..10 * MINUTE);
        let alert = Posted {
            lease: Some(Duration::from_secs(3600)),
            ..fires(&format!("a{n}"), &format!("g{}", n % GROUPS))
        };
        let over = Posted { ended: true, lease: None, ..alert.clone() };
        let seat = n % 3;
        world.plan(at, move |world| {
            world.post(seat, vec![alert], RETRY);
        });
        world.plan(at + lasts, move |world| {
            world.post(seat, vec![over], RETRY);
        });
    }
}

/// Two power cuts a day, or at least two, each of one node for a minute.
fn plan_cuts(world: &mut World, begin: u64, hours: u64) {
    let cuts = (hours / 12).max(2);
    let part = hours * HOUR / cuts;
    for cut in 0..cuts {
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

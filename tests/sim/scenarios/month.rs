//! A month of work leaves nothing over: the state of a node does not grow, in memory or on flash.

use std::time::Duration;

use crate::world::{CONFIG, Posted, Setup, World, ends, fires, load};

const HOUR: u64 = 3_600_000;
/// From one round to the next.
const ROUND: u64 = 8 * HOUR;
const GROUPS: usize = 40;
const RETRY: Option<Duration> = Some(Duration::from_secs(5));

/// The things that a node holds.
#[derive(Debug, Default)]
struct Held {
    /// Bytes of all of its state, written out: whatever is in a table is in there.
    text: usize,
    alerts: usize,
    groups: usize,
    silences: usize,
    /// Records that live on flash.
    stored: usize,
    /// Bytes of the flash that are taken.
    flash: usize,
}

impl Held {
    fn of(world: &World, seat: usize) -> Self {
        let node = world.node(seat);
        Self {
            text: format!("{node:?}").len(),
            alerts: node.alerts().count(),
            groups: node.groups_len(),
            silences: node.silences().count(),
            stored: world.seats[seat].journal.as_ref().map_or(0, |it| it.live().0),
            flash: world.seats[seat].flash.files().iter().map(|it| it.1).sum(),
        }
    }

    /// The most of each.
    fn most(rounds: &[Self]) -> Self {
        let most = |of: fn(&Self) -> usize| rounds.iter().map(of).max().unwrap_or(0);
        Self {
            text: most(|it| it.text),
            alerts: most(|it| it.alerts),
            groups: most(|it| it.groups),
            silences: most(|it| it.silences),
            stored: most(|it| it.stored),
            flash: most(|it| it.flash),
        }
    }
}

/// Two nodes for a month. Every eight hours a thousand alerts fire, with texts of their own, change and end; some are silenced,
/// the config is read anew, the receiver fails for a while, and a node loses its power. Nodes forget ended
/// things after five days at the latest, so from then on they hold no more than in the round before.
pub(crate) fn a_month_of_alerts_leaves_nothing_over() {
    // An unoptimised simulator takes its time.
    let (seats, days, each) = if cfg!(debug_assertions) { (1, 7, 2) } else { (2, 30, 25) };
    let mut world = World::settled(1, Setup::new(seats));
    let mut rounds: Vec<Vec<Held>> = (0..seats).map(|_| Vec::new()).collect();
    for round in 0..days * 3 {
        play(&mut world, round, each);
        for (seat, rounds) in rounds.iter_mut().enumerate() {
            rounds.push(Held::of(&world, seat));
        }
        assert!(!world.told.is_empty(), "nobody is told in round {round}");
        world.told.clear();
    }
    for (seat, rounds) in rounds.iter().enumerate() {
        // All that lives for five days has come and gone by then.
        let settled = &rounds[15..];
        let (before, after) = settled.split_at(settled.len() / 2);
        let (before, after) = (Held::most(before), Held::most(after));
        say!("n{seat}: {before:?}, then {after:?}");
        let percent = |part: usize, whole: usize| part * 100 / whole.max(1);
        assert!(percent(after.text, before.text) <= 101, "n{seat}: {before:?}, then {after:?}");
        assert!(percent(after.stored, before.stored) <= 101, "n{seat}: {before:?}, then {after:?}");
        assert!(percent(after.flash, before.flash) <= 110, "n{seat}: {before:?}, then {after:?}");
        assert_eq!((after.alerts, after.groups), (before.alerts, before.groups), "n{seat}");
        assert!(after.silences <= before.silences, "n{seat}: {before:?}, then {after:?}");
    }
}

fn play(world: &mut World, round: u64, each: usize) {
    let begin = world.now;
    let alert = |n: usize, of: fn(&str, &str) -> Posted| {
        let lease = Some(Duration::from_secs(4 * 3600));
        Posted { lease, ..of(&format!("a{n}"), &format!("g{}", n % GROUPS)) }
    };
    let all = |of| -> Vec<Posted> { (0..GROUPS * each).map(|n| alert(n, of)).collect() };
    let (fire, over) = (all(fires), all(ends));
    let seat = usize::try_from(round % 2).unwrap_or(0) % world.seats.len();
    let other = world.seats.len() - 1 - seat;
    world.silence(seat, &format!("g{}", round % 7), HOUR);
    world.post(seat, fire.clone(), RETRY);
    world.run_until(begin + HOUR);
    world.receivers[0].unreachable_from = (0..world.seats.len()).collect();
    world.post(other, fire, RETRY);
    world.run_until(begin + HOUR * 3 / 2);
    world.crash(seat, true);
    world.receivers[0].unreachable_from.clear();
    world.run_until(begin + 2 * HOUR);
    world.start(seat);
    world.post(other, over, RETRY);
    for seat in world.up() {
        world.reload(seat, &load(CONFIG));
    }
    world.run_until(begin + ROUND);
}

//! Duplicates and misses per 10,000 groups, beside a model of Alertmanager's rule in the same weather.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::receiver::Manner;
use crate::world::{Setup, World, fires};
use crate::{alertmanager, workers};

pub(crate) const SEATS: usize = 5;
pub(crate) const GROUP_WAIT_MS: u64 = 5_000;
pub(crate) const GROUP_INTERVAL_MS: u64 = 30_000;
/// Groups of one world of the table, one a second.
const GROUPS: usize = 200;

pub(crate) enum Happens {
    /// A group's alert is posted to these seats, if they are up.
    Post(usize, Vec<usize>),
    Crash(usize),
    Start(usize),
    /// These are cut from the others.
    Split(Vec<usize>),
    Heal,
}

/// The trouble that a flock meets.
pub(crate) struct Weather {
    pub(crate) groups: usize,
    pub(crate) loss: f64,
    pub(crate) receiver_ms: (u64, u64),
    pub(crate) happens: Vec<(u64, Happens)>,
    pub(crate) end_ms: u64,
}

/// A line of the table.
#[expect(clippy::struct_excessive_bools, reason = "a list of what may be switched on")]
struct Line {
    name: &'static str,
    loss: f64,
    crashes: bool,
    splits: bool,
    slow: bool,
    to_one: bool,
}

const FAIR: Line =
    Line { name: "", loss: 0.0, crashes: false, splits: false, slow: false, to_one: false };

const LINES: &[Line] = &[
    Line { name: "no loss", ..FAIR },
    Line { name: "10 % loss", loss: 0.1, ..FAIR },
    Line { name: "30 % loss", loss: 0.3, ..FAIR },
    Line { name: "a crash every 20 s", crashes: true, ..FAIR },
    Line { name: "a crash every 20 s, posted to one node", crashes: true, to_one: true, ..FAIR },
    Line { name: "a split every 60 s, for 30 s", splits: true, ..FAIR },
    Line { name: "a receiver that takes 20 s", slow: true, ..FAIR },
    Line { name: "a receiver that takes 20 s, 10 % loss", slow: true, loss: 0.1, ..FAIR },
    Line { name: "a receiver that takes 20 s, 30 % loss", slow: true, loss: 0.3, ..FAIR },
];

fn draw(line: &Line, groups: usize, seed: u64) -> Weather {
    let mut dice = StdRng::seed_from_u64(seed);
    let seat = |dice: &mut StdRng| usize::try_from(dice.random_range(0..SEATS as u64)).unwrap();
    let mut happens = Vec::new();
    let mut down: Vec<(u64, usize)> = Vec::new();
    for group in 0..groups {
        let at = 20_000 + 1_000 * group as u64;
        if line.crashes && group % 20 == 10 {
            let dies = seat(&mut dice);
            let moment = at + dice.random_range(0..1_000);
            if !down.iter().any(|(until, it)| *it == dies && *until >= moment) {
                happens.push((moment, Happens::Crash(dies)));
                happens.push((moment + 30_000, Happens::Start(dies)));
                down.push((moment + 30_000, dies));
            }
        }
        if line.splits && group % 60 == 20 {
            let side = (0..SEATS).filter(|_| dice.random_bool(0.5)).collect();
            happens.push((at, Happens::Split(side)));
            happens.push((at + 30_000, Happens::Heal));
        }
        let up: Vec<usize> = (0..SEATS)
            .filter(|it| !down.iter().any(|(until, seat)| seat == it && *until + 1_000 >= at))
            .collect();
        let one = up[usize::try_from(dice.random_range(0..up.len() as u64)).unwrap()];
        let seats = if line.to_one { vec![one] } else { (0..SEATS).collect() };
        happens.push((at + dice.random_range(0..900), Happens::Post(group, seats)));
    }
    happens.sort_by_key(|(at, _)| *at);
    Weather {
        groups,
        loss: line.loss,
        receiver_ms: if line.slow { (20_000, 20_000) } else { (5, 40) },
        happens,
        end_ms: 20_000 + 1_000 * groups as u64 + 120_000,
    }
}

/// How often each group was told by a flock of ours.
fn live(weather: &Weather, seed: u64) -> Vec<usize> {
    let mut world = World::new(seed, Setup::new(SEATS));
    for seat in 0..SEATS {
        world.start(seat);
    }
    world.run_until(18_000);
    world.net.loss = weather.loss;
    world.receivers[0].manner = Manner::Fine(weather.receiver_ms.0, weather.receiver_ms.1);
    for (at, what) in &weather.happens {
        world.run_until(*at);
        match what {
            Happens::Post(group, seats) => {
                let name = format!("g{group}");
                for seat in seats {
                    world.post(*seat, vec![fires(&name, &name)], None);
                }
            }
            Happens::Crash(seat) => world.crash(*seat, true),
            Happens::Start(seat) => {
                if !world.seats[*seat].is_up() {
                    world.start(*seat);
                }
            }
            Happens::Split(side) => {
                let rest: Vec<usize> = (0..SEATS).filter(|it| !side.contains(it)).collect();
                world.net.split(side, &rest);
            }
            Happens::Heal => world.net.heal(),
        }
    }
    world.run_until(weather.end_ms);
    let counts = world.counts();
    world.trace.line(world.now, || {
        format!("told twice: {:?}", counts.iter().filter(|it| *it.1 > 1).collect::<Vec<_>>())
    });
    (0..weather.groups)
        .map(|group| counts.get(&*format!("g{group}")).copied().unwrap_or(0))
        .collect()
}

/// Duplicates and misses.
fn judge(told: &[usize]) -> (usize, usize) {
    let twice = told.iter().map(|count| count.saturating_sub(1)).sum();
    let never = told.iter().filter(|count| **count == 0).count();
    (twice, never)
}

/// Duplicates and misses among this many groups where so much is lost, with a receiver that takes 20 s if it is slow.
pub(crate) fn under_loss(loss: f64, slow: bool, groups: usize, seed: u64) -> (usize, usize) {
    judge(&live(&draw(&Line { loss, slow, ..FAIR }, groups, seed), seed))
}

/// Prints the table, as tests/README.md has it.
pub(crate) fn print(worlds: u64) {
    println!(
        "| {SEATS} nodes, {} groups | duplicates | misses | Alertmanager's rule: duplicates | misses |",
        worlds * GROUPS as u64
    );
    println!("|---|---|---|---|---|");
    for line in LINES {
        let told = workers::each(0..worlds, |seed| {
            let weather = draw(line, GROUPS, seed);
            (live(&weather, seed), alertmanager::run(&weather, seed))
        });
        let (ours, theirs): (Vec<_>, Vec<_>) = told.into_iter().unzip();
        let per_10_000 = |count: usize, of: &[usize]| count * 10_000 / of.len();
        print!("| {} |", line.name);
        for told in [ours.concat(), theirs.concat()] {
            let (twice, never) = judge(&told);
            print!(" {} | {} |", per_10_000(twice, &told), per_10_000(never, &told));
        }
        println!();
    }
}

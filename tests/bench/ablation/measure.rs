//! The ablation: what the simulated flock shows without each of the mechanisms of gossip.
//!
//! `cargo test --bench ablation -- --table [WORD]...` prints what each situation shows with all mechanisms, then what changes
//! without each of them, or each whose name contains one of these words. It builds a copy of the sources with a switch for each.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a program that measures"
)]

#[path = "../../support/net.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "shared between test programs, not all of which use all of it"
)]
mod net;

mod edits;
#[path = "../../support/switches.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared between test programs")]
mod switches;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bellwether::gossip::Output;
use net::{Net, Reading};

/// A situation: its name, and how it is measured.
type Situation = (&'static str, fn() -> Figures);

const SITUATIONS: [Situation; 12] = [
    ("unicast", || steady(false, 0.0, RECORD_BYTES, 20)),
    ("unicast, 30 % loss", || steady(false, 0.3, RECORD_BYTES, 30)),
    ("multicast", || steady(true, 0.0, RECORD_BYTES, 20)),
    ("multicast, 30 % loss", || steady(true, 0.3, RECORD_BYTES, 30)),
    ("no multicast to one", no_multicast_to_one),
    ("two die", two_die),
    ("members come and go", churn),
    ("90 % lost to one", one_way),
    ("a split heals", split),
    ("one bridge", bridge),
    ("a burst of 200", burst),
    ("50 kB, 10 % loss", || steady(false, 0.1, 50_000, 6)),
];

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A silence, as the flock carries it.
const RECORD_BYTES: usize = 280;
/// A record that is not everywhere by then is late.
const LATE: Duration = Duration::from_secs(10);
const WORLDS: u64 = 3;

/// The figures of one situation, over all its worlds.
#[derive(Default)]
struct Figures {
    ms: Vec<u64>,
    late: usize,
    bytes: u64,
    records: u64,
    downs: usize,
}

impl Figures {
    /// Publishes a record and waits until every running node has it.
    fn publish(&mut self, net: &mut Net, seat: usize, id: u32, bytes: usize) {
        let before = net.bytes();
        net.publish(seat, id, bytes, DAY);
        match net.run_until(LATE, |net| net.all_have(id)) {
            Some(ms) => self.ms.push(ms),
            None => self.late += 1,
        }
        net.run_for(2 * SECOND);
        self.bytes += (net.bytes() - before) / net.running().count() as u64;
        self.records += 1;
    }

    /// Waits until every running node has all of so many records that were written.
    fn heal(&mut self, net: &mut Net, records: u64) {
        let before = net.bytes();
        match net.run_until(6 * LATE, Net::all_equal) {
            Some(ms) => self.ms.push(ms),
            None => self.late += 1,
        }
        self.bytes += (net.bytes() - before) / net.running().count() as u64;
        self.records += records;
    }

    fn count_downs(&mut self, net: &Net) {
        let events = net.seats.iter().flat_map(|seat| &seat.events);
        self.downs += events.filter(|it| matches!(it.1, Output::MemberDown(_))).count();
    }

    /// The median, the slowest hundredth, bytes a member for a record, the records that were late, and members held for down.
    fn sum_up(mut self) -> [u64; 5] {
        self.ms.sort_unstable();
        let p = |q: usize| self.ms.get(self.ms.len().saturating_sub(1) * q / 100).copied();
        let bytes = self.bytes / self.records.max(1);
        [p(50).unwrap_or(0), p(99).unwrap_or(0), bytes, self.late as u64, self.downs as u64]
    }
}

/// The names of the figures in a table.
const NAMES: [&str; 5] = ["median, ms", "99 %, ms", "bytes", "late", "held for down"];

fn joined(seed: u64, seats: usize, multicast: bool) -> Net {
    let mut net = Net::flock(seed, seats, multicast);
    net.run_until(60 * SECOND, Net::all_joined);
    net.run_for(90 * SECOND);
    net
}

/// Records one after the other by all members in turn, while some datagrams are lost.
fn steady(multicast: bool, loss: f64, bytes: usize, records: u32) -> Figures {
    let mut figures = Figures::default();
    for seed in 1..=WORLDS {
        let mut net = joined(seed, 10, multicast);
        (net.loss, net.delay_ms) = (loss, (1, 20));
        for id in 0..records {
            figures.publish(&mut net, id as usize % 10, id, bytes);
        }
        figures.count_downs(&net);
    }
    figures
}

/// Two members lose their power, and records come before anybody knows.
fn two_die() -> Figures {
    let mut figures = Figures::default();
    for seed in 1..=WORLDS * 4 {
        let mut net = joined(seed, 12, false);
        net.delay_ms = (1, 20);
        net.kill(1);
        net.kill(2);
        for id in 0..6 {
            figures.publish(&mut net, 3 + id as usize, id, RECORD_BYTES);
        }
    }
    figures
}

/// Members come and go, and records come meanwhile.
fn churn() -> Figures {
    let mut figures = Figures::default();
    for seed in 1..=WORLDS * 4 {
        let mut net = joined(seed, 12, false);
        net.delay_ms = (1, 20);
        for (id, seat) in [1, 4, 2].into_iter().enumerate() {
            net.with(seat, |gossip, now, _, _| gossip.leave(now));
            net.kill(seat);
            figures.publish(&mut net, 5, 2 * u32::try_from(id).unwrap(), RECORD_BYTES);
            net.start(seat, false);
            net.run_until(5 * SECOND, Net::all_joined);
            figures.publish(&mut net, 6, 2 * u32::try_from(id).unwrap() + 1, RECORD_BYTES);
        }
    }
    figures
}

/// Datagrams to one member are lost, those from it are not.
fn one_way() -> Figures {
    let mut figures = Figures::default();
    for seed in 1..=WORLDS {
        let mut net = joined(seed, 10, false);
        net.delay_ms = (1, 20);
        let ways = (0..10).filter(|seat| *seat != 4).map(|seat| (seat, 4));
        net.loss_between.extend(ways.map(|way| (way, 0.9)));
        for id in 0..10 {
            figures.publish(&mut net, 5, id, RECORD_BYTES);
        }
    }
    figures
}

/// Multicast does not reach one member.
fn no_multicast_to_one() -> Figures {
    let mut figures = Figures::default();
    for seed in 1..=WORLDS {
        let mut net = joined(seed, 10, true);
        net.delay_ms = (1, 20);
        net.no_multicast.insert(4);
        for id in 0..20 {
            figures.publish(&mut net, 5, id, RECORD_BYTES);
        }
    }
    figures
}

/// The flock is in two for ten minutes, and both halves write: the time until all have everything, and its bytes.
fn split() -> Figures {
    let mut figures = Figures::default();
    for seed in 1..=WORLDS * 4 {
        let mut net = joined(seed, 10, false);
        net.delay_ms = (1, 20);
        let (one, other) = ([0, 1, 2, 3, 4], [5, 6, 7, 8, 9]);
        net.split(&one, &other, true);
        net.run_for(5 * 60 * SECOND);
        (0..40).for_each(|id| net.publish(id as usize % 10, id, RECORD_BYTES, DAY));
        net.run_for(5 * 60 * SECOND);
        net.split(&one, &other, false);
        figures.heal(&mut net, 40);
    }
    figures
}

/// The two halves of the flock reach each other by one member alone.
fn bridge() -> Figures {
    let mut figures = Figures::default();
    for seed in 1..=WORLDS {
        let mut net = joined(seed, 9, false);
        net.delay_ms = (1, 20);
        net.split(&[1, 2, 3, 4], &[5, 6, 7, 8], true);
        for id in 0..20 {
            figures.publish(&mut net, 1 + id as usize % 8, id, RECORD_BYTES);
        }
    }
    figures
}

/// One member writes 200 records at once, and all have small receive buffers.
fn burst() -> Figures {
    let mut figures = Figures::default();
    for seed in 1..=WORLDS {
        let mut net = joined(seed, 10, false);
        net.delay_ms = (1, 20);
        net.reading =
            Some(Reading { waiting_max: 32, each_us: 300, stall: 0.01, stall_us_max: 5_000 });
        (0..200).for_each(|id| net.publish(3, id, RECORD_BYTES, DAY));
        figures.heal(&mut net, 200);
    }
    figures
}

/// The figures of this program as it is built, a line a situation.
fn print_figures() {
    for (_, measure) in SITUATIONS {
        let figures = measure().sum_up().map(|it| it.to_string());
        println!("{}", figures.join(" "));
    }
}

/// The figures of the copy without this mechanism.
fn without(program: &Path, name: &str) -> Vec<[u64; 5]> {
    let run = Command::new(program).env("SWITCH", name).output().unwrap();
    assert!(run.status.success(), "without {name}: {}", String::from_utf8_lossy(&run.stderr));
    let figures = |line: &str| {
        let numbers: Vec<u64> = line.split(' ').map(|it| it.parse().unwrap()).collect();
        numbers.try_into().unwrap()
    };
    String::from_utf8(run.stdout).unwrap().lines().map(figures).collect()
}

/// The figures that differ by a tenth and by more than noise, as `name before to after`.
fn changes(before: [u64; 5], after: [u64; 5]) -> Vec<String> {
    let least = [10, 20, 20, 1, 1];
    let all = NAMES.iter().zip(before).zip(after).zip(least);
    let differs = |before: u64, after: u64, least| {
        let by = before.abs_diff(after);
        by >= least && by * 10 >= before
    };
    all.filter(|(((_, before), after), least)| differs(*before, *after, *least))
        .map(|(((name, before), after), _)| format!("{name} {before} to {after}"))
        .collect()
}

/// The tables, computed by the copy with one switch on at a time.
fn print_tables(words: &[String]) {
    let program = switches::build("ablation", edits::EDITS, &["--bench", "ablation"]);
    let all = without(&program, "nothing");
    println!("| situation | {} |\n|---|{}", NAMES.join(" | "), "---:|".repeat(NAMES.len()));
    for ((situation, _), figures) in SITUATIONS.iter().zip(&all) {
        println!("| {situation} | {} |", figures.map(|it| it.to_string()).join(" | "));
    }
    println!("\n| without | it changes |\n|---|---|");
    let names: BTreeSet<&str> = edits::EDITS.iter().map(|it| it.0).collect();
    let wanted = |name: &&str| words.is_empty() || words.iter().any(|it| name.contains(&**it));
    for name in names.into_iter().filter(wanted) {
        let found = without(&program, name);
        let differ =
            SITUATIONS.iter().zip(all.iter().zip(found)).filter_map(|(situation, (a, b))| {
                let changes = changes(*a, b);
                (!changes.is_empty()).then(|| format!("{}: {}", situation.0, changes.join(", ")))
            });
        let differ: Vec<String> = differ.collect();
        let differ = if differ.is_empty() { "nothing".to_owned() } else { differ.join("; ") };
        println!("| {name} | {differ} |");
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    if args.any(|it| it == "--table") {
        print_tables(&args.collect::<Vec<_>>());
    } else {
        print_figures();
    }
}

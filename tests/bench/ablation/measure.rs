//! The ablation: what the simulated flock shows without each of the mechanisms of gossip.
//!
//! `cargo test --bench ablation -- --table [WORD]...` prints the table, of all mechanisms or of those whose name contains
//! one of these words: it builds a copy of the sources with a switch for each.

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
use std::process::Command;
use std::time::Duration;

use bellwether::gossip::Output;
use net::Net;

/// The situations, in the order in which [`print_row`] runs them.
const SITUATIONS: [&str; 8] = [
    "unicast",
    "unicast, 30 % loss",
    "multicast",
    "multicast, 30 % loss",
    "two die",
    "members come and go",
    "90 % lost to one",
    "50 kB, 10 % loss",
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

    fn count_downs(&mut self, net: &Net) {
        let events = net.seats.iter().flat_map(|seat| &seat.events);
        self.downs += events.filter(|it| matches!(it.1, Output::MemberDown(_))).count();
    }

    fn print(mut self) {
        self.ms.sort_unstable();
        let p = |q: usize| self.ms.get(self.ms.len().saturating_sub(1) * q / 100).copied();
        let (p50, p99) = (p(50).unwrap_or(0), p(99).unwrap_or(0));
        let bytes = self.bytes / self.records.max(1);
        print!(" {p50} / {p99} ms, {bytes} B");
        if self.late > 0 {
            print!(", {} late", self.late);
        }
        if self.downs > 0 {
            print!(", {} down", self.downs);
        }
        print!(" |");
    }
}

fn joined(seed: u64, seats: usize, multicast: bool) -> Net {
    let mut net = Net::flock(seed, seats, multicast);
    net.run_until(60 * SECOND, Net::all_joined);
    net.run_for(90 * SECOND);
    net
}

/// Records one after the other by all members in turn, while some datagrams are lost.
fn steady(multicast: bool, loss: f64, bytes: usize, records: u32) {
    let mut figures = Figures::default();
    for seed in 1..=WORLDS {
        let mut net = joined(seed, 10, multicast);
        (net.loss, net.delay_ms) = (loss, (1, 20));
        for id in 0..records {
            figures.publish(&mut net, id as usize % 10, id, bytes);
        }
        figures.count_downs(&net);
    }
    figures.print();
}

/// Two members lose their power, and records come before anybody knows.
fn two_die() {
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
    figures.print();
}

/// Members come and go, and records come meanwhile.
fn churn() {
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
    figures.print();
}

/// Datagrams to one member are lost, those from it are not.
fn one_way() {
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
    figures.print();
}

/// The figures of this program as it is built, as a row of the table.
fn print_row() {
    steady(false, 0.0, RECORD_BYTES, 20);
    steady(false, 0.3, RECORD_BYTES, 30);
    steady(true, 0.0, RECORD_BYTES, 20);
    steady(true, 0.3, RECORD_BYTES, 30);
    two_die();
    churn();
    one_way();
    steady(false, 0.1, 50_000, 6);
    println!();
}

/// The table: each row is computed by the copy, with one switch on.
fn print_table(words: &[String]) {
    let program = switches::build("ablation", edits::EDITS, &["--bench", "ablation"]);
    println!("| without | {} |", SITUATIONS.join(" | "));
    println!("|---|{}", "---|".repeat(SITUATIONS.len()));
    let names: BTreeSet<&str> = edits::EDITS.iter().map(|it| it.0).collect();
    let wanted = |name: &&str| words.is_empty() || words.iter().any(|it| name.contains(&**it));
    for name in ["nothing"].into_iter().chain(names.into_iter().filter(wanted)) {
        let row = Command::new(&program).env("SWITCH", name).output().unwrap();
        assert!(row.status.success(), "without {name}: {}", String::from_utf8_lossy(&row.stderr));
        print!("| {name} |{}", String::from_utf8_lossy(&row.stdout));
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    if args.any(|it| it == "--table") {
        print_table(&args.collect::<Vec<_>>());
    } else {
        print_row();
    }
}

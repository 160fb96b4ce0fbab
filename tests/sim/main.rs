//! The simulator: whole nodes in one thread under virtual time, all from one seed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a test program"
)]

#[path = "../support/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "shared between test programs, not all of which use all of it"
)]
mod support;

mod alertmanager;
mod checkers;
#[cfg(feature = "faults")]
mod mutations;
mod net;
mod newer;
mod process;
mod receiver;
mod scenarios;
mod seat;
mod swarm;
mod table;
mod trace;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use crate::trace::Lines;

/// Seeds that every `cargo test` tries.
const SEEDS: u64 = if cfg!(debug_assertions) { 90 } else { 1_000 };

/// What the command line and the environment ask for.
struct Asked {
    seeds: u64,
    /// The first seed.
    from: u64,
    filters: Vec<String>,
    /// Whether the swarm alone is asked for.
    swarm: bool,
    /// In how many worlds the README's table is computed, if it is asked for.
    table: Option<u64>,
}

fn asked() -> Asked {
    let mut asked = Asked { seeds: SEEDS, from: 0, filters: Vec::new(), swarm: false, table: None };
    #[expect(clippy::disallowed_methods, reason = "how a developer replays a seed")]
    let seed = std::env::var("SIM_SEED").ok();
    let mut args = std::env::args().skip(1);
    let number = |text: Option<String>| -> u64 {
        text.and_then(|text| text.parse().ok()).expect("a number after the flag")
    };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--trace" => trace::print_lines(Lines::Most),
            "--trace=all" => trace::print_lines(Lines::All),
            "--seeds" => (asked.seeds, asked.swarm) = (number(args.next()), true),
            "--from" => (asked.from, asked.swarm) = (number(args.next()), true),
            "--table" => asked.table = Some(number(args.next())),
            "--test-threads" | "--format" | "--color" => drop(args.next()),
            flag if flag.starts_with('-') => {}
            filter => asked.filters.push(filter.to_owned()),
        }
    }
    if let Some(seed) = seed {
        (asked.from, asked.seeds, asked.swarm) = (number(Some(seed)), 1, true);
    }
    asked
}

/// Runs a test and says how it went.
fn passes(name: &str, test: impl FnOnce()) -> bool {
    println!("test {name} ...");
    let (passed, took) = timed(|| catch_unwind(AssertUnwindSafe(test)).is_ok());
    let word = if passed { "ok" } else { "FAILED" };
    println!("test {name} ... {word}, {:.1} s", took.as_secs_f64());
    passed
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    #[expect(clippy::disallowed_methods, reason = "tells how long a test took")]
    let begun = std::time::Instant::now();
    (work(), begun.elapsed())
}

/// Tries seeds, at most so many failures.
fn swarm(from: u64, seeds: u64) {
    let (mut events, mut ms, mut tried, mut failures) = (0, 0, 0_u64, Vec::new());
    let ((), took) = timed(|| {
        for seed in from..from + seeds {
            tried += 1;
            let outcome = catch_unwind(|| swarm::run(seed))
                .unwrap_or_else(|_| Err("a panic, told above".to_owned()));
            match outcome {
                Ok(outcome) => {
                    events += outcome.events;
                    ms += outcome.ms;
                    if seeds == 1 || trace::LINES.get() > Lines::None {
                        println!("  seed {seed}: {outcome}");
                    }
                }
                Err(error) => {
                    println!(
                        "  SIM_SEED={seed} cargo test --test sim -- --trace   replays: {error}"
                    );
                    failures.push(seed);
                }
            }
            if failures.len() >= 20 {
                break;
            }
        }
    });
    println!(
        "  {tried} seeds: {:.1} simulated hours, {events} events, {:.0} events a second",
        ms as f64 / 3_600_000.0,
        events as f64 / took.as_secs_f64()
    );
    assert!(failures.is_empty(), "seeds that failed: {failures:?}");
}

fn main() -> ExitCode {
    let asked = asked();
    if let Some(worlds) = asked.table {
        table::print(worlds);
        return ExitCode::SUCCESS;
    }
    let wanted = |name: &str| {
        asked.filters.is_empty() || asked.filters.iter().any(|filter| name.contains(&**filter))
    };
    let mut failed = Vec::new();
    for (name, test) in scenarios::ALL.iter().filter(|(name, _)| !asked.swarm && wanted(name)) {
        if !passes(name, test) {
            failed.push(*name);
        }
    }
    if (asked.swarm || wanted("swarm")) && !passes("swarm", || swarm(asked.from, asked.seeds)) {
        failed.push("swarm");
    }
    #[cfg(feature = "faults")]
    if !asked.swarm
        && wanted("every_fault_is_noticed")
        && !passes("every_fault_is_noticed", mutations::every_fault_is_noticed)
    {
        failed.push("every_fault_is_noticed");
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("failed: {failed:?}");
    ExitCode::FAILURE
}

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
mod faults;
mod net;
mod newer;
mod process;
mod receiver;
mod scenarios;
mod seat;
mod site;
mod swarm;
mod table;
mod trace;
mod workers;
mod world;

use std::any::Any;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::trace::Lines;

/// Seeds that every `cargo test` tries.
const SEEDS: u64 = if cfg!(debug_assertions) { 32 } else { 500 };
/// More that fail are not looked for.
const FAILURES_MAX: usize = 20;

/// The requests of the command line and the environment.
struct Asked {
    seeds: u64,
    /// The first seed.
    from: u64,
    filters: Vec<String>,
    /// Whether the swarm alone is asked for.
    swarm: bool,
    /// Whether the deliberate faults are to be noticed.
    faults: bool,
    /// The checker that is to notice a fault, if that is asked for.
    until: Option<String>,
    /// In how many worlds the table of tests/README.md is computed, if it is asked for.
    table: Option<u64>,
    /// Whether the hash of each seed's trace is to be printed.
    sums: bool,
}

fn asked() -> Asked {
    let mut asked = Asked {
        seeds: SEEDS,
        from: 0,
        filters: Vec::new(),
        swarm: false,
        faults: false,
        until: None,
        table: None,
        sums: false,
    };
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
            "--trace-sums" => (asked.seeds, asked.sums) = (number(args.next()), true),
            "--faults" => asked.faults = true,
            "--until" => asked.until = args.next(),
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

/// Runs a test, in a thread of its name, and says how it went.
fn passes(name: &str, test: fn()) -> bool {
    println!("test {name} ...");
    let thread = thread::Builder::new().name(name.to_owned());
    let (outcome, took) = timed(|| thread.spawn(test).expect("a thread").join());
    let word = match &outcome {
        Ok(()) => "ok",
        Err(panic) => &format!("FAILED: {}", text(&**panic)),
    };
    println!("test {name} ... {word}, {:.1} s", took.as_secs_f64());
    outcome.is_ok()
}

/// The message of a panic.
fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    #[expect(clippy::disallowed_methods, reason = "tells how long a test took")]
    let begun = std::time::Instant::now();
    (work(), begun.elapsed())
}

/// Prints a line for each seed: the hash of its trace, or how it failed. A change that only moves code changes no line.
fn print_trace_sums(from: u64, seeds: u64) {
    let sum = |seed| match catch_unwind(|| swarm::run(seed)) {
        Ok(Ok(outcome)) => format!("{seed} {:016x}", outcome.hash),
        Ok(Err(error)) => format!("{seed} failed: {}", error.lines().next().unwrap_or_default()),
        Err(panic) => format!("{seed} a panic: {}", text(&*panic)),
    };
    for line in workers::each(from..from + seeds, sum) {
        println!("{line}");
    }
}

/// Tries seeds, until so many have failed, and says how it went.
fn swarm_passes(from: u64, seeds: u64) -> bool {
    let failures = AtomicUsize::new(0);
    let run = |seed: u64| {
        if failures.load(Ordering::Relaxed) >= FAILURES_MAX {
            return None;
        }
        let outcome = catch_unwind(|| swarm::run(seed))
            .unwrap_or_else(|panic| Err(format!("a panic: {}", text(&*panic))));
        match &outcome {
            Ok(outcome) if seeds == 1 || trace::lines() > Lines::None => {
                println!("  seed {seed}: {outcome}");
            }
            Ok(_) => {}
            Err(error) => {
                failures.fetch_add(1, Ordering::Relaxed);
                println!("  SIM_SEED={seed} cargo test --test sim -- --trace   replays: {error}");
            }
        }
        Some((seed, outcome))
    };
    println!("test swarm ...");
    let (tried, took) = timed(|| workers::each(from..from + seeds, run));
    let tried: Vec<_> = tried.into_iter().flatten().collect();
    let clean = || tried.iter().filter_map(|(_, outcome)| outcome.as_ref().ok());
    let events: u64 = clean().map(|outcome| outcome.events).sum();
    println!(
        "  {} seeds: {:.1} simulated hours, {events} events, {:.0} events a second",
        tried.len(),
        clean().map(|outcome| outcome.ms).sum::<u64>() as f64 / 3_600_000.0,
        events as f64 / took.as_secs_f64()
    );
    let failed: Vec<_> = tried.iter().filter(|it| it.1.is_err()).map(|it| it.0).collect();
    let word = if failed.is_empty() { "ok" } else { &format!("FAILED: seeds {failed:?}") };
    println!("test swarm ... {word}, {:.1} s", took.as_secs_f64());
    failed.is_empty()
}

fn main() -> ExitCode {
    let asked = asked();
    if let Some(worlds) = asked.table {
        table::print(worlds);
        return ExitCode::SUCCESS;
    }
    if let Some(checker) = asked.until {
        faults::print_first_noticed(asked.from, asked.seeds, &checker);
        return ExitCode::SUCCESS;
    }
    if asked.sums {
        print_trace_sums(asked.from, asked.seeds);
        return ExitCode::SUCCESS;
    }
    if asked.faults {
        faults::every_fault_is_noticed(&asked.filters);
        return ExitCode::SUCCESS;
    }
    let wanted = |name: &str| {
        asked.filters.is_empty() || asked.filters.iter().any(|filter| name.contains(&**filter))
    };
    let stories = scenarios::ALL.iter().filter(|(name, _)| !asked.swarm && wanted(name));
    let told = workers::each(stories, |(name, test)| (!passes(name, *test)).then_some(*name));
    let mut failed: Vec<_> = told.into_iter().flatten().collect();
    if (asked.swarm || wanted("swarm")) && !swarm_passes(asked.from, asked.seeds) {
        failed.push("swarm");
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("failed: {failed:?}");
    ExitCode::FAILURE
}

//! Deliberate faults: the simulator must notice each.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bellwether::faults::{ALL, CURRENT, Fault};

use crate::{scenarios, swarm};

/// Seeds that a fault may survive.
const SEEDS_MAX: u64 = 400;

/// Tries seeds with each fault until one fails that is clean without it.
pub(crate) fn every_fault_is_noticed() {
    let (mut unnoticed, mut most) = (Vec::new(), 0);
    for fault in ALL {
        match notice(*fault) {
            Some((seeds, error)) => {
                println!("  {fault:?}: noticed after {seeds} seeds: {error}");
                most = most.max(seeds);
            }
            None => match noticed_by_name(*fault) {
                Some(name) => println!("  {fault:?}: noticed by {name} alone"),
                None => unnoticed.push(fault),
            },
        }
    }
    assert!(unnoticed.is_empty(), "unnoticed in {SEEDS_MAX} seeds: {unnoticed:?}");
    println!("  {} faults, each noticed within {most} seeds", ALL.len());
}

/// How many seeds a fault takes, and what the last of them says. One that fails by itself says nothing of the fault.
fn notice(fault: Fault) -> Option<(u64, String)> {
    let mut tried = 0;
    for seed in 0..SEEDS_MAX {
        let error = live(Some(fault), seed);
        if error.is_some()
            && let Some(own) = live(None, seed)
        {
            println!("  seed {seed} fails by itself: {own}");
            continue;
        }
        tried += 1;
        if let Some(error) = error {
            return Some((tried, error));
        }
    }
    None
}

/// The story that a fault spoils, and that is well without it.
fn noticed_by_name(fault: Fault) -> Option<&'static str> {
    let passes = |test: fn(), fault: Option<Fault>| {
        CURRENT.set(fault);
        let outcome = catch_unwind(test);
        CURRENT.set(None);
        outcome.is_ok()
    };
    let notices = |test: fn()| !passes(test, Some(fault)) && passes(test, None);
    scenarios::ALL.iter().find(|(_, test)| notices(*test)).map(|(name, _)| *name)
}

/// What is wrong with the history of a seed.
fn live(fault: Option<Fault>, seed: u64) -> Option<String> {
    CURRENT.set(fault);
    let outcome = catch_unwind(AssertUnwindSafe(|| swarm::run(seed)));
    CURRENT.set(None);
    outcome.unwrap_or_else(|_| Err("a panic, told above".to_owned())).err()
}

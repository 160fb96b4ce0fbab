//! Deliberate faults: the simulator must notice each.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bellwether::faults::{CURRENT, Fault};

use crate::swarm;

/// Seeds that a fault may survive.
const SEEDS_MAX: u64 = 400;

const ALL: &[Fault] = &[
    Fault::AlertNotKept,
    Fault::AlertNotShared,
    Fault::AnyVersionHolds,
    Fault::ClaimNotShared,
    Fault::ClaimsIgnored,
    Fault::ClockOffsetIgnored,
    Fault::DigestsIgnored,
    Fault::DirectoryNotSynced,
    Fault::EndsForgotten,
    Fault::ExpiryNotShared,
    Fault::LogBeforeAnswer,
    Fault::LogNotRestored,
    Fault::LogNotShared,
    Fault::MergedEndsJoin,
    Fault::NewerForgotten,
    Fault::NewerRefused,
    Fault::RanksDiffer,
    Fault::SilencesIgnored,
    Fault::SyncSkipped,
];

/// Tries seeds with each fault until one fails.
pub(crate) fn every_fault_is_noticed() {
    let mut unnoticed = Vec::new();
    for fault in ALL {
        CURRENT.set(Some(*fault));
        let noticed = (0..SEEDS_MAX).find_map(|seed| {
            let outcome = catch_unwind(AssertUnwindSafe(|| swarm::run(seed)));
            let error = outcome.unwrap_or_else(|_| Err("a panic, told above".to_owned())).err()?;
            Some((seed + 1, error))
        });
        CURRENT.set(None);
        match noticed {
            Some((seeds, error)) => println!("  {fault:?}: noticed after {seeds} seeds: {error}"),
            None => unnoticed.push(fault),
        }
    }
    assert!(unnoticed.is_empty(), "unnoticed in {SEEDS_MAX} seeds: {unnoticed:?}");
}

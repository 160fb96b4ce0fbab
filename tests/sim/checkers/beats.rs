//! A heartbeat is told in time, and by one node of the flock.

use std::collections::BTreeSet;

use bellwether::model::own::{JOURNAL_FAILED, RECEIVER_FAILING};

use crate::site::BEAT_MS;
use crate::world::World;

/// From one rank to the next that tells in its place.
const RANK_MS: u64 = 5_000;
/// For what a beat takes on its way, and for clocks that drift.
const NEAR_MS: u64 = 1_500;

/// Whether an agent has had a fault of its own: it tells that, and others that do not know of it tell that all is well.
fn has_fault(world: &World, whole: u64) -> bool {
    let told = world.told.iter().filter(|it| it.at >= whole);
    let mut names = told.flat_map(|it| it.firing.iter().chain(&it.resolved));
    names.any(|name| [JOURNAL_FAILED, RECEIVER_FAILING].contains(&&**name))
}

/// Since `whole`.
pub(crate) fn check(world: &World, whole: u64) -> Result<(), String> {
    let beats: Vec<_> = world.beats.iter().filter(|(at, _)| *at >= whole).collect();
    let broken = world.seats.iter().any(|seat| seat.broken);
    let seats = world.seats.len() as u64;
    // One that cannot tell is waited for, each time.
    let most = BEAT_MS + NEAR_MS + if broken { RANK_MS * seats } else { 0 };
    let times = beats.iter().map(|(at, _)| *at);
    let ends: Vec<u64> = std::iter::once(whole).chain(times).chain([world.now]).collect();
    let mut gaps = ends.iter().zip(&ends[1..]);
    if let Some((from, to)) = gaps.find(|(from, to)| **to - **from > most) {
        return Err(format!("no heartbeat from {from} to {to}"));
    }
    if broken || has_fault(world, whole) {
        return Ok(());
    }
    let tellers: BTreeSet<usize> = beats.iter().map(|(_, seat)| *seat).collect();
    if tellers.len() != 1 {
        return Err(format!("heartbeats of a whole flock come from {tellers:?}: {beats:?}"));
    }
    match beats.windows(2).find(|two| two[1].0 - two[0].0 + NEAR_MS < BEAT_MS) {
        Some(two) => Err(format!("two heartbeats at {} and {}", two[0].0, two[1].0)),
        None => Ok(()),
    }
}

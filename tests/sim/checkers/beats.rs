//! A heartbeat is told in time, by one node of the flock, and its word changes at most so often as something goes wrong.

use crate::site::BEAT_MS;
use crate::world::{Beat, World};

/// From one rank to the next that tells in its place.
const RANK_MS: u64 = 5_000;
/// For what a beat takes on its way, and for clocks that drift.
const NEAR_MS: u64 = 1_500;

/// Since `whole`.
pub(crate) fn check(world: &World, whole: u64) -> Result<(), String> {
    let beats: Vec<_> = world.beats.iter().filter(|it| it.at >= whole).collect();
    let broken = world.seats.iter().any(|seat| seat.broken);
    let seats = world.seats.len() as u64;
    // One that cannot tell is waited for, each time.
    let most = BEAT_MS + NEAR_MS + if broken { RANK_MS * seats } else { 0 };
    let times = beats.iter().map(|it| it.at);
    let ends: Vec<u64> = std::iter::once(whole).chain(times).chain([world.now]).collect();
    let mut gaps = ends.iter().zip(&ends[1..]);
    if let Some((from, to)) = gaps.find(|(from, to)| **to - **from > most) {
        return Err(format!("no heartbeat from {from} to {to}"));
    }
    if broken {
        return Ok(());
    }
    let begins = |two: &&[&Beat]| two[1].word == "fail" && two[0].word != "fail";
    let mut pairs = beats.windows(2).filter(|two| !begins(two));
    if let Some(two) = pairs.find(|two| two[0].seat != two[1].seat) {
        return Err(format!("heartbeats of a whole flock come from two: {two:?}"));
    }
    // One that ends is told at once, too.
    let mut pairs = beats.windows(2).filter(|two| two[0].word == two[1].word);
    if let Some(two) = pairs.find(|two| two[1].at - two[0].at + NEAR_MS < BEAT_MS) {
        return Err(format!("two heartbeats in one period: {two:?}"));
    }
    // Members may know of different ends of one fault.
    match beats.windows(2).filter(begins).count() {
        0..=2 => Ok(()),
        count => Err(format!("something goes wrong {count} times: {beats:?}")),
    }
}

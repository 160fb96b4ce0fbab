//! A budget is kept by the bytes on the receiver's socket, its last quarter by what is to be kept, and a change is told once.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bellwether::limits::{BUDGET_DIGEST_INTERVAL, BUDGET_KEPT_NOTIFICATIONS_MAX};

use crate::receiver::Told;
use crate::site::{BUDGET_BYTES, METERED};
use crate::world::{World, severity};

/// A part of the budget may be left with a message in short; so may the whole, once an hour.
const SHORT_BYTES: u64 = 5_000;
/// From one digest to the next, in ms.
const HOUR: u64 = BUDGET_DIGEST_INTERVAL.as_secs() * 1_000;

pub(crate) fn check(world: &World) -> Result<(), String> {
    // Nodes that are parted or have lost their flash know nothing of what others have used.
    let mut used: BTreeMap<(usize, u64), u64> = BTreeMap::new();
    let mut used_up: BTreeMap<(usize, u64), u64> = BTreeMap::new();
    for moved in world.moved.iter().filter(|it| it.receiver == METERED) {
        let bytes = used.entry((moved.seat, moved.life)).or_default();
        *bytes += moved.bytes;
        if *bytes >= BUDGET_BYTES {
            used_up.entry((moved.seat, moved.life)).or_insert(moved.at);
        }
        let hours = used_up.get(&(moved.seat, moved.life)).map_or(0, |at| (moved.at - at) / HOUR);
        if world.graded && *bytes > BUDGET_BYTES + SHORT_BYTES * (1 + hours) {
            return Err(format!("n{} has used {bytes} bytes by {}", moved.seat, moved.at));
        }
    }
    let mut said: BTreeSet<(usize, u64, &Rc<str>)> = BTreeSet::new();
    let mut answers: BTreeMap<(usize, u64), Vec<u64>> = BTreeMap::new();
    for told in world.told.iter().filter(|it| world.graded && it.receiver == METERED) {
        let of = (told.seat, told.life);
        let used = used_by(world, of, told.begun);
        let Some(answered_at) = told.answered_at else { continue };
        if let Some(words) = &told.of_budget
            && !said.insert((told.seat, told.life, words))
        {
            return Err(format!("n{} says twice: {words}", told.seat));
        }
        let answers = answers.entry(of).or_default();
        let is_lately = |at: &&u64| told.begun.saturating_sub(**at) < HOUR;
        let before = answers.iter().filter(is_lately).count();
        let keeps = told.firing.iter().chain(&told.resolved).any(|name| is_kept(name));
        let most = if keeps && used < BUDGET_BYTES { BUDGET_KEPT_NOTIFICATIONS_MAX } else { 1 };
        if used * 2 >= BUDGET_BYTES && before >= most {
            return Err(format!("n{} tells of {} within the hour", told.seat, told.group));
        }
        if used * 4 >= BUDGET_BYTES * 3 && has_others(told) {
            return Err(format!("n{} tells what the budget does not keep", told.seat));
        }
        answers.push(answered_at);
    }
    Ok(())
}

/// The bytes that a node was told of in this life by then.
pub(crate) fn used_by(world: &World, of: (usize, u64), by: u64) -> u64 {
    let moved = world.moved.iter().filter(|it| it.receiver == METERED && it.at <= by);
    moved.filter(|it| (it.seat, it.life) == of).map(|it| it.bytes).sum()
}

pub(crate) fn has_others(told: &Told) -> bool {
    told.firing.iter().chain(&told.resolved).any(|name| !is_kept(name))
}

/// Alerts of our own that are raised here are critical, too.
fn is_kept(name: &str) -> bool {
    severity(name) == "critical" || name.starts_with("Bellwether")
}

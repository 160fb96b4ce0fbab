//! Quiet when healthy: a whole flock tells each new group once and in time, and nothing that it has told before.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use super::Truth;
use crate::receiver::Told;
use crate::world::World;

/// As long as the calm weather, the pause between two flushes before it, and the turns.
const LATELY: Duration = Duration::from_secs(70 + 30 + 15);

/// Alerts that nodes said of themselves before and that have ended lately, with their lease, as far as any node knows:
/// each has a group of none.
fn own_ends(world: &World) -> usize {
    let ends = world.up().into_iter().map(|seat| {
        let now = world.seats[seat].now(world.now).wall;
        let own = world.node(seat).alerts().filter(|(_, alert, _)| {
            let lately = alert.resolved(now) && now.since(alert.ends_at) < LATELY;
            lately && alert.labels.get("group").is_none()
        });
        own.count()
    });
    ends.max().unwrap_or(0)
}

/// The longest that a group waits, whatever config is loaded, and the turns of a flock that is whole.
const DEADLINE_MS: u64 = 6_000 + 2_000;
/// And for as long as others let one try that has no way to the receiver.
const NO_WAY_MS: u64 = 8_000;

/// Since `whole`, a moment, nothing was told twice.
pub(crate) fn nothing_twice(world: &World, whole: u64) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    let lately =
        |it: &&Told| it.at >= whole && !it.group.is_empty() && !it.is_cut && !world.is_apart(it);
    for told in world.told.iter().filter(lately) {
        let what = (told.receiver, &told.group, &told.reason, &told.firing, &told.resolved);
        if let Some(before) = seen.insert(what, told.at) {
            return Err(format!(
                "n{} tells of {} at {} ({}) what was told at {before}",
                told.seat, told.group, told.at, told.reason
            ));
        }
    }
    Ok(())
}

/// Since `from`, of the notifications, each of these groups was told once and no other.
pub(crate) fn check(
    world: &World,
    truth: &Truth,
    from: usize,
    groups: &[Rc<str>],
    receivers: &[usize],
) -> Result<(), String> {
    receivers.iter().try_for_each(|receiver| check_one(world, truth, from, groups, *receiver))
}

fn check_one(
    world: &World,
    truth: &Truth,
    from: usize,
    groups: &[Rc<str>],
    receiver: usize,
) -> Result<(), String> {
    let mut counts: BTreeMap<&str, usize> = groups.iter().map(|group| (&**group, 0)).collect();
    let mut apart: BTreeSet<&str> = BTreeSet::new();
    let mut ends = own_ends(world);
    let mut noticed = world.seats.iter().filter(|seat| seat.broken).count();
    // A node that is apart, and dies while it notifies, is waited for.
    let whole = world.seats.iter().all(|seat| seat.apart_since.is_none());
    for group in groups.iter().filter(|_| whole) {
        let of_group = world.posts.iter().filter(|post| post.alerts[0].group == *group);
        let taken_at = of_group.filter_map(|post| post.taken_at).min();
        let first = world.told_of(group).into_iter().find(|it| it.receiver == receiver);
        let (Some(taken_at), Some(first)) = (taken_at, first) else { continue };
        let no_way = if world.seats.iter().any(|seat| seat.broken) { NO_WAY_MS } else { 0 };
        if first.at > taken_at + DEADLINE_MS + no_way {
            return Err(format!(
                "r{receiver} was told of {group} at {}, which came at {taken_at}",
                first.at
            ));
        }
    }
    for told in world.told[from..].iter().filter(|it| it.receiver == receiver) {
        // An alert that a node apart raises of itself or of the past it may not know to be told.
        if world.is_apart(told) && !counts.contains_key(&*told.group) {
            continue;
        }
        // Each such end is told once, be it that what another node says of itself fires on.
        if told.group.is_empty() && told.reason.contains("resolved") && ends > 0 {
            ends -= 1;
            continue;
        }
        // Flash that is broken for good may be noticed at the first use, and told.
        if told.group.is_empty() && told.firing.len() == 1 && noticed > 0 {
            noticed -= 1;
            continue;
        }
        match counts.get_mut(&*told.group) {
            Some(_) if world.is_apart(told) => drop(apart.insert(&told.group)),
            Some(count) => *count += 1,
            None if truth.silences.iter().any(|it| it.group == told.group && it.may_end(world)) => {
            }
            None => {
                return Err(format!(
                    "n{} tells of {} at {} ({}), of which nothing is new",
                    told.seat, told.group, told.at, told.reason
                ));
            }
        }
    }
    // One of the flock tells, or one that is apart, or first the one and then the other.
    let by_apart = |group: &str| apart.contains(&group);
    match counts.iter().find(|(group, count)| **count != 1 && (**count > 1 || !by_apart(group))) {
        Some((group, count)) => {
            Err(format!("r{receiver} was told of {group} {count} times in calm weather"))
        }
        None => Ok(()),
    }
}

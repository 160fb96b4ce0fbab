//! Quiet when healthy: a whole flock tells each new group once, and nothing that it has told before.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::world::World;

/// Since `from`, of the notifications, each of these groups was told once and no other.
pub(crate) fn check(world: &World, from: usize, groups: &[Rc<str>]) -> Result<(), String> {
    let mut counts: BTreeMap<&str, usize> = groups.iter().map(|group| (&**group, 0)).collect();
    for told in &world.told[from..] {
        // What a node says of itself has no group label of ours, and ends with its lease.
        if told.group.is_empty() {
            continue;
        }
        match counts.get_mut(&*told.group) {
            Some(count) => *count += 1,
            None => {
                return Err(format!(
                    "n{} tells of {} at {} ({}), of which nothing is new",
                    told.seat, told.group, told.at, told.reason
                ));
            }
        }
    }
    match counts.iter().find(|(_, count)| **count != 1) {
        Some((group, count)) => Err(format!("{group} was told {count} times in calm weather")),
        None => Ok(()),
    }
}

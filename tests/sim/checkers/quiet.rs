//! Quiet when healthy: a whole flock tells each new group once, and nothing that it has told before.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::world::World;

/// Since `from`, of the notifications, each of these groups was told once and no other.
pub(crate) fn check(world: &World, from: usize, groups: &[Rc<str>]) -> Result<(), String> {
    let mut counts: BTreeMap<&str, usize> = groups.iter().map(|group| (&**group, 0)).collect();
    let mut ended = None;
    for told in &world.told[from..] {
        // What a node said of itself before may end in calm weather, with its lease, and is told once.
        if told.group.is_empty() && told.firing.is_empty() && ended.replace(told).is_none() {
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

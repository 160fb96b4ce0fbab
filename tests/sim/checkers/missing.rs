//! A sign of life that comes to any node counts for all; one that stays away is an alert on all, told once.

use crate::site::SIGN;
use crate::world::World;

/// The seats of the healthy core on which an alert says that the sign is missing.
fn missed_by(world: &World) -> Vec<usize> {
    let is_missed = |seat: &usize| {
        let now = world.seats[*seat].now(world.now).wall;
        world
            .node(*seat)
            .alerts()
            .any(|(_, alert, _)| !alert.resolved(now) && alert.labels.get("expected") == Some(SIGN))
    };
    let mut core = world.core();
    core.retain(is_missed);
    core
}

/// The sign has come again and again, now to the one and now to the other.
pub(crate) fn is_there(world: &World) -> Result<(), String> {
    match missed_by(world).first() {
        Some(seat) => Err(format!("n{seat} misses a sign that came to others")),
        None => Ok(()),
    }
}

/// It has not come for long; notifications before `from` were of before.
pub(crate) fn is_missed(world: &World, from: usize) -> Result<(), String> {
    let missed = missed_by(world);
    if missed != world.core() {
        return Err(format!("the sign is missed by {missed:?} of {:?} alone", world.core()));
    }
    // A node that is apart may tell first.
    let told = world.told[from..].iter().filter(|it| it.receiver == 0);
    let named = told.filter(|it| it.firing.iter().any(|name| name.ends_with("ExpectedMissing")));
    let count = named.count();
    let broken = world.seats.iter().any(|seat| seat.broken);
    if count == 1 || broken && count > 0 {
        return Ok(());
    }
    Err(format!("r0 was told {count} times that the sign is missing"))
}

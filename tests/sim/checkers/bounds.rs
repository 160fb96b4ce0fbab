//! Every bound is kept.

use bellwether::limits::{
    ALERTS_MAX, ATTEMPTS_MAX, GOSSIP_RECORDS_MAX, GROUPS_MAX, MEMBERS_MAX, SILENCES_MAX,
};

use crate::world::World;

pub(crate) fn check(world: &World) -> Result<(), String> {
    for seat in world.up() {
        let node = world.node(seat);
        let flock = node.flock();
        let now = world.seats[seat].now(world.now);
        let counts = [
            ("alerts", node.alerts().count(), ALERTS_MAX),
            ("groups", node.groups_len(), GROUPS_MAX),
            ("silences", node.silences().count(), SILENCES_MAX),
            (
                "shared records",
                flock.map_or(0, bellwether::gossip::Gossip::records),
                GOSSIP_RECORDS_MAX,
            ),
            ("members", flock.map_or(0, |flock| flock.members(now.mono).len()), MEMBERS_MAX),
            ("attempts", world.seats[seat].attempts.len(), ATTEMPTS_MAX),
            ("timers of the past", usize::from(node.next_timeout() < Some(now.mono)), 0),
        ];
        for (what, count, most) in counts {
            if count > most {
                return Err(format!("n{seat} has {count} {what}, the limit is {most}"));
            }
        }
    }
    Ok(())
}

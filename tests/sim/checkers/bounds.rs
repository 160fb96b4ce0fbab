//! Every bound is kept.

use bellwether::limits::{
    ALERTS_MAX, ATTEMPTS_EACH_MAX, ATTEMPTS_MAX, GOSSIP_RECORDS_MAX, GROUPS_MAX, MEMBERS_MAX,
    OWN_ALERTS_MAX, SILENCES_MAX,
};
use bellwether::model::Alert;

use crate::world::{RECEIVERS, World};

/// Whether a node said this of itself.
fn is_own(alert: &Alert) -> bool {
    alert.labels.get("group").is_none()
}

/// How many attempts a seat makes at the receiver at which it makes most; looks are none.
fn most_at_one(world: &World, seat: usize) -> usize {
    let attempts = || world.seats[seat].attempts.values().filter(|it| !it.body.is_empty());
    let at = |receiver: usize| attempts().filter(|it| it.receiver == receiver).count();
    (0..RECEIVERS).map(at).max().unwrap_or(0)
}

pub(crate) fn check(world: &World) -> Result<(), String> {
    for seat in world.up() {
        let node = world.node(seat);
        let flock = node.flock();
        let now = world.seats[seat].now(world.now);
        let own_max = OWN_ALERTS_MAX * world.seats.iter().map(|it| it.ids.len()).sum::<usize>();
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
            ("attempts at one integration", most_at_one(world, seat), ATTEMPTS_EACH_MAX),
            ("own alerts", node.alerts().filter(|(_, alert, _)| is_own(alert)).count(), own_max),
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

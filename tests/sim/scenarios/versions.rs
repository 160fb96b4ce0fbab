//! Upgrades and downgrades, one node after the other.

use bellwether::store::Op;
use bellwether::wire::record::{Kind, Stamped};
use bellwether::wire::rest::rest;

use crate::checkers;
use crate::newer::NEW;
use crate::world::{Setup, World, fires};

/// Of what a node holds: records of a new kind, and elements that were added to the bodies of known kinds.
fn new_things(world: &World, seat: usize) -> (usize, usize) {
    let records = world.node(seat).records(world.seats[seat].now(world.now));
    let new = records.iter().filter(|it| it.kind == u16::from(NEW)).count();
    let longer = records.iter().filter(|it| {
        let Op::Put(body) = &it.op else { return false };
        let kind = Kind::from_number(it.kind);
        let stamped = Stamped::decode(body).ok();
        kind.zip(stamped).is_some_and(|(kind, it)| rest(kind, &it.body).is_some())
    });
    (new, longer.count())
}

/// The first node of a flock that is upgraded dies for good; the others, of the older version, restart in turn.
pub(crate) fn elements_of_a_newer_version_outlive_their_author_among_older_nodes() {
    for sealed in [false, true] {
        let mut world = World::new(1, Setup { sealed, ..Setup::new(3) });
        world.newer.mixed = true;
        world.newer.strange = 0.1;
        for seat in 0..3 {
            world.newer.chance = if seat == 0 { 1.0 } else { 0.0 };
            world.start(seat);
        }
        world.run_for(15_000);
        for n in 0..20 {
            world.post(0, vec![fires(&format!("a{n}"), "g")], None);
            world.run_for(500);
        }
        world.silence(0, "other", 3_600_000).unwrap();
        world.newer.strange = 0.0;
        world.run_for(30_000);
        let before = new_things(&world, 1);
        assert!(before.0 > 3 && before.1 > 20, "{before:?}");
        checkers::newer::check(&world).unwrap();
        world.crash(0, true);
        for seat in [1, 2, 1, 2] {
            world.crash(seat, true);
            world.run_for(5_000);
            world.start(seat);
            world.run_for(20_000);
        }
        assert_eq!(world.fault, None);
        // The log and the timers of the group that was told since are their own.
        let after = new_things(&world, 1);
        assert!(after.0 == before.0 && after.1 + 3 > before.1, "{before:?}, {after:?}");
        assert_eq!(new_things(&world, 2), after);
        checkers::newer::check(&world).unwrap();
    }
}

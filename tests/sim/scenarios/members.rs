//! Members that are missed.

use bellwether::model::own::MEMBER_DOWN;

use crate::world::{Setup, World};

/// The power of a site is cut, and two of three nodes come back: both miss the third, until it comes with a new card.
pub(crate) fn a_member_that_does_not_come_back_after_a_power_cut_is_missed() {
    let mut world = World::settled(1, Setup::new(3));
    world.run_for(10_000);
    for seat in 0..3 {
        world.crash(seat, true);
    }
    world.run_for(5_000);
    world.start(0);
    world.start(1);
    world.run_for(5 * 60_000);
    let down = |world: &World, seat: usize| {
        world.node(seat).troubles().iter().filter(|it| it.name == MEMBER_DOWN).count()
    };
    assert_eq!([down(&world, 0), down(&world, 1)], [1, 1]);
    world.wipe(2);
    world.start(2);
    world.run_for(60_000);
    for seat in 0..3 {
        assert_eq!(down(&world, seat), 0, "n{seat}");
        let members = world.node(seat).flock().map(|it| it.living().len());
        assert_eq!(members, Some(2), "n{seat}");
    }
}

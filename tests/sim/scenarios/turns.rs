//! One notification from many nodes, and none missing.

use crate::world::{Setup, World, fires};

pub(crate) fn three_nodes_tell_each_group_once() {
    let mut world = World::settled(1, Setup::new(3));
    for n in 0..20 {
        let name = format!("a{n}");
        for seat in 0..3 {
            world.post(seat, vec![fires(&name, &name)], None);
        }
    }
    world.run_for(60_000);
    assert_eq!(world.acknowledged().len(), 20);
    let counts = world.counts();
    assert_eq!(counts.len(), 20, "{counts:?}");
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
}

//! The history that a node keeps on flash.

use bellwether::node::Topic;

use crate::world::{Setup, World, fires};

/// A delivery is kept with the next record that is written anyway, and a power cut leaves it.
pub(crate) fn the_history_is_there_after_a_power_cut() {
    let mut world = World::settled(1, Setup::new(1));
    world.post(0, vec![fires("a", "first")], None);
    world.run_for(20_000);
    world.post(0, vec![fires("b", "second")], None);
    world.run_for(1_000);
    let texts = |world: &World, topic, of: &str| -> Vec<String> {
        let texts = world.node(0).history(topic).map(|it| it.text().into_owned());
        texts.filter(|it| it.contains(of)).collect()
    };
    let told = texts(&world, Topic::Notifications, "first");
    assert!(told.iter().any(|it| it.contains("sent")), "{told:?}");
    let alerts = texts(&world, Topic::Alerts, "first");
    assert_eq!(alerts.len(), 1);
    world.crash(0, true);
    world.start(0);
    assert_eq!(texts(&world, Topic::Notifications, "first"), told);
    assert_eq!(texts(&world, Topic::Alerts, "first"), alerts);
}

//! What seeds have found, told as short stories.

use crate::receiver::Manner;
use crate::support::flash::Faults;
use crate::world::{Setup, World, ends, fires};

/// Two nodes told in turn of ends that both had told: each end that was told was published anew, and brought itself
/// back into the group of the other.
pub(crate) fn ends_that_were_told_do_not_come_back() {
    let mut world = World::settled(1, Setup::new(2));
    world.net.split(&[0], &[1]);
    for (seat, name) in [(0, "a"), (1, "b")] {
        world.post(seat, vec![fires(name, "g"), fires("stays", "g")], None);
        world.run_for(10_000);
        world.post(seat, vec![ends(name, "g")], None);
    }
    world.run_for(60_000);
    world.net.heal();
    world.run_for(60_000);
    let told = world.told.len();
    world.run_for(300_000);
    assert_eq!(world.told.len(), told, "nothing new, and yet told");
}

/// A node that restarted ended the alerts that others had raised of their journals, for itself alone.
pub(crate) fn a_restart_ends_no_alert_of_another_nodes_journal() {
    let mut world = World::settled(1, Setup::new(3));
    world.seats[0].flash.set_faults(Faults { read_only: true, ..Faults::default() });
    world.post(0, vec![fires("a", "g")], None);
    world.run_for(10_000);
    world.leave(1);
    world.start(1);
    world.run_for(40_000);
    for seat in world.up() {
        let now = world.seats[seat].now(world.now).wall;
        let fires = world.node(seat).alerts().filter(|(_, alert, _)| !alert.resolved(now)).count();
        assert_eq!(fires, 2, "n{seat}");
    }
}

/// The alert of a journal that failed fired for ten years if its node came back with a new card.
pub(crate) fn a_new_card_ends_the_alert_of_the_old_one() {
    let mut world = World::settled(1, Setup::new(3));
    world.seats[0].flash.set_faults(Faults { read_only: true, ..Faults::default() });
    world.post(0, vec![fires("a", "g")], None);
    world.run_for(10_000);
    world.crash(0, true);
    world.wipe(0);
    world.start(0);
    // Its lease ends with who says it.
    world.run_for(5 * 60_000);
    for seat in world.up() {
        let now = world.seats[seat].now(world.now).wall;
        let own = world.node(seat).alerts().filter(|(_, alert, _)| {
            let name = alert.labels.get("alertname").unwrap_or_default();
            name.starts_with("Bellwether") && !alert.resolved(now)
        });
        let fires = own.count();
        assert_eq!(fires, 0, "n{seat}");
    }
}

/// Who had a clock ahead took claims for expired, and sent while another did.
pub(crate) fn claims_count_where_clocks_are_apart() {
    let mut world = World::new(1, Setup::new(5));
    for seat in 0..5 {
        world.seats[seat].clock.ahead_ms = 75_000 * (i64::try_from(seat).unwrap() - 2);
        world.start(seat);
    }
    world.run_for(15_000);
    world.receivers[0].manner = Manner::Fine(12_000, 12_000);
    for seat in 0..5 {
        let alerts = (0..30).map(|n| fires(&format!("a{n}"), &format!("a{n}"))).collect();
        world.post(seat, alerts, None);
    }
    world.run_for(60_000);
    assert_eq!(world.told.len(), 30);
}

/// A claim overtook the surrender before it, so the next in line did not know that it was next.
pub(crate) fn a_surrender_that_is_overtaken_is_heard_all_the_same() {
    let mut world = World::settled(1, Setup::new(5));
    world.receivers[0].manner = Manner::Fine(5, 10);
    world.receivers[0].unreachable_from = [0, 1, 3, 4].into();
    world.net.delay_ms = (1, 60);
    for seat in 0..5 {
        let alerts = (0..30).map(|n| fires(&format!("a{n}"), &format!("a{n}"))).collect();
        world.post(seat, alerts, None);
    }
    world.run_for(5_000 + 5_000);
    assert_eq!(world.told.len(), 30);
}

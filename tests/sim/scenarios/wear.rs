//! The commits and bytes that a day costs the flash of a node.

use std::time::Duration;

use bellwether::node::Node;
use bellwether::store::Wear;

use crate::site::WATCHER;
use crate::world::{CONFIG, Setup, World, ends, fires};

const MINUTE: u64 = 60_000;
const RETRY: Option<Duration> = Some(Duration::from_secs(5));

/// Three nodes on a quiet day: an alert fires on and is posted each minute, a heartbeat is told and signs of life come each minute.
/// No node writes anything. Then a stormy day: five alerts come each minute and go five minutes later, and for two hours the
/// uplink is down.
pub(crate) fn a_quiet_day_writes_nothing_to_flash_and_a_stormy_one_so_much() {
    let hours = if cfg!(debug_assertions) { 1 } else { 24 };
    let config = CONFIG.replace("\"4h\"", "\"5d\"");
    let config = format!(
        "{config}\n[[heartbeat]]\nname = \"watcher\"\nurl = \"http://{WATCHER}.receiver/\"\nperiod = \"1m\"\n\
         [[expect]]\nname = \"sign\"\nperiod = \"5m\"\n"
    );
    let mut world = World::settled(1, Setup { config, ..Setup::new(3) });
    let post = world.post(0, vec![fires("on", "g")], RETRY);
    world.posts[post].again = Some(Duration::from_millis(MINUTE));
    plan_signs(&mut world, 2 * hours * 60 + 20);
    world.run_for(5 * MINUTE);
    assert!(world.told_of("g").len() == 1 && !world.beats.is_empty());

    let before = wear(&world);
    world.run_for(hours * 60 * MINUTE);
    let quiet = since(&world, &before);
    say!("a quiet day of {hours} h: {quiet:?}");
    assert!(quiet.iter().all(|it| (it.commits, it.bytes) == (0, 0)), "{quiet:?}");

    let before = wear(&world);
    plan_storm(&mut world, hours * 60);
    let (from, to) = (world.now + hours * 20 * MINUTE, world.now + hours * 25 * MINUTE);
    world.plan(from, |world| world.receivers[0].unreachable_from = (0..3).collect());
    world.plan(to, |world| {
        world.receivers[0].unreachable_from.clear();
        for seat in world.up() {
            world.call(seat, Node::handle_link);
        }
    });
    world.run_for(hours * 60 * MINUTE);
    let stormy = since(&world, &before);
    say!("a stormy day of {hours} h, {} notifications: {stormy:?}", world.told.len());
    for it in stormy {
        // Compactions make the first hour the dearest.
        let bytes_max = 4_000_000 + hours * 2_200_000;
        assert!(it.commits <= hours * 400 && it.bytes <= bytes_max, "{it:?}");
    }
}

fn plan_signs(world: &mut World, minutes: u64) {
    for minute in 0..minutes {
        world.plan(world.now + minute * MINUTE, move |world| {
            let seat = usize::try_from(minute % 3).unwrap_or(0);
            world.call(seat, |node, cx| node.handle_ping(cx, "sign", None));
        });
    }
}

fn plan_storm(world: &mut World, minutes: u64) {
    for minute in 0..minutes.saturating_sub(6) {
        let seat = usize::try_from(minute % 3).unwrap_or(0);
        let all = (0..5).map(move |n| (format!("a{minute}-{n}"), format!("g{n}")));
        let (came, gone) = (all.clone(), all);
        world.plan(world.now + minute * MINUTE, move |world| {
            world.post(seat, came.map(|(name, group)| fires(&name, &group)).collect(), RETRY);
        });
        world.plan(world.now + (minute + 5) * MINUTE, move |world| {
            world.post(seat, gone.map(|(name, group)| ends(&name, &group)).collect(), RETRY);
        });
    }
}

fn wear(world: &World) -> Vec<Wear> {
    let journals = world.seats.iter().filter_map(|it| it.journal.as_ref());
    journals.map(bellwether::store::Journal::wear).collect()
}

/// The writes of each node since then.
fn since(world: &World, before: &[Wear]) -> Vec<Wear> {
    let less = |(now, then): (Wear, &Wear)| Wear {
        commits: now.commits - then.commits,
        records: now.records - then.records,
        bytes: now.bytes - then.bytes,
        syncs: now.syncs - then.syncs,
        compactions: now.compactions - then.compactions,
        faults: now.faults - then.faults,
    };
    wear(world).into_iter().zip(before).map(less).collect()
}

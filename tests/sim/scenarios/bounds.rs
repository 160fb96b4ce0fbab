//! Tables that are full.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bellwether::limits::GROUPS_MAX;
use bellwether::model::Report;

use crate::checkers;
use crate::world::{CONFIG, Setup, World, load};

/// Groups of each alert: one a route.
const ROUTES: usize = 400;
/// What was refused is asked for again some minutes later.
const FORGIVEN_AFTER_MS: u64 = 7 * 60_000;

/// Every alert comes to so many groups, which are told of in an hour.
fn config(routes: usize) -> String {
    let root = "[route]\nreceiver = \"r0\"\ngroup_by = [\"group\"]\ngroup_wait = \"1h\"\n";
    let (_, receivers) = CONFIG.split_once("[[receivers]]").expect("there are receivers");
    let route = "[[route.routes]]\nreceiver = \"r0\"\ncontinue = true\n".repeat(routes);
    format!("{root}{route}[[receivers]]{receivers}")
}

/// A sender posts each of these alerts; returns how many were refused.
fn post(world: &mut World, seat: usize, names: std::ops::Range<usize>) -> usize {
    let ends_at = world.seats[seat].wall(world.now) + std::time::Duration::from_secs(6 * 3600);
    let report = |n: usize| {
        let label = |name: &'static str| (Cow::Borrowed(name), Cow::Owned(format!("a{n}")));
        let labels = vec![label("alertname"), label("group")];
        Report::new(labels, vec![], None, Some(ends_at), "".into())
    };
    let reports: Vec<Report<'_>> = names.map(report).collect();
    world.call(seat, |node, cx| node.handle_reports(cx, &reports)).expect("it runs").refused
}

fn known(world: &World, seat: usize) -> BTreeSet<String> {
    let name =
        |labels: &bellwether::model::Labels| labels.get("alertname").unwrap_or("").to_owned();
    world.node(seat).alerts().map(|(_, alert, _)| name(&alert.labels)).collect()
}

/// A post that needs more groups than there may be is refused; what another half has taken in the meantime is taken as far
/// as it fits, and the rest once there is room.
pub(crate) fn two_halves_that_need_more_groups_than_there_may_be_keep_their_own() {
    let most = GROUPS_MAX / ROUTES;
    let half = most * 3 / 5;
    let mut world = World::settled(1, Setup { config: config(ROUTES), ..Setup::new(2) });
    world.net.split(&[0], &[1]);
    assert_eq!(post(&mut world, 0, 0..half), 0);
    assert_eq!(post(&mut world, 1, half..2 * half), 0);
    world.net.heal();
    world.run_for(120_000);
    checkers::bounds::check(&world).map_err(checkers::by("bounds")).unwrap();
    for (seat, own) in [(0, 0..half), (1, half..2 * half)] {
        assert_eq!(post(&mut world, seat, 2 * half..2 * half + 1), 1, "n{seat} is full");
        let known = known(&world, seat);
        assert!(own.into_iter().all(|n| known.contains(&format!("a{n}"))), "n{seat} keeps its own");
        assert_eq!(known.len(), most, "n{seat} takes what fits");
    }
    if cfg!(debug_assertions) {
        // An unoptimised simulator takes its time.
        return;
    }
    let fewer = load(&config(ROUTES / 2));
    for seat in world.up() {
        world.reload(seat, &fewer);
    }
    world.run_for(FORGIVEN_AFTER_MS);
    for seat in 0..2 {
        let all: BTreeSet<_> = (0..2 * half).map(|n| format!("a{n}")).collect();
        assert_eq!(known(&world, seat), all, "n{seat} has room for all");
    }
}

//! Faults that seeds have found, as short stories.

use bellwether::model::SilenceState;

use crate::receiver::Manner;
use crate::seat::WallClock;
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
    // It writes its history before it ends.
    world.run_for(1_000);
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
    // Its lease ends with the node that says it.
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

/// A node with a clock ahead took claims for expired, and sent while another did.
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

/// A silence began by the clock of the member that had set it, where that member was never met but heard of by others.
pub(crate) fn a_silence_of_a_member_that_was_never_met_mutes_at_once() {
    let mut world = World::new(1, Setup::new(3));
    world.seats[0].clock.ahead_ms = 150_000;
    world.net.cut.extend([(0, 2), (2, 0)]);
    for seat in 0..3 {
        world.start(seat);
    }
    world.run_for(15_000);
    assert!(world.silence(0, "g", 3_600_000).is_some());
    world.run_for(10_000);
    world.post(2, vec![fires("a", "g")], None);
    world.run_for(60_000);
    assert_eq!(world.told.len(), 0);
}

/// A record that a node took while its clock was not set expired at once for all others, before and after it was set.
pub(crate) fn records_taken_in_1970_reach_members_that_know_the_time() {
    for set in [false, true] {
        let mut world = World::new(1, Setup::new(3));
        let at = world.now;
        world.seats[0].clock.forget(at);
        world.start(0);
        world.post(0, vec![fires("a", "g"), fires("b", "h")], None);
        let silence = world.silence(0, "h", 3_600_000);
        world.run_for(10_000);
        for seat in [1, 2] {
            world.start(seat);
        }
        if set {
            world.set_clock(0, WallClock::default());
        }
        world.run_for(30_000);
        world.crash(0, true);
        world.run_for(60_000);
        for seat in [1, 2] {
            let now = world.seats[seat].now(world.now).wall;
            let node = world.node(seat);
            let fires = node.alerts().filter(|(_, alert, _)| !alert.resolved(now)).count();
            assert_eq!(fires, 2, "n{seat}");
            let silence = silence.and_then(|id| node.silence(id)).expect("it was told");
            assert!(silence.starts_at < now && now < silence.ends_at, "n{seat}");
        }
        assert_eq!(world.counts().len(), 1, "a alone, h is silenced");
    }
}

/// A node without a battery booted in 1970 again and took what it had kept for things of the future or of long ago.
pub(crate) fn a_boot_in_1970_neither_ends_nor_repeats_nor_forgets() {
    for set_at in [0, 20_000, 60_000] {
        let mut world = World::new(1, Setup::new(1));
        world.seats[0].clock.forget(1_000);
        world.start(0);
        world.post(0, vec![fires("a", "g"), fires("b", "h")], None);
        assert!(world.silence(0, "h", 3_600_000).is_some());
        if set_at > 0 {
            world.plan(set_at, |world| world.set_clock(0, WallClock::default()));
        }
        world.run_for(40_000);
        world.crash(0, true);
        let now = world.now;
        world.seats[0].clock.forget(now);
        world.start(0);
        world.run_for(10_000);
        world.set_clock(0, WallClock::default());
        world.run_for(60_000);
        assert_eq!(world.told.len(), 1, "a alone and once");
        let now = world.seats[0].now(world.now).wall;
        assert!(world.node(0).alerts().all(|(_, alert, _)| !alert.resolved(now)));
    }
}

/// A record stored while the clock was not set was never told to the flock if the node came back with the time set.
pub(crate) fn records_stored_in_1970_are_replicated_by_a_node_that_boots_on_time() {
    let mut world = World::new(1, Setup::new(3));
    let at = world.now;
    world.seats[0].clock.forget(at);
    world.start(0);
    world.post(0, vec![fires("a", "g")], None);
    world.run_for(4_000);
    world.crash(0, true);
    world.seats[0].clock = WallClock::default();
    for seat in 0..3 {
        world.start(seat);
    }
    world.run_for(60_000);
    assert_eq!(world.counts().len(), 1);
    for seat in 0..3 {
        let now = world.seats[seat].now(world.now).wall;
        assert!(world.node(seat).alerts().any(|(_, alert, _)| !alert.resolved(now)), "n{seat}");
    }
}

/// A record that a node had stored in 1970 got a version of today when it learned the time, and undid an end of yesterday.
pub(crate) fn records_stored_in_1970_undo_no_end() {
    let mut world = World::new(1, Setup::new(2));
    for seat in 0..2 {
        world.seats[seat].clock.forget(1_000);
        world.start(seat);
    }
    world.post(0, vec![fires("a", "g")], None);
    world.run_for(20_000);
    world.crash(1, true);
    world.set_clock(0, WallClock::default());
    world.post(0, vec![ends("a", "g")], None);
    world.run_for(20_000);
    let now = world.now;
    world.seats[1].clock.forget(now);
    world.start(1);
    world.run_for(60_000);
    for seat in 0..2 {
        let now = world.seats[seat].now(world.now).wall;
        assert!(world.node(seat).alerts().all(|(_, alert, _)| alert.resolved(now)), "n{seat}");
    }
}

/// A node that booted in 1970 but had kept versions of today wrote on from those: what it took got a version of today and
/// an end in 1970, and stayed unknown to all others.
pub(crate) fn records_taken_in_1970_after_versions_of_today_are_replicated() {
    for set in [false, true] {
        let mut world = World::settled(1, Setup::new(2));
        world.post(1, vec![fires("before", "h")], None);
        world.run_for(10_000);
        world.crash(1, true);
        let now = world.now;
        world.seats[1].clock.forget(now);
        world.net.split(&[0], &[1]);
        world.start(1);
        world.post(1, vec![fires("a", "g")], None);
        world.run_for(3_000);
        if set {
            world.set_clock(1, WallClock::default());
        }
        world.net.heal();
        world.run_for(60_000);
        let now = world.seats[0].now(world.now).wall;
        let fires = world.node(0).alerts().filter(|(_, alert, _)| !alert.resolved(now)).count();
        assert_eq!(fires, 2, "set: {set}");
    }
}

/// A node that was told of a member that had just died, and had not met it, relied on it to hand on what it said: a claim
/// came later than another node listened for one.
pub(crate) fn nobody_waits_for_a_member_that_was_never_met_to_hand_on() {
    for seed in 0..20 {
        let mut world = World::settled(seed, Setup::new(5));
        world.crash(0, true);
        world.crash(4, true);
        world.start(0);
        let knows = |world: &World| world.node(0).flock().map_or(0, |it| it.living().len());
        while knows(&world) < 4 {
            world.run_for(1_000);
            assert!(world.now < 300_000, "it is not told of the dead one");
        }
        world.post(0, vec![fires("a", "g")], None);
        world.run_for(250);
        for seat in 1..4 {
            assert_eq!(world.node(seat).alerts().count(), 1, "n{seat} of seed {seed}");
        }
    }
}

/// A record written by a clock of last week, or of the year in which systemd was built, kept a version that was right and
/// an end that was over: the flock never heard of it.
pub(crate) fn records_taken_while_the_clock_was_behind_are_replicated() {
    const HOUR_MS: i64 = 3_600_000;
    let cases = [12, 7 * 24, 4 * 365 * 24].into_iter().flat_map(|hours| {
        [(hours, false, false), (hours, false, true), (hours, true, false), (hours, true, true)]
    });
    for (hours, set, wiped) in cases {
        let mut world = World::settled(1, Setup::new(2));
        world.crash(1, true);
        if wiped {
            world.wipe(1);
        }
        let ahead_ms = -hours * HOUR_MS;
        world.seats[1].clock = WallClock { ahead_ms, synced: false, ..WallClock::default() };
        world.net.split(&[0], &[1]);
        world.start(1);
        world.post(1, vec![fires("a", "g")], None);
        let id = world.silence(1, "s", 2 * 3_600_000).expect("a silence");
        world.run_for(3_000);
        if set {
            world.set_clock(1, WallClock::default());
        }
        world.net.heal();
        world.run_for(60_000);
        let now = world.seats[0].now(world.now).wall;
        let fires = world.node(0).alerts().filter(|(_, alert, _)| !alert.resolved(now)).count();
        let state = world.node(0).silence(id).map(|silence| silence.state(now));
        let told = (fires, state);
        assert_eq!(told, (1, Some(SilenceState::Active)), "{hours} h, {set}, {wiped}");
    }
}

/// A node whose versions went ahead of its clock, as another's clock is ahead, gave the same version again to something
/// else if a power cut took what it had given it to: members held different things under one version for ever.
pub(crate) fn a_version_that_was_lost_with_the_power_is_not_given_again() {
    for seed in 0..10 {
        let mut world = World::new(seed, Setup::new(2));
        world.seats[0].clock.ahead_ms = 120_000;
        world.start(0);
        world.start(1);
        world.run_for(15_000);
        world.post(0, vec![fires("before", "h")], None);
        world.run_for(1_000);
        world.seats[1].sync_ms = (3_000, 3_000);
        world.post(1, vec![fires("a", "g")], None);
        world.run_for(500);
        world.net.split(&[0], &[1]);
        world.crash(1, true);
        world.run_for(1_000);
        world.start(1);
        world.post(1, vec![fires("a", "g")], None);
        world.run_for(500);
        world.net.heal();
        world.run_for(60_000);
        let since = |seat: usize| {
            let mut alerts = world.node(seat).alerts();
            let (_, alert, _) =
                alerts.find(|(_, alert, _)| alert.labels.get("group") == Some("g")).expect("a");
            alert.starts_at.as_ms() - world.seats[seat].clock.ahead_ms
        };
        assert!(since(0).abs_diff(since(1)) < 500, "of seed {seed}: {} {}", since(0), since(1));
    }
}

/// Two that knew each other through a third alone, and had no way to each other while it lived, never met.
pub(crate) fn two_nodes_meet_after_their_introducer_died() {
    let peers = Some(vec![vec![], vec![0], vec![0]]);
    let mut world = World::new(1, Setup { peers, ..Setup::new(3) });
    world.net.split(&[1], &[2]);
    for seat in 0..3 {
        world.start(seat);
    }
    world.run_for(120_000);
    world.crash(0, true);
    world.run_for(120_000);
    world.net.heal();
    world.run_for(120_000);
    world.post(1, vec![fires("a", "g")], None);
    world.run_for(10_000);
    assert_eq!(world.node(2).alerts().count(), 1);
    assert_eq!(world.told.len(), 1);
}

/// Two between which one direction was cut when they might have met never met: news of members is told some times, and then
/// no more.
pub(crate) fn a_node_that_missed_the_news_of_a_member_meets_it_later() {
    for seed in 0..5 {
        let mut world = World::new(seed, Setup { star: true, ..Setup::new(3) });
        world.start(0);
        world.start(2);
        world.run_for(15_000);
        world.net.cut.extend([(0, 2), (2, 1)]);
        world.start(1);
        world.run_for(45_000);
        world.net.heal();
        world.run_for(60_000);
        for seat in 0..3 {
            let known = world.node(seat).flock().map_or(0, |flock| flock.living().len());
            assert_eq!(known, 2, "n{seat} of seed {seed}");
        }
    }
}

/// A node that had met another through a third did not store its address, and did not find it once that third was gone.
pub(crate) fn a_member_met_through_a_third_is_found_after_a_restart() {
    for seed in 0..5 {
        let mut world = World::settled(seed, Setup { star: true, ..Setup::new(3) });
        world.leave(2);
        world.crash(0, true);
        world.start(2);
        world.run_for(5_000);
        world.post(1, vec![fires("a", "g")], None);
        world.run_for(2_000);
        assert_eq!(world.node(2).alerts().count(), 1, "seed {seed}");
    }
}

/// A member that had left and come back while another was cut off stayed unknown to that one, as news of it had passed.
pub(crate) fn a_node_that_came_back_is_met_later_by_one_that_was_cut_off() {
    for seed in 0..5 {
        let peers = Some(vec![vec![], vec![0], vec![0], vec![0]]);
        let mut world = World::new(seed, Setup { peers, ..Setup::new(4) });
        for seat in 0..4 {
            world.start(seat);
        }
        world.run_for(30_000);
        world.leave(3);
        world.run_for(15_000);
        world.net.cut.extend([(0, 2), (1, 2), (3, 2)]);
        world.run_for(1_000);
        world.post(2, vec![fires("a", "g")], None);
        world.run_for(4_000);
        world.start(3);
        world.run_for(25_000);
        world.net.heal();
        world.run_for(180_000);
        for seat in 0..4 {
            let known = world.node(seat).flock().map_or(0, |flock| flock.living().len());
            assert_eq!(known, 3, "n{seat} of seed {seed}");
        }
    }
}

/// An end that one side of a split had told was told again by the other once they were one: the log of the other, which
/// had told another end later, held.
pub(crate) fn an_end_that_one_side_has_told_is_not_told_by_the_other_after_healing() {
    for seed in 0..5 {
        let mut world = World::settled(seed, Setup::new(2));
        world.net.split(&[0], &[1]);
        for (seat, name) in [(0, "a"), (1, "b")] {
            world.post(seat, vec![fires(name, "g"), fires("stays", "g")], None);
        }
        world.run_for(10_000);
        for (seat, name) in [(0, "a"), (1, "b")] {
            world.post(seat, vec![ends(name, "g")], None);
        }
        world.run_for(60_000);
        world.net.heal();
        world.run_for(120_000);
        for name in ["a", "b"] {
            let told = world.told.iter().filter(|it| it.resolved.contains(name)).count();
            assert_eq!(told, 1, "the end of {name}, seed {seed}: {:?}", world.told);
        }
    }
}

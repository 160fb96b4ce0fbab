//! Tables that are full.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use bellwether::limits::{
    ALERTS_MAX, GOSSIP_RECORDS_MAX, GROUPS_MAX, SILENCES_MAX, STORE_SEGMENT_BYTES_MAX,
};
use bellwether::model::{GroupKey, LogEntry, LogKey, MatchOp, Matcher, Report, SilenceId};
use bellwether::node::{SilenceDraft, SilenceError};
use bellwether::store::{self, Journal, JournalRecord};
use bellwether::time::Wall;
use bellwether::wire::record::{Kind, Stamped, encode_log, log_key};

use crate::checkers;
use crate::seat::EPOCH_MS;
use crate::world::{CONFIG, Setup, World, fires, load};

/// Groups of each alert: one a route.
const ROUTES: usize = 400;
/// A refused record is asked for again some minutes later.
const FORGIVEN_AFTER_MS: u64 = 7 * 60_000;

/// Every alert comes to so many groups, which are told of in an hour.
fn config(routes: usize) -> String {
    let root = "[route]\nreceiver = \"r0\"\ngroup_by = [\"group\"]\ngroup_wait = \"1h\"\n";
    let (_, receivers) = CONFIG.split_once("[[receivers]]").expect("there are receivers");
    let route = "[[route.routes]]\nreceiver = \"r0\"\ncontinue = true\n".repeat(routes);
    format!("{root}{route}[[receivers]]{receivers}")
}

/// Nobody is told of anything, all of which is one group.
const QUIET: &str = "route = { receiver = \"nobody\" }\nreceivers = [{ name = \"nobody\" }]\n";

/// Bytes a second that members which agree, or have no room for more, may send each.
const REST_BYTES: usize = 10;

/// A sender posts each of these alerts; returns how many were refused.
fn post(world: &mut World, seat: usize, names: Range<usize>) -> usize {
    post_for(world, seat, names, Duration::from_secs(6 * 3600))
}

/// The same with how long they fire.
fn post_for(world: &mut World, seat: usize, names: Range<usize>, lease: Duration) -> usize {
    let ends_at = world.seats[seat].wall(world.now) + lease;
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

/// The flock sends next to nothing for some minutes, and no table has grown too large.
fn demand_rest(world: &mut World) {
    let before = world.sent_bytes;
    world.run_for(600_000);
    let each = (world.sent_bytes - before) / 600 / world.seats.len();
    assert!(each <= REST_BYTES, "{each} B/s a node");
    checkers::bounds::check(world).map_err(checkers::by("bounds")).unwrap();
}

/// A post that needs more groups than there may be is refused; what another half has taken in the meantime is taken as far
/// as it fits, and the rest once there is room.
pub(crate) fn two_halves_that_need_more_groups_than_there_may_be_keep_their_own() {
    let most = GROUPS_MAX / ROUTES;
    let half = most * 3 / 5;
    let mut world = World::settled(1, Setup { config: config(ROUTES), ..Setup::new(2) });
    if cfg!(debug_assertions) {
        // An unoptimised simulator takes its time.
        assert_eq!(post(&mut world, 0, 0..most), 0);
        let refused = post(&mut world, 0, most..most + 1);
        checkers::bounds::check(&world).map_err(checkers::by("bounds")).unwrap();
        assert_eq!(refused, 1, "no more groups than there may be");
        return;
    }
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

/// A new alert is refused by a full table, a report of a known one taken; what another half has taken in the meantime is
/// taken as far as it fits, the rest is not sent over and over, and is taken once there is room.
pub(crate) fn two_halves_with_more_alerts_than_there_may_be_keep_their_own() {
    // Each half refuses most of the other's: what is refused and not remembered is sent again and again.
    let half = ALERTS_MAX * 7 / 10;
    let mut world = World::settled(1, Setup { config: QUIET.into(), ..Setup::new(2) });
    if cfg!(debug_assertions) {
        assert_eq!(post(&mut world, 0, 0..ALERTS_MAX + 3), 3);
        assert_eq!(post(&mut world, 0, 0..9), 0, "what is known is taken");
        return;
    }
    world.net.split(&[0], &[1]);
    assert_eq!(post(&mut world, 0, 0..half), 0);
    assert_eq!(post(&mut world, 1, half..2 * half), 0);
    world.net.heal();
    world.run_for(180_000);
    for (seat, own) in [(0, 0..half), (1, half..2 * half)] {
        assert_eq!(post(&mut world, seat, 2 * half..2 * half + 1), 1, "n{seat} is full");
        assert_eq!(post(&mut world, seat, own.start..own.start + 9), 0, "it takes what it knows");
        let known = known(&world, seat);
        assert!(own.into_iter().all(|n| known.contains(&format!("a{n}"))), "n{seat} keeps its own");
        assert_eq!(known.len(), ALERTS_MAX, "n{seat} takes what fits");
    }
    demand_rest(&mut world);
    let over = half / 2;
    assert_eq!(post_for(&mut world, 0, 0..over, Duration::ZERO), 0);
    assert_eq!(post_for(&mut world, 1, half..half + over, Duration::ZERO), 0);
    // An ended alert is swept after half an hour, and that is done each half hour.
    world.run_for(65 * 60_000 + FORGIVEN_AFTER_MS);
    let left: BTreeSet<_> =
        (over..half).chain(half + over..2 * half).map(|n| format!("a{n}")).collect();
    for seat in 0..2 {
        assert_eq!(known(&world, seat), left, "n{seat} has room for all");
    }
    checkers::equal::check(&world).map_err(checkers::by("equal")).unwrap();
    demand_rest(&mut world);
}

/// An operator silences each of these for ten days; returns the silences, and how many were refused.
fn silence(world: &mut World, seat: usize, names: Range<usize>) -> (Vec<SilenceId>, usize) {
    let (mut set, mut refused) = (Vec::new(), 0);
    let ends_at = world.seats[seat].wall(world.now) + Duration::from_secs(10 * 24 * 3600);
    for n in names {
        let matcher = Matcher::new("alertname", MatchOp::Equal, &format!("a{n}")).unwrap();
        let draft = SilenceDraft {
            id: None,
            matchers: [matcher].into_iter().collect(),
            starts_at: None,
            ends_at,
            created_by: "sim".into(),
            comment: String::new(),
            annotations: vec![],
        };
        match world.call(seat, |node, cx| node.handle_set_silence(cx, draft)).expect("it runs") {
            Ok(id) => set.push(id),
            Err(SilenceError::Limit(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    (set, refused)
}

/// A new silence is refused by a full table, the expiry of a known one taken; those that another half has set in the meantime
/// are taken as far as they fit, and the rest once what has expired was forgotten.
pub(crate) fn two_halves_with_more_silences_than_there_may_be_keep_their_own() {
    let half = SILENCES_MAX * 7 / 10;
    let mut world = World::settled(1, Setup { config: QUIET.into(), ..Setup::new(2) });
    if cfg!(debug_assertions) {
        assert_eq!(silence(&mut world, 0, 0..SILENCES_MAX + 3).1, 3);
        return;
    }
    world.net.split(&[0], &[1]);
    let (ours, theirs) =
        (silence(&mut world, 0, 0..half).0, silence(&mut world, 1, half..2 * half).0);
    world.net.heal();
    world.run_for(60_000);
    let known = |world: &World, seat: usize| -> BTreeSet<SilenceId> {
        world.node(seat).silences().map(|it| it.id).collect()
    };
    for (seat, own) in [(0, &ours), (1, &theirs)] {
        assert_eq!(silence(&mut world, seat, 0..1).1, 1, "n{seat} is full");
        let known = known(&world, seat);
        assert_eq!(own.len(), half);
        assert!(own.iter().all(|id| known.contains(id)), "n{seat} keeps its own");
        assert_eq!(known.len(), SILENCES_MAX, "n{seat} takes what fits");
    }
    demand_rest(&mut world);
    let over = half / 2;
    for (seat, own) in [(0, &ours), (1, &theirs)] {
        for id in &own[..over] {
            world.expire(seat, *id);
        }
    }
    world.run_for(60_000);
    // Expired ones are kept for five days, which are longer where somebody looks on.
    for seat in 0..2 {
        world.leave(seat);
    }
    world.run_for(121 * 3_600_000);
    for seat in 0..2 {
        world.start(seat);
    }
    world.run_for(20 * 60_000 + FORGIVEN_AFTER_MS);
    let left: BTreeSet<_> = ours[over..].iter().chain(&theirs[over..]).copied().collect();
    for seat in 0..2 {
        assert_eq!(known(&world, seat), left, "n{seat} has room for all");
    }
    checkers::equal::check(&world).map_err(checkers::by("equal")).unwrap();
    demand_rest(&mut world);
}

/// Puts on a seat's flash a notification log of groups that are no more; nine of ten entries end after a time, the others
/// after two days.
fn log_of_the_past(world: &mut World, seat: usize, numbers: Range<usize>, first_end: Duration) {
    let options = store::JournalOptions {
        segment_bytes_min: 1024 * 1024,
        segment_bytes_max: STORE_SEGMENT_BYTES_MAX,
        salt: 1,
    };
    let flash = world.seats[seat].flash.clone();
    let (mut journal, _) = Journal::open(flash, options, &mut |_, _, _| {}).unwrap();
    let now = Wall::from_ms(EPOCH_MS);
    let record = |n: usize| {
        let life =
            if n.is_multiple_of(10) { Duration::from_secs(2 * 24 * 3600) } else { first_end };
        let group = GroupKey::from_stored(&format!("{{}}:{{n=\"{n}\"}}"));
        let key = LogKey::new(group, "r9".into(), "webhook".into(), 0);
        let entry = LogEntry {
            timestamp: now,
            firing: [].into(),
            resolved: [].into(),
            expires_at: now + life,
            notified_by: [].into(),
            facts: [].into(),
        };
        let body = Stamped {
            hlc: now.as_ms().cast_unsigned() << 16,
            node: 1 + seat as u64,
            expires_at_ms: entry.expires_at.as_ms(),
            body: encode_log(&key, &entry),
        };
        JournalRecord::put(Kind::Log.number().into(), log_key(&key), body.encode())
    };
    let records: Vec<JournalRecord> = numbers.map(record).collect();
    journal.commit(&records).unwrap();
}

/// A record without room in the index of the flock is stored and told where it was acknowledged, and shared once there
/// is room. Meanwhile nothing is compared over and over.
pub(crate) fn records_that_found_no_room_in_the_flock_are_shared_later() {
    let half = GOSSIP_RECORDS_MAX * 9 / 10;
    let mut world = World::new(1, Setup::new(2));
    if cfg!(debug_assertions) {
        // An unoptimised simulator takes too long for any of it.
        return;
    }
    let hour = Duration::from_secs(3600);
    log_of_the_past(&mut world, 0, 0..half, hour);
    log_of_the_past(&mut world, 1, half..2 * half, hour);
    world.net.split(&[0], &[1]);
    for seat in 0..2 {
        // Each sync costs the simulator a look at all that flash holds.
        world.seats[seat].sync_ms = (4_000, 5_000);
        world.start(seat);
    }
    world.run_for(15_000);
    world.net.heal();
    world.run_for(120_000);
    for seat in 0..2 {
        let shared = world.node(seat).flock().unwrap().records();
        assert_eq!(shared, GOSSIP_RECORDS_MAX, "n{seat} takes what fits");
    }
    let post = world.post(0, vec![fires("a", "g")], None);
    let silence = world.silence(1, "h", 86_400_000).unwrap();
    world.run_for(60_000);
    assert!(world.posts[post].acked_at.is_some());
    assert_eq!(world.told_of("g").len(), 1, "who has it tells of it");
    assert!(world.node(1).silence(silence).is_some() && world.node(0).silence(silence).is_none());
    assert_eq!((known(&world, 0).len(), known(&world, 1).len()), (1, 0));
    demand_rest(&mut world);
    // Entries are known until they have ended by every clock.
    world.run_for(75 * 60_000 + FORGIVEN_AFTER_MS);
    assert_eq!((known(&world, 0).len(), known(&world, 1).len()), (1, 1));
    assert!(world.node(0).silence(silence).is_some());
    checkers::equal::check(&world).map_err(checkers::by("equal")).unwrap();
    demand_rest(&mut world);
    assert_eq!(world.told_of("g").len(), 1);
}

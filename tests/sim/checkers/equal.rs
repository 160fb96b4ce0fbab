//! Once the flock is whole, every node holds the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bellwether::gossip::{Gossip, Liveness};
use bellwether::store::Op;
use bellwether::wire::record::{Kind, Stamped, decode_log};

use crate::seat::Seat;
use crate::world::World;

/// From the end of a lease until all know that it was told: a lease begins anew where a node restarts.
const UNTOLD: Duration = Duration::from_secs(45);
const JUST_ENDED: &str = "has just ended";

type State = BTreeMap<(u16, Vec<u8>), String>;

/// Whether all clocks have always shown the same, so that times that were shared are the same everywhere.
fn clocks_agree(world: &World) -> bool {
    let clock = |seat: usize| (world.seats[seat].clock.ahead_ms, world.seats[seat].clock.drift_ppm);
    let mut seats = 0..world.seats.len();
    seats.all(|seat| !world.seats[seat].clock_was_set && clock(seat) == clock(0))
}

/// The state that all nodes should hold alike: versions and contents. Leases are each node's own.
fn state(world: &World, seat: usize) -> State {
    let agree = clocks_agree(world);
    let now = world.seats[seat].now(world.now);
    let node = world.node(seat);
    let mut state = State::new();
    for record in node.records(now) {
        let Op::Put(body) = &record.op else { continue };
        let Ok(stamped) = Stamped::decode(body) else { continue };
        let said = match Kind::from_number(record.kind) {
            Some(Kind::Alert | Kind::Silence) => String::new(),
            Some(Kind::Log) => decode_log(&stamped.body)
                .map(|(_, entry)| format!("+{:?} -{:?}", entry.firing, entry.resolved))
                .unwrap_or_default(),
            _ => continue,
        };
        let version = format!("{}.{:x} {said}", stamped.hlc, stamped.node);
        state.insert((record.kind, record.key), version);
    }
    for (fingerprint, alert, _) in node.alerts() {
        let name = alert.labels.get("alertname").unwrap_or("");
        let said: Vec<_> = alert.annotations.iter().collect();
        let end = match now.wall.since(alert.ends_at) {
            _ if !alert.resolved(now.wall) => "fires",
            since if since < UNTOLD => JUST_ENDED,
            _ => "has ended",
        };
        let starts = agree.then_some(alert.starts_at);
        let said = format!("{name} {said:?} since {starts:?} {end}");
        state.insert((1_000, fingerprint.0.to_be_bytes().into()), said);
    }
    for silence in node.silences() {
        let end = match now.wall.since(silence.ends_at) {
            _ if now.wall < silence.ends_at => "holds",
            since if since < UNTOLD => JUST_ENDED,
            _ => "has expired",
        };
        let times = agree.then_some((silence.starts_at, silence.ends_at, silence.updated_at));
        let (by, comment) = (&silence.created_by, &silence.comment);
        let said = format!("{} {by} {comment:?} {times:?} {end}", silence.matchers);
        state.insert((1_001, format!("{:?}", silence.id).into()), said);
    }
    state
}

/// Each knows all that run for members, and nobody else: no former self of a seat that has lost its flash either. A node that
/// went for good is found down once somebody has probed it, and a former self that a node has only heard of is a suspect
/// there until then, which may take longer than a world lasts.
fn members(world: &World) -> Result<(), String> {
    let id = |seat: usize| world.node(seat).flock().map(Gossip::node);
    let former: BTreeSet<u64> = world.seats.iter().flat_map(|seat| seat.ids.clone()).collect();
    // A node that receives nothing takes all others for dead and says so; until each has heard of it and refuted it, it is missing.
    let accused = world.seats.iter().any(|seat| seat.apart_since.is_some());
    for seat in world.core() {
        let Some(flock) = world.node(seat).flock() else { continue };
        let living = flock.living();
        let others = || world.core().into_iter().filter(|other| *other != seat).filter_map(id);
        if let Some(missing) = others().find(|other| !accused && !living.contains(other)) {
            return Err(format!("n{seat} knows {living:x?} for members, {missing:x} is not there"));
        }
        let lost = |seat: &&Seat| seat.gone || seat.broken;
        let gone = |it: &u64| world.seats.iter().filter(lost).any(|seat| seat.ids.contains(it));
        let now = world.seats[seat].now(world.now).mono;
        let suspects: BTreeSet<u64> = flock
            .members(now)
            .iter()
            .filter(|it| it.liveness == Liveness::Suspect)
            .map(|it| it.node)
            .collect();
        let doubted = |it: &u64| former.contains(it) && suspects.contains(it);
        let strange = |it: &&u64| !others().any(|other| other == **it) && !gone(it) && !doubted(it);
        if let Some(strange) = living.iter().find(strange) {
            let was = if former.contains(strange) { "is no more" } else { "never was" };
            return Err(format!("n{seat} knows {strange:x} for a member, which {was}"));
        }
    }
    Ok(())
}

pub(crate) fn check(world: &World) -> Result<(), String> {
    members(world)?;
    let up = world.core();
    let Some(first) = up.first() else { return Ok(()) };
    let ours = state(world, *first);
    for seat in &up[1..] {
        let theirs = state(world, *seat);
        for (key, said) in &ours {
            let just = |said: &str| said.ends_with(JUST_ENDED);
            if theirs.get(key).is_none_or(|it| it != said && !just(it) && !just(said)) {
                let other = theirs.get(key);
                return Err(format!("n{first} and n{seat} differ on {key:?}: {said:?}, {other:?}"));
            }
        }
        if let Some(extra) = theirs.iter().find(|(key, _)| !ours.contains_key(*key)) {
            return Err(format!("n{seat} has {extra:?}, n{first} has not"));
        }
    }
    Ok(())
}

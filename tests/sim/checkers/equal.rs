//! Once the flock is whole, every node holds the same.

use std::collections::BTreeMap;

use bellwether::store::Op;
use bellwether::wire::record::{Kind, Stamped, decode_log};

use crate::world::World;

type State = BTreeMap<(u16, Vec<u8>), String>;

/// What a node holds that all should hold alike: versions, and what was said.
fn state(world: &World, seat: usize) -> State {
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
        // A node's alert about itself ends with its lease, by each node's own clock.
        let own = alert.labels.get("alertname").is_some_and(|it| it.starts_with("Bellwether"));
        let ended = alert.resolved(now.wall) || own;
        state.insert((1_000, fingerprint.0.to_be_bytes().into()), format!("{name} ended {ended}"));
    }
    for silence in node.silences() {
        let expired = silence.ends_at <= now.wall;
        state.insert((1_001, format!("{:?}", silence.id).into()), format!("expired {expired}"));
    }
    state
}

pub(crate) fn check(world: &World) -> Result<(), String> {
    let up = world.up();
    let Some(first) = up.first() else { return Ok(()) };
    let ours = state(world, *first);
    for seat in &up[1..] {
        let theirs = state(world, *seat);
        for (key, said) in &ours {
            if theirs.get(key) != Some(said) {
                let other = theirs.get(key);
                return Err(format!("n{first} and n{seat} differ on {key:?}: {said:?}, {other:?}"));
            }
        }
        if let Some(extra) = theirs.iter().find(|(key, _)| !ours.contains_key(*key)) {
            return Err(format!("n{seat} has {extra:?}, n{first} has not"));
        }
        let digest = |seat: usize| {
            let now = world.seats[seat].now(world.now);
            world
                .node(seat)
                .flock()
                .map(|flock| flock.living().len())
                .zip(world.node(seat).flock().map(|flock| flock.digest(now)))
        };
        if digest(*first).map(|it| it.0) != digest(*seat).map(|it| it.0) {
            return Err(format!("n{first} and n{seat} do not know the same members"));
        }
    }
    Ok(())
}

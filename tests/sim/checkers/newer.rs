//! Records of a newer version come through older ones whole.

use std::collections::BTreeMap;

use bellwether::store::Op;
use bellwether::wire::record::{Kind, Stamped, decode_log};
use bellwether::wire::rest::rest;

use crate::newer::{self, NEW};
use crate::world::World;

pub(crate) fn check(world: &World) -> Result<(), String> {
    let mut carried: BTreeMap<usize, BTreeMap<Vec<u8>, Stamped>> = BTreeMap::new();
    for seat in world.core() {
        let carries = carried.entry(seat).or_default();
        let life = world.seats[seat].life;
        for record in world.node(seat).records(world.seats[seat].now(world.now)) {
            let Op::Put(body) = &record.op else { continue };
            let Ok(stamped) = Stamped::decode(body) else { continue };
            if record.kind == u16::from(NEW) {
                carries.insert(record.key, stamped);
                continue;
            }
            let Some(kind) = Kind::from_number(record.kind) else { continue };
            let (hlc, node) = (stamped.hlc, stamped.node);
            let key = record.key;
            let written = world.newer.written.get(&(kind.number(), key.clone(), hlc, node));
            // Its author does not know what was put in on the way out until it has come back.
            if written.is_none_or(|by| *by == (seat, life)) {
                continue;
            }
            let found = rest(kind, &stamped.body);
            // An entry that a node has joined from two is its own, and a newer version joins the same.
            let prints = |body: &[u8]| Some(u64::from(decode_log(body).ok()?.1.print()));
            let joined = kind == Kind::Log && prints(&stamped.body) == Some(hlc & 0xffff);
            if joined && found.is_none() {
                continue;
            }
            if found != Some(&[newer::added(hlc, node)]) {
                return Err(format!(
                    "n{seat} has {found:?} of what a newer {kind:?} said: {key:?} of {hlc:x}, {node:x}"
                ));
            }
        }
    }
    let all: Vec<_> = carried.iter().collect();
    for pair in all.windows(2) {
        if pair[0].1 != pair[1].1 {
            let (one, other) = (pair[0].0, pair[1].0);
            return Err(format!("n{one} and n{other} carry different records of a newer version"));
        }
    }
    Ok(())
}

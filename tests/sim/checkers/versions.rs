//! Merges never go back: while a node runs, and over a stop in good order, the version that it holds of a
//! record only grows.

use std::collections::BTreeMap;

use bellwether::store::Op;
use bellwether::wire::record::{Kind, Stamped};

use crate::world::World;

type Versions = BTreeMap<(u16, Vec<u8>), (u64, u64)>;

#[derive(Debug, Default)]
pub(crate) struct Growing {
    seen: BTreeMap<usize, (u64, Versions)>,
}

impl Growing {
    pub(crate) fn look(&mut self, world: &World) -> Result<(), String> {
        for seat in world.up() {
            let it = &world.seats[seat];
            let mut versions = Versions::new();
            for record in world.node(seat).records(it.now(world.now)) {
                if let Op::Put(body) = &record.op
                    && let Ok(stamped) = Stamped::decode(body)
                {
                    // A group that was dropped and is made again takes any timer that was told.
                    if Kind::from_number(record.kind) != Some(Kind::Group) {
                        versions.insert((record.kind, record.key), (stamped.hlc, stamped.node));
                    }
                }
            }
            let (life, before) = self.seen.entry(seat).or_default();
            if *life != it.life {
                // A node that left in good order has all of it on flash, but leases that went on: they are not worth a write.
                let kept = *life + 1 == it.life && it.left_in_order;
                before.retain(|(kind, _), _| kept && Kind::from_number(*kind) != Some(Kind::Alert));
                *life = it.life;
            }
            for (key, is) in versions {
                match before.get(&key) {
                    Some(was) if is < *was => {
                        return Err(format!("n{seat} went back on {key:?} from {was:?} to {is:?}"));
                    }
                    // A record that a node has forgotten meanwhile must not come back older either.
                    _ => before.insert(key, is),
                };
            }
        }
        Ok(())
    }
}

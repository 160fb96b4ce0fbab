//! Muted means silent, once the silence has reached the node that tells.

use std::collections::BTreeMap;

use super::Truth;
use crate::world::World;

/// A flush that was decided before may be retried for so long.
const UNDER_WAY_MS: u64 = 31_500;

/// When each silence was first seen on each seat in its present life, and how long from then on what was decided before
/// may still be retried.
#[derive(Debug, Default)]
pub(crate) struct Muted {
    seen: BTreeMap<(usize, usize), (u64, u64, u64)>,
    checked: usize,
}

impl Muted {
    pub(crate) fn look(&mut self, world: &World, truth: &Truth) -> Result<(), String> {
        for told in &world.told[self.checked..] {
            for (number, silence) in truth.silences.iter().enumerate() {
                let Some((life, since, under_way)) = self.seen.get(&(told.seat, number)) else {
                    continue;
                };
                let muted = silence.group == told.group
                    && *life == told.life
                    && since + under_way < told.begun
                    && silence.expired_at.is_none_or(|at| told.begun < at)
                    && !told.firing.is_empty();
                if muted {
                    return Err(format!(
                        "n{} tells of {} at {}, silenced there since {since}",
                        told.seat, told.group, told.at
                    ));
                }
            }
        }
        self.checked = world.told.len();
        for (number, silence) in truth.silences.iter().enumerate() {
            for seat in 0..world.seats.len() {
                let there = world.seats[seat]
                    .node
                    .as_ref()
                    .is_some_and(|node| node.silence(silence.id).is_some());
                let life = world.seats[seat].life;
                match self.seen.get(&(seat, number)) {
                    Some((known, ..)) if *known == life && there => {}
                    _ if there => {
                        // Who began with it has decided nothing before.
                        let restored = world.seats[seat].restored_silences.contains(&silence.id);
                        let under_way = if restored { 0 } else { UNDER_WAY_MS };
                        self.seen.insert((seat, number), (life, world.now, under_way));
                    }
                    _ => {
                        self.seen.remove(&(seat, number));
                    }
                }
            }
        }
        Ok(())
    }
}

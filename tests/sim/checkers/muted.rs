//! Muted means silent, once the silence has reached the node that tells.

use std::collections::BTreeMap;

use super::{END_MS, Silence, Truth};
use crate::world::World;

/// A flush that was decided before may be retried for so long.
const UNDER_WAY_MS: u64 = 31_500;

/// A silence as a seat has it.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// In which life of the seat.
    life: u64,
    /// Since when.
    since: u64,
    /// How long from then on what was decided before may still be retried.
    under_way: u64,
    /// Until when it is to hold, as its comment says.
    until: u64,
}

/// Silences as they were last seen, by seat and number.
#[derive(Debug, Default)]
pub(crate) struct Muted {
    seen: BTreeMap<(usize, usize), Seen>,
    checked: usize,
}

fn until(world: &World, seat: usize, silence: &Silence) -> Option<u64> {
    let known = world.seats[seat].node.as_ref()?.silence(silence.id)?;
    known.comment.strip_prefix("until ")?.parse().ok()
}

impl Muted {
    pub(crate) fn look(&mut self, world: &World, truth: &Truth) -> Result<(), String> {
        for told in &world.told[self.checked..] {
            for (number, silence) in truth.silences.iter().enumerate() {
                let Some(seen) = self.seen.get(&(told.seat, number)) else {
                    continue;
                };
                // It may have heard since the last look that the silence ends sooner.
                let now = until(world, told.seat, silence).unwrap_or(u64::MAX);
                let muted = silence.group == told.group
                    && seen.life == told.life
                    && seen.since + seen.under_way < told.begun
                    && silence.mutes(world, told.begun, seen.until.min(now))
                    && !told.firing.is_empty();
                if muted {
                    return Err(format!(
                        "n{} tells of {} at {}, silenced there since {}",
                        told.seat, told.group, told.at, seen.since
                    ));
                }
            }
        }
        self.checked = world.told.len();
        for (number, silence) in truth.silences.iter().enumerate() {
            for seat in 0..world.seats.len() {
                let Some(until) = until(world, seat, silence) else {
                    self.seen.remove(&(seat, number));
                    continue;
                };
                let life = world.seats[seat].life;
                // A node that began with it has decided nothing before.
                let restored = world.seats[seat].restored_silences.contains(&silence.id);
                let under_way = if restored { 0 } else { UNDER_WAY_MS };
                let now = Seen { life, since: world.now, under_way, until };
                let it = self.seen.entry((seat, number)).or_insert(now);
                // One that had run out mutes anew once it is heard that it goes on.
                if it.life != life {
                    *it = now;
                } else if it.until < world.now + END_MS && it.until < until {
                    *it = Seen { under_way: UNDER_WAY_MS, ..now };
                }
                it.until = until;
            }
        }
        Ok(())
    }
}

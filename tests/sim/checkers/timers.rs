//! Time never moves a monotonic timer: a step of a wall clock wakes no node sooner or later, and no group is told of
//! before it has waited.

use std::collections::BTreeMap;
use std::rc::Rc;

use bellwether::time::Wall;

use crate::seat::{EPOCH_MS, WallClock};
use crate::world::World;

/// How long a group waits at least, whatever config is loaded.
const GROUP_WAIT_MS: u64 = 5_000;
/// By so much the steps of two clocks may round away.
const ROUND_MS: u64 = 5;

/// A step as small as this is taken for the slow hand of NTP.
const SLOW_HAND_MS: u64 = 2_000;

/// Sets a seat's clock, which was right to some minutes and is again: that alone must not change when its node wants to
/// be woken. (A clock that was not set at all is something to tell of, at once.)
pub(crate) fn step(world: &mut World, seat: usize, clock: WallClock) {
    let due = |world: &World| {
        let it = &world.seats[seat];
        Some(it.moment(it.node.as_ref()?.next_timeout()?))
    };
    let by_ms = clock.ahead_ms.abs_diff(world.seats[seat].clock.ahead_ms);
    if !world.seats[seat].is_up() || by_ms <= SLOW_HAND_MS {
        world.unseen_step_at = Some(world.now);
    }
    let before = due(world);
    world.set_clock(seat, clock);
    let after = due(world);
    if before != after && world.fault.is_none() {
        world.fault = Some(format!(
            "timers: n{seat} was due at {before:?}, and at {after:?} once its clock stepped"
        ));
    }
}

/// By so much a drifting wall clock, which alone counts on while a node is off, may be ahead of the time that has passed
/// by another's that drifts the other way.
fn drift_ms(world: &World) -> u64 {
    let most = world.seats.iter().map(|it| it.clock.drift_ppm.unsigned_abs()).max().unwrap_or(0);
    ROUND_MS + GROUP_WAIT_MS * most * 2 / 1_000_000
}

/// Watches how long groups wait.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    /// When the first alert of a group was taken, by any node.
    begun: BTreeMap<Rc<str>, u64>,
    told: usize,
}

impl Waits {
    pub(crate) fn look(&mut self, world: &World) -> Result<(), String> {
        // Posts are few and are taken some time after they were made, so all are looked at again.
        for post in &world.posts {
            let Some(at) = post.taken_at else { continue };
            // To a clock that is ahead of its sender's, it has fired for longer.
            let right = Wall::from_ms(EPOCH_MS + at.cast_signed());
            let old = post.since.is_some() && world.seats[post.seat].wall(at) > right;
            let at = if old { 0 } else { at };
            for alert in post.alerts.iter().filter(|alert| !alert.ended) {
                let begun = self.begun.entry(Rc::clone(&alert.group)).or_insert(at);
                *begun = at.min(*begun);
            }
        }
        for told in &world.told[self.told..] {
            // A node's own alerts are in no group that anybody has posted to.
            let Some(begun) = self.begun.get(&told.group).filter(|begun| **begun > 0) else {
                continue;
            };
            // To a node that has not seen that a clock was stepped, so much time has passed.
            let passed = world.unseen_step_at.is_some_and(|at| (*begun..told.begun).contains(&at));
            if told.begun + drift_ms(world) < begun + GROUP_WAIT_MS && !passed {
                return Err(format!(
                    "n{} told of {} at {}, and its first alert came at {begun}",
                    told.seat, told.group, told.begun
                ));
            }
        }
        self.told = world.told.len();
        Ok(())
    }
}

//! The wall clock steps, or the flock tells another time than ours.

use std::time::Duration;

use crate::effect::{Cx, Effect};
use crate::limits::CLOCK_AHEAD_MS_MAX;
use crate::node::Node;
use crate::time::{Now, Wall};

/// Members whose clocks differ by less compare what has expired all the same.
const COMPARABLE: Duration = Duration::from_millis(CLOCK_AHEAD_MS_MAX.cast_unsigned());

impl Node {
    /// Sees whether a clock has stepped since the last input: what is held is moved along, and flash is told.
    pub(super) fn handle_clock(&mut self, cx: &mut Cx<'_>) {
        if let Some(step) = self.core.handle_clock(cx.now) {
            self.stamps.step(step);
            cx.effects.push(Effect::Persist(self.records(cx.now)));
        }
        self.handle_flock_time(cx.now);
    }

    /// Sees whether the time of the flock has become another, as it does for a node that boots in 1970 and meets the
    /// first member. What it wrote by the old time is told anew: to all others it would have expired long ago.
    fn handle_flock_time(&mut self, now: Now) {
        let flock = Now { mono: now.mono, wall: self.flock_wall(now) };
        let step = self.flock_watch.look(flock).filter(|step| step.size() > COMPARABLE);
        let Some((step, me)) = step.zip(self.identity) else { return };
        let mut again = self.everything();
        again.retain(|change| {
            self.stamp_under(change, now).is_some_and(|stamp| {
                let expires = Wall::from_ms(stamp.expires_at_ms);
                (stamp.version.node == me || step.is_far()) && step.time(expires) != expires
            })
        });
        self.core.tell_again(again);
    }
}

//! The step from one clock to another, and the times that move with it.

use std::time::Duration;

use crate::model::{Alert, LogEntry, Silence};
use crate::time::Wall;

/// A difference that is a step: less is the slow hand of NTP, or the way of a datagram.
const STEP_MIN: Duration = Duration::from_secs(2);
/// Clocks that are further apart than this are not both set: a time that lies nearer to the other one was told by that.
const FAR: Duration = Duration::from_secs(24 * 3600);

/// From one clock to another: when the first shows `from` the second shows `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The time of the first clock.
    pub from: Wall,
    /// The time of the second one.
    pub to: Wall,
}

impl Step {
    /// Of clocks that agree.
    pub const NONE: Self = Self { from: Wall::EPOCH, to: Wall::EPOCH };

    /// The step from one clock to the other.
    pub fn new(from: Wall, to: Wall) -> Self {
        let step = Self { from, to };
        if step.size() > STEP_MIN { step } else { Self::NONE }
    }

    /// The same where it matters by how little they differ.
    pub const fn exact(from: Wall, to: Wall) -> Self {
        Self { from, to }
    }

    /// How far the clocks are apart.
    pub fn size(self) -> Duration {
        self.from.since(self.to).max(self.to.since(self.from))
    }

    /// Whether at most one of the clocks is set.
    fn is_far(self) -> bool {
        self.size() > FAR
    }

    /// A time of the first clock as the second has it. One that a clock like the second has told stays.
    #[must_use]
    pub fn time(self, time: Wall) -> Wall {
        let apart = |clock: Wall| clock.since(time).max(time.since(clock));
        if self.is_far() && apart(self.to) < apart(self.from) {
            return time;
        }
        self.shift(time)
    }

    /// The same for a time that was surely told by the first clock.
    #[must_use]
    pub fn shift(self, time: Wall) -> Wall {
        let by_ns = self.to.as_ns().saturating_sub(self.from.as_ns());
        Wall::from_ns(time.as_ns().saturating_add(by_ns))
    }

    /// The same for an alert.
    pub fn alert(self, alert: &mut Alert) {
        alert.starts_at = self.time(alert.starts_at);
        alert.ends_at = self.time(alert.ends_at);
        alert.updated_at = self.time(alert.updated_at);
    }

    /// The same for a log entry.
    pub fn entry(self, entry: &mut LogEntry) {
        entry.timestamp = self.time(entry.timestamp);
        entry.expires_at = self.time(entry.expires_at);
    }

    /// The same for a silence.
    pub fn silence(self, silence: &mut Silence) {
        silence.starts_at = self.time(silence.starts_at);
        silence.ends_at = self.time(silence.ends_at);
        silence.updated_at = self.time(silence.updated_at);
    }
}

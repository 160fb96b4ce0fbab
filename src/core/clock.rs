//! The wall clock steps: a gateway without a clock battery boots in 1970 or last week, and learns the time later. What
//! was received before is moved along, so that an alert of a minute ago is still one of a minute ago.

use std::rc::Rc;
use std::time::Duration;

use crate::core::{Change, Core};
use crate::model::Silence;
use crate::time::{Now, Wall};

/// A difference that is a step and not the slow hand of NTP.
const STEP_MIN: Duration = Duration::from_secs(2);
/// An end that lies further off was told by another clock than ours.
const TOLD_BY_OUR_CLOCK: Duration = Duration::from_secs(24 * 3600);

/// Watches the wall clock against the one that never steps.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// When this began, and the latest look, both by the wall clock as it was then.
    since: Wall,
    last: Now,
}

impl Watch {
    /// Begins to watch.
    pub const fn new(now: Now) -> Self {
        Self { since: now.wall, last: now }
    }

    /// Looks again. Returns by how many nanoseconds the wall clock has stepped, if it has.
    fn look(&mut self, now: Now) -> Option<i64> {
        let expected = self.last.wall + now.mono.since(self.last.mono);
        let step_ns = now.wall.as_ns().saturating_sub(expected.as_ns());
        self.last = now;
        (step_ns.unsigned_abs() > u64::try_from(STEP_MIN.as_nanos()).unwrap_or(u64::MAX))
            .then_some(step_ns)
    }
}

impl Core {
    /// Sees whether the wall clock has stepped since the last input, and moves what was received by the old time.
    /// Returns whether it has.
    pub fn handle_clock(&mut self, now: Now) -> bool {
        let (since, old) = (self.watch.since, self.watch.last);
        let Some(step_ns) = self.watch.look(now) else { return false };
        let until = old.wall + now.mono.since(old.mono);
        log::warn!(
            "the clock stepped by {} s: what was received before is moved along",
            step_ns / 1_000_000_000
        );
        let moved = |time: Wall| Wall::from_ns(time.as_ns().saturating_add(step_ns));
        let ours = |time: Wall| since <= time && time <= until;
        let changes = &mut self.changes;
        self.alerts.for_each(|fingerprint, alert| {
            if ours(alert.updated_at) {
                let alert = Rc::make_mut(alert);
                // A sender whose clock was right has said when it began and ends; our old time says nothing of that.
                if ours(alert.starts_at) {
                    alert.starts_at = moved(alert.starts_at);
                }
                if alert.ends_at < alert.updated_at + TOLD_BY_OUR_CLOCK {
                    alert.ends_at = moved(alert.ends_at);
                }
                alert.updated_at = moved(alert.updated_at);
                changes.push(Change::Alert { fingerprint, lease: false });
            }
        });
        self.silences.forget_comparisons();
        // One that was set for a time of the right clock begins then.
        let silences: Vec<Silence> =
            self.silences.iter().filter(|silence| ours(silence.starts_at)).cloned().collect();
        for silence in silences {
            self.changes.push(Change::Silence(silence.id));
            self.silences.replace(Silence {
                starts_at: moved(silence.starts_at),
                ends_at: moved(silence.ends_at),
                updated_at: moved(silence.updated_at),
                ..silence
            });
        }
        let changes = &mut self.changes;
        self.nflog.for_each(|key, entry| {
            if ours(entry.timestamp) {
                entry.timestamp = moved(entry.timestamp);
                entry.expires_at = moved(entry.expires_at);
                changes.push(Change::Log(key.clone()));
            }
        });
        self.groups.for_each(|group| group.first_flush = moved(group.first_flush));
        self.watch.since = moved(since);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Mono;

    #[test]
    fn a_step_is_told_from_time_that_passes() {
        let at =
            |ms: u64, wall_ms: i64| Now { mono: Mono::from_ms(ms), wall: Wall::from_ms(wall_ms) };
        let mut watch = Watch::new(at(0, 1000));
        assert_eq!(watch.look(at(60_000, 61_000)), None);
        assert_eq!(watch.look(at(120_000, 122_900)), None, "drift");
        assert_eq!(watch.look(at(120_001, 1_000_122_901)), Some(1_000_000_000_000_000));
        assert_eq!(watch.look(at(120_002, 1_000_122_902)), None);
        assert_eq!(watch.look(at(120_003, 122_903)), Some(-1_000_000_000_000_000));
    }
}

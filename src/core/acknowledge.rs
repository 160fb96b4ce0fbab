//! Acknowledgements: silences that end by themselves as soon as no alert that they match fires any more.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::core::Core;
use crate::core::timers::Timer;
use crate::limits::PATTERN_STEPS_MAX;
use crate::model::{Silence, SilenceId, SilenceState};
use crate::time::Now;

/// Within this time every acknowledgement is looked at once.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// Between two looks, each of which is at one acknowledgement.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// The state of acknowledgements.
#[derive(Debug, Default)]
pub(super) struct Acknowledgements {
    /// The one that was looked at last.
    last: Option<SilenceId>,
    /// Those that matched an alert that fired, as this node has seen.
    seen: BTreeSet<SilenceId>,
}

impl Core {
    /// Looks at one acknowledgement, and expires it if nothing that it matches fires. Where this node has never seen
    /// such an alert fire, it has to have had the time to hear of one: after a restart, or in a flock.
    pub(super) fn look_at_acknowledgements(&mut self, now: Now) {
        let active: BTreeSet<SilenceId> = self
            .silences
            .iter()
            .filter(|it| it.ends_when_resolved() && it.state(now.wall) != SilenceState::Expired)
            .map(|it| it.id)
            .collect();
        self.acknowledgements.seen.retain(|id| active.contains(id));
        let after = |last| active.range(last..).find(|id| **id != last);
        let next = self.acknowledgements.last.and_then(after).or_else(|| active.first());
        let Some(id) = next.copied() else { return };
        self.acknowledgements.last = Some(id);
        if self.matches_firing(id, now) {
            self.acknowledgements.seen.insert(id);
        } else if self.acknowledgements.seen.remove(&id) || self.has_had_time(id, now) {
            // Of one that is in the table there is no error.
            self.handle_expire_silence(now, id).ok();
        }
        let count = u32::try_from(active.len()).unwrap_or(u32::MAX);
        let wait = (LOOK_INTERVAL / count).max(LOOK_INTERVAL_MIN);
        self.timers.set(Timer::Acknowledgements, now.mono + wait);
    }

    /// Takes note of a silence that was set here or elsewhere, if it is an acknowledgement.
    pub(super) fn note_acknowledgement(&mut self, id: SilenceId, now: Now) {
        if !self.silences.get(id).is_some_and(Silence::ends_when_resolved) {
            return;
        }
        if self.matches_firing(id, now) {
            self.acknowledgements.seen.insert(id);
        }
        self.arm_acknowledgements(now);
    }

    /// Sees to it that acknowledgements are looked at.
    pub(super) fn arm_acknowledgements(&mut self, now: Now) {
        self.timers.set_if_idle(Timer::Acknowledgements, now.mono + LOOK_INTERVAL);
    }

    /// Whether an alert that the silence matches fires; a pending one is still to mute. Where that is too costly to
    /// tell, it counts as if one did: the silence then ends at its time.
    fn matches_firing(&self, id: SilenceId, now: Now) -> bool {
        let Some(silence) = self.silences.get(id) else { return false };
        let mut steps = 0;
        silence.state(now.wall) == SilenceState::Pending
            || self.alerts.iter().any(|(_, entry)| {
                let fires = !entry.alert.resolved(now.wall);
                (fires && silence.matchers.matches(&entry.alert.labels, &mut steps))
                    || steps > PATTERN_STEPS_MAX as u64
            })
    }

    /// Whether a sender that still has an alert has had the time to say so since the silence was set and since the start.
    fn has_had_time(&self, id: SilenceId, now: Now) -> bool {
        let time = self.config.global.resolve_timeout;
        let is_old = self.silences.get(id).is_none_or(|it| it.updated_at + time < now.wall);
        is_old && now.mono.since(self.started) > time
    }
}

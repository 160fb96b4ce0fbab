//! Acknowledgements: silences that end by themselves as soon as no alert that they match fires any more.
//!
//! One that is to end when the severity changes is narrowed to the severities that fire when it is set. An alert of another
//! severity is then not muted for a moment, on no member; and the acknowledgement ends when the old ones resolve.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::core::Core;
use crate::core::silences::{SilenceDraft, SilenceError};
use crate::core::timers::Timer;
use crate::limits::PATTERN_STEPS_MAX;
use crate::model::{
    ENDS_WHEN_RESOLVED, MatchOp, Matcher, OR_SEVERITY_CHANGES, Silence, SilenceId, SilenceState,
};
use crate::time::Now;

/// Within this time every acknowledgement is looked at once.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// Between two looks, each of which is at one acknowledgement.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// The label that has an alert's severity.
const SEVERITY: &str = "severity";
/// More than these make no pattern that people read.
const SEVERITIES_MAX: usize = 16;

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

    /// Narrows an acknowledgement that is to end when the severity changes to the severities that fire now.
    pub(super) fn narrow(&self, draft: &mut SilenceDraft, now: Now) -> Result<(), SilenceError> {
        let (ends, _) = ENDS_WHEN_RESOLVED;
        let is_wanted = draft
            .annotations
            .iter()
            .any(|(name, value)| name == ends && value == OR_SEVERITY_CHANGES);
        if !is_wanted || draft.matchers.iter().any(|it| it.name() == SEVERITY) {
            return Ok(());
        }
        let refused = |why: &str| Err(SilenceError::Invalid(format!("invalid silence: {why}")));
        let (mut severities, mut steps) = (BTreeSet::new(), 0);
        for (_, entry) in self.alerts.iter() {
            let labels = &entry.alert.labels;
            if !entry.alert.resolved(now.wall) && draft.matchers.matches(labels, &mut steps) {
                severities.insert(labels.get(SEVERITY).unwrap_or_default());
            }
            if steps > PATTERN_STEPS_MAX as u64 || severities.len() > SEVERITIES_MAX {
                return refused(
                    "it matches too many alerts to tell their severities: add a matcher of severity",
                );
            }
        }
        if severities.is_empty() {
            return refused(
                "no alert that it matches fires, so there is no severity that could change",
            );
        }
        let pattern: Vec<String> = severities.into_iter().map(quoted).collect();
        match Matcher::new(SEVERITY, MatchOp::Matches, &pattern.join("|")) {
            Ok(matcher) => {
                draft.matchers = draft.matchers.iter().cloned().chain([matcher]).collect();
                Ok(())
            }
            Err(error) => refused(&error.to_string()),
        }
    }

    /// Takes note of a silence that was set here, if it is an acknowledgement.
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

    /// Whether a sender that still has an alert could have posted it again since the silence was set and since the start.
    fn has_had_time(&self, id: SilenceId, now: Now) -> bool {
        let time = self.config.global.resolve_timeout;
        let is_old = self.silences.get(id).is_none_or(|it| it.updated_at + time < now.wall);
        is_old && now.mono.since(self.started) > time
    }
}

/// A text as the pattern that matches it alone.
fn quoted(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

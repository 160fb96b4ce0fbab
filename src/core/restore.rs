//! The stored state comes back: after a restart nothing is told twice, nothing is forgotten and no group waits anew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use log::error;

use crate::core::Core;
use crate::core::alerts::Visibility;
use crate::core::deliver::logging::ENTRY_LIFE_MIN;
use crate::effect::Cx;
use crate::limits::OWN_ALERTS_MAX;
use crate::model::{Alert, Fingerprint, Labels, LogEntry, LogKey, Silence};
use crate::time::{Now, Wall};

/// The first flush of each group that was kept, by the path of its route and its labels.
pub type GroupTimers = BTreeMap<(Arc<str>, Labels), Wall>;

impl Core {
    /// Takes back a silence.
    pub fn restore_silence(&mut self, now: Now, silence: Silence) {
        let id = silence.id;
        if silence.ends_when_resolved() {
            self.arm_acknowledgements(now);
        }
        if !self.silences.replace(silence) {
            error!("silence {id} that was kept is left out: the table is full");
        }
        self.arm_records(now);
    }

    /// Takes back a log entry. One that says that something fires does not expire at once: while the power was out, nobody
    /// could tell of an end.
    pub fn restore_log(&mut self, now: Now, key: &LogKey, mut entry: LogEntry) {
        if !entry.firing.is_empty() {
            entry.expires_at = entry.expires_at.max(now.wall + ENTRY_LIFE_MIN);
        }
        self.read_ledger(now, key, &entry);
        self.put_log(now, key, entry);
    }

    /// Takes back an alert. One that fired gets its lease anew: while nobody listened, nobody could extend it.
    pub fn restore_alert(&mut self, now: Now, fingerprint: Fingerprint, mut alert: Alert) {
        if !self.alerts.has_room_for(fingerprint, OWN_ALERTS_MAX) {
            return;
        }
        let known_end = alert.ends_at;
        let lease = alert.ends_at.since(alert.updated_at);
        let kept_at = alert.updated_at;
        if !lease.is_zero() {
            alert.ends_at = now.wall + lease;
            alert.updated_at = now.wall;
        }
        self.alerts.put(fingerprint, alert, now.wall);
        if let Some(entry) = self.alerts.get_mut(fingerprint) {
            // Nobody knows whether it was muted.
            entry.visibility = Visibility::Shown;
            (entry.is_restored, entry.kept_at) = (!lease.is_zero(), kept_at);
            entry.known_end = known_end;
        }
        self.arm_alerts(now);
    }

    /// Once everything else is back: begins to bring the alerts to their groups, and the groups to their timers; the log
    /// knows what has been told. `stepped`: the times have changed since they were kept. Timers that no group has any more
    /// are dropped at the end.
    pub fn restore_groups(&mut self, cx: &mut Cx<'_>, timers: GroupTimers, stepped: bool) {
        let known = self.alerts.iter().map(|(fingerprint, _)| fingerprint).collect();
        self.begin_filling(cx, known, timers, stepped);
    }
}

/// Where a group is between its flushes.
pub(super) enum Phase {
    /// So long before the first flush.
    Waiting(Duration),
    /// So long before the next.
    Flushing(Duration),
}

/// Where a group is at `now` that is or was first flushed at `first`.
pub(super) fn until_flush(first: Wall, interval: Duration, now: Wall) -> Phase {
    if first > now {
        return Phase::Waiting(first.since(now));
    }
    let passed = now.since(first).as_nanos();
    let interval = interval.as_nanos().max(1);
    let left = u64::try_from(interval - passed % interval).unwrap_or(u64::MAX);
    Phase::Flushing(Duration::from_nanos(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushes_keep_their_phase() {
        let at = Wall::from_secs;
        let until = |first, now| match until_flush(at(first), Duration::from_secs(10), at(now)) {
            Phase::Waiting(wait) => (false, wait.as_secs()),
            Phase::Flushing(wait) => (true, wait.as_secs()),
        };
        assert_eq!(until(100, 97), (false, 3));
        assert_eq!(until(100, 100), (true, 10));
        assert_eq!(until(100, 123), (true, 7));
    }
}

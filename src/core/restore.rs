//! What was kept comes back: after a restart nothing is told twice, nothing is forgotten and no group waits anew.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use log::error;

use crate::core::timers::Timer;
use crate::core::{Change, Core};
use crate::effect::Cx;
use crate::limits::{
    GROUPS_BYTES_MAX, GROUPS_MAX, INHIBIT_SOURCES_MAX, OWN_ALERTS_MAX, OWN_GROUPS_MAX,
};
use crate::model::{Alert, Fingerprint, Labels, LogEntry, LogKey, Silence};
use crate::time::{Now, Wall};

/// The first flush of each group that was kept, by the path of its route and its labels.
pub type GroupTimers = BTreeMap<(Rc<str>, Labels), Wall>;

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

    /// Takes back a log entry.
    pub fn restore_log(&mut self, now: Now, key: &LogKey, entry: LogEntry) {
        self.put_log(now, key, entry);
    }

    /// Takes back an alert. One that fired gets its lease anew: while nobody listened, nobody could extend it.
    pub fn restore_alert(&mut self, now: Now, fingerprint: Fingerprint, mut alert: Alert) {
        if !self.alerts.has_room_for(fingerprint, OWN_ALERTS_MAX) {
            return;
        }
        let lease = alert.ends_at.since(alert.updated_at);
        if !lease.is_zero() {
            alert.ends_at = now.wall + lease;
            alert.updated_at = now.wall;
        }
        self.alerts.put(fingerprint, alert, now.wall);
        self.arm_alerts(now);
    }

    /// Once everything else is back: brings the alerts to their groups, and the groups to their timers. A group that
    /// should have been flushed in the meantime is due at once; the log knows what has been told. Returns the timers that
    /// no group has any more.
    pub fn restore_groups(&mut self, cx: &mut Cx<'_>, mut timers: GroupTimers) -> GroupTimers {
        let known: Vec<Fingerprint> =
            self.alerts.iter().map(|(fingerprint, _)| fingerprint).collect();
        let mut left_out = 0_usize;
        for fingerprint in known {
            let Some(entry) = self.alerts.get(fingerprint) else { continue };
            let labels = entry.alert.labels.clone();
            let routes = self.routes.matching(&labels, &mut 0);
            self.inhibitor.add(fingerprint, &labels, &mut 0);
            if self.groups.len() + routes.len() > GROUPS_MAX + OWN_GROUPS_MAX
                || !self.has_bytes_for_groups(&routes, &labels)
                || self.inhibitor.is_overfull()
            {
                self.inhibitor.remove(fingerprint, &labels);
                self.alerts.remove(fingerprint);
                left_out += 1;
                continue;
            }
            let groups = routes
                .into_iter()
                .map(|route| (route, self.group_for(cx.now, route, fingerprint)))
                .collect();
            if let Some(entry) = self.alerts.get_mut(fingerprint) {
                entry.groups = groups;
            }
        }
        if left_out > 0 {
            error!(
                "{left_out} alerts of those that were kept are left out: under this config they need more than {GROUPS_MAX} groups, or groups of more than {GROUPS_BYTES_MAX} bytes of keys and labels, or more than {INHIBIT_SOURCES_MAX} sources of inhibition; group by fewer labels"
            );
        }
        let mut timed = BTreeSet::new();
        for id in self.groups.iter().map(|(id, _)| id).collect::<Vec<_>>() {
            let Some(group) = self.groups.get_mut(id) else { continue };
            let route = self.routes.get(group.route);
            let Some(first) = timers.remove(&(Rc::clone(&route.path), group.labels.clone())) else {
                continue;
            };
            let interval = route.group_interval;
            let due = match until_flush(first, interval, cx.now.wall) {
                // The clock may have gone back since; nobody waits longer than a new group does.
                Phase::Waiting(wait) => cx.now.mono + wait.min(route.group_wait),
                Phase::Flushing(wait) => {
                    group.next_flush = Some(cx.now.mono + wait);
                    cx.now.mono
                }
            };
            group.first_flush = first;
            self.timers.set(Timer::Flush(id), due);
            timed.insert(id);
        }
        self.changes.retain(
            |change| !matches!(change, Change::Group { id, merged: false } if timed.contains(id)),
        );
        timers
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

//! Dedup: whether a group's state is news to an integration, and why.

use std::fmt;
use std::time::Duration;

use crate::model::{Fingerprint, LogEntry};
use crate::time::Wall;

/// Why a notification is sent; the words are those of Alertmanager's `notification_reason`, but for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Nothing has been sent for this group, or all that was sent has been reported resolved.
    First,
    /// An alert fires that was not reported as firing.
    NewAlerts,
    /// Every alert that was reported as firing has ended.
    AllResolved,
    /// An alert has ended that was not reported as resolved.
    SomeResolved,
    /// `repeat_interval` has passed.
    Repeat,
    /// A digest of what a rate limit has held back.
    HeldBack,
    /// Alerts came and went while the receiver was not reached; Alertmanager tells nothing of them.
    Late,
}

impl Reason {
    /// Alertmanager's words for it, and ours for what it does not know.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first notification",
            Self::NewAlerts => "new alerts added",
            Self::AllResolved => "all alerts resolved",
            Self::SomeResolved => "some alerts resolved",
            Self::Repeat => "repeat interval elapsed",
            Self::HeldBack => "held back by rate_limit",
            Self::Late => "alerts came and went unreported",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Alertmanager's `needsUpdate`: `firing` and `resolved` are the group's alerts after muting, sorted; `now` is the
/// flush's tick. `None`: nothing to say.
pub fn reason(
    entry: Option<&LogEntry>,
    firing: &[Fingerprint],
    resolved: &[Fingerprint],
    send_resolved: bool,
    repeat_interval: Duration,
    now: Wall,
) -> Option<Reason> {
    let Some(entry) = entry else {
        return (!firing.is_empty()).then_some(Reason::First);
    };
    if !all_reported(firing, entry, true) {
        return Some(if entry.firing.is_empty() { Reason::First } else { Reason::NewAlerts });
    }
    if firing.is_empty() {
        // Whether resolved alerts are sent at all is for the sending to decide; the log must know that they ended.
        return (!entry.firing.is_empty()).then_some(Reason::AllResolved);
    }
    if send_resolved && !all_reported(resolved, entry, false) {
        return Some(Reason::SomeResolved);
    }
    (entry.timestamp < now - repeat_interval).then_some(Reason::Repeat)
}

fn all_reported(some: &[Fingerprint], entry: &LogEntry, firing: bool) -> bool {
    some.iter().all(|fingerprint| entry.reported(*fingerprint, firing))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case<'a> = (Option<LogEntry>, &'a [u64], &'a [u64], bool, Option<Reason>);

    #[test]
    fn reasons_are_alertmanagers() {
        let now = Wall::from_secs(10_000);
        let hour = Duration::from_secs(3600);
        let entry = |age_secs: i64, firing: &[u64], resolved: &[u64]| LogEntry {
            timestamp: Wall::from_secs(10_000 - age_secs),
            firing: firing.iter().copied().map(Fingerprint).collect(),
            resolved: resolved.iter().copied().map(Fingerprint).collect(),
            expires_at: Wall::MAX,
            notified_by: [].into(),
            facts: [].into(),
        };
        let cases: &[Case<'_>] = &[
            (None, &[], &[2], true, None),
            (None, &[1], &[], true, Some(Reason::First)),
            (Some(entry(0, &[], &[1])), &[1], &[], true, Some(Reason::First)),
            (Some(entry(0, &[1], &[])), &[1, 2], &[], true, Some(Reason::NewAlerts)),
            (Some(entry(0, &[1], &[])), &[], &[1], true, Some(Reason::AllResolved)),
            (Some(entry(0, &[1], &[])), &[], &[1], false, Some(Reason::AllResolved)),
            (Some(entry(0, &[], &[1])), &[], &[1], true, None),
            (Some(entry(0, &[1, 2], &[])), &[1], &[2], true, Some(Reason::SomeResolved)),
            (Some(entry(0, &[1, 2], &[])), &[1], &[2], false, None),
            (Some(entry(0, &[1, 2], &[])), &[1], &[], true, None),
            // Of 2 nobody knows what was reported last.
            (Some(entry(0, &[1, 2], &[2])), &[1, 2], &[], true, Some(Reason::NewAlerts)),
            (Some(entry(0, &[1, 2], &[2])), &[1], &[2], true, Some(Reason::SomeResolved)),
            (Some(entry(0, &[2], &[2])), &[], &[2], true, Some(Reason::AllResolved)),
            (Some(entry(0, &[1, 2], &[2])), &[1], &[], true, None),
            (Some(entry(3600, &[1], &[])), &[1], &[], true, None),
            (Some(entry(3601, &[1], &[])), &[1], &[], true, Some(Reason::Repeat)),
        ];
        for (i, (entry, firing, resolved, send_resolved, expected)) in cases.iter().enumerate() {
            let fingerprints =
                |ids: &[u64]| -> Vec<_> { ids.iter().copied().map(Fingerprint).collect() };
            let (firing, resolved) = (fingerprints(firing), fingerprints(resolved));
            let found = reason(entry.as_ref(), &firing, &resolved, *send_resolved, hour, now);
            assert_eq!(found, *expected, "case {i}");
        }
    }
}

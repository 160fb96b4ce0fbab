//! The alert, and how two reports of one alert merge.

use crate::model::{Fingerprint, Interned, Labels, SilenceId};
use crate::time::Wall;

/// An alert as a client posted it, with its defaults filled in. Its identity is the fingerprint of its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its identity; never empty.
    pub labels: Labels,
    /// Further texts; no part of its identity.
    pub annotations: Labels,
    /// When it began to fire.
    pub starts_at: Wall,
    /// When it ends or ended; always set, also while it fires.
    pub ends_at: Wall,
    /// When the last report of it came.
    pub updated_at: Wall,
    /// Whether `ends_at` is not the sender's word but `resolve_timeout`'s.
    pub timeout: bool,
    /// A link to where it came from, or empty.
    pub generator_url: Interned,
}

impl Alert {
    /// Whether it has ended by `now`.
    pub fn resolved(&self, now: Wall) -> bool {
        self.ends_at <= now
    }

    /// Bytes of its text.
    pub fn bytes(&self) -> usize {
        self.labels.bytes() + self.annotations.bytes() + self.generator_url.len()
    }

    /// The number of its labels and annotations.
    pub fn pairs(&self) -> usize {
        self.labels.len() + self.annotations.len()
    }

    /// Takes in a report of the same alert, as Alertmanager's store and `Alert.Merge` do: ranges that overlap become
    /// one, any other report replaces what was known.
    #[must_use]
    pub fn merge(self, other: Self, now: Wall) -> Self {
        let within = |at: Wall| self.starts_at < at && at < self.ends_at;
        if !within(other.ends_at) && !within(other.starts_at) {
            return other;
        }
        let (older, mut younger) =
            if other.updated_at < self.updated_at { (other, self) } else { (self, other) };
        younger.starts_at = younger.starts_at.min(older.starts_at);
        let older_ends_later = older.ends_at > younger.ends_at;
        let keep_older_end = if younger.resolved(now) {
            older.resolved(now) && older_ends_later
        } else {
            !older.timeout && older_ends_later
        };
        if keep_older_end {
            younger.ends_at = older.ends_at;
        }
        younger
    }
}

/// Why an alert is not notified, as asked at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Muted {
    /// The active silences that match it, sorted.
    pub silenced_by: Vec<SilenceId>,
    /// The alerts that inhibit it: at most one, the first hit.
    pub inhibited_by: Vec<Fingerprint>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    fn alert(starts: i64, ends: i64, updated: i64, timeout: bool) -> Alert {
        Alert {
            labels: [("a", "b")].into_iter().collect(),
            annotations: Labels::empty(),
            starts_at: Wall::from_secs(NOW + starts),
            ends_at: Wall::from_secs(NOW + ends),
            updated_at: Wall::from_secs(NOW + updated),
            timeout,
            generator_url: "".into(),
        }
    }

    #[test]
    fn reports_of_one_alert_merge_as_alertmanagers_do() {
        let t = |starts, ends, updated| alert(starts, ends, updated, true);
        let e = |starts, ends, updated| alert(starts, ends, updated, false);
        let cases = [
            (t(-120, 120, -120), t(-60, 180, -60), -120, 180, true),
            (e(-60, 180, -60), e(0, 120, 0), -60, 180, false),
            (e(-60, 180, -60), t(0, 120, 0), -60, 180, true),
            (t(-60, 180, -60), e(0, 120, 0), -60, 120, false),
            (e(-60, 180, -60), e(-60, 240, 0), -60, 240, false),
            (e(-60, 180, -60), e(-60, -10, 0), -60, -10, false),
            (e(-60, -10, -60), e(-60, -20, 0), -60, -10, false),
        ];
        for (i, (older, younger, starts, ends, timeout)) in cases.into_iter().enumerate() {
            let now = Wall::from_secs(NOW);
            let merged = older.merge(younger, now);
            assert_eq!(merged.starts_at, Wall::from_secs(NOW + starts), "case {i}");
            assert_eq!(merged.ends_at, Wall::from_secs(NOW + ends), "case {i}");
            assert_eq!(merged.timeout, timeout, "case {i}");
        }
    }

    #[test]
    fn a_refire_after_the_end_is_a_new_alert() {
        let ended = alert(-100, -50, -50, false);
        let refired = alert(-10, 60, 0, true);
        assert_eq!(ended.merge(refired.clone(), Wall::from_secs(NOW)), refired);
    }
}

//! Whether alerts are muted, by silences or by inhibition, compared in pieces.

use crate::core::Core;
use crate::core::inhibit::Inhibitor;
use crate::core::which::GroupId;
use crate::limits::PIECE_STEPS;
use crate::model::{Fingerprint, Muted};
use crate::time::Wall;

/// The steps to count which alerts are muted: some pieces at once, for the answer is one.
const COUNT_STEPS: u64 = 4 * PIECE_STEPS;

impl Core {
    /// Why an alert would not be notified now. Adds what it took to `steps`; nothing if they come to [`PIECE_STEPS`] before
    /// it is known: then the next call goes on.
    pub fn muted(&self, now: Wall, fingerprint: Fingerprint, steps: &mut u64) -> Option<Muted> {
        let Some(entry) = self.alerts.get(fingerprint) else { return Some(Muted::default()) };
        let labels = &entry.alert.labels;
        let least = self.inhibitor.revision(&self.alerts);
        let (alert, at) = ((fingerprint, entry), (&self.alerts, now));
        (self.silences.compare(labels, &entry.memo, steps, PIECE_STEPS)
            && self.inhibitor.compare(labels, &entry.targets, steps, PIECE_STEPS)
            && self.inhibitor.look(alert, at, least, steps, PIECE_STEPS))
        .then(|| Muted {
            silenced_by: self.silences.muting(&entry.memo, now),
            inhibited_by: Inhibitor::source(entry).into_iter().collect(),
        })
    }

    /// Whether an alert would not be notified now. Adds what it took to `steps`; if they come to [`COUNT_STEPS`] before it is known,
    /// the answer is what was known last.
    pub fn is_muted(&self, now: Wall, fingerprint: Fingerprint, steps: &mut u64) -> bool {
        let Some(entry) = self.alerts.get(fingerprint) else { return false };
        let labels = &entry.alert.labels;
        let least = self.inhibitor.revision(&self.alerts);
        let (alert, at) = ((fingerprint, entry), (&self.alerts, now));
        // Where they come to that before, the last answers count.
        let _is_known = self.silences.compare(labels, &entry.memo, steps, COUNT_STEPS)
            && self.inhibitor.compare(labels, &entry.targets, steps, COUNT_STEPS)
            && self.inhibitor.look(alert, at, least, steps, COUNT_STEPS);
        Inhibitor::source(entry).is_some_and(|source| self.alerts.fires(source, now))
            || self.silences.mutes(&entry.memo, now)
    }

    /// Compares the alerts of a group with the silences and the rules of inhibition that they were not yet compared with, and
    /// finds what inhibits them, for as long as [`PIECE_STEPS`] take. Returns whether all is known.
    pub(super) fn compare_group(&mut self, now: Wall, id: GroupId, steps: &mut u64) -> bool {
        let revision = self.inhibitor.revision(&self.alerts);
        let Some(group) = self.groups.get_mut(id) else { return true };
        let least = *group.looked.get_or_insert(revision);
        // A flush that has begun is about its tick.
        let now = group.flush.as_ref().map_or(now, |flush| flush.tick.wall);
        let alerts = group.alerts.iter().filter_map(|it| Some((*it, self.alerts.get(*it)?)));
        for (fingerprint, entry) in alerts {
            let labels = &entry.alert.labels;
            let (alert, at) = ((fingerprint, entry), (&self.alerts, now));
            let is_known = self.silences.compare(labels, &entry.memo, steps, PIECE_STEPS)
                && self.inhibitor.compare(labels, &entry.targets, steps, PIECE_STEPS)
                && self.inhibitor.look(alert, at, least, steps, PIECE_STEPS);
            if !is_known {
                return false;
            }
        }
        true
    }
}

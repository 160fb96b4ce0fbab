//! Which alerts of a flush are muted at its tick, looked at in pieces. Inputs that come between two of them change little: what is
//! about silences and alerts is judged by the time of the tick, and with another config all of it is looked at anew.

use log::debug;

use crate::core::Core;
use crate::core::deliver::content::Flushed;
use crate::core::deliver::flushing::{Looked, Stage};
use crate::core::deliver::history::Muting;
use crate::core::inhibit::Inhibitor;
use crate::core::which::GroupId;
use crate::time::Wall;

/// The steps to look whether an alert is muted, comparisons aside.
const LOOKED_STEPS: u64 = 150;

impl Core {
    /// Begins to look which alerts of a flush are muted.
    pub(super) fn begin_looking(&mut self, id: GroupId) {
        let Some(group) = self.groups.get(id) else { return };
        let Some(flush) = &group.flush else { return };
        let (tick, intervals) = (flush.tick.wall, &self.routes.get(group.route).intervals);
        let intervals = self.routes.intervals.muted_by(intervals, self.calendar(tick));
        let least = group.looked.unwrap_or_else(|| self.inhibitor.revision(&self.alerts));
        if let Some(flush) = self.flush_of(id) {
            flush.stage = Stage::Looking(Looked { intervals, least, ..Looked::default() });
        }
    }

    /// Looks which alerts of a flush are muted, until `steps`, to which what is done is added, come to `most`. Returns whether that
    /// is known of all of them.
    pub(super) fn look_on(&mut self, id: GroupId, steps: &mut u64, most: u64) -> bool {
        let Some(flush) = self.flush_of(id) else { return true };
        let Stage::Looking(looked) = &mut flush.stage else { return true };
        let mut looked = std::mem::take(looked);
        let (first, shown) = (looked.count, looked.shown.len());
        let is_all = self.look_at_some(id, &mut looked, steps, most);
        let (places, shown) = (first..looked.count, looked.shown.get(shown..).unwrap_or_default());
        self.note_hidden(id, places.clone(), shown);
        let mut quiet = self.quiet(id, places, shown);
        if let Some(flush) = self.flush_of(id) {
            flush.quiet.append(&mut quiet);
            flush.stage = Stage::Looking(looked);
        }
        is_all
    }

    fn look_at_some(&self, id: GroupId, looked: &mut Looked, steps: &mut u64, most: u64) -> bool {
        let flush = self.groups.get(id).and_then(|group| group.flush.as_ref());
        let Some(flush) = flush else { return true };
        let (tick, least) = (flush.tick.wall, looked.least);
        for it in flush.snapshot.iter().skip(looked.count) {
            if *steps >= most {
                return false;
            }
            *steps += LOOKED_STEPS;
            let Some(is_inhibited) = self.is_inhibited(it, (tick, least), steps, most) else {
                return false;
            };
            let mut is_silenced = false;
            if !is_inhibited && looked.intervals.is_empty() {
                let Some(found) = self.is_silenced(it, tick, steps, most) else { return false };
                is_silenced = found;
            }
            looked.count += 1;
            looked.inhibited += usize::from(is_inhibited);
            looked.silenced += usize::from(is_silenced);
            if !is_inhibited && !is_silenced && looked.intervals.is_empty() {
                looked.shown.push(it.clone());
            }
        }
        true
    }

    /// Whether an alert is inhibited; nothing if `steps` come to `most` before that is known.
    fn is_inhibited(
        &self,
        it: &Flushed,
        (tick, least): (Wall, u64),
        steps: &mut u64,
        most: u64,
    ) -> Option<bool> {
        let Some(entry) = self.alerts.get(it.fingerprint) else { return Some(false) };
        let (alert, at) = ((it.fingerprint, entry), (&self.alerts, tick));
        // Most were compared before the flush began.
        let is_known = self.inhibitor.compare(&entry.alert.labels, &entry.targets, steps, most)
            && self.inhibitor.look(alert, at, least, steps, most);
        is_known.then(|| Inhibitor::source(entry).is_some())
    }

    /// Whether an alert is silenced; nothing if `steps` come to `most` before that is known.
    fn is_silenced(&self, it: &Flushed, tick: Wall, steps: &mut u64, most: u64) -> Option<bool> {
        let Some(entry) = self.alerts.get(it.fingerprint) else { return Some(false) };
        let is_known = self.silences.compare(&entry.alert.labels, &entry.memo, steps, most);
        is_known.then(|| self.silences.mutes(&entry.memo, tick))
    }

    /// Counts what is muted, once all alerts of a flush were looked at. Returns the others.
    pub(super) fn end_looking(&mut self, id: GroupId) -> Vec<Flushed> {
        let Some(group) = self.groups.get_mut(id) else { return Vec::new() };
        let Some(flush) = &mut group.flush else { return Vec::new() };
        let stage = std::mem::replace(&mut flush.stage, Stage::FannedOut);
        let Stage::Looking(Looked { count, shown, inhibited, silenced, intervals, .. }) = stage
        else {
            return Vec::new();
        };
        let tick = flush.tick;
        self.stats.suppressed_inhibition += inhibited as u64;
        self.stats.suppressed_silence += silenced as u64;
        if !intervals.is_empty() {
            debug!("group {}: muted by time intervals {intervals:?}", group.key);
            let all = &self.routes.get(group.route).intervals;
            let is_inactive = self.routes.intervals.is_inactive(all, self.calendar(tick.wall));
            *if is_inactive {
                &mut self.stats.suppressed_active_interval
            } else {
                &mut self.stats.suppressed_mute_interval
            } += (count - inhibited) as u64;
        }
        self.note_muting(tick, id, Muting { alerts: count, inhibited, silenced, intervals });
        shown
    }
}

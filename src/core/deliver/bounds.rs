//! The bounds of what receivers are owed: debts whose groups have gone end, and of what came and went the oldest is cut.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use log::warn;

use crate::core::Core;
use crate::core::alerts::AlertEntry;
use crate::core::deliver::owed::Debt;
use crate::core::timers::Timer;
use crate::core::which::GroupId;
use crate::limits::{OWED_AGE_MAX, OWED_ALERTS_MAX, OWED_BYTES_MAX};
use crate::model::{Brief, Fingerprint, LogKey};
use crate::time::{Now, Wall};

/// An alert that is owed, by what decides whether it is cut: the newest end is kept longest.
type Spooled = (Wall, Fingerprint, GroupId, usize);

impl Core {
    /// Ends debts whose groups have gone, or cuts what passes the bounds: one after the other, for each takes its time.
    pub(in crate::core) fn sweep_owed(&mut self, now: Now) {
        if self.filling.is_none() {
            if std::mem::take(&mut self.owed.is_cut_due) {
                self.cut_owed(now);
            } else {
                self.end_groupless();
                self.owed.is_cut_due = true;
            }
        }
        if self.owed.is_cut_due {
            self.timers.set(Timer::Owed, now.mono);
        } else if !self.owed.is_empty() {
            self.arm_owed(now);
        }
    }

    fn end_groupless(&mut self) {
        let groups = self.groups_by_key();
        let has_alerts =
            |id: &GroupId| self.groups.get(*id).is_some_and(|it| !it.alerts.is_empty());
        let is_gone = |debt: &&Debt| !groups.get(debt.key.group.as_str()).is_some_and(has_alerts);
        let gone: Vec<LogKey> =
            self.owed.debts.values().filter(is_gone).map(|it| it.key.clone()).collect();
        for key in gone {
            self.end_debt(&key);
        }
    }

    /// Takes the oldest of what each receiver is owed out of its groups, as far as it passes the bounds.
    fn cut_owed(&mut self, now: Now) {
        let mut cuts = Vec::new();
        for (receiver, alerts) in self.spooled(now) {
            let (mut count, mut bytes, mut cut) = (0, 0, 0_u64);
            let mut oldest = BTreeMap::new();
            for (ends_at, fingerprint, id, size) in alerts.into_iter().rev() {
                (count, bytes) = (count + 1, bytes + size);
                let is_old = now.wall.since(ends_at) > OWED_AGE_MAX;
                if count > OWED_ALERTS_MAX || bytes > OWED_BYTES_MAX || is_old {
                    // After a restart it is not counted again, unless one that ended at the same time is kept.
                    let before = oldest.get(&id).map(|at: &Wall| *at - Duration::from_nanos(1));
                    if let Some(group) = self.groups.get_mut(id) {
                        group.alerts.remove(&fingerprint);
                    }
                    cuts.push((id, before.map_or(ends_at, |it| it.min(ends_at))));
                    cut += 1;
                } else {
                    oldest.insert(id, ends_at);
                }
            }
            if cut > 0 {
                self.stats.owed_cut += cut;
                warn!(
                    "receiver {} is owed more than is kept: {cut} alerts that came and went are only counted",
                    Brief(&receiver)
                );
            }
        }
        self.note_cuts(cuts);
        self.keep_cuts();
    }

    /// The alerts that each receiver is owed.
    fn spooled(&self, now: Now) -> BTreeMap<Arc<str>, BTreeSet<Spooled>> {
        let mut spooled: BTreeMap<Arc<str>, BTreeSet<Spooled>> = BTreeMap::new();
        let groups = self.groups_by_key();
        for debt in self.owed.debts.values().filter(|debt| debt.is_due) {
            let Some(id) = groups.get(debt.key.group.as_str()) else { continue };
            for fingerprint in self.missed_in(*id, debt, now.wall) {
                let Some(AlertEntry { alert, .. }) = self.alerts.get(fingerprint) else { continue };
                let spooled = spooled.entry(Arc::clone(&debt.key.receiver)).or_default();
                spooled.insert((alert.ends_at, fingerprint, *id, alert.bytes()));
            }
        }
        spooled
    }

    /// Notes in their debts the alerts that were cut, and until when they had ended: what ended until then is no longer owed.
    fn note_cuts(&mut self, mut cuts: Vec<(GroupId, Wall)>) {
        cuts.sort_unstable();
        let groups = if cuts.is_empty() { BTreeMap::new() } else { self.groups_by_key() };
        let of_debt = |(id, debt): (&u128, &Debt)| {
            let group = groups.get(debt.key.group.as_str())?;
            let first = cuts.partition_point(|it| it.0 < *group);
            let count = cuts.partition_point(|it| it.0 <= *group) - first;
            let (_, until) = cuts.get(first..first + count)?.last()?;
            Some((*id, count as u64, *until))
        };
        let found: Vec<_> = self.owed.debts.iter().filter_map(of_debt).collect();
        for (id, count, until) in found {
            if let Some(debt) = self.owed.debts.get_mut(&id) {
                debt.cut += count;
                debt.since = debt.since.max(until);
            }
        }
    }
}

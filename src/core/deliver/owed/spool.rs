//! The spool: the alerts that each receiver is owed, as a sweep over all debts finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use log::warn;

use crate::box_map::BoxMap;
use crate::core::which::GroupId;
use crate::model::{Brief, Fingerprint, GroupKey, LogKey};
use crate::time::Wall;

/// An alert that is owed, by what decides whether it is cut: the newest end is kept longest.
pub(super) type Spooled = (Wall, Fingerprint, GroupId, usize);

/// A sweep over all debts.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// The last debt that was looked at.
    pub(super) after: Option<u128>,
    /// Whether all were: then flash is to have what was cut of each.
    pub(super) is_cut: bool,
    /// By receiver, what it is owed as far as that was looked at.
    pub(super) spools: BoxMap<Arc<str>, Spool>,
    /// The receiver of the last debt, which may be owed too much now.
    pub(super) current: Option<Arc<str>>,
    /// How many alerts the debts of groups that have gone have kept.
    lost: BTreeMap<(Arc<str>, GroupKey), u64>,
}

/// The alerts that a receiver is owed.
#[derive(Debug, Default)]
pub(super) struct Spool {
    pub(super) alerts: BTreeSet<Spooled>,
    /// Bytes of their texts.
    pub(super) bytes: usize,
    /// How many others were cut.
    pub(super) cut: u64,
    /// Whether it was told of some meanwhile: then it is not known how much it is owed.
    pub(super) is_told: bool,
}

impl Sweep {
    /// Says what was cut.
    pub(super) fn say(self) {
        for ((receiver, group), lost) in &self.lost {
            warn!(
                "group {group} has gone with another config: {lost} alerts that came and went, and that receiver {} is owed, are only counted",
                Brief(receiver)
            );
        }
        for (receiver, Spool { cut, .. }) in self.spools {
            if cut > 0 {
                warn!(
                    "receiver {} is owed more than is kept: {cut} alerts that came and went are only counted",
                    Brief(&receiver)
                );
            }
        }
    }

    /// Takes note that so many alerts of a debt are lost with its group. Returns how many more that makes: several integrations may
    /// be owed the same.
    pub(super) fn lose(&mut self, key: &LogKey, lost: u64) -> u64 {
        if lost == 0 {
            return 0;
        }
        let known = self.lost.entry((Arc::clone(&key.receiver), key.group.clone())).or_default();
        let more = lost.saturating_sub(*known);
        *known += more;
        more
    }

    /// Takes note that a receiver was told of something that it was owed.
    pub(super) fn note_told(&mut self, receiver: &str) {
        if let Some(spool) = self.spools.get_mut(receiver) {
            spool.is_told = true;
        }
    }
}

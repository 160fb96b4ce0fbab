//! The state of a flush that is under way.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Receiver;
use crate::core::Core;
use crate::core::deliver::content::Flushed;
use crate::core::deliver::delivery::Delivery;
use crate::core::which::GroupId;
use crate::model::Fingerprint;
use crate::time::{Mono, Now};

/// A flush that is under way.
#[derive(Debug)]
pub struct Flush {
    /// When it was decided.
    pub(in crate::core) tick: Now,
    /// When to give up.
    pub(in crate::core) deadline: Mono,
    /// The receiver as it was configured at the tick.
    pub(in crate::core) receiver: Arc<Receiver>,
    pub(in crate::core) repeat_interval: Duration,
    pub(in crate::core) group_interval: Duration,
    /// Whether the flock had settled, so that the alerts were all there.
    pub(in crate::core) settled: bool,
    /// All alerts of the group as they were at the tick, muted ones too; in the order of notifications once they are sorted.
    pub(in crate::core) snapshot: Vec<Flushed>,
    /// How far it is.
    pub(in crate::core) stage: Stage,
    /// The senders of the group's notifications at the tick of a large one, for each integration: another may notify before the
    /// deliveries are there.
    pub(in crate::core) notified_by: Vec<Rc<[(u64, u64)]>>,
    /// One for each integration of the receiver.
    pub(in crate::core) deliveries: Vec<Delivery>,
    /// Muted alerts whose end may be told later.
    pub(in crate::core) quiet: BTreeSet<Fingerprint>,
    /// Alerts that time has ended, and of whose end the flock was told.
    pub(in crate::core) ended: BTreeSet<Fingerprint>,
}

/// How far a flush is. A small one has all of it behind it at its tick.
#[derive(Debug)]
pub(in crate::core) enum Stage {
    /// The alerts are there, in no order.
    Gathered,
    /// They are in order.
    Sorted,
    /// It is looked which of them are muted.
    Looking(Looked),
    /// The deliveries are there.
    FannedOut,
}

/// The alerts of a flush that were looked at: the first ones of its snapshot.
#[derive(Debug, Default)]
pub(in crate::core) struct Looked {
    /// How many these are.
    pub(in crate::core) count: usize,
    /// Those that may be notified.
    pub(in crate::core) shown: Vec<Flushed>,
    /// How many are inhibited.
    pub(in crate::core) inhibited: usize,
    /// How many are silenced.
    pub(in crate::core) silenced: usize,
    /// The time intervals that mute all others at the tick.
    pub(in crate::core) intervals: Vec<Arc<str>>,
    /// The revision of the sources of inhibition that has to be known at least.
    pub(in crate::core) least: u64,
}

impl Flush {
    /// Forgets which alerts are muted, as long as there are no deliveries: the config is another one.
    pub(in crate::core) fn look_anew(&mut self) {
        if let Stage::Looking(_) = self.stage {
            (self.stage, self.quiet) = (Stage::Sorted, BTreeSet::new());
        }
    }

    /// Every alert that it holds besides those of its deliveries.
    pub(in crate::core) fn alerts_mut(&mut self) -> impl Iterator<Item = &mut Flushed> {
        let shown = match &mut self.stage {
            Stage::Looking(looked) => &mut *looked.shown,
            Stage::Gathered | Stage::Sorted | Stage::FannedOut => &mut [],
        };
        self.snapshot.iter_mut().chain(shown)
    }

    /// The group interval as it was configured at the tick.
    pub(in crate::core) const fn group_interval(&self) -> Duration {
        self.group_interval
    }
}

impl Core {
    /// The flush of a group that is under way.
    pub(in crate::core) fn flush_of(&mut self, id: GroupId) -> Option<&mut Flush> {
        self.groups.get_mut(id)?.flush.as_mut()
    }

    /// Whether the deliveries of a group's flush are made.
    pub(in crate::core) fn is_fanned_out(&self, id: GroupId) -> bool {
        let flush = self.groups.get(id).and_then(|it| it.flush.as_ref());
        flush.is_none_or(|it| matches!(it.stage, Stage::FannedOut))
    }
}

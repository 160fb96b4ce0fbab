//! The state of a flush that is under way.

use std::collections::BTreeSet;
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
    /// All alerts of the group, muted ones too.
    pub(in crate::core) snapshot: Vec<Flushed>,
    /// Whether it was looked at which of them are muted, and the deliveries are there.
    pub(in crate::core) is_fanned_out: bool,
    /// One an integration of the receiver.
    pub(in crate::core) deliveries: Vec<Delivery>,
    /// Muted alerts whose end may be told later.
    pub(in crate::core) quiet: BTreeSet<Fingerprint>,
    /// Alerts that time has ended, and of whose end the flock was told.
    pub(in crate::core) ended: BTreeSet<Fingerprint>,
}

impl Flush {
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
        self.groups.get(id).and_then(|it| it.flush.as_ref()).is_none_or(|it| it.is_fanned_out)
    }
}

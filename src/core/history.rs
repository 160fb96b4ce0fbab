//! What became of the latest deliveries and why: the answer to "why did this node notify", and to "why did it not".
//!
//! A flush that has nothing new to say leaves no trace here, nor do attempts after the first that failed.

use std::collections::VecDeque;
use std::time::Duration;

use crate::core::Core;
use crate::core::dedup::Reason;
use crate::core::group::GroupId;
use crate::limits::{HISTORY_BYTES_MAX, HISTORY_MAX, HISTORY_WHY_BYTES_MAX};
use crate::model::{Labels, LogKey, brief};
use crate::time::{Now, Wall};

/// The latest of what became of deliveries.
#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<Entry>,
    /// Of all entries: [`Entry::bytes`].
    bytes: usize,
    /// Entries since the start.
    count: u64,
}

/// Something that became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Wall,
    /// How long after the flush.
    pub after: Duration,
    /// Group, receiver and integration.
    pub key: LogKey,
    /// The labels that the group's alerts share.
    pub labels: Labels,
    /// What.
    pub outcome: Outcome,
}

impl Entry {
    /// Bytes of what its group is called: it is held here when the group has gone.
    fn bytes(&self) -> usize {
        let labels = self.labels.iter().map(|(name, value)| name.len() + value.len());
        self.key.group.as_str().len() + labels.sum::<usize>()
    }
}

/// What became of a delivery. Nodes are members of the flock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The deadline passed.
    Expired {
        /// How often this node tried.
        attempts: u32,
    },
    /// An attempt failed, and nobody else can try.
    Failed {
        /// What went wrong.
        why: String,
    },
    /// Another node has claimed the turn: this one waits.
    Held {
        /// Whose claim it is.
        by: u64,
    },
    /// A template failed: what was sent says so.
    Misrendered {
        /// Which, and why.
        why: String,
    },
    /// The receiver refused it.
    Refused {
        /// In which words.
        why: String,
    },
    /// This node has notified.
    Sent {
        /// Why there was something to say.
        reason: Reason,
        /// How often it tried.
        attempts: u32,
    },
    /// An attempt failed, and this node gave the turn up to the others.
    Surrendered {
        /// What went wrong.
        why: String,
    },
    /// Another node has notified.
    Told {
        /// Which.
        by: u64,
    },
    /// This node takes a turn that was another's.
    TookOver {
        /// Whose it was.
        from: u64,
    },
}

impl Outcome {
    /// Of a failed attempt, whether or not another node can try now.
    pub(super) fn failed(text: &str, another_can: bool) -> Self {
        let why = why(text);
        if another_can { Self::Surrendered { why } } else { Self::Failed { why } }
    }

    /// Of a template that failed.
    pub(super) fn misrendered(text: &str) -> Self {
        Self::Misrendered { why: why(text) }
    }

    /// Of a refusal.
    pub(super) fn refused(text: &str) -> Self {
        Self::Refused { why: why(text) }
    }

    /// What the API calls it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "expired",
            Self::Failed { .. } => "failed",
            Self::Held { .. } => "held",
            Self::Misrendered { .. } => "misrendered",
            Self::Refused { .. } => "refused",
            Self::Sent { .. } => "sent",
            Self::Surrendered { .. } => "surrendered",
            Self::Told { .. } => "told",
            Self::TookOver { .. } => "took over",
        }
    }
}

impl History {
    fn push(&mut self, entry: Entry) {
        self.count += 1;
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > HISTORY_MAX || self.bytes > HISTORY_BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= oldest.bytes();
        }
    }

    /// Entries since the start, also those that have gone.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Every entry, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }
}

impl Core {
    /// What became of the latest deliveries.
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// Notes what has become of a delivery that is under way.
    pub(super) fn note(&mut self, now: Now, id: GroupId, at: usize, outcome: Outcome) {
        let Some(group) = self.groups.get(id) else { return };
        let Some(flush) = group.flush.as_ref() else { return };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let entry = Entry {
            at: now.wall,
            after: now.mono.since(flush.tick.mono),
            key: delivery.key.clone(),
            labels: group.labels.clone(),
            outcome,
        };
        self.history.push(entry);
    }
}

/// What went wrong, cut to what is worth keeping.
fn why(text: &str) -> String {
    brief::cut(text, HISTORY_WHY_BYTES_MAX).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GroupKey;

    fn told(group: &str, by: u64) -> Entry {
        let key = LogKey {
            group: GroupKey::from_stored(group),
            receiver: "r".into(),
            integration: "webhook".into(),
            index: 0,
        };
        let (at, after, labels) = (Wall::EPOCH, Duration::ZERO, Labels::empty());
        Entry { at, after, key, labels, outcome: Outcome::Told { by } }
    }

    #[test]
    fn groups_of_long_names_take_no_more_memory() {
        let mut history = History::default();
        let long = "x".repeat(HISTORY_BYTES_MAX / 4);
        (0..9).for_each(|by| history.push(told(&long, by)));
        assert_eq!((history.iter().count(), history.bytes), (4, HISTORY_BYTES_MAX));
        history.push(told(&"x".repeat(HISTORY_BYTES_MAX + 1), 9));
        assert_eq!((history.iter().count(), history.bytes), (0, 0));
    }

    #[test]
    fn the_oldest_goes_when_it_is_full() {
        let mut history = History::default();
        (0..=HISTORY_MAX as u64).for_each(|by| history.push(told("{}:{}", by)));
        let first = history.iter().next().map(|entry| entry.outcome.clone());
        assert_eq!((history.iter().count(), first), (HISTORY_MAX, Some(Outcome::Told { by: 1 })));
    }

    #[test]
    fn a_full_history_takes_a_few_dozen_kib() {
        assert!(size_of::<Entry>() * HISTORY_MAX <= 40 * 1024, "{}", size_of::<Entry>());
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(why("503: gone"), "503: gone");
        let long = why(&"ä".repeat(HISTORY_WHY_BYTES_MAX));
        assert_eq!(long.len(), HISTORY_WHY_BYTES_MAX);
        assert_eq!(why(&format!("a{long}")).len(), HISTORY_WHY_BYTES_MAX - 1);
    }
}

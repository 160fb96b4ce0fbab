//! The outcome of the latest deliveries and why: the answer to "why did this node notify", and to "why did it not".
//!
//! It also tells of groups whose alerts wait or are muted. A flush that has nothing new to say leaves no entry, and of the attempts
//! that fail only the first does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::core::Core;
use crate::core::deliver::dedup::Reason;
use crate::core::step::Step;
use crate::core::timers::Timer;
use crate::core::which::{GroupId, Which};
use crate::limits::{
    HISTORY_BYTES_MAX, HISTORY_CONTENT_BYTES_MAX, HISTORY_MAX, HISTORY_WHY_BYTES_MAX,
};
use crate::model::{Fingerprint, Labels, LogKey, brief};
use crate::notify::{Draft, Reply};
use crate::time::{Now, Wall};

/// The latest of what became of deliveries.
#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<HistoryEntry>,
    /// Alerts that have begun to fire or have ended, the last of them.
    turned: Vec<Fingerprint>,
    /// Of all entries: [`HistoryEntry::bytes`].
    bytes: usize,
    /// Entries since the start.
    count: u64,
}

/// Something that became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub at: Wall,
    /// How long after the flush.
    pub after: Duration,
    /// Group, receiver and integration.
    pub key: LogKey,
    /// The labels that the group's alerts share.
    pub labels: Labels,
    /// The outcome.
    pub outcome: Outcome,
    /// The content that was sent, if this node has tried to.
    pub told: Option<Told>,
}

impl HistoryEntry {
    /// Bytes of its texts: it is held here when the group has gone.
    fn bytes(&self) -> usize {
        let labels = self.labels.iter().map(|(name, value)| name.len() + value.len());
        let told = self.told.as_ref().map_or(0, |it| it.content.len() + it.answer.len());
        self.key.group.as_str().len() + labels.sum::<usize>() + told
    }
}

/// The content that a receiver was sent, and its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Alerts that fired.
    pub firing: usize,
    /// Alerts that had ended.
    pub resolved: usize,
    /// The beginning of it, for people.
    pub content: String,
    /// The beginning of the receiver's answer; empty if it gave none, or the outcome tells it.
    pub answer: String,
}

impl Told {
    /// The content of a draft, before there is an answer.
    pub(in crate::core) fn of(draft: &Draft) -> Self {
        let alerts = &draft.notification().alerts;
        let resolved = alerts.iter().filter(|it| it.resolved).count();
        let content =
            brief::cut(&draft.content(HISTORY_CONTENT_BYTES_MAX), HISTORY_CONTENT_BYTES_MAX)
                .to_owned();
        Self { firing: alerts.len() - resolved, resolved, content, answer: String::new() }
    }

    /// The same with the receiver's answer.
    pub(in crate::core) fn answered(self, reply: &Reply) -> Self {
        let answer = reply.shown().unwrap_or_default();
        Self { answer: why(answer.trim()), ..self }
    }
}

/// The outcome of a delivery. Nodes are members of the flock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The deadline passed.
    Expired {
        /// How often this node tried.
        attempts: u32,
    },
    /// An attempt failed, and nobody else can try.
    Failed {
        /// The error.
        why: String,
    },
    /// The receiver has failed for too long: its fallback is told.
    FellBack {
        /// The fallback's name.
        to: Arc<str>,
    },
    /// Its receiver has no room left in its rate limit: a digest tells of it later.
    HeldBack {
        /// How long it may take until there is room.
        left: Duration,
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
        /// The error.
        why: String,
    },
    /// Nobody was told, because all or some alerts of the group are muted. Noted when that changes.
    Muted(Muting),
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
    /// An alert has come, and the group is flushed after so long.
    Waiting {
        /// How long.
        left: Duration,
    },
}

/// How many alerts of a group are muted at a flush, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Muting {
    /// All alerts of the group.
    pub alerts: usize,
    /// Those that an inhibition mutes.
    pub inhibited: usize,
    /// Those that a silence mutes.
    pub silenced: usize,
    /// The time intervals that mute all others.
    pub intervals: Vec<Arc<str>>,
}

impl Muting {
    /// Whether anything is muted.
    pub fn is_any(&self) -> bool {
        self.inhibited > 0 || self.silenced > 0 || !self.intervals.is_empty()
    }
}

impl Outcome {
    /// The outcome of a failed attempt, whether or not another node can try now.
    pub(in crate::core) fn failed(text: &str, another_can: bool) -> Self {
        let why = why(text);
        if another_can { Self::Surrendered { why } } else { Self::Failed { why } }
    }

    /// The outcome of a template that failed.
    pub(in crate::core) fn misrendered(text: &str) -> Self {
        Self::Misrendered { why: why(text) }
    }

    /// The outcome of a refusal.
    pub(in crate::core) fn refused(text: &str) -> Self {
        Self::Refused { why: why(text) }
    }

    /// Its name in the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "expired",
            Self::Failed { .. } => "failed",
            Self::FellBack { .. } => "fell back",
            Self::Held { .. } => "held",
            Self::HeldBack { .. } => "held back",
            Self::Muted(_) => "muted",
            Self::Misrendered { .. } => "misrendered",
            Self::Refused { .. } => "refused",
            Self::Sent { .. } => "sent",
            Self::Surrendered { .. } => "surrendered",
            Self::Told { .. } => "told",
            Self::TookOver { .. } => "took over",
            Self::Waiting { .. } => "waiting",
        }
    }
}

impl History {
    fn push(&mut self, entry: HistoryEntry) {
        self.count += 1;
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > HISTORY_MAX || self.bytes > HISTORY_BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= oldest.bytes();
        }
    }

    /// Moves all times along when the clock steps.
    pub(in crate::core) fn step(&mut self, step: Step) {
        self.entries.iter_mut().for_each(|it| it.at = step.time(it.at));
    }

    /// Entries since the start, also those that have gone.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Every entry, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &HistoryEntry> {
        self.entries.iter()
    }
}

impl Core {
    /// The outcomes of the latest deliveries, as far as they were not taken.
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// Takes what has happened since this was last asked: what became of deliveries, and the alerts that began to fire or ended.
    pub fn take_history(&mut self) -> (VecDeque<HistoryEntry>, Vec<Fingerprint>) {
        self.history.bytes = 0;
        let History { entries, turned, .. } = &mut self.history;
        (std::mem::take(entries), std::mem::take(turned))
    }

    /// Notes that an alert has begun to fire or has ended.
    pub(in crate::core) fn note_turned(&mut self, fingerprint: Fingerprint) {
        let turned = &mut self.history.turned;
        if turned.len() >= HISTORY_MAX {
            turned.remove(0);
        }
        turned.push(fingerprint);
    }

    /// Notes what has become of a delivery that is under way.
    pub(in crate::core) fn note(&mut self, now: Now, which: Which, outcome: Outcome) {
        self.note_told(now, which, outcome, None);
    }

    /// The same with what was told.
    pub(in crate::core) fn note_told(
        &mut self,
        now: Now,
        (id, at): Which,
        outcome: Outcome,
        told: Option<Told>,
    ) {
        let Some(group) = self.groups.get(id) else { return };
        let Some(flush) = group.flush.as_ref() else { return };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let entry = HistoryEntry {
            at: now.wall,
            after: now.mono.since(flush.tick.mono),
            key: delivery.key.clone(),
            labels: group.labels.clone(),
            outcome,
            told,
        };
        self.history.push(entry);
    }
}

impl Core {
    /// Notes why nobody is told of a group as a whole: the entry names no integration.
    fn note_group(&mut self, now: Now, id: GroupId, outcome: Outcome) {
        let Some(group) = self.groups.get(id) else { return };
        let receiver = Arc::clone(&self.routes.get(group.route).receiver.name);
        let key = LogKey::new(group.key.clone(), receiver, "".into(), 0);
        let labels = group.labels.clone();
        let (at, after) = (now.wall, Duration::ZERO);
        self.history.push(HistoryEntry { at, after, key, labels, outcome, told: None });
    }

    /// Notes what mutes alerts of a group, if that has changed since its last flush.
    pub(in crate::core) fn note_muting(&mut self, now: Now, id: GroupId, muting: Muting) {
        let Some(group) = self.groups.get_mut(id) else { return };
        group.awaited = false;
        let before = std::mem::replace(&mut group.muting, muting.clone());
        if before != muting && muting.is_any() {
            self.note_group(now, id, Outcome::Muted(muting));
        }
    }

    /// Notes that an alert waits for the next flush of its group, once a flush.
    pub(in crate::core) fn note_waiting(&mut self, now: Now, id: GroupId) {
        let due = self.timers.due(Timer::Flush(id));
        let Some(left) = due.map(|due| due.since(now.mono)).filter(|left| !left.is_zero()) else {
            return;
        };
        let group = self.groups.get_mut(id).filter(|group| !group.awaited);
        if let Some(group) = group {
            group.awaited = true;
            self.note_group(now, id, Outcome::Waiting { left });
        }
    }
}

/// An error, cut to the part worth keeping.
fn why(text: &str) -> String {
    brief::cut(text, HISTORY_WHY_BYTES_MAX).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GroupKey;

    fn told(group: &str, by: u64) -> HistoryEntry {
        let key = LogKey::new(GroupKey::from_stored(group), "r".into(), "webhook".into(), 0);
        let (at, after, labels) = (Wall::EPOCH, Duration::ZERO, Labels::empty());
        HistoryEntry { at, after, key, labels, outcome: Outcome::Told { by }, told: None }
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
    fn content_and_answer_count_too() {
        let told = Told { content: "x".repeat(300), answer: "y".repeat(200), ..Told::default() };
        let entry = HistoryEntry { told: Some(told), ..told_by_another() };
        assert_eq!(entry.bytes(), told_by_another().bytes() + 500);
    }

    fn told_by_another() -> HistoryEntry {
        told("{}:{}", 1)
    }

    #[test]
    fn a_receivers_answer_is_kept_in_short() {
        let answer = |reply: &Reply| Told::default().answered(reply).answer;
        let http =
            |body: &str| Reply::Http { status: 200, retry_after: None, body: body.to_owned() };
        assert_eq!(answer(&http("ok\n")), "status 200\n\nok");
        assert_eq!(answer(&http("")), "status 200");
        assert_eq!(answer(&http(&"x".repeat(10_000))).len(), HISTORY_WHY_BYTES_MAX);
        assert_eq!(
            answer(&Reply::Exit { code: Some(0), output: "sent\n".to_owned() }),
            "exit status 0\n\nsent"
        );
        assert_eq!(answer(&Reply::Done), "accepted");
    }

    #[test]
    fn a_full_history_takes_some_dozen_kib() {
        assert!(
            size_of::<HistoryEntry>() * HISTORY_MAX <= 64 * 1024,
            "{}",
            size_of::<HistoryEntry>()
        );
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(why("503: gone"), "503: gone");
        let long = why(&"ä".repeat(HISTORY_WHY_BYTES_MAX));
        assert_eq!(long.len(), HISTORY_WHY_BYTES_MAX);
        assert_eq!(why(&format!("a{long}")).len(), HISTORY_WHY_BYTES_MAX - 1);
    }
}

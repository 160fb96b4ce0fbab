//! Deliveries under way: each delivery that is open, where it is, and since when.

use crate::core::Core;
use crate::core::deliver::machine::State;
use crate::model::{Labels, LogKey};
use crate::time::Wall;

/// A delivery that has not ended.
#[derive(Debug)]
pub struct Pending<'a> {
    /// Group, receiver and integration.
    pub key: &'a LogKey,
    /// The labels that the group's alerts share.
    pub labels: &'a Labels,
    /// When its flush began, or since when a rate limit holds it back.
    pub since: Wall,
    /// How often this node has tried.
    pub attempts: u32,
    /// Where it is.
    pub waits: Waits,
}

/// Where a delivery that has not ended is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Another member has the turn; which one, where it has claimed that.
    Other(Option<u64>),
    /// This node has claimed the turn, and listens whether another has too.
    Listening,
    /// This node has the turn, and waits until fewer attempts are under way.
    Place,
    /// An attempt is under way.
    Answer,
    /// The last attempt failed, and the next one waits.
    Retry,
    /// There is no room in the rate limit of its receiver.
    RateLimit,
}

impl Waits {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Other(_) => "for another member",
            Self::Listening => "for its turn",
            Self::Place => "for other attempts",
            Self::Answer => "for an answer",
            Self::Retry => "to try again",
            Self::RateLimit => "for room in rate_limit",
        }
    }
}

impl Core {
    /// Every delivery that has not ended.
    pub fn pending(&self) -> impl Iterator<Item = Pending<'_>> {
        self.open.values().filter_map(|&(id, at)| {
            let group = self.groups.get(id)?;
            let flush = group.flush.as_ref()?;
            let delivery = flush.deliveries.get(at)?;
            let waits = match delivery.state {
                State::Held => Waits::Other(delivery.held_by),
                State::Listening => Waits::Listening,
                State::Waiting => Waits::Place,
                State::Sending | State::Carried => Waits::Answer,
                State::HeldBack => Waits::RateLimit,
                State::Paused => Waits::Retry,
                State::Done | State::Failed => return None,
            };
            let (key, labels, attempts) = (&delivery.key, &group.labels, delivery.attempts);
            let since = self.budgets.held_since(key).unwrap_or(flush.tick.wall);
            Some(Pending { key, labels, since, attempts, waits })
        })
    }
}

//! A member is asked for the addresses of the others now and then.

use std::time::Duration;

use rand::Rng;

use super::Members;
use crate::gossip::dice::choose;
use crate::gossip::message::Message;
use crate::gossip::shared::Shared;
use crate::time::{Mono, Now};

/// How soon after a member has come another is asked for the addresses of the others, then ever more rarely: foca repeats news of
/// members a few times only, so a node may have missed some. The longest pause is shorter while some members that are up were
/// not met.
const ASK_FIRST: Duration = Duration::from_secs(2);
pub(super) const ASK_LAST: Duration = Duration::from_secs(60);
const ASK_AT_REST: Duration = Duration::from_secs(10 * 60);

/// The next question for addresses.
#[derive(Debug)]
pub(super) struct Search {
    ask_at: Mono,
    ask_every: Duration,
}

impl Search {
    pub(super) const fn new(now: Mono) -> Self {
        Self { ask_at: now, ask_every: ASK_FIRST }
    }

    /// The next question if there is anybody to ask.
    pub(super) fn next_timeout(&self, asks: bool) -> Option<Mono> {
        asks.then_some(self.ask_at)
    }

    /// A member has just come: others may have too, of which we have not heard.
    pub(super) fn ask_soon(&mut self, now: Mono) {
        self.ask_every = ASK_FIRST;
        self.ask_at = self.ask_at.min(now + ASK_FIRST);
    }

    /// Plans the next question.
    fn plan_ask(&mut self, now: Mono, all_met: bool) {
        let longest = if all_met { ASK_AT_REST } else { ASK_LAST };
        self.ask_at = now + self.ask_every.min(longest);
        self.ask_every = (self.ask_every * 2).min(ASK_AT_REST);
    }
}

impl Members {
    /// Asks one of the members that were met.
    pub(super) fn ask_for_addresses(&mut self, shared: &mut Shared, now: Now, rng: &mut dyn Rng) {
        if self.search.ask_at > now.mono {
            return;
        }
        let all_met = self.living().iter().all(|node| self.peers.0.contains_key(node));
        self.search.plan_ask(now.mono, all_met);
        let met: Vec<u64> =
            self.peers.0.keys().copied().filter(|node| !self.is_down(*node)).collect();
        if let Some(node) = choose(rng, &met) {
            self.send(shared, node, &Message::Peers(true, Vec::new(), None));
        }
    }
}

//! Members that were met and are down, and those that have missed something, are tried again, until `reconnect_timeout`.

use std::time::Duration;

use rand::Rng;

use super::Members;
use super::peer::Peer;
use crate::gossip::dice::{choose, jitter};
use crate::gossip::message::Message;
use crate::gossip::shared::Shared;
use crate::time::{Mono, Now};

/// How often the flock as a whole retries one of the members that are down. Where more are down than up, each member that is up
/// does so, so that a half of a flock is never silent for longer.
const RETRY_EVERY: Duration = Duration::from_secs(2);
/// Members that were lost and are asked for their digest, each time.
const LOST_RETRIED_MAX: usize = 4;

/// The next retry.
#[derive(Debug)]
pub(super) struct Reconnect {
    at: Mono,
    /// The lost member that was asked last: the next in order is asked next.
    last: u64,
}

impl Reconnect {
    pub(super) const fn new(now: Mono) -> Self {
        Self { at: now, last: 0 }
    }

    /// The next retry if there is anybody to retry.
    pub(super) fn next_timeout(&self, retries: bool) -> Option<Mono> {
        retries.then_some(self.at)
    }

    /// A member has just gone silent: the next retry must not wait for long.
    pub(super) fn hurry(&mut self, now: Mono) {
        self.at = self.at.min(now + RETRY_EVERY);
    }

    /// Plans the next retry, where this node makes one of every `share`.
    fn plan(&mut self, now: Mono, rng: &mut dyn Rng, share: usize) {
        let every = RETRY_EVERY * u32::try_from(share).unwrap_or(u32::MAX);
        self.at = now + every * 3 / 4 + jitter(rng, every / 2);
    }
}

impl Members {
    /// Retries members that have missed something, and one of those that are down.
    pub(super) fn retry(&mut self, shared: &mut Shared, now: Now, rng: &mut dyn Rng) {
        if self.reconnect.at > now.mono {
            return;
        }
        let (down, mut lost): (Vec<u64>, Vec<u64>) =
            self.peers.0.keys().partition(|node| self.is_down(**node));
        lost.retain(|node| self.peers.0.get_mut(node).is_some_and(|peer| peer.is_lost(now.mono)));
        let here = self.living().len() + 1;
        let share = if lost.is_empty() { here.div_ceil(down.len().clamp(1, here)) } else { 1 };
        self.reconnect.plan(now.mono, rng, share);
        let last = self.reconnect.last;
        lost.sort_unstable_by_key(|node| (*node <= last, *node));
        lost.truncate(LOST_RETRIED_MAX);
        for node in lost {
            self.reconnect.last = node;
            self.send(shared, node, &Message::Check(shared.config.node));
            self.ask_to_check(shared, now, rng, node);
        }
        for node in &down {
            let heard = self.peer(*node).and_then(Peer::heard).unwrap_or_default();
            if now.mono.since(heard) > shared.config.reconnect_timeout {
                self.forget(shared, *node);
            }
        }
        if let Some(node) = choose(rng, &down) {
            let spent = self.swim.find(node).map(|(generation, _)| generation);
            self.greet(shared, now, node, spent);
        }
    }
}

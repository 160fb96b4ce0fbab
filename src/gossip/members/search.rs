//! When members that are down are retried, and when a member is asked for the addresses of the others.

use std::time::Duration;

use rand::Rng;

use crate::gossip::dice::jitter;
use crate::time::Mono;

/// Some member of the flock retries some member that is down so often; where more are down than up, each of them does, so
/// that a half of a flock is never silent for longer.
const RETRY_EVERY: Duration = Duration::from_secs(2);
/// Members that were lost and are asked for their digest, each time.
pub(super) const LOST_RETRIED_MAX: usize = 4;
/// A member is asked for the addresses of the others so soon after one has come, then ever more rarely: foca repeats news
/// of members a few times only, so a node may have missed some. Rarely at rest, and less rarely while some members that
/// are up were not met.
const ASK_FIRST: Duration = Duration::from_secs(2);
pub(super) const ASK_LAST: Duration = Duration::from_secs(60);
const ASK_AT_REST: Duration = Duration::from_secs(10 * 60);

/// The next retry, and the next question for addresses.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) retry_at: Mono,
    /// The lost member that was asked last: the next in order is asked next.
    pub(super) last_retried: u64,
    pub(super) ask_at: Mono,
    ask_every: Duration,
}

impl Search {
    pub(super) const fn new(now: Mono) -> Self {
        Self { retry_at: now, last_retried: 0, ask_at: now, ask_every: ASK_FIRST }
    }

    /// The next retry if there is anybody to retry, and the next question if there is anybody to ask.
    pub(super) fn next_timeout(&self, retries: bool, asks: bool) -> Option<Mono> {
        let retry = retries.then_some(self.retry_at);
        retry.into_iter().chain(asks.then_some(self.ask_at)).min()
    }

    /// A member has just gone silent: the next retry must not wait for long.
    pub(super) fn hurry(&mut self, now: Mono) {
        self.retry_at = self.retry_at.min(now + RETRY_EVERY);
    }

    /// A member has just come: others may have too, of which we have not heard.
    pub(super) fn ask_soon(&mut self, now: Mono) {
        self.ask_every = ASK_FIRST;
        self.ask_at = self.ask_at.min(now + ASK_FIRST);
    }

    /// Plans the next retry, where this node makes one of every `share`.
    pub(super) fn plan_retry(&mut self, now: Mono, rng: &mut dyn Rng, share: usize) {
        let every = RETRY_EVERY * u32::try_from(share).unwrap_or(u32::MAX);
        self.retry_at = now + every * 3 / 4 + jitter(rng, every / 2);
    }

    /// Plans the next question.
    pub(super) fn plan_ask(&mut self, now: Mono, all_met: bool) {
        let longest = if all_met { ASK_AT_REST } else { ASK_LAST };
        self.ask_at = now + self.ask_every.min(longest);
        self.ask_every = (self.ask_every * 2).min(ASK_AT_REST);
    }
}

//! The proof that a boot of a node is alive now.
//!
//! A boot of a node is believed once it has echoed our nonce. The nonce changes every minute, so no recording can answer
//! for it: datagrams of an unknown boot are dropped, whoever sealed them, until it has echoed. So a recording of
//! yesterday's datagrams changes nothing, not even on a node that was installed today.
//!
//! ```text
//! a                                     b
//! | hello nonce=A                    -> |       to a candidate address, or by multicast
//! | <-          hello nonce=B echo=A    |       a believes b
//! | hello nonce=A echo=B believes    -> |       b believes a
//! ```

use std::time::Duration;

use rand::Rng;

use crate::gossip::limiter::Bucket;
use crate::time::Mono;

/// A nonce is handed out for so long, and its echo accepted for as long again.
const NONCE_FOR: Duration = Duration::from_secs(60);
/// Hellos a second, and the burst, in answer to senders that are not believed.
const CHALLENGES_PER_SECOND: u64 = 50;
const CHALLENGES_BURST: u64 = 100;

/// Our nonce of now, the one before it, and how many challenges may be sent.
#[derive(Debug)]
pub(super) struct Handshake {
    nonce: u64,
    nonce_before: u64,
    since: Mono,
    challenges: Bucket,
}

impl Handshake {
    pub(super) fn new(now: Mono, rng: &mut dyn Rng) -> Self {
        Self {
            nonce: rng.next_u64(),
            nonce_before: rng.next_u64(),
            since: now,
            challenges: Bucket::new(CHALLENGES_PER_SECOND, CHALLENGES_BURST),
        }
    }

    /// The number that others must echo.
    pub(super) const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Whether this echo proves that its hello was sent after a nonce of ours.
    pub(super) fn is_fresh(&self, echo: Option<u64>) -> bool {
        echo.is_some_and(|echo| [self.nonce, self.nonce_before].contains(&echo))
    }

    /// Whether another challenge may be sent; if so, it counts as sent.
    pub(super) fn may_challenge(&mut self, now: Mono) -> bool {
        let may = self.challenges.ready(now);
        if may {
            self.challenges.spend(1);
        }
        may
    }

    /// Takes another nonce if ours is old.
    pub(super) fn rotate(&mut self, now: Mono, rng: &mut dyn Rng) {
        let age = now.since(self.since);
        if age >= NONCE_FOR {
            self.nonce_before = if age >= NONCE_FOR * 2 { rng.next_u64() } else { self.nonce };
            self.nonce = rng.next_u64();
            self.since = now;
        }
    }
}

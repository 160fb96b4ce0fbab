//! Hello by multicast: often after the start, then about twice a minute.

use std::time::Duration;

use rand::Rng;

use crate::gossip::dice::jitter;
use crate::time::Mono;

const BEACON_EVERY: Duration = Duration::from_secs(32);
/// The times of the first beacons after the start.
const BEACONS_FIRST_MS: [u64; 4] = [0, 300, 1_000, 3_000];
/// After so many beacons members are told again that their multicast is not heard.
const BEACONS_TO_REPORT: u32 = 5;

/// When the next beacon is sent, and how many were.
#[derive(Debug)]
pub(super) struct Beacon {
    sent: u32,
    at: Option<Mono>,
}

impl Beacon {
    /// The first beacon is sent at `at`; without a time there is none.
    pub(super) const fn new(at: Option<Mono>) -> Self {
        Self { sent: 0, at }
    }

    pub(super) const fn stop(&mut self) {
        self.at = None;
    }

    pub(super) const fn next_timeout(&self) -> Option<Mono> {
        self.at
    }

    pub(super) fn is_due(&self, now: Mono) -> bool {
        self.at.is_some_and(|at| at <= now)
    }

    /// Notes that one was sent. Returns whether members are to be told again that their multicast is not heard.
    pub(super) fn note_sent(&mut self, now: Mono, rng: &mut dyn Rng) -> bool {
        let sent = self.sent as usize;
        let wait = match (BEACONS_FIRST_MS.get(sent), BEACONS_FIRST_MS.get(sent + 1)) {
            (Some(this), Some(next)) => Duration::from_millis(next - this),
            _ => BEACON_EVERY * 7 / 8 + jitter(rng, BEACON_EVERY / 4),
        };
        self.at = Some(now + wait);
        self.sent = self.sent.saturating_add(1);
        self.sent.is_multiple_of(BEACONS_TO_REPORT)
    }
}

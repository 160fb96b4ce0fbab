//! The Trickle timer (RFC 6206): send often after a difference, ever more rarely while all agree, and not at all when
//! others have just sent the same.

use std::time::Duration;

use rand::Rng;

use crate::gossip::dice::jitter;
use crate::time::Mono;

/// Decides when to send a digest.
#[derive(Debug)]
pub(super) struct Trickle {
    shortest: Duration,
    longest: Duration,
    /// Digests that agree with ours, heard in this interval, from which on ours is not sent.
    enough: u32,
    interval: Duration,
    end: Mono,
    send_at: Option<Mono>,
    agreed: u32,
}

impl Trickle {
    pub(super) fn new(
        now: Mono,
        rng: &mut dyn Rng,
        shortest: Duration,
        longest: Duration,
        enough: u32,
    ) -> Self {
        let mut trickle = Self {
            shortest,
            longest,
            enough,
            interval: shortest,
            end: now,
            send_at: None,
            agreed: 0,
        };
        trickle.begin(now, rng, shortest);
        trickle
    }

    /// Something differs: send at once.
    pub(super) fn reset(&mut self, now: Mono, rng: &mut dyn Rng) {
        if self.interval > self.shortest {
            self.begin(now, rng, self.shortest);
        }
    }

    /// Something has changed, and was sent to all: send once soon, in case some of them did not get it.
    pub(super) fn hasten(&mut self, now: Mono, rng: &mut dyn Rng) {
        let soon = now + self.shortest * 2 + jitter(rng, self.shortest * 2);
        if self.next_timeout() > soon {
            self.send_at = Some(soon);
            self.end = self.end.max(soon);
            self.agreed = 0;
        }
    }

    /// Another member sent what we would send.
    pub(super) const fn note_agreement(&mut self) {
        self.agreed = self.agreed.saturating_add(1);
    }

    /// Whether members differed just now.
    pub(super) fn is_quick(&self) -> bool {
        self.interval <= self.shortest * 2
    }

    pub(super) fn next_timeout(&self) -> Mono {
        self.send_at.unwrap_or(self.end)
    }

    /// Whether it is time to send our digest.
    pub(super) fn handle_timeout(&mut self, now: Mono, rng: &mut dyn Rng) -> bool {
        let due = self.send_at.is_some_and(|at| at <= now);
        if due {
            self.send_at = None;
        }
        let send = due && self.agreed < self.enough;
        if self.end <= now {
            self.begin(now, rng, (self.interval * 2).min(self.longest));
        }
        send
    }

    fn begin(&mut self, now: Mono, rng: &mut dyn Rng, interval: Duration) {
        self.interval = interval;
        self.end = now + interval;
        self.send_at = Some(now + interval / 2 + jitter(rng, interval / 2));
        self.agreed = 0;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn run(trickle: &mut Trickle, rng: &mut StdRng, until: Mono) -> Vec<Mono> {
        let mut sent = Vec::new();
        while trickle.next_timeout() <= until {
            let now = trickle.next_timeout();
            if trickle.handle_timeout(now, rng) {
                sent.push(now);
            }
        }
        sent
    }

    fn trickle(rng: &mut StdRng) -> Trickle {
        Trickle::new(Mono::ZERO, rng, Duration::from_millis(250), Duration::from_secs(64), 1)
    }

    #[test]
    fn sends_ever_more_rarely_and_at_once_after_a_reset() {
        let rng = &mut StdRng::seed_from_u64(1);
        let mut trickle = trickle(rng);
        let first = run(&mut trickle, rng, Mono::from_ms(1_000_000));
        assert!(first.iter().filter(|at| at.as_ms() < 1_000).count() >= 2);
        let late = first.iter().filter(|at| at.as_ms() > 500_000).count();
        assert!((5..=12).contains(&late), "{late} in 500 s");
        trickle.reset(Mono::from_ms(1_000_000), rng);
        let again = run(&mut trickle, rng, Mono::from_ms(1_000_250));
        assert_eq!(again.len(), 1);
    }

    #[test]
    fn sends_once_soon_after_a_change() {
        let rng = &mut StdRng::seed_from_u64(1);
        let mut trickle = trickle(rng);
        run(&mut trickle, rng, Mono::from_ms(1_000_000));
        trickle.hasten(Mono::from_ms(1_000_000), rng);
        let after = run(&mut trickle, rng, Mono::from_ms(1_030_000));
        assert!((1..=2).contains(&after.len()), "{after:?}");
        assert!(after[0] <= Mono::from_ms(1_001_000), "{after:?}");
    }

    #[test]
    fn is_silent_when_others_agree() {
        let rng = &mut StdRng::seed_from_u64(2);
        let mut trickle = trickle(rng);
        trickle.note_agreement();
        assert_eq!(run(&mut trickle, rng, Mono::from_ms(249)), []);
    }

    #[test]
    fn a_reset_in_the_shortest_interval_delays_nothing() {
        let rng = &mut StdRng::seed_from_u64(3);
        let mut trickle = trickle(rng);
        let due = trickle.next_timeout();
        trickle.reset(Mono::from_ms(100), rng);
        assert_eq!(trickle.next_timeout(), due);
    }
}

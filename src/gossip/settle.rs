//! Waiting for the flock to settle after the start, as Alertmanager does: the flock has settled when the number of members
//! was the same at three comparisons in a row, or when the time allowed is over.

use std::time::Duration;

use super::config::Config;
use crate::time::Mono;

const UNCHANGED_MIN: u32 = 3;

/// Whether the flock has settled, so that notifications may go out.
#[derive(Debug)]
pub(super) struct Settle {
    every: Duration,
    at_most: Duration,
    expects_peers: bool,
    /// Whether the static peers' addresses were ever resolved.
    knows_peers: bool,
    latest: Mono,
    next: Option<Mono>,
    members: usize,
    unchanged: u32,
}

impl Settle {
    /// Waits if other members may be there: a node that is alone by its configuration has nothing to wait for.
    pub(super) fn new(now: Mono, config: &Config) -> Self {
        let mut settle = Self {
            every: config.settle_interval,
            at_most: config.settle_timeout,
            expects_peers: config.expects_peers,
            knows_peers: false,
            latest: Mono::ZERO,
            next: None,
            members: 0,
            unchanged: 0,
        };
        if (config.multicast || config.expects_peers) && !config.settle_timeout.is_zero() {
            settle.begin(now);
        }
        settle
    }

    /// Notes whether the static peers' names resolve to `any` addresses: the first time that they do, a node that expected no
    /// peers begins to wait.
    pub(super) fn note_peers(&mut self, now: Mono, any: bool) {
        let is_first = !std::mem::replace(&mut self.knows_peers, true);
        if is_first && any && self.ready() && !self.at_most.is_zero() && !self.expects_peers {
            self.begin(now);
        }
    }

    pub(super) const fn ready(&self) -> bool {
        self.next.is_none()
    }

    pub(super) const fn next_timeout(&self) -> Option<Mono> {
        self.next
    }

    /// Compares the number of members, this node among them, if that is due.
    pub(super) fn handle_timeout(&mut self, now: Mono, members: usize) {
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        self.unchanged = if members == self.members { self.unchanged + 1 } else { 0 };
        self.members = members;
        let ready = self.unchanged >= UNCHANGED_MIN || now >= self.latest;
        self.next = (!ready).then_some(now + self.every);
    }

    fn begin(&mut self, now: Mono) {
        (self.latest, self.next) = (now + self.at_most, Some(now + self.every));
        (self.members, self.unchanged) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready_after(members: impl Fn(u64) -> usize) -> u64 {
        let config = Config { expects_peers: true, ..Config::new(1, "a") };
        let mut settle = Settle::new(Mono::ZERO, &config);
        while let Some(at) = settle.next_timeout() {
            settle.handle_timeout(at, members(at.as_ms()));
            if settle.ready() {
                return at.as_ms();
            }
        }
        0
    }

    #[test]
    fn ready_when_three_comparisons_see_no_change() {
        assert_eq!(ready_after(|_| 3), 8_000);
        assert_eq!(ready_after(|ms| if ms < 5_000 { 2 } else { 3 }), 12_000);
    }

    #[test]
    fn ready_when_the_time_is_over() {
        assert_eq!(ready_after(|ms| usize::try_from(ms).unwrap()), 60_000);
    }
}

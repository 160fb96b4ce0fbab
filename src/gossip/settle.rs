//! Waiting for the flock to settle after the start: the number of members is looked at every so often, and is settled
//! when it has not changed three times in a row, or when the time allowed is over. As Alertmanager does it.

use std::time::Duration;

use crate::time::Mono;

const UNCHANGED_MIN: u32 = 3;

/// Whether the flock has settled, so that notifications may go out.
#[derive(Debug)]
pub(super) struct Settle {
    every: Duration,
    latest: Mono,
    next: Option<Mono>,
    members: usize,
    unchanged: u32,
}

impl Settle {
    /// Looks every `every`, for `at_most`.
    pub(super) fn new(now: Mono, every: Duration, at_most: Duration) -> Self {
        Self { every, latest: now + at_most, next: Some(now + every), members: 0, unchanged: 0 }
    }

    /// A node that is alone by its configuration has nothing to wait for.
    pub(super) const fn settled() -> Self {
        Self { every: Duration::ZERO, latest: Mono::ZERO, next: None, members: 0, unchanged: 0 }
    }

    pub(super) const fn ready(&self) -> bool {
        self.next.is_none()
    }

    pub(super) const fn next_timeout(&self) -> Option<Mono> {
        self.next
    }

    pub(super) fn handle_timeout(&mut self, now: Mono, members: usize) {
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        self.unchanged = if members == self.members { self.unchanged + 1 } else { 0 };
        self.members = members;
        let ready = self.unchanged >= UNCHANGED_MIN || now >= self.latest;
        self.next = (!ready).then_some(now + self.every);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready_after(members: impl Fn(u64) -> usize) -> u64 {
        let mut settle = Settle::new(Mono::ZERO, Duration::from_secs(2), Duration::from_secs(60));
        while let Some(at) = settle.next_timeout() {
            settle.handle_timeout(at, members(at.as_ms()));
            if settle.ready() {
                return at.as_ms();
            }
        }
        0
    }

    #[test]
    fn it_is_ready_when_the_number_of_members_has_not_changed_three_times() {
        assert_eq!(ready_after(|_| 3), 8_000);
        assert_eq!(ready_after(|ms| if ms < 5_000 { 2 } else { 3 }), 12_000);
    }

    #[test]
    fn it_is_ready_at_the_latest_when_the_time_is_over() {
        assert_eq!(ready_after(|ms| usize::try_from(ms).unwrap()), 60_000);
    }
}

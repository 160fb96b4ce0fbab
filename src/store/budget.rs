//! The budget of commits a day: flash wears with each.

use std::time::Duration;

use crate::limits::{STORE_CRITICAL_DELAY_MAX, STORE_DELAY_MAX};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long a commit may be held back to join the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits for the answer: at most [`crate::limits::STORE_CRITICAL_DELAY_MAX`].
    Critical,
    /// Nobody waits: at most [`crate::limits::STORE_DELAY_MAX`].
    Relaxed,
}

/// The daily budget of commits. Unspent commits are saved for a day; an overspent budget waits longer, so that more
/// records share a commit. It never drops any: a wait has an end, and the debt is kept.
///
/// Times are durations since any fixed moment, on a clock that does not step.
#[derive(Clone, Debug)]
pub struct Budget {
    a_day: u32,
    /// Commits saved, in thousandths; negative when overspent.
    saved_milli: i64,
    counted_to: Duration,
}

impl Budget {
    /// A full day's budget at `now`; 0 commits a day means that there is no limit.
    pub fn new(a_day: u32, now: Duration) -> Self {
        Self { a_day, saved_milli: i64::from(a_day) * 1000, counted_to: now }
    }

    /// How long to wait with a commit that could be made `now`: nothing while there is budget, then until the debt is
    /// paid, but no longer than its urgency allows.
    pub fn wait(&mut self, now: Duration, urgency: Urgency) -> Duration {
        self.earn(now);
        if self.a_day == 0 || self.saved_milli >= 1000 {
            return Duration::ZERO;
        }
        let missing = u32::try_from(1000 - self.saved_milli).unwrap_or(u32::MAX);
        let until_paid = DAY.saturating_mul(missing) / (self.a_day.saturating_mul(1000).max(1));
        until_paid.min(match urgency {
            Urgency::Critical => STORE_CRITICAL_DELAY_MAX,
            Urgency::Relaxed => STORE_DELAY_MAX,
        })
    }

    /// Counts a commit made at `now`.
    pub fn spend(&mut self, now: Duration) {
        self.earn(now);
        // The debt is bounded to a day's budget: after a bad day the next is lean, not the whole week.
        self.saved_milli = (self.saved_milli - 1000).max(-1000 * i64::from(self.a_day));
    }

    /// Commits left, at `now`; 0 if overspent.
    pub fn left(&mut self, now: Duration) -> u32 {
        self.earn(now);
        u32::try_from(self.saved_milli / 1000).unwrap_or(0)
    }

    fn earn(&mut self, now: Duration) {
        let day_milli = self.a_day.saturating_mul(1000);
        let passed = now.saturating_sub(self.counted_to).min(DAY * 2);
        let earned = passed.as_nanos() * u128::from(day_milli) / DAY.as_nanos();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        if earned == 0 {
            return;
        }
        self.saved_milli = (self.saved_milli + i64::from(earned)).min(i64::from(day_milli));
        // A time too short to earn a thousandth counts the next time; one of more than two days does not.
        let counted = DAY * earned / day_milli;
        self.counted_to = if passed == DAY * 2 { now } else { self.counted_to + counted };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn there_is_no_wait_while_there_is_budget() {
        let mut budget = Budget::new(100, HOUR);
        for _ in 0..100 {
            assert_eq!(budget.wait(HOUR, Urgency::Relaxed), Duration::ZERO);
            budget.spend(HOUR);
        }
        assert_eq!(budget.left(HOUR), 0);
        assert!(budget.wait(HOUR, Urgency::Relaxed) > Duration::ZERO);
    }

    #[test]
    fn the_wait_grows_with_the_debt_up_to_what_the_urgency_allows() {
        let mut budget = Budget::new(8640, Duration::ZERO);
        let mut waits = Vec::new();
        for n in 0..8640 + 200 {
            budget.spend(Duration::ZERO);
            if n % 20 == 0 {
                waits.push(budget.wait(Duration::ZERO, Urgency::Relaxed));
            }
        }
        assert!(waits.is_sorted());
        assert_eq!(*waits.last().unwrap(), STORE_DELAY_MAX);
        assert_eq!(budget.wait(Duration::ZERO, Urgency::Critical), STORE_CRITICAL_DELAY_MAX);
    }

    #[test]
    fn the_budget_comes_back_evenly_and_is_saved_for_a_day_at_most() {
        let mut budget = Budget::new(240, Duration::ZERO);
        for _ in 0..240 {
            budget.spend(Duration::ZERO);
        }
        assert_eq!(budget.left(HOUR), 10);
        assert_eq!(budget.left(HOUR * 24 * 30), 240);
    }

    #[test]
    fn asking_often_earns_no_less_than_asking_once() {
        let mut budget = Budget::new(240, Duration::ZERO);
        for _ in 0..240 {
            budget.spend(Duration::ZERO);
        }
        for ms in 0..360_000u64 {
            budget.left(Duration::from_millis(ms * 10));
        }
        assert_eq!(budget.left(HOUR), 10);
    }

    #[test]
    fn without_a_budget_nothing_waits() {
        let mut budget = Budget::new(0, Duration::ZERO);
        for _ in 0..1000 {
            budget.spend(Duration::ZERO);
            assert_eq!(budget.wait(Duration::ZERO, Urgency::Relaxed), Duration::ZERO);
        }
    }
}

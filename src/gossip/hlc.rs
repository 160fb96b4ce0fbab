//! A hybrid logical clock: wall milliseconds while they move forward, a counter while they do not.
//!
//! Every reading is greater than every reading made or observed before, so the last change of a user wins even when
//! clocks differ by minutes. A node whose wall clock is not set uses the flock's time as far as it has learned it.

use crate::limits::{CLOCK_AHEAD_MS_MAX, FLOCK_TIME_MS_MAX};
use crate::time::Now;

const COUNTER_BITS: u32 = 16;
/// The longest stride of a boot; even so some hundred changes fit into a millisecond.
const STRIDE_MAX: u64 = 256;

/// A version's clock is too far ahead of ours to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFarAhead;

/// The clock that stamps versions.
#[derive(Clone, Debug)]
pub struct Hlc {
    last: u64,
    /// How far a reading is from the one before it while the wall clock does not move forward.
    stride: u64,
    synced: bool,
    /// Wall less mono milliseconds, as others have it, and whether a synchronised clock said so. Used while ours is not.
    learned: Option<(i64, bool)>,
}

impl Hlc {
    /// A clock that continues from the greatest reading known from before (the journal's), 0 if none. Readings after that
    /// one may have been lost with the power, and others may have heard of them: `boot`, drawn anew at each start, keeps
    /// us from reading the same again and calling something else by it.
    pub const fn new(last: u64, synced: bool, boot: u64) -> Self {
        Self { last, stride: 1 + boot % STRIDE_MAX, synced, learned: None }
    }

    /// Whether our own wall clock is synchronised.
    pub const fn set_synced(&mut self, synced: bool) {
        self.synced = synced;
    }

    /// Whether our own wall clock is synchronised.
    pub const fn synced(&self) -> bool {
        self.synced
    }

    /// Whether the time is one to be trusted: our own clock's, or the flock's.
    pub const fn knows_time(&self) -> bool {
        self.synced || matches!(self.learned, Some((_, true)))
    }

    /// Learns the time from another member. A synchronised clock is believed; of others the one furthest ahead, so that
    /// a flock in which no clock is set still has one time. With a clock that knows the time, nothing is learned from one
    /// too far from it.
    pub fn learn(&mut self, now: Now, wall_ms: i64, synced: bool) {
        if self.knows_time() && !self.is_near(now, wall_ms) {
            return;
        }
        let wall_ms = wall_ms.clamp(0, FLOCK_TIME_MS_MAX);
        let ahead = !self.knows_time() && wall_ms > self.wall_ms(now);
        if synced || ahead {
            let offset_ms = wall_ms.saturating_sub(now.mono.as_ms().cast_signed());
            self.learned = Some((offset_ms, synced));
        }
    }

    /// The wall clock's milliseconds: ours when synchronised, the flock's when learned, ours for want of better.
    pub const fn wall_ms(&self, now: Now) -> i64 {
        match self.learned {
            Some((learned, _)) if !self.synced => {
                now.mono.as_ms().cast_signed().saturating_add(learned)
            }
            _ => now.wall.as_ms(),
        }
    }

    /// Whether a clock is near enough to ours to compare what has ended.
    pub const fn is_near(&self, now: Now, wall_ms: i64) -> bool {
        wall_ms.saturating_sub(self.wall_ms(now)).saturating_abs() <= CLOCK_AHEAD_MS_MAX
    }

    /// A reading greater than all before, to stamp a change with.
    pub const fn tick(&mut self, now: Now) -> u64 {
        let wall = from_wall_ms(self.wall_ms(now));
        self.last = if wall > self.last { wall } else { self.last.saturating_add(self.stride) };
        self.last
    }

    /// Takes note of another's reading, so that our next one is greater. With a clock that knows the time, a reading
    /// too far ahead is refused and nothing is noted.
    pub fn observe(&mut self, now: Now, hlc: u64) -> Result<(), TooFarAhead> {
        let ahead_ms = (hlc >> COUNTER_BITS).cast_signed().saturating_sub(self.wall_ms(now));
        if self.knows_time() && ahead_ms > CLOCK_AHEAD_MS_MAX {
            return Err(TooFarAhead);
        }
        self.last = self.last.max(hlc);
        Ok(())
    }
}

/// The first reading of a time.
pub(super) const fn from_wall_ms(ms: i64) -> u64 {
    let ms = if ms < 0 { 0 } else { ms.cast_unsigned() };
    ms << COUNTER_BITS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::{Mono, Wall};

    fn at(mono_ms: u64, wall_ms: i64) -> Now {
        Now { mono: Mono::from_ms(mono_ms), wall: Wall::from_ms(wall_ms) }
    }

    #[test]
    fn a_clock_that_steps_back_still_counts_up() {
        let mut hlc = Hlc::new(0, true, 0);
        let before = hlc.tick(at(0, 1_000));
        assert!(hlc.tick(at(1, 500)) > before);
    }

    #[test]
    fn a_change_made_after_another_was_seen_wins() {
        let (mut fast, mut slow) = (Hlc::new(0, true, 0), Hlc::new(0, true, 0));
        let seen = fast.tick(at(0, 300_000));
        slow.observe(at(0, 0), seen).unwrap();
        assert!(slow.tick(at(1, 1)) > seen);
    }

    #[test]
    fn a_reading_too_far_ahead_is_refused_and_leaves_no_trace() {
        let mut hlc = Hlc::new(0, true, 0);
        let ahead = from_wall_ms(CLOCK_AHEAD_MS_MAX + 1);
        assert_eq!(hlc.observe(at(0, 0), ahead), Err(TooFarAhead));
        assert!(hlc.tick(at(1, 1)) < ahead);
        hlc.set_synced(false);
        assert_eq!(hlc.observe(at(0, 0), ahead), Ok(()), "who does not know the time cannot judge");
    }

    #[test]
    fn an_unset_clock_takes_the_flocks_time_until_it_is_set() {
        let mut hlc = Hlc::new(0, false, 0);
        assert!(!hlc.knows_time());
        hlc.learn(at(0, 5), 4_000_000_000_000, false);
        assert!(!hlc.knows_time(), "another unset clock is no authority");
        hlc.learn(at(1_000, 5), 1_700_000_000_000, true);
        hlc.learn(at(1_000, 5), 4_000_000_000_000, false);
        assert_eq!(hlc.wall_ms(at(3_000, 2_005)), 1_700_000_002_000);
        hlc.set_synced(true);
        assert_eq!(hlc.wall_ms(at(3_000, 1_700_000_000_500)), 1_700_000_000_500);
    }

    #[test]
    fn a_set_clock_learns_no_distant_time() {
        let mut hlc = Hlc::new(0, false, 0);
        let known = 1_700_000_000_000;
        hlc.learn(at(0, 5), known, true);
        for far in [i64::MIN, 0, known - CLOCK_AHEAD_MS_MAX - 1, known + CLOCK_AHEAD_MS_MAX + 1] {
            hlc.learn(at(0, 5), far, true);
            assert_eq!(hlc.wall_ms(at(0, 5)), known);
        }
        hlc.learn(at(0, 5), known + CLOCK_AHEAD_MS_MAX, true);
        assert_eq!(hlc.wall_ms(at(0, 5)), known + CLOCK_AHEAD_MS_MAX);
    }

    #[test]
    fn times_that_no_clock_shows_overflow_nothing() {
        for (said, learned) in [(i64::MIN, 0), (i64::MAX, FLOCK_TIME_MS_MAX)] {
            let mut hlc = Hlc::new(0, false, 0);
            hlc.learn(at(3, 5), said, true);
            assert_eq!(hlc.wall_ms(at(3, 5)), learned);
            let _refused = hlc.observe(at(3, 5), u64::MAX);
            assert!(hlc.tick(at(3, 5)) >= from_wall_ms(learned));
        }
        let mut hlc = Hlc::new(0, true, 0);
        assert_eq!(hlc.observe(at(0, i64::MIN), u64::MAX), Err(TooFarAhead));
    }

    proptest! {
        #[test]
        fn every_reading_is_greater_than_all_before(
            steps in proptest::collection::vec((0_i64..1 << 40, proptest::option::of(0_u64..1 << 56)), 1..50)
        ) {
            let mut hlc = Hlc::new(0, true, 0);
            let mut last = 0;
            for (wall_ms, seen) in steps {
                let now = at(0, wall_ms);
                if let Some(seen) = seen && hlc.observe(now, seen).is_ok() {
                    last = last.max(seen);
                }
                let reading = hlc.tick(now);
                prop_assert!(reading > last);
                last = reading;
            }
        }
    }
}

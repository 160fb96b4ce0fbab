//! The two kinds of time. [`Mono`] is for everything that waits, [`Wall`] for everything that is compared across
//! nodes or reboots. Both are read in `shell/clock.rs` alone.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// 2026-01-01: a clock that shows less was never set. Without a battery it starts in 1970, or when systemd was built.
pub const SET_SINCE: Wall = Wall::from_secs(1_767_225_600);

/// Milliseconds on a clock that never steps and counts through suspend (`CLOCK_BOOTTIME`). Means nothing on another
/// node or after a reboot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(u64);

impl Mono {
    /// The clock's own zero.
    pub const ZERO: Self = Self(0);

    /// A reading of the clock, in milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the clock's own zero.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// The time that has passed since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Mono {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Mono {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// How far the wall clock is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockTrust {
    /// Nobody has set it since the boot.
    Unset,
    /// It was synchronised since the boot, and has gone on by itself for long.
    Set,
    /// It is synchronised.
    Synced,
}

/// Nanoseconds since 1970-01-01T00:00:00Z, as the wall clock has it: it may be wrong and it may step. Covers the years
/// 1677 to 2262; arithmetic saturates there.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(i64);

impl Wall {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// The latest time there is.
    pub const MAX: Self = Self(i64::MAX);
    /// The earliest time there is.
    pub const MIN: Self = Self(i64::MIN);

    /// A time so many nanoseconds after the epoch.
    pub const fn from_ns(ns: i64) -> Self {
        Self(ns)
    }

    /// A time so many milliseconds after the epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// A time so many seconds after the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// The same without the fraction of its second, as people read it.
    #[must_use]
    pub const fn whole_secs(self) -> Self {
        Self::from_secs(self.0.div_euclid(1_000_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_ns(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    pub const fn as_ms(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The time that has passed since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Wall {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Wall {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }
}

/// RFC 3339 in UTC with as many fractional digits as the value needs, as Go's `RFC3339Nano` prints it.
impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.div_euclid(1_000_000_000);
        let ns = i32::try_from(self.0.rem_euclid(1_000_000_000)).unwrap_or(0);
        match jiff::Timestamp::new(secs, ns) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{secs}.{ns:09}"),
        }
    }
}

impl serde::Serialize for Wall {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Both clocks, read at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For everything that waits.
    pub mono: Mono,
    /// For everything that is compared across nodes or reboots.
    pub wall: Wall,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_for_people_has_no_fraction_of_a_second() {
        for (ms, shown) in [(1_500, "1970-01-01T00:00:01Z"), (-1, "1969-12-31T23:59:59Z")] {
            assert_eq!(Wall::from_ms(ms).whole_secs().to_string(), shown);
        }
    }
}

//! A time as Go's `time.Time` is: an instant and the zone that it is shown in.

use jiff::tz::TimeZone;

use crate::time::Wall;

/// An instant with the zone that it is shown in.
#[derive(Clone, Debug)]
pub struct Time {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub secs: i64,
    /// Nanoseconds of the second.
    pub nanos: u32,
    /// Where it is shown.
    pub zone: TimeZone,
}

impl Time {
    /// Go's zero time, 0001-01-01T00:00:00Z: the end of an alert that fires.
    pub const ZERO: Self = Self { secs: -62_135_596_800, nanos: 0, zone: TimeZone::UTC };
}

impl From<Wall> for Time {
    fn from(wall: Wall) -> Self {
        let nanos = u32::try_from(wall.as_ns().rem_euclid(1_000_000_000)).unwrap_or(0);
        Self { secs: wall.as_ns().div_euclid(1_000_000_000), nanos, zone: TimeZone::UTC }
    }
}

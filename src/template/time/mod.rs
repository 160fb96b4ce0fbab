//! A time as Go's `time.Time` is: an instant and the zone that it is shown in.

mod layout;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

use crate::time::Wall;

pub(super) use layout::{format, parse};

const SECOND: i64 = 1_000_000_000;

/// An instant with the zone that it is shown in. Years 1 to 9999.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    /// Reads RFC 3339.
    pub fn parse_rfc3339(text: &str) -> Result<Self, String> {
        parse("2006-01-02T15:04:05Z07:00", text)
    }

    /// A time of the wall clock, in UTC.
    pub fn from_wall(wall: Wall) -> Self {
        Self {
            secs: wall.as_ns().div_euclid(SECOND),
            nanos: u32::try_from(wall.as_ns().rem_euclid(SECOND)).unwrap_or(0),
            zone: TimeZone::UTC,
        }
    }

    /// The time so much later. Fails beyond the year 9999.
    pub fn after(&self, duration: Duration) -> Result<Self, String> {
        let nanos = i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
        Self::of_nanos(self.nanos().saturating_add(nanos), self.zone.clone())
    }

    /// RFC 3339 with as many fractional digits as the value needs.
    pub fn rfc3339(&self) -> String {
        self.format("2006-01-02T15:04:05.999999999Z07:00")
    }

    /// The time as Go's `layout` shows it.
    pub fn format(&self, layout: &str) -> String {
        format(self, layout)
    }

    pub(super) fn of_nanos(nanos: i128, zone: TimeZone) -> Result<Self, String> {
        let second = i128::from(SECOND);
        let out_of_range = |_| "a time beyond the year 9999".to_owned();
        let secs =
            i64::try_from(nanos.div_euclid(second)).map_err(|_| "out of range".to_owned())?;
        let nanos = u32::try_from(nanos.rem_euclid(second)).unwrap_or(0);
        Timestamp::new(secs, i32::try_from(nanos).unwrap_or(0)).map_err(out_of_range)?;
        Ok(Self { secs, nanos, zone })
    }

    /// Nanoseconds since 1970.
    pub(super) fn nanos(&self) -> i128 {
        i128::from(self.secs) * i128::from(SECOND) + i128::from(self.nanos)
    }

    /// Nanoseconds since Go's zero time, by which it rounds.
    fn since_zero(&self) -> i128 {
        self.nanos() - Self::ZERO.nanos()
    }

    /// To a multiple of `step` nanoseconds since the zero time: down, or to the nearest.
    pub(super) fn rounded(&self, step: i64, nearest: bool) -> Result<Self, String> {
        if step <= 0 {
            return Ok(self.clone());
        }
        let rest = self.since_zero().rem_euclid(i128::from(step));
        let up = nearest && 2 * rest >= i128::from(step);
        let nanos = self.nanos() - rest + if up { i128::from(step) } else { 0 };
        Self::of_nanos(nanos, self.zone.clone())
    }

    pub(super) fn timestamp(&self) -> Timestamp {
        let nanos = i32::try_from(self.nanos).unwrap_or(0);
        Timestamp::new(self.secs, nanos).unwrap_or_default()
    }

    /// The local time of day and date.
    pub(super) fn civil(&self) -> DateTime {
        self.zone.to_datetime(self.timestamp())
    }

    pub(super) fn offset(&self) -> Offset {
        self.zone.to_offset(self.timestamp())
    }

    /// The zone's abbreviation at this time; none if the zone is a mere offset.
    pub(super) fn abbreviation(&self) -> Option<String> {
        if self.zone == TimeZone::UTC {
            return Some("UTC".to_owned());
        }
        if self.zone.to_fixed_offset().is_ok() && self.zone.iana_name().is_none() {
            return None;
        }
        Some(self.zone.to_offset_info(self.timestamp()).abbreviation().to_owned())
    }

    /// A civil time in a zone; what a clock change skips or repeats is taken as Go takes it.
    pub(super) fn from_civil(civil: DateTime, zone: TimeZone) -> Result<Self, String> {
        let zoned =
            zone.to_ambiguous_zoned(civil).compatible().map_err(|error| error.to_string())?;
        let timestamp = zoned.timestamp();
        Self::of_nanos(timestamp.as_nanosecond(), zone)
    }

    /// `AddDate`: what overflows a month goes into the next one.
    pub(super) fn add_date(&self, years: i64, months: i64, days: i64) -> Result<Self, String> {
        let civil = self.civil();
        let beyond = || "a date beyond the year 9999".to_owned();
        let months = years
            .checked_mul(12)
            .and_then(|all| all.checked_add(months))
            .and_then(|all| all.checked_add(i64::from(civil.month()) - 1))
            .ok_or_else(beyond)?;
        let year = i64::from(civil.year()).checked_add(months.div_euclid(12)).ok_or_else(beyond)?;
        let year = i16::try_from(year).map_err(|_| beyond())?;
        let month = i8::try_from(months.rem_euclid(12) + 1).unwrap_or(1);
        let first = Date::new(year, month, 1).map_err(|_| beyond())?;
        let days = days.checked_add(i64::from(civil.day()) - 1).ok_or_else(beyond)?;
        let days = i32::try_from(days).map_err(|_| beyond())?;
        let span = jiff::Span::new().try_days(days).map_err(|_| beyond())?;
        let date = first.checked_add(span).map_err(|_| beyond())?;
        Self::from_civil(date.to_datetime(civil.time()), self.zone.clone())
    }

    /// `%#v`
    pub(super) fn go_source(&self) -> String {
        let civil = self.civil();
        let zone = if self.zone == TimeZone::UTC {
            "time.UTC".to_owned()
        } else {
            format!("time.Location({:?})", zone_name(&self.zone))
        };
        format!(
            "time.Date({}, time.{}, {}, {}, {}, {}, {}, {zone})",
            civil.year(),
            month_name(i64::from(civil.month())),
            civil.day(),
            civil.hour(),
            civil.minute(),
            civil.second(),
            self.nanos
        )
    }
}

impl From<Wall> for Time {
    fn from(wall: Wall) -> Self {
        let nanos = u32::try_from(wall.as_ns().rem_euclid(SECOND)).unwrap_or(0);
        Self { secs: wall.as_ns().div_euclid(SECOND), nanos, zone: TimeZone::UTC }
    }
}

/// As Go prints a time.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format(self, "2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The English name of a month, 1 to 12.
pub(super) fn month_name(month: i64) -> String {
    let name = usize::try_from(month - 1).ok().and_then(|i| MONTHS.get(i));
    name.map_or_else(|| format!("%!Month({month})"), |name| (*name).to_owned())
}

/// The English name of a weekday; Sunday is 0.
pub(super) fn weekday_name(day: i64) -> String {
    let name = usize::try_from(day).ok().and_then(|i| WEEKDAYS.get(i));
    name.map_or_else(|| format!("%!Weekday({day})"), |name| (*name).to_owned())
}

/// A zone's name.
pub(super) fn zone_name(zone: &TimeZone) -> String {
    if *zone == TimeZone::UTC { "UTC" } else { zone.iana_name().unwrap_or_default() }.to_owned()
}

/// A zone by its name; `Local` is the system's.
pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    match name {
        "" | "UTC" => Ok(TimeZone::UTC),
        "Local" => Ok(local()),
        name => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}")),
    }
}

/// The system's zone.
pub(super) fn local() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}

/// A duration as Go prints it: `1h2m3.5s`, `1.5ms`, `0s`.
pub(super) fn duration_text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let amount = nanos.unsigned_abs();
    // Of a unit that has so many decimal places.
    let in_unit = |amount: u64, places: u32, name: &str| {
        let unit = 10_u64.pow(places);
        let rest = format!("{:0width$}", amount % unit, width = places as usize);
        let rest = if places == 0 { "" } else { rest.trim_end_matches('0') };
        format!("{}{}{rest}{name}", amount / unit, if rest.is_empty() { "" } else { "." })
    };
    let text = match amount {
        0 => "0s".to_owned(),
        1..1_000 => in_unit(amount, 0, "ns"),
        1_000..1_000_000 => in_unit(amount, 3, "µs"),
        1_000_000..1_000_000_000 => in_unit(amount, 6, "ms"),
        _ => {
            let minutes = amount / (60 * SECOND.unsigned_abs());
            let seconds = in_unit(amount % (60 * SECOND.unsigned_abs()), 9, "s");
            match (minutes / 60, minutes % 60) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    };
    format!("{sign}{text}")
}

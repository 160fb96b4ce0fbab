//! Time intervals: when a route is muted or active.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::time::Wall;

/// A named interval: the times at which any of its periods holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeInterval {
    /// The name that routes use.
    pub name: Arc<str>,
    /// Any of which holds.
    pub periods: Vec<Period>,
}

impl TimeInterval {
    /// Whether `now` lies in it.
    pub fn contains(&self, now: Wall) -> bool {
        self.periods.iter().any(|period| period.contains(now))
    }

    /// How many minutes from that of `now` on nothing changes about that, unless the clocks of its zone go forward or back.
    pub fn steady_minutes(&self, now: Wall) -> u64 {
        self.periods.iter().map(|period| period.steady_minutes(now)).min().unwrap_or(DAY_MINUTES)
    }
}

/// Every field that something was added to must hold, each by any of what was added. A new period always holds.
///
/// Matches Alertmanager's `timeinterval`, save that a month has all its days: Alertmanager divides the month's hours by
/// 24, and so knows no 31 March where the clocks go forward in March.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// In minutes of the day, the end excluded.
    times: Vec<Range>,
    /// Sunday is 0.
    weekdays: Vec<Range>,
    /// Negative days count from the end of the month, which is -1.
    days_of_month: Vec<Range>,
    /// January is 1.
    months: Vec<Range>,
    years: Vec<Range>,
    zone: TimeZone,
}

/// The end is included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    begin: i32,
    end: i32,
}

impl Range {
    const fn holds(self, at: i32) -> bool {
        self.begin <= at && at <= self.end
    }
}

/// A clock that shows an earlier year was never set: [`crate::time::SET_SINCE`].
const YEAR_MIN: i32 = 2026;

const DAY_MINUTES: u64 = 24 * 60;

/// Sunday first.
const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// The months in order.
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Default for Period {
    fn default() -> Self {
        Self {
            times: Vec::new(),
            weekdays: Vec::new(),
            days_of_month: Vec::new(),
            months: Vec::new(),
            years: Vec::new(),
            zone: TimeZone::UTC,
        }
    }
}

impl Period {
    /// Adds the minutes from `start` up to but not including `end`, written `00:00` to `24:00`; the start comes first.
    pub fn add_times(&mut self, start: &str, end: &str) -> Result<(), IntervalError> {
        let (begin, end_minute) = (minute_of(start)?, minute_of(end)?);
        if begin >= end_minute {
            let (start, end) = (start.to_owned(), end.to_owned());
            return Err(IntervalError::TimeOrder { start, end });
        }
        self.times.push(Range { begin, end: end_minute - 1 });
        Ok(())
    }

    /// Adds no time at all: with nothing else it never holds, as in Alertmanager.
    pub fn add_no_times(&mut self) {
        self.times.push(Range { begin: 0, end: -1 });
    }

    /// Adds no day at all: with nothing else it never holds, as in Alertmanager.
    pub fn add_no_day(&mut self) {
        self.days_of_month.push(Range { begin: 0, end: 0 });
    }

    /// Whether it will never hold: it asks for a month that there is not, for a day that none of its months has, for years
    /// that are over, or for no time of a day.
    pub fn never_holds(&self) -> bool {
        let february = if self.has_leap_year() { 29 } else { 28 };
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let any = |ranges: &[Range], at: i32| {
            ranges.is_empty() || ranges.iter().any(|range| range.holds(at))
        };
        let has_day = |days: i32| {
            let from_start = |day: i32| if day < 0 { days + day + 1 } else { day };
            let holds = |range: &Range| {
                let (begin, end) =
                    (from_start(range.begin).max(1), from_start(range.end).min(days));
                begin <= end
            };
            self.days_of_month.is_empty() || self.days_of_month.iter().any(holds)
        };
        let has_month =
            (1..).zip(lengths).any(|(month, days)| any(&self.months, month) && has_day(days));
        let over = |range: &Range| range.end < YEAR_MIN;
        let is_past = !self.years.is_empty() && self.years.iter().all(over);
        let has_no_time = !self.times.is_empty() && self.times.iter().all(|it| it.begin > it.end);
        !has_month || is_past || has_no_time
    }

    /// Whether one of its years, of those to come, has a 29 February.
    fn has_leap_year(&self) -> bool {
        let is_leap = |year: i32| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let has_one = |range: &Range| {
            let begin = range.begin.max(YEAR_MIN);
            // Eight years have one, even around the end of a century.
            (begin..=range.end.min(begin.saturating_add(8))).any(is_leap)
        };
        self.years.is_empty() || self.years.iter().any(has_one)
    }

    /// Adds a weekday or a range of them, `monday:friday`, in either case. The week begins with Sunday.
    pub fn add_weekdays(&mut self, text: &str) -> Result<(), IntervalError> {
        let range = range_of(text, |text| {
            position(&WEEKDAYS, text).ok_or_else(|| IntervalError::Weekday(text.to_owned()))
        })?;
        self.weekdays.push(in_order(text, range)?);
        Ok(())
    }

    /// Adds a day of the month or a range of them, 1 to 31 from the start or -1 to -31 from the end. Days that a month
    /// lacks are no days of it.
    pub fn add_days_of_month(&mut self, text: &str) -> Result<(), IntervalError> {
        let range = range_of(text, |text| {
            let day = number(text)?;
            if day == 0 || !(-31..=31).contains(&day) {
                return Err(IntervalError::Day(day));
            }
            Ok(day)
        })?;
        if range.begin < 0 && range.end > 0 {
            return Err(IntervalError::DaySigns(text.to_owned()));
        }
        // In the shortest month, so that no range is empty in every month.
        let at = |day: i32| if day < 0 { 28 + day } else { day };
        in_order(text, Range { begin: at(range.begin), end: at(range.end) })?;
        self.days_of_month.push(range);
        Ok(())
    }

    /// Adds a month or a range of them, by name in either case or by number, `january:3`.
    pub fn add_months(&mut self, text: &str) -> Result<(), IntervalError> {
        let range = range_of(text, |text| {
            let named = position(&MONTHS, text).map(|month| month + 1);
            named.or_else(|| text.parse().ok()).ok_or_else(|| IntervalError::Month(text.to_owned()))
        })?;
        self.months.push(in_order(text, range)?);
        Ok(())
    }

    /// Adds a year or a range of them, `2026:2030`.
    pub fn add_years(&mut self, text: &str) -> Result<(), IntervalError> {
        self.years.push(in_order(text, range_of(text, number)?)?);
        Ok(())
    }

    /// Reads all that was added, and all that will be, in this zone rather than in UTC.
    pub fn set_location(&mut self, location: Location) {
        self.zone = location.0;
    }

    fn steady_minutes(&self, now: Wall) -> u64 {
        let there = self.there(now);
        let minute = i32::from(there.hour()) * 60 + i32::from(there.minute());
        let ends = self.times.iter().flat_map(|it| [it.begin, it.end + 1]);
        let left = ends.filter_map(|at| u64::try_from(at - minute).ok().filter(|left| *left > 0));
        let to_midnight = DAY_MINUTES.saturating_sub(u64::try_from(minute).unwrap_or(0));
        left.min().map_or(to_midnight, |left| left.min(to_midnight))
    }

    /// A time as the clocks of its zone show it.
    fn there(&self, now: Wall) -> DateTime {
        let timestamp = Timestamp::from_nanosecond(i128::from(now.as_ns()));
        self.zone.to_datetime(timestamp.unwrap_or_default())
    }

    /// Whether `now` lies in it.
    pub fn contains(&self, now: Wall) -> bool {
        let there = self.there(now);
        let holds = |ranges: &[Range], at: i32| {
            ranges.is_empty() || ranges.iter().any(|range| range.holds(at))
        };
        let days = i32::from(there.days_in_month());
        let from_start = |day: i32| if day < 0 { days + day + 1 } else { day };
        let day = i32::from(there.day());

        holds(&self.times, i32::from(there.hour()) * 60 + i32::from(there.minute()))
            && (self.days_of_month.is_empty()
                || self.days_of_month.iter().any(|range| {
                    let (begin, end) = (from_start(range.begin), from_start(range.end));
                    Range { begin, end }.holds(day)
                }))
            && holds(&self.months, i32::from(there.month()))
            && holds(&self.weekdays, i32::from(there.weekday().to_sunday_zero_offset()))
            && holds(&self.years, i32::from(there.year()))
    }
}

/// The time zone that a period is read in. Found when the config is loaded, from then on without a look at the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location(TimeZone);

impl Location {
    /// UTC.
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone of an IANA name, such as `Europe/Berlin`, from the machine's time zone database; `UTC`; or `Local`, the
    /// machine's own zone, which is UTC where it has none. Reads files: for loading a config, not for deciding.
    pub fn from_name(name: &str) -> Result<Self, IntervalError> {
        match name {
            "" | "UTC" => Ok(Self::utc()),
            "Local" => Ok(Self(TimeZone::try_system().unwrap_or(TimeZone::UTC))),
            // Alertmanager tells upper case from lower.
            _ => TimeZone::get(name)
                .ok()
                .filter(|zone| zone.iana_name() == Some(name))
                .map(Self)
                .ok_or_else(|| {
                    let name = name.to_owned();
                    if jiff::tz::db().is_definitively_empty() {
                        IntervalError::NoZones(name)
                    } else {
                        IntervalError::Zone(name)
                    }
                }),
        }
    }
}

/// A text that is no part of a time interval. Changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntervalError {
    /// No day of any month.
    Day(i32),
    /// A range of days from the month's end to days from its start.
    DaySigns(String),
    /// No month.
    Month(String),
    /// There is no zone but UTC, for the machine has no time zone database.
    NoZones(String),
    /// No whole number.
    Number(String),
    /// The range ends before it begins.
    Order(String),
    /// No range.
    Range(String),
    /// No time of a day.
    Time(String),
    /// The end is not later than the start.
    TimeOrder {
        /// From when.
        start: String,
        /// Until when.
        end: String,
    },
    /// No weekday.
    Weekday(String),
    /// No zone of the machine's time zone database.
    Zone(String),
}

impl fmt::Display for IntervalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(
                f,
                "{day} is not a valid day of the month: out of range: write 1 to 31, or -31 to -1 from the end"
            ),
            Self::DaySigns(text) => write!(
                f,
                "days of month {text:?}: end day must be negative if start day is negative: a range cannot reach into \
                 the next month"
            ),
            Self::Month(text) => write!(
                f,
                "{text} is not a valid month: write its English name or its number, such as january or 1"
            ),
            Self::NoZones(name) => write!(
                f,
                "unknown time zone {name}: this machine has no time zone database: install the package tzdata (on \
                 OpenWrt zoneinfo-all), or use UTC"
            ),
            Self::Number(text) => write!(f, "{text:?} is not a whole number"),
            Self::Order(text) => write!(
                f,
                "range {text:?} ends before it begins: write two ranges, one up to the end and one from the start"
            ),
            Self::Range(text) => {
                write!(f, "couldn't parse range {text}, invalid format: write begin:end")
            }
            Self::Time(text) => write!(
                f,
                "couldn't parse timestamp {text}, invalid format: write HH:MM, from 00:00 to 24:00"
            ),
            Self::TimeOrder { start, end } => write!(
                f,
                "start time {start} cannot be equal or greater than end time {end}: split what passes midnight in two, \
                 one up to 24:00 and one from 00:00"
            ),
            Self::Weekday(text) => {
                write!(f, "{text} is not a valid weekday: write its English name, such as monday")
            }
            Self::Zone(name) => write!(
                f,
                "unknown time zone {name}: write a name of the time zone database such as Europe/Berlin, UTC or Local"
            ),
        }
    }
}

impl std::error::Error for IntervalError {}

fn minute_of(text: &str) -> Result<i32, IntervalError> {
    let fail = || IntervalError::Time(text.to_owned());
    let &[h1, h2, b':', m1, m2] = text.as_bytes() else { return Err(fail()) };
    let two = |tens: u8, ones: u8| {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        digits.then(|| i32::from(tens - b'0') * 10 + i32::from(ones - b'0'))
    };
    match (two(h1, h2), two(m1, m2)) {
        (Some(hour @ 0..24), Some(minute @ 0..60)) => Ok(hour * 60 + minute),
        (Some(24), Some(0)) => Ok(24 * 60),
        _ => Err(fail()),
    }
}

/// Reads `begin:end`, or one member as a range of itself.
fn range_of(
    text: &str,
    member: impl Fn(&str) -> Result<i32, IntervalError>,
) -> Result<Range, IntervalError> {
    match text.split_once(':') {
        Some((_, end)) if end.contains(':') => Err(IntervalError::Range(text.to_owned())),
        Some((begin, end)) => Ok(Range { begin: member(begin)?, end: member(end)? }),
        None => member(text).map(|at| Range { begin: at, end: at }),
    }
}

fn in_order(text: &str, range: Range) -> Result<Range, IntervalError> {
    if range.begin > range.end { Err(IntervalError::Order(text.to_owned())) } else { Ok(range) }
}

fn position(names: &[&str], text: &str) -> Option<i32> {
    let at = names.iter().position(|name| name.eq_ignore_ascii_case(text))?;
    i32::try_from(at).ok()
}

/// A whole number; what is beyond every year there is stays so.
fn number(text: &str) -> Result<i32, IntervalError> {
    let number: i64 = text.parse().map_err(|_| IntervalError::Number(text.to_owned()))?;
    Ok(i32::try_from(number.clamp(i32::MIN.into(), i32::MAX.into())).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The period of `field value` lines.
    fn period(lines: &[(&str, &str)]) -> Result<Period, IntervalError> {
        let mut period = Period::default();
        for &(field, text) in lines {
            match field {
                "times" => {
                    let (start, end) = text.split_once('-').unwrap();
                    period.add_times(start, end)?;
                }
                "weekdays" => period.add_weekdays(text)?,
                "days" => period.add_days_of_month(text)?,
                "months" => period.add_months(text)?,
                "years" => period.add_years(text)?,
                "location" => period.set_location(Location::from_name(text)?),
                _ => panic!("no such field: {field}"),
            }
        }
        Ok(period)
    }

    fn at(text: &str) -> Wall {
        let timestamp: Timestamp = text.parse().unwrap();
        Wall::from_ns(i64::try_from(timestamp.as_nanosecond()).unwrap())
    }

    fn check(lines: &[(&str, &str)], inside: &[&str], outside: &[&str]) {
        let period = period(lines).unwrap();
        for (times, expected) in [(inside, true), (outside, false)] {
            for text in times {
                assert_eq!(period.contains(at(text)), expected, "{lines:?} at {text}");
            }
        }
    }

    #[test]
    fn nothing_set_holds_always_and_no_period_never() {
        check(&[], &["1970-01-01T00:00:00Z", "2026-05-04T15:04:00Z"], &[]);
        assert!(Period::default().contains(Wall::MIN) && Period::default().contains(Wall::MAX));
        let never = TimeInterval { name: "never".into(), periods: Vec::new() };
        assert!(!never.contains(Wall::EPOCH));
    }

    #[test]
    fn the_start_is_inside_and_the_end_is_not() {
        check(
            &[("times", "09:00-17:00"), ("weekdays", "monday:friday")],
            &["2020-05-04T09:00:00Z", "2020-05-05T16:59:59.999Z", "2020-05-08T12:00:00Z"],
            &[
                "2020-05-04T08:59:59.999Z",
                "2020-05-05T17:00:00Z",
                "2020-05-03T12:00:00Z",
                "2020-05-09T12:00:00Z",
            ],
        );
        check(&[("times", "00:00-24:00")], &["2020-05-04T00:00:00Z", "2020-05-04T23:59:59Z"], &[]);
    }

    #[test]
    fn fields_hold_together_and_values_of_a_field_by_themselves() {
        check(
            &[
                ("weekdays", "monday:Friday"),
                ("weekdays", "SUNDAY"),
                ("months", "January:3"),
                ("days", "-7:-1"),
                ("years", "2020:2025"),
                ("years", "2030"),
                ("times", "09:00-12:00"),
                ("times", "13:00-17:00"),
            ],
            &[
                "2021-01-27T09:00:00Z",
                "2021-01-28T16:59:00Z",
                "2025-03-31T13:00:00Z",
                "2030-01-27T13:00:00Z",
            ],
            &[
                "2021-01-30T13:00:00Z",
                "2021-04-01T13:00:00Z",
                "2026-01-30T13:00:00Z",
                "2021-01-28T12:30:00Z",
                "2021-01-22T10:00:00Z",
            ],
        );
    }

    #[test]
    fn negative_days_count_from_the_end_of_each_month() {
        check(
            &[("days", "-3:-1")],
            &[
                "2020-01-29T15:04:00Z",
                "2020-01-31T23:59:00Z",
                "2020-06-28T00:00:00Z",
                "2020-02-27T00:00:00Z",
                "2020-02-29T23:05:00Z",
                "2021-02-26T00:00:00Z",
            ],
            &["2020-01-28T15:04:00Z", "2020-02-26T23:59:00Z", "2020-03-01T00:00:00Z"],
        );
        check(&[("days", "1:-1")], &["2021-02-01T00:00:00Z", "2021-02-28T00:00:00Z"], &[]);
        check(
            &[("days", "20:-5")],
            &["2021-02-20T00:00:00Z", "2021-02-24T00:00:00Z", "2021-01-27T00:00:00Z"],
            &["2021-02-19T00:00:00Z", "2021-02-25T00:00:00Z", "2021-01-28T00:00:00Z"],
        );
    }

    #[test]
    fn days_that_a_month_lacks_are_no_days_of_its_neighbours() {
        check(
            &[("days", "-31:-20"), ("days", "11:31"), ("months", "june")],
            &["2020-06-01T00:00:00Z", "2020-06-30T23:59:00Z"],
            &["2020-05-31T23:59:00Z", "2020-07-01T00:00:00Z"],
        );
        check(
            &[("days", "30:31")],
            &["2021-01-30T13:00:00Z", "2021-04-30T13:00:00Z"],
            &["2021-02-28T13:00:00Z", "2021-03-01T13:00:00Z"],
        );
        check(&[("days", "-31:-30")], &["2021-01-02T00:00:00Z"], &["2021-02-01T00:00:00Z"]);
    }

    #[test]
    fn a_location_moves_the_hours_and_the_days() {
        check(
            &[
                ("location", "Australia/Sydney"),
                ("times", "09:00-17:00"),
                ("weekdays", "monday:friday"),
            ],
            &["2021-04-06T13:00:00+10:00", "2021-11-01T09:00:00+11:00", "2021-10-31T22:00:00Z"],
            &["2021-04-06T13:00:00Z", "2021-10-31T21:00:00Z"],
        );
        check(
            &[("location", "America/New_York"), ("days", "-1"), ("months", "12")],
            &["2022-01-01T04:59:00Z"],
            &["2022-01-01T05:00:00Z", "2021-12-31T04:59:00Z"],
        );
    }

    #[test]
    fn clocks_that_go_forward_skip_an_hour_and_back_repeat_one() {
        let night = [("location", "Europe/Berlin"), ("times", "02:00-03:00")];
        check(&night, &[], &["2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z"]);
        check(
            &night,
            &["2026-10-25T00:00:00Z", "2026-10-25T01:59:00Z"],
            &["2026-10-24T23:59:00Z", "2026-10-25T02:00:00Z"],
        );
        check(
            &[("location", "Europe/Berlin"), ("days", "-1")],
            &["2026-03-31T10:00:00Z"],
            &["2026-03-30T10:00:00Z"],
        );
    }

    #[test]
    fn utc_and_local_are_zones_everywhere() {
        for name in ["", "UTC", "Local"] {
            assert!(Location::from_name(name).is_ok(), "{name}");
        }
        assert_eq!(Location::from_name("UTC"), Ok(Location::utc()));
    }

    #[test]
    fn a_malformed_interval_is_refused_with_value_and_rule() {
        let cases = [
            ("times", "01:99-23:59", "couldn't parse timestamp 01:99, invalid format"),
            ("times", "00:00-99:99", "couldn't parse timestamp 99:99, invalid format"),
            ("times", "12:30-24:01", "timestamp 24:01"),
            ("times", "9:00-17:00", "timestamp 9:00"),
            ("times", "14:03-", "timestamp , invalid"),
            ("times", "+1:00-17:00", "timestamp +1:00"),
            ("times", "17:31-17:31", "start time 17:31 cannot be equal or greater"),
            ("times", "09:30-07:41", "end time 07:41"),
            ("times", "24:00-17:41", "start time 24:00"),
            ("weekdays", "friday:monday", "\"friday:monday\" ends before"),
            ("weekdays", "blurgsday:friday", "blurgsday is not a valid weekday"),
            ("weekdays", "1:3", "1 is not a valid weekday"),
            ("weekdays", "-2:-1", "-2 is not a valid weekday"),
            ("weekdays", "", " is not a valid weekday"),
            ("weekdays", "monday:tuesday:friday", "couldn't parse range monday:tuesday:friday"),
            ("days", "0", "0 is not a valid day of the month: out of range"),
            ("days", "-50:-20", "-50 is not a valid day"),
            ("days", "-99999999999:-1", "-2147483648 is not a valid day"),
            ("days", "1:50", "50 is not a valid day"),
            ("days", "first", "\"first\" is not a whole number"),
            ("days", "-15:5", "end day must be negative if start day is negative"),
            ("days", "10:-25", "\"10:-25\" ends before"),
            ("days", "9:5", "\"9:5\" ends before"),
            ("months", "martius:june", "martius is not a valid month"),
            ("months", "march:junius", "junius is not a valid month"),
            ("months", "december:january", "\"december:january\" ends before"),
            ("years", "2022:2020", "\"2022:2020\" ends before"),
            ("years", "999999999999999999999", "\"999999999999999999999\" is not a whole number"),
            ("location", "Europe/Atlantis", "unknown time zone Europe/Atlantis"),
            ("location", "../etc/passwd", "unknown time zone ../etc/passwd"),
        ];
        for (field, text, rule) in cases {
            let error = period(&[(field, text)]).unwrap_err().to_string();
            assert!(error.contains(rule), "{field} {text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_readers(
            text in "[0-9:+-]{0,7}|[a-z:]{0,9}|.{0,9}",
            end in "[0-9:]{0,5}|.{0,5}",
            now in any::<i64>(),
        ) {
            let mut period = Period::default();
            let read = [
                period.add_times(&text, &end),
                period.add_weekdays(&text),
                period.add_days_of_month(&text),
                period.add_months(&text),
                period.add_years(&text),
            ];
            let contained = period.contains(Wall::from_ns(now));
            prop_assert!(contained || read.iter().any(Result::is_ok));
        }
    }
}

//! Timestamps as the API reads and prints them.

use crate::model::Shown;
use crate::time::Wall;

const ZERO_SECS: i64 = -62_135_596_800;
const DAY_SECS: i64 = 86_400;
const DATE_LENGTH: usize = "2006-01-02".len();

/// Reads a timestamp in RFC 3339, with a `.` or a `,` before the fraction, a blank for the `T`, and without seconds or
/// zone (UTC then) if need be; an empty text is the epoch: what Alertmanager takes. Go's zero time (the year 1) is
/// `None`. Times that [`Wall`] cannot hold become its ends, never
/// [`Wall::MIN`] itself. The error is in Go's words.
pub fn parse(text: &str) -> Result<Option<Wall>, String> {
    if text.is_empty() {
        return Ok(Some(Wall::EPOCH));
    }
    let mut scan = Scan { text: text.as_bytes(), at: 0 };
    scan.timestamp().map_err(|element| {
        // Go tells of the last form that it tried: the one with a blank, which ends at any other byte there.
        let odd = text.as_bytes().get(DATE_LENGTH).is_some_and(|byte| *byte != b' ');
        let (at, element) = match element {
            _ if scan.at >= DATE_LENGTH && odd => (DATE_LENGTH, " "),
            " " => (scan.at, "15"),
            element => (scan.at, element),
        };
        let rest = text.get(at..).unwrap_or(text);
        format!(
            "parsing time {} as \"2006-01-02 15:04:05\": cannot parse {} as {element:?}",
            Shown(text),
            Shown(rest)
        )
    })
}

/// Appends a timestamp in UTC with exactly three fractional digits: `2026-11-21T23:27:13.530Z`.
pub fn push_ms(out: &mut Vec<u8>, wall: Wall) {
    push_civil(out, wall.as_ms());
    out.push(b'Z');
}

/// Appends a timestamp as a clock shows it that is so many seconds ahead of UTC: `2026-11-22T01:27:13.530+02:00`.
pub fn push_ms_ahead(out: &mut Vec<u8>, wall: Wall, ahead: i32) {
    push_civil(out, wall.as_ms() + i64::from(ahead) * 1000);
    let minutes = ahead.unsigned_abs() / 60;
    out.push(if ahead < 0 { b'-' } else { b'+' });
    out.extend_from_slice(&two_digits(minutes / 60));
    out.push(b':');
    out.extend_from_slice(&two_digits(minutes % 60));
}

/// Everything smaller than a day is computed in 32 bits: small machines have no division of 64.
fn push_civil(out: &mut Vec<u8>, ms: i64) {
    let (days, ms) = (ms.div_euclid(DAY_SECS * 1000), ms.rem_euclid(DAY_SECS * 1000));
    let ms = u32::try_from(ms).unwrap_or(0);
    let (year, month, day) = date(days);
    let (secs, minutes) = (ms / 1000, ms / 60_000);
    let small = |it: i64| u32::try_from(it).unwrap_or(0);
    let mut text = *b"0000-00-00T00:00:00.000";
    let mut put = |at: usize, number: u32| {
        [text[at], text[at + 1]] = two_digits(number);
    };
    put(0, small(year) / 100);
    put(2, small(year));
    put(5, small(month));
    put(8, small(day));
    put(11, minutes / 60);
    put(14, minutes % 60);
    put(17, secs % 60);
    put(20, ms / 10);
    text[22] = digit(ms);
    out.extend_from_slice(&text);
}

/// The last two digits of a number.
const fn two_digits(number: u32) -> [u8; 2] {
    [digit(number / 10), digit(number)]
}

/// The last digit of a number.
const fn digit(number: u32) -> u8 {
    b'0' + (number % 10).to_le_bytes()[0]
}

/// Days since the epoch of a date in the Gregorian calendar. The year starts in March, so that the leap day is its last.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date so many days after the epoch: year, month, day.
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// The element of Go's layout that the text fails at.
type Element = &'static str;

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn timestamp(&mut self) -> Result<Option<Wall>, Element> {
        let year = self.digits(4, "2006", 0, 9999)?;
        self.byte(b"-", "-")?;
        let month = self.digits(2, "01", 1, 12)?;
        self.byte(b"-", "-")?;
        let day = self.digits(2, "02", 1, days_in(year, month))?;
        self.byte(b"T ", " ")?;
        let hour = self.digits(2, "15", 0, 23)?;
        self.byte(b":", ":")?;
        let minute = self.digits(2, "04", 0, 59)?;
        let (mut second, mut nanos) = (0, 0);
        if self.eat(b":").is_some() {
            second = self.digits(2, "05", 0, 59)?;
            nanos = self.fraction()?;
        }
        let offset = self.zone()?;
        if self.at != self.text.len() {
            return Err("");
        }
        let day_secs = hour * 3600 + minute * 60 + second - offset;
        let secs = days(year, month, day) * DAY_SECS + day_secs;
        if secs == ZERO_SECS && nanos == 0 {
            return Ok(None);
        }
        // Both of one sign, so that a sum is out of range only if the time is.
        let (secs, nanos) =
            if secs < 0 && nanos > 0 { (secs + 1, nanos - 1_000_000_000) } else { (secs, nanos) };
        let ns = secs.saturating_mul(1_000_000_000).saturating_add(nanos);
        // The very end stands for Go's zero time elsewhere.
        Ok(Some(Wall::from_ns(ns.max(i64::MIN + 1))))
    }

    fn fraction(&mut self) -> Result<i64, Element> {
        if self.eat(b".,").is_none() {
            return Ok(0);
        }
        let (mut nanos, mut place) = (0, 100_000_000);
        let first = self.at;
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.at) {
            nanos += i64::from(digit - b'0') * place;
            place /= 10;
            self.at += 1;
        }
        if self.at == first { Err(".000") } else { Ok(nanos) }
    }

    /// Seconds east of UTC.
    fn zone(&mut self) -> Result<i64, Element> {
        let sign = match self.eat(b"Z+-") {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Ok(0),
        };
        let hours = self.digits(2, "Z07:00", 0, 24)?;
        self.eat(b":");
        let minutes = self.digits(2, "Z07:00", 0, 59)?;
        Ok(sign * (hours * 3600 + minutes * 60))
    }

    fn digits(
        &mut self,
        width: usize,
        element: Element,
        min: i64,
        max: i64,
    ) -> Result<i64, Element> {
        let digits = self.text.get(self.at..self.at + width).ok_or(element)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(element);
        }
        let value = digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        if (min..=max).contains(&value) {
            self.at += width;
            Ok(value)
        } else {
            Err(element)
        }
    }

    fn byte(&mut self, any_of: &[u8], element: Element) -> Result<(), Element> {
        self.eat(any_of).map(|_| ()).ok_or(element)
    }

    fn eat(&mut self, any_of: &[u8]) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        any_of.contains(&byte).then(|| {
            self.at += 1;
            byte
        })
    }
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn printed(text: &str) -> Option<String> {
        let wall = parse(text).unwrap()?;
        let mut out = Vec::new();
        push_ms(&mut out, wall);
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn timestamps_that_alertmanager_takes_are_taken() {
        for (text, same_as) in [
            ("2026-11-21T23:27:13.530210422Z", "2026-11-21T23:27:13.530Z"),
            ("2030-01-02T03:04:05,5Z", "2030-01-02T03:04:05.500Z"),
            ("2030-01-02T03:04:05+02:00", "2030-01-02T01:04:05.000Z"),
            ("2030-01-02T03:04:05.000-0730", "2030-01-02T10:34:05.000Z"),
            ("2030-01-02T03:04Z", "2030-01-02T03:04:00.000Z"),
            ("2030-01-02T03:04:05.25", "2030-01-02T03:04:05.250Z"),
            ("2030-01-02 03:04:05", "2030-01-02T03:04:05.000Z"),
            ("2028-02-29T00:00:00Z", "2028-02-29T00:00:00.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("", "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(printed(text).as_deref(), Some(same_as), "{text}");
        }
    }

    #[test]
    fn the_zero_time_is_missing_and_far_times_clamp() {
        assert_eq!(parse("0001-01-01T00:00:00Z"), Ok(None));
        assert_eq!(parse("0001-01-01T02:00:00+02:00"), Ok(None));
        assert_eq!(parse("9999-12-31T23:59:59Z"), Ok(Some(Wall::MAX)));
        let earliest = Wall::from_ns(i64::MIN + 1);
        assert_eq!(parse("0002-01-01T00:00:00Z"), Ok(Some(earliest)), "is not taken for missing");
        for text in ["0002-01-01T00:00:00.999Z", "1677-09-21T00:12:43.145Z"] {
            assert_eq!(parse(text), Ok(Some(earliest)), "{text}");
        }
        let first = Wall::from_ns(-9_223_372_036_500_000_000);
        assert_eq!(parse("1677-09-21T00:12:43.5Z"), Ok(Some(first)));
        assert_eq!(parse("9999-12-31T23:59:59.999Z"), Ok(Some(Wall::MAX)));
    }

    #[test]
    fn timestamps_that_alertmanager_refuses_are_refused() {
        for text in [
            "yesterday",
            "2030-01-02",
            "2030-01-02t03:04:05Z",
            "2030-01-02T03:04:05z",
            "1700000000",
            "2030-01-02T24:00:00Z",
            "2030-01-02T23:59:60Z",
            "10000-01-02T23:59:59Z",
            "2030-02-29T00:00:00Z",
            "2030-13-01T00:00:00Z",
            "2030-01-02T03:04:05.Z",
            "2030-01-02T03:04:05Zé",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        for (text, rest, element) in [
            ("yesterday", "yesterday", "2006"),
            ("2030-01-02", "", "15"),
            ("2030-01-02T24:00:00Z", "T24:00:00Z", " "),
            ("2030-01-02 24:00:00", "24:00:00", "15"),
        ] {
            let why = format!("cannot parse {rest:?} as {element:?}");
            let error = format!("parsing time {text:?} as \"2006-01-02 15:04:05\": {why}");
            assert_eq!(parse(text), Err(error));
        }
    }

    proptest! {
        #[test]
        fn printing_and_reading_agree_with_jiff(ns in any::<i64>()) {
            let wall = Wall::from_ns(ns);
            prop_assert_eq!(parse(&wall.to_string()), Ok(Some(wall)));
            let mut out = Vec::new();
            push_ms(&mut out, wall);
            let ms = Wall::from_ms(wall.as_ms());
            prop_assert_eq!(format!("{:.3}", jiff::Timestamp::from_millisecond(wall.as_ms()).unwrap()), String::from_utf8(out.clone()).unwrap());
            if wall.as_ms() > i64::MIN / 1_000_000 {
                prop_assert_eq!(parse(std::str::from_utf8(&out).unwrap()), Ok(Some(ms)));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            drop(parse(&text));
        }
    }
}

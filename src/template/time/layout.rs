//! Go's layouts, which show how the reference time would be written: `2006-01-02 15:04:05 -0700 MST`.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

use crate::template::time::{MONTHS, Time, WEEKDAYS};

/// A part of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Literal(&'a str),
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    /// `PM`, or `pm`.
    Half(bool),
    /// The zone's abbreviation.
    Zone,
    /// An offset: whether `Z` stands for none, and how it is written.
    Offset(bool, OffsetForm),
    /// A fraction of a second: its mark, how many digits, and whether zeros at the end are left out.
    Fraction(char, usize, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OffsetForm {
    Hours,
    Minutes,
    ColonMinutes,
    Seconds,
    ColonSeconds,
}

/// Fixed words, longer ones before those that they begin with.
const PARTS: [(&str, Part<'static>); 32] = [
    ("January", Part::LongMonth),
    ("Jan", Part::Month),
    ("Monday", Part::LongWeekday),
    ("Mon", Part::Weekday),
    ("MST", Part::Zone),
    ("002", Part::ZeroYearDay),
    ("01", Part::ZeroMonth),
    ("02", Part::ZeroDay),
    ("03", Part::ZeroHour12),
    ("04", Part::ZeroMinute),
    ("05", Part::ZeroSecond),
    ("06", Part::Year),
    ("15", Part::Hour),
    ("1", Part::NumMonth),
    ("2006", Part::LongYear),
    ("2", Part::Day),
    ("__2", Part::UnderYearDay),
    ("_2", Part::UnderDay),
    ("3", Part::Hour12),
    ("4", Part::Minute),
    ("5", Part::Second),
    ("PM", Part::Half(true)),
    ("pm", Part::Half(false)),
    ("-070000", Part::Offset(false, OffsetForm::Seconds)),
    ("-07:00:00", Part::Offset(false, OffsetForm::ColonSeconds)),
    ("-0700", Part::Offset(false, OffsetForm::Minutes)),
    ("-07:00", Part::Offset(false, OffsetForm::ColonMinutes)),
    ("-07", Part::Offset(false, OffsetForm::Hours)),
    ("Z070000", Part::Offset(true, OffsetForm::Seconds)),
    ("Z07:00:00", Part::Offset(true, OffsetForm::ColonSeconds)),
    ("Z0700", Part::Offset(true, OffsetForm::Minutes)),
    ("Z07:00", Part::Offset(true, OffsetForm::ColonMinutes)),
];

/// The first part of a layout and what follows it.
fn next(layout: &str) -> (Part<'_>, &str) {
    for (at, c) in layout.char_indices() {
        let rest = &layout[at..];
        // `_2006` is a year behind an underscore.
        let found = if rest.starts_with("_2006") { None } else { part_at(c, rest) };
        let Some((part, bytes)) = found else { continue };
        if at > 0 {
            return (Part::Literal(&layout[..at]), rest);
        }
        return (part, &rest[bytes..]);
    }
    (Part::Literal(layout), "")
}

fn part_at(c: char, rest: &str) -> Option<(Part<'static>, usize)> {
    if matches!(c, '.' | ',') {
        let digit = rest[1..].chars().next().filter(|c| matches!(c, '0' | '9'))?;
        let count = rest[1..].chars().take_while(|c| *c == digit).count();
        let ends = !rest[1 + count..].starts_with(|c: char| c.is_ascii_digit());
        return ends.then_some((Part::Fraction(c, count, digit == '9'), 1 + count));
    }
    if rest.starts_with("Z07")
        && !PARTS.iter().any(|(word, _)| word.starts_with('Z') && rest.starts_with(word))
    {
        return Some((Part::Offset(true, OffsetForm::Hours), 3));
    }
    let (word, part) = PARTS.iter().find(|(word, _)| rest.starts_with(word))?;
    // "Janus" is no month.
    let is_word = rest[word.len()..].starts_with(|c: char| c.is_ascii_lowercase());
    if is_word && matches!(part, Part::Month | Part::Weekday) {
        return None;
    }
    Some((*part, word.len()))
}

/// The time as the layout shows it.
pub(in crate::template) fn format(time: &Time, layout: &str) -> String {
    let civil = time.civil();
    let mut text = String::new();
    let mut rest = layout;
    while !rest.is_empty() {
        let (part, after) = next(rest);
        text.push_str(&show(time, civil, part));
        rest = after;
    }
    text
}

fn show(time: &Time, civil: DateTime, part: Part<'_>) -> String {
    let month = usize::try_from(civil.month() - 1).ok().and_then(|i| MONTHS.get(i)).unwrap_or(&"");
    let day = usize::try_from(civil.weekday().to_sunday_zero_offset()).unwrap_or(0);
    let day = WEEKDAYS.get(day).unwrap_or(&"");
    let hour12 = if civil.hour() % 12 == 0 { 12 } else { civil.hour() % 12 };
    let year_day = civil.date().day_of_year();
    match part {
        Part::Literal(text) => text.to_owned(),
        Part::LongMonth => (*month).to_owned(),
        Part::Month => month.chars().take(3).collect(),
        Part::NumMonth => civil.month().to_string(),
        Part::ZeroMonth => format!("{:02}", civil.month()),
        Part::LongWeekday => (*day).to_owned(),
        Part::Weekday => day.chars().take(3).collect(),
        Part::Day => civil.day().to_string(),
        Part::UnderDay => format!("{:2}", civil.day()),
        Part::ZeroDay => format!("{:02}", civil.day()),
        Part::UnderYearDay => format!("{year_day:3}"),
        Part::ZeroYearDay => format!("{year_day:03}"),
        Part::Hour => format!("{:02}", civil.hour()),
        Part::Hour12 => hour12.to_string(),
        Part::ZeroHour12 => format!("{hour12:02}"),
        Part::Minute => civil.minute().to_string(),
        Part::ZeroMinute => format!("{:02}", civil.minute()),
        Part::Second => civil.second().to_string(),
        Part::ZeroSecond => format!("{:02}", civil.second()),
        Part::LongYear => format!("{:04}", civil.year()),
        Part::Year => format!("{:02}", civil.year().rem_euclid(100)),
        Part::Half(upper) => {
            let half = if civil.hour() >= 12 { "PM" } else { "AM" };
            if upper { half.to_owned() } else { half.to_lowercase() }
        }
        Part::Zone => {
            let plain = || offset_text(time.offset(), OffsetForm::Minutes);
            time.abbreviation().unwrap_or_else(plain)
        }
        Part::Offset(true, _) if time.offset() == Offset::ZERO => "Z".to_owned(),
        Part::Offset(_, form) => offset_text(time.offset(), form),
        Part::Fraction(mark, count, trims) => {
            let digits: String = format!("{:09}", time.nanos).chars().take(count).collect();
            let digits = if trims { digits.trim_end_matches('0') } else { &digits };
            if trims && digits.is_empty() { String::new() } else { format!("{mark}{digits}") }
        }
    }
}

fn offset_text(offset: Offset, form: OffsetForm) -> String {
    let sign = if offset.seconds() < 0 { '-' } else { '+' };
    let seconds = offset.seconds().unsigned_abs();
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match form {
        OffsetForm::Hours => format!("{sign}{h:02}"),
        OffsetForm::Minutes => format!("{sign}{h:02}{m:02}"),
        OffsetForm::ColonMinutes => format!("{sign}{h:02}:{m:02}"),
        OffsetForm::Seconds => format!("{sign}{h:02}{m:02}{s:02}"),
        OffsetForm::ColonSeconds => format!("{sign}{h:02}:{m:02}:{s:02}"),
    }
}

/// The parts of a time that were read so far.
#[derive(Default)]
struct Read {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    afternoon: Option<bool>,
    zone: Option<TimeZone>,
}

/// Reads a time that is written as the layout shows it. Without a zone it is UTC's.
pub(in crate::template) fn parse(layout: &str, text: &str) -> Result<Time, String> {
    let fault = |rest: &str| format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?}");
    let mut read = Read::default();
    let (mut rest_layout, mut rest) = (layout, text);
    while !rest_layout.is_empty() {
        let (part, after) = next(rest_layout);
        rest = take(part, rest, &mut read).ok_or_else(|| fault(rest))?;
        // Seconds may have a fraction that the layout does not show.
        let shows_fraction = matches!(next(after).0, Part::Fraction(..)) && !after.is_empty();
        if matches!(part, Part::Second | Part::ZeroSecond) && !shows_fraction {
            let digits = rest.strip_prefix(['.', ',']).unwrap_or_default();
            let count = digits.bytes().take_while(u8::is_ascii_digit).count();
            if count > 0 {
                read.nanos = fraction(&digits[..count]);
                rest = &digits[count..];
            }
        }
        rest_layout = after;
    }
    if !rest.is_empty() {
        return Err(format!("parsing time {text:?}: extra text: {rest:?}"));
    }
    finish(read).ok_or_else(|| format!("parsing time {text:?}: out of range"))
}

fn finish(read: Read) -> Option<Time> {
    let hour = match read.afternoon {
        Some(true) if read.hour < 12 => read.hour + 12,
        Some(false) if read.hour == 12 => 0,
        _ => read.hour,
    };
    let year = i16::try_from(read.year.unwrap_or(0)).ok()?;
    let small = |number: i64| i8::try_from(number).ok();
    let date = if let Some(day) = read.year_day {
        let first = Date::new(year, 1, 1).ok()?;
        let date = first.checked_add(jiff::Span::new().try_days(day - 1).ok()?).ok()?;
        let agrees = |read: Option<i64>, is: i8| read.is_none_or(|read| read == i64::from(is));
        let fine = day > 0
            && date.year() == year
            && agrees(read.month, date.month())
            && agrees(read.day, date.day());
        fine.then_some(date)?
    } else {
        let (month, day) = (small(read.month.unwrap_or(1))?, small(read.day.unwrap_or(1))?);
        Date::new(year, month, day).ok()?
    };
    let nanos = i32::try_from(read.nanos).ok()?;
    let time =
        jiff::civil::Time::new(small(hour)?, small(read.minute)?, small(read.second)?, nanos);
    let civil = date.to_datetime(time.ok()?);
    Time::from_civil(civil, read.zone.unwrap_or(TimeZone::UTC)).ok()
}

/// The nanoseconds of the digits of a fraction.
fn fraction(digits: &str) -> i64 {
    let digits: String = digits.chars().chain("000000000".chars()).take(9).collect();
    digits.parse().unwrap_or(0)
}

/// Takes what a part asks for off the beginning of a text, and answers what follows.
fn take<'a>(part: Part<'_>, text: &'a str, read: &mut Read) -> Option<&'a str> {
    let name = |names: &[&str], short: bool| {
        names.iter().zip(1..).find_map(|(name, number)| {
            let name = if short { name.get(..3)? } else { name };
            let start = text.get(..name.len())?;
            start.eq_ignore_ascii_case(name).then(|| (number, &text[name.len()..]))
        })
    };
    let mut put = |place: fn(&mut Read) -> &mut Option<i64>, found: Option<(i64, &'a str)>| {
        let (number, rest) = found?;
        *place(read) = Some(number);
        Some(rest)
    };
    match part {
        Part::Literal(literal) => return literal_of(literal, text),
        Part::LongMonth => return put(|read| &mut read.month, name(&MONTHS, false)),
        Part::Month => return put(|read| &mut read.month, name(&MONTHS, true)),
        Part::LongWeekday => return name(&WEEKDAYS, false).map(|(_, rest)| rest),
        Part::Weekday => return name(&WEEKDAYS, true).map(|(_, rest)| rest),
        Part::NumMonth => return put(|read| &mut read.month, digits(text, 1, 2)),
        Part::ZeroMonth => return put(|read| &mut read.month, digits(text, 2, 2)),
        Part::Day => return put(|read| &mut read.day, digits(text, 1, 2)),
        Part::UnderDay => {
            let text = text.strip_prefix(' ').unwrap_or(text);
            return put(|read| &mut read.day, digits(text, 1, 2));
        }
        Part::ZeroDay => return put(|read| &mut read.day, digits(text, 2, 2)),
        Part::UnderYearDay => {
            let trimmed = text.trim_start_matches(' ');
            let width = 3_usize.checked_sub(text.len() - trimmed.len())?;
            return put(|read| &mut read.year_day, digits(trimmed, width, width));
        }
        Part::ZeroYearDay => return put(|read| &mut read.year_day, digits(text, 3, 3)),
        Part::LongYear => return put(|read| &mut read.year, digits(text, 4, 4)),
        Part::Year => {
            let (year, rest) = digits(text, 2, 2)?;
            read.year = Some(if year >= 69 { 1900 + year } else { 2000 + year });
            return Some(rest);
        }
        _ => {}
    }
    take_time(part, text, read)
}

fn take_time<'a>(part: Part<'_>, text: &'a str, read: &mut Read) -> Option<&'a str> {
    let (place, least, range) = match part {
        Part::Hour => (&mut read.hour, 2, 0..24),
        Part::Hour12 => (&mut read.hour, 1, 0..13),
        Part::ZeroHour12 => (&mut read.hour, 2, 0..13),
        Part::Minute => (&mut read.minute, 1, 0..60),
        Part::ZeroMinute => (&mut read.minute, 2, 0..60),
        Part::Second => (&mut read.second, 1, 0..60),
        Part::ZeroSecond => (&mut read.second, 2, 0..60),
        Part::Half(upper) => {
            let half = text.get(..2)?;
            let names = if upper { ["AM", "PM"] } else { ["am", "pm"] };
            read.afternoon = Some(names.iter().position(|name| *name == half)? == 1);
            return text.get(2..);
        }
        Part::Zone => {
            read.zone = Some(TimeZone::UTC);
            return text.strip_prefix("UTC");
        }
        Part::Offset(has_z, form) => return take_offset(has_z, form, text, read),
        Part::Fraction(_, count, trims) => {
            let Some(digits) = text.strip_prefix(['.', ',']) else {
                return trims.then_some(text);
            };
            let found = digits.bytes().take_while(u8::is_ascii_digit).count();
            if found == 0 || (!trims && found != count) {
                return None;
            }
            read.nanos = fraction(&digits[..found]);
            return digits.get(found..);
        }
        _ => return None,
    };
    let (number, rest) = digits(text, least, 2)?;
    *place = number;
    range.contains(&number).then_some(rest)
}

/// A literal of the layout: a space stands for any number of them.
fn literal_of<'a>(literal: &str, text: &'a str) -> Option<&'a str> {
    let (mut literal, mut text) = (literal, text);
    while let Some(c) = literal.chars().next() {
        if c == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            literal = literal.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
        } else {
            text = text.strip_prefix(c)?;
            literal = &literal[c.len_utf8()..];
        }
    }
    Some(text)
}

/// A number of `least` to `most` digits.
fn digits(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least || count == 0 {
        return None;
    }
    Some((text[..count].parse().ok()?, &text[count..]))
}

fn take_offset<'a>(
    has_z: bool,
    form: OffsetForm,
    text: &'a str,
    read: &mut Read,
) -> Option<&'a str> {
    if let Some(rest) = text.strip_prefix('Z').filter(|_| has_z) {
        read.zone = Some(TimeZone::UTC);
        return Some(rest);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let rest = text.strip_prefix(['+', '-'])?;
    let (hours, rest) = digits(rest, 2, 2)?;
    let colon =
        |rest: &'a str, colon: bool| if colon { rest.strip_prefix(':') } else { Some(rest) };
    let (mut minutes, mut seconds, mut rest) = (0, 0, rest);
    if form != OffsetForm::Hours {
        let colons = matches!(form, OffsetForm::ColonMinutes | OffsetForm::ColonSeconds);
        (minutes, rest) = digits(colon(rest, colons)?, 2, 2)?;
        if matches!(form, OffsetForm::Seconds | OffsetForm::ColonSeconds) {
            (seconds, rest) = digits(colon(rest, colons)?, 2, 2)?;
        }
    }
    if hours > 24 || minutes > 60 || seconds > 60 {
        return None;
    }
    let total = i32::try_from(sign * ((hours * 60 + minutes) * 60 + seconds)).ok()?;
    let offset = Offset::from_seconds(total).ok()?;
    let is_utc = offset == Offset::ZERO;
    read.zone = Some(if is_utc { TimeZone::UTC } else { TimeZone::fixed(offset) });
    Some(rest)
}

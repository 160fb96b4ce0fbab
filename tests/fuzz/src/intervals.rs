//! Time intervals: each line is added to a period, which is then asked about times, beside a second reading of line and calendar.

use bellwether::model::time_interval::Period;
use bellwether::time::Wall;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::input::Input;

/// Lines that are looked at: more of them say nothing new, and take long.
const LINES_MAX: usize = 64;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut at: Vec<Wall> = (0..4).map(|_| Wall::from_ns(input.u64().cast_signed())).collect();
    // The beginnings of years, of which some are leap years.
    at.extend((0..400).map(|n| Wall::from_secs(1_770_000_000 + n * 86_400 * 3)));
    let (mut period, mut second) = (Period::default(), Vec::new());
    for _ in 0..LINES_MAX {
        let Some(line) = input.line() else { break };
        let (kind, text) = line.split_at_checked(1).unwrap_or_default();
        let added = match kind {
            "t" => match text.split_once(' ') {
                Some((start, end)) => period.add_times(start, end).is_ok(),
                None => false,
            },
            "w" => period.add_weekdays(text).is_ok(),
            "d" => period.add_days_of_month(text).is_ok(),
            "m" => period.add_months(text).is_ok(),
            "y" => period.add_years(text).is_ok(),
            _ => false,
        };
        // Zeros in front of a number are as many as one likes, as in Go.
        assert!(!added || line.bytes().filter(|it| *it != b'0').count() < 64, "{line:?}");
        if added {
            second.push(Line::read(kind, text));
        }
    }
    let never = period.never_holds();
    for now in at {
        let holds = period.contains(now);
        let there =
            Timestamp::from_nanosecond(i128::from(now.as_ns())).unwrap().to_zoned(TimeZone::UTC);
        assert!(!(holds && never && there.year() >= 2026), "it never holds, but at {now}");
        // Of each kind one line at least, if there are any.
        let expected = ["t", "w", "d", "m", "y"].into_iter().all(|kind| {
            let mut lines = second.iter().filter(|line| line.kind == kind).peekable();
            lines.peek().is_none() || lines.any(|line| line.holds(&there))
        });
        assert_eq!(holds, expected, "{there}");
    }
}

/// A line that was taken. Times are texts, which sort as times do; days from the end are negative.
struct Line<'a> {
    kind: &'a str,
    begin: &'a str,
    end: &'a str,
    numbers: Option<(i64, i64)>,
}

impl<'a> Line<'a> {
    fn read(kind: &'a str, text: &'a str) -> Self {
        let separator = if kind == "t" { ' ' } else { ':' };
        let (begin, end) = text.split_once(separator).unwrap_or((text, text));
        let number = |text: &str| {
            match kind {
            "w" => place("Sunday Monday Tuesday Wednesday Thursday Friday Saturday", text),
            "m" => place(
                "- January February March April May June July August September October November December",
                text,
            )
            .or_else(|| text.parse().ok()),
            _ => text.parse().ok(),
        }
        };
        let numbers = number(begin).zip(number(end));
        assert!(kind == "t" || numbers.is_some(), "{text:?} was taken");
        Self { kind, begin, end, numbers }
    }

    fn holds(&self, there: &Zoned) -> bool {
        let (begin, end) = self.numbers.unwrap_or_default();
        let within = |at: i64| begin <= at && at <= end;
        match self.kind {
            "t" => {
                let time = there.strftime("%H:%M").to_string();
                *self.begin <= *time && *time < *self.end
            }
            "w" => within(there.strftime("%w").to_string().parse().unwrap()),
            "m" => within(there.month().into()),
            "y" => within(there.year().into()),
            // The first of the next month is none of this one.
            _ => {
                let day = i64::from(there.day());
                let from_end = day - 1 - i64::from(there.date().last_of_month().day());
                let at = |bound: i64| if bound < 0 { from_end - bound } else { day - bound };
                at(begin) >= 0 && at(end) <= 0
            }
        }
    }
}

/// The place of a word in a list, in either case.
fn place(words: &str, text: &str) -> Option<i64> {
    let at = words.split(' ').position(|word| word.eq_ignore_ascii_case(text))?;
    i64::try_from(at).ok()
}

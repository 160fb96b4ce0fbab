//! Time intervals: each line is added to a period, which is then asked about times, beside a second reading of the calendar.

use bellwether::model::time_interval::Period;
use bellwether::time::Wall;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::input::Input;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut at: Vec<Wall> = (0..4).map(|_| Wall::from_ns(input.u64().cast_signed())).collect();
    // The beginnings of years, of which some are leap years.
    at.extend((0..400).map(|n| Wall::from_secs(1_770_000_000 + n * 86_400 * 3)));
    let mut period = Period::default();
    let mut weekday = None;
    while let Some(line) = input.line() {
        let (kind, text) = line.split_at_checked(1).unwrap_or_default();
        let added = match kind {
            "t" => match text.split_once(' ') {
                Some((start, end)) => period.add_times(start, end).is_ok(),
                None => false,
            },
            "w" => {
                let is_ok = period.add_weekdays(text).is_ok();
                if is_ok {
                    weekday = if weekday.is_none() && !text.contains(':') {
                        Some(text.to_lowercase())
                    } else {
                        Some(String::new())
                    };
                }
                is_ok
            }
            "d" => period.add_days_of_month(text).is_ok(),
            "m" => period.add_months(text).is_ok(),
            "y" => period.add_years(text).is_ok(),
            _ => false,
        };
        assert!(!added || line.len() < 64, "{line:?}");
    }
    let never = period.never_holds();
    for now in at {
        let holds = period.contains(now);
        let there =
            Timestamp::from_nanosecond(i128::from(now.as_ns())).unwrap().to_zoned(TimeZone::UTC);
        assert!(!(holds && never && there.year() >= 2026), "it never holds, but at {now}");
        if let Some(day) = weekday.as_deref().filter(|day| holds && !day.is_empty()) {
            assert_eq!(there.strftime("%A").to_string().to_lowercase(), day);
        }
    }
}

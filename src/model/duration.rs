//! Durations as configs write them, `1h30m`, and as Go's flags do, `1.5h`.

use std::fmt;
use std::time::Duration;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The longest duration that Go can hold in its signed nanoseconds, 292 years.
const NS_MAX: u64 = i64::MAX as u64;

/// The units of configs in nanoseconds, in the order that they must be written in.
const CONFIG_UNITS: [(&str, u64); 7] = [
    ("y", 365 * DAY),
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", MS),
];

/// The units of Go in nanoseconds; both micro signs of Unicode are taken.
const GO_UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", MS),
    ("s", SECOND),
    ("m", MINUTE),
    ("h", HOUR),
];

/// A text that is no duration. Changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationError {
    text: String,
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Empty,
    Config,
    Go,
    Negative,
    Order,
    Range,
    Unit { unit: String, units: &'static str },
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match &self.rule {
            Rule::Empty => f.write_str("empty duration string: write a duration such as 5m, or 0"),
            Rule::Config => write!(
                f,
                "not a valid duration string: {text:?}: write whole numbers with their units, such as 1h30m, or 0"
            ),
            Rule::Go => write!(
                f,
                "invalid duration {text:?}: write numbers with their units, such as 1h30m or 1.5h, or 0"
            ),
            Rule::Negative => write!(f, "invalid duration {text:?}: it must not be negative"),
            Rule::Order => write!(
                f,
                "not a valid duration string: {text:?}: write each unit once, in the order y, w, d, h, m, s, ms"
            ),
            Rule::Range => write!(f, "duration out of range: {text:?} is longer than 292 years"),
            Rule::Unit { unit, units } => {
                write!(f, "unknown unit {unit:?} in duration {text:?}: the units are {units}")
            }
        }
    }
}

impl std::error::Error for DurationError {}

/// Reads a duration of a config: whole numbers, each with one of the units y (365 days), w, d, h, m, s and ms, in that
/// order; or `0`. Matches Prometheus' `model.ParseDuration`.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let fail = |rule| DurationError { text: text.to_owned(), rule };
    match text {
        "0" => return Ok(Duration::ZERO),
        "" => return Err(fail(Rule::Empty)),
        _ => {}
    }
    let (mut rest, mut total, mut units) = (text, 0_u64, CONFIG_UNITS.as_slice());
    while !rest.is_empty() {
        let digits = take_while(&mut rest, |c| c.is_ascii_digit());
        let unit = take_while(&mut rest, |c| !c.is_ascii_digit());
        if digits.is_empty() || unit.is_empty() {
            return Err(fail(Rule::Config));
        }
        if !CONFIG_UNITS.iter().any(|(name, _)| *name == unit) {
            let unit = unit.to_owned();
            return Err(fail(Rule::Unit { unit, units: "y, w, d, h, m, s and ms" }));
        }
        let Some(at) = units.iter().position(|(name, _)| *name == unit) else {
            return Err(fail(Rule::Order));
        };
        let ns = units.get(at).map_or(0, |(_, ns)| *ns);
        units = units.get(at + 1..).unwrap_or_default();
        total = digits
            .parse()
            .ok()
            .and_then(|count: u64| count.checked_mul(ns)?.checked_add(total))
            .filter(|total| *total <= NS_MAX)
            .ok_or_else(|| fail(Rule::Range))?;
    }
    Ok(Duration::from_nanos(total))
}

/// Reads a duration of a flag or of a webhook's timeout: numbers, with a fraction or not, each with one of the units h,
/// m, s, ms, us and ns, in any order; or `0`. Matches Go's `time.ParseDuration`, save that it is never negative.
pub fn parse_go_duration(text: &str) -> Result<Duration, DurationError> {
    let fail = |rule| DurationError { text: text.to_owned(), rule };
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    match rest {
        "0" => return Ok(Duration::ZERO),
        "" => return Err(fail(if text.is_empty() { Rule::Empty } else { Rule::Go })),
        _ if rest.starts_with('-') => return Err(fail(Rule::Negative)),
        _ => {}
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let whole = take_while(&mut rest, |c| c.is_ascii_digit());
        let fraction = match rest.strip_prefix('.') {
            Some(behind) => {
                rest = behind;
                take_while(&mut rest, |c| c.is_ascii_digit())
            }
            None => "",
        };
        let unit = take_while(&mut rest, |c| !c.is_ascii_digit() && c != '.');
        if (whole.is_empty() && fraction.is_empty()) || unit.is_empty() {
            return Err(fail(Rule::Go));
        }
        let Some(&(_, ns)) = GO_UNITS.iter().find(|(name, _)| *name == unit) else {
            let unit = unit.to_owned();
            return Err(fail(Rule::Unit { unit, units: "h, m, s, ms, us and ns" }));
        };
        let whole = if whole.is_empty() { Some(0) } else { whole.parse::<u64>().ok() };
        total = whole
            .and_then(|whole| whole.checked_mul(ns)?.checked_add(part_of(fraction, ns)))
            .and_then(|part| part.checked_add(total))
            .filter(|total| *total <= NS_MAX)
            .ok_or_else(|| fail(Rule::Range))?;
    }
    Ok(Duration::from_nanos(total))
}

/// The decimal fraction of these digits of `ns` nanoseconds, rounded down. An hour has 13 digits of nanoseconds, so what
/// stands behind the first 18 digits counts for nothing.
fn part_of(digits: &str, ns: u64) -> u64 {
    let mut scale = 1_u128;
    let mut part = 0_u128;
    for digit in digits.bytes().take(18) {
        scale *= 10;
        part = part * 10 + u128::from(digit - b'0');
    }
    u64::try_from(part * u128::from(ns) / scale).unwrap_or(0)
}

fn take_while<'a>(rest: &mut &'a str, keep: impl Fn(char) -> bool) -> &'a str {
    let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
    let (taken, left) = rest.split_at_checked(end).unwrap_or((rest, ""));
    *rest = left;
    taken
}

/// Prints a duration as configs write it, in the largest units: `5d` for 120 hours. Years and weeks stand alone or not
/// at all, and less than a millisecond is dropped: as Prometheus' `model.Duration` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spelled(pub Duration);

impl fmt::Display for Spelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ms = self.0.as_millis();
        if ms == 0 {
            return f.write_str("0s");
        }
        for (unit, ns) in CONFIG_UNITS {
            let size = u128::from(ns / MS);
            let alone = matches!(unit, "y" | "w");
            let count = if alone && !ms.is_multiple_of(size) { 0 } else { ms / size };
            if count > 0 {
                write!(f, "{count}{unit}")?;
                ms -= count * size;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONFIG: [(&str, u64, &str); 16] = [
        ("0", 0, "0s"),
        ("0s", 0, "0s"),
        ("0y0w0d0h0m0s0ms", 0, "0s"),
        ("324ms", 324, "324ms"),
        ("3s", 3_000, "3s"),
        ("5m", 300_000, "5m"),
        ("1h", 3_600_000, "1h"),
        ("4d", 345_600_000, "4d"),
        ("4d1h", 349_200_000, "4d1h"),
        ("14d", 1_209_600_000, "2w"),
        ("3w", 1_814_400_000, "3w"),
        ("3w2d1h", 1_990_800_000, "23d1h"),
        ("10y", 315_360_000_000, "10y"),
        ("1y1d", 31_622_400_000, "366d"),
        ("120h", 432_000_000, "5d"),
        ("90m", 5_400_000, "1h30m"),
    ];

    #[test]
    fn config_durations_read_and_print_as_prometheus_does() {
        for (text, ms, printed) in CONFIG {
            let read = parse_duration(text).unwrap();
            assert_eq!(read, Duration::from_millis(ms), "{text}");
            assert_eq!(Spelled(read).to_string(), printed, "{text}");
        }
        assert_eq!(Spelled(Duration::from_micros(999)).to_string(), "0s");
    }

    #[test]
    fn a_malformed_config_duration_is_refused_with_its_rule() {
        let cases = [
            ("", "empty duration string"),
            ("1", "whole numbers"),
            ("s", "whole numbers"),
            ("-1s", "whole numbers"),
            ("+1s", "whole numbers"),
            ("5m3", "whole numbers"),
            (" 1s", "whole numbers"),
            ("1m1h", "in the order"),
            ("1s1s", "in the order"),
            ("1.5h", "unknown unit \".\""),
            ("1us", "unknown unit \"us\""),
            ("1s ", "unknown unit \"s \""),
            ("300y", "out of range"),
            ("292y25w", "out of range"),
            ("99999999999999999999ms", "out of range"),
        ];
        for (text, rule) in cases {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains(rule), "{text}: {error}");
        }
    }

    #[test]
    fn go_durations_read_as_go_does() {
        let cases = [
            ("0", 0),
            ("+0", 0),
            ("0s", 0),
            ("120h", 120 * HOUR),
            ("1.5h", 90 * MINUTE),
            (".5s", SECOND / 2),
            ("5.s", 5 * SECOND),
            ("+5s", 5 * SECOND),
            ("500ms", 500 * MS),
            ("1h30m", 90 * MINUTE),
            ("30m1h", 90 * MINUTE),
            ("1s1s", 2 * SECOND),
            ("12\u{b5}s3\u{3bc}s4us", 19_000),
            ("7ns", 7),
            ("0.100000000000000000000h", 6 * MINUTE),
            ("0.9999999999999999999999s", SECOND - 1),
            ("9223372036854775807ns", NS_MAX),
        ];
        for (text, ns) in cases {
            assert_eq!(parse_go_duration(text), Ok(Duration::from_nanos(ns)), "{text}");
        }
    }

    #[test]
    fn a_malformed_go_duration_is_refused_with_its_rule() {
        let cases = [
            ("", "empty"),
            ("+", "write numbers"),
            ("3", "write numbers"),
            ("s", "write numbers"),
            (".s", "write numbers"),
            ("1.2.3s", "write numbers"),
            ("-5s", "negative"),
            ("-0", "negative"),
            ("+-5s", "negative"),
            ("5d", "unknown unit \"d\""),
            ("1h ", "unknown unit \"h \""),
            ("9223372036854775808ns", "out of range"),
            ("3000000h", "out of range"),
        ];
        for (text, rule) in cases {
            let error = parse_go_duration(text).unwrap_err().to_string();
            assert!(error.contains(rule), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_value_reads_back(ms in 0..NS_MAX / MS) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse_duration(&Spelled(duration).to_string()), Ok(duration));
        }

        #[test]
        fn no_text_breaks_the_readers(text in "[0-9.+ymwdhsnu\u{b5}-]{0,12}|.{0,12}") {
            for read in [parse_duration(&text), parse_go_duration(&text)].into_iter().flatten() {
                prop_assert!(read.as_nanos() <= u128::from(NS_MAX));
            }
        }
    }
}

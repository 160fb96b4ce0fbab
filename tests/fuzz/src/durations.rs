//! Durations beside a second reading, which adds in 128 bits.

use bellwether::model::duration::{parse_duration, parse_go_duration};

use crate::input::utf8;

const NS_MAX: u128 = i64::MAX as u128;

pub fn run(bytes: &[u8]) {
    let text = utf8(bytes);
    let read = parse_duration(text).ok().map(|it| it.as_nanos());
    assert_eq!(read, second(text), "{text:?}");
    if let Ok(read) = parse_go_duration(text) {
        assert!(read.as_nanos() <= NS_MAX);
        // Each longer one is longer, by what was added.
        let longer = parse_go_duration(&format!("1h{}", text.trim_start_matches('+'))).ok();
        if text != "0" && text != "+0" {
            assert!(
                longer.is_none_or(|it| it.as_nanos() == read.as_nanos() + 3_600_000_000_000),
                "{text:?}"
            );
        }
    }
}

/// A config's duration, read with a pattern.
fn second(text: &str) -> Option<u128> {
    if text == "0" {
        return Some(0);
    }
    if text.is_empty() {
        return None;
    }
    let units: [(&str, u128); 7] = [
        ("y", 365 * 86_400_000),
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let (mut rest, mut total) = (text, 0_u128);
    for (unit, ms) in units {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let Some(after) = rest[digits..].strip_prefix(unit).filter(|_| digits > 0) else {
            continue;
        };
        // `m` is not the beginning of `ms`.
        if after.starts_with(|c: char| !c.is_ascii_digit()) {
            continue;
        }
        let count: u128 = rest[..digits].parse().ok()?;
        total = total.checked_add(count.checked_mul(ms)?.checked_mul(1_000_000)?)?;
        rest = after;
    }
    (rest.is_empty() && total <= NS_MAX).then_some(total)
}

//! How subcommands print JSON that the agent has given them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::model::printable::Printable;
use crate::wire::rfc3339;

/// A value as text in one line, without quotes.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => Printable(text).to_string(),
        Some(Value::Null) | None => "unknown".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// Columns as wide as their widest cell.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut page = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        page.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        page.push('\n');
    }
    page
}

/// An RFC 3339 time in `zone`, to the millisecond; a text that is no time stays as it is.
pub(super) fn local_time(time: &str, zone: &TimeZone) -> String {
    let Ok(Some(wall)) = rfc3339::parse(time) else { return time.to_owned() };
    if time.is_empty() {
        return String::new();
    }
    let ahead = Timestamp::from_millisecond(wall.as_ms()).map(|it| zone.to_offset(it).seconds());
    let mut text = Vec::new();
    match ahead {
        Ok(0) | Err(_) => rfc3339::push_ms(&mut text, wall),
        Ok(ahead) => rfc3339::push_ms_ahead(&mut text, wall, ahead),
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_local_to_the_millisecond() {
        let utc = |time| local_time(time, &TimeZone::UTC);
        assert_eq!(utc("2026-11-22T01:00:00Z"), "2026-11-22T01:00:00.000Z");
        assert_eq!(utc("2026-11-22T01:00:00.5Z"), "2026-11-22T01:00:00.500Z");
        assert_eq!(utc("soon"), "soon");
        assert_eq!(utc(""), "");
        let east = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(local_time("2026-11-22T23:00:00.1239Z", &east), "2026-11-23T01:00:00.123+02:00");
        let west =
            TimeZone::fixed(jiff::tz::offset(-3).saturating_sub(jiff::Span::new().minutes(30)));
        assert_eq!(local_time("2026-11-22T01:00:00Z", &west), "2026-11-21T21:30:00.000-03:30");
    }
}

//! How subcommands print JSON that the agent has given them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{Cx, Fault, usage};
use crate::model::printable::Printable;
use crate::template::Time;
use crate::wire::rfc3339;

/// A value as text in one line, without quotes.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => Printable(text).to_string(),
        Some(Value::Null) | None => "unknown".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// Columns as wide as their widest cell, two spaces between; `is_padded`: after the last one, too. Of a line that is longer than
/// the terminal is wide, the beginning that fits.
pub(super) fn table(rows: &[Vec<String>], is_padded: bool, terminal: Option<usize>) -> String {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(row.len().max(widths.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut page = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            let gap = (width + 2).saturating_sub(cell.chars().count());
            line.extend(std::iter::repeat_n(' ', gap));
        }
        let line = if is_padded { &line } else { line.trim_end() };
        match terminal {
            Some(width) if line.chars().count() > width => {
                page.extend(line.chars().take(width.saturating_sub(1)));
                page.push('…');
            }
            _ => page.push_str(line),
        }
        page.push('\n');
    }
    page
}

/// How a list and the times in it are printed.
pub(super) struct Dates {
    /// `simple`, `extended` or `json`.
    pub(super) format: String,
    layout: String,
    /// Whether times are shown in the zone of this machine; amtool leaves them in their own.
    is_local: bool,
}

impl Dates {
    pub(super) fn of(cx: &Cx<'_>) -> Result<Self, Fault> {
        let format = cx.args.get("output").unwrap_or("simple");
        if !["simple", "extended", "json"].contains(&format) {
            let why = format!("--output: expected simple, extended or json, found {format:?}");
            return Err(usage(why));
        }
        let layout = cx.args.get("date.format").unwrap_or("2006-01-02 15:04:05 MST");
        Ok(Self {
            format: format.to_owned(),
            layout: layout.to_owned(),
            is_local: cx.process.is_local && !cx.is_amtool,
        })
    }

    /// A time as the layout has it; a text that is no time stays as it is.
    pub(super) fn show(&self, time: Option<&Value>) -> String {
        let text = text(time);
        match Time::parse_rfc3339(&text) {
            Ok(time) if self.is_local => {
                Time { zone: TimeZone::system(), ..time }.format(&self.layout)
            }
            Ok(time) => time.format(&self.layout),
            Err(_) => text,
        }
    }
}

/// The nanoseconds of a time since 1970, to sort by.
pub(super) fn moment(time: Option<&Value>) -> i128 {
    let time = time.and_then(Value::as_str).and_then(|it| Time::parse_rfc3339(it).ok());
    time.map_or(0, |it| i128::from(it.secs) * 1_000_000_000 + i128::from(it.nanos))
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

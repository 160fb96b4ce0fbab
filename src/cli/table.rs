//! How subcommands print JSON that the agent has given them.

use std::fmt::Write as _;

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

/// The first row of a table: its names, with commas between.
pub(super) fn heads(names: &str) -> Vec<Vec<String>> {
    vec![names.split(',').map(ToOwned::to_owned).collect()]
}

/// Characters of a word that a column holds in one line if it can; the first holds an id.
const WORD: usize = 10;
const FIRST_WORD: usize = 36;

/// Columns as wide as their widest cell. Where the terminal is narrower, the widest ones give way, at last through words; but of
/// the first, which names the row, words as long as an id stay whole.
pub(super) fn widths(rows: &[Vec<String>], terminal: Option<usize>) -> Vec<usize> {
    // Of each the width, and that of its longest word.
    let mut columns = Vec::new();
    for row in rows {
        columns.resize(row.len().max(columns.len()), (0, 0));
        for (at, (cell, (width, word))) in row.iter().zip(&mut columns).enumerate() {
            let longest = cell.split(' ').map(|it| it.chars().count()).max().unwrap_or(0);
            *word = longest.min(if at == 0 { FIRST_WORD } else { WORD }).max(*word);
            *width = cell.chars().count().max(*width);
        }
    }
    let room = terminal.unwrap_or(usize::MAX);
    while columns.iter().map(|(width, _)| width + 2).sum::<usize>() > room.saturating_add(2) {
        let giving = columns.iter_mut().enumerate().map(|(at, (width, word))| {
            let is_whole = *width > *word;
            (is_whole, at > 0 && *width > WORD / 2, width)
        });
        let giving = giving.filter(|(is_whole, is_broken, _)| *is_whole || *is_broken);
        let Some((_, _, width)) = giving.max_by_key(|(is_whole, _, width)| (*is_whole, **width))
        else {
            break;
        };
        *width -= 1;
    }
    columns.into_iter().map(|(width, _)| width).collect()
}

/// The lines of a row, two spaces between its cells; `is_padded`: after the last one, too. Of a cell that is wider than its
/// column, the rest stands below.
pub(super) fn lines(row: &[String], widths: &[usize], is_padded: bool) -> Vec<String> {
    let mut rests: Vec<&str> = row.iter().map(String::as_str).collect();
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        for (rest, &width) in rests.iter_mut().zip(widths) {
            let piece;
            (piece, *rest) = cut(rest, width);
            // Writing to a String cannot fail.
            write!(line, "{piece:width$}  ").ok();
        }
        lines.push(if is_padded { line } else { line.trim_end().to_owned() });
        if rests.iter().all(|rest| rest.is_empty()) {
            return lines;
        }
    }
}

/// So many characters of a text, or fewer that end where a word does; and the rest.
pub(super) fn cut(text: &str, width: usize) -> (&str, &str) {
    let Some((end, next)) = text.char_indices().nth(width) else { return (text, "") };
    let head = text.get(..end + next.len_utf8()).unwrap_or(text);
    let (piece, rest) = text.split_at_checked(head.rfind(' ').unwrap_or(end)).unwrap_or((text, ""));
    (piece, rest.strip_prefix(' ').unwrap_or(rest))
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
    fn the_widest_columns_give_way_and_what_is_left_stands_below() {
        let mut rows = heads("ID,Matchers,Ends At,Created By,Comment");
        let id = "0c7e5ef2-6d4d-4dc2-9f0f-0d6f0e2c0f11";
        let matchers = "alertname=\"DiskFull\" instance=\"gw1\"";
        let row = [id, matchers, "2026-11-29 22:00:00 UTC", "ann", "the new disk comes on monday"];
        rows.push(row.map(ToOwned::to_owned).to_vec());
        let page = |width| {
            let widths = widths(&rows, width);
            rows.iter().flat_map(|row| lines(row, &widths, false)).collect::<Vec<_>>()
        };
        assert_eq!(page(None).len(), 2);
        assert_eq!(page(Some(500)), page(None));
        for width in [200, 100, 80, 70] {
            let page = page(Some(width));
            assert!(page.iter().all(|line| line.chars().count() <= width), "{width}: {page:#?}");
            let all = page.concat().replace(' ', "");
            assert!(page.iter().any(|line| line.starts_with(id)), "{width}: {page:#?}");
            for letter in row.concat().replace(' ', "").chars() {
                assert!(all.contains(letter), "{letter}: {page:#?}");
            }
        }
        let expected = "\
ID                                    Matchers    Ends At     Created   Comment
                                                              By
0c7e5ef2-6d4d-4dc2-9f0f-0d6f0e2c0f11  alertname=  2026-11-29  ann       the new
                                      \"DiskFull\"  22:00:00              disk
                                      instance=\"  UTC                   comes on
                                      gw1\"                              monday";
        assert_eq!(page(Some(80)).join("\n"), expected);
        // One that is too narrow breaks lines itself.
        assert!(page(Some(1)).iter().any(|line| line.starts_with(id)));
    }

    #[test]
    fn a_text_is_cut_where_a_word_ends() {
        assert_eq!(cut("a b", 3), ("a b", ""));
        assert_eq!(cut("ab cd", 2), ("ab", "cd"));
        assert_eq!(cut("ab cd", 4), ("ab", "cd"));
        assert_eq!(cut("äöü€", 3), ("äöü", "€"));
        assert_eq!(cut(" abc", 2), ("", "abc"));
    }

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

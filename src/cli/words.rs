//! The words and flags that several subcommands share: matchers, pairs of names and values, times; and an answer as JSON.

use std::io;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::client::encoded;
use super::screen::Screen;
use super::table::Dates;
use super::{Cx, Fault, Outcome, usage};
use crate::model::matcher::{Grammar, parse_list, parse_one};
use crate::model::{MatchOp, Matcher};
use crate::template::Time;

/// A word as a matcher. A first one that is none is the value of `alertname`: as amtool has it whatever it is, else only
/// without an operator, so that a pattern with a mistake is told.
fn matcher(cx: &Cx<'_>, word: &str, is_first: bool) -> Result<Matcher, Fault> {
    let has_operator = word.contains('=') || word.contains("!~");
    let read = match parse_one(Grammar::default(), word) {
        Err(_) if is_first && (cx.is_amtool || !has_operator) => {
            Matcher::new("alertname", MatchOp::Equal, word).map_err(|error| error.to_string())
        }
        read => read.map(|it| it.value).map_err(|error| error.to_string()),
    };
    read.map_err(|why| usage(format!("{word:?}: {why}")))
}

/// The matchers of all words. As one word a list in braces is read, too, but by amtool, which takes it for an alertname.
pub(super) fn matchers(cx: &Cx<'_>) -> Result<Vec<Matcher>, Fault> {
    let mut matchers = Vec::new();
    for (at, word) in cx.args.words.iter().enumerate() {
        if word.starts_with('{') && !cx.is_amtool {
            let list = parse_list(Grammar::default(), word);
            matchers.extend(list.map_err(|why| usage(format!("{word:?}: {why}")))?.value);
        } else {
            matchers.push(matcher(cx, word, at == 0)?);
        }
    }
    Ok(matchers)
}

/// `filter=...&` for each matcher.
pub(super) fn filters(matchers: &[Matcher]) -> String {
    let mut filters = String::new();
    for matcher in matchers {
        filters += "filter=";
        filters += &encoded(&matcher.to_string());
        filters.push('&');
    }
    filters
}

/// Names and values of words as `a=b`; a first one that is none may be the `alertname`.
pub(super) fn pairs<'a>(
    cx: &Cx<'_>,
    words: impl Iterator<Item = &'a str>,
    has_name: bool,
) -> Result<Map<String, Value>, Fault> {
    let mut pairs = Map::new();
    for (at, word) in words.enumerate() {
        let pair = matcher(cx, word, has_name && at == 0)?;
        if pair.op() != MatchOp::Equal {
            return Err(usage(format!("{word:?}: expected NAME=VALUE")));
        }
        pairs.insert(pair.name().to_owned(), pair.value().into());
    }
    Ok(pairs)
}

/// The time of a flag: `now`, which amtool does not know, or as RFC 3339 has it. amtool tells of a mistake in Go's words.
pub(super) fn time_flag(cx: &Cx<'_>, flag: &'static str) -> Result<Option<Time>, Fault> {
    let read = |text: &str| match text {
        "now" if !cx.is_amtool => Ok(Time::from_wall(cx.now)),
        text => Time::parse_rfc3339(text).map_err(|why| {
            usage(if cx.is_amtool {
                format!("--{flag}: {why}")
            } else {
                format!("--{flag}: {text:?} is no time: write now, or 2026-11-28T22:00:00Z")
            })
        }),
    };
    cx.args.get(flag).filter(|text| !text.is_empty()).map(read).transpose()
}

/// Shows what `path` answers: as it came for `-o json`, else as `print` has it.
pub(super) fn shown(
    cx: &mut Cx<'_>,
    path: &str,
    print: fn(&mut Screen<'_>, &Value, &TimeZone) -> io::Result<()>,
) -> Outcome {
    let is_json = Dates::of(cx)?.format == "json";
    let answer = cx.agent()?.get(path)?;
    if is_json {
        return json_line(cx, &answer);
    }
    print(&mut cx.out, &answer, &TimeZone::system())?;
    Ok(0)
}

/// An answer as it came, in one line.
pub(super) fn json_line(cx: &mut Cx<'_>, answer: &Value) -> Outcome {
    use std::io::Write as _;
    writeln!(cx.out, "{answer}")?;
    Ok(0)
}

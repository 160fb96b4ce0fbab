//! The words and flags that several subcommands share: matchers, pairs of names and values, times; and an answer as JSON.

use serde_json::{Map, Value};

use super::client::encoded;
use super::{Cx, Outcome};
use crate::model::matcher::{Grammar, parse_one};
use crate::model::{MatchOp, Matcher};
use crate::template::Time;

/// A first word that is no matcher is the value of `alertname`.
pub(super) fn matcher(word: &str, is_first: bool) -> Result<Matcher, String> {
    let failed = |why: &dyn std::fmt::Display| format!("{word:?}: {why}");
    if is_first && !word.contains(['=', '~', '!']) {
        return Matcher::new("alertname", MatchOp::Equal, word).map_err(|error| failed(&error));
    }
    parse_one(Grammar::default(), word).map(|it| it.value).map_err(|error| failed(&error))
}

/// The matchers of all words.
pub(super) fn matchers(words: &[String]) -> Result<Vec<Matcher>, String> {
    words.iter().enumerate().map(|(at, word)| matcher(word, at == 0)).collect()
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

/// Names and values of words as `a=b`; a first one without a sign is the `alertname`.
pub(super) fn pairs<'a>(
    words: impl Iterator<Item = &'a str>,
    has_name: bool,
) -> Result<Map<String, Value>, String> {
    let mut pairs = Map::new();
    for (at, word) in words.enumerate() {
        let is_name = has_name && at == 0;
        let pair = matcher(word, is_name)?;
        if pair.op() != MatchOp::Equal {
            return Err(format!("{word:?}: expected NAME=VALUE"));
        }
        pairs.insert(pair.name().to_owned(), pair.value().into());
    }
    Ok(pairs)
}

/// The time of a flag as RFC 3339.
pub(super) fn time_flag(cx: &Cx<'_>, flag: &'static str) -> Result<Option<Time>, String> {
    let read = |text: &str| Time::parse_rfc3339(text).map_err(|why| format!("--{flag}: {why}"));
    cx.args.get(flag).filter(|text| !text.is_empty()).map(read).transpose()
}

/// An answer as it came, in one line.
pub(super) fn json_line(cx: &mut Cx<'_>, answer: &Value) -> Outcome {
    use std::io::Write as _;
    writeln!(cx.out, "{answer}")?;
    Ok(0)
}

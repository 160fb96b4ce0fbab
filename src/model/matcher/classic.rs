//! The classic grammar of matchers, tolerant: what Alertmanager's `pkg/labels` reads.

use crate::model::matcher::{MatchOp, Matcher, ParseError};

/// Reads matchers separated by commas. A leading `{` and a trailing `}` are dropped, each for itself, and so is a
/// trailing comma.
pub(super) fn list(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let text = text.strip_prefix('{').unwrap_or(text);
    let text = text.strip_suffix('}').unwrap_or(text);
    split(text).into_iter().map(one).collect()
}

/// The parts between commas that stand outside double quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            ',' if !quoted => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            // A comma leaves an escape pending, in quotes and out.
            ',' => {}
            '"' if escaped => escaped = false,
            '"' => quoted = !quoted,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    parts.extend(text.get(start..).map(str::trim).filter(|last| !last.is_empty()));
    parts
}

/// Reads one matcher: a name, an operator, a value in quotes or not, which may be empty.
pub(super) fn one(text: &str) -> Result<Matcher, ParseError> {
    let (name, op, raw) = parts(text).ok_or_else(|| ParseError::Format(text.to_owned()))?;
    let value = unescape(raw).ok_or_else(|| ParseError::Quote(raw.to_owned()))?;
    Matcher::new(name, op, &value).map_err(ParseError::Pattern)
}

/// RE2's `\s`.
fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

fn parts(text: &str) -> Option<(&str, MatchOp, &str)> {
    let text = text.trim_matches(is_space);
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let (name, rest) = text.split_at_checked(end?)?;
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start_matches(is_space);
    let mut longest_first =
        [MatchOp::Matches, MatchOp::NotMatches, MatchOp::NotEqual, MatchOp::Equal].into_iter();
    let (op, value) = longest_first.find_map(|op| Some((op, rest.strip_prefix(op.as_str())?)))?;
    Some((name, op, value.trim_start_matches(is_space)))
}

/// The value without its quotes and escapes, or nothing if a double quote is out of place. A backslash before anything
/// but `n`, `"` and `\` stands for itself.
fn unescape(raw: &str) -> Option<String> {
    let opened = raw.strip_prefix('"');
    let mut value = String::with_capacity(raw.len());
    let mut chars = opened.unwrap_or(raw).chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return (opened.is_some() && chars.as_str().is_empty()).then_some(value),
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(c @ ('"' | '\\')) => value.push(c),
                other => {
                    value.push('\\');
                    value.extend(other);
                }
            },
            c => value.push(c),
        }
    }
    opened.is_none().then_some(value)
}

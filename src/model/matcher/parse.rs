//! The text of matchers: the UTF-8 grammar, the classic one, and the fallback between them.

use std::fmt;

use crate::model::matcher::Matcher;

/// Which grammar reads matchers, as `--enable-feature` chooses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grammar {
    /// Both: where they differ, the classic one counts.
    #[default]
    Fallback,
    /// `utf8-strict-mode`
    Utf8,
    /// `classic-mode`
    Classic,
}

/// A text that is no matcher. Changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(pub String);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads any number of matchers separated by commas, braces around them or not.
pub fn parse_list(grammar: Grammar, text: &str) -> Result<Vec<Matcher>, ParseError> {
    let _ = grammar;
    Err(ParseError(text.to_owned()))
}

/// Reads exactly one matcher, without braces: the API's `filter`.
pub fn parse_one(grammar: Grammar, text: &str) -> Result<Matcher, ParseError> {
    let _ = grammar;
    Err(ParseError(text.to_owned()))
}

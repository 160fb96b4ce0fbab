//! The text of matchers: the choice between the two grammars, and the fallback from one to the other.
//!
//! Matches Alertmanager's `matcher/compat`. The grammars themselves are [`classic`] and
//! [`utf8`].

use std::fmt;

use crate::model::matcher::{Matcher, PatternError, classic, utf8};

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

/// The result, and warnings for the user about its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<T> {
    /// The matcher or matchers.
    pub value: T,
    /// Given by [`Grammar::Fallback`] alone: for the log.
    pub warning: Option<ParseWarning>,
}

/// Why a text that was read today may be read differently, or refused, by the UTF-8 grammar alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseWarning {
    /// Both grammars read it, each its own way; the classic reading counts.
    Disagreement {
        /// The text.
        text: String,
    },
    /// The classic grammar alone reads it.
    Incompatible {
        /// The text.
        text: String,
        /// The result of the UTF-8 grammar.
        error: ParseError,
        /// The same matchers in a form that both grammars read alike.
        suggestion: String,
    },
}

impl fmt::Display for ParseWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disagreement { text } => write!(
                f,
                "matchers {text:?} mean one thing to the classic grammar and another to the UTF-8 grammar; the classic \
                 meaning counts: write special characters as themselves rather than as escapes"
            ),
            Self::Incompatible { text, error, suggestion } => write!(
                f,
                "matchers {text:?} are read by the classic grammar alone (the UTF-8 grammar says: {error}): write \
                 {suggestion}"
            ),
        }
    }
}

/// A text that is no matcher. Changes nothing. The texts are Alertmanager's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The list of the one matcher that was asked for has none.
    NoMatchers,
    /// The list of the one matcher that was asked for has so many.
    ManyMatchers(usize),
    /// One matcher was asked for, and this text has braces.
    Brace(String),
    /// The classic grammar: this is not `name operator value`.
    Format(String),
    /// The classic grammar: a double quote in this value is neither escaped nor around it.
    Quote(String),
    /// The UTF-8 grammar: where and what.
    Syntax(String),
    /// The regular expression does not compile.
    Pattern(PatternError),
    /// The same, as the UTF-8 grammar says it.
    Utf8Pattern(PatternError),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMatchers => f.write_str("no matchers"),
            Self::ManyMatchers(found) => write!(f, "expected 1 matcher, found {found}"),
            Self::Brace(text) => write!(f, "unexpected open or close brace: {text}"),
            Self::Format(text) => write!(f, "bad matcher format: {text}"),
            Self::Quote(value) => {
                write!(f, "matcher value contains unescaped double quote: {value}")
            }
            Self::Syntax(message) => f.write_str(message),
            Self::Pattern(error) => error.fmt(f),
            Self::Utf8Pattern(error) => write!(f, "failed to create matcher: {error}"),
        }
    }
}

impl std::error::Error for ParseError {}

/// Reads any number of matchers separated by commas, braces around them or not.
pub fn parse_list(grammar: Grammar, text: &str) -> Result<Parsed<Vec<Matcher>>, ParseError> {
    match grammar {
        Grammar::Fallback => fall_back(text, utf8::list(text), classic::list(text), |matchers| {
            matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        }),
        Grammar::Utf8 => plain(utf8::list(text)),
        Grammar::Classic => plain(classic::list(text)),
    }
}

/// Reads exactly one matcher, without braces: the API's `filter`.
pub fn parse_one(grammar: Grammar, text: &str) -> Result<Parsed<Matcher>, ParseError> {
    if grammar == Grammar::Classic {
        return plain(classic::one(text));
    }
    if text.starts_with('{') || text.ends_with('}') {
        return Err(ParseError::Brace(text.to_owned()));
    }
    let read = utf8::list(text).and_then(|mut matchers| match matchers.len() {
        1 => matchers.pop().ok_or(ParseError::NoMatchers),
        0 => Err(ParseError::NoMatchers),
        found => Err(ParseError::ManyMatchers(found)),
    });
    match grammar {
        Grammar::Fallback => fall_back(text, read, classic::one(text), Matcher::to_string),
        Grammar::Utf8 | Grammar::Classic => plain(read),
    }
}

/// Whether a label may have this name: in classic mode ASCII letters, digits and underscores, no digit first;
/// otherwise anything but nothing.
pub fn valid_label_name(grammar: Grammar, name: &str) -> bool {
    match grammar {
        Grammar::Classic => {
            !name.starts_with(|c: char| c.is_ascii_digit())
                && !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        }
        Grammar::Fallback | Grammar::Utf8 => !name.is_empty(),
    }
}

fn plain<T>(read: Result<T, ParseError>) -> Result<Parsed<T>, ParseError> {
    read.map(|value| Parsed { value, warning: None })
}

/// The classic reading counts wherever there is one, and its error where there is none.
fn fall_back<T: PartialEq>(
    text: &str,
    utf8: Result<T, ParseError>,
    classic: Result<T, ParseError>,
    print: impl Fn(&T) -> String,
) -> Result<Parsed<T>, ParseError> {
    let text = || text.to_owned();
    match (utf8, classic) {
        (Err(_), Err(classic)) => Err(classic),
        (Ok(value), Err(_)) => Ok(Parsed { value, warning: None }),
        (Ok(utf8), Ok(classic)) => {
            let differ = utf8 != classic;
            let warning = differ.then(|| ParseWarning::Disagreement { text: text() });
            Ok(Parsed { value: classic, warning })
        }
        (Err(error), Ok(value)) => {
            let suggestion = print(&value);
            let warning = ParseWarning::Incompatible { text: text(), error, suggestion };
            Ok(Parsed { value, warning: Some(warning) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::matcher::MatchOp;

    fn matcher(name: &str, op: MatchOp, value: &str) -> Matcher {
        Matcher::new(name, op, value).unwrap()
    }

    #[test]
    fn the_fallback_prefers_the_classic_reading_and_says_so() {
        let read = |text| parse_list(Grammar::Fallback, text);
        let alike = read("{foo=bar,}").unwrap();
        assert_eq!(
            (alike.value, alike.warning),
            (vec![matcher("foo", MatchOp::Equal, "bar")], None)
        );
        assert_eq!(read(""), Ok(Parsed { value: Vec::new(), warning: None }));

        let utf8_alone = read("{foo🙂=bar}").unwrap();
        assert_eq!(utf8_alone.value, [matcher("foo🙂", MatchOp::Equal, "bar")]);
        assert_eq!(utf8_alone.warning, None);

        let classic_alone = read(r"{foo=!bar,baz=$x\n}").unwrap();
        let expected =
            [matcher("foo", MatchOp::Equal, "!bar"), matcher("baz", MatchOp::Equal, "$x\n")];
        assert_eq!(classic_alone.value, expected);
        let warning = classic_alone.warning.unwrap().to_string();
        assert!(warning.ends_with(r#"write foo="!bar",baz="$x\n""#), "{warning}");

        let text = r#"foo="\xf0\x9f\x99\x82""#;
        let differing = read(text).unwrap();
        assert_eq!(differing.value, [matcher("foo", MatchOp::Equal, r"\xf0\x9f\x99\x82")]);
        let text = text.to_owned();
        assert_eq!(differing.warning, Some(ParseWarning::Disagreement { text }));

        assert_eq!(read("{foo!bar}"), Err(ParseError::Format("foo!bar".to_owned())));
    }

    #[test]
    fn one_matcher_stands_without_braces() {
        for (grammar, text, error) in [
            (Grammar::Fallback, "{foo=bar}", "unexpected open or close brace: {foo=bar}"),
            (Grammar::Utf8, "foo=bar}", "unexpected open or close brace: foo=bar}"),
            (Grammar::Classic, "{foo=bar}", "bad matcher format: {foo=bar}"),
            (Grammar::Utf8, "", "no matchers"),
            (Grammar::Fallback, "", "bad matcher format: "),
            (Grammar::Utf8, "a=b,c=d", "expected 1 matcher, found 2"),
            (Grammar::Utf8, "a=`", "2:3: `: invalid input: expected label value"),
            (Grammar::Classic, "é=b", "bad matcher format: é=b"),
        ] {
            let read = parse_one(grammar, text).map_err(|error| error.to_string());
            assert_eq!(read, Err(error.to_owned()), "{grammar:?} {text}");
        }
        for (grammar, text, value, warned) in [
            (Grammar::Fallback, "foo=bar", "bar", false),
            (Grammar::Fallback, "foo=bar,", "bar,", true),
            (Grammar::Fallback, "foo=a,b=c", "a,b=c", true),
            (Grammar::Utf8, "foo=bar,", "bar", false),
            (Grammar::Classic, "foo=`", "`", false),
        ] {
            let read = parse_one(grammar, text).unwrap();
            assert_eq!(read.value, matcher("foo", MatchOp::Equal, value), "{grammar:?} {text}");
            assert_eq!(read.warning.is_some(), warned, "{grammar:?} {text}");
        }
    }

    #[test]
    fn label_names_are_classic_in_classic_mode_alone() {
        for (name, classic, utf8) in [
            ("foo", true, true),
            ("_foo1", true, true),
            ("0foo", false, true),
            ("foo:bar", false, true),
            ("foo🙂", false, true),
            ("", false, false),
        ] {
            assert_eq!(valid_label_name(Grammar::Classic, name), classic, "{name}");
            assert_eq!(valid_label_name(Grammar::Utf8, name), utf8, "{name}");
            assert_eq!(valid_label_name(Grammar::Fallback, name), utf8, "{name}");
        }
    }
}

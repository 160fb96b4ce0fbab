//! The regular expression of a matcher: RE2's syntax, anchored at both ends.

use std::fmt;
use std::rc::Rc;

/// An anchored regular expression. A plain alternation of literals, the usual case, is compared without an engine.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// `a|b|c`
    Literals(Rc<[Box<str>]>),
    /// Anything else.
    Regex(Rc<regex_lite::Regex>),
}

impl Pattern {
    /// Compiles `^(?:text)$`.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if !text.contains(|c| r"\.+*?()[]{}^$".contains(c)) {
            return Ok(Self::Literals(text.split('|').map(Box::from).collect()));
        }
        regex_lite::Regex::new(&format!("^(?:{text})$"))
            .map(|regex| Self::Regex(Rc::new(regex)))
            .map_err(|error| PatternError { text: text.to_owned(), rule: error.to_string() })
    }

    /// The alternatives, if it is a plain alternation of literals.
    pub fn literals(&self) -> Option<std::slice::Iter<'_, Box<str>>> {
        match self {
            Self::Literals(literals) => Some(literals.iter()),
            Self::Regex(_) => None,
        }
    }

    /// Whether the whole of `value` matches.
    pub fn is_match(&self, value: &str) -> bool {
        match self {
            Self::Literals(literals) => literals.iter().any(|literal| **literal == *value),
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

/// A regular expression that does not compile. Changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    text: String,
    rule: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid regular expression {:?}: {}", self.text, self.rule)
    }
}

//! Matchers: what a route, a silence, an inhibition rule and a filter select alerts by.

mod classes;
mod classic;
mod dfa;
mod node;
mod parse;
mod pattern;
mod program;
mod re2;
mod utf8;

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::sync::Arc;

pub use parse::{
    Grammar, ParseError, ParseWarning, Parsed, parse_list, parse_one, valid_label_name,
};
pub use pattern::{Gap, Needed, Pattern, PatternError};

use crate::limits::MATCHERS_COMPILED_BYTES_MAX;
use crate::model::Labels;
use crate::model::labels::Quoted;

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
}

impl MatchOp {
    /// The operator of the API's two flags.
    pub const fn from_flags(is_equal: bool, is_regex: bool) -> Self {
        match (is_equal, is_regex) {
            (true, false) => Self::Equal,
            (false, false) => Self::NotEqual,
            (true, true) => Self::Matches,
            (false, true) => Self::NotMatches,
        }
    }

    /// `=` or `=~`.
    pub const fn is_equal(self) -> bool {
        matches!(self, Self::Equal | Self::Matches)
    }

    /// `=~` or `!~`.
    pub const fn is_regex(self) -> bool {
        matches!(self, Self::Matches | Self::NotMatches)
    }

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
        }
    }
}

/// The steps it takes to find the label of a matcher.
const MATCHER_STEPS: u64 = 16;

/// One condition on the value of one label. A missing label has the value "".
#[derive(Clone, Debug)]
pub struct Matcher {
    name: Arc<str>,
    op: MatchOp,
    value: Arc<str>,
    pattern: Option<Pattern>,
}

impl Matcher {
    /// Compiles the value if the operator takes a regular expression.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, PatternError> {
        let pattern = if op.is_regex() { Some(Pattern::new(value)?) } else { None };
        Ok(Self { name: name.into(), op, value: value.into(), pattern })
    }

    /// The label's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The operator.
    pub const fn op(&self) -> MatchOp {
        self.op
    }

    /// The value or the regular expression.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The values of a regular expression that is a plain alternation of literals.
    pub fn literals(&self) -> Option<std::slice::Iter<'_, Box<str>>> {
        self.pattern.as_ref().and_then(Pattern::literals)
    }

    /// A text that every value that fulfils it has, if that is easily seen.
    pub fn needed(&self) -> Option<Needed<'_>> {
        self.pattern.as_ref().filter(|_| self.op.is_equal()).and_then(Pattern::needed)
    }

    /// Bytes that its compiled pattern takes, at most; zero if it needs none.
    pub fn compiled_bytes(&self) -> usize {
        self.pattern.as_ref().map_or(0, Pattern::compiled_bytes)
    }

    /// Whether a label of this value fulfils the condition; not if that cannot be told within bounds. Adds what it took to
    /// `steps`.
    pub fn matches_value(&self, value: &str, steps: &mut u64) -> bool {
        let found = match &self.pattern {
            Some(pattern) => pattern.is_match(value, steps),
            None => Some(*self.value == *value),
        };
        found == Some(self.op.is_equal())
    }

    /// Whether a silence of this matcher alone would match alerts that lack the label, in Alertmanager's sense: a negative
    /// matcher never counts as such.
    pub fn matches_empty(&self) -> bool {
        self.op.is_equal() && self.matches_value("", &mut 0)
    }

    /// Whether these labels fulfil the condition. Adds what it took to `steps`.
    pub fn matches(&self, labels: &Labels, steps: &mut u64) -> bool {
        *steps += MATCHER_STEPS;
        self.matches_value(labels.get(&self.name).unwrap_or(""), steps)
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Matcher {}

/// By name, then value, then operator: the order that route keys print in.
impl Ord for Matcher {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.name, &self.value, self.op).cmp(&(&other.name, &other.value, other.op))
    }
}

impl PartialOrd for Matcher {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Conditions that all must hold, in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matchers(Arc<[Matcher]>);

impl Matchers {
    /// The same conditions in the order that route keys print in.
    #[must_use]
    pub fn sorted(&self) -> Self {
        let mut matchers = self.0.to_vec();
        matchers.sort_unstable();
        Self(matchers.into())
    }

    /// Whether these labels fulfil every condition; no condition is always fulfilled. Adds what it took to `steps`.
    pub fn matches(&self, labels: &Labels, steps: &mut u64) -> bool {
        self.compare(labels, &mut 0, steps, u64::MAX) == Some(true)
    }

    /// The same in parts: nothing as soon as `steps` come to `most`, and the next call goes on. `at` is how many conditions
    /// are known to be fulfilled: 0 at first.
    pub fn compare(
        &self,
        labels: &Labels,
        at: &mut usize,
        steps: &mut u64,
        most: u64,
    ) -> Option<bool> {
        while let Some(matcher) = self.0.get(*at) {
            if *steps >= most {
                return None;
            }
            if !matcher.matches(labels, steps) {
                return Some(false);
            }
            *at += 1;
        }
        Some(true)
    }

    /// Bytes of their text.
    pub fn bytes(&self) -> usize {
        self.iter().map(|matcher| matcher.name.len() + matcher.value.len()).sum()
    }

    /// Bytes that their compiled patterns take, at most.
    pub fn compiled_bytes(&self) -> usize {
        self.iter().map(Matcher::compiled_bytes).sum()
    }

    /// The conditions.
    pub fn iter(&self) -> std::slice::Iter<'_, Matcher> {
        self.0.iter()
    }

    /// The number of conditions.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no condition.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Takes matchers as they are made, for as long as their compiled patterns have room in [`MATCHERS_COMPILED_BYTES_MAX`].
pub fn bounded<E>(
    matchers: impl IntoIterator<Item = Result<Matcher, E>>,
    refusal: impl Fn(String) -> E,
) -> Result<Vec<Matcher>, E> {
    let mut left = MATCHERS_COMPILED_BYTES_MAX;
    let mut taken = Vec::new();
    for matcher in matchers {
        let matcher = matcher?;
        left = left.checked_sub(matcher.compiled_bytes()).ok_or_else(|| {
            refusal(format!(
                "the regular expressions need more than {MATCHERS_COMPILED_BYTES_MAX} bytes: simplify them"
            ))
        })?;
        taken.push(matcher);
    }
    Ok(taken)
}

impl FromIterator<Matcher> for Matchers {
    fn from_iter<I: IntoIterator<Item = Matcher>>(matchers: I) -> Self {
        Self(matchers.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a Matchers {
    type Item = &'a Matcher;
    type IntoIter = std::slice::Iter<'a, Matcher>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// `{a="b",c=~"d"}`: the form that route keys carry.
impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, matcher) in self.iter().enumerate() {
            write!(f, "{}{matcher}", if i == 0 { "" } else { "," })?;
        }
        f.write_str("}")
    }
}

/// `name="value"`, the value escaped as `OpenMetrics` does; where the name has a reserved character, both sides are
/// quoted as Go quotes.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = self.op.as_str();
        if self.name.contains(utf8::is_reserved) {
            return write!(f, "{}{op}{}", Quoted(&self.name), Quoted(&self.value));
        }
        write!(f, "{}{op}\"", self.name)?;
        for c in self.value.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '"' => f.write_str("\\\"")?,
                c => f.write_char(c)?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_print_sorted_and_quoted_as_alertmanager_prints_them() {
        let matchers: Matchers = [
            Matcher::new("b", MatchOp::Matches, "x|y").unwrap(),
            Matcher::new("a b", MatchOp::NotEqual, "é\t\"").unwrap(),
            Matcher::new("b", MatchOp::Equal, "x|y").unwrap(),
            Matcher::new("a-é", MatchOp::NotMatches, "\\.\n\t\"").unwrap(),
        ]
        .into_iter()
        .collect();
        let printed = r#"{"a b"!="é\t\"",a-é!~"\\.\n	\"",b="x|y",b=~"x|y"}"#;
        assert_eq!(matchers.sorted().to_string(), printed);
    }

    #[test]
    fn conditions_are_compared_in_parts_and_each_once() {
        let text = "ab".repeat(600);
        let labels: Labels = [("a", &*text)].into_iter().collect();
        let matcher = || Matcher::new("a", MatchOp::Matches, ".*b[ab]{900}").unwrap();
        let matchers: Matchers = (0..64).map(|_| matcher()).collect();
        let (mut at, mut parts, mut all) = (0, 1, 0);
        loop {
            let mut steps = 0;
            let outcome = matchers.compare(&labels, &mut at, &mut steps, 1);
            all += steps;
            if outcome.is_some() {
                assert_eq!(outcome, Some(true));
                break;
            }
            parts += 1;
        }
        assert_eq!(parts, 64);
        let mut at_once = 0;
        assert!(matcher().matches(&labels, &mut at_once));
        assert!(all <= 64 * at_once, "{all} of 64 times {at_once}");
    }

    #[test]
    fn a_missing_label_is_an_empty_one() {
        let labels: Labels = [("a", "x")].into_iter().collect();
        for (name, op, value, expected) in [
            ("a", MatchOp::Equal, "x", true),
            ("a", MatchOp::NotEqual, "x", false),
            ("b", MatchOp::Equal, "", true),
            ("b", MatchOp::NotEqual, "x", true),
            ("b", MatchOp::Matches, ".*", true),
            ("b", MatchOp::Matches, ".+", false),
            ("b", MatchOp::NotMatches, "x|y", true),
            ("a", MatchOp::NotMatches, "x|y", false),
        ] {
            let matcher = Matcher::new(name, op, value).unwrap();
            assert_eq!(matcher.matches(&labels, &mut 0), expected, "{matcher}");
        }
    }
}

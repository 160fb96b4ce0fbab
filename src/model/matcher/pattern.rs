//! The regular expression of a matcher: RE2's syntax, anchored at both ends.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

use regex_lite::{Regex, RegexBuilder};

use crate::limits::{PATTERN_BYTES_MAX, PATTERN_COMPILED_BYTES_MAX};
use crate::model::matcher::re2;

/// What the smallest compiled patterns are counted as; larger ones as four times that, and so on.
const COMPILED_BYTES_MIN: usize = 2048;

/// An anchored regular expression. The usual cases are compared without an engine.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// `a|b|c`, sorted.
    Literals(Rc<[Box<str>]>),
    /// `.*a`, `a.+` or `.*a.*`
    Part {
        /// What stands before the literal.
        before: Gap,
        /// The literal; without a line feed.
        literal: Box<str>,
        /// What stands behind the literal.
        after: Gap,
    },
    /// Anything else.
    Regex(Rc<Engine>),
}

/// A compiled regular expression.
#[derive(Debug)]
pub struct Engine {
    /// What every match begins with: most values are told apart by it.
    prefix: Box<str>,
    regex: Regex,
    /// Bytes that it takes, at most.
    bytes: usize,
}

/// How many characters stand beside a literal; no line feed is among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// None.
    Closed,
    /// `.*`
    Any,
    /// `.+`
    Some,
}

impl Pattern {
    /// Compiles `^(?:text)$`.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > PATTERN_BYTES_MAX {
            let rule = format!("longer than {PATTERN_BYTES_MAX} bytes, split it");
            let at = text.chars().take(32).chain("...".chars()).collect();
            return Err(PatternError { rule: rule.into(), at });
        }
        match Self::plain(text) {
            Some(plain) => Ok(plain),
            None => Self::compile(text),
        }
    }

    fn compile(text: &str) -> Result<Self, PatternError> {
        let anchored = format!("^(?:{text})$");
        let mut builder = RegexBuilder::new(&re2::translate(&anchored)?);
        // The engine does not tell its size, but keeps to one.
        let mut bytes = COMPILED_BYTES_MIN;
        let regex = loop {
            match builder.size_limit(bytes).build() {
                Ok(regex) => break regex,
                Err(_) if bytes < PATTERN_COMPILED_BYTES_MAX => bytes *= 4,
                Err(error) => {
                    let rule = error.to_string().into();
                    return Err(PatternError { rule, at: text.to_owned() });
                }
            }
        };
        let prefix = prefix(text).into();
        Ok(Self::Regex(Rc::new(Engine { prefix, regex, bytes })))
    }

    /// Bytes that its compiled form takes, at most; text apart.
    pub fn compiled_bytes(&self) -> usize {
        match self {
            Self::Literals(_) | Self::Part { .. } => 0,
            Self::Regex(engine) => engine.bytes,
        }
    }

    /// The pattern, if no engine is needed for it.
    fn plain(text: &str) -> Option<Self> {
        // What `match_re` brings along.
        let anchored = text.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$"));
        let text = anchored.filter(|inside| !inside.contains(['(', ')'])).unwrap_or(text);
        let gap = |rest: Option<_>, gap| rest.map(|rest| (gap, rest));
        let (before, rest) = gap(text.strip_prefix(".*"), Gap::Any)
            .or_else(|| gap(text.strip_prefix(".+"), Gap::Some))
            .unwrap_or((Gap::Closed, text));
        let (after, rest) = gap(rest.strip_suffix(".*"), Gap::Any)
            .or_else(|| gap(rest.strip_suffix(".+"), Gap::Some))
            .unwrap_or((Gap::Closed, rest));
        if (before, after) == (Gap::Closed, Gap::Closed) {
            let inside = text.strip_prefix("(?:").or_else(|| text.strip_prefix('('));
            let inside = inside.and_then(|inside| inside.strip_suffix(')')).unwrap_or(text);
            let mut literals = literals(inside)?;
            literals.sort();
            return Some(Self::Literals(literals.into()));
        }
        let mut literals = literals(rest)?;
        let literal = literals.pop().filter(|literal| !literal.contains('\n'))?;
        literals.is_empty().then_some(Self::Part { before, literal, after })
    }

    /// The alternatives, if it is a plain alternation of literals.
    pub fn literals(&self) -> Option<std::slice::Iter<'_, Box<str>>> {
        match self {
            Self::Literals(literals) => Some(literals.iter()),
            Self::Part { .. } | Self::Regex(_) => None,
        }
    }

    /// Whether the whole of `value` matches.
    pub fn is_match(&self, value: &str) -> bool {
        match self {
            Self::Literals(literals) => {
                literals.binary_search_by(|literal| (**literal).cmp(value)).is_ok()
            }
            Self::Part { before, literal, after } => part_matches(*before, literal, *after, value),
            Self::Regex(engine) => {
                value.starts_with(&*engine.prefix) && engine.regex.is_match(value)
            }
        }
    }
}

fn part_matches(before: Gap, literal: &str, after: Gap, value: &str) -> bool {
    let mut chars = value.chars();
    if (before == Gap::Some && chars.next().is_none())
        || (after == Gap::Some && chars.next_back().is_none())
    {
        return false;
    }
    let rest = chars.as_str();
    let found = match (before, after) {
        (Gap::Closed, _) => rest.starts_with(literal),
        (_, Gap::Closed) => rest.ends_with(literal),
        _ => rest.contains(literal),
    };
    found && !value.contains('\n')
}

/// What every match of a pattern begins with, as far as that is easily seen.
fn prefix(text: &str) -> String {
    if !is_one_piece(text) {
        return String::new();
    }
    let mut prefix = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next().filter(char::is_ascii_punctuation) {
                Some(literal) => prefix.push(literal),
                None => break,
            },
            '*' | '?' | '{' => {
                // The last one may be missing.
                prefix.pop();
                break;
            }
            '.' | '+' | '(' | ')' | '[' | ']' | '}' | '^' | '$' | '|' => break,
            c => prefix.push(c),
        }
    }
    prefix
}

/// Whether a pattern is one sequence from its beginning to its end: no alternatives outside of every group, and no group
/// that ends before it begins, for the pattern stands in a group of ours. Where that is not plain, it is not.
fn is_one_piece(text: &str) -> bool {
    if !text.contains(['|', ')']) {
        return true;
    }
    let mut depth = 0;
    !text.contains(['[', '\\'])
        && text.chars().all(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth > 0 || (depth == 0 && c != '|')
        })
}

/// The alternatives of a pattern that has no operator but `|`.
fn literals(text: &str) -> Option<Vec<Box<str>>> {
    let mut literals = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '|' => literals.push(std::mem::take(&mut literal).into()),
            '\\' => literal.push(chars.next().filter(char::is_ascii_punctuation)?),
            '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
            c => literal.push(c),
        }
    }
    literals.push(literal.into());
    Some(literals)
}

/// A regular expression that does not compile, in Go's words where Go refuses it too. Changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    pub(super) rule: Cow<'static, str>,
    pub(super) at: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error parsing regexp: {}: `{}`", self.rule, self.at)
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let compiled = Pattern::new(pattern).unwrap();
        for (values, expected) in [(matching, true), (others, false)] {
            for value in values {
                assert_eq!(compiled.is_match(value), expected, "{pattern} on {value:?}");
            }
        }
    }

    #[test]
    fn the_usual_patterns_need_no_engine() {
        for plain in ["", "a", "a|b", "(a|b)", "(?:a|)", r"a\.b", ".*", ".+", "a.*", ".+a", ".*a.*"]
        {
            assert!(!matches!(Pattern::new(plain), Ok(Pattern::Regex(_))), "{plain}");
        }
        for regex in ["a.b", "a*", ".*a|b", r"\d", "[ab]", "(a)|(b)", "a.*b", "a\n.*", r"a\.*"] {
            assert!(matches!(Pattern::new(regex), Ok(Pattern::Regex(_))), "{regex}");
        }
    }

    #[test]
    fn patterns_match_the_whole_value() {
        check("a|b|", &["a", "b", ""], &["ab", "c", "aa"]);
        check(
            r"(web|db)\d+\.example",
            &["web1.example", "db23.example"],
            &["web.example", "web1xexample"],
        );
        check(".+", &["a", "é"], &["", "a\nb"]);
        check("a.+", &["ab", "aa"], &["a", "ba", "ab\n"]);
        check(".+a", &["ba", "aa"], &["a", "\na"]);
        check(".+aa.+", &["aaaa", "xaay"], &["aaa", "aa", "xaa"]);
        check(".*", &["", "a"], &["\n"]);
        check("(?s).*", &["", "\n"], &[]);
    }

    #[test]
    fn re2s_spellings_mean_what_they_mean_to_go() {
        check(r"foo\/\-\_\<\%\ ", &["foo/-_<% "], &["foo"]);
        check(r"[]a[&~-]+", &["]a[&~-"], &["b", "^"]);
        check(r"[+--]", &["+", ",", "-"], &["a"]);
        check(r"[^\]\d]", &["a"], &["]", "1"]);
        check(r"\Qa.b\E+c", &["a.bbc"], &["axbc"]);
        check(r"\101\x42\x{e9}\07", &["ABé\x07"], &[]);
        check("a{,2}b{", &["a{,2}b{"], &["aab"]);
        check("a{2}?b+?", &["aab", "aabb"], &["ab"]);
        check("(?P<name>a)(?<other>b)", &["ab"], &[]);
        check("(?)a(?ii)b|c", &["ab", "aB", "C"], &["Ab"]);
        check("(?i)äÖ[à-å]k", &["ÄöÅK", "äöäk"], &["aöäk"]);
        check("(?i:a(?-i)b)c", &["Abc"], &["aBc", "abC"]);
        check("[[:alpha:][:^ascii:]]+", &["aé"], &["1"]);
        check(r"\S\W\D\w[\s\S]", &["a-b_\n"], &[" -b_\n"]);
        check(r"\Aa\b.*\Bb\z", &["a xb"], &["ab"]);
        check("a)|(?:b", &["a", "b", "ax", "xb"], &["x"]);
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        for (pattern, error) in [
            (r"\Qa", r"missing closing ): `^(?:\Qa)$`"),
            ("a(b", "missing closing ): `^(?:a(b)$`"),
            ("a)", "unexpected ): `^(?:a))$`"),
            ("[a", "missing closing ]: `[a)$`"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("a|{2}", "missing argument to repetition operator: `{2}`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a{2}{3}?", "invalid nested repetition operator: `{2}{3}?`"),
            ("a{3,2}", "invalid repeat count: `{3,2}`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("(a{500}|b){3}", "invalid repeat count: `{3}`"),
            ("(a{99999999999})", "invalid repeat count: `{99999999999}`"),
            (r"\q", r"invalid escape sequence: `\q`"),
            (r"\C", r"invalid escape sequence: `\C`"),
            (r"(a)\1", r"invalid escape sequence: `\1`"),
            (r"\x{d800}", r"invalid escape sequence: `\x{d800}`"),
            (r"[\", r"missing closing ]: `[\)$`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
            ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
            ("(?P<a-b>c)", "invalid named capture: `(?P<a-b>`"),
        ] {
            let expected = format!("error parsing regexp: {error}");
            assert_eq!(Pattern::new(pattern).map_err(|e| e.to_string()).unwrap_err(), expected);
        }
    }

    #[test]
    fn what_the_engine_lacks_is_refused_with_a_way_out() {
        for (pattern, construct) in [
            (r"\p{Greek}+", r"`\p{Greek}`"),
            (r"[\PL]", r"`\PL`"),
            ("(?i)[à-\u{fffd}]", "`à-\u{fffd}`"),
        ] {
            let error = Pattern::new(pattern).unwrap_err().to_string();
            assert!(error.contains("write") && error.ends_with(construct), "{error}");
        }
    }

    #[test]
    fn patterns_are_bounded_in_length_memory_and_depth() {
        assert!(Pattern::new(&"a|".repeat(PATTERN_BYTES_MAX / 2)).is_ok());
        assert!(Pattern::new(&"a|".repeat(PATTERN_BYTES_MAX / 2 + 1)).is_err());
        assert!(Pattern::new(&"a.".repeat(2000)).is_ok());
        assert!(Pattern::new("((a{10}b{10}){10}c{10}){10}").is_ok());
        assert!(Pattern::new(&"[a-c]{1000}".repeat(100)).is_err());
        let nested = |depth| format!("{}a{}", "(".repeat(depth), "+)".repeat(depth));
        assert!(Pattern::new(&nested(30)).is_ok());
        assert!(Pattern::new(&nested(40)).is_err());
        assert!(Pattern::new(&format!("{}{}", "(".repeat(30), "){1000}".repeat(30))).is_err());
    }

    #[test]
    fn most_values_are_told_apart_by_the_beginning() {
        for (pattern, expected) in [
            (r"web\.[0-9]+", "web."),
            ("web1?[0-9]", "web"),
            ("web1{0}[0-9]", "web"),
            ("web1+[0-9]", "web1"),
            ("ä*[0-9]", ""),
            (r"web-\d+", "web-"),
            ("a-(b|c)+", "a-"),
            ("a-[b]|c", ""),
            ("a[(]b|c", ""),
            (r"a\(b|c.", ""),
            (r"a\Q(\Eb|c.", ""),
            ("a.)|(?:b", ""),
            ("a)?(b", ""),
            (r"a\()?(b", ""),
            ("a[(])?(b", ""),
            ("(?i)a", ""),
            ("a(?i)b", "a"),
            ("^a.", ""),
        ] {
            assert_eq!(prefix(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_compiled_is_counted() {
        let bytes = |text: &str| Pattern::new(text).unwrap().compiled_bytes();
        assert_eq!(bytes("a|b"), 0);
        assert_eq!(bytes("a[bc]"), COMPILED_BYTES_MIN);
        assert_eq!(bytes("[a-c]{1000}"), COMPILED_BYTES_MIN * 64);
    }

    proptest! {
        #[test]
        fn the_beginning_changes_nothing(
            pattern in r"(\(|\)|\||\[|\]|\\|\?|\*|\{|\}|\+|Q|E|a|b){0,8}",
            values in prop::collection::vec("[ab|(]{0,4}", 8),
        ) {
            if let Ok(Pattern::Regex(engine)) = Pattern::compile(&pattern) {
                for value in values {
                    let whole = engine.regex.is_match(&value);
                    prop_assert!(!whole || value.starts_with(&*engine.prefix), "{:?}", value);
                }
            }
        }

        #[test]
        fn what_needs_no_engine_means_what_the_engine_says(
            pattern in r"(\.[*+])?(\()?(a|b|\\\.|\||\n|\.){0,3}(\))?(\.[*+])?",
            values in prop::collection::vec("[ab.\n]{0,4}", 8),
        ) {
            if let (Some(plain), Ok(engine)) = (Pattern::plain(&pattern), Pattern::compile(&pattern)) {
                for value in values {
                    prop_assert_eq!(plain.is_match(&value), engine.is_match(&value), "{:?}", value);
                }
            }
        }

        #[test]
        fn no_pattern_breaks_the_compiler(
            pattern in r"([ab.*+?|(){}\[\]^$\\,:<>PQEpdwxis0-9é-]|\(\?|\[:|:\]|\\x\{){0,24}|.{0,16}",
            value in ".{0,8}",
        ) {
            match Pattern::new(&pattern) {
                Ok(compiled) => { compiled.is_match(&value); }
                Err(error) => prop_assert!(error.to_string().starts_with("error parsing regexp: ")),
            }
        }
    }
}

//! The regular expression of a matcher: RE2's syntax, anchored at both ends.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::limits::{PATTERN_BYTES_MAX, PATTERN_STATES_MAX};
use crate::model::matcher::dfa::Dfa;
use crate::model::matcher::node::{Look, Node};
use crate::model::matcher::program::Program;
use crate::model::matcher::re2;

/// An anchored regular expression. The usual cases are compared without an engine.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// `a|b|c`, sorted.
    Literals(Arc<[Box<str>]>),
    /// `.*a`, `a.+` or `.*a.*`
    Part {
        /// The part before the literal.
        before: Gap,
        /// The literal; without a line feed.
        literal: Box<str>,
        /// The part behind the literal.
        after: Gap,
    },
    /// Anything else.
    Regex(Arc<Engine>),
}

/// A compiled regular expression.
#[derive(Debug)]
pub struct Engine {
    /// The text with which every match begins and ends, and that it has between: most values are told apart by it.
    prefix: Box<str>,
    suffix: Box<str>,
    inside: Box<str>,
    dfa: Dfa,
}

/// A text that every value that matches has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed<'a> {
    /// It begins so.
    Head(&'a str),
    /// It ends so.
    Tail(&'a str),
    /// It has this anywhere.
    Inside(&'a str),
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
        let node = re2::parse(&format!("^(?:{text})$"))?;
        if node.states() > PATTERN_STATES_MAX {
            return Err(PatternError::too_large(text));
        }
        let (prefix, suffix, inside) = needed(&node);
        Ok(Self::Regex(Arc::new(Engine {
            prefix,
            suffix,
            inside,
            dfa: Dfa::new(Program::new(&node)),
        })))
    }

    /// Bytes that its compiled form takes, at most; text apart.
    pub fn compiled_bytes(&self) -> usize {
        match self {
            Self::Literals(_) | Self::Part { .. } => 0,
            Self::Regex(engine) => engine.dfa.bytes(),
        }
    }

    /// The pattern, if no engine is needed for it.
    fn plain(text: &str) -> Option<Self> {
        // A pattern of `match_re` comes with its anchors.
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
            literals.sort_unstable();
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

    /// A text that every value that matches has, if that is easily seen: at its begin or end, the longer of both, else
    /// inside.
    pub fn needed(&self) -> Option<Needed<'_>> {
        let (head, tail, inside) = match self {
            Self::Part { before: Gap::Closed, literal, .. } => (&**literal, "", ""),
            Self::Part { after: Gap::Closed, literal, .. } => ("", &**literal, ""),
            Self::Part { literal, .. } => ("", "", &**literal),
            Self::Literals(_) => ("", "", ""),
            Self::Regex(engine) => (&*engine.prefix, &*engine.suffix, &*engine.inside),
        };
        let end = if head.len() > tail.len() { Needed::Head(head) } else { Needed::Tail(tail) };
        match (head, tail, inside) {
            ("", "", "") => None,
            ("", "", inside) => Some(Needed::Inside(inside)),
            _ => Some(end),
        }
    }

    /// Whether the whole of `value` matches; nothing if that takes more than [`crate::limits::PATTERN_STEPS_MAX`]. Adds
    /// what was done to `steps`, about as many as bytes that were looked at.
    pub fn is_match(&self, value: &str, steps: &mut u64) -> Option<bool> {
        *steps += 1;
        match self {
            Self::Literals(literals) => {
                Some(literals.binary_search_by(|literal| (**literal).cmp(value)).is_ok())
            }
            Self::Part { before, literal, after } => {
                *steps += value.len() as u64 / 16;
                Some(part_matches(*before, literal, *after, value))
            }
            Self::Regex(engine) => {
                if !value.starts_with(&*engine.prefix) || !value.ends_with(&*engine.suffix) {
                    return Some(false);
                }
                if !engine.inside.is_empty() {
                    *steps += value.len() as u64 / 16;
                    if !value.contains(&*engine.inside) {
                        return Some(false);
                    }
                }
                engine.dfa.is_match(value, steps)
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

/// The text with which every match begins, the one with which it ends, and the longest that it has between, as far as that is easily
/// seen; the last is empty where it is shorter than the others.
fn needed(node: &Node) -> (Box<str>, Box<str>, Box<str>) {
    let [Node::Look(Look::Begin), inside @ .., Node::Look(Look::End)] = node.parts() else {
        return Default::default();
    };
    let mut runs = vec![String::new()];
    for node in inside {
        match (node.as_char(), runs.last_mut()) {
            (Some(c), Some(run)) => run.push(c),
            _ => runs.push(String::new()),
        }
    }
    let prefix = runs.first().cloned().unwrap_or_default();
    let suffix = runs.last().cloned().unwrap_or_default();
    let longest = runs.into_iter().max_by_key(String::len).unwrap_or_default();
    let is_longer = longest.len() > prefix.len().max(suffix.len());
    let inside = if is_longer { longest } else { String::new() };
    (prefix.into(), suffix.into(), inside.into())
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

impl PatternError {
    pub(super) fn too_large(text: &str) -> Self {
        let rule = format!("needs more than {PATTERN_STATES_MAX} states, split it or repeat less");
        Self { rule: rule.into(), at: text.to_owned() }
    }
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
    use crate::limits::PATTERN_STEPS_MAX;

    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let compiled = Pattern::new(pattern).unwrap();
        for (values, expected) in [(matching, true), (others, false)] {
            for value in values {
                assert_eq!(
                    compiled.is_match(value, &mut 0),
                    Some(expected),
                    "{pattern} on {value:?}"
                );
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
    fn every_match_has_the_text_that_is_needed() {
        for (pattern, needed) in [
            ("web.+", Some(Needed::Head("web"))),
            (".*[0-9]-db", Some(Needed::Tail("-db"))),
            (".*disk.*", Some(Needed::Inside("disk"))),
            (r"[a-z]+-7[0-9]*[.]other\.x:9[0-9]+", Some(Needed::Inside(".other.x:9"))),
            ("[a-z]+(x|y)?", None),
            ("(?i)[a-z]+disk.?", None),
            ("a|b", None),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().needed(), needed, "{pattern}");
        }
        check("[a-z]+-7[0-9]*x[.]y.?", &["a-70x.y", "b-7x.yz"], &["a-70x.", "a-8x.y", "x.y"]);
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
    fn patterns_that_go_refuses_are_refused_in_its_words() {
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
    fn syntax_that_the_engine_lacks_is_refused_with_a_way_out() {
        for (pattern, construct) in [
            (r"\p{Greek}+", r"`\p{Greek}`"),
            (r"[\PL]", r"`\PL`"),
            ("(?i)[à-\u{fffd}]", "`à-\u{fffd}`"),
        ] {
            let error = Pattern::new(pattern).unwrap_err().to_string();
            assert!(error.contains("write") && error.ends_with(construct), "{error}");
        }
        for name in [
            r"\pL",
            r"\p{L}",
            r"\p{Lu}",
            r"\p{Ll}",
            r"\PN",
            r"\p{^Nd}",
            r"\pP",
            r"\p{Zs}",
            r"\p{Greek}",
        ] {
            let error = Pattern::new(name).unwrap_err().to_string();
            let advice = error.split("write ").nth(1).unwrap();
            let class = advice.get(advice.find('[').unwrap()..=advice.rfind(']').unwrap()).unwrap();
            assert!(Pattern::new(class).is_ok(), "{name}: {class}");
        }
    }

    #[test]
    fn patterns_are_bounded_in_length_states_and_depth() {
        assert!(Pattern::new(&"a|".repeat(PATTERN_BYTES_MAX / 2)).is_ok());
        assert!(Pattern::new(&"a|".repeat(PATTERN_BYTES_MAX / 2 + 1)).is_err());
        assert!(Pattern::new(&"a.".repeat(2000)).is_ok());
        assert!(Pattern::new("((a{10}b{10}){10}c{10}){10}").is_ok());
        assert!(Pattern::new(&"[a-c]{1000}".repeat(30)).is_ok());
        assert!(Pattern::new(&"[a-c]{1000}".repeat(33)).is_err());
        let nested = |depth| format!("{}a{}", "(".repeat(depth), "+)".repeat(depth));
        assert!(Pattern::new(&nested(30)).is_ok());
        assert!(Pattern::new(&nested(40)).is_err());
        assert!(Pattern::new(&format!("{}{}", "(".repeat(30), "){1000}".repeat(30))).is_err());
    }

    #[test]
    fn a_thousand_host_names_are_one_pattern() {
        let name = |n: usize| format!(r"web-{n:04}\.frankfurt\.example");
        let names: Vec<String> = (0..1000).map(name).collect();
        check(&names.join("|"), &["web-0999.frankfurt.example"], &["web-1000.frankfurt.example"]);
        let engine = format!("({})(:9[0-9]+)?", names.join("|"));
        check(&engine, &["web-0017.frankfurt.example:9100"], &["web-0017.frankfurt.example:"]);
    }

    #[test]
    fn most_values_are_told_apart_by_begin_and_end() {
        for (pattern, prefix, suffix) in [
            (r"web\.[0-9]+", "web.", ""),
            ("web1?[0-9]x", "web", "x"),
            ("web1+[0-9]", "web", ""),
            (".*[0-9]17x", "", "17x"),
            ("a-(b|c)+d", "a-", "d"),
            ("ab.|ac.", "a", ""),
            ("a.)|(?:b", "", ""),
            ("(?i)a.b", "", ""),
            ("a(?i)b", "a", ""),
        ] {
            let node = re2::parse(&format!("^(?:{pattern})$")).unwrap();
            let (head, tail, _) = needed(&node);
            assert_eq!((&*head, &*tail), (prefix, suffix), "{pattern}");
        }
    }

    /// The steps it takes to compare a pattern with each of some values.
    fn steps(pattern: &str, values: impl IntoIterator<Item = String>) -> u64 {
        let compiled = Pattern::new(pattern).unwrap();
        let mut steps = 0;
        for value in values {
            compiled.is_match(&value, &mut steps);
        }
        steps
    }

    #[test]
    fn a_pattern_takes_about_a_step_a_character_however_expensive_it_looks() {
        let values = || (0..1000).map(|n| format!("{n:060}"));
        let bytes = 1000 * 60;
        for pattern in [
            "(y?){1000}",
            "([0-9]?){1000}",
            ".*[x-z].*",
            ".*[0-9]17x",
            "([0-9]+)+y",
            &format!("{}b", ".*".repeat(4000)),
        ] {
            let steps = steps(pattern, values());
            assert!(steps < bytes * 2, "{}: {steps} steps", &pattern[..9]);
        }
        let large = std::iter::repeat_n("a1".repeat(23 * 1024), 8);
        let steps = steps(&format!("{}b", ".*".repeat(4000)), large);
        assert!(steps < 8 * 48 * 1024, "{steps}");
    }

    #[test]
    fn a_comparison_that_takes_too_much_holds_neither_way_each_time() {
        let (long, short) = ("ab".repeat(20_000), "ab".repeat(200));
        let pattern = Pattern::new(".*b[ab]{900}").unwrap();
        let mut steps = 0;
        assert_eq!(pattern.is_match(&long, &mut steps), None);
        assert!(steps < 10 * PATTERN_STEPS_MAX as u64, "{steps}");
        for _ in 0..3 {
            assert_eq!(pattern.is_match(&short, &mut 0), Some(false));
        }
        assert_eq!(pattern.is_match(&"ab".repeat(600), &mut 0), Some(true));
        assert_eq!(pattern.is_match(&long, &mut 0), None, "whatever is known by now");
    }

    #[test]
    fn compiled_patterns_are_counted_and_a_small_one_is_small() {
        let bytes = |text: &str| Pattern::new(text).unwrap().compiled_bytes();
        assert_eq!(bytes("a|b"), 0);
        let usual = bytes("[a-z]+-123[0-9]*[.]other[.]example:9[0-9]+");
        assert!((2048..4096).contains(&usual), "{usual}");
        assert!((6_000..12_000).contains(&bytes("[a-c]{1000}")));
    }

    proptest! {
        #[test]
        fn patterns_mean_what_another_engine_says(
            pattern in r"(\(|\(\?:|\)|\||\[[ab]{1,2}\]|\[\^a\]|\?|\*|\+|\{1,2\}|\{2\}|\.|\^|\$|\\b|\\B|\(\?m:|\(\?i:|\(\?s:|\n| |a|b|B){0,10}",
            values in prop::collection::vec("[abB \n]{0,6}", 16),
        ) {
            let other = regex_lite::Regex::new(&format!("^(?:{pattern})$"));
            if let (Ok(ours), Ok(other)) = (Pattern::compile(&pattern), other) {
                for value in values {
                    let expected = Some(other.is_match(&value));
                    prop_assert_eq!(ours.is_match(&value, &mut 0), expected, "{:?}", value);
                }
            }
        }

        #[test]
        fn patterns_without_an_engine_match_as_with_one(
            pattern in r"(\.[*+])?(\()?(a|b|\\\.|\||\n|\.){0,3}(\))?(\.[*+])?",
            values in prop::collection::vec("[ab.\n]{0,4}", 8),
        ) {
            if let (Some(plain), Ok(engine)) = (Pattern::plain(&pattern), Pattern::compile(&pattern)) {
                for value in values {
                    prop_assert_eq!(plain.is_match(&value, &mut 0), engine.is_match(&value, &mut 0), "{:?}", value);
                }
            }
        }

        #[test]
        fn no_pattern_breaks_the_compiler(
            pattern in r"([ab.*+?|(){}\[\]^$\\,:<>PQEpdwxis0-9é-]|\(\?|\[:|:\]|\\x\{){0,24}|.{0,16}",
            value in ".{0,8}",
        ) {
            match Pattern::new(&pattern) {
                Ok(compiled) => { compiled.is_match(&value, &mut 0); }
                Err(error) => prop_assert!(error.to_string().starts_with("error parsing regexp: ")),
            }
        }
    }
}

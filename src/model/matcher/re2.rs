//! RE2's syntax as Go reads it, text to [`Node`]. A pattern that Go refuses is refused with Go's words.
//!
//! Known to Go and not to us:
//! - Unicode classes, `\pL` and `\p{Greek}`: refused; a class such as `[α-ω]` does instead.
//! - `(?i)` pairs a letter with its single-letter lower and upper case, not with further forms such as `ſ`, `ς` or the
//!   Kelvin sign; a range of more than [`FOLD_RANGE_MAX`] letters beyond ASCII is refused under it.
//! - Nesting ends at [`PATTERN_NEST_MAX`], not at 1000.

use std::str::Chars;

use crate::limits::{PATTERN_NEST_MAX, PATTERN_STATES_MAX};
use crate::model::matcher::PatternError;
use crate::model::matcher::classes::{other_cases, perl_class, posix_class};
use crate::model::matcher::node::{Class, Look, Node};

/// The highest count of a repetition, nested repetitions multiplied, as in Go.
const REPEAT_MAX: u32 = 1000;
/// The widest range whose letters are paired with their other cases one by one.
const FOLD_RANGE_MAX: u32 = 1024;

/// Reads a whole pattern.
pub(super) fn parse(pattern: &str) -> Result<Node, PatternError> {
    let mut parser = Parser {
        whole: pattern,
        rest: pattern,
        flags: Flags::default(),
        level: Level::default(),
        outer: Vec::new(),
        operand: None,
        peak: 1,
        ranges: 0,
    };
    parser.run()?;
    Ok(parser.level.close())
}

#[derive(Clone, Copy, Default)]
struct Flags {
    fold: bool,
    lines: bool,
    dot_newline: bool,
}

/// The part of a group that is read so far.
#[derive(Default)]
struct Level {
    alternatives: Vec<Node>,
    sequence: Vec<Node>,
}

impl Level {
    fn end_sequence(&mut self) {
        self.alternatives.push(Node::concat(std::mem::take(&mut self.sequence)));
    }

    fn close(mut self) -> Node {
        if self.alternatives.is_empty() {
            return Node::concat(self.sequence);
        }
        self.end_sequence();
        Node::alternate(&self.alternatives)
    }
}

/// The state that returns when a group closes.
struct Outer {
    flags: Flags,
    peak: u32,
    level: Level,
}

struct Parser<'a> {
    whole: &'a str,
    rest: &'a str,
    flags: Flags,
    level: Level,
    outer: Vec<Outer>,
    /// How often the last item repeats the innermost of what it holds; nothing where there is no item to repeat.
    operand: Option<u32>,
    /// The highest such number in this group.
    peak: u32,
    /// Ranges of all classes so far.
    ranges: usize,
}

impl<'a> Parser<'a> {
    fn run(&mut self) -> Result<(), PatternError> {
        let mut last_repeat = None;
        while let Some(c) = self.rest.chars().next() {
            let before = self.rest;
            let mut repeats = false;
            match c {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.skip(1);
                    self.level.end_sequence();
                    self.operand = None;
                }
                '^' | '$' | '.' => {
                    self.skip(1);
                    self.sign(c)?;
                }
                '[' => self.class()?,
                '\\' => self.escape()?,
                '*' | '+' | '?' => {
                    self.skip(1);
                    let counts = (u32::from(c == '+'), (c == '?').then_some(1));
                    self.repeat(counts, before, last_repeat)?;
                    repeats = true;
                }
                '{' => repeats = self.counted(last_repeat)?,
                c => {
                    self.skip(c.len_utf8());
                    self.literal(c)?;
                }
            }
            last_repeat = repeats.then_some(before);
        }
        if self.outer.is_empty() { Ok(()) } else { Err(fault("missing closing )", self.whole)) }
    }

    /// Drops the next `len` bytes, which end a character.
    fn skip(&mut self, len: usize) {
        self.rest = self.rest.get(len..).unwrap_or("");
    }

    /// Takes an item, in which the innermost is repeated `count` times.
    fn item(&mut self, node: Node, count: u32) {
        self.level.sequence.push(node);
        self.operand = Some(count);
        self.peak = self.peak.max(count);
    }

    fn class_of(&mut self, class: Class) -> Result<(), PatternError> {
        self.ranges += class.ranges().len();
        if self.ranges > PATTERN_STATES_MAX {
            return Err(PatternError::too_large(self.whole));
        }
        self.item(Node::Class(class), 1);
        Ok(())
    }

    fn literal(&mut self, c: char) -> Result<(), PatternError> {
        if !self.flags.fold {
            self.item(Node::char(c), 1);
            return Ok(());
        }
        let cases: Vec<_> = other_cases(c).chain([c]).map(|case| (case, case)).collect();
        self.class_of(Class::of(&cases))
    }

    /// `^`, `$` or `.`
    fn sign(&mut self, c: char) -> Result<(), PatternError> {
        let look = match c {
            '^' if self.flags.lines => Look::LineBegin,
            '^' => Look::Begin,
            '$' if self.flags.lines => Look::LineEnd,
            '$' => Look::End,
            _ if self.flags.dot_newline => return self.class_of(Class::of(&[('\0', char::MAX)])),
            _ => return self.class_of(Class::of(&[('\n', '\n')]).not()),
        };
        self.item(Node::Look(look), 1);
        Ok(())
    }

    fn open(&mut self) -> Result<(), PatternError> {
        if !self.rest.starts_with("(?") {
            self.skip(1);
            return self.enter(self.flags);
        }
        let named = ["(?P<", "(?<"].into_iter().find_map(|lead| self.rest.strip_prefix(lead));
        if let Some(behind) = named.filter(|behind| !behind.is_empty()) {
            let invalid = |text| Err(fault("invalid named capture", text));
            let Some((name, after)) = behind.split_once('>') else { return invalid(self.rest) };
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return invalid(up_to(self.rest, after));
            }
            self.rest = after;
            return self.enter(self.flags);
        }
        self.flag_group()
    }

    /// Reads `(?ims-ims)` or `(?ims-ims:`.
    fn flag_group(&mut self) -> Result<(), PatternError> {
        let (mut on, mut any, mut flags) = (true, true, self.flags);
        let mut chars = self.rest.chars();
        chars.nth(1);
        let end = loop {
            match chars.next() {
                Some('i') => (flags.fold, any) = (on, true),
                Some('m') => (flags.lines, any) = (on, true),
                Some('s') => (flags.dot_newline, any) = (on, true),
                Some('U') => any = true,
                Some('-') if on => (on, any) = (false, false),
                Some(end @ (':' | ')')) if any => break end,
                _ => {
                    let text = up_to(self.rest, chars.as_str());
                    return Err(fault("invalid or unsupported Perl syntax", text));
                }
            }
        };
        self.rest = chars.as_str();
        if end == ':' {
            return self.enter(flags);
        }
        self.flags = flags;
        Ok(())
    }

    fn enter(&mut self, flags: Flags) -> Result<(), PatternError> {
        if self.outer.len() >= PATTERN_NEST_MAX {
            return Err(fault("expression nests too deeply", self.whole));
        }
        let level = std::mem::take(&mut self.level);
        self.outer.push(Outer { flags: self.flags, peak: self.peak, level });
        (self.flags, self.peak, self.operand) = (flags, 1, None);
        Ok(())
    }

    fn close(&mut self) -> Result<(), PatternError> {
        let outer = self.outer.pop().ok_or_else(|| fault("unexpected )", self.whole))?;
        self.skip(1);
        let node = std::mem::replace(&mut self.level, outer.level).close();
        let inner = self.peak;
        (self.flags, self.peak) = (outer.flags, outer.peak);
        self.item(node, inner);
        Ok(())
    }

    /// Ends a repetition whose text begins at `before` and whose operator was read: at least and at most so often.
    fn repeat(
        &mut self,
        (min, max): (u32, Option<u32>),
        before: &'a str,
        last_repeat: Option<&'a str>,
    ) -> Result<(), PatternError> {
        if self.rest.starts_with('?') {
            self.skip(1);
        }
        if let Some(last) = last_repeat {
            return Err(fault("invalid nested repetition operator", up_to(last, self.rest)));
        }
        let text = up_to(before, self.rest);
        let (Some(inner), Some(node)) = (self.operand, self.level.sequence.pop()) else {
            return Err(fault("missing argument to repetition operator", text));
        };
        let total = inner.saturating_mul(max.unwrap_or(min).max(1));
        if total > REPEAT_MAX {
            return Err(fault("invalid repeat count", text));
        }
        self.item(node.repeat(min, max), total);
        Ok(())
    }

    /// Reads `{2}`, `{2,}` or `{2,3}`, and any other brace as itself. Whether it was a repetition.
    fn counted(&mut self, last_repeat: Option<&'a str>) -> Result<bool, PatternError> {
        let before = self.rest;
        let Some((min, max, after)) = repeat_counts(before) else {
            self.skip(1);
            self.literal('{')?;
            return Ok(false);
        };
        self.rest = after;
        let highest = max.unwrap_or(min);
        if highest > REPEAT_MAX || min > highest {
            return Err(fault("invalid repeat count", up_to(before, after)));
        }
        self.repeat((min, max), before, last_repeat)?;
        Ok(true)
    }

    /// Takes a look that is two characters long.
    fn look(&mut self, look: Look) {
        self.skip(2);
        self.item(Node::Look(look), 1);
    }

    fn escape(&mut self) -> Result<(), PatternError> {
        match self.rest.chars().nth(1) {
            Some('A') => self.look(Look::Begin),
            Some('z') => self.look(Look::End),
            Some('b') => self.look(Look::WordEdge),
            Some('B') => self.look(Look::NoWordEdge),
            Some('Q') => {
                let text = self.rest.get(2..).unwrap_or("");
                let (literal, after) = text.split_once("\\E").unwrap_or((text, ""));
                self.rest = after;
                literal.chars().try_for_each(|c| self.literal(c))?;
            }
            Some('p' | 'P') => return Err(self.unicode_class()),
            letter => {
                if let Some(class) = letter.and_then(perl_class) {
                    self.skip(2);
                    self.class_of(class)?;
                } else {
                    let c = self.escaped()?;
                    self.literal(c)?;
                }
            }
        }
        Ok(())
    }

    fn unicode_class(&self) -> PatternError {
        let end = match self.rest.get(2..).and_then(|name| name.chars().next()) {
            Some('{') => self.rest.find('}').map_or(self.rest.len(), |at| at + 1),
            next => 2 + next.map_or(0, char::len_utf8),
        };
        let construct = self.rest.get(..end).unwrap_or(self.rest);
        let name = construct.get(2..).unwrap_or_default().trim_matches(['{', '}', '^']);
        let rule = match name {
            "L" => {
                r"Unicode classes are not supported, for letters write [A-Za-z\x{80}-\x{10FFFF}]"
            }
            "Lu" => "Unicode classes are not supported, for capitals write [A-Z]",
            "Ll" => "Unicode classes are not supported, for small letters write [a-z]",
            "N" | "Nd" => "Unicode classes are not supported, for digits write [0-9]",
            "P" | "S" => "Unicode classes are not supported, for punctuation write [[:punct:]]",
            "Z" | "Zs" => r"Unicode classes are not supported, for spaces write [\s\x{A0}]",
            _ => {
                "Unicode classes are not supported, write the characters' range, such as [\u{3b1}-\u{3c9}]"
            }
        };
        fault(rule, construct)
    }

    /// Reads the character that an escape stands for.
    fn escaped(&mut self) -> Result<char, PatternError> {
        let mut chars = self.rest.chars();
        chars.next();
        if chars.as_str().is_empty() {
            return Err(fault("trailing backslash at end of expression", ""));
        }
        let c = escaped_char(&mut chars)
            .ok_or_else(|| fault("invalid escape sequence", up_to(self.rest, chars.as_str())))?;
        self.rest = chars.as_str();
        Ok(c)
    }

    fn class(&mut self) -> Result<(), PatternError> {
        let whole = self.rest;
        self.skip(1);
        let negated = self.rest.starts_with('^');
        self.skip(usize::from(negated));
        let mut class = self.class_item(whole)?;
        let mut items = Vec::new();
        while !self.rest.starts_with(']') {
            items.extend_from_slice(self.class_item(whole)?.ranges());
        }
        self.skip(1);
        class = class.with(items);
        self.class_of(if negated { class.not() } else { class })
    }

    fn class_item(&mut self, whole: &'a str) -> Result<Class, PatternError> {
        let named = self.rest.strip_prefix("[:").and_then(|behind| behind.split_once(":]"));
        if let Some((name, after)) = named {
            let text = up_to(self.rest, after);
            let (name, negated) = name.strip_prefix('^').map_or((name, false), |it| (it, true));
            let class =
                posix_class(name).ok_or_else(|| fault("invalid character class range", text))?;
            self.rest = after;
            let class = if self.flags.fold { class.ascii_folded() } else { class };
            return Ok(if negated { class.not() } else { class });
        }
        if self.rest.starts_with("\\p") || self.rest.starts_with("\\P") {
            return Err(self.unicode_class());
        }
        let escape = self.rest.strip_prefix('\\').and_then(|behind| behind.chars().next());
        if let Some(class) = escape.and_then(perl_class) {
            self.skip(2);
            return Ok(class);
        }
        self.class_range(whole)
    }

    /// Reads `a` or `a-z`.
    fn class_range(&mut self, whole: &'a str) -> Result<Class, PatternError> {
        let before = self.rest;
        let low = self.class_char(whole)?;
        let mut high = low;
        if self.rest.starts_with('-') && self.rest.len() > 1 && !self.rest.starts_with("-]") {
            self.skip(1);
            high = self.class_char(whole)?;
        }
        let text = up_to(before, self.rest);
        if high < low {
            return Err(fault("invalid character class range", text));
        }
        let class = Class::of(&[(low, high)]);
        if !self.flags.fold {
            return Ok(class);
        }
        if high.is_ascii() {
            return Ok(class.ascii_folded());
        }
        if u32::from(high) - u32::from(low) > FOLD_RANGE_MAX {
            return Err(fault("range too wide under (?i), write it without that flag", text));
        }
        let cases = (low..=high).flat_map(other_cases).map(|c| (u32::from(c), u32::from(c)));
        Ok(class.with(cases.collect()))
    }

    fn class_char(&mut self, whole: &str) -> Result<char, PatternError> {
        match self.rest.chars().next() {
            None => Err(fault("missing closing ]", whole)),
            Some('\\') => self.escaped(),
            Some(c) => {
                self.skip(c.len_utf8());
                Ok(c)
            }
        }
    }
}

fn fault(rule: &'static str, at: &str) -> PatternError {
    PatternError { rule: rule.into(), at: at.to_owned() }
}

/// The part of `text` before `rest`, which ends it.
fn up_to<'a>(text: &'a str, rest: &str) -> &'a str {
    text.get(..text.len().saturating_sub(rest.len())).unwrap_or(text)
}

/// The counts of a repetition in braces and what follows it. A count too long to read is more than enough.
fn repeat_counts(text: &str) -> Option<(u32, Option<u32>, &str)> {
    let (min, rest) = count(text.strip_prefix('{')?)?;
    let (max, rest) = match rest.strip_prefix(',') {
        None => (Some(min), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => count(rest).map(|(max, rest)| (Some(max), rest))?,
    };
    Some((min, max, rest.strip_prefix('}')?))
}

fn count(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}

/// Reads what follows a backslash.
fn escaped_char(chars: &mut Chars<'_>) -> Option<char> {
    let octal = |chars: &Chars<'_>| chars.as_str().starts_with(|c| matches!(c, '0'..='7'));
    let hex = |c: Option<char>| c.and_then(|c| c.to_digit(16));
    let code = match chars.next()? {
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => return Some(c),
        'a' => 7,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        c @ '0'..='7' if c == '0' || octal(chars) => {
            let mut code = c.to_digit(8)?;
            for _ in 0..2 {
                if octal(chars) {
                    code = code * 8 + chars.next()?.to_digit(8)?;
                }
            }
            code
        }
        'x' => match chars.next() {
            Some('{') => {
                let mut code = hex(chars.next())?;
                loop {
                    match chars.next() {
                        Some('}') => break code,
                        digit => code = code.checked_mul(16)? + hex(digit)?,
                    }
                }
            }
            first => {
                let second = chars.next();
                hex(first)? * 16 + hex(second)?
            }
        },
        _ => return None,
    };
    char::from_u32(code)
}

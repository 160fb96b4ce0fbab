//! RE2's syntax as Go compiles it, rewritten for the engine.
//!
//! The engine, regex-lite, has RE2's meaning but not all of its spelling, and a few spellings of its own. So every
//! pattern is read as Go reads it and written in the few forms that mean the same to both. What Go refuses is refused
//! with Go's words. As only a match's existence is asked for, captures and greed are dropped.
//!
//! What Go knows and we do not:
//! - Unicode classes, `\pL` and `\p{Greek}`: refused; a class such as `[α-ω]` does instead.
//! - `(?i)` pairs a letter with its single-letter lower and upper case, not with further forms such as `ſ`, `ς` or the
//!   Kelvin sign; a range of more than [`FOLD_RANGE_MAX`] letters beyond ASCII is refused under it.
//! - Nesting ends at [`PATTERN_NEST_MAX`], not at 1000.

use std::fmt::Write as _;
use std::str::Chars;

use crate::limits::PATTERN_NEST_MAX;
use crate::model::matcher::PatternError;

/// The highest count of a repetition, nested repetitions multiplied, as in Go.
const REPEAT_MAX: u32 = 1000;
/// The widest range whose letters are paired with their other cases one by one.
const FOLD_RANGE_MAX: u32 = 1024;

const POSIX_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// Rewrites a whole pattern for the engine.
pub(super) fn translate(pattern: &str) -> Result<String, PatternError> {
    let mut translator = Translator {
        whole: pattern,
        rest: pattern,
        out: String::with_capacity(pattern.len() * 2),
        flags: Flags::default(),
        groups: Vec::new(),
        operand: None,
        peak: 1,
    };
    translator.run()?;
    Ok(translator.out)
}

#[derive(Clone, Copy, Default)]
struct Flags {
    fold: bool,
    lines: bool,
    dot_newline: bool,
}

/// What returns when a group closes.
struct Outer {
    flags: Flags,
    peak: u32,
}

struct Translator<'a> {
    whole: &'a str,
    rest: &'a str,
    out: String,
    flags: Flags,
    groups: Vec<Outer>,
    /// How often the last item repeats the innermost of what it holds; nothing where there is no item to repeat.
    operand: Option<u32>,
    /// The highest such number in this group.
    peak: u32,
}

impl<'a> Translator<'a> {
    fn run(&mut self) -> Result<(), PatternError> {
        let mut last_repeat = None;
        while let Some(c) = self.rest.chars().next() {
            let before = self.rest;
            let mut repeats = false;
            match c {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.copy(1);
                    self.operand = None;
                }
                '^' | '$' | '.' => {
                    self.copy(1);
                    self.item(1);
                }
                '[' => self.class()?,
                '\\' => self.escape()?,
                '*' | '+' | '?' => {
                    self.copy(1);
                    self.repeat(1, before, last_repeat)?;
                    repeats = true;
                }
                '{' => repeats = self.counted(last_repeat)?,
                c => {
                    self.skip(c.len_utf8());
                    self.literal(c);
                }
            }
            last_repeat = repeats.then_some(before);
        }
        if self.groups.is_empty() { Ok(()) } else { Err(fault("missing closing )", self.whole)) }
    }

    /// Drops the next `len` bytes, which end a character.
    fn skip(&mut self, len: usize) {
        self.rest = self.rest.get(len..).unwrap_or("");
    }

    fn copy(&mut self, len: usize) {
        self.out.push_str(self.rest.get(..len).unwrap_or(""));
        self.skip(len);
    }

    /// Notes that an item stands before the next character.
    fn item(&mut self, count: u32) {
        self.operand = Some(count);
        self.peak = self.peak.max(count);
    }

    fn literal(&mut self, c: char) {
        if self.flags.fold && !c.is_ascii() {
            self.out.push('[');
            self.out.push(c);
            self.out.extend(other_cases(c));
            self.out.push(']');
        } else {
            put(&mut self.out, c);
        }
        self.item(1);
    }

    fn open(&mut self) -> Result<(), PatternError> {
        if !self.rest.starts_with("(?") {
            self.skip(1);
            return self.enter(self.flags, "(?:");
        }
        let named = ["(?P<", "(?<"].into_iter().find_map(|lead| self.rest.strip_prefix(lead));
        if let Some(behind) = named.filter(|behind| !behind.is_empty()) {
            let invalid = |text| Err(fault("invalid named capture", text));
            let Some((name, after)) = behind.split_once('>') else { return invalid(self.rest) };
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return invalid(up_to(self.rest, after));
            }
            self.rest = after;
            return self.enter(self.flags, "(?:");
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
        let all = [('i', flags.fold), ('m', flags.lines), ('s', flags.dot_newline)];
        let letters = |set| all.iter().filter(move |(_, on)| *on == set).map(|(letter, _)| *letter);
        let mut lead = String::from("(?");
        lead.extend(letters(true));
        if letters(false).next().is_some() {
            lead.push('-');
        }
        lead.extend(letters(false));
        lead.push(end);
        if end == ':' {
            return self.enter(flags, &lead);
        }
        self.flags = flags;
        self.out.push_str(&lead);
        Ok(())
    }

    fn enter(&mut self, flags: Flags, lead: &str) -> Result<(), PatternError> {
        if self.groups.len() >= PATTERN_NEST_MAX {
            return Err(fault("expression nests too deeply", self.whole));
        }
        self.groups.push(Outer { flags: self.flags, peak: self.peak });
        (self.flags, self.peak, self.operand) = (flags, 1, None);
        self.out.push_str(lead);
        Ok(())
    }

    fn close(&mut self) -> Result<(), PatternError> {
        let outer = self.groups.pop().ok_or_else(|| fault("unexpected )", self.whole))?;
        self.copy(1);
        let inner = self.peak;
        (self.flags, self.peak) = (outer.flags, outer.peak);
        self.item(inner);
        Ok(())
    }

    /// Ends a repetition whose text begins at `before` and whose operator was written.
    fn repeat(
        &mut self,
        count: u32,
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
        let Some(inner) = self.operand else {
            return Err(fault("missing argument to repetition operator", text));
        };
        let total = inner.saturating_mul(count);
        if total > REPEAT_MAX {
            return Err(fault("invalid repeat count", text));
        }
        self.item(total);
        Ok(())
    }

    /// Reads `{2}`, `{2,}` or `{2,3}`, and any other brace as itself. Whether it was a repetition.
    fn counted(&mut self, last_repeat: Option<&'a str>) -> Result<bool, PatternError> {
        let before = self.rest;
        let Some((min, max, after)) = repeat_counts(before) else {
            self.skip(1);
            self.literal('{');
            return Ok(false);
        };
        self.rest = after;
        let highest = max.unwrap_or(min);
        if highest > REPEAT_MAX || min > highest {
            return Err(fault("invalid repeat count", up_to(before, after)));
        }
        self.out.push_str(up_to(before, after));
        self.repeat(highest, before, last_repeat)?;
        Ok(true)
    }

    fn escape(&mut self) -> Result<(), PatternError> {
        match self.rest.chars().nth(1) {
            Some('A' | 'b' | 'B' | 'z') => {
                self.copy(2);
                self.item(1);
            }
            Some('Q') => {
                let text = self.rest.get(2..).unwrap_or("");
                let (literal, after) = text.split_once("\\E").unwrap_or((text, ""));
                literal.chars().for_each(|c| self.literal(c));
                self.rest = after;
            }
            Some('p' | 'P') => return Err(self.unicode_class()),
            letter => {
                if let Some(set) = letter.and_then(perl_class) {
                    self.skip(2);
                    self.out.extend(["[", set, "]"]);
                    self.item(1);
                } else {
                    let c = self.escaped()?;
                    self.literal(c);
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
        let rule = "Unicode classes are not supported, write the characters' range, such as [\u{3b1}-\u{3c9}]";
        fault(rule, self.rest.get(..end).unwrap_or(self.rest))
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
        self.copy(1);
        if self.rest.starts_with('^') {
            self.copy(1);
        }
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            self.class_item(whole)?;
        }
        self.copy(1);
        self.item(1);
        Ok(())
    }

    fn class_item(&mut self, whole: &'a str) -> Result<(), PatternError> {
        let named = self.rest.strip_prefix("[:").and_then(|behind| behind.split_once(":]"));
        if let Some((name, after)) = named {
            let text = up_to(self.rest, after);
            if !POSIX_CLASSES.contains(&name.strip_prefix('^').unwrap_or(name)) {
                return Err(fault("invalid character class range", text));
            }
            self.copy(text.len());
            return Ok(());
        }
        if self.rest.starts_with("\\p") || self.rest.starts_with("\\P") {
            return Err(self.unicode_class());
        }
        let escape = self.rest.strip_prefix('\\').and_then(|behind| behind.chars().next());
        if let Some(set) = escape.and_then(perl_class) {
            self.skip(2);
            self.out.push_str(set);
            return Ok(());
        }
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
        put(&mut self.out, low);
        self.out.push('-');
        put(&mut self.out, high);
        if self.flags.fold && !high.is_ascii() {
            if u32::from(high) - u32::from(low) > FOLD_RANGE_MAX {
                return Err(fault("range too wide under (?i), write it without that flag", text));
            }
            self.out.extend((low..=high).filter(|c| !c.is_ascii()).flat_map(other_cases));
        }
        Ok(())
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

/// Writes a character so that it can be nothing but itself, in a class and out.
fn put(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        out.push(c);
    } else {
        // Writing to a String cannot fail.
        write!(out, "\\x{{{:x}}}", u32::from(c)).unwrap_or_default();
    }
}

/// The single-letter lower and upper case of a letter, but for itself.
fn other_cases(c: char) -> impl Iterator<Item = char> {
    let (mut lower, mut upper) = (c.to_lowercase(), c.to_uppercase());
    let lower = if lower.len() == 1 { lower.next() } else { None };
    let upper = if upper.len() == 1 { upper.next() } else { None };
    lower.into_iter().chain(upper).filter(move |case| *case != c)
}

/// The inside of the class that the letter of a Perl class stands for: ASCII, as in Go.
const fn perl_class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => r"0-9",
        'D' => r"\x00-\x2f\x3a-\x{10ffff}",
        's' => r"\t\n\x0c\r\x20",
        'S' => r"\x00-\x08\x0b\x0e-\x1f\x21-\x{10ffff}",
        'w' => r"0-9A-Za-z\x5f",
        'W' => r"\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x{10ffff}",
        _ => return None,
    })
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

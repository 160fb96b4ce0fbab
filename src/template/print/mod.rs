//! Values as Go's `fmt` prints them.

use std::fmt::Write as _;

use crate::limits::TEMPLATE_OUTPUT_BYTES_MAX;
use crate::template::quote::{is_print, quote, quote_char};
use crate::template::time::duration_text;
use crate::template::value::{Int, List, Value, sorted};

pub(super) mod float;
mod format;

pub(super) use format::printf;

/// A value as an action prints it.
pub(super) fn printed(value: &Value) -> String {
    match value {
        Value::Nil => "<no value>".to_owned(),
        value => sprint(std::slice::from_ref(value)),
    }
}

/// `print`: with spaces between operands neither of which is a text.
pub(super) fn sprint(values: &[Value]) -> String {
    let mut printer = Printer::default();
    let mut after_text = true;
    for (i, value) in values.iter().enumerate() {
        let is_text = matches!(value, Value::Text(..));
        if i > 0 && !is_text && !after_text {
            printer.out.push(' ');
        }
        printer.argument(value, 'v');
        after_text = is_text;
    }
    printer.out
}

/// `println`: with spaces between all, and a line feed.
pub(super) fn sprintln(values: &[Value]) -> String {
    let mut printer = Printer::default();
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            printer.out.push(' ');
        }
        printer.argument(value, 'v');
    }
    printer.out.push('\n');
    printer.out
}

/// The flags, width and precision of a verb.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "Go's flags")]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%+v`: with the names of fields.
    names: bool,
    /// `%#v`: as Go's source.
    source: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

#[derive(Debug, Default)]
struct Printer {
    out: String,
    flags: Flags,
    /// Printed by Go and not by us.
    unsupported: Option<&'static str>,
    /// Inside of a message about a wrong verb, where no type prints in its own way.
    erring: bool,
}

impl Printer {
    /// A value at the top: an argument of a format.
    fn argument(&mut self, value: &Value, verb: char) {
        match verb {
            'T' => {
                let name = value.type_name();
                if matches!(value, Value::Nil) { self.pad(name) } else { self.text(name) }
            }
            'p' => self.bad_verb(value, verb),
            'v' if matches!(value, Value::Nil) => self.pad("<nil>"),
            _ => self.value(value, verb),
        }
    }

    fn value(&mut self, value: &Value, verb: char) {
        // The caller refuses more.
        if self.out.len() > TEMPLATE_OUTPUT_BYTES_MAX {
            return;
        }
        if !self.erring && self.own_way(value, verb) {
            return;
        }
        match value {
            Value::Nil if verb == 'v' && self.flags.source => {
                self.out.push_str("interface {}(nil)");
            }
            Value::Nil if verb == 'v' => self.pad("<nil>"),
            Value::Bool(truth) if matches!(verb, 't' | 'v') => {
                self.pad(if *truth { "true" } else { "false" });
            }
            Value::Nil | Value::Bool(_) => self.bad_verb(value, verb),
            Value::Int(kind, int) => self.int(*kind, *int, verb, value),
            Value::Float(float) => self.float(*float, verb, value),
            Value::Text(_, text) => self.string(text, verb, value),
            Value::Pairs(pairs) => {
                let pairs = pairs.iter().map(|(k, v)| (Value::text(k), Value::text(v)));
                self.map(value, pairs, verb);
            }
            Value::Dict(dict) => {
                let pairs = dict.iter().map(|(k, v)| (Value::text(k.clone()), v.clone()));
                self.map(value, pairs, verb);
            }
            Value::List(_, list) => self.list(value, list, verb),
            Value::Pair(name, text) => self.fields(
                value,
                &[("Name", Value::text(name.clone())), ("Value", Value::text(text.clone()))],
                verb,
            ),
            Value::Data(data) => self.fields(value, &data.fields(), verb),
            Value::Alert(alert) => self.fields(value, &alert.fields(), verb),
            // The inside of these is Go's own affair.
            Value::Time(time) => self.pad(&time.to_string()),
            Value::Zone(zone) => self.pad(&crate::template::time::zone_name(zone)),
        }
    }

    /// Types that print in a way of their own where a text is wanted.
    fn own_way(&mut self, value: &Value, verb: char) -> bool {
        if self.flags.source {
            let Value::Time(time) = value else { return false };
            let text = time.go_source();
            self.text(&text);
            return true;
        }
        if !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return false;
        }
        let Some(text) = stringer(value) else { return false };
        self.string(&text, verb, &Value::Nil);
        true
    }

    fn map(&mut self, map: &Value, pairs: impl Iterator<Item = (Value, Value)>, verb: char) {
        let source = self.flags.source;
        self.out.push_str(if source { map.type_name() } else { "map" });
        self.out.push(if source { '{' } else { '[' });
        for (i, (key, value)) in pairs.enumerate() {
            self.gap(i);
            self.value(&key, verb);
            self.out.push(':');
            self.value(&value, verb);
        }
        self.out.push(if source { '}' } else { ']' });
    }

    fn list(&mut self, value: &Value, list: &[Value], verb: char) {
        let source = self.flags.source;
        if source {
            self.out.push_str(value.type_name());
        }
        self.out.push(if source { '{' } else { '[' });
        for (i, item) in list.iter().enumerate() {
            self.gap(i);
            if matches!(item, Value::Nil) && !source {
                self.out.push_str("<nil>");
            } else {
                self.value(item, verb);
            }
        }
        self.out.push(if source { '}' } else { ']' });
    }

    fn fields(&mut self, value: &Value, fields: &[(&str, Value)], verb: char) {
        if self.flags.source {
            self.out.push_str(value.type_name());
        }
        self.out.push('{');
        for (i, (name, field)) in fields.iter().enumerate() {
            self.gap(i);
            if self.flags.names || self.flags.source {
                self.out.extend([name, ":"]);
            }
            self.value(field, verb);
        }
        self.out.push('}');
    }

    fn gap(&mut self, i: usize) {
        if i > 0 {
            self.out.push_str(if self.flags.source { ", " } else { " " });
        }
    }

    /// `%!d(string=x)`
    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.erring = true;
        self.out.extend(['%', '!', verb, '(']);
        if matches!(value, Value::Nil) {
            self.out.push_str("<nil>");
        } else {
            self.out.extend([value.type_name(), "="]);
            self.value(value, 'v');
        }
        self.out.push(')');
        self.erring = false;
    }

    fn padding(&mut self, used: usize) {
        let c = if self.flags.zero { '0' } else { ' ' };
        let count = self.flags.width.unwrap_or(0).saturating_sub(used);
        self.out.extend(std::iter::repeat_n(c, count));
    }

    fn pad(&mut self, text: &str) {
        let used = text.chars().count();
        if !self.flags.minus {
            self.padding(used);
        }
        self.out.push_str(text);
        if self.flags.minus {
            self.padding(used);
        }
    }

    /// Pads with spaces alone.
    fn pad_plain(&mut self, text: &str) {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.pad(text);
        self.flags.zero = zero;
    }

    fn cut<'t>(&self, text: &'t str) -> &'t str {
        let cut = self.flags.precision.and_then(|count| text.char_indices().nth(count));
        cut.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
    }

    /// `%s`
    fn text(&mut self, text: &str) {
        self.pad(self.cut(text));
    }

    fn string(&mut self, text: &str, verb: char, value: &Value) {
        match verb {
            'v' if self.flags.source => self.quoted(text),
            'v' | 's' => self.text(text),
            'x' => self.hex(text, "0123456789abcdefx"),
            'X' => self.hex(text, "0123456789ABCDEFX"),
            'q' => self.quoted(text),
            _ => self.bad_verb(value, verb),
        }
    }

    fn quoted(&mut self, text: &str) {
        let text = self.cut(text);
        let raw = |c: char| c != '`' && c != '\u{7f}' && c != '\u{feff}' && (c >= ' ' || c == '\t');
        if self.flags.sharp && text.chars().all(raw) {
            self.pad(&format!("`{text}`"));
        } else {
            self.pad(&quote(text, self.flags.plus));
        }
    }

    fn hex(&mut self, text: &str, digits: &str) {
        let digit = |i: u8| digits.chars().nth(usize::from(i)).unwrap_or_default();
        let bytes = text.as_bytes();
        let bytes = bytes.get(..self.flags.precision.unwrap_or(bytes.len())).unwrap_or(bytes);
        let mut hex = String::new();
        for (i, byte) in bytes.iter().enumerate() {
            if self.flags.space && i > 0 {
                hex.push(' ');
            }
            if self.flags.sharp && (i == 0 || self.flags.space) {
                hex.extend(['0', digit(16)]);
            }
            hex.extend([digit(byte >> 4), digit(byte & 15)]);
        }
        self.pad(&hex);
    }

    fn int(&mut self, kind: Int, int: i64, verb: char, value: &Value) {
        let code = u32::try_from(int).ok().and_then(char::from_u32);
        match verb {
            'v' if self.flags.source && kind == Int::Byte => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                self.integer(int, 16, verb);
                self.flags.sharp = sharp;
            }
            'v' | 'd' => self.integer(int, 10, verb),
            'b' => self.integer(int, 2, verb),
            'o' | 'O' => self.integer(int, 8, verb),
            'x' | 'X' => self.integer(int, 16, verb),
            'c' => self.pad(code.unwrap_or('\u{fffd}').encode_utf8(&mut [0; 4])),
            'q' => {
                let mut text = String::from("'");
                let c = code.unwrap_or('\u{fffd}');
                quote_char(c, '\'', self.flags.plus, &mut text);
                text.push('\'');
                self.pad(&text);
            }
            'U' => {
                let digits = self.flags.precision.unwrap_or(4).max(4);
                let mut text = format!("U+{int:0digits$X}");
                if let Some(c) = code.filter(|c| self.flags.sharp && is_print(*c)) {
                    write!(text, " '{c}'").ok();
                }
                self.pad_plain(&text);
            }
            _ => self.bad_verb(value, verb),
        }
    }

    fn integer(&mut self, int: i64, base: u32, verb: char) {
        let flags = self.flags;
        if flags.precision == Some(0) && int == 0 {
            self.pad_plain("");
            return;
        }
        let amount = int.unsigned_abs();
        let mut digits = match base {
            2 => format!("{amount:b}"),
            8 => format!("{amount:o}"),
            16 if verb == 'X' => format!("{amount:X}"),
            16 => format!("{amount:x}"),
            _ => amount.to_string(),
        };
        let signed = int < 0 || flags.plus || flags.space;
        let least = match (flags.precision, flags.width) {
            (Some(precision), _) => precision,
            (None, Some(width)) if flags.zero => width.saturating_sub(usize::from(signed)),
            _ => 0,
        };
        let zeros = least.saturating_sub(digits.len());
        digits.insert_str(0, &"0".repeat(zeros));
        let mut text = String::new();
        if int < 0 {
            text.push('-');
        } else if flags.plus {
            text.push('+');
        } else if flags.space {
            text.push(' ');
        }
        text.push_str(match (base, verb) {
            (_, 'O') if flags.sharp && !digits.starts_with('0') => "0o0",
            (_, 'O') => "0o",
            (2, _) if flags.sharp => "0b",
            (8, _) if flags.sharp && !digits.starts_with('0') => "0",
            (16, 'X') if flags.sharp => "0X",
            (16, _) if flags.sharp => "0x",
            _ => "",
        });
        text.push_str(&digits);
        self.pad_plain(&text);
    }

    fn float(&mut self, value: f64, verb: char, whole: &Value) {
        let (verb, precision) = match verb {
            'v' => ('g', None),
            'g' | 'G' => (verb, None),
            'e' | 'E' | 'f' => (verb, Some(6)),
            'F' => ('f', Some(6)),
            'b' | 'x' | 'X' => {
                self.unsupported = Some("%b and %x of a floating-point number are not supported");
                return;
            }
            _ => return self.bad_verb(whole, verb),
        };
        let precision = self.flags.precision.or(precision);
        let mut text = float::text(value, verb, precision, self.flags.sharp);
        if !text.starts_with('-') {
            if self.flags.plus {
                text.insert(0, '+');
            } else if self.flags.space {
                text.insert(0, ' ');
            }
        }
        let width = self.flags.width.unwrap_or(0);
        if !value.is_finite() {
            self.pad_plain(&text);
        } else if self.flags.zero && text.starts_with(['+', '-', ' ']) && width > text.len() {
            let (sign, digits) = text.split_at(1);
            self.out.push_str(sign);
            self.padding(text.len());
            self.out.push_str(digits);
        } else {
            self.pad(&text);
        }
    }
}

/// The text of types that have a `String` method.
fn stringer(value: &Value) -> Option<String> {
    let join = |pairs: &mut dyn Iterator<Item = (&str, &str)>| {
        pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
    };
    match value {
        Value::Int(Int::Duration, ns) => Some(duration_text(*ns)),
        Value::Int(Int::Month, month) => Some(crate::template::time::month_name(*month)),
        Value::Int(Int::Weekday, day) => Some(crate::template::time::weekday_name(*day)),
        Value::Time(time) => Some(time.to_string()),
        Value::Zone(zone) => Some(crate::template::time::zone_name(zone)),
        Value::Pairs(pairs) => Some(join(&mut sorted(pairs))),
        Value::List(List::Pairs, list) => Some(join(&mut list.iter().filter_map(|pair| {
            let Value::Pair(name, value) = pair else { return None };
            Some((&**name, &**value))
        }))),
        _ => None,
    }
}

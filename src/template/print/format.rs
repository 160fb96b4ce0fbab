//! `printf`: a format and its arguments.

use crate::limits::TEMPLATE_OUTPUT_BYTES_MAX;
use crate::template::print::{Flags, Printer};
use crate::template::value::Value;

/// Widths and precisions above this are taken for wrong, as in Go.
const NUMBER_MAX: usize = 1_000_000;

/// The text that a format and its arguments make, or that it is too long.
pub(in crate::template) fn printf(format: &str, args: &[Value]) -> Result<String, String> {
    let mut reader = Reader {
        format,
        at: 0,
        args,
        next: 0,
        reordered: false,
        good: true,
        printer: Printer::default(),
    };
    while let Some(percent) = reader.rest().find('%') {
        let before = &reader.rest()[..percent];
        reader.printer.out.push_str(before);
        reader.at += percent + 1;
        if !reader.verb() {
            break;
        }
        if reader.printer.out.len() > TEMPLATE_OUTPUT_BYTES_MAX {
            return Err(format!("more than {TEMPLATE_OUTPUT_BYTES_MAX} bytes"));
        }
    }
    let rest = reader.rest();
    reader.printer.out.push_str(rest);
    reader.extra();
    match reader.printer.unsupported {
        None => Ok(reader.printer.out),
        Some(what) => Err(what.to_owned()),
    }
}

struct Reader<'a> {
    format: &'a str,
    at: usize,
    args: &'a [Value],
    /// The argument that comes next.
    next: usize,
    /// Whether an index said which argument comes next.
    reordered: bool,
    /// Whether the indexes of this verb are right.
    good: bool,
    printer: Printer,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.format.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.format.as_bytes().get(self.at).copied()
    }

    /// The verb behind a percent sign; false at the end of the format.
    fn verb(&mut self) -> bool {
        self.good = true;
        self.printer.flags = Flags::default();
        self.flags();
        let mut after_index = self.index();
        self.width(&mut after_index);
        if self.peek() == Some(b'.') && self.at + 1 < self.format.len() {
            self.precision(&mut after_index);
        }
        if !after_index {
            self.index();
        }
        let Some(verb) = self.rest().chars().next() else {
            self.printer.out.push_str("%!(NOVERB)");
            return false;
        };
        self.at += verb.len_utf8();
        if verb == '%' {
            self.printer.out.push('%');
        } else if !self.good {
            self.printer.out.extend(["%!", verb.encode_utf8(&mut [0; 4]), "(BADINDEX)"]);
        } else if let Some(value) = self.args.get(self.next) {
            self.next += 1;
            let flags = &mut self.printer.flags;
            if verb == 'v' {
                (flags.source, flags.sharp) = (flags.sharp, false);
                (flags.names, flags.plus) = (flags.plus, false);
            }
            self.printer.argument(value, verb);
        } else {
            self.printer.out.extend(["%!", verb.encode_utf8(&mut [0; 4]), "(MISSING)"]);
        }
        true
    }

    fn flags(&mut self) {
        let flags = &mut self.printer.flags;
        while let Some(c) = self.format.as_bytes().get(self.at) {
            match c {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = !flags.minus,
                b'+' => flags.plus = true,
                b'-' => (flags.minus, flags.zero) = (true, false),
                b' ' => flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
    }

    /// `[3]`: which argument comes next. Answers whether there was a right one.
    fn index(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = self.rest();
        let Some(end) = rest.find(']').filter(|_| rest.len() >= 3) else {
            self.good = false;
            self.at += 1;
            return false;
        };
        let inside = &rest[1..end];
        self.at += end + 1;
        let digits = !inside.is_empty() && inside.bytes().all(|c| c.is_ascii_digit());
        let index = inside.parse::<usize>().ok().filter(|index| digits && *index <= NUMBER_MAX);
        let is_number = index.is_some();
        match index.and_then(|index| index.checked_sub(1)).filter(|i| *i < self.args.len()) {
            Some(index) => self.next = index,
            None => self.good = false,
        }
        is_number
    }

    fn width(&mut self, after_index: &mut bool) {
        if self.peek() == Some(b'*') {
            self.at += 1;
            let width = self.number_argument();
            if width.is_none() {
                self.printer.out.push_str("%!(BADWIDTH)");
            }
            let minus = width.is_some_and(i64::is_negative);
            let width = width.and_then(|width| usize::try_from(width.unsigned_abs()).ok());
            self.printer.flags.width = width;
            if minus {
                (self.printer.flags.minus, self.printer.flags.zero) = (true, false);
            }
            *after_index = false;
            return;
        }
        self.printer.flags.width = self.number();
        if *after_index && self.printer.flags.width.is_some() {
            self.good = false;
        }
    }

    fn precision(&mut self, after_index: &mut bool) {
        self.at += 1;
        if *after_index {
            self.good = false;
        }
        *after_index = self.index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            let precision = self.number_argument().and_then(|number| usize::try_from(number).ok());
            if precision.is_none() {
                self.printer.out.push_str("%!(BADPREC)");
            }
            self.printer.flags.precision = precision;
            *after_index = false;
        } else {
            self.printer.flags.precision = Some(self.number().unwrap_or(0));
        }
    }

    /// A number of the format. One that is too large swallows the rest of it.
    fn number(&mut self) -> Option<usize> {
        let rest = self.rest();
        let bytes = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if bytes == 0 {
            return None;
        }
        let number = rest[..bytes].parse().ok().filter(|number| *number <= NUMBER_MAX);
        self.at = if number.is_some() { self.at + bytes } else { self.format.len() };
        number
    }

    /// The next argument, if it is an integer that is not too large.
    fn number_argument(&mut self) -> Option<i64> {
        let value = self.args.get(self.next)?;
        self.next += 1;
        match value {
            Value::Int(_, int) if int.unsigned_abs() <= NUMBER_MAX as u64 => Some(*int),
            _ => None,
        }
    }

    /// Says which arguments no verb asked for.
    fn extra(&mut self) {
        if self.reordered || self.next >= self.args.len() {
            return;
        }
        self.printer.flags = Flags::default();
        self.printer.out.push_str("%!(EXTRA ");
        for (i, value) in self.args.iter().skip(self.next).enumerate() {
            if i > 0 {
                self.printer.out.push_str(", ");
            }
            if matches!(value, Value::Nil) {
                self.printer.out.push_str("<nil>");
            } else {
                self.printer.out.extend([value.type_name(), "="]);
                self.printer.argument(value, 'v');
            }
        }
        self.printer.out.push(')');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::value::Int;

    fn check(format: &str, args: &[Value], expected: &str) {
        assert_eq!(printf(format, args).as_deref(), Ok(expected), "{format}");
    }

    #[test]
    fn a_width_beyond_all_reason_swallows_the_format() {
        check("%9999999d", &[Value::int(1)], "%!(NOVERB)%!(EXTRA int=1)");
        check("%*d", &[Value::Int(Int::Plain, 5_000_000), Value::int(1)], "%!(BADWIDTH)1");
    }
}

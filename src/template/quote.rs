//! Go's string, character and number literals.

use std::fmt::Write as _;

use crate::template::ast::Number;

/// The text of a literal between its quotes; none if it is malformed. Bytes that are no UTF-8 become U+FFFD.
pub(super) fn unquote(literal: &str) -> Option<String> {
    let quote = literal.chars().next()?;
    let inside = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    if quote == '`' {
        return Some(inside.replace('\r', ""));
    }
    let mut bytes = Vec::new();
    let mut rest = inside;
    while !rest.is_empty() {
        rest = unescape(rest, quote, &mut bytes)?;
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Takes one character or escape, and answers what follows.
fn unescape<'a>(text: &'a str, quote: char, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let mut chars = text.chars();
    let mut push = |c: char| bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    let c = chars.next()?;
    if c != '\\' {
        push(c);
        return Some(chars.as_str());
    }
    let (digits, radix, skip) = match chars.next()? {
        'a' => return Some((push('\x07'), chars.as_str()).1),
        'b' => return Some((push('\x08'), chars.as_str()).1),
        'f' => return Some((push('\x0c'), chars.as_str()).1),
        'n' => return Some((push('\n'), chars.as_str()).1),
        'r' => return Some((push('\r'), chars.as_str()).1),
        't' => return Some((push('\t'), chars.as_str()).1),
        'v' => return Some((push('\x0b'), chars.as_str()).1),
        '\\' => return Some((push('\\'), chars.as_str()).1),
        c if c == quote => return Some((push(c), chars.as_str()).1),
        'x' => (2, 16, 2),
        'u' => (4, 16, 2),
        'U' => (8, 16, 2),
        '0'..='7' => (3, 8, 1),
        _ => return None,
    };
    let number = text.get(skip..skip + digits)?;
    if !number.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let value = u32::from_str_radix(number, radix).ok()?;
    if digits < 4 {
        bytes.push(u8::try_from(value).ok()?);
    } else {
        push(char::from_u32(value)?);
    }
    text.get(skip + digits..)
}

/// The number that a literal stands for, or why it is none.
pub(super) fn number(text: &str) -> Result<Number, String> {
    let bad = || format!("illegal number syntax: {text:?}");
    if text.ends_with('i') {
        return Err(format!("complex numbers are not supported: {text:?}"));
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let is_hex = digits.starts_with("0x") || digits.starts_with("0X");
    let float_marks: &[char] = if is_hex { &['p', 'P', '.'] } else { &['.', 'e', 'E'] };
    if !digits.contains(float_marks) {
        let unsigned = integer(digits).ok_or_else(bad)?;
        let signed = if negative { -i128::from(unsigned) } else { i128::from(unsigned) };
        let int = i64::try_from(signed).ok();
        if int.is_none() && negative {
            return Err(format!("integer overflow: {text:?}"));
        }
        #[expect(clippy::cast_precision_loss, reason = "as Go converts it")]
        return Ok(Number { int, float: Some(signed as f64), is_float: false });
    }
    let value =
        if is_hex { hex_float(&digits[2..]) } else { decimal_float(digits) }.ok_or_else(bad)?;
    let value = if negative { -value } else { value };
    #[expect(clippy::cast_possible_truncation, reason = "compared after the conversion")]
    #[expect(clippy::cast_precision_loss, reason = "compared after the conversion")]
    #[expect(clippy::float_cmp, reason = "the same value or not")]
    let int = Some(value as i64).filter(|int| *int as f64 == value && value.abs() < 9.3e18);
    Ok(Number { int, float: Some(value), is_float: true })
}

/// Digits with a base's prefix and underscores between them.
fn integer(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &*lower),
    };
    // A prefix counts as a digit: `0_7`, `0x_f`.
    let prefixed = digits.len() < lower.len();
    let digits = if prefixed { digits.strip_prefix('_').unwrap_or(digits) } else { digits };
    u64::from_str_radix(&without_gaps(digits)?, radix).ok()
}

/// Without the underscores, each of which must stand between two digits.
fn without_gaps(digits: &str) -> Option<String> {
    let fine = !digits.is_empty()
        && !digits.starts_with(['_', '+', '-'])
        && !digits.ends_with('_')
        && !digits.contains("__");
    fine.then(|| digits.replace('_', ""))
}

fn decimal_float(text: &str) -> Option<f64> {
    let around = text.as_bytes().windows(2).any(|pair| {
        let [a, b] = pair else { return false };
        (*a == b'_' && !b.is_ascii_digit()) || (*b == b'_' && !a.is_ascii_digit())
    });
    let fine = text.chars().any(|c| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "._eE+-".contains(c))
        && !around
        && !text.starts_with('_')
        && !text.ends_with('_');
    let value: f64 = fine.then(|| text.replace('_', "").parse().ok()).flatten()?;
    value.is_finite().then_some(value)
}

/// `1.8p-3`
fn hex_float(text: &str) -> Option<f64> {
    let text = text.replace('_', "");
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut value = 0.0_f64;
    for c in whole.chars().chain(part.chars()) {
        value = value.mul_add(16.0, f64::from(c.to_digit(16)?));
    }
    let part = i32::try_from(part.len()).ok()?;
    (!mantissa.is_empty() && exponent.abs() < 2000)
        .then(|| value * 2.0_f64.powi(exponent - 4 * part))
}

/// A text as Go's `strconv.Quote` writes it.
pub(super) fn quote(text: &str, ascii_only: bool) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        quote_char(c, '"', ascii_only, &mut quoted);
    }
    quoted.push('"');
    quoted
}

/// A character as it stands between such quotes.
pub(super) fn quote_char(c: char, quote: char, ascii_only: bool, into: &mut String) {
    let code = u32::from(c);
    match c {
        '\x07' => into.push_str("\\a"),
        '\x08' => into.push_str("\\b"),
        '\x0c' => into.push_str("\\f"),
        '\n' => into.push_str("\\n"),
        '\r' => into.push_str("\\r"),
        '\t' => into.push_str("\\t"),
        '\x0b' => into.push_str("\\v"),
        '\\' => into.push_str("\\\\"),
        c if c == quote => into.extend(['\\', c]),
        c if is_print(c) && (c.is_ascii() || !ascii_only) => into.push(c),
        _ if code < 0x80 => write!(into, "\\x{code:02x}").unwrap_or_default(),
        _ if code < 0x10000 => write!(into, "\\u{code:04x}").unwrap_or_default(),
        _ => write!(into, "\\U{code:08x}").unwrap_or_default(),
    }
}

/// Whether a character is printable, as Rust's own tables have it: those of Go know fewer of the newest ones.
pub(super) fn is_print(c: char) -> bool {
    // Rust escapes what cannot be printed, and marks that combine with what stands before, which Go prints.
    c == '\'' || c == '"' || c == '\\' || c.escape_debug().len() == 1 || is_mark(c)
}

fn is_mark(c: char) -> bool {
    !c.is_control() && c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)
}

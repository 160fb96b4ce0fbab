//! Values as they may stand in each place of an HTML text.

use std::fmt::Write as _;

use crate::template::ast::Escaper;
use crate::template::budget::Budget;
use crate::template::escape::{html_text, query_text};
use crate::template::html::context::{Context, Delim, Element, Kind, State, kind};
use crate::template::html::transition::{decode_css, step};
use crate::template::json;
use crate::template::print::{self, sprint};
use crate::template::value::{Int, List, Text, Value};

/// The text in place of a value that would be unsafe.
const UNSAFE: &str = "ZgotmplZ";

/// A value as these escapers make it, one after the other.
pub(in crate::template) fn escape_value(
    value: &Value,
    escapers: &[Escaper],
    budget: &Budget,
) -> Result<String, String> {
    let Some((first, rest)) = escapers.split_first() else { return Ok(print::printed(value)) };
    let (kind, text) = match value {
        Value::Text(kind, text) => (*kind, text.to_string()),
        Value::Nil if matches!(first, Escaper::HtmlFunction | Escaper::QueryFunction) => {
            (Text::Plain, print::printed(value))
        }
        Value::Nil => (Text::Plain, String::new()),
        value => (Text::Plain, sprint(std::slice::from_ref(value))),
    };
    // Each character becomes a few, for each escaper.
    budget.take_bytes(text.len())?;
    let mut text = match first {
        Escaper::JsValue => script_value(value, budget)?,
        first => escape(*first, kind, text),
    };
    for escaper in rest {
        budget.take_bytes(text.len())?;
        text = match escaper {
            Escaper::JsValue => script_value(&Value::text(text), budget)?,
            escaper => escape(*escaper, Text::Plain, text),
        };
    }
    Ok(text)
}

fn escape(escaper: Escaper, kind: Text, text: String) -> String {
    match escaper {
        Escaper::Html if kind == Text::Html => text,
        Escaper::Rcdata if kind == Text::Html => entities(&text, false),
        Escaper::Attr if kind == Text::Html => entities(&strip_tags(&text), false),
        Escaper::Html | Escaper::Rcdata | Escaper::Attr => entities(&text, true),
        // An empty value would make what follows the value.
        Escaper::NoSpace if text.is_empty() => UNSAFE.to_owned(),
        Escaper::NoSpace if kind == Text::Html => unquoted(&strip_tags(&text), false),
        Escaper::NoSpace => unquoted(&text, true),
        Escaper::Name => name(&text),
        Escaper::Comment => String::new(),
        Escaper::UrlFilter if kind == Text::Url || is_safe_url(&text) => text,
        Escaper::UrlFilter => format!("#{UNSAFE}"),
        Escaper::UrlNormalize => url(&text, true),
        Escaper::UrlEscape => url(&text, kind == Text::Url),
        Escaper::Srcset if kind == Text::Url => url(&text, true).replace(',', "%2c"),
        Escaper::Srcset => srcset(&text),
        Escaper::Css => css(&text),
        Escaper::CssValue => css_value(&text),
        Escaper::JsValue | Escaper::JsText => script_text(&text, false),
        Escaper::JsRegexp if text.is_empty() => "(?:)".to_owned(),
        Escaper::JsRegexp => script_text(&text, true),
        Escaper::HtmlFunction => html_text(&text),
        Escaper::QueryFunction => query_text(&text),
    }
}

/// Text with entities for what HTML takes for its own; those that are there may be kept.
fn entities(text: &str, ampersands: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '&' if ampersands => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '+' => out.push_str("&#43;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

fn unquoted(text: &str, ampersands: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\0' => out.push_str("&#xfffd;"),
            '&' if ampersands => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ' | '"' | '\'' | '+' | '=' | '`' => {
                write!(out, "&#{};", u32::from(c)).ok();
            }
            '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{ffff}' => {
                write!(out, "&#x{:x};", u32::from(c)).ok();
            }
            c => out.push(c),
        }
    }
    out
}

/// The text of a piece of HTML, without its tags and comments.
fn strip_tags(html: &str) -> String {
    let (mut c, mut rest) = (Context::default(), html);
    let mut out = String::new();
    while !rest.is_empty() {
        if c.delim != Delim::None {
            let ends: &[char] = match c.delim {
                Delim::Double => &['"'],
                Delim::Single => &['\''],
                _ => &[' ', '\t', '\n', '\x0c', '\r', '>'],
            };
            let Some(end) = rest.find(ends) else { return out };
            let quote = usize::from(c.delim != Delim::SpaceOrTagEnd);
            rest = &rest[end + quote..];
            c = Context { element: c.element, ..Context::of(State::Tag) };
            continue;
        }
        let in_tag =
            matches!(c.state, State::Tag | State::AttrName | State::AfterName | State::BeforeValue);
        let raw = c.element != Element::Other && !in_tag;
        let c1 = if raw { Context { state: State::Rcdata, ..c } } else { c };
        let end = if raw { super::transition::after_text(c1, rest) } else { step(c1, rest) };
        // A malformed escape is no text.
        let Ok((next, read)) = end else { return out };
        if matches!(c.state, State::Text | State::Rcdata) {
            let piece = &rest[..read];
            let cut = if next.state == c.state { None } else { piece.rfind('<') };
            out.push_str(&piece[..cut.unwrap_or(read)]);
        }
        if read == 0 && next == c {
            return out;
        }
        (c, rest) = (next, &rest[read..]);
    }
    out
}

/// A part of a name: letters and digits of no attribute that has a meaning.
fn name(text: &str) -> String {
    let name = text.to_lowercase();
    let fine = !name.is_empty()
        && kind(&name) == Kind::Plain
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if fine { name } else { UNSAFE.to_owned() }
}

/// Whether a URL is relative or of a scheme that does nothing by itself.
fn is_safe_url(text: &str) -> bool {
    match text.split_once(':') {
        Some((scheme, _)) if !scheme.contains('/') => {
            ["http", "https", "mailto"].iter().any(|safe| safe.eq_ignore_ascii_case(scheme))
        }
        _ => true,
    }
}

/// Percent escapes for what does not belong into a URL or, if it is not `whole`, into one value of its query.
fn url(text: &str, whole: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let bytes = text.as_bytes();
    for (i, byte) in bytes.iter().enumerate() {
        let is_escape = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
        let fits = match byte {
            b'-' | b'.' | b'_' | b'~' => true,
            b'%' => whole && is_escape(i + 1) && is_escape(i + 2),
            byte if b"!#$&*+,/:;=?@[]".contains(byte) => whole,
            byte => byte.is_ascii_alphanumeric(),
        };
        if fits {
            out.push(char::from(*byte));
        } else {
            write!(out, "%{byte:02x}").ok();
        }
    }
    out
}

/// Sources with sizes, `a.png 2x, b.png 640w`.
fn srcset(text: &str) -> String {
    let is_space = |c: char| matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ');
    let sources = text.split(',').map(|source| {
        let inner = source.trim_start_matches(is_space);
        let (lead, end) = (source.len() - inner.len(), inner.find(is_space).unwrap_or(inner.len()));
        let (address, size) = inner.split_at(end);
        let fine =
            is_safe_url(address) && size.chars().all(|c| is_space(c) || c.is_ascii_alphanumeric());
        if fine {
            format!("{}{}{size}", &source[..lead], url(address, true))
        } else {
            format!("#{UNSAFE}")
        }
    });
    sources.collect::<Vec<_>>().join(",")
}

fn css(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\0' | '\t' | '\n' | '\x0c' | '\r' | '"' | '&' | '\'' | '(' | ')' | '+' | '/' | ':'
            | ';' | '<' | '>' | '{' | '}' => {
                write!(out, "\\{:x}", u32::from(c)).ok();
                let runs_on = |next: &char| {
                    next.is_ascii_hexdigit() || matches!(next, '\t' | '\n' | '\x0c' | '\r' | ' ')
                };
                if chars.peek().is_none_or(runs_on) {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// A word, a number or a color; anything that could end the value or run code is refused.
fn css_value(text: &str) -> String {
    let value = decode_css(text);
    let breaks = |c| "\0\"'()/;@[\\]`{}<>".contains(c);
    let word: String =
        value.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    let word = word.to_ascii_lowercase().replace('-', "");
    let is_code = word.contains("expression") || word.contains("mozbinding");
    if value.contains(breaks) || value.contains("--") || is_code {
        return UNSAFE.to_owned();
    }
    value
}

/// A value as an expression of a script.
fn script_value(value: &Value, budget: &Budget) -> Result<String, String> {
    let as_text = match value {
        Value::Int(Int::Duration | Int::Month | Int::Weekday, _)
        | Value::Pairs(_)
        | Value::List(List::Pairs, _)
        | Value::Zone(_) => Some(Value::text(sprint(std::slice::from_ref(value)))),
        _ => None,
    };
    let json = json::text(as_text.as_ref().unwrap_or(value), budget)?;
    let is_word = |c: char| c == '$' || c == '_' || c.is_ascii_alphanumeric();
    // It must not run into a word beside it.
    Ok(if json.starts_with(is_word) || json.ends_with(is_word) {
        format!(" {json} ")
    } else {
        json
    })
}

fn script_text(text: &str, is_regexp: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\x0c' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '/' => out.push_str("\\/"),
            '\\' => out.push_str("\\\\"),
            '`' if is_regexp => out.push(c),
            '\0'..='\x1f' | '"' | '`' | '&' | '\'' | '+' | '<' | '>' | '\u{2028}' | '\u{2029}' => {
                write!(out, "\\u{:04x}", u32::from(c)).ok();
            }
            '$' | '(' | ')' | '*' | '-' | '.' | '?' | '[' | ']' | '^' | '{' | '|' | '}'
                if is_regexp =>
            {
                out.extend(['\\', c]);
            }
            c => out.push(c),
        }
    }
    out
}

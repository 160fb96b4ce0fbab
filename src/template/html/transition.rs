//! The transitions of the context by a piece of HTML text. Each function takes the context and a text that is not empty, and
//! answers the context after the bytes that it has read.

use crate::template::html::context::{Attr, Context, Delim, Element, Slash, State, UrlPart};

type After = Result<(Context, usize), String>;

const SPACES: [char; 5] = [' ', '\t', '\n', '\x0c', '\r'];

/// Reads on from the beginning of `text`.
pub(super) fn after_text(c: Context, text: &str) -> After {
    if c.delim != Delim::None {
        return in_value(c, text);
    }
    match special_end(c, text) {
        Some(0) => Ok((Context::default(), 0)),
        end => step(c, &text[..end.unwrap_or(text.len())]),
    }
}

/// One transition.
pub(super) fn step(c: Context, text: &str) -> After {
    match c.state {
        State::Text => Ok(text_state(c, text)),
        State::Tag => tag(c, text),
        State::AttrName => attr_name(c, text),
        State::AfterName => Ok(after_name(c, text)),
        State::BeforeValue => Ok(before_value(c, text)),
        State::Comment => Ok(match text.find("-->") {
            Some(at) => (Context::default(), at + 3),
            None => (c, text.len()),
        }),
        State::Rcdata | State::Attr | State::Dead => Ok((c, text.len())),
        State::Url | State::Srcset => Ok((url(c, text), text.len())),
        State::Js => script(c, text),
        State::JsDouble | State::JsSingle | State::JsTemplate | State::JsRegexp => {
            script_text(c, text)
        }
        State::JsBlockComment | State::CssBlockComment => Ok(block_comment(c, text)),
        State::JsLineComment | State::CssLineComment => Ok(line_comment(c, text)),
        State::Css => Ok(style(c, text)),
        State::CssDouble
        | State::CssSingle
        | State::CssDoubleUrl
        | State::CssSingleUrl
        | State::CssUrl => style_text(c, text),
    }
}

/// Where the end tag of a special element begins.
fn special_end(c: Context, text: &str) -> Option<usize> {
    let name = c.element.name();
    if name.is_empty() { None } else { end_tag(text, name) }
}

fn end_tag(text: &str, name: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].find("</") {
        let at = from + at;
        let behind = &text[at + 2..];
        let found = behind.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        if found && behind[name.len()..].starts_with(['>', ' ', '\t', '\n', '\x0c', '/']) {
            return Some(at);
        }
        from = at + 2;
    }
    None
}

/// Inside of an attribute's value.
fn in_value(c: Context, text: &str) -> After {
    let ends: &[char] = match c.delim {
        Delim::Double => &['"'],
        Delim::Single => &['\''],
        _ => &[' ', '\t', '\n', '\x0c', '\r', '>'],
    };
    let end = text.find(ends);
    let value = &text[..end.unwrap_or(text.len())];
    if c.delim == Delim::SpaceOrTagEnd
        && let Some(bad) = value.find(['"', '\'', '<', '=', '`'])
    {
        return Err(format!("{:?} in unquoted attribute {value:?}", &value[bad..=bad]));
    }
    let Some(end) = end else {
        let decoded = unescape(value);
        let (mut c, mut rest) = (c, &*decoded);
        while !rest.is_empty() {
            let (next, read) = step(c, rest)?;
            (c, rest) = (next, &rest[read..]);
        }
        return Ok((c, text.len()));
    };
    let is_data = c.state == State::Attr && c.attr == Attr::ScriptType && !is_script_type(value);
    let element = if is_data && c.element == Element::Script { Element::Other } else { c.element };
    let quote = usize::from(c.delim != Delim::SpaceOrTagEnd);
    Ok((Context { element, ..Context::of(State::Tag) }, end + quote))
}

fn is_script_type(mime: &str) -> bool {
    let mime = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let kind = mime.strip_prefix("text/").or_else(|| mime.strip_prefix("application/"));
    let kind = kind.map(|kind| kind.strip_prefix("x-").unwrap_or(kind));
    mime == "module"
        || kind.is_some_and(|kind| {
            let version = kind.strip_prefix("javascript").unwrap_or("?");
            ["ecmascript", "json", "ld+json", "jscript", "livescript"].contains(&kind)
                || ["", "1.0", "1.1", "1.2", "1.3", "1.4", "1.5"].contains(&version)
        })
}

/// The characters that entities stand for, as far as they can matter to what a value means.
pub(super) fn unescape(text: &str) -> String {
    const NAMED: [(&str, char); 24] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("colon", ':'),
        ("num", '#'),
        ("quest", '?'),
        ("sol", '/'),
        ("bsol", '\\'),
        ("semi", ';'),
        ("lpar", '('),
        ("rpar", ')'),
        ("grave", '`'),
        ("Tab", '\t'),
        ("NewLine", '\n'),
        ("nbsp", '\u{a0}'),
        ("lsqb", '['),
        ("rsqb", ']'),
        ("lcub", '{'),
        ("rcub", '}'),
        ("ast", '*'),
        ("equals", '='),
        ("percnt", '%'),
    ];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        rest = after;
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '#');
        let (name, tail) = after.split_at(end.unwrap_or(after.len()));
        let code = name.strip_prefix('#').and_then(|number| {
            let hex = number.strip_prefix(['x', 'X']);
            let code = hex.map_or_else(|| number.parse(), |hex| u32::from_str_radix(hex, 16));
            code.ok().map(|code| char::from_u32(code).unwrap_or('\u{fffd}'))
        });
        let named = NAMED.iter().find(|(known, _)| *known == name).map(|(_, c)| *c);
        match code.or(named) {
            Some(c) => {
                out.push(c);
                rest = tail.strip_prefix(';').unwrap_or(tail);
            }
            None => out.push('&'),
        }
    }
    out + rest
}

fn text_state(c: Context, text: &str) -> (Context, usize) {
    let mut from = 0;
    while let Some(at) = text[from..].find('<') {
        let at = from + at;
        let behind = &text[at + 1..];
        if behind.starts_with("!--") {
            return (Context::of(State::Comment), at + 4);
        }
        let (is_end, name) = match behind.strip_prefix('/') {
            Some(name) => (true, name),
            None => (false, behind),
        };
        let bytes = tag_name(name);
        let start = text.len() - name.len();
        if bytes > 0 {
            let element = if is_end { Element::Other } else { Element::of(&name[..bytes]) };
            return (Context { element, ..Context::of(State::Tag) }, start + bytes);
        }
        from = start;
    }
    (c, text.len())
}

/// Bytes of the tag's name that a text begins with: `a`, `h1`, `x-y`, `svg:a`.
fn tag_name(text: &str) -> usize {
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        return 0;
    }
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        let joins =
            matches!(byte, b':' | b'-') && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
        if !byte.is_ascii_alphanumeric() && !joins {
            break;
        }
        at += 1;
    }
    at
}

/// Bytes of white space that a text begins with.
fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches(SPACES).len()
}

fn tag(c: Context, text: &str) -> After {
    let start = spaces(text);
    let rest = &text[start..];
    if rest.is_empty() {
        return Ok((c, text.len()));
    }
    if rest.starts_with('>') {
        return Ok((Context { element: c.element, ..Context::of(c.element.content()) }, start + 1));
    }
    let bytes = name_bytes(rest)?;
    if bytes == 0 {
        return Err(format!(
            "expected a space, an attribute or the tag's end, got {:?}",
            shown(rest)
        ));
    }
    let name = rest[..bytes].to_lowercase();
    let attr = if c.element == Element::Script && name == "type" {
        Attr::ScriptType
    } else {
        Attr::of(&name)
    };
    let state = if bytes == rest.len() { State::AttrName } else { State::AfterName };
    Ok((Context { element: c.element, attr, ..Context::of(state) }, start + bytes))
}

/// Bytes of the attribute's name that a text begins with.
fn name_bytes(text: &str) -> Result<usize, String> {
    let end =
        text.find(|c: char| SPACES.contains(&c) || "=>'\"<".contains(c)).unwrap_or(text.len());
    match text[end..].chars().next() {
        Some(bad @ ('\'' | '"' | '<')) => {
            Err(format!("{bad:?} in the name of an attribute: {:?}", shown(text)))
        }
        _ => Ok(end),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(32).collect()
}

fn attr_name(mut c: Context, text: &str) -> After {
    let bytes = name_bytes(text)?;
    if bytes != text.len() {
        c.state = State::AfterName;
    }
    Ok((c, bytes))
}

fn after_name(mut c: Context, text: &str) -> (Context, usize) {
    let start = spaces(text);
    if start == text.len() {
        return (c, start);
    }
    let has_value = text[start..].starts_with('=');
    c.state = if has_value { State::BeforeValue } else { State::Tag };
    (c, start + usize::from(has_value))
}

fn before_value(mut c: Context, text: &str) -> (Context, usize) {
    let start = spaces(text);
    if start == text.len() {
        return (c, start);
    }
    c.state = c.attr.value_state();
    let (delim, quote) = match text.as_bytes().get(start) {
        Some(b'\'') => (Delim::Single, 1),
        Some(b'"') => (Delim::Double, 1),
        _ => (Delim::SpaceOrTagEnd, 0),
    };
    c.delim = delim;
    (c, start + quote)
}

fn url(mut c: Context, text: &str) -> Context {
    if text.contains(['#', '?']) {
        c.url = UrlPart::QueryOrFragment;
    } else if spaces(text) != text.len() && c.url == UrlPart::None {
        c.url = UrlPart::PreQuery;
    }
    c
}

fn script(mut c: Context, text: &str) -> After {
    if text.contains("<!--") || text.contains("-->") {
        return Err("a script with an HTML comment in it is not supported".to_owned());
    }
    let Some(at) = text.find(['"', '\'', '`', '/']) else {
        c.slash = slash_after(text, c.slash);
        return Ok((c, text.len()));
    };
    c.slash = slash_after(&text[..at], c.slash);
    let rest = &text[at..];
    let quoted = |state| Context { state, slash: Slash::Regexp, ..c };
    Ok(match (rest.as_bytes().first(), rest.as_bytes().get(1), c.slash) {
        (Some(b'"'), ..) => (quoted(State::JsDouble), at + 1),
        (Some(b'\''), ..) => (quoted(State::JsSingle), at + 1),
        (Some(b'`'), ..) => (quoted(State::JsTemplate), at + 1),
        (_, Some(b'/'), _) => (Context { state: State::JsLineComment, ..c }, at + 2),
        (_, Some(b'*'), _) => (Context { state: State::JsBlockComment, ..c }, at + 2),
        (_, _, Slash::Regexp) => (Context { state: State::JsRegexp, ..c }, at + 1),
        (_, _, Slash::Division) => (Context { slash: Slash::Regexp, ..c }, at + 1),
        (_, _, Slash::Unknown) => {
            let rest = shown(rest);
            return Err(format!("'/' could start a division or a regular expression: {rest:?}"));
        }
    })
}

/// The meaning of a slash behind a piece of script.
fn slash_after(text: &str, before: Slash) -> Slash {
    const KEYWORDS: [&str; 14] = [
        "break",
        "case",
        "continue",
        "delete",
        "do",
        "else",
        "finally",
        "in",
        "instanceof",
        "return",
        "throw",
        "try",
        "typeof",
        "void",
    ];
    let text = text.trim_end_matches(['\t', '\n', '\x0c', '\r', ' ', '\u{2028}', '\u{2029}']);
    let Some(last) = text.chars().next_back() else { return before };
    let is_regexp = match last {
        '+' | '-' => (text.len() - text.trim_end_matches(last).len()) % 2 == 1,
        '.' => !text[..text.len() - 1].ends_with(|c: char| c.is_ascii_digit()),
        ',' | '<' | '>' | '=' | '*' | '%' | '&' | '|' | '^' | '?' | '!' | '~' | '(' | '[' | ':'
        | ';' | '{' | '}' => true,
        _ => {
            let word = text.rfind(|c: char| !(c == '$' || c == '_' || c.is_ascii_alphanumeric()));
            let word = word.map_or(text, |at| {
                text[at..].char_indices().nth(1).map_or("", |(next, _)| &text[at + next..])
            });
            KEYWORDS.contains(&word)
        }
    };
    if is_regexp { Slash::Regexp } else { Slash::Division }
}

fn script_text(mut c: Context, text: &str) -> After {
    let mut in_set = false;
    let mut chars = text.char_indices();
    while let Some((at, found)) = chars.next() {
        let ends = match c.state {
            State::JsDouble => found == '"',
            State::JsSingle => found == '\'',
            State::JsTemplate => found == '`',
            _ => found == '/' && !in_set,
        };
        if ends {
            (c.state, c.slash) = (State::Js, Slash::Division);
            return Ok((c, at + 1));
        }
        match found {
            '\\' if chars.next().is_none() => {
                return Err(format!("unfinished escape sequence in a script: {:?}", shown(text)));
            }
            '[' if c.state == State::JsRegexp => in_set = true,
            ']' => in_set = false,
            _ => {}
        }
    }
    if in_set {
        return Err(format!("unfinished set in a regular expression: {:?}", shown(text)));
    }
    Ok((c, text.len()))
}

fn block_comment(mut c: Context, text: &str) -> (Context, usize) {
    let Some(at) = text.find("*/") else { return (c, text.len()) };
    c.state = if c.state == State::JsBlockComment { State::Js } else { State::Css };
    (c, at + 2)
}

fn line_comment(mut c: Context, text: &str) -> (Context, usize) {
    let (ends, state): (&[char], _) = match c.state {
        State::JsLineComment => (&['\n', '\r', '\u{2028}', '\u{2029}'], State::Js),
        _ => (&['\n', '\x0c', '\r'], State::Css),
    };
    let Some(at) = text.find(ends) else { return (c, text.len()) };
    c.state = state;
    (c, at)
}

fn style(mut c: Context, text: &str) -> (Context, usize) {
    let mut from = 0;
    while let Some(at) = text[from..].find(['(', '"', '\'', '/']) {
        let at = from + at;
        let behind = &text[at + 1..];
        c.state = match text.as_bytes().get(at) {
            Some(b'"') => State::CssDouble,
            Some(b'\'') => State::CssSingle,
            Some(b'(') if is_url_function(&text[..at]) => {
                let inside = &behind[spaces(behind)..];
                let start = text.len() - inside.len();
                let (state, quote) = match inside.as_bytes().first() {
                    Some(b'"') => (State::CssDoubleUrl, 1),
                    Some(b'\'') => (State::CssSingleUrl, 1),
                    _ => (State::CssUrl, 0),
                };
                c.state = state;
                return (c, start + quote);
            }
            Some(b'/') if behind.starts_with('/') => State::CssLineComment,
            Some(b'/') if behind.starts_with('*') => State::CssBlockComment,
            _ => {
                from = at + 1;
                continue;
            }
        };
        return (c, at + if c.is_comment() { 2 } else { 1 });
    }
    (c, text.len())
}

/// Whether what stands before a parenthesis is the word `url`.
fn is_url_function(before: &str) -> bool {
    let before = before.trim_end_matches(SPACES);
    let Some(start) = before.len().checked_sub(3) else { return false };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || !c.is_ascii();
    before.get(start..).is_some_and(|word| word.eq_ignore_ascii_case("url"))
        && !before.get(..start).unwrap_or("").ends_with(is_name)
}

fn style_text(mut c: Context, text: &str) -> After {
    let mut chars = text.char_indices();
    while let Some((at, found)) = chars.next() {
        let ends = match c.state {
            State::CssDouble | State::CssDoubleUrl => found == '"',
            State::CssSingle | State::CssSingleUrl => found == '\'',
            _ => matches!(found, '\t' | '\n' | '\x0c' | '\r' | ' ' | ')'),
        };
        if ends {
            c.state = State::Css;
            return Ok((c, at + 1));
        }
        if found == '\\' && chars.next().is_none() {
            return Err(format!("unfinished escape sequence in a style: {:?}", shown(text)));
        }
    }
    Ok((url(c, &decode_css(text)), text.len()))
}

/// A style's text without its escapes.
pub(super) fn decode_css(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let hex = after.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        if hex == 0 {
            let mut chars = after.chars();
            out.extend(chars.next());
            rest = chars.as_str();
            continue;
        }
        let code = u32::from_str_radix(&after[..hex], 16).ok().and_then(char::from_u32);
        out.push(code.unwrap_or('\u{fffd}'));
        rest = &after[hex..];
        rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(SPACES)).unwrap_or(rest);
    }
    out + rest
}

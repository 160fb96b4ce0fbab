//! Alertmanager's functions.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::template::functions::{Function, fixed, text, variadic};
use crate::template::json;
use crate::template::methods::{between, joined};
use crate::template::pattern;
use crate::template::print::float;
use crate::template::time::{self, Time};
use crate::template::value::{Int, List, Text, Type, Value};

const TEXT: Type = Type::Text;

pub(super) const ALL: &[Function] = &[
    fixed("toUpper", &[TEXT], |_, args| Ok(Value::text(upper(text(args, 0))))),
    fixed("toLower", &[TEXT], |_, args| Ok(Value::text(lower(text(args, 0))))),
    fixed("title", &[TEXT], |_, args| Ok(Value::text(title(text(args, 0))))),
    fixed("trimSpace", &[TEXT], |_, args| Ok(Value::text(text(args, 0).trim()))),
    fixed("join", &[TEXT, Type::Texts], |_, args| match args {
        [_, list] => Ok(Value::text(joined(list, text(args, 0)))),
        _ => Ok(Value::Nil),
    }),
    fixed("match", &[TEXT, TEXT], |exec, args| {
        pattern::is_match(text(args, 0), text(args, 1), exec.budget).map(Value::Bool)
    }),
    fixed("reReplaceAll", &[TEXT, TEXT, TEXT], |exec, args| {
        pattern::replace(text(args, 0), text(args, 1), text(args, 2), exec.budget).map(Value::text)
    }),
    fixed("safeHtml", &[TEXT], |_, args| Ok(Value::Text(Text::Html, text(args, 0).into()))),
    fixed("safeUrl", &[TEXT], |_, args| Ok(Value::Text(Text::Url, text(args, 0).into()))),
    fixed("urlUnescape", &[TEXT], |_, args| unescape(text(args, 0)).map(Value::text)),
    variadic("stringSlice", &[TEXT], |_, args| Ok(Value::List(List::Texts, args.into()))),
    fixed("routeLabels", &[TEXT], |exec, args| match &exec.root {
        Value::Data(data) => {
            let name = text(args, 0);
            if data.unrendered.get(name).is_some() {
                return Err(format!("the route's label {name:?} needs itself, or is wrong"));
            }
            Ok(Value::text(data.route_labels.get(name).unwrap_or_default()))
        }
        _ => Ok(Value::text("")),
    }),
    fixed("date", &[TEXT, Type::Time], |_, args| match args {
        [_, Value::Time(at)] => Ok(Value::text(time::format(at, text(args, 0)))),
        _ => Ok(Value::Nil),
    }),
    fixed("tz", &[TEXT, Type::Time], |_, args| match args {
        [_, Value::Time(at)] => {
            let zone = time::zone(text(args, 0))?;
            Ok(Value::Time(Time { zone, ..at.clone() }))
        }
        _ => Ok(Value::Nil),
    }),
    fixed("now", &[], |exec, _| Ok(Value::Time(now(&exec.root)))),
    fixed("since", &[Type::Time], |exec, args| match args {
        [Value::Time(at)] => Ok(between(&now(&exec.root), at)),
        _ => Ok(Value::Nil),
    }),
    fixed("humanizeDuration", &[Type::Any], |_, args| {
        args.first().map_or(Ok(Value::Nil), |value| humanized(value).map(Value::text))
    }),
    fixed("toDate", &[TEXT, TEXT], |_, args| {
        Ok(Value::Time(time::parse(text(args, 0), text(args, 1)).unwrap_or(Time::ZERO)))
    }),
    fixed("mustToDate", &[TEXT, TEXT], |_, args| {
        time::parse(text(args, 0), text(args, 1)).map(Value::Time)
    }),
    fixed("toJson", &[Type::Any], |exec, args| {
        let value = args.first().unwrap_or(&Value::Nil);
        json::text(value, exec.budget).map(Value::text)
    }),
    fixed("base64encode", &[TEXT], |_, args| {
        Ok(Value::text(base64_text(text(args, 0).as_bytes())))
    }),
    fixed("base64decode", &[TEXT], |_, args| base64_bytes(text(args, 0)).map(Value::text)),
    variadic("list", &[Type::Any], |_, args| Ok(Value::List(List::Any, args.into()))),
    variadic("append", &[Type::List, Type::Any], |_, args| {
        let Some((Value::List(_, list), more)) = args.split_first() else { return Ok(Value::Nil) };
        Ok(Value::List(List::Any, list.iter().chain(more).cloned().collect()))
    }),
    variadic("dict", &[Type::Any], |_, args| dict(args)),
];

fn now(root: &Value) -> Time {
    match root {
        Value::Data(data) => Time::from(data.now),
        _ => Time::ZERO,
    }
}

fn dict(args: &[Value]) -> Result<Value, String> {
    if !args.len().is_multiple_of(2) {
        return Err("dict requires an even number of arguments".to_owned());
    }
    let mut dict = BTreeMap::new();
    for pair in args.chunks_exact(2) {
        let [Value::Text(Text::Plain, key), value] = pair else {
            return Err("dict keys must be strings".to_owned());
        };
        dict.insert(Rc::clone(key), value.clone());
    }
    Ok(Value::Dict(Rc::new(dict)))
}

/// Go's capitals: a letter whose capital is several letters, such as ß, stays as it is.
fn upper(text: &str) -> String {
    let upper = |c: char| {
        let mut capital = c.to_uppercase();
        capital.next().filter(|_| capital.next().is_none()).unwrap_or(c)
    };
    text.chars().map(upper).collect()
}

/// Go's small letters: one for each letter, whatever stands around it.
fn lower(text: &str) -> String {
    text.chars().filter_map(|c| c.to_lowercase().next()).collect()
}

/// The capital at the beginning of a word: where it is several letters, the first of them alone is one.
fn begin(c: char) -> String {
    let capital = match c {
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        // Georgian has capitals for whole words alone.
        'ა'..='ჿ' => c,
        c => {
            let mut capital = c.to_uppercase();
            let first = capital.next();
            return first.into_iter().chain(capital.flat_map(char::to_lowercase)).collect();
        }
    };
    capital.to_string()
}

/// Each word with a capital, the rest of it in small letters. Letters, digits and what joins them make a word.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut in_word = false;
    let chars: Vec<char> = text.chars().collect();
    for (i, c) in chars.iter().enumerate() {
        let is_cased = c.is_lowercase() || c.is_uppercase();
        let before = i.checked_sub(1).and_then(|i| chars.get(i));
        let behind = chars.get(i + 1);
        let joins = |both: fn(&char) -> bool| before.is_some_and(both) && behind.is_some_and(both);
        let goes_on = c.is_alphanumeric()
            || *c == '_'
            || ('\u{300}'..='\u{36f}').contains(c)
            || (matches!(c, '\'' | '\u{2019}' | '.' | ':' | '\u{b7}')
                && joins(|c| c.is_alphabetic()))
            || (matches!(c, '\'' | '.' | ',' | ';') && joins(|c| c.is_numeric()));
        if !is_cased || !goes_on {
            titled.push(*c);
        } else if !in_word {
            titled.push_str(&begin(*c));
        } else if *c == 'Σ' && ends(&chars, i + 1) {
            titled.push('ς');
        } else {
            titled.extend(c.to_lowercase());
        }
        in_word = goes_on && (in_word || is_cased);
    }
    titled
}

/// Whether no letter of the word follows.
fn ends(chars: &[char], from: usize) -> bool {
    let joins = |c: &&char| !"'\u{2019}.:\u{b7}".contains(**c);
    chars.iter().skip(from).find(joins).is_none_or(|c| !c.is_alphabetic())
}

/// `url.QueryUnescape`
fn unescape(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let digits = digits.filter(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()));
                let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let Some(value) = value else {
                    let shown = String::from_utf8_lossy(after.get(..2).unwrap_or(after));
                    return Err(format!("invalid URL escape \"%{shown}\""));
                };
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            byte => bytes.push(*byte),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i| usize::from(*chunk.get(i).unwrap_or(&0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = BASE64.get(group >> (18 - 6 * i) & 63).copied().unwrap_or_default();
            text.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn base64_bytes(text: &str) -> Result<String, String> {
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let fault = |at: usize| format!("illegal base64 data at input byte {at}");
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return Err(fault(text.len() - text.len() % 4));
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut group = (0_usize, 0);
    for (at, c) in digits.bytes().enumerate() {
        let digit = BASE64.iter().position(|known| *known == c).ok_or_else(|| fault(at))?;
        group = (group.0 << 6 | digit, group.1 + 6);
        if group.1 >= 8 {
            group.1 -= 8;
            bytes.push(u8::try_from(group.0 >> group.1 & 255).unwrap_or(0));
            group.0 &= (1 << group.1) - 1;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Seconds as `1d 2h 3m 4s` or with a prefix, as Prometheus writes them.
fn humanized(value: &Value) -> Result<String, String> {
    #[expect(clippy::cast_precision_loss, reason = "as Go converts it")]
    let seconds = match value {
        Value::Float(seconds) => *seconds,
        Value::Text(Text::Plain, text) => text
            .replace('_', "")
            .parse::<f64>()
            .map_err(|_| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"))?,
        Value::Int(Int::Duration, nanos) => {
            (nanos / 1_000_000_000) as f64 + (nanos % 1_000_000_000) as f64 / 1e9
        }
        Value::Int(Int::Plain | Int::Wide, seconds) => *seconds as f64,
        other => return Err(format!("can't convert {} to float", other.type_name())),
    };
    let short = |number: f64| float::text(number, 'g', Some(4), false);
    if !seconds.is_finite() {
        return Ok(short(seconds));
    }
    if seconds == 0.0 {
        return Ok("0s".to_owned());
    }
    if seconds.abs() >= 1.0 {
        let sign = if seconds < 0.0 { "-" } else { "" };
        let amount = seconds.abs();
        // A duration too large for it stops at its end.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let whole = amount as u64;
        let (d, h, m, s) = (whole / 86400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
        return Ok(match (d, h, m) {
            (0, 0, 0) => format!("{sign}{}s", short(amount)),
            (0, 0, m) => format!("{sign}{m}m {s}s"),
            (0, h, m) => format!("{sign}{h}h {m}m {s}s"),
            (d, h, m) => format!("{sign}{d}d {h}h {m}m {s}s"),
        });
    }
    let (mut number, mut prefix) = (seconds, "");
    for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if number.abs() >= 1.0 {
            break;
        }
        (number, prefix) = (number * 1000.0, next);
    }
    Ok(format!("{}{prefix}s", short(number)))
}

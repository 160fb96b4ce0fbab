//! Go's own functions.

use std::fmt::Write as _;
use std::rc::Rc;

use crate::template::escape::{html_text, query_text};
use crate::template::functions::{Function, compare, fixed, text, variadic};
use crate::template::print::{printed, printf, sprint, sprintln};
use crate::template::quote::is_print;
use crate::template::value::{Int, Text, Type, Value};

const ANY: Type = Type::Any;

pub(super) const ALL: &[Function] = &[
    variadic("and", &[ANY, ANY], |_, _| Ok(Value::Nil)),
    variadic("or", &[ANY, ANY], |_, _| Ok(Value::Nil)),
    fixed("not", &[ANY], |_, args| Ok(Value::Bool(!args.first().is_some_and(Value::is_true)))),
    fixed("len", &[ANY], |_, args| args.first().map_or(Ok(Value::Nil), length)),
    variadic("index", &[ANY, ANY], |_, args| index(args)),
    variadic("slice", &[ANY, ANY], |_, args| slice(args)),
    variadic("call", &[ANY, ANY], |_, args| {
        let kind = args.first().map_or("nothing", Value::type_name);
        Err(format!("non-function of type {kind}"))
    }),
    variadic("print", &[ANY], |_, args| Ok(Value::text(sprint(args)))),
    variadic("println", &[ANY], |_, args| Ok(Value::text(sprintln(args)))),
    variadic("printf", &[Type::Text, ANY], |_, args| {
        printf(text(args, 0), args.get(1..).unwrap_or_default()).map(Value::text)
    }),
    variadic("html", &[ANY], |_, args| Ok(Value::text(html_text(&joined(args))))),
    variadic("js", &[ANY], |_, args| Ok(Value::text(js_text(&joined(args))))),
    variadic("urlquery", &[ANY], |_, args| Ok(Value::text(query_text(&joined(args))))),
    variadic("eq", &[ANY, ANY], |_, args| compare::equals_any(args)),
    fixed("ne", &[ANY, ANY], |_, args| match args {
        [a, b] => compare::equal(a, b).map(|equal| Value::Bool(!equal)),
        _ => Ok(Value::Nil),
    }),
    fixed("lt", &[ANY, ANY], |_, args| ordered(args, std::cmp::Ordering::is_lt)),
    fixed("le", &[ANY, ANY], |_, args| ordered(args, std::cmp::Ordering::is_le)),
    fixed("gt", &[ANY, ANY], |_, args| ordered(args, std::cmp::Ordering::is_gt)),
    fixed("ge", &[ANY, ANY], |_, args| ordered(args, std::cmp::Ordering::is_ge)),
];

fn ordered(args: &[Value], holds: fn(std::cmp::Ordering) -> bool) -> Result<Value, String> {
    match args {
        [a, b] => compare::order(a, b).map(|order| Value::Bool(holds(order))),
        _ => Ok(Value::Nil),
    }
}

/// The arguments of an escaper as one text.
fn joined(args: &[Value]) -> String {
    match args {
        [Value::Text(_, text)] => text.to_string(),
        [one] => printed(one),
        many => {
            // A missing value prints as such.
            let shown: Vec<_> = many
                .iter()
                .map(|arg| match arg {
                    Value::Nil => Value::text("<no value>"),
                    arg => arg.clone(),
                })
                .collect();
            sprint(&shown)
        }
    }
}

fn length(value: &Value) -> Result<Value, String> {
    Ok(Value::int(match value {
        Value::Text(_, text) => text.len(),
        Value::Pairs(pairs) => pairs.len(),
        Value::List(_, list) => list.len(),
        Value::Dict(dict) => dict.len(),
        Value::Nil => return Err("len of nil pointer".to_owned()),
        other => return Err(format!("len of type {}", other.type_name())),
    }))
}

/// A place in a list, `max` at most.
fn place(index: &Value, max: usize) -> Result<usize, String> {
    let Value::Int(_, place) = index else {
        return Err(match index {
            Value::Nil => "cannot index slice/array with nil".to_owned(),
            other => format!("cannot index slice/array with type {}", other.type_name()),
        });
    };
    let fits = usize::try_from(*place).ok().filter(|place| *place <= max);
    fits.ok_or_else(|| format!("index out of range: {place}"))
}

fn index(args: &[Value]) -> Result<Value, String> {
    let Some((first, indexes)) = args.split_first() else { return Ok(Value::Nil) };
    if matches!(first, Value::Nil) {
        return Err("index of untyped nil".to_owned());
    }
    let mut item = first.clone();
    for index in indexes {
        let out_of_range = || format!("index out of range: {}", printed(index));
        item = match &item {
            Value::Text(_, text) => {
                let byte = text.as_bytes().get(place(index, text.len())?);
                Value::Int(Int::Byte, i64::from(*byte.ok_or_else(out_of_range)?))
            }
            Value::List(_, list) => {
                list.get(place(index, list.len())?).cloned().ok_or_else(out_of_range)?
            }
            Value::Pairs(pairs) => Value::text(pairs.get(key(index)?).unwrap_or_default()),
            Value::Dict(dict) => dict.get(key(index)?).cloned().unwrap_or(Value::Nil),
            Value::Nil => return Err("index of nil pointer".to_owned()),
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

/// The key of a map, which is a text.
fn key(index: &Value) -> Result<&str, String> {
    match index {
        Value::Text(Text::Plain, text) => Ok(text),
        Value::Nil => Err("value is nil; should be of type string".to_owned()),
        other => Err(format!("value has type {}; should be string", other.type_name())),
    }
}

fn slice(args: &[Value]) -> Result<Value, String> {
    let Some((item, indexes)) = args.split_first() else { return Ok(Value::Nil) };
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let length = match item {
        Value::Nil => return Err("slice of untyped nil".to_owned()),
        Value::Text(..) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".to_owned());
        }
        Value::Text(_, text) => text.len(),
        Value::List(_, list) => list.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let at =
        |i: usize, unset: usize| indexes.get(i).map_or(Ok(unset), |index| place(index, length));
    let (start, end) = (at(0, 0)?, at(1, length)?);
    let cap = at(2, length)?;
    for (low, high) in [(start, end), (end, cap)] {
        if low > high {
            return Err(format!("invalid slice index: {low} > {high}"));
        }
    }
    Ok(match item {
        Value::List(kind, list) => {
            Value::List(*kind, Rc::from(list.get(start..end).unwrap_or(&[])))
        }
        Value::Text(kind, text) => {
            // A cut through a character leaves U+FFFD.
            let bytes = text.as_bytes().get(start..end).unwrap_or_default();
            Value::Text(*kind, Rc::from(&*String::from_utf8_lossy(bytes)))
        }
        _ => Value::Nil,
    })
}

/// `js`
fn js_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("\\'"),
            '"' => escaped.push_str("\\\""),
            '<' | '>' | '&' | '=' => {
                write!(escaped, "\\u{:04X}", u32::from(c)).ok();
            }
            c if c < ' ' || (!c.is_ascii() && !is_print(c)) => {
                write!(escaped, "\\u{:04X}", u32::from(c)).ok();
            }
            c => escaped.push(c),
        }
    }
    escaped
}

//! `eq` and its kin, as strict as Go's.

use std::cmp::Ordering;

use crate::template::value::{Int, Value};

const INCOMPATIBLE: &str = "incompatible types for comparison";
const INVALID: &str = "invalid type for comparison";

/// The kinds that can be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Int,
    Byte,
    Float,
    Text,
    Other,
}

fn kind(value: &Value) -> Kind {
    match value {
        Value::Bool(_) => Kind::Bool,
        Value::Int(Int::Byte, _) => Kind::Byte,
        Value::Int(..) => Kind::Int,
        Value::Float(_) => Kind::Float,
        Value::Text(..) => Kind::Text,
        _ => Kind::Other,
    }
}

fn are_integers(a: Kind, b: Kind) -> bool {
    matches!((a, b), (Kind::Int | Kind::Byte, Kind::Int | Kind::Byte))
}

/// Whether the first equals any of the others.
pub(super) fn equals_any(args: &[Value]) -> Result<Value, String> {
    let Some((first, others)) = args.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Err("missing argument for comparison".to_owned());
    };
    for other in others {
        if equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

pub(super) fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    let (kind_a, kind_b) = (kind(a), kind(b));
    if kind_a != kind_b && !are_integers(kind_a, kind_b) {
        let has_nil = matches!(a, Value::Nil) || matches!(b, Value::Nil);
        return if has_nil { Ok(false) } else { Err(INCOMPATIBLE.to_owned()) };
    }
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(_, a), Value::Int(_, b)) => a == b,
        #[expect(clippy::float_cmp, reason = "as Go compares")]
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Text(_, a), Value::Text(_, b)) => a == b,
        (Value::Nil, Value::Nil) => true,
        (Value::Nil, _) | (_, Value::Nil) => false,
        (Value::Pair(a, b), Value::Pair(c, d)) => a == c && b == d,
        (Value::Time(a), Value::Time(b)) => a == b,
        (Value::Zone(a), Value::Zone(b)) => a == b,
        (a, _) => return Err(format!("non-comparable type {}", a.type_name())),
    })
}

/// Which of two comes first.
pub(super) fn order(a: &Value, b: &Value) -> Result<Ordering, String> {
    let (kind_a, kind_b) = (kind(a), kind(b));
    if kind_a == Kind::Other || kind_b == Kind::Other {
        return Err(INVALID.to_owned());
    }
    match (a, b) {
        (Value::Int(_, a), Value::Int(_, b)) => Ok(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b).unwrap_or(Ordering::Greater)),
        (Value::Text(_, a), Value::Text(_, b)) => Ok(a.cmp(b)),
        (Value::Bool(_), Value::Bool(_)) => Err(INVALID.to_owned()),
        _ => Err(INCOMPATIBLE.to_owned()),
    }
}

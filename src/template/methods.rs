//! Fields and methods of each type.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::template::data::AlertData;
use crate::template::print::printed;
use crate::template::time::{self, Time};
use crate::template::value::{Int, List, Type, Value, sorted};

/// A method: what it takes and does.
pub(super) struct Method {
    pub(super) params: &'static [Type],
    pub(super) run: fn(&Value, &[Value]) -> Result<Value, String>,
}

const DURATION: Type = Type::Int(Int::Duration);
const INT: Type = Type::Int(Int::Plain);

/// The method of a value's type, if it has it.
pub(super) fn find(receiver: &Value, name: &str) -> Option<Method> {
    match receiver {
        Value::Pairs(_) => pairs(name),
        Value::List(List::Pairs, _) => pair_list(name),
        Value::List(List::Alerts, _) => alerts(name),
        Value::List(List::Names, _) if name == "Join" => {
            Some(method(&[Type::Text], |names, args| Ok(Value::text(joined(names, text(args))))))
        }
        Value::Time(_) => time_method(name).or_else(|| time_part(name)),
        Value::Int(Int::Duration, _) => duration(name),
        Value::Int(Int::Month | Int::Weekday, _) | Value::Zone(_) if name == "String" => {
            Some(PRINT)
        }
        _ => None,
    }
}

/// The field of a value, or what a map has under this name.
pub(super) fn field(receiver: &Value, name: &str) -> Option<Value> {
    let is_public = name.starts_with(char::is_uppercase);
    match receiver {
        Value::Pairs(pairs) => Some(Value::text(pairs.get(name).unwrap_or_default())),
        Value::Dict(dict) => Some(dict.get(name).cloned().unwrap_or(Value::Nil)),
        // Ours are no fields: Go prints those.
        Value::Data(data) if name == "Cut" => {
            Some(Value::Int(Int::Plain, data.cut.try_into().unwrap_or(i64::MAX)))
        }
        Value::Data(data) if name == "Late" => {
            let late = data.alerts.iter().filter(|it| it.late).count();
            Some(Value::Int(Int::Plain, late.try_into().unwrap_or(i64::MAX)))
        }
        Value::Data(data) => data.field(name).filter(|_| is_public),
        Value::Alert(alert) if name == "Late" => Some(Value::Bool(alert.late)),
        Value::Alert(alert) => {
            let mut fields = alert.fields().into_iter().filter(|_| is_public);
            fields.find(|(field, _)| *field == name).map(|it| it.1)
        }
        Value::Pair(key, _) if name == "Name" => Some(Value::text(Rc::clone(key))),
        Value::Pair(_, value) if name == "Value" => Some(Value::text(Rc::clone(value))),
        _ => None,
    }
}

/// A hint where Go has a method that no template can use, or we lack one.
pub(super) fn why_not(receiver: &Value, name: &str) -> &'static str {
    const MANY: [&str; 5] = ["Date", "Clock", "Zone", "ISOWeek", "ZoneBounds"];
    match receiver {
        Value::Time(_) if MANY.contains(&name) => ": it has more than one result",
        Value::Time(_) if name.starts_with("Marshal") || name.starts_with("Append") => {
            ": bytes are not supported"
        }
        _ => "",
    }
}

const fn method(
    params: &'static [Type],
    run: fn(&Value, &[Value]) -> Result<Value, String>,
) -> Method {
    Method { params, run }
}

/// `String`
const PRINT: Method = method(&[], |value, _| Ok(Value::text(printed(value))));

fn pairs(name: &str) -> Option<Method> {
    Some(match name {
        "SortedPairs" => method(&[], |pairs, _| Ok(Value::List(List::Pairs, sorted_pairs(pairs)))),
        "Names" => {
            method(&[], |pairs, _| Ok(Value::List(List::Names, names(&sorted_pairs(pairs)))))
        }
        "Values" => {
            method(&[], |pairs, _| Ok(Value::List(List::Names, values(&sorted_pairs(pairs)))))
        }
        "Remove" => method(&[Type::Texts], |pairs, args| {
            let (Value::Pairs(pairs), [Value::List(_, names)]) = (pairs, args) else {
                return Ok(Value::Nil);
            };
            let named = |name: &str| names.iter().any(|given| is_text(given, name));
            Ok(Value::Pairs(pairs.filter(|name| !named(name))))
        }),
        "String" => PRINT,
        _ => return None,
    })
}

fn is_text(value: &Value, expected: &str) -> bool {
    matches!(value, Value::Text(_, text) if **text == *expected)
}

fn sorted_pairs(pairs: &Value) -> Rc<[Value]> {
    let Value::Pairs(pairs) = pairs else { return Rc::new([]) };
    sorted(pairs).map(|(name, value)| Value::Pair(name.into(), value.into())).collect()
}

fn names(pairs: &[Value]) -> Rc<[Value]> {
    let names = pairs.iter().filter_map(|pair| match pair {
        Value::Pair(name, _) => Some(Value::text(Rc::clone(name))),
        _ => None,
    });
    names.collect()
}

fn values(pairs: &[Value]) -> Rc<[Value]> {
    let values = pairs.iter().filter_map(|pair| match pair {
        Value::Pair(_, value) => Some(Value::text(Rc::clone(value))),
        _ => None,
    });
    values.collect()
}

fn pair_list(name: &str) -> Option<Method> {
    Some(match name {
        "Names" => method(&[], |list, _| Ok(Value::List(List::Names, names(items(list))))),
        "Values" => method(&[], |list, _| Ok(Value::List(List::Names, values(items(list))))),
        "String" => PRINT,
        _ => return None,
    })
}

fn items(list: &Value) -> &[Value] {
    match list {
        Value::List(_, items) => items,
        _ => &[],
    }
}

fn alerts(name: &str) -> Option<Method> {
    fn with(list: &Value, status: &str) -> Value {
        let fits = |alert: &AlertData| *alert.status == *status;
        let alerts = items(list).iter().filter(|item| matches!(item, Value::Alert(it) if fits(it)));
        Value::List(List::AlertSlice, alerts.cloned().collect())
    }
    Some(match name {
        "Firing" => method(&[], |list, _| Ok(with(list, "firing"))),
        "Resolved" => method(&[], |list, _| Ok(with(list, "resolved"))),
        _ => return None,
    })
}

pub(super) fn text(args: &[Value]) -> &str {
    match args.first() {
        Some(Value::Text(_, text)) => text,
        _ => "",
    }
}

/// A list of texts with `separator` between them.
pub(super) fn joined(list: &Value, separator: &str) -> String {
    let texts = items(list).iter().filter_map(|item| match item {
        Value::Text(_, text) => Some(&**text),
        _ => None,
    });
    texts.collect::<Vec<_>>().join(separator)
}

fn int(args: &[Value], i: usize) -> i64 {
    match args.get(i) {
        Some(Value::Int(_, int)) => *int,
        _ => 0,
    }
}

fn time(value: &Value) -> Result<&Time, String> {
    match value {
        Value::Time(time) => Ok(time),
        _ => Err("no time".to_owned()),
    }
}

fn other(args: &[Value]) -> Result<&Time, String> {
    args.first().map_or_else(|| Err("no time".to_owned()), time)
}

fn saturated(nanos: i128) -> i64 {
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// The duration between two times.
pub(super) fn between(later: &Time, earlier: &Time) -> Value {
    Value::Int(Int::Duration, saturated(later.nanos() - earlier.nanos()))
}

fn in_zone(value: &Value, zone: jiff::tz::TimeZone) -> Result<Value, String> {
    Ok(Value::Time(Time { zone, ..time(value)?.clone() }))
}

fn time_method(name: &str) -> Option<Method> {
    Some(match name {
        "Add" => method(&[DURATION], |at, args| {
            let at = time(at)?;
            let nanos = at.nanos() + i128::from(int(args, 0));
            Time::of_nanos(nanos, at.zone.clone()).map(Value::Time)
        }),
        "AddDate" => method(&[INT, INT, INT], |at, args| {
            time(at)?.add_date(int(args, 0), int(args, 1), int(args, 2)).map(Value::Time)
        }),
        "Sub" => method(&[Type::Time], |at, args| Ok(between(time(at)?, other(args)?))),
        "After" => method(&[Type::Time], |at, args| compare(at, args, Ordering::is_gt)),
        "Before" => method(&[Type::Time], |at, args| compare(at, args, Ordering::is_lt)),
        "Equal" => method(&[Type::Time], |at, args| compare(at, args, Ordering::is_eq)),
        "Compare" => method(&[Type::Time], |at, args| {
            let order = time(at)?.nanos().cmp(&other(args)?.nanos());
            Ok(Value::Int(Int::Plain, order as i64))
        }),
        "Format" => {
            method(&[Type::Text], |at, args| Ok(Value::text(time::format(time(at)?, text(args)))))
        }
        "GoString" => method(&[], |at, _| Ok(Value::text(time(at)?.go_source()))),
        "String" => PRINT,
        "Round" => {
            method(&[DURATION], |at, args| time(at)?.rounded(int(args, 0), true).map(Value::Time))
        }
        "Truncate" => {
            method(&[DURATION], |at, args| time(at)?.rounded(int(args, 0), false).map(Value::Time))
        }
        "UTC" => method(&[], |at, _| in_zone(at, jiff::tz::TimeZone::UTC)),
        "Local" => method(&[], |at, _| in_zone(at, time::local())),
        "In" => method(&[Type::Zone], |at, args| match args {
            [Value::Zone(zone)] => in_zone(at, zone.clone()),
            _ => Err("missing location".to_owned()),
        }),
        "Location" => method(&[], |at, _| Ok(Value::Zone(time(at)?.zone.clone()))),
        "IsZero" => method(&[], |at, _| Ok(Value::Bool(time(at)?.nanos() == Time::ZERO.nanos()))),
        "IsDST" => method(&[], |at, _| {
            let at = time(at)?;
            Ok(Value::Bool(at.zone.to_offset_info(at.timestamp()).dst().is_dst()))
        }),
        _ => return None,
    })
}

fn compare(at: &Value, args: &[Value], holds: fn(Ordering) -> bool) -> Result<Value, String> {
    Ok(Value::Bool(holds(time(at)?.nanos().cmp(&other(args)?.nanos()))))
}

/// The methods that are a number of a time.
fn time_part(name: &str) -> Option<Method> {
    fn small(number: impl Into<i64>) -> Value {
        Value::Int(Int::Plain, number.into())
    }
    fn since_1970(at: &Value, unit: i128) -> Result<Value, String> {
        // An overflow wraps, as in Go.
        #[expect(clippy::cast_possible_truncation, reason = "as in Go")]
        Ok(Value::Int(Int::Wide, time(at)?.nanos().div_euclid(unit) as i64))
    }
    Some(match name {
        "Year" => method(&[], |at, _| Ok(small(time(at)?.civil().year()))),
        "Month" => {
            method(&[], |at, _| Ok(Value::Int(Int::Month, time(at)?.civil().month().into())))
        }
        "Day" => method(&[], |at, _| Ok(small(time(at)?.civil().day()))),
        "YearDay" => method(&[], |at, _| Ok(small(time(at)?.civil().date().day_of_year()))),
        "Weekday" => method(&[], |at, _| {
            let day = time(at)?.civil().weekday().to_sunday_zero_offset();
            Ok(Value::Int(Int::Weekday, day.into()))
        }),
        "Hour" => method(&[], |at, _| Ok(small(time(at)?.civil().hour()))),
        "Minute" => method(&[], |at, _| Ok(small(time(at)?.civil().minute()))),
        "Second" => method(&[], |at, _| Ok(small(time(at)?.civil().second()))),
        "Nanosecond" => method(&[], |at, _| Ok(small(time(at)?.nanos))),
        "Unix" => method(&[], |at, _| since_1970(at, 1_000_000_000)),
        "UnixMilli" => method(&[], |at, _| since_1970(at, 1_000_000)),
        "UnixMicro" => method(&[], |at, _| since_1970(at, 1_000)),
        "UnixNano" => method(&[], |at, _| since_1970(at, 1)),
        _ => return None,
    })
}

fn duration(name: &str) -> Option<Method> {
    fn nanos(value: &Value) -> i64 {
        int(std::slice::from_ref(value), 0)
    }
    /// Whole units and the rest apart, as Go computes it.
    fn float(value: &Value, unit: i64) -> Value {
        let nanos = nanos(value);
        #[expect(clippy::cast_precision_loss, reason = "as Go converts it")]
        Value::Float((nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64)
    }
    fn whole(value: &Value, unit: i64) -> Value {
        Value::Int(Int::Wide, nanos(value) / unit)
    }
    fn made(nanos: i64) -> Value {
        Value::Int(Int::Duration, nanos)
    }
    Some(match name {
        "Hours" => method(&[], |it, _| Ok(float(it, 3_600_000_000_000))),
        "Minutes" => method(&[], |it, _| Ok(float(it, 60_000_000_000))),
        "Seconds" => method(&[], |it, _| Ok(float(it, 1_000_000_000))),
        "Milliseconds" => method(&[], |it, _| Ok(whole(it, 1_000_000))),
        "Microseconds" => method(&[], |it, _| Ok(whole(it, 1_000))),
        "Nanoseconds" => method(&[], |it, _| Ok(whole(it, 1))),
        "Abs" => method(&[], |it, _| Ok(made(nanos(it).checked_abs().unwrap_or(i64::MAX)))),
        "Truncate" => method(&[DURATION], |it, args| match int(args, 0) {
            step if step <= 0 => Ok(made(nanos(it))),
            step => Ok(made(nanos(it) - nanos(it) % step)),
        }),
        "Round" => method(&[DURATION], |it, args| Ok(made(rounded(nanos(it), int(args, 0))))),
        "String" => PRINT,
        _ => return None,
    })
}

/// To the nearest multiple, halves away from zero.
fn rounded(nanos: i64, step: i64) -> i64 {
    if step <= 0 {
        return nanos;
    }
    let rest = i128::from(nanos % step);
    let (nanos, step) = (i128::from(nanos), i128::from(step));
    let down = nanos - rest;
    let away = 2 * rest.abs() >= step;
    saturated(if away { down + step * rest.signum() } else { down })
}

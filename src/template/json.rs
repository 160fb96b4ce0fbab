//! `toJson`: values as Go's `encoding/json` writes them.

use std::fmt::Write as _;

use crate::template::budget::Budget;
use crate::template::print::float;
use crate::template::time::{Time, format};
use crate::template::value::Value;

/// The JSON of a value.
pub(super) fn text(value: &Value, budget: &Budget) -> Result<String, String> {
    let mut out = String::new();
    write(value, &mut out, budget)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String, budget: &Budget) -> Result<(), String> {
    // A time, or a name and its text, take longer than most steps.
    budget.take_steps(2)?;
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Int(_, int) => {
            write!(out, "{int}").ok();
        }
        Value::Float(float) => out.push_str(&number(*float)),
        Value::Text(_, text) => string(text, out),
        Value::Pairs(pairs) => {
            let pairs = pairs.iter().map(|(name, value)| (name, Value::text(value)));
            object(pairs, out, budget)?;
        }
        Value::Dict(dict) => {
            object(dict.iter().map(|(name, value)| (&**name, value.clone())), out, budget)?;
        }
        Value::List(_, list) => {
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                write(item, out, budget)?;
            }
            out.push(']');
        }
        Value::Pair(name, value) => {
            let fields = [("Name", name), ("Value", value)];
            object(
                fields.map(|(key, text)| (key, Value::text(text.clone()))).into_iter(),
                out,
                budget,
            )?;
        }
        Value::Data(data) => {
            let names = [
                "receiver",
                "status",
                "alerts",
                "notification_reason",
                "groupLabels",
                "commonLabels",
                "commonAnnotations",
                "routeLabels",
                "externalURL",
            ];
            let fields = names.into_iter().zip(data.fields().into_iter().map(|(_, value)| value));
            object(fields, out, budget)?;
        }
        Value::Alert(alert) => {
            let names = [
                "status",
                "labels",
                "annotations",
                "startsAt",
                "endsAt",
                "generatorURL",
                "fingerprint",
            ];
            let fields = names.into_iter().zip(alert.fields().into_iter().map(|(_, value)| value));
            object(fields, out, budget)?;
        }
        Value::Time(time) => string(&rfc3339(time), out),
        Value::Zone(_) => out.push_str("{}"),
    }
    Ok(())
}

/// A time as Go's JSON has it.
fn rfc3339(time: &Time) -> String {
    format(time, "2006-01-02T15:04:05.999999999Z07:00")
}

fn object<'a>(
    fields: impl Iterator<Item = (&'a str, Value)>,
    out: &mut String,
    budget: &Budget,
) -> Result<(), String> {
    out.push('{');
    for (i, (name, value)) in fields.enumerate() {
        out.push_str(if i > 0 { "," } else { "" });
        string(name, out);
        out.push(':');
        write(&value, out, budget)?;
    }
    out.push('}');
    Ok(())
}

/// A string, with what HTML could take for its own escaped.
fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                write!(out, "\\u{:04x}", u32::from(c)).ok();
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        // `1e-09` is `1e-9`.
        let text = float::text(value, 'e', None, false);
        return text.replace("e-0", "e-");
    }
    float::text(value, 'f', None, false)
}

//! The values that templates compute with: typed, so that what Go refuses is refused.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::tz::TimeZone;

use crate::limits::TEMPLATE_NEST_MAX;
use crate::model::Labels;
use crate::template::budget::Budget;
use crate::template::data::{AlertData, Data};
use crate::template::time::Time;

/// A value of one of the types that templates meet.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Nothing: `nil`, or what a map of any values lacks.
    Nil,
    Bool(bool),
    Int(Int, i64),
    Float(f64),
    Text(Text, Rc<str>),
    Data(Rc<Data>),
    Alert(Rc<AlertData>),
    /// `template.KV`
    Pairs(Labels),
    /// `template.Pair`
    Pair(Rc<str>, Rc<str>),
    List(List, Rc<[Value]>),
    /// `map[string]interface {}`
    Dict(Rc<BTreeMap<Rc<str>, Value>>),
    Time(Time),
    /// `*time.Location`
    Zone(TimeZone),
}

/// The integer types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Int {
    Plain,
    /// 64 bits, whatever the machine.
    Wide,
    /// A byte of a text.
    Byte,
    Duration,
    Month,
    Weekday,
}

/// The text types. All but the first are trusted as they stand in their place in HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    Plain,
    Html,
    Url,
}

/// The list types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Alerts,
    /// `[]template.Alert`, which has no methods.
    AlertSlice,
    Pairs,
    /// `template.Strings`
    Names,
    /// `[]string`
    Texts,
    /// `[]interface {}`
    Any,
}

impl Value {
    pub(super) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(Text::Plain, text.into())
    }

    pub(super) fn int(int: usize) -> Self {
        Self::Int(Int::Plain, i64::try_from(int).unwrap_or(i64::MAX))
    }

    /// The type's name, as Go prints it.
    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(int, _) => int.name(),
            Self::Float(_) => "float64",
            Self::Text(Text::Plain, _) => "string",
            Self::Text(Text::Html, _) => "template.HTML",
            Self::Text(Text::Url, _) => "template.URL",
            Self::Data(_) => "template.Data",
            Self::Alert(_) => "template.Alert",
            Self::Pairs(_) => "template.KV",
            Self::Pair(..) => "template.Pair",
            Self::List(list, _) => list.name(),
            Self::Dict(_) => "map[string]interface {}",
            Self::Time(_) => "time.Time",
            Self::Zone(_) => "*time.Location",
        }
    }

    /// Whether `if` and its kin take it for true.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(truth) => *truth,
            Self::Int(_, int) => *int != 0,
            Self::Float(float) => *float != 0.0,
            Self::Text(_, text) => !text.is_empty(),
            Self::Pairs(pairs) => !pairs.is_empty(),
            Self::List(_, list) => !list.is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
            Self::Data(_) | Self::Alert(_) | Self::Pair(..) | Self::Time(_) | Self::Zone(_) => true,
        }
    }

    /// Refuses what holds too much in itself: whatever goes through a value may recurse.
    pub(super) fn check_nesting(&self, depth: usize, budget: &Budget) -> Result<(), String> {
        if depth > TEMPLATE_NEST_MAX {
            return Err(format!("lists nest deeper than {TEMPLATE_NEST_MAX}"));
        }
        let mut inside = |value: &Self| {
            budget.take_steps(1)?;
            value.check_nesting(depth + 1, budget)
        };
        match self {
            Self::List(List::Any, list) => list.iter().try_for_each(inside),
            Self::Dict(dict) => dict.values().try_for_each(&mut inside),
            _ => Ok(()),
        }
    }

    /// Bytes that it takes up beyond what it shares, for the budget of those that functions make.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Text(_, text) => text.len(),
            // Its items are shared with others.
            Self::List(_, list) => list.len() * size_of::<usize>(),
            Self::Dict(dict) => dict.len() * 2 * size_of::<Self>(),
            Self::Pairs(pairs) => pairs.len() * 2 * size_of::<Rc<str>>(),
            _ => 0,
        }
    }
}

impl Int {
    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "int",
            Self::Wide => "int64",
            Self::Byte => "uint8",
            Self::Duration => "time.Duration",
            Self::Month => "time.Month",
            Self::Weekday => "time.Weekday",
        }
    }
}

impl List {
    const fn name(self) -> &'static str {
        match self {
            Self::Alerts => "template.Alerts",
            Self::AlertSlice => "[]template.Alert",
            Self::Pairs => "template.Pairs",
            Self::Names => "template.Strings",
            Self::Texts => "[]string",
            Self::Any => "[]interface {}",
        }
    }
}

/// The types of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Any,
    Text,
    Int(Int),
    Texts,
    List,
    Time,
    Zone,
}

impl Type {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Text => "string",
            Self::Int(int) => int.name(),
            Self::Texts => "[]string",
            Self::List => "[]interface {}",
            Self::Time => "time.Time",
            Self::Zone => "*time.Location",
        }
    }

    /// The value of `nil`, where that is allowed.
    pub(super) fn nil(self) -> Option<Value> {
        match self {
            Self::Any | Self::Zone => Some(Value::Nil),
            Self::Texts => Some(Value::List(List::Texts, Rc::new([]))),
            Self::List => Some(Value::List(List::Any, Rc::new([]))),
            Self::Text | Self::Int(_) | Self::Time => None,
        }
    }

    /// The value, if it may be given where this is wanted.
    pub(super) fn accept(self, value: Value) -> Result<Value, String> {
        let fits = match (self, &value) {
            (_, Value::Nil) => {
                return self
                    .nil()
                    .ok_or_else(|| format!("invalid value; expected {}", self.name()));
            }
            (Self::Any, _)
            | (Self::Text, Value::Text(Text::Plain, _))
            | (Self::Texts, Value::List(List::Names | List::Texts, _))
            | (Self::List, Value::List(List::Any, _))
            | (Self::Time, Value::Time(_))
            | (Self::Zone, Value::Zone(_)) => true,
            (Self::Int(wanted), Value::Int(int, _)) => wanted == *int,
            _ => false,
        };
        if fits {
            return Ok(value);
        }
        let (wanted, got) = (self.name(), value.type_name());
        Err(format!("wrong type for value; expected {wanted}; got {got}"))
    }
}

/// `KV.SortedPairs`: by name, but `alertname` first.
pub(super) fn sorted(pairs: &Labels) -> impl Iterator<Item = (&str, &str)> {
    let first = pairs.get("alertname").map(|value| ("alertname", value));
    first.into_iter().chain(pairs.iter().filter(|(name, _)| *name != "alertname"))
}

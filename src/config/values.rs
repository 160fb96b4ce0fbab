//! The values that a config gives one integration, by the keys of its schema.
//!
//! The same type holds the values at each step: as configured; with the templates rendered; with the secrets read. A receiver
//! type builds its requests from the last, where every template and secret is a text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Secret;
use crate::config::schema::{Key, Takes};
use crate::model::duration::{parse_duration, parse_go_duration};

/// The values of some keys.
#[derive(Clone)]
pub struct Values {
    keys: &'static [Key],
    /// One a key, in the order of the keys.
    said: Vec<Option<Value>>,
    /// Whether each is set where it is, and neither a default nor `global`'s.
    own: Vec<bool>,
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// true or false
    Bool(bool),
    /// How long.
    Duration(Duration),
    /// A number with a fraction, in a tree.
    Float(f64),
    /// A list.
    List(Vec<Self>),
    /// A table with the user's own keys, in the order of the file.
    Map(Vec<(Arc<str>, Self)>),
    /// Nothing, in a tree.
    Null,
    /// A whole number.
    Number(i64),
    /// A text that is never printed.
    Secret(Secret),
    /// A table with the keys of a schema.
    Table(Values),
    /// A text that is rendered for each notification.
    Template(Template),
    /// A text that stands as it is.
    Text(Arc<str>),
}

/// A text that is rendered for each notification.
#[derive(Clone, Debug)]
pub struct Template {
    /// As it was written.
    pub source: Arc<str>,
    /// Whether data is escaped as HTML.
    pub html: bool,
    /// Whether what it renders to is a secret.
    pub secret: bool,
    /// Its line in the file; 0 for a default.
    pub line: usize,
    /// The keys that lead to it: `receivers[0].slack_configs[0].title`.
    pub path: Arc<str>,
}

impl Template {
    /// The template that a name in a tree is, if it is one.
    pub fn of_name(key: &Key, name: &str) -> Option<Self> {
        (matches!(key.takes, Takes::Tree) && name.contains("{{")).then(|| Self {
            source: name.into(),
            html: false,
            secret: false,
            line: 0,
            path: format!("a key of {}", key.name).into(),
        })
    }
}

/// The text that stands in the place of a template or secret.
type Replace<'a> = dyn FnMut(&'static Key, &Value) -> Value + 'a;
/// The other name of a user's own key, if it has one.
type Rename<'a> = dyn FnMut(&'static Key, &str) -> Option<Arc<str>> + 'a;

/// Where it stands makes no difference.
impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, self.html, self.secret) == (&other.source, other.html, other.secret)
    }
}

impl Values {
    /// The values of `keys`, as `value` has them.
    pub fn new(keys: &'static [Key], value: impl FnMut(&'static Key) -> Option<Value>) -> Self {
        Self { keys, said: keys.iter().map(value).collect(), own: vec![false; keys.len()] }
    }

    /// Notes that the value of a key is neither a default nor `global`'s.
    pub(super) fn set_own(&mut self, name: &str) {
        if let Some(own) = self.place(name).and_then(|at| self.own.get_mut(at)) {
            *own = true;
        }
    }

    /// Whether the value of a key is neither a default nor `global`'s.
    pub fn is_own(&self, name: &str) -> bool {
        self.place(name).and_then(|at| self.own.get(at)).is_some_and(|own| *own)
    }

    fn place(&self, name: &str) -> Option<usize> {
        let at = self.keys.iter().position(|key| key.name == name);
        debug_assert!(at.is_some(), "{name:?} is no key of the schema");
        at
    }

    /// Every key, and its value if it has one.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Key, Option<&Value>)> {
        self.keys.iter().zip(self.said.iter().map(Option::as_ref))
    }

    /// The value of a key of the schema.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.said.get(self.place(name)?)?.as_ref()
    }

    /// Whether the schema has this key.
    pub fn knows(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }

    /// Whether a key has a value that is not empty.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| match value {
            Value::List(items) => !items.is_empty(),
            Value::Map(entries) => !entries.is_empty(),
            Value::Text(text) => !text.is_empty(),
            Value::Template(template) => !template.source.is_empty(),
            _ => true,
        })
    }

    /// A text; empty if there is none. Templates and secrets are texts once they are rendered and read.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).map(Value::as_text).unwrap_or_default()
    }

    /// The source of a template or a text, before it is rendered.
    pub fn source(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Template(template) => Some(&template.source),
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The user's own keys of a table.
    pub fn names(&self, name: &str) -> impl Iterator<Item = &str> {
        let entries = match self.get(name) {
            Some(Value::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(key, _)| &**key)
    }

    /// true or false; false if it is not said.
    pub fn is(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Bool(true)))
    }

    /// A number; 0 if there is none.
    pub fn number(&self, name: &str) -> i64 {
        match self.get(name) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        }
    }

    /// A duration other than zero.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        match self.get(name) {
            Some(Value::Duration(duration)) if !duration.is_zero() => Some(*duration),
            _ => None,
        }
    }

    /// A table with the keys of a schema.
    pub fn table(&self, name: &str) -> Option<&Self> {
        match self.get(name) {
            Some(Value::Table(table)) => Some(table),
            _ => None,
        }
    }

    /// The tables of a list.
    pub fn tables(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.items(name).iter().filter_map(|item| match item {
            Value::Table(table) => Some(table),
            _ => None,
        })
    }

    /// The texts of a list.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.items(name).iter().map(Value::as_text)
    }

    /// A table of texts with the user's own keys, in the order of the file.
    pub fn map(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        let entries = match self.get(name) {
            Some(Value::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(key, value)| (&**key, value.as_text()))
    }

    /// Gives a key of the schema another value.
    pub fn set(&mut self, name: &str, value: Value) {
        if let Some(place) = self.place(name).and_then(|at| self.said.get_mut(at)) {
            *place = Some(value);
        }
    }

    /// Takes the value of a key of the schema away.
    pub fn clear(&mut self, name: &str) {
        if let Some(place) = self.place(name).and_then(|at| self.said.get_mut(at)) {
            *place = None;
        }
    }

    fn items(&self, name: &str) -> &[Value] {
        match self.get(name) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// The same with each template and secret replaced by what `replace` makes of it, which is given the outermost key.
    #[must_use]
    pub fn replaced(&self, replace: &mut dyn FnMut(&'static Key, &Value) -> Value) -> Self {
        self.renamed(replace, &mut |_, _| None)
    }

    /// The same, and with other names of the user's own keys where `rename` gives one.
    #[must_use]
    pub fn renamed(&self, replace: &mut Replace<'_>, rename: &mut Rename<'_>) -> Self {
        let replaced = |(key, value): (&'static Key, Option<&Value>)| {
            Some(value?.replaced(key, replace, rename))
        };
        Self { keys: self.keys, said: self.iter().map(replaced).collect(), own: self.own.clone() }
    }

    /// Every template and secret, in order, with the outermost key.
    pub fn leaves(&self, leaf: &mut dyn FnMut(&'static Key, &Value)) {
        for (key, value) in self.iter() {
            if let Some(value) = value {
                value.leaves(key, leaf);
            }
        }
    }
}

impl Value {
    fn as_text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    /// A text that stands as it is.
    pub fn from_text(text: &str) -> Self {
        Self::Text(text.into())
    }

    fn replaced(
        &self,
        key: &'static Key,
        replace: &mut Replace<'_>,
        rename: &mut Rename<'_>,
    ) -> Self {
        match self {
            Self::Template(_) | Self::Secret(_) => replace(key, self),
            Self::List(items) => {
                Self::List(items.iter().map(|item| item.replaced(key, replace, rename)).collect())
            }
            Self::Map(entries) => {
                let entry = |(name, it): &(Arc<str>, Self)| {
                    let name = rename(key, name).unwrap_or_else(|| Arc::clone(name));
                    (name, it.replaced(key, replace, rename))
                };
                Self::Map(entries.iter().map(entry).collect())
            }
            Self::Table(values) => Self::Table(Values {
                keys: values.keys,
                said: values
                    .said
                    .iter()
                    .map(|value| Some(value.as_ref()?.replaced(key, replace, rename)))
                    .collect(),
                own: values.own.clone(),
            }),
            other => other.clone(),
        }
    }

    fn leaves(&self, key: &'static Key, leaf: &mut dyn FnMut(&'static Key, &Self)) {
        match self {
            Self::Template(_) | Self::Secret(_) => leaf(key, self),
            Self::List(items) => items.iter().for_each(|item| item.leaves(key, leaf)),
            Self::Map(entries) => {
                for (name, value) in entries {
                    if let Some(template) = Template::of_name(key, name) {
                        leaf(key, &Self::Template(template));
                    }
                    value.leaves(key, leaf);
                }
            }
            Self::Table(values) => {
                values.said.iter().flatten().for_each(|value| value.leaves(key, leaf));
            }
            _ => {}
        }
    }
}

/// Where a value is from makes no difference.
impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        let name = |key: &Key| key.name;
        self.keys.iter().map(name).eq(other.keys.iter().map(name)) && self.said == other.said
    }
}

/// The values that are set.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.iter().filter_map(|(key, value)| Some((key.name, value?)));
        f.debug_map().entries(set).finish()
    }
}

/// The value of a key that is not set.
pub(super) fn default(key: &Key) -> Option<Value> {
    let text = Some(key.default).filter(|text| !text.is_empty());
    let template = |source: &str, html| {
        let path = format!("the default of {}", key.name).into();
        Value::Template(Template { source: source.into(), html, secret: false, line: 0, path })
    };
    Some(match key.takes {
        Takes::Bool => Value::Bool(text? == "true"),
        Takes::Duration => Value::Duration(parse_duration(text?).ok()?),
        Takes::GoDuration => Value::Duration(parse_go_duration(text?).ok()?),
        Takes::Html => template(text?, true),
        Takes::Template => template(text?, false),
        Takes::Number => Value::Number(text?.parse().ok()?),
        Takes::Address | Takes::Choice(_) | Takes::Text | Takes::Url => Value::from_text(text?),
        Takes::Secret(_)
        | Takes::SecretTemplate(_)
        | Takes::SecretUrl(_)
        | Takes::UrlTemplate(_) => Value::Secret(Secret::Inline(text?.into())),
        Takes::Short(keys) | Takes::Table(keys) => Value::Table(Values::new(keys, default)),
        Takes::Map => {
            let entries = text?.lines().filter_map(|line| line.split_once('='));
            let entry = |(name, source): (&str, &str)| (name.into(), template(source, false));
            Value::Map(entries.map(entry).collect())
        }
        Takes::File | Takes::Tables(_) | Takes::Templates | Takes::Texts | Takes::Tree => {
            return None;
        }
    })
}

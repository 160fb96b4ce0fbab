//! Values by the keys of a schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::read::Cx;
use crate::config::read::secret;
use crate::config::schema::{Key, Takes};
use crate::config::table::{Item, Table};
use crate::config::tree;
use crate::config::values::{Template, Value, Values, default};
use crate::config::{Http, Secret};
use crate::model::Url;
use crate::model::duration::parse_go_duration;

/// The defaults of receivers that do not set a value themselves.
pub(super) struct Globals {
    /// Their `http_config`.
    pub(super) http: Arc<Http>,
    pub(super) values: BTreeMap<&'static str, Value>,
}

impl Globals {
    /// The value of a key, set or the default.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }
}

/// The values of `keys`: as the table has them, else `global`'s, else their defaults.
pub(super) fn read(
    table: &Table<'_>,
    keys: &'static [Key],
    globals: Option<&Globals>,
    cx: &Cx<'_>,
) -> Values {
    let mut set = Vec::new();
    let mut values = Values::new(keys, |key| {
        let own = own(table, key, cx);
        let own = own.map(|own| with_defaults(own, key));
        if own.is_some() {
            set.push(key);
        }
        let value = own.or_else(|| globals?.get(key.global).cloned()).or_else(|| default(key));
        if key.required
            && value.is_none()
            && !table.says(&[key.name, key.file().unwrap_or(key.name)])
        {
            table.item.error(missing(key));
        }
        value
    });
    exclude(table, &set);
    for key in set {
        values.set_own(key.name);
    }
    values
}

/// Notes which of the keys that are set exclude each other.
pub(super) fn exclude(table: &Table<'_>, set: &[&Key]) {
    for key in set.iter().filter(|key| set.iter().any(|other| other.name == key.not_with)) {
        let Key { name, not_with, .. } = key;
        table.item.error(format_args!("at most one of {not_with} and {name} can be set"));
    }
}

/// A map keeps the entries of its default that it does not set itself.
fn with_defaults(own: Value, key: &Key) -> Value {
    match (own, default(key)) {
        (Value::Map(mut entries), Some(Value::Map(defaults))) => {
            let is_set = |name: &str| entries.iter().any(|(other, _)| **other == *name);
            let more: Vec<_> = defaults.into_iter().filter(|(name, _)| !is_set(name)).collect();
            entries.extend(more);
            Value::Map(entries)
        }
        (own, _) => own,
    }
}

/// The values to be set.
fn missing(key: &Key) -> String {
    let names = match key.file() {
        Some(file) => format!("one of {} and {file} must be set", key.name),
        None => format!("missing {}", key.name),
    };
    match key.global {
        "" => names,
        global => format!("{names}, here or as {global} in global"),
    }
}

/// The value that the table has for a key; none if there is none, or an error has been noted.
pub(super) fn own(table: &Table<'_>, key: &'static Key, cx: &Cx<'_>) -> Option<Value> {
    let Some(file) = key.file() else {
        let item = table.get(key.name)?;
        let item = if key.takes.may_be_secret() { item.hide() } else { item };
        return value(&item, key.takes, cx);
    };
    let (name, item) = table.one_of(&[key.name, file])?;
    let item = item.hide();
    if name == key.name {
        let value = value(&item, key.takes, cx);
        if let (true, Some(Value::Secret(secret))) = (key.in_header, &value) {
            secret::check_header_value(&item, secret);
        }
        return value;
    }
    let path = item.text()?;
    if path.is_empty() {
        item.error("expected a path, found \"\"");
    }
    Some(Value::Secret(Secret::File(cx.path(path))))
}

fn value(item: &Item<'_>, takes: Takes, cx: &Cx<'_>) -> Option<Value> {
    let text = || item.text().filter(|text| !text.is_empty());
    Some(match takes {
        Takes::Address => {
            let text = text()?;
            if !text.contains(':') {
                item.error(format_args!("{text:?} has no port: write host:port"));
            }
            Value::from_text(text)
        }
        Takes::Bool => Value::Bool(item.boolean()?),
        Takes::Choice(words) => {
            let text = item.text()?;
            if !words.contains(&text) {
                item.error(format_args!("expected one of {}, found {text:?}", words.join(", ")));
            }
            Value::from_text(text)
        }
        Takes::Duration => Value::Duration(item.duration()?),
        Takes::File => Value::Secret(Secret::File(cx.path(text()?))),
        Takes::GoDuration => match item.node.value {
            tree::Value::Int(0) => Value::Duration(std::time::Duration::ZERO),
            _ => Value::Duration(item.check(parse_go_duration(item.text()?))?),
        },
        Takes::Html => Value::Template(template(item, item.text()?, true)),
        Takes::Map => Value::Map(map(item)?),
        Takes::Number => {
            let number = item.number()?;
            Value::Number(i64::try_from(number).unwrap_or(i64::MAX))
        }
        Takes::Secret(_) => Value::Secret(Secret::Inline(item.text()?.into())),
        Takes::SecretTemplate(_) | Takes::SecretUrl(_) | Takes::UrlTemplate(_) => {
            secret(item, takes)?
        }
        Takes::Short(keys) if !matches!(item.node.value, tree::Value::Table(_)) => {
            let mut values = Values::new(keys, default);
            if let Some(first) = keys.first() {
                values.set(first.name, value(item, first.takes, cx)?);
            }
            Value::Table(values)
        }
        Takes::Short(keys) | Takes::Table(keys) => Value::Table(section(item, keys, cx)?),
        Takes::Tables(keys) => {
            let tables = item.list();
            let tables = tables.iter().filter_map(|item| section(item, keys, cx));
            Value::List(tables.map(Value::Table).collect())
        }
        Takes::Template => Value::Template(template(item, &item.word()?, false)),
        Takes::Templates => {
            let texts = item.texts().into_iter();
            let template = |(item, text): (Item<'_>, &str)| template(&item, text, false);
            Value::List(texts.map(|text| Value::Template(template(text))).collect())
        }
        Takes::Text => Value::from_text(&item.word()?),
        Takes::Texts => {
            Value::List(item.texts().iter().map(|(_, text)| Value::from_text(text)).collect())
        }
        Takes::Tree => tree(item),
        Takes::Url => {
            let url = text()?;
            item.check(Url::parse(url))?;
            Value::from_text(url)
        }
    })
}

/// A secret that is a template, a URL or both.
fn secret(item: &Item<'_>, takes: Takes) -> Option<Value> {
    let text = item.text().filter(|text| !text.is_empty())?;
    let templated = || Value::Template(Template { secret: true, ..template(item, text, false) });
    Some(match takes {
        Takes::SecretTemplate(_) if text.contains("{{") => templated(),
        Takes::UrlTemplate(_) => {
            if !text.contains("{{") {
                secret::url(item, text)?;
            }
            templated()
        }
        Takes::SecretUrl(_) => {
            item.check(Url::parse(text))?;
            Value::Secret(Secret::Inline(text.into()))
        }
        _ => Value::Secret(Secret::Inline(text.into())),
    })
}

/// A table with these keys.
fn section(item: &Item<'_>, keys: &'static [Key], cx: &Cx<'_>) -> Option<Values> {
    let table = item.table()?;
    let values = read(&table, keys, None, cx);
    table.finish();
    Some(values)
}

fn map(item: &Item<'_>) -> Option<Vec<(Arc<str>, Value)>> {
    let table = item.table()?;
    let entries = table.entries().filter_map(|(name, item)| {
        Some((Arc::from(name), Value::Template(template(&item, &item.word()?, false))))
    });
    Some(entries.collect())
}

fn tree(item: &Item<'_>) -> Value {
    if !matches!(item.node.value, tree::Value::Text(_)) {
        item.note_type();
    }
    match &item.node.value {
        tree::Value::Null => Value::Null,
        tree::Value::Bool(is) => Value::Bool(*is),
        tree::Value::Int(number) => Value::Number(*number),
        tree::Value::Float(text) => text.parse().map_or(Value::Null, Value::Float),
        tree::Value::Text(text) => Value::Template(template(item, text, false)),
        tree::Value::List(_) => Value::List(item.list().iter().map(tree).collect()),
        tree::Value::Table(_) => {
            let table = item.table();
            let entries = table.iter().flat_map(Table::entries);
            Value::Map(entries.map(|(name, item)| (name.into(), tree(&item))).collect())
        }
    }
}

fn template(item: &Item<'_>, source: &str, html: bool) -> Template {
    Template {
        source: source.into(),
        html,
        secret: false,
        line: item.node.line,
        path: item.path().into(),
    }
}

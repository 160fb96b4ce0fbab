//! JSON bodies from the values of a config.

use serde_json::Value as Json;

use std::sync::Arc;

use crate::config::{Value, Values};
use crate::notify::{HttpRequest, Message, Outgoing, SecretText};

/// A value as JSON; its texts stand as they are.
pub(super) fn tree(value: &Value) -> Json {
    match value {
        Value::Bool(is) => Json::from(*is),
        Value::Float(number) => Json::from(*number),
        Value::List(items) => Json::Array(items.iter().map(tree).collect()),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(key, it)| (key.to_string(), tree(it))).collect())
        }
        Value::Number(number) => Json::from(*number),
        Value::Text(text) => Json::from(&**text),
        Value::Duration(_)
        | Value::Null
        | Value::Secret(_)
        | Value::Table(_)
        | Value::Template(_) => Json::Null,
    }
}

/// A rendered text of a tree. One that is JSON is what it says, as in Alertmanager, so that `{{ .Alerts | toJson }}` is a
/// list and `{{ len .Alerts }}` a number. Alertmanager takes YAML, too: there an alert's text `Door: open` is an object.
pub(super) fn of_text(text: Value) -> Value {
    let Value::Text(source) = &text else { return text };
    let found = serde_json::from_str(source).ok().filter(|json| !matches!(json, Json::String(_)));
    found.and_then(value).unwrap_or(text)
}

/// None for a number that would be another one.
fn value(json: Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(is) => Value::Bool(is),
        Json::Number(number) if number.is_f64() => Value::Float(number.as_f64()?),
        Json::Number(number) => Value::Number(number.as_i64()?),
        Json::String(text) => Value::from_text(&text),
        Json::Array(items) => Value::List(items.into_iter().map(value).collect::<Option<_>>()?),
        Json::Object(entries) => {
            let entry = |(key, it): (String, Json)| Some((key.into(), value(it)?));
            Value::Map(entries.into_iter().map(entry).collect::<Option<_>>()?)
        }
    })
}

/// An object of these entries, but for those that are empty.
pub(super) fn object<'a>(entries: impl IntoIterator<Item = (&'a str, Json)>) -> Json {
    let is_empty = |value: &Json| match value {
        Json::Null => true,
        Json::Bool(is) => !is,
        Json::Number(number) => number.as_i64() == Some(0),
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
    };
    let entries = entries.into_iter().filter(|(_, value)| !is_empty(value));
    Json::Object(entries.map(|(key, value)| (key.to_owned(), value)).collect())
}

/// `POST` of JSON to a URL that may be secret.
pub(super) fn post(message: &Message<'_>, url: &str, body: &Json) -> Result<Outgoing, String> {
    post_with(message, url, [], body)
}

/// The same with headers that authenticate us.
pub(super) fn post_with<const N: usize>(
    message: &Message<'_>,
    url: &str,
    credentials: [(&str, SecretText); N],
    body: &Json,
) -> Result<Outgoing, String> {
    let kind = ("Content-Type", SecretText::from("application/json"));
    let headers = [kind].into_iter().chain(credentials);
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).collect();
    send(message, "POST", url, headers, SecretText::from(body.to_string()))
}

/// The header with a token.
pub(super) fn bearer(token: &str) -> (&'static str, SecretText) {
    ("Authorization", SecretText::secret(&format!("Bearer {token}")))
}

/// Whether a field of an attachment is short: it says so, or else `short_fields` does.
pub(super) fn is_short(values: &Values, field: &Values) -> bool {
    match field.get("short") {
        Some(_) => field.is("short"),
        None => values.is("short_fields"),
    }
}

/// A request to a URL that may be secret.
pub(super) fn send(
    message: &Message<'_>,
    method: &'static str,
    url: &str,
    headers: Vec<(String, SecretText)>,
    body: SecretText,
) -> Result<Outgoing, String> {
    if url.is_empty() {
        return Err("the URL is empty".to_owned());
    }
    let (url, http) = (SecretText::secret(url), Arc::clone(message.http));
    Ok(Outgoing::Http(HttpRequest { method, url, headers, body, http }))
}

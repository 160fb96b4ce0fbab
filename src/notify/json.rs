//! JSON bodies from the values of a config.

use serde_json::Value as Json;

use crate::config::Value;

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

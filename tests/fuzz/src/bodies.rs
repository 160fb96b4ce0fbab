//! The bodies of posts, beside a second reading by `serde_json`.

use bellwether::wire::json::body::{self, PostSchema};
use serde_json::Value;

pub fn run(bytes: &[u8]) {
    let text = &body::text(bytes);
    // As in Go, what follows the first value is not looked at.
    let first = serde_json::Deserializer::from_str(text).into_iter::<Value>().next();
    let second = match first {
        Some(second) if !text.trim_ascii_start().starts_with("null") => second,
        _ => Ok(Value::Null),
    };
    for schema in [PostSchema::V1, PostSchema::V2] {
        let Ok(reports) = body::alerts(text, schema) else { continue };
        let second =
            second.as_ref().unwrap_or_else(|error| panic!("taken, but it is no JSON: {error}"));
        let posted = second.as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(reports.len(), posted.len());
        for (report, posted) in reports.iter().zip(posted) {
            assert!(report.labels.is_sorted_by(|a, b| a.0 < b.0));
            assert!(report.annotations.is_sorted_by(|a, b| a.0 < b.0));
            assert!(report.labels.iter().all(|(_, value)| !value.is_empty()));
            let Some(labels) = only(posted, "labels").and_then(Value::as_object) else { continue };
            for (name, value) in &report.labels {
                assert_eq!(labels.get(&**name).and_then(Value::as_str), Some(&**value), "{name}");
            }
        }
    }
    if let Ok(silence) = body::silence(text) {
        let second =
            second.as_ref().unwrap_or_else(|error| panic!("taken, but it is no JSON: {error}"));
        assert!(!silence.matchers.is_empty());
        if let Some(comment) = only(second, "comment").and_then(Value::as_str) {
            assert_eq!(silence.comment, comment);
        }
    }
}

/// The member of this name, if no other has it in another case.
fn only<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let object = object.as_object()?;
    let alike =
        object.keys().filter(|key| key.to_lowercase() == name.to_lowercase() || !key.is_ascii());
    if alike.count() == 1 { object.get(name) } else { None }
}

//! Heartbeats: `[[heartbeat]]`, not a type of receivers. Tells healthchecks.io, or what understands the same URLs, that the
//! flock lives: `start` when it begins, then again and again, and `fail` while something is wrong with the agent itself.

use std::fmt::Write as _;

use crate::config::schema::HEARTBEAT_SCHEMA;
use crate::notify::json::send;
use crate::notify::{Message, Outgoing, SecretText, Type, Verdict};

pub(super) static TYPE: Type = Type {
    schema: HEARTBEAT_SCHEMA,
    request,
    each: None,
    judge: |_, reply| Verdict::of(reply, &[429]),
};

/// The reason of the notification is the word that is told, its alerts are what is wrong.
fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let (url, word) = (values.text("url"), message.notification.reason);
    let url = match word {
        "start" | "fail" => with_path(url, values.text(word)),
        _ => url.to_owned(),
    };
    let mut body = String::new();
    for it in &*message.notification.alerts {
        // Writing to a String cannot fail.
        writeln!(body, "{}", it.alert.annotations.get("summary").unwrap_or_default()).ok();
    }
    let headers = vec![("Content-Type".to_owned(), SecretText::from("text/plain; charset=utf-8"))];
    send(message, "POST", &url, headers, SecretText::from(body))
}

/// A URL with more at the end of its path; what begins with `?` takes the place of its query.
fn with_path(url: &str, more: &str) -> String {
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    if more.starts_with('?') {
        return format!("{path}{more}");
    }
    format!("{}{more}{query}", path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_at_the_end_of_the_path_or_in_the_query() {
        for (url, more, whole) in [
            ("https://hc-ping.com/uuid", "/fail", "https://hc-ping.com/uuid/fail"),
            ("https://hc-ping.com/uuid/", "/start", "https://hc-ping.com/uuid/start"),
            ("http://k/api/push/x?status=up", "?status=down", "http://k/api/push/x?status=down"),
            ("http://k/x?a=b", "/fail", "http://k/x/fail?a=b"),
        ] {
            assert_eq!(with_path(url, more), whole);
        }
    }
}

//! Texts as the services take them: cut to a length, hashed, put into URLs.

use std::fmt::Write as _;

use ring::digest;

use crate::model::brief;
use crate::model::url::escape_component;
use crate::notify::Notification;

/// At most so many characters, the last of them an ellipsis if some are missing.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// At most so many bytes of whole characters, the last of them an ellipsis if some are missing.
pub(super) fn cut_bytes(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    format!("{}…", brief::cut(text, bytes_max.saturating_sub('…'.len_utf8())))
}

/// SHA-256 of the group key in hex: by this name services know the group again.
pub(super) fn group_hash(notification: &Notification) -> String {
    hex(digest::digest(&digest::SHA256, notification.group_key.as_str().as_bytes()).as_ref())
}

/// The whole number that a template rendered to, such as a priority; `or` if it is none.
pub(super) fn number(text: &str, or: u8) -> u8 {
    text.trim().parse().unwrap_or(or)
}

/// Lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// `base` with `path` behind its own path, with one slash between; its query stays at the end.
pub(super) fn at(base: &str, path: &str) -> String {
    let (base, query) = base.split_once('?').map_or((base, ""), |(base, query)| (base, query));
    let url = format!("{}/{path}", base.trim_end_matches('/'));
    match (query, url.contains('?')) {
        ("", _) => url,
        (query, true) => format!("{url}&{query}"),
        (query, false) => format!("{url}?{query}"),
    }
}

/// `key=value` pairs with `&` between, each escaped, for a query or a form.
pub(super) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (key, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(&escape_component(key));
        text.push('=');
        text.push_str(&escape_component(value));
    }
    text
}

/// The parts of a list with commas between, without those that are empty.
pub(super) fn list(text: &str) -> Vec<&str> {
    text.trim().split(',').filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_in_whole_characters() {
        assert_eq!(cut("äöüß", 4), "äöüß");
        assert_eq!(cut("äöüßx", 4), "äöü…");
        assert_eq!(cut_bytes("äöü", 6), "äöü");
        assert_eq!(cut_bytes("äöüx", 6), "ä…");
        assert_eq!(cut_bytes("abcdefg", 6), "abc…");
    }

    #[test]
    fn paths_come_behind_the_own_path_and_before_the_query() {
        assert_eq!(at("http://x", "a/b"), "http://x/a/b");
        assert_eq!(at("http://x/y/", "a"), "http://x/y/a");
        assert_eq!(at("http://x/y?k=v", "a"), "http://x/y/a?k=v");
        assert_eq!(at("http://x?k=v", "a?b=c"), "http://x/a?b=c&k=v");
    }

    #[test]
    fn pairs_are_escaped() {
        assert_eq!(pairs([("a b", "c&d=ä"), ("e", "")]), "a%20b=c%26d%3D%C3%A4&e=");
    }
}

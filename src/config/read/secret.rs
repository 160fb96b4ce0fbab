//! Secrets, headers and URLs, wherever a section has them.

use crate::config::Secret;
use crate::config::read::Cx;
use crate::config::table::Item;
use crate::model::Url;

/// Headers that are ours to set.
const RESERVED: [&str; 20] = [
    // Nobody here unpacks an answer.
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "www-authenticate",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
];

/// A URL that a receiver can be sent to.
pub(super) fn url(item: &Item<'_>, text: &str) -> Option<Url> {
    item.check(Url::parse(text))
}

/// Notes an error if a secret that stands in the config itself cannot be the value of a header. Files are read without the
/// break at their end.
pub(super) fn check_header_value(item: &Item<'_>, secret: &Secret) {
    if secret.inline().is_some_and(|text| text.contains(char::is_control)) {
        item.error("has control characters, which no header can carry");
    }
}

pub(super) fn secret_at(item: &Item<'_>, is_file: bool, cx: &Cx<'_>) -> Option<Secret> {
    let text = item.text()?;
    if !is_file {
        return Some(Secret::Inline(text.into()));
    }
    if text.is_empty() {
        item.error("expected a path, found \"\"");
    }
    Some(Secret::File(cx.path(text)))
}

/// Notes an error if nobody may set a header of this name.
pub(super) fn check_header_name(item: &Item<'_>, name: &str) {
    let lower = name.to_ascii_lowercase();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        item.error("a name that no header can have: letters, digits and - alone");
    } else if RESERVED.contains(&lower.as_str()) {
        item.error(format_args!("the header {name} is set by the agent itself: remove it"));
    }
}

//! A URI in the sense of go-openapi: a text that Go's `url.ParseRequestURI` accepts.

use crate::wire::json::plain::plain_length;

/// Whether `text` is an absolute URI or an absolute path.
pub fn is_request_uri(text: &str) -> bool {
    if text.is_empty() || plain_length(text.as_bytes(), [0x7F]) < text.len() {
        return false;
    }
    if text == "*" {
        return true;
    }
    let Some((scheme, rest)) = split_scheme(text) else { return false };
    let rest = rest.split_once('?').map_or(rest, |(path, _)| path);
    if !rest.starts_with('/') {
        return !scheme.is_empty();
    }
    match rest.strip_prefix("//") {
        Some(rest) if !scheme.is_empty() => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            is_authority(authority) && is_escaped(path)
        }
        _ => is_escaped(rest),
    }
}

/// The scheme, empty if there is none, and what follows its colon.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    match text.split_once(':') {
        Some(("", _)) => None,
        Some((scheme, rest))
            if scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(in_scheme) =>
        {
            Some((scheme, rest))
        }
        _ => Some(("", text)),
    }
}

fn is_authority(text: &str) -> bool {
    let (user, host) = text.rsplit_once('@').unwrap_or(("", text));
    let in_user = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
    user.bytes().all(in_user) && is_escaped(user) && is_host(host)
}

fn is_host(host: &str) -> bool {
    let port = match host.strip_prefix('[') {
        Some(literal) => match literal.split_once(']') {
            Some((_, port)) => port,
            None => return false,
        },
        None => host.rfind(':').map_or("", |colon| host.get(colon..).unwrap_or_default()),
    };
    let port_is_good = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    let in_host = |byte: u8| {
        !byte.is_ascii()
            || byte.is_ascii_alphanumeric()
            || b".-_~!$&'()*+,;=:[]<>\"".contains(&byte)
    };
    port_is_good && host.bytes().all(in_host)
}

/// Whether two hexadecimal digits follow each `%`.
fn is_escaped(text: &str) -> bool {
    let mut bytes = text.bytes();
    while bytes.any(|byte| byte == b'%') {
        let mut digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        if !(digit() && digit()) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_go_takes_are_taken() {
        for text in [
            "http://x",
            "x:y",
            "//h/p",
            "/foo",
            "mailto:a",
            "http://é/",
            "http://h/a b",
            "*",
            "http://[::1]:9090/g?a=%zz",
            "http://u:p@h:1/",
            "http://h:/",
        ] {
            assert!(is_request_uri(text), "{text}");
        }
    }

    #[test]
    fn addresses_that_go_refuses_are_refused() {
        for text in [
            "",
            "foo",
            "a/b",
            "#f",
            "?q",
            "http://x y",
            "http://[::1",
            "http://h/%zz",
            ":x",
            "http://h:port/",
            "http://u\n/",
            "http://a%41/",
            "http://u ser@h/",
            "not a url",
        ] {
            assert!(!is_request_uri(text), "{text}");
        }
    }
}

//! `http_config` and URLs: how a receiver is reached.

use std::fmt;
use std::rc::Rc;

use crate::config::read::Cx;
use crate::config::render::{self, Yaml};
use crate::config::table::{Item, Table};
use crate::config::{Authorization, Secret};

/// Whether receivers can be reached by https.
const HAS_TLS: bool = false;

/// Headers that are ours to set.
const RESERVED: [&str; 14] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// A checked `http_config`.
#[derive(Clone)]
pub(super) struct Http {
    pub(super) authorization: Authorization,
    pub(super) headers: Vec<(String, Secret)>,
    pub(super) follow_redirects: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self { authorization: Authorization::None, headers: Vec::new(), follow_redirects: true }
    }
}

impl Http {
    pub(super) fn shown(&self) -> Yaml {
        render::http(&self.authorization, &self.headers, self.follow_redirects)
    }
}

pub(super) fn read(item: &Item<'_>, cx: &Cx<'_>) -> Http {
    let Some(table) = item.table() else { return Http::default() };
    for key in [
        "oauth2",
        "tls_config",
        "proxy_url",
        "no_proxy",
        "proxy_from_environment",
        "proxy_connect_header",
    ] {
        if let Some(item) = table.get(key).filter(|item| !item.is_empty()) {
            item.error(format_args!("{key} is not available in this version: remove it"));
        }
    }
    // There is nothing but HTTP/1.1 here, which every server speaks.
    table.boolean("enable_http2");
    let http = Http {
        authorization: authorization(&table, cx),
        headers: headers(&table, cx),
        follow_redirects: table.boolean("follow_redirects").unwrap_or(true),
    };
    table.finish();
    http
}

fn authorization(table: &Table<'_>, cx: &Cx<'_>) -> Authorization {
    let ways = ["basic_auth", "authorization", "bearer_token", "bearer_token_file"];
    let Some((way, item)) = table.one_of(&ways) else { return Authorization::None };
    match way {
        "basic_auth" => basic(&item, cx),
        "authorization" => scheme(&item, cx),
        way => {
            item.warn(format_args!("{way} is deprecated: use authorization with credentials"));
            match secret_at(&item, way == "bearer_token_file", cx) {
                Some(token) => Authorization::Scheme("Bearer".to_owned(), token),
                None => Authorization::None,
            }
        }
    }
}

fn basic(item: &Item<'_>, cx: &Cx<'_>) -> Authorization {
    let Some(table) = item.table() else { return Authorization::None };
    let none = || Secret::Inline(Rc::from(""));
    let authorization = Authorization::Basic {
        username: secret(&table, "username", "username_file", cx).unwrap_or_else(none),
        password: secret(&table, "password", "password_file", cx).unwrap_or_else(none),
    };
    table.finish();
    authorization
}

fn scheme(item: &Item<'_>, cx: &Cx<'_>) -> Authorization {
    let Some(table) = item.table() else { return Authorization::None };
    let scheme = match table.text("type").map(str::trim) {
        None | Some("") => "Bearer",
        Some(scheme) => scheme,
    };
    if scheme.eq_ignore_ascii_case("basic") {
        item.error("the type cannot be \"basic\": use basic_auth instead");
    } else if !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        item.error(format_args!("the type {scheme:?} is no word"));
    }
    let credentials = secret(&table, "credentials", "credentials_file", cx);
    table.finish();
    match credentials {
        Some(credentials) => Authorization::Scheme(scheme.to_owned(), credentials),
        None => Authorization::None,
    }
}

/// A text that stands here or in a file.
pub(super) fn secret(
    table: &Table<'_>,
    inline: &'static str,
    file: &'static str,
    cx: &Cx<'_>,
) -> Option<Secret> {
    let (key, item) = table.one_of(&[inline, file])?;
    secret_at(&item, key == file, cx)
}

fn secret_at(item: &Item<'_>, is_file: bool, cx: &Cx<'_>) -> Option<Secret> {
    let text = item.text()?;
    if !is_file {
        if text.contains(|c: char| c.is_control()) {
            item.error("has control characters, which no header can carry");
        }
        return Some(Secret::Inline(text.into()));
    }
    if text.is_empty() {
        item.error("expected a path, found \"\"");
    }
    Some(Secret::File(cx.path(text)))
}

fn headers(table: &Table<'_>, cx: &Cx<'_>) -> Vec<(String, Secret)> {
    let Some(section) = table.get("http_headers").and_then(|item| item.table()) else {
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (name, item) in section.entries() {
        let lower = name.to_ascii_lowercase();
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            item.error(format_args!("{name:?} is no name of a header"));
        } else if RESERVED.contains(&lower.as_str()) {
            item.error(format_args!("the header {name} is set by the agent itself: remove it"));
        }
        let Some(values) = item.table() else { continue };
        for (item, text) in values.texts("values").into_iter().chain(values.texts("secrets")) {
            if text.contains(|c: char| c.is_control()) {
                item.error("has control characters, which no header can carry");
            }
            headers.push((name.to_owned(), Secret::Inline(text.into())));
        }
        for (_, file) in values.texts("files") {
            headers.push((name.to_owned(), Secret::File(cx.path(file))));
        }
        values.finish();
    }
    headers
}

/// An `http` or `https` URL, as far as this room needs to know it.
pub(super) struct Url<'u> {
    is_https: bool,
    /// What stands before `@`.
    user: Option<&'u str>,
    /// From the host on.
    rest: &'u str,
}

/// Why a text is no URL to send to. Never has the text itself, which may be a secret.
pub(super) enum UrlError {
    Scheme,
    Host,
    Character,
    Template,
    Tls,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "unsupported scheme: a URL starts with http:// or https://",
            Self::Host => "missing host for URL, or a port that is no number",
            Self::Character => "white space or a control character in a URL",
            Self::Template => "this version has no templates in URLs: write the URL out",
            Self::Tls => {
                "this version has no TLS: use an http URL, for instance of a proxy on this machine"
            }
        })
    }
}

impl<'u> Url<'u> {
    pub(super) fn parse(text: &'u str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(UrlError::Scheme),
        };
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(UrlError::Character);
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let after_host = match host.strip_prefix('[') {
            Some(v6) => v6.split_once(']').ok_or(UrlError::Host)?.1,
            None => host.find(':').map_or("", |at| host.get(at..).unwrap_or_default()),
        };
        let port_is_fine = match after_host.strip_prefix(':') {
            Some(port) => port.parse::<u16>().is_ok(),
            None => after_host.is_empty(),
        };
        if host.is_empty() || host.starts_with(':') || !port_is_fine {
            return Err(UrlError::Host);
        }
        let rest = user.map_or(rest, |user| rest.get(user.len() + 1..).unwrap_or_default());
        Ok(Self { is_https, user, rest })
    }

    /// The same as what a receiver can be sent to: without a user, who is told by a header instead.
    pub(super) fn of_receiver(text: &'u str) -> Result<(String, Authorization), UrlError> {
        if text.contains("{{") {
            return Err(UrlError::Template);
        }
        let url = Self::parse(text)?;
        if url.is_https && !HAS_TLS {
            return Err(UrlError::Tls);
        }
        let authorization = url.user.map_or(Authorization::None, |user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let secret = |text| Secret::Inline(unescape(text).into());
            Authorization::Basic { username: secret(name), password: secret(password) }
        });
        let scheme = if url.is_https { "https" } else { "http" };
        Ok((format!("{scheme}://{}", url.rest), authorization))
    }
}

/// Resolves `%41`; what is no escape stays.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let value = hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(value.unwrap_or(*first));
        rest = if value.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_from_other_texts() {
        for text in ["http://x", "http://x:1/y?z#a", "HTTPS://[::1]:80/", "http://u:p@x/@"] {
            assert!(Url::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "x",
            "ftp://x",
            "http://",
            "http://:80/",
            "http://x:y/",
            "http://a b",
            "http://[::1",
            "http://[::1]x",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_user_of_a_url_becomes_an_authorization() {
        let Ok((url, authorization)) = Url::of_receiver("http://us%40er:p%3a@x:1/a@b") else {
            panic!()
        };
        assert_eq!(url, "http://x:1/a@b");
        let expected = Authorization::Basic {
            username: Secret::Inline("us@er".into()),
            password: Secret::Inline("p:".into()),
        };
        assert_eq!(authorization, expected);
    }
}

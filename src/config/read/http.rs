//! `http_config`: how a receiver is reached.

use std::rc::Rc;

use crate::config::read::Cx;
use crate::config::table::{Item, Table};
use crate::config::{Authorization, Http, Secret};
use crate::model::Url;
use crate::model::url::Scheme;

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
    let enable_http2 = table.boolean("enable_http2").unwrap_or(true);
    let http = Http {
        authorization: authorization(&table, cx),
        headers: headers(&table, cx),
        follow_redirects: table.boolean("follow_redirects").unwrap_or(true),
        enable_http2,
        ..Http::default()
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

/// A URL that a receiver can be sent to.
pub(super) fn url(item: &Item<'_>, text: &str) -> Option<Url> {
    let url = item.check(Url::parse(text))?;
    if url.scheme() == Scheme::Https {
        item.error(
            "this version has no TLS: use an http URL, for instance of a proxy on this machine",
        );
    }
    Some(url)
}

/// A secret that stands in the config itself.
pub(super) fn inline(item: &Item<'_>, text: &str) -> Secret {
    if text.contains(|c: char| c.is_control()) {
        item.error("has control characters, which no header can carry");
    }
    Secret::Inline(text.into())
}

fn secret_at(item: &Item<'_>, is_file: bool, cx: &Cx<'_>) -> Option<Secret> {
    let text = item.text()?;
    if !is_file {
        return Some(inline(item, text));
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

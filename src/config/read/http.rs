//! `http_config`: how a receiver is reached.

use std::sync::Arc;

use crate::config::read::secret::{check_header_name, check_header_value, secret_at};
use crate::config::read::{Cx, proxy, tls};
use crate::config::table::{Item, Table};
use crate::config::{Authorization, Http, OAuth2, Secret};
use crate::model::Url;

pub(super) fn read(item: &Item<'_>, cx: &Cx<'_>) -> Http {
    let item = item.clone().hide();
    let Some(table) = item.table() else { return Http::default() };
    let http = Http {
        authorization: authorization(&table, cx),
        headers: headers(&table, cx),
        tls: tls::read(&table, "tls_config", cx),
        proxy: proxy::read(&table, cx),
        follow_redirects: table.boolean("follow_redirects").unwrap_or(true),
        // There is nothing but HTTP/1.1 here, which every server speaks.
        enable_http2: table.boolean("enable_http2").unwrap_or(true),
    };
    table.finish();
    http
}

fn authorization(table: &Table<'_>, cx: &Cx<'_>) -> Authorization {
    let ways = ["basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file"];
    let Some((way, item)) = table.one_of(&ways) else { return Authorization::None };
    match way {
        "basic_auth" => basic(&item, cx),
        "authorization" => scheme(&item, cx),
        "oauth2" => oauth2(&item, cx)
            .map_or(Authorization::None, |oauth2| Authorization::OAuth2(Box::new(oauth2))),
        way => {
            item.warn(format_args!("{way} is deprecated: use authorization with credentials"));
            match secret_at(&item, way == "bearer_token_file", cx) {
                Some(token) => {
                    check_header_value(&item, &token);
                    Authorization::Scheme("Bearer".to_owned(), token)
                }
                None => Authorization::None,
            }
        }
    }
}

/// Keys of the grant by signed tokens (RFC 7523), which is not spoken here.
const SIGNED_TOKENS: [&str; 7] = [
    "client_certificate_key",
    "client_certificate_key_id",
    "client_certificate_key_file",
    "signature_algorithm",
    "iss",
    "audience",
    "claims",
];

fn refuse_other_grants(table: &Table<'_>) {
    let own = ["", "client_credentials"];
    let grant = table.get("grant_type");
    if let Some(item) = grant.filter(|it| it.text().is_some_and(|grant| !own.contains(&grant))) {
        item.error("only client_credentials is spoken here: leave grant_type out, and give a client_secret");
    }
    for key in SIGNED_TOKENS {
        if let Some(item) = table.get(key) {
            item.error(
                "is for tokens that the client signs (RFC 7523), which are not spoken here: give a client_secret; what the \
                 server asks for beside it, such as an audience, goes into endpoint_params",
            );
        }
    }
}

/// None only if an error has been noted.
fn oauth2(item: &Item<'_>, cx: &Cx<'_>) -> Option<OAuth2> {
    let table = item.table()?;
    refuse_other_grants(&table);
    let client_id = table.text("client_id").unwrap_or_default().to_owned();
    if client_id.is_empty() {
        item.error("missing client_id");
    }
    let client_secret = secret(&table, "client_secret", "client_secret_file", cx);
    if client_secret.is_none() {
        item.error("one of client_secret and client_secret_file must be set");
    }
    let token_url = table.get("token_url");
    if token_url.is_none() {
        item.error("missing token_url");
    }
    let token_url = token_url.and_then(|url| url.check(Url::parse(url.text()?)));
    let params = table.get("endpoint_params").and_then(|item| item.table());
    let params = params
        .iter()
        .flat_map(Table::entries)
        .filter_map(|(name, item)| Some((name.to_owned(), item.word()?.into_owned())));
    let scopes = table.texts("scopes").into_iter().map(|(_, scope)| scope.to_owned());
    let oauth2 = OAuth2 {
        client_id,
        client_secret: client_secret?,
        refresh_token: None,
        scopes: scopes.collect(),
        token_url: token_url?,
        endpoint_params: params.collect(),
        tls: tls::read(&table, "tls_config", cx),
        proxy: proxy::read(&table, cx),
    };
    table.finish();
    Some(oauth2)
}

fn basic(item: &Item<'_>, cx: &Cx<'_>) -> Authorization {
    let Some(table) = item.table() else { return Authorization::None };
    let none = || Secret::Inline(Arc::from(""));
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
        item.error("the type is no word: only the scheme stands there, the secret in credentials");
    }
    let credentials = secret(&table, "credentials", "credentials_file", cx);
    table.finish();
    match credentials {
        Some(credentials) => {
            check_header_value(table.get("credentials").as_ref().unwrap_or(item), &credentials);
            Authorization::Scheme(scheme.to_owned(), credentials)
        }
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

fn headers(table: &Table<'_>, cx: &Cx<'_>) -> Vec<(String, Secret)> {
    let Some(section) = table.get("http_headers").and_then(|item| item.table()) else {
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (name, item) in section.entries() {
        check_header_name(&item, name);
        let Some(values) = item.table() else { continue };
        for (item, text) in values.texts("values").into_iter().chain(values.texts("secrets")) {
            let secret = Secret::Inline(text.into());
            check_header_value(&item, &secret);
            headers.push((name.to_owned(), secret));
        }
        for (_, file) in values.texts("files") {
            headers.push((name.to_owned(), Secret::File(cx.path(file))));
        }
        values.finish();
    }
    headers
}

//! `auth_oauth2` of receiver types that do not speak HTTP: an access token by client credentials or a refresh token.

use crate::config::{Key, OAuth2, Proxy, Secret, Takes, Values};
use crate::model::Url;
use crate::notify::tls;

/// The keys of an `auth_oauth2`: those of `http_config.oauth2`, and `refresh_token`.
pub(super) const KEYS: &[Key] = &[
    Key::text("client_id", ""),
    Key::secret("client_secret", "client_secret_file"),
    Key::secret("refresh_token", "refresh_token_file"),
    Key::new("token_url", Takes::Url),
    Key::new("scopes", Takes::Texts),
    Key::new("endpoint_params", Takes::Map),
    Key::new("tls_config", Takes::Table(tls::KEYS)),
];

/// An `auth_oauth2` with its files read; none where it is not set.
///
/// # Errors
///
/// If `token_url` is no URL. [`check`] has refused that.
pub(super) fn read(values: &Values, key: &str) -> Result<Option<OAuth2>, String> {
    let Some(table) = values.table(key).filter(|table| table.has("client_id")) else {
        return Ok(None);
    };
    let secret = |key| Secret::Inline(table.text(key).into());
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok(Some(OAuth2 {
        client_id: table.text("client_id").to_owned(),
        client_secret: secret("client_secret"),
        refresh_token: table.has("refresh_token").then(|| secret("refresh_token")),
        scopes: table.texts("scopes").map(str::to_owned).collect(),
        token_url: Url::parse(table.text("token_url"))
            .map_err(|error| format!("{key}.token_url: {error}"))?,
        endpoint_params: table.map("endpoint_params").map(pair).collect(),
        tls: (*tls::read(table, "tls_config")).clone(),
        proxy: Proxy::default(),
    }))
}

/// The error of an `auth_oauth2`.
pub(super) fn check(values: &Values, key: &str) -> Vec<String> {
    let set = |table: &Values| KEYS.iter().any(|key| table.is_own(key.name));
    let Some(table) = values.table(key).filter(|table| set(table)) else { return Vec::new() };
    let mut wrong = tls::check(table, "tls_config");
    for needed in ["client_id", "token_url"] {
        if !table.has(needed) {
            wrong.push(format!("missing {needed}"));
        }
    }
    if !table.has("client_secret") && !table.has("refresh_token") {
        wrong.push(
            "one of client_secret and refresh_token must be set, or the file of one".to_owned(),
        );
    }
    wrong.into_iter().map(|why| format!("{key}: {why}")).collect()
}

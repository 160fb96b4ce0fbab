//! `http_config` and `tls_config` as Alertmanager shows them.

use super::{SECRET, Yaml};
use crate::config::sounds_secret;
use crate::config::{Authorization, Http, OAuth2, Proxy, Secret, Tls};

/// A secret under the key of its text or of its file.
fn hidden<'k>(inline: &'k str, file: &'k str, secret: &Secret) -> (&'k str, Yaml) {
    match secret {
        Secret::Inline(_) => (inline, Yaml::secret()),
        Secret::File(path) => (file, Yaml::Text(path.display().to_string())),
    }
}

/// `http_config`.
pub(in crate::config) fn http(http: &Http) -> Yaml {
    let mut entries = Vec::new();
    match &http.authorization {
        Authorization::None => {}
        Authorization::Basic { username, password } => {
            let username = match username {
                Secret::Inline(name) => ("username", Yaml::from(&**name)),
                file @ Secret::File(_) => hidden("username", "username_file", file),
            };
            let password = hidden("password", "password_file", password);
            entries.push(("basic_auth", Yaml::table(vec![username, password])));
        }
        Authorization::Scheme(scheme, credentials) => {
            let credentials = hidden("credentials", "credentials_file", credentials);
            let scheme = ("type", Yaml::from(scheme.as_str()));
            entries.push(("authorization", Yaml::table(vec![scheme, credentials])));
        }
        Authorization::OAuth2(it) => entries.push(("oauth2", oauth2(it))),
    }
    if let Some(tls) = tls(&http.tls) {
        entries.push(("tls_config", tls));
    }
    entries.push(("follow_redirects", Yaml::from(http.follow_redirects)));
    entries.push(("enable_http2", Yaml::from(http.enable_http2)));
    entries.extend(proxy(&http.proxy));
    let headers = by_name(&http.headers, |values| Yaml::table(vec![("secrets", values)]));
    if let Some(headers) = headers {
        entries.push(("http_headers", headers));
    }
    Yaml::table(entries)
}

/// Hidden values by the names of their headers; none if there are none.
fn by_name(headers: &[(String, Secret)], entry: fn(Yaml) -> Yaml) -> Option<Yaml> {
    let mut named: Vec<(&str, Yaml)> = Vec::new();
    for (name, _) in headers {
        if named.iter().all(|(other, _)| other != name) {
            named.push((name, entry(Yaml::texts(&[SECRET]))));
        }
    }
    (!named.is_empty()).then(|| Yaml::table(named))
}

fn oauth2(oauth2: &OAuth2) -> Yaml {
    let mut entries = vec![
        ("client_id", Yaml::from(oauth2.client_id.as_str())),
        hidden("client_secret", "client_secret_file", &oauth2.client_secret),
    ];
    if !oauth2.scopes.is_empty() {
        entries.push(("scopes", Yaml::texts(&oauth2.scopes)));
    }
    let url = format!("{}{}", oauth2.token_url, oauth2.token_url.path());
    entries.push(("token_url", Yaml::Text(url)));
    if !oauth2.endpoint_params.is_empty() {
        let params = oauth2.endpoint_params.iter();
        let shown = |name: &str, value: &str| {
            if sounds_secret(name) { Yaml::secret() } else { Yaml::from(value) }
        };
        let params = params.map(|(name, value)| (name.as_str(), shown(name, value)));
        entries.push(("endpoint_params", Yaml::table(params.collect())));
    }
    if let Some(tls) = tls(&oauth2.tls) {
        entries.push(("tls_config", tls));
    }
    entries.extend(proxy(&oauth2.proxy));
    Yaml::table(entries)
}

/// `tls_config`; none if nothing of it is set. Pins, which only we know, are not shown.
pub(in crate::config) fn tls(tls: &Tls) -> Option<Yaml> {
    let unpinned = Tls { pins: Vec::new(), ..tls.clone() };
    if unpinned == Tls::default() {
        return None;
    }
    let mut entries = Vec::new();
    let plain = |inline, file, text: &Secret| match text {
        Secret::Inline(pem) if !pem.contains("PRIVATE KEY") => (inline, Yaml::from(&**pem)),
        Secret::Inline(_) | Secret::File(_) => hidden(inline, file, text),
    };
    entries.extend(tls.ca.as_ref().map(|ca| plain("ca", "ca_file", ca)));
    if let Some(identity) = &tls.identity {
        entries.push(plain("cert", "cert_file", &identity.cert));
        entries.push(hidden("key", "key_file", &identity.key));
    }
    entries.extend(tls.server_name.as_deref().map(|name| ("server_name", Yaml::from(name))));
    entries.push(("insecure_skip_verify", Yaml::from(tls.insecure_skip_verify)));
    for (key, version) in [("min_version", tls.min_version), ("max_version", tls.max_version)] {
        entries.extend(version.map(|version| (key, Yaml::from(version.as_str()))));
    }
    Some(Yaml::table(entries))
}

fn proxy(proxy: &Proxy) -> Vec<(&'static str, Yaml)> {
    let mut entries = Vec::new();
    if proxy.from_environment {
        entries.push(("proxy_from_environment", Yaml::from(true)));
    } else if let Some(url) = &proxy.http {
        let user = url.user().map_or_else(String::new, |user| format!("{}:xxxxx@", user.name));
        let scheme = url.scheme().as_str();
        entries.push(("proxy_url", Yaml::Text(format!("{scheme}://{user}{}", url.authority()))));
        if !proxy.no_proxy.list().is_empty() {
            entries.push(("no_proxy", Yaml::from(proxy.no_proxy.list())));
        }
    }
    let headers = by_name(&proxy.connect_headers, |values| values);
    entries.extend(headers.map(|headers| ("proxy_connect_header", headers)));
    entries
}

//! `proxy_url` and its neighbours, which `http_config` and `oauth2` have.

use crate::config::read::Cx;
use crate::config::read::secret::{check_header_name, check_header_value};
use crate::config::table::Table;
use crate::config::{NoProxy, Proxy, Secret};
use crate::model::Url;

/// The proxy keys of a section. The conditions are Alertmanager's.
pub(super) fn read(table: &Table<'_>, cx: &Cx<'_>) -> Proxy {
    let url = table.get("proxy_url").filter(|item| !item.is_empty());
    let no_proxy = table.text("no_proxy").filter(|list| !list.is_empty());
    let from_environment = table.boolean("proxy_from_environment").unwrap_or(false);
    let connect_headers = connect_headers(table);
    let given = [
        ("proxy_url", url.is_some()),
        ("no_proxy", no_proxy.is_some()),
        ("proxy_connect_header", !connect_headers.is_empty()),
    ];
    for (key, _) in given.iter().filter(|(_, is_given)| *is_given) {
        if from_environment && *key != "proxy_connect_header" {
            table.item.error(format_args!(
                "with proxy_from_environment {key} has no place: set one of the two"
            ));
        } else if !from_environment && url.is_none() {
            table.item.error(format_args!("{key} needs proxy_url: set it, or remove {key}"));
        }
    }
    if from_environment {
        return Proxy { connect_headers, ..of_environment(table, cx) };
    }
    let url = url.and_then(|item| item.check(Url::parse_proxy(item.text()?)));
    Proxy {
        http: url.clone(),
        https: url,
        no_proxy: no_proxy.map(NoProxy::new).unwrap_or_default(),
        from_environment,
        connect_headers,
    }
}

fn of_environment(table: &Table<'_>, cx: &Cx<'_>) -> Proxy {
    let proxy = |name: &str, text: &str| {
        if text.is_empty() {
            return None;
        }
        // As Go does: without a scheme it is http.
        let url = Url::parse_proxy(text).or_else(|_| Url::parse_proxy(&format!("http://{text}")));
        let wrong = |error| table.item.error(format_args!("the environment\'s {name}: {error}"));
        url.map_err(wrong).ok()
    };
    Proxy {
        http: proxy("HTTP_PROXY", &cx.environment.http_proxy),
        https: proxy("HTTPS_PROXY", &cx.environment.https_proxy),
        no_proxy: NoProxy::new(&cx.environment.no_proxy),
        from_environment: true,
        connect_headers: Vec::new(),
    }
}

/// Lists of secret values by name.
fn connect_headers(table: &Table<'_>) -> Vec<(String, Secret)> {
    let Some(section) = table.get("proxy_connect_header").and_then(|item| item.table()) else {
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (name, item) in section.entries() {
        // Of a proxy that wants another scheme than Basic, or a user that no URL can hold.
        if !name.eq_ignore_ascii_case("proxy-authorization") {
            check_header_name(&item, name);
        }
        for (item, text) in item.texts() {
            let secret = Secret::Inline(text.into());
            check_header_value(&item, &secret);
            headers.push((name.to_owned(), secret));
        }
    }
    headers
}

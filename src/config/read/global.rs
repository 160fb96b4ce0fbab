//! Section `global`: what alerts and receivers have that do not say it themselves.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::config::read::{Cx, http, values};
use crate::config::render::{self, Yaml};
use crate::config::table::Table;
use crate::config::{Global, Http, Value};
use crate::model::Url;

/// What a key takes.
#[derive(Clone, Copy)]
enum Takes {
    Text,
    Secret,
    SecretUrl,
    Url,
}

/// What receivers have that do not say it themselves.
pub(super) struct Globals {
    /// Their `http_config`.
    pub(super) http: Rc<Http>,
    values: BTreeMap<&'static str, Value>,
}

impl Globals {
    /// The value of a key, set or the default.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }
}

/// Keys of receivers that this version cannot notify by, in the order in which they are shown, with the defaults that Alertmanager shows.
const KEYS: &[(&str, Takes, &str)] = &[
    ("jira_api_url", Takes::Url, ""),
    ("slack_api_url", Takes::SecretUrl, ""),
    ("slack_api_url_file", Takes::Text, ""),
    ("slack_app_token", Takes::Secret, ""),
    ("slack_app_token_file", Takes::Text, ""),
    ("slack_app_url", Takes::Url, ""),
    ("pagerduty_url", Takes::Url, "https://events.pagerduty.com/v2/enqueue"),
    ("opsgenie_api_url", Takes::Url, "https://api.opsgenie.com/"),
    ("opsgenie_api_key", Takes::Secret, ""),
    ("opsgenie_api_key_file", Takes::Text, ""),
    ("wechat_api_url", Takes::Url, "https://qyapi.weixin.qq.com/cgi-bin/"),
    ("wechat_api_secret", Takes::Secret, ""),
    ("wechat_api_secret_file", Takes::Text, ""),
    ("wechat_api_corp_id", Takes::Text, ""),
    (
        "victorops_api_url",
        Takes::Url,
        "https://alert.victorops.com/integrations/generic/20131114/alert/",
    ),
    ("victorops_api_key", Takes::Secret, ""),
    ("victorops_api_key_file", Takes::Text, ""),
    ("telegram_api_url", Takes::Url, "https://api.telegram.org"),
    ("telegram_bot_token", Takes::Secret, ""),
    ("telegram_bot_token_file", Takes::Text, ""),
    ("webex_api_url", Takes::Url, "https://webexapis.com/v1/messages"),
    ("rocketchat_api_url", Takes::Url, ""),
    ("rocketchat_token", Takes::Secret, ""),
    ("rocketchat_token_file", Takes::Text, ""),
    ("rocketchat_token_id", Takes::Secret, ""),
    ("rocketchat_token_id_file", Takes::Text, ""),
    ("mattermost_webhook_url", Takes::SecretUrl, ""),
    ("mattermost_webhook_url_file", Takes::Text, ""),
];

pub(super) struct Read {
    pub(super) global: Global,
    pub(super) globals: Globals,
    /// The section as it is shown.
    pub(super) shown: Yaml,
}

pub(super) fn read(root: &Table<'_>, cx: &Cx<'_>) -> Read {
    let table = root.get("global").and_then(|item| item.table());
    let mut global = Global::default();
    let mut globals = Globals { http: Rc::default(), values: BTreeMap::new() };
    if let Some(table) = &table {
        if let Some(timeout) = table.duration("resolve_timeout") {
            global.resolve_timeout = timeout;
        }
        if let Some(item) = table.get("http_config") {
            globals.http = Rc::new(http::read(&item, cx));
        }
    }
    let mut shown = vec![
        ("resolve_timeout", Yaml::duration(global.resolve_timeout)),
        ("http_config", render::http(&globals.http)),
    ];
    for key in cx.schemas.iter().flat_map(|schema| schema.globals) {
        let own = table.as_ref().and_then(|table| values::own(table, key, cx));
        let Some(value) = own.or_else(|| values::default(key)) else { continue };
        shown.extend(render::entry(key, &value));
        globals.values.insert(key.name, value);
    }
    for (key, takes, default) in KEYS {
        let value = table.as_ref().and_then(|table| value(table, key, *takes));
        match (value, *default) {
            (Some(value), _) => shown.push((key, value)),
            (None, "") => {}
            (None, default) => shown.push((key, Yaml::from(default))),
        }
    }
    if let Some(table) = table {
        exclude(&table);
        table.finish();
    }
    Read { global, globals, shown: Yaml::table(shown) }
}

/// The checked value as it is shown; none if it is not set or wrong.
fn value(table: &Table<'_>, key: &'static str, takes: Takes) -> Option<Yaml> {
    let item = table.get(key)?;
    let text = || item.text().filter(|text| !text.is_empty());
    match takes {
        Takes::Text => text().map(Yaml::from),
        Takes::Secret => text().map(|_| Yaml::secret()),
        Takes::SecretUrl => item.check(Url::parse(text()?)).map(|_| Yaml::secret()),
        Takes::Url => text().filter(|url| item.check(Url::parse(url)).is_some()).map(Yaml::from),
    }
}

/// A secret stands in the file or in a file of its own.
fn exclude(table: &Table<'_>) {
    for (file, _, _) in KEYS {
        let Some(inline) = file.strip_suffix("_file") else { continue };
        let Some((inline, _, _)) = KEYS.iter().find(|(key, _, _)| *key == inline) else { continue };
        table.one_of(&[inline, file]);
    }
}

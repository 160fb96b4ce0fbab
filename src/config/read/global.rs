//! Section `global`: what alerts and receivers have that do not say it themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::read::values::Globals;
use crate::config::read::{Cx, http, values};
use crate::config::render::{self, Yaml};
use crate::config::table::Table;
use crate::config::values::default;
use crate::config::{Global, Secret, Value};

pub(super) struct Read {
    pub(super) global: Global,
    pub(super) globals: Globals,
    /// The section as it is shown.
    pub(super) shown: Yaml,
}

pub(super) fn read(root: &Table<'_>, cx: &Cx<'_>) -> Read {
    let table = root.get("global").and_then(|item| item.table());
    let mut global = Global::default();
    let mut globals = Globals { http: Arc::default(), values: BTreeMap::new() };
    if let Some(table) = &table {
        if let Some(timeout) = table.duration("resolve_timeout") {
            global.resolve_timeout = timeout;
        }
        if let Some(item) = table.get("http_config") {
            globals.http = Arc::new(http::read(&item, cx));
        }
    }
    let mut shown = vec![
        ("resolve_timeout", Yaml::duration(global.resolve_timeout)),
        ("http_config", render::http(&globals.http)),
    ];
    let mut set = Vec::new();
    for key in cx.schemas.iter().flat_map(|schema| schema.globals) {
        let own = table.as_ref().and_then(|table| values::own(table, key, cx));
        if own.is_some() {
            set.push(key);
        }
        let Some(value) = own.or_else(|| default(key)) else { continue };
        shown.extend(render::entry(key, &value));
        globals.values.insert(key.name, value);
    }
    let text = |name: &str| match globals.get(name) {
        Some(Value::Secret(Secret::Inline(text)) | Value::Text(text)) => Some(text),
        _ => None,
    };
    // The way to the API before there was slack_app_token, with a token in each receiver's http_config: both may stand together.
    if text("slack_api_url") == text("slack_app_url") {
        set.retain(|key| key.name != "slack_api_url");
    }
    if let Some(table) = table {
        values::exclude(&table, &set);
        table.finish();
    }
    Read { global, globals, shown: Yaml::table(shown) }
}

//! Section `receivers`.

use std::rc::Rc;
use std::time::Duration;

use crate::config::read::Cx;
use crate::config::read::http;
use crate::config::read::matchers::is_label_name;
use crate::config::table::{Item, Table};
use crate::config::tree::Value;
use crate::config::{Http, Integration, IntegrationKind, Receiver, Secret, Webhook};
use crate::model::duration::parse_go_duration;
use crate::model::url::Scheme;
use crate::model::{Labels, Url};

/// Receiver types of Alertmanager that this version cannot notify by.
const UNAVAILABLE: [&str; 17] = [
    "discord_configs",
    "email_configs",
    "incidentio_configs",
    "jira_configs",
    "mattermost_configs",
    "msteams_configs",
    "msteamsv2_configs",
    "opsgenie_configs",
    "pagerduty_configs",
    "pushover_configs",
    "rocketchat_configs",
    "slack_configs",
    "sns_configs",
    "telegram_configs",
    "victorops_configs",
    "webex_configs",
    "wechat_configs",
];

/// Reads one entry of a type.
type Read = fn(&Table<'_>, &Rc<Http>, &Cx<'_>) -> Option<IntegrationKind>;

/// The types that this version can notify by, and whether they tell of alerts that have ended if nobody says.
const AVAILABLE: [(&str, bool, Read); 2] =
    [("webhook_configs", true, webhook), ("log_configs", true, log)];

pub(super) fn read(root: &Table<'_>, http: &Rc<Http>, cx: &Cx<'_>) -> Vec<Rc<Receiver>> {
    let mut receivers: Vec<Rc<Receiver>> = Vec::new();
    for item in root.list("receivers") {
        let Some(receiver) = receiver(&item, http, cx) else { continue };
        if receivers.iter().any(|other| other.name == receiver.name) {
            item.error(format_args!("receiver name {:?} is not unique", receiver.name));
        }
        receivers.push(Rc::new(receiver));
    }
    receivers
}

fn receiver(item: &Item<'_>, http: &Rc<Http>, cx: &Cx<'_>) -> Option<Receiver> {
    let table = item.table()?;
    let name = table.text("name").unwrap_or_default();
    if name.is_empty() {
        item.error("missing name");
    }
    for key in UNAVAILABLE {
        // An entry without keys notifies too, by what `global` says.
        if let Some(item) = table.get(key).filter(|item| !item.is_empty() || item.has_items()) {
            let can: Vec<&str> = AVAILABLE.iter().map(|(key, ..)| *key).collect();
            item.error(format_args!(
                "this version cannot notify by {key}, it can by {}: change or remove it",
                can.join(" and ")
            ));
        }
    }
    let mut integrations = Vec::new();
    for (key, send_resolved, read) in AVAILABLE {
        for (index, item) in (0..).zip(table.list(key)) {
            let Some(table) = item.table() else { continue };
            let send_resolved = table.boolean("send_resolved").unwrap_or(send_resolved);
            if let Some(kind) = read(&table, http, cx) {
                integrations.push(Integration { index, send_resolved, kind });
            }
            table.finish();
        }
    }
    let labels = labels(&table, cx);
    table.finish();
    Some(Receiver { name: name.into(), labels, integrations })
}

fn labels(table: &Table<'_>, cx: &Cx<'_>) -> Labels {
    let Some(labels) = table.get("labels").and_then(|item| item.table()) else {
        return Labels::empty();
    };
    let named = labels.entries().filter(|(name, item)| {
        if *name == "name" {
            item.error("the label name is the receiver's name by itself: remove it");
        }
        is_label_name(item, name, cx)
    });
    let pairs: Vec<(&str, &str)> =
        named.filter_map(|(name, item)| Some((name, item.text()?))).collect();
    pairs.into_iter().collect()
}

#[expect(clippy::unnecessary_wraps, reason = "a line of the table of types")]
fn log(_: &Table<'_>, _: &Rc<Http>, _: &Cx<'_>) -> Option<IntegrationKind> {
    Some(IntegrationKind::Log)
}

/// None only if an error has been noted.
fn webhook(table: &Table<'_>, http: &Rc<Http>, cx: &Cx<'_>) -> Option<IntegrationKind> {
    let own = table.get("http_config").map(|item| Rc::new(http::read(&item, cx)));
    let http = own.unwrap_or_else(|| Rc::clone(http));
    if let Some(item) = table.get("payload").filter(|item| !item.is_empty()) {
        item.error("payload is not available in this version: remove it");
    }
    let max_alerts = table.get("max_alerts").and_then(|item| item.number()).unwrap_or(0);
    let timeout = table.get("timeout").and_then(|item| match item.node.value {
        Value::Int(0) => Some(Duration::ZERO),
        _ => item.check(parse_go_duration(item.text()?)),
    });
    let url = url(table, cx)?;
    Some(IntegrationKind::Webhook(Webhook {
        url,
        max_alerts: usize::try_from(max_alerts).unwrap_or(usize::MAX),
        timeout: timeout.unwrap_or_default(),
        http,
    }))
}

fn url(table: &Table<'_>, cx: &Cx<'_>) -> Option<Secret> {
    let file_or_text = http::secret(table, "url", "url_file", cx);
    match (table.get("url"), file_or_text) {
        (Some(item), Some(Secret::Inline(text))) => {
            if text.contains("{{") {
                item.error("this version has no templates in URLs: write the URL out");
                return None;
            }
            if item.check(Url::parse(&text))?.scheme() == Scheme::Https {
                item.error("this version has no TLS: use an http URL, for instance of a proxy on this machine");
            }
            Some(Secret::Inline(text))
        }
        (None, Some(file)) => Some(file),
        (None, None) if table.get("url_file").is_none() => {
            table.item.error("one of url and url_file must be set");
            None
        }
        _ => None,
    }
}

//! Section `receivers`: by the schemas of the receiver types.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::config::read::Cx;
use crate::config::read::matchers::{self, Keys, is_label_name};
use crate::config::read::values::Globals;
use crate::config::read::{http, values};
use crate::config::schema::Around;
use crate::config::table::{Item, Table, unknown};
use crate::config::{
    DayBudget, Fallback, Integration, Proxy, RateLimit, Receiver, Schema, StaticLabels,
};
use crate::limits::{
    BUDGET_BYTES_MIN, BUDGET_MESSAGES_MIN, RATE_LIMIT_NOTIFICATIONS_MAX, RATE_LIMIT_TIME_MAX,
    RATE_LIMIT_TIME_MIN,
};
use crate::model::duration::Spelled;
use crate::model::{MatchOp, Matcher, Matchers};

const KEEPS: Keys = Keys { equal: "", regex: "", list: "budget_keeps" };

/// For how long a receiver must have failed before its fallback is told, if the file does not say.
const FALLBACK_AFTER: Duration = Duration::from_secs(10 * 60);

pub(super) fn read(root: &Table<'_>, globals: &Globals, cx: &Cx<'_>) -> Vec<Arc<Receiver>> {
    let (mut receivers, mut fallbacks) = (Vec::<Arc<Receiver>>::new(), Vec::new());
    let mut names = BTreeSet::new();
    for item in root.list("receivers") {
        let Some((receiver, fallback)) = receiver(&item, globals, cx) else { continue };
        if !names.insert(Arc::clone(&receiver.name)) {
            item.error(format_args!("receiver name {:?} is not unique", receiver.name));
        }
        fallbacks.extend(fallback.map(|item| (item, receivers.len())));
        receivers.push(Arc::new(receiver));
    }
    for (item, at) in fallbacks {
        let Some(receiver) = receivers.get(at) else { continue };
        let Some(Fallback { receiver: to, .. }) = &receiver.fallback else { continue };
        if *to == receiver.name {
            item.error("a receiver cannot be its own fallback: name another one");
        } else if !names.contains(to) {
            item.error(unknown("receiver", to, receivers.iter().map(|it| &*it.name)));
        }
    }
    receivers
}

/// A receiver, and where its fallback is named.
fn receiver<'a>(
    item: &Item<'a>,
    globals: &Globals,
    cx: &Cx<'_>,
) -> Option<(Receiver, Option<Item<'a>>)> {
    let table = item.table()?;
    let name = table.text("name").unwrap_or_default();
    if name.is_empty() {
        item.error("missing name");
    }
    let mut integrations = Vec::new();
    for schema in cx.schemas {
        for (index, item) in (0..).zip(table.list(schema.section)) {
            integrations.extend(integration(schema, index, &item, globals, cx));
        }
    }
    let labels = labels(&table, cx);
    let after = table.duration("fallback_after").unwrap_or(FALLBACK_AFTER);
    let named = table.get("fallback").filter(|item| !item.is_empty());
    let to = named.as_ref().and_then(Item::text);
    let fallback = to.map(|name| Fallback { receiver: name.into(), after });
    let rate_limit = table.get("rate_limit").and_then(|item| rate_limit(&item));
    let keeps = keeps(&table, cx);
    let budget = table.get("budget").and_then(|item| Some((budget(&item)?, keeps)));
    table.finish();
    let name = name.into();
    Some((Receiver { name, labels, integrations, fallback, rate_limit, budget }, named))
}

/// `budget_keeps`; if the file has none, what is critical.
fn keeps(table: &Table<'_>, cx: &Cx<'_>) -> Matchers {
    if table.get("budget_keeps").is_some() {
        return matchers::read(table, &KEEPS, cx);
    }
    let critical = Matcher::new("severity", MatchOp::Equal, "critical");
    critical.into_iter().collect()
}

/// None only if an error has been noted.
fn budget(item: &Item<'_>) -> Option<DayBudget> {
    let table = item.table()?;
    let (bytes, messages) = (table.get("bytes"), table.get("messages"));
    table.finish();
    let bytes = match bytes {
        Some(item) => Some(bounded(&item, bytes_of(&item.word()?), BUDGET_BYTES_MIN)?),
        None => None,
    };
    let messages = match messages {
        Some(item) => Some(bounded(&item, item.number(), BUDGET_MESSAGES_MIN)?),
        None => None,
    };
    if bytes.is_none() && messages.is_none() {
        item.error("bytes or messages are needed: {bytes: 1MB, messages: 200}");
        return None;
    }
    Some(DayBudget { bytes, messages })
}

fn bounded(item: &Item<'_>, found: Option<u64>, least: u64) -> Option<u64> {
    let found = found.filter(|it| *it >= least);
    if found.is_none() {
        item.error(format_args!("expected {least} or more a day, such as 200, or 1MB of bytes"));
    }
    found
}

/// `100KB`: a number, and thousands or millions.
fn bytes_of(text: &str) -> Option<u64> {
    let units = [("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("", 1)];
    let (text, unit) =
        units.into_iter().find_map(|(unit, of)| Some((text.strip_suffix(unit)?, of)))?;
    text.trim_end().parse::<u64>().ok()?.checked_mul(unit)
}

/// None only if an error has been noted.
fn rate_limit(item: &Item<'_>) -> Option<RateLimit> {
    let table = item.table()?;
    let (notifications, per) = (table.get("notifications"), table.get("per"));
    table.finish();
    let (Some(notifications), Some(per)) = (notifications, per) else {
        item.error("notifications and per are needed: {notifications: 10, per: 1h}");
        return None;
    };
    let (count, time) = (notifications.number(), per.duration());
    let most = RATE_LIMIT_NOTIFICATIONS_MAX;
    let count = usize::try_from(count?).unwrap_or(usize::MAX);
    let time = time?;
    if !(1..=most).contains(&count) {
        notifications.error(format_args!("{count}: expected 1 to {most}; for more, shorten per"));
        return None;
    }
    if !(RATE_LIMIT_TIME_MIN..=RATE_LIMIT_TIME_MAX).contains(&time) {
        let (least, most) = (Spelled(RATE_LIMIT_TIME_MIN), Spelled(RATE_LIMIT_TIME_MAX));
        per.error(format_args!("{}: expected {least} to {most}", Spelled(time)));
        return None;
    }
    Some(RateLimit { notifications: count, per: time })
}

/// The one part of `global`'s `http_config` that holds beside a receiver's own, of one type alone, as in Alertmanager.
fn inherit(own: &mut Proxy, global: &Proxy) {
    if own.http.is_none() && !own.from_environment && !global.from_environment {
        (own.http, own.https) = (global.http.clone(), global.https.clone());
    }
}

/// None only if an error has been noted.
fn integration(
    schema: &'static Schema,
    index: u32,
    item: &Item<'_>,
    globals: &Globals,
    cx: &Cx<'_>,
) -> Option<Integration> {
    let table = item.table()?;
    let send_resolved = table.boolean("send_resolved").unwrap_or(schema.send_resolved);
    let own = if schema.http { table.get("http_config") } else { None };
    let http = own.map_or_else(
        || Arc::clone(&globals.http),
        |item| {
            let mut http = http::read(&item, cx);
            if schema.name == "msteamsv2" {
                inherit(&mut http.proxy, &globals.http.proxy);
            }
            Arc::new(http)
        },
    );
    let mut values = values::read(&table, schema.keys, Some(globals), cx);
    table.finish();
    let around = Around { http: &http, environment: cx.environment };
    for error in (schema.check)(&mut values, &around) {
        item.error(error);
    }
    Some(Integration { schema, index, send_resolved, values, http })
}

fn labels(table: &Table<'_>, cx: &Cx<'_>) -> StaticLabels {
    let Some(labels) = table.get("labels").and_then(|item| item.table()) else {
        return StaticLabels::default();
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

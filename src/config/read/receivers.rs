//! Section `receivers`: by the schemas of the receiver types.

use std::rc::Rc;

use crate::config::read::Cx;
use crate::config::read::global::Globals;
use crate::config::read::matchers::is_label_name;
use crate::config::read::{http, values};
use crate::config::schema::Around;
use crate::config::table::{Item, Table};
use crate::config::{Integration, Receiver, Schema};
use crate::model::Labels;

pub(super) fn read(root: &Table<'_>, globals: &Globals, cx: &Cx<'_>) -> Vec<Rc<Receiver>> {
    let mut receivers: Vec<Rc<Receiver>> = Vec::new();
    for item in root.list("receivers") {
        let Some(receiver) = receiver(&item, globals, cx) else { continue };
        if receivers.iter().any(|other| other.name == receiver.name) {
            item.error(format_args!("receiver name {:?} is not unique", receiver.name));
        }
        receivers.push(Rc::new(receiver));
    }
    receivers
}

fn receiver(item: &Item<'_>, globals: &Globals, cx: &Cx<'_>) -> Option<Receiver> {
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
    table.finish();
    Some(Receiver { name: name.into(), labels, integrations })
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
    let http = own.map_or_else(|| Rc::clone(&globals.http), |item| Rc::new(http::read(&item, cx)));
    let mut values = values::read(&table, schema.keys, Some(globals), cx);
    table.finish();
    let around = Around { http: &http, environment: cx.environment };
    for error in (schema.check)(&mut values, &around) {
        item.error(error);
    }
    Some(Integration { schema, index, send_resolved, values, http })
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

//! Section `heartbeat`: who is told again and again that the flock lives.

use std::sync::Arc;
use std::time::Duration;

use crate::config::read::values::Globals;
use crate::config::read::{Cx, expect, http, values};
use crate::config::schema::HEARTBEAT;
use crate::config::table::{Item, Table};
use crate::config::{Heartbeat, Integration};
use crate::limits::{HEARTBEAT_PERIOD_MIN, HEARTBEATS_MAX};

/// How often one is told if the file does not say.
const PERIOD: Duration = Duration::from_secs(60);

pub(super) fn read(root: &Table<'_>, globals: &Globals, cx: &Cx<'_>) -> Vec<Heartbeat> {
    let items = root.list("heartbeat");
    if let Some(item) = items.get(HEARTBEATS_MAX) {
        let count = items.len();
        item.error(format_args!("there are {count} heartbeats, at most {HEARTBEATS_MAX} may be"));
        return Vec::new();
    }
    let mut all: Vec<Heartbeat> = Vec::new();
    for item in items {
        let Some(heartbeat) = heartbeat(&item, globals, cx) else { continue };
        if all.iter().any(|other| other.name == heartbeat.name) {
            item.error(format_args!("name {:?} is not unique", heartbeat.name));
        }
        all.push(heartbeat);
    }
    all
}

fn heartbeat(item: &Item<'_>, globals: &Globals, cx: &Cx<'_>) -> Option<Heartbeat> {
    let table = item.table()?;
    let name = expect::name(item, &table).into();
    let period = expect::period(item, &table, HEARTBEAT_PERIOD_MIN, Some(PERIOD));
    let own = table.get("http_config");
    let http =
        own.map_or_else(|| Arc::clone(&globals.http), |item| Arc::new(http::read(&item, cx)));
    let values = values::read(&table, HEARTBEAT.keys, Some(globals), cx);
    table.finish();
    let integration =
        Integration { schema: &HEARTBEAT, index: 0, send_resolved: false, values, http };
    Some(Heartbeat { name, period, integration })
}

//! Section `route`: the tree, with what children inherit filled in.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::config::read::matchers::{self, Keys, is_label_name};
use crate::config::read::{Cx, check_timers, undefined};
use crate::config::table::{Item, Table};
use crate::config::{GroupBy, Receiver, Route, StaticLabels};
use crate::limits::{CONTINUING_ROUTES_MAX, ROUTE_KEYS_BYTES_MAX, ROUTES_MAX};
use crate::model::time_interval::TimeInterval;

const MATCHERS: Keys = Keys { equal: "match", regex: "match_re", list: "matchers" };

/// The names to which routes refer.
#[derive(Default)]
struct Defined<'a> {
    receivers: BTreeSet<&'a str>,
    intervals: BTreeSet<&'a str>,
    /// How many routes were read, how many of them say `continue`, and the bytes of their keys.
    count: Cell<usize>,
    continuing: Cell<usize>,
    key_bytes: Cell<usize>,
}

impl Defined<'_> {
    /// Counts a route whose key is `key` bytes long. Returns whether there is room for it; notes the error where there first
    /// is none.
    fn count(&self, item: &Item<'_>, key: usize) -> bool {
        let had_room = self.has_room();
        self.count.set(self.count.get() + 1);
        // The path is as long.
        self.key_bytes.set(self.key_bytes.get() + 2 * key);
        if had_room && self.count.get() > ROUTES_MAX {
            item.error(format_args!(
                "there are more than {ROUTES_MAX} routes: write several as one"
            ));
        } else if had_room && !self.has_room() {
            item.error(format_args!(
                "the matchers of the routes and of all above each need more than {ROUTE_KEYS_BYTES_MAX} bytes: write shorter ones in routes that have routes"
            ));
        }
        self.has_room()
    }

    /// Counts a route that says `continue`. One too many is an error: each adds a group to those of every alert that matches it.
    fn count_continuing(&self, item: &Item<'_>) {
        self.continuing.set(self.continuing.get() + 1);
        if self.continuing.get() == CONTINUING_ROUTES_MAX + 1 {
            item.error(format_args!(
                "more than {CONTINUING_ROUTES_MAX} routes say continue: write several as one"
            ));
        }
    }

    fn has_room(&self) -> bool {
        self.count.get() <= ROUTES_MAX && self.key_bytes.get() <= ROUTE_KEYS_BYTES_MAX
    }
}

/// None only if an error has been noted.
pub(super) fn read(
    root: &Table<'_>,
    receivers: &[Arc<Receiver>],
    intervals: &[Arc<TimeInterval>],
    cx: &Cx<'_>,
) -> Option<Route> {
    let Some(item) = root.get("route") else {
        root.item.error("no route provided: add a section route with a receiver");
        return None;
    };
    let table = item.table()?;
    if table.text("receiver").unwrap_or_default().is_empty() {
        item.error("the root route must have a receiver: it takes what no other route takes");
    }
    for key in ["match", "match_re", "matchers", "mute_time_intervals", "active_time_intervals"] {
        if let Some(item) = table.get(key).filter(|item| !item.is_empty()) {
            item.error("not allowed in the root route, which is for all alerts: move it to a route in routes");
        }
    }
    if let Some(item) = table.get("continue").filter(|item| !item.is_empty()) {
        item.error("not allowed in the root route: nothing follows it");
    }
    let receivers = receivers.iter().map(|it| &*it.name).collect();
    let intervals = intervals.iter().map(|it| &*it.name).collect();
    let defined = Defined { receivers, intervals, ..Defined::default() };
    Some(route(&item, &table, (&Route::default(), 0), &defined, cx))
}

fn route(
    item: &Item<'_>,
    table: &Table<'_>,
    (parent, above): (&Route, usize),
    defined: &Defined<'_>,
    cx: &Cx<'_>,
) -> Route {
    let mut route = Route {
        receiver: receiver(table, parent, defined),
        group_by: group_by(table, cx).unwrap_or_else(|| parent.group_by.clone()),
        group_wait: table.duration("group_wait").unwrap_or(parent.group_wait),
        group_interval: not_zero(table, "group_interval").unwrap_or(parent.group_interval),
        repeat_interval: not_zero(table, "repeat_interval").unwrap_or(parent.repeat_interval),
        matchers: matchers::read(table, &MATCHERS, cx),
        continue_: table.boolean("continue").unwrap_or(false),
        resolved_after_quiet: table
            .boolean("resolved_after_quiet")
            .unwrap_or(parent.resolved_after_quiet),
        mute_time_intervals: intervals(table, "mute_time_intervals", defined),
        active_time_intervals: intervals(table, "active_time_intervals", defined),
        labels: labels(table, &parent.labels, cx),
        routes: Vec::new(),
    };
    check_timers(item, &route, cx);
    if route.continue_ {
        defined.count_continuing(item);
    }
    // Each may be quoted, and has a name and an operator.
    let key = above + 2 * route.matchers.bytes() + 8 * route.matchers.len() + 16;
    if !defined.count(item, key) {
        return route;
    }
    route.routes = table
        .list("routes")
        .iter()
        .filter_map(|item| {
            if item.is_null() {
                item.error("expected a route, found nothing: remove it");
            }
            let table = item.table()?;
            Some(self::route(item, &table, (&route, key), defined, cx))
        })
        .collect();
    table.finish();
    route
}

fn receiver(table: &Table<'_>, parent: &Route, defined: &Defined<'_>) -> Arc<str> {
    let Some(item) = table.get("receiver") else { return Arc::clone(&parent.receiver) };
    match item.text() {
        None | Some("") => Arc::clone(&parent.receiver),
        Some(name) => {
            if !defined.receivers.contains(name) {
                item.error(undefined("receiver", name, &defined.receivers));
            }
            name.into()
        }
    }
}

fn group_by(table: &Table<'_>, cx: &Cx<'_>) -> Option<GroupBy> {
    let item = table.get("group_by")?;
    let names = item.texts();
    if names.iter().any(|(_, name)| *name == "...") {
        if names.iter().any(|(_, name)| *name != "...") {
            item.error(
                "cannot have \"...\", which is every label, and other labels at the same time",
            );
        }
        return Some(GroupBy::All);
    }
    let mut seen = BTreeSet::new();
    for (item, name) in &names {
        if is_label_name(item, name, cx) && !seen.insert(*name) {
            item.error(format_args!("duplicated label {name:?} in group_by"));
        }
    }
    Some(GroupBy::Labels(names.into_iter().map(|(_, name)| name.into()).collect()))
}

fn not_zero(table: &Table<'_>, key: &'static str) -> Option<Duration> {
    let item = table.get(key)?;
    let duration = item.duration()?;
    if duration.is_zero() {
        item.error(format_args!("{key} cannot be zero"));
    }
    Some(duration)
}

fn intervals(table: &Table<'_>, key: &'static str, defined: &Defined<'_>) -> Vec<Arc<str>> {
    table
        .texts(key)
        .into_iter()
        .map(|(item, name)| {
            if !defined.intervals.contains(name) {
                item.error(undefined("time interval", name, &defined.intervals));
            }
            name.into()
        })
        .collect()
}

/// A child has its parent's labels too; its own win.
fn labels(table: &Table<'_>, parent: &StaticLabels, cx: &Cx<'_>) -> StaticLabels {
    let Some(own) = table.get("labels").and_then(|item| item.table()) else {
        return parent.clone();
    };
    let own = own.entries().filter(|(name, item)| is_label_name(item, name, cx));
    let own: Vec<(&str, &str)> =
        own.filter_map(|(name, item)| Some((name, item.text()?))).collect();
    parent.iter().chain(own).collect()
}

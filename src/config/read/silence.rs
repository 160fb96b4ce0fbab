//! Section `silence`: silences that the config declares.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::DeclaredSilence;
use crate::config::read::matchers::{self, Keys};
use crate::config::read::{Cx, expect, undefined};
use crate::config::table::{Item, Table};
use crate::limits::DECLARED_SILENCES_MAX;
use crate::model::Matcher;
use crate::model::time_interval::TimeInterval;

const MATCHERS: Keys = Keys { equal: "match", regex: "match_re", list: "matchers" };

pub(super) fn read(
    root: &Table<'_>,
    intervals: &[Arc<TimeInterval>],
    cx: &Cx<'_>,
) -> Vec<DeclaredSilence> {
    let items = root.list("silence");
    if let Some(item) = items.get(DECLARED_SILENCES_MAX) {
        let count = items.len();
        item.error(format_args!(
            "{count} silences are declared, at most {DECLARED_SILENCES_MAX} may be"
        ));
        return Vec::new();
    }
    let mut all: Vec<DeclaredSilence> = Vec::new();
    for item in items {
        let Some(silence) = silence(&item, intervals, cx) else { continue };
        if all.iter().any(|other| other.name == silence.name) {
            item.error(format_args!("name {:?} is not unique", silence.name));
        }
        all.push(silence);
    }
    all
}

fn silence(
    item: &Item<'_>,
    intervals: &[Arc<TimeInterval>],
    cx: &Cx<'_>,
) -> Option<DeclaredSilence> {
    let table = item.table()?;
    let name = expect::name(item, &table).into();
    let matchers = matchers::read(&table, &MATCHERS, cx);
    if matchers.iter().all(Matcher::matches_empty) {
        item.error("at least one of its matchers must not match the empty string: it would mute every alert");
    }
    let defined: BTreeSet<&str> = intervals.iter().map(|it| &*it.name).collect();
    let interval = |(item, name): (Item<'_>, &str)| {
        let found = intervals.iter().find(|it| *it.name == *name).cloned();
        if found.is_none() {
            item.error(undefined("time interval", name, &defined));
        }
        found
    };
    let time_intervals = table.texts("time_intervals").into_iter().filter_map(interval).collect();
    let comment = table.text("comment").unwrap_or_default().into();
    table.finish();
    Some(DeclaredSilence { name, matchers, time_intervals, comment })
}

//! Sections `time_intervals` and, as it was called before, `mute_time_intervals`.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::render::Yaml;
use crate::config::table::{Item, Table};
use crate::model::time_interval::{IntervalError, Location, Period, TimeInterval};

/// Adds a range to one field of a period.
type Add = fn(&mut Period, &str) -> Result<(), IntervalError>;

pub(super) struct Intervals {
    pub(super) intervals: Vec<Arc<TimeInterval>>,
    /// As they were written, for the rendering.
    pub(super) shown: Vec<Yaml>,
}

pub(super) fn read(root: &Table<'_>) -> Intervals {
    if let Some(item) = root.get("mute_time_intervals") {
        item.warn("mute_time_intervals is deprecated: call the section time_intervals");
    }
    let mut all = Intervals { intervals: Vec::new(), shown: Vec::new() };
    let mut names = BTreeSet::new();
    for section in ["mute_time_intervals", "time_intervals"] {
        for item in root.list(section) {
            if item.is_null() {
                item.warn("is nothing, and ignored: remove it");
                continue;
            }
            let Some(interval) = interval(&item) else { continue };
            if !names.insert(Arc::clone(&interval.name)) {
                item.error(format_args!("time interval {:?} is not unique", interval.name));
            }
            all.intervals.push(Arc::new(interval));
            all.shown.push(Yaml::from_node(item.node, false));
        }
    }
    all
}

fn interval(item: &Item<'_>) -> Option<TimeInterval> {
    let table = item.table()?;
    let name = table.text("name").unwrap_or_default();
    if name.is_empty() {
        item.error("missing name");
    }
    let periods = table.list("time_intervals").iter().filter_map(period).collect();
    table.finish();
    Some(TimeInterval { name: name.into(), periods })
}

fn period(item: &Item<'_>) -> Option<Period> {
    let table = item.table()?;
    let mut period = Period::default();
    for item in table.list("times") {
        if item.is_null() {
            period.add_no_times();
            continue;
        }
        let Some(times) = item.table() else { continue };
        match (times.text("start_time"), times.text("end_time")) {
            (Some(start), Some(end)) => {
                item.check(period.add_times(start, end));
            }
            _ => item.error("both start_time and end_time must be set"),
        }
        times.finish();
    }
    let fields: [(&'static str, Add); 4] = [
        ("weekdays", Period::add_weekdays),
        ("days_of_month", Period::add_days_of_month),
        ("months", Period::add_months),
        ("years", Period::add_years),
    ];
    for (key, add) in fields {
        for item in table.list(key) {
            if item.is_null() {
                item.warn("is nothing, which Alertmanager takes for 0, or for sunday: remove it");
                match key {
                    "days_of_month" => period.add_no_day(),
                    "weekdays" => drop(add(&mut period, "sunday")),
                    _ => drop(add(&mut period, "0")),
                }
            } else if let Some(word) = item.word() {
                item.check(add(&mut period, &word));
            }
        }
    }
    if let Some(item) = table.get("location")
        && let Some(location) = item.text().and_then(|name| item.check(Location::from_name(name)))
    {
        period.set_location(location);
    }
    table.finish();
    if period.never_holds() {
        item.warn("never holds: no month, day, year or time is all that it asks for");
    }
    Some(period)
}

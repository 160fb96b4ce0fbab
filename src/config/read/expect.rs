//! Section `expect`: what is to give a sign of life again and again.

use std::time::Duration;

use crate::config::read::matchers::{self, Keys};
use crate::config::read::{Cx, matchers::is_label_name};
use crate::config::table::{Item, Table};
use crate::config::{Expectation, StaticLabels};
use crate::limits::{EXPECT_MAX, EXPECT_PERIOD_MIN, NAME_BYTES_MAX};

const MATCHERS: Keys = Keys { equal: "match", regex: "match_re", list: "matchers" };

pub(super) fn read(root: &Table<'_>, cx: &Cx<'_>) -> Vec<Expectation> {
    let items = root.list("expect");
    if let Some(item) = items.get(EXPECT_MAX) {
        let count = items.len();
        item.error(format_args!("{count} are expected, at most {EXPECT_MAX} may be"));
        return Vec::new();
    }
    let mut all: Vec<Expectation> = Vec::new();
    for item in items {
        let Some(expectation) = expectation(&item, cx) else { continue };
        if all.iter().any(|other| other.name == expectation.name) {
            item.error(format_args!("name {:?} is not unique", expectation.name));
        }
        all.push(expectation);
    }
    all
}

fn expectation(item: &Item<'_>, cx: &Cx<'_>) -> Option<Expectation> {
    let table = item.table()?;
    let expectation = Expectation {
        name: name(item, &table).into(),
        matchers: matchers::read(&table, &MATCHERS, cx),
        period: period(item, &table, EXPECT_PERIOD_MIN, None),
        labels: labels(&table, cx),
    };
    table.finish();
    Some(expectation)
}

/// A name that may stand in a path.
pub(super) fn name<'a>(item: &Item<'_>, table: &Table<'a>) -> &'a str {
    let name = table.text("name").unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() {
        item.error("missing name");
    } else if name.len() > NAME_BYTES_MAX
        || !name.bytes().all(is_plain)
        || name.bytes().all(|byte| byte == b'.')
    {
        item.error(format_args!(
            "invalid name {name:?}: at most {NAME_BYTES_MAX} letters, digits, -, _ and ."
        ));
    }
    name
}

/// How often something is to come; required unless there is a default.
pub(super) fn period(
    item: &Item<'_>,
    table: &Table<'_>,
    min: Duration,
    default: Option<Duration>,
) -> Duration {
    let Some(given) = table.get("period") else {
        if default.is_none() {
            item.error("missing period: how often it is to come, such as \"1h\"");
        }
        return default.unwrap_or(min);
    };
    let Some(period) = given.duration() else { return min };
    if period < min {
        given.error(format_args!("period must be at least {}s", min.as_secs()));
    }
    period
}

fn labels(table: &Table<'_>, cx: &Cx<'_>) -> StaticLabels {
    let Some(labels) = table.get("labels").and_then(|item| item.table()) else {
        return StaticLabels::default();
    };
    let named = labels.entries().filter(|(name, item)| is_label_name(item, name, cx));
    let pairs: Vec<(&str, &str)> =
        named.filter_map(|(name, item)| Some((name, item.text()?))).collect();
    pairs.into_iter().collect()
}

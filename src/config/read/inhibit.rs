//! Section `inhibit_rules`.

use crate::config::InhibitRule;
use crate::config::read::Cx;
use crate::config::read::matchers::{self, Keys, is_label_name};
use crate::config::table::{Item, Table};
use crate::limits::INHIBIT_RULES_MAX;

const SOURCE: Keys =
    Keys { equal: "source_match", regex: "source_match_re", list: "source_matchers" };
const TARGET: Keys =
    Keys { equal: "target_match", regex: "target_match_re", list: "target_matchers" };

pub(super) fn read(root: &Table<'_>, cx: &Cx<'_>) -> Vec<InhibitRule> {
    let rules = root.list("inhibit_rules");
    if let Some(item) = rules.get(INHIBIT_RULES_MAX) {
        let count = rules.len();
        item.error(format_args!(
            "there are {count} rules, at most {INHIBIT_RULES_MAX} may be: write several as one, by regular expressions"
        ));
        return Vec::new();
    }
    rules.iter().filter_map(|item| rule(item, cx)).collect()
}

fn rule(item: &Item<'_>, cx: &Cx<'_>) -> Option<InhibitRule> {
    let table = item.table()?;
    let equal = table.texts("equal").into_iter();
    let rule = InhibitRule {
        name: table.text("name").unwrap_or_default().into(),
        source: matchers::read(&table, &SOURCE, cx),
        target: matchers::read(&table, &TARGET, cx),
        equal: equal
            // Which no alert has, so that all are equal in it.
            .filter(|(item, _)| !item.is_null())
            .filter(|(item, name)| is_label_name(item, name, cx))
            .map(|(_, name)| name.into())
            .collect(),
    };
    table.finish();
    Some(rule)
}

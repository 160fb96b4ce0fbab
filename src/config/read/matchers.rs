//! Matchers in the three forms that routes and inhibition rules have them in, and label names.

use crate::config::read::Cx;
use crate::config::table::{Item, Table};
use crate::model::Matchers;
use crate::model::matcher::{Grammar, MatchOp, Matcher, parse_list, valid_label_name};

/// The keys of the three forms: equal values, regular expressions, and the list that replaces both.
pub(super) struct Keys {
    pub(super) equal: &'static str,
    pub(super) regex: &'static str,
    pub(super) list: &'static str,
}

/// All matchers of a table, in the order that route keys print in; all of them must hold.
pub(super) fn read(table: &Table<'_>, keys: &Keys, cx: &Cx<'_>) -> Matchers {
    let mut matchers = deprecated(table, keys.equal, MatchOp::Equal, keys.list);
    matchers.extend(deprecated(table, keys.regex, MatchOp::Matches, keys.list));
    for (item, text) in table.texts(keys.list) {
        let Some(parsed) = item.check(parse_list(cx.grammar, text)) else { continue };
        if let Some(warning) = parsed.warning {
            item.warn(warning);
        }
        matchers.extend(parsed.value);
    }
    matchers.into_iter().collect::<Matchers>().sorted()
}

fn deprecated(table: &Table<'_>, key: &'static str, op: MatchOp, list: &str) -> Vec<Matcher> {
    let Some(item) = table.get(key) else { return Vec::new() };
    let Some(pairs) = item.table() else { return Vec::new() };
    let matchers: Vec<Matcher> = pairs
        .entries()
        .filter_map(|(name, item)| {
            if !valid_label_name(Grammar::Classic, name) {
                item.error(format_args!("invalid label name {name:?}"));
                return None;
            }
            if op.is_regex() && item.is_null() {
                item.error(format_args!(
                    "invalid regexp value for {name:?}: it is missing; write the regular expression"
                ));
                return None;
            }
            let text = item.text()?;
            if op.is_regex() && text.is_empty() {
                item.warn(format_args!(
                    "an empty regular expression matches every alert without the label {name:?}"
                ));
            }
            // Alertmanager keeps the anchors in route keys and group keys, for these keys alone.
            let text = if op.is_regex() { &format!("^(?:{text})$") } else { text };
            item.check(Matcher::new(name, op, text))
        })
        .collect();
    let instead: Vec<String> =
        matchers.iter().map(|matcher| format!("{:?}", matcher.to_string())).collect();
    if !instead.is_empty() {
        item.warn(format_args!("{key} is deprecated: write {list} with {}", instead.join(", ")));
    }
    matchers
}

/// Whether a text is a label's name; notes the error if not.
pub(super) fn is_label_name(item: &Item<'_>, name: &str, cx: &Cx<'_>) -> bool {
    let is = valid_label_name(cx.grammar, name);
    if !is {
        let rule = match cx.grammar {
            Grammar::Classic => "letters, digits and _, no digit first",
            Grammar::Fallback | Grammar::Utf8 => "it must not be empty",
        };
        item.error(format_args!("invalid label name {name:?}: {rule}"));
    }
    is
}

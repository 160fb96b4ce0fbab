//! The table of limits in `src/README.md`: every constant of `limits.rs` with its policy, a metric, and the test that fills it.

use std::collections::BTreeSet;
use std::fs;

use crate::named::{is_case, root, tests, texts};

/// A row of the table in `src/README.md` for each constant of `limits.rs`, in its order, without its metric and its test.
fn rows_of(limits: &str) -> Vec<String> {
    let mut rows = Vec::new();
    let mut docs = Vec::new();
    for line in limits.lines() {
        if let Some(doc) = line.strip_prefix("///") {
            docs.push(doc.trim());
            continue;
        }
        let text = std::mem::take(&mut docs).join(" ").replace("[`", "`").replace("`]", "`");
        if let Some(rest) = line.strip_prefix("pub const ") {
            let (name, rest) = rest.split_once(": ").unwrap();
            let (_, value) = rest.trim_end_matches(';').split_once(" = ").unwrap();
            let (what, policy) = text
                .split_once(" Policy: ")
                .unwrap_or_else(|| panic!("limits.rs: {name} has no policy"));
            let (what, policy) = (what.trim_end_matches('.'), policy.trim_end_matches('.'));
            rows.push(format!("| `{name}` | {} | {what} | {policy} |", shown(value)));
        }
    }
    rows
}

/// A value as people write it.
fn shown(value: &str) -> String {
    let of = |unit: &str| {
        let rest = value.strip_prefix("Duration::from_")?.strip_prefix(unit)?;
        rest.strip_prefix('(')?.strip_suffix(')')
    };
    let text = match (of("secs"), of("millis")) {
        (Some(seconds), _) => format!("{seconds} s"),
        (_, Some(millis)) => format!("{millis} ms"),
        _ => value.to_owned(),
    };
    // Between digits alone: a name keeps its own.
    let mut shown = String::new();
    for c in text.chars() {
        let is_gap = c == '_' && shown.ends_with(|last: char| last.is_ascii_digit());
        shown.push(if is_gap { ',' } else { c });
    }
    shown
}

/// A row of the table, and its last two cells.
struct Row<'a> {
    text: String,
    metric: &'a str,
    test: &'a str,
}

fn row_of(line: &str) -> Row<'_> {
    let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [name, value, what, policy, metric, test] = cells[..] else {
        panic!(
            "src/README.md: a row of the limits has six cells: limit, value, of what, at the limit, metric, test; this one has {}\n{line}",
            cells.len()
        )
    };
    Row { text: format!("| {name} | {value} | {what} | {policy} |"), metric, test }
}

/// The texts of `limits.rs` and of the files beside it that have limits, in the order of the table.
fn limits() -> String {
    let file = |name: &str| fs::read_to_string(root().join("src").join(name)).unwrap();
    ["limits.rs", "limits/receivers.rs", "limits/owed.rs", "limits/own.rs"].map(file).concat()
}

#[test]
fn every_limit_has_its_policy_its_metric_and_its_test_in_the_readme() {
    let limits = limits();
    let readme = fs::read_to_string(root().join("src/README.md")).unwrap();
    let (_, section) = readme.split_once("\n## Limits\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let table: Vec<_> =
        section.lines().filter(|line| line.starts_with("| `")).map(row_of).collect();
    let rows = rows_of(&limits);
    let constants = limits.lines().filter(|line| line.starts_with("pub const "));
    assert!(rows.len() > 100 && rows.len() == constants.count(), "the limits were not found");
    let texts_of = |row: &Row<'_>| row.text.clone();
    let told: Vec<_> = table.iter().map(texts_of).collect();
    for row in &rows {
        assert!(told.contains(row), "src/README.md: the table of limits lacks\n{row}");
    }
    for row in &told {
        assert!(rows.contains(row), "src/README.md: no limit is as its table says\n{row}");
    }
    assert_eq!(rows, told, "the rows stand in the order of limits.rs, each once");
    let (sources, tests) = (texts("src", "rs").concat(), tests());
    for Row { text, metric, test } in &table {
        if let Some(metric) = metric.strip_prefix('`') {
            let name: String = metric.chars().take_while(|c| !"{`".contains(*c)).collect();
            assert!(sources.contains(&format!("\"{name}\"")), "no metric {name}:\n{text}");
        } else {
            assert!(
                metric.len() > 5 && metric.starts_with("-: "),
                "a metric, or -: and why:\n{text}"
            );
        }
        let name = test.trim_matches('`');
        let is_here = tests.contains(name) || is_case(name);
        assert!(is_here, "no test {name}:\n{text}");
    }
}

/// Constants that end as a limit's name does and are none of this agent's own, each with the file that has it: why they are not
/// in the table.
const NO_LIMITS: &[(&str, &[&str])] = &[
    (
        "a rule of a format, a language or a service, which holds whatever we want",
        &[
            "gossip/seal.rs COUNTER_MAX",
            "gossip/seal.rs SECRET_BYTES_MIN",
            "model/duration.rs NS_MAX",
            "model/matcher/re2.rs FOLD_RANGE_MAX",
            "model/matcher/re2.rs REPEAT_MAX",
            "model/time_interval.rs YEAR_MIN",
            "model/url/punycode.rs T_MAX",
            "model/url/punycode.rs T_MIN",
            "notify/email/message.rs LINE_MAX",
            "shell/admission/password.rs BYTES_MAX",
            "template/print/format.rs NUMBER_MAX",
            "wire/key.rs DIFFERENT_BYTES_MIN",
            "wire/mqtt/packet.rs PROPERTY_PACKET_BYTES_MAX",
        ],
    ),
    (
        "how much of it a message shows",
        &[
            "api/access.rs SHOWN_BYTES_MAX",
            "config/doubts.rs NAMED_MAX",
            "config/read/mod.rs NAMES_SHOWN_MAX",
            "model/trouble.rs WHY_BYTES_MAX",
            "notify/shown.rs HIDDEN_BYTES_MIN",
        ],
    ),
    (
        "a pace or a choice of what is done first: nothing is refused or lost at it",
        &[
            "core/acknowledge.rs LOOK_INTERVAL_MIN",
            "core/deliver/backoff.rs PAUSE_MAX",
            "core/deliver/backoff.rs RETRY_PAUSE_MAX",
            "core/deliver/flush.rs BEGIN_TOGETHER_MAX",
            "core/deliver/flush.rs DEADLINE_MIN",
            "core/deliver/logging.rs ENTRY_LIFE_MIN",
            "core/deliver/rate_limit.rs ATTEMPT_TIME_MIN",
            "core/silences/declared.rs PERIODS_MAX",
            "core/index.rs INSIDE_STEPS_MAX",
            "core/silences/muting.rs CATCH_UP_MAX",
            "core/step.rs STEP_MIN",
            "core/travel.rs SWEPT_MIN",
            "core/travel.rs TRAVEL_MAX",
            "gossip/delivery.rs FLIGHT_MAX",
            "gossip/delivery.rs FLIGHT_MIN",
            "gossip/delivery.rs REPAIR_FLIGHT_MAX",
            "gossip/delivery.rs TRIES_MAX",
            "gossip/hlc.rs STRIDE_MAX",
            "gossip/members/candidates.rs HINT_TRIES_MAX",
            "gossip/members/peer.rs MISSED_MAX",
            "gossip/members/reconnect.rs LOST_RETRIED_MAX",
            "gossip/news.rs UNICAST_TO_MAX",
            "gossip/repair/assembly.rs ASKED_MAX",
            "gossip/repair/assembly.rs STEP_MIN",
            "gossip/repair/assembly.rs TRIES_MAX",
            "gossip/repair/jobs.rs SERVED_MAX",
            "gossip/repair/mod.rs ANSWERS_MAX",
            "gossip/repair/mod.rs LISTED_MAX",
            "gossip/settle.rs UNCHANGED_MIN",
            "gossip/versions.rs RECENT_MAX",
            "model/trouble.rs PAUSE_MAX",
            "shell/pieces.rs TURNS_MAX",
        ],
    ),
    (
        "computed of limits in the table",
        &[
            "gossip/repair/assembly.rs WHOLE_BYTES_MAX",
            "gossip/seal.rs MESSAGE_BYTES_MAX",
            "store/segment.rs GROUP_BYTES_READ_MAX",
            "store/size.rs SEGMENT_PAGES_MIN",
        ],
    ),
    (
        "how far a rule reaches, which the documents of its feature tell",
        &[
            "cli/acknowledge.rs TIME_MAX",
            "core/acknowledge.rs SEVERITIES_MAX",
            "core/silences/declared.rs AHEAD_MAX",
        ],
    ),
];

#[test]
fn a_limit_stands_in_the_table() {
    let mut known: BTreeSet<String> =
        NO_LIMITS.iter().flat_map(|(_, names)| *names).map(|name| (*name).to_owned()).collect();
    let source = root().join("src");
    for it in super::sources().into_iter().filter(|it| it.room != "limits") {
        let path = it.path.strip_prefix(&source).unwrap().display().to_string();
        // A receiver's limits are its service's, and said in the documents of each.
        let is_receiver = path.strip_prefix("notify/").is_some_and(|rest| !rest.contains('/'));
        for line in it.code.lines() {
            let Some((before, rest)) = line.trim_start().split_once("const ") else { continue };
            let name: String = rest.chars().take_while(|c| *c != ':').collect();
            let is_limit = name.ends_with("_MAX") || name.ends_with("_MIN");
            if !is_limit || !(before.is_empty() || before.starts_with("pub")) {
                continue;
            }
            let is_of_service = is_receiver && !path.ends_with("shown.rs");
            assert!(
                known.remove(&format!("{path} {name}")) || is_of_service,
                "{path}: {name} is a limit: put it into limits.rs with its policy, or into NO_LIMITS of tests/tidy/limits.rs and say why"
            );
        }
    }
    assert_eq!(known, BTreeSet::new(), "these are gone");
}

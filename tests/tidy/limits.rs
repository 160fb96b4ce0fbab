//! The table of limits in `src/README.md`: every constant of `limits.rs` with its policy, a metric, and the test that fills it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The texts of all files of this ending in a folder and those below it.
fn texts(folder: &str, ending: &str) -> Vec<String> {
    let (mut folders, mut found) = (vec![root().join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        for path in entries.filter(|path| !path.ends_with("target")) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == ending) {
                found.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// The names of all tests in Rust.
fn tests() -> BTreeSet<String> {
    let files = [texts("src", "rs"), texts("tests", "rs")].concat();
    let mut names = BTreeSet::new();
    for piece in files.iter().flat_map(|text| text.split("#[test]").skip(1)) {
        let name = piece.split_once("fn ").unwrap().1;
        names.insert(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
    }
    assert!(names.len() > 700, "the tests were not found");
    names
}

/// Whether the system tier has a case of this name, such as `flock/static`.
fn has_case(scenarios: &[String], name: &str) -> bool {
    let (scenario, case) = name.split_once('/').unwrap_or((name, name));
    let begin = format!("\"{scenario}/");
    let function = format!("def {}(", case.replace('-', "_"));
    let is_here = |text: &String| {
        text.contains(&format!("\"{name}\""))
            || text.contains(&begin) && (text.contains(&function) || text.contains(case))
    };
    scenarios.iter().any(is_here)
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
    let scenarios = texts("tests/system/scenarios", "py");
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
        let is_here = tests.contains(name) || has_case(&scenarios, name);
        assert!(is_here, "no test {name}:\n{text}");
    }
}

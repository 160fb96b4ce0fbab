//! Each row of the table of compatibility in `configs/README.md`, and of that of the differences in `README.md`, is held by tests that
//! exist.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "support/named.rs"]
mod named;

use std::fs;

use bellwether::store::record;

use crate::named::{is_case, root, tests};

/// The cells of the rows of a table between two texts.
fn rows<const N: usize>(file: &str, begin: &str, end: &str) -> Vec<[String; N]> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let (_, rest) = text.split_once(begin).unwrap();
    let (table, _) = rest.split_once(end).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|line| {
        let cells: Vec<String> = line.trim_matches('|').split('|').map(str::to_owned).collect();
        cells.try_into().unwrap_or_else(|cells| panic!("{line}: {cells:?}"))
    })
    .collect()
}

/// The names of tests in a cell, which exist.
fn held(cell: &str) -> Vec<&str> {
    let tests = tests();
    let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    for name in &names {
        assert!(tests.contains(*name) || is_case(name), "there is no test {name}: {cell}");
    }
    names
}

#[test]
fn the_changelog_has_this_version_and_its_flash_format() {
    let text = fs::read_to_string(root().join("cross/README.md")).unwrap();
    let (_, log) = text.split_once("## Changelog").unwrap();
    let (_, first) = log.split_once("### ").unwrap();
    assert_eq!(first.lines().next().unwrap(), env!("CARGO_PKG_VERSION"));
    let format = format!("flash format {}.{}", record::MAJOR, record::MINOR);
    assert!(first.contains(&format), "{format}: {first}");
}

#[test]
fn the_changelog_has_the_versions_of_datagrams() {
    let seal = fs::read_to_string(root().join("src/gossip/seal.rs")).unwrap();
    let version = |name: &str| {
        let (_, rest) = seal.split_once(&format!("const {name}: u8 = ")).unwrap();
        rest.split(';').next().unwrap().to_owned()
    };
    let (plain, labelled) = (version("UNLABELLED"), version("LABELLED"));
    let said = format!("datagrams of version {plain}, of a flock with a label {labelled};");
    let text = fs::read_to_string(root().join("cross/README.md")).unwrap();
    let first = text.split_once("## Changelog").unwrap().1.split("\n### ").nth(1).unwrap();
    assert!(first.contains(&said), "{said}: {first}");
}

#[test]
fn a_case_goes_by_the_name_that_runs_it() {
    for name in ["errors", "receivers/every", "https/oauth2", "turns/slow", "flash/no_space"] {
        assert!(is_case(name), "{name}");
    }
    for name in
        ["errors/error_bodies", "receivers/every_type", "flash/config", "drop_in/case", "none"]
    {
        assert!(!is_case(name), "{name}");
    }
}

#[test]
fn every_row_is_held_by_tests_that_exist() {
    let rows = rows("configs/README.md", "<!-- compatibility -->", "<!-- end -->");
    assert!(rows.len() > 20, "{rows:?}");
    for [what, here, cell] in &rows {
        let verdict = here.trim().split([',', ':', ' ', ';']).next().unwrap();
        assert!(
            ["yes", "partly", "no", "better", "another", "untried"].contains(&verdict),
            "{what}: {here}"
        );
        assert!(
            !held(cell).is_empty() || ["no", "untried"].contains(&verdict),
            "{what}: held by nothing"
        );
    }
}

#[test]
fn every_difference_on_purpose_is_held_by_tests_that_exist() {
    let rows = rows("README.md", "Where it differs, on purpose:\n\n", "\n\n");
    assert!(rows.len() > 10, "{rows:?}");
    for [what, _, _, cell] in &rows {
        assert!(!held(cell).is_empty(), "{what}: held by nothing");
    }
}

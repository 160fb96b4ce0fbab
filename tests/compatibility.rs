//! Each row of the table of compatibility in `configs/README.md` is held by tests that exist.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::fs;
use std::path::{Path, PathBuf};

use bellwether::store::record;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The cells of the rows.
fn rows() -> Vec<[String; 3]> {
    let text = fs::read_to_string(root().join("configs/README.md")).unwrap();
    let (_, rest) = text.split_once("<!-- compatibility -->").unwrap();
    let (table, _) = rest.split_once("<!-- end -->").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|line| {
        let cells: Vec<String> = line.trim_matches('|').split('|').map(str::to_owned).collect();
        cells.try_into().unwrap_or_else(|cells| panic!("{line}: {cells:?}"))
    })
    .collect()
}

/// All Rust below a folder, in one text.
fn rust(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            rust(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
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
fn every_row_is_held_by_tests_that_exist() {
    let mut code = String::new();
    for folder in ["src", "tests"] {
        rust(&root().join(folder), &mut code);
    }
    let rows = rows();
    assert!(rows.len() > 20, "{rows:?}");
    let mut missing = Vec::new();
    for [what, here, held] in &rows {
        let verdict = here.trim().split([',', ':', ' ', ';']).next().unwrap();
        assert!(["yes", "partly", "no", "better", "another"].contains(&verdict), "{what}: {here}");
        let names: Vec<&str> = held.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty() || verdict == "no", "{what}: held by nothing");
        for name in names {
            let exists = match name.split_once('/') {
                Some((scenario, case)) => {
                    let file = root().join(format!("tests/system/scenarios/{scenario}.py"));
                    let text = fs::read_to_string(&file).unwrap_or_default();
                    text.contains(&format!("def {case}(")) || text.contains(&format!("{name}\""))
                }
                None => {
                    code.contains(&format!("    fn {name}("))
                        || code.contains(&format!("\nfn {name}("))
                }
            };
            if !exists {
                missing.push(name.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "tests that are not there: {}", missing.join(", "));
}

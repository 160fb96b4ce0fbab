//! Tests by their names, for the tables of the docs that name them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The folder of the package.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The texts of all files of this ending in a folder and those below it.
pub(crate) fn texts(folder: &str, ending: &str) -> Vec<String> {
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
pub(crate) fn tests() -> BTreeSet<String> {
    let files = [texts("src", "rs"), texts("tests", "rs")].concat();
    let mut names = BTreeSet::new();
    for piece in files.iter().flat_map(|text| text.split("#[test]").skip(1)) {
        let Some((_, name)) = piece.split_once("fn ") else { continue };
        names.insert(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
    }
    assert!(names.len() > 700, "the tests were not found");
    names
}

/// Whether `tests/system/run` has a case of this name: the code of its scenario has the name in quotes, or its `cases` makes
/// names of functions, and this is one of those that it lists.
pub(crate) fn is_case(name: &str) -> bool {
    let (scenario, case) = name.split_once('/').unwrap_or((name, ""));
    let file = root().join(format!("tests/system/scenarios/{scenario}.py"));
    let text = fs::read_to_string(&file).unwrap_or_default();
    let Some((_, cases)) = text.split_once("\ndef cases(") else { return false };
    let cases = cases.split("\ndef ").next().unwrap_or_default();
    let makes_names =
        cases.contains(&format!("f\"{scenario}/{{")) && cases.contains(".__name__}\"");
    let mut words = cases.split(|c: char| !c.is_alphanumeric() && c != '_');
    let is_function = text.contains(&format!("\ndef {case}(")) && words.any(|word| word == case);
    cases.contains(&format!("\"{name}\"")) || makes_names && is_function
}

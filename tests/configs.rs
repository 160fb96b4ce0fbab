//! What stands in `configs/` loads as it is.

use std::collections::BTreeSet;
use std::path::Path;

use bellwether::config::{Config, Flags, Language, Options};

#[test]
fn every_shipped_file_loads_without_a_warning() {
    let mut names = BTreeSet::new();
    for entry in Path::new(env!("CARGO_MANIFEST_DIR")).join("configs").read_dir().unwrap() {
        let file = entry.unwrap().path();
        let text = std::fs::read(&file).unwrap();
        let (flags, language) = (&Flags::default(), Language::of(&file));
        let options = Options { file: &file, language, flags, state_directory: None };
        match Config::load(&text, &options) {
            Ok(loaded) => assert_eq!(loaded.warnings, [], "{}", file.display()),
            Err(errors) => panic!("{errors}"),
        }
        names.insert(file.file_name().unwrap().to_owned());
    }
    for name in [
        "alertmanager.yml",
        "default.toml",
        "gateway.toml",
        "minimal.toml",
        "reference.toml",
        "static-peers.toml",
    ] {
        assert!(names.contains(std::ffi::OsStr::new(name)), "{name}");
    }
}

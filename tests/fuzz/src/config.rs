//! Whole configurations, in TOML and in YAML: what is taken is printed as YAML, and taken again as the same.

use bellwether::config::{Config, Environment, Errors, Flags, Language, LoadOptions, convert};
use bellwether::notify::SCHEMAS;
use std::sync::LazyLock;

use crate::input::is_line_end;

pub fn toml(bytes: &[u8]) {
    load(bytes, Language::Toml);
}

pub fn yaml(bytes: &[u8]) {
    load(bytes, Language::Yaml);
    match convert(bytes, &options(Language::Yaml)) {
        Ok(toml) => {
            let (from, to) = (read(bytes, Language::Yaml), read(toml.as_bytes(), Language::Toml));
            let (from, to) =
                (from.unwrap(), to.unwrap_or_else(|errors| panic!("{errors}\n{toml}")));
            same(&from, &to);
        }
        Err(errors) => assert!(!errors.problems.is_empty()),
    }
}

fn load(bytes: &[u8], language: Language) {
    let lines = bytes.split(is_line_end).count();
    match read(bytes, language) {
        Ok(config) => {
            let printed = &config.original;
            // Secrets are not printed, and the other language has no word for some of our keys.
            if printed.contains("<secret>") {
                return;
            }
            let again = read(printed.as_bytes(), Language::Yaml);
            let again = again.unwrap_or_else(|errors| panic!("{errors}\n{printed}"));
            assert_eq!(again.original, *printed);
            same(&again, &config);
        }
        Err(errors) => {
            assert!(!errors.problems.is_empty());
            assert!(
                errors.problems.iter().all(|it| it.line <= lines && !it.text.is_empty()),
                "{errors}"
            );
        }
    }
}

fn same(one: &Config, other: &Config) {
    assert_eq!(one.route, other.route);
    assert_eq!(one.receivers, other.receivers);
    assert_eq!(one.inhibit_rules, other.inhibit_rules);
    assert_eq!(one.time_intervals, other.time_intervals);
}

fn read(bytes: &[u8], language: Language) -> Result<Config, Errors> {
    Config::load(bytes, &options(language)).map(|loaded| loaded.config)
}

fn options(language: Language) -> LoadOptions<'static> {
    static GIVEN: LazyLock<(Flags, Environment)> = LazyLock::new(Default::default);
    let (flags, environment) = &*GIVEN;
    LoadOptions { file: "config".as_ref(), language, flags, environment, schemas: SCHEMAS }
}

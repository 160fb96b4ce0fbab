//! Whole configurations, in TOML and in YAML: what is taken is printed as YAML, and taken again as the same.

use bellwether::config::{Config, Environment, Flags, Language, Options};
use bellwether::notify::SCHEMAS;

use crate::input::is_line_end;

pub fn toml(bytes: &[u8]) {
    load(bytes, Language::Toml);
}

pub fn yaml(bytes: &[u8]) {
    load(bytes, Language::Yaml);
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
            assert_eq!(again.route, config.route);
            assert_eq!(again.receivers, config.receivers);
            assert_eq!(again.inhibit_rules, config.inhibit_rules);
            assert_eq!(again.time_intervals, config.time_intervals);
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

fn read(bytes: &[u8], language: Language) -> Result<Config, bellwether::config::Errors> {
    let options = Options {
        file: "config".as_ref(),
        language,
        flags: &Flags::default(),
        environment: &Environment::default(),
        schemas: SCHEMAS,
    };
    Config::load(bytes, &options).map(|loaded| loaded.config)
}

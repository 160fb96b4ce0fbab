//! The arguments of the daemon: Alertmanager's flags, and ours. `--x=v` and `--x v` are the same.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lexopt::{Arg, Parser};

use crate::config::settings::{KEYS, Listen, SettingKey, Settings, Shape};
use crate::config::table::nearest;

/// Files that are tried, in this order, where no `--config.file` is given.
pub const CONFIG_FILES: [&str; 2] = ["bellwether.toml", "alertmanager.yml"];

/// Flags of Alertmanager that change nothing here, and why.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("data.maintenance-interval", "the journal is written when something changes"),
    ("dispatch.maintenance-interval", "groups without alerts go each 30 s"),
    ("cluster.peer-timeout", "the next in turn waits for a claim, not for a time"),
    ("cluster.gossip-interval", "a change is sent at once"),
    ("cluster.pushpull-interval", "members that differ notice it from their digests"),
    ("cluster.tcp-timeout", "the flock uses no TCP"),
    ("auto-gomemlimit.ratio", "there is no garbage collector to limit"),
    ("web.ui-path", "the page is part of the program"),
];

/// The same for flags that take no value.
const SWITCHES_WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("auto-gomemlimit", "there is no garbage collector to limit"),
    (
        "cluster.allow-insecure-public-advertise-address-discovery",
        "members are known by their id, not by their address",
    ),
];

/// Alertmanager's TLS between members.
const FLOCK_TLS: &str = "cluster.tls-config";

/// Why that has another effect here.
const FLOCK_TLS_NOTE: &str = "the flock is sealed by a key of its own, not by TLS: share one with --cluster.key-file; \
     without a key this agent stays alone, so that nothing is told in the open";

/// The request that the arguments make.
#[derive(Debug)]
pub enum Invocation {
    /// Run with these.
    Run(Flags),
    /// Print the help and leave.
    Help,
    /// Print the version and leave.
    Version,
}

/// The flags that are given.
#[derive(Debug, Default)]
pub struct Flags {
    /// `--config.file`
    pub config_file: Option<PathBuf>,
    /// Flags that were accepted and have no effect, each with its reason: for the log.
    pub notes: Vec<String>,
    /// Whether `--cluster.tls-config` asks for a flock that is sealed.
    sealed: bool,
    /// Settings, in the order of the arguments; a list appears once for each of its values.
    given: Vec<(&'static SettingKey, String)>,
}

impl Flags {
    /// Lays the flags over the settings: a list that has a flag consists of its flags alone. Where a sealed flock is asked
    /// for and there is no key, there is no flock.
    pub fn apply(&self, settings: &mut Settings) -> Vec<String> {
        for (key, _) in &self.given {
            (key.value)(settings).clear();
        }
        let mut errors = Vec::new();
        for (key, text) in &self.given {
            if let Err(error) = (key.value)(settings).set(text) {
                errors.push(format!("--{}: {error}", key.flag));
            }
        }
        if self.sealed && settings.cluster.key_files.is_empty() {
            settings.cluster.listen_address = Listen::Never;
        }
        errors
    }

    /// The flag that sets the setting `section.name`, if it is given.
    pub fn of_setting(&self, path: &str) -> Option<&'static str> {
        let is_it = |key: &SettingKey| path.split_once('.') == Some((key.section, key.name));
        self.given.iter().find(|(key, _)| is_it(key)).map(|(key, _)| key.flag)
    }

    fn set(&mut self, key: &'static SettingKey, text: &str) {
        // The features come as one text too.
        let is_features = key.flag == "enable-feature";
        for part in text.split(',').filter(|part| !is_features || !part.is_empty()) {
            let text = if is_features { part.trim() } else { text };
            self.given.push((key, text.to_owned()));
            if !is_features {
                break;
            }
        }
    }
}

/// Reads the arguments, the program's name not among them. On errors: every one, a line each.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, Vec<String>> {
    let mut flags = Flags::default();
    let mut errors = Vec::new();
    let mut parser = Parser::from_args(args);
    loop {
        let name = match parser.next() {
            Ok(None) => break,
            Ok(Some(Arg::Short('h'))) => return Ok(Invocation::Help),
            Ok(Some(Arg::Long(name))) => name.to_owned(),
            Ok(Some(Arg::Short(letter))) => {
                errors.push(format!("unknown flag -{letter}; --help lists them all"));
                continue;
            }
            Ok(Some(Arg::Value(value))) => {
                errors.push(format!("unexpected argument \"{}\"", value.display()));
                continue;
            }
            Err(error) => {
                errors.push(error.to_string());
                break;
            }
        };
        match name.as_str() {
            "help" => return Ok(Invocation::Help),
            "version" => return Ok(Invocation::Version),
            name => {
                if let Err(error) = long(name, &mut parser, &mut flags) {
                    errors.push(error);
                }
            }
        }
    }
    let mut scratch = Settings::default();
    errors.extend(flags.apply(&mut scratch));
    if errors.is_empty() { Ok(Invocation::Run(flags)) } else { Err(errors) }
}

fn long(name: &str, parser: &mut Parser, flags: &mut Flags) -> Result<(), String> {
    let is_switch = |key: &SettingKey| (key.value)(&mut Settings::default()).shape() == Shape::Bool;
    if let Some(key) = SettingKey::of_flag(name) {
        let text = if is_switch(key) { switch(parser)? } else { value(name, parser)? };
        flags.set(key, &text);
        return Ok(());
    }
    if let Some(key) =
        name.strip_prefix("no-").and_then(SettingKey::of_flag).filter(|key| is_switch(key))
    {
        flags.set(key, "false");
        return Ok(());
    }
    if name == "config.file" {
        let text = value(name, parser)?;
        flags.config_file = Some(text).filter(|text| !text.is_empty()).map(PathBuf::from);
        return Ok(());
    }
    if let Some((_, why)) = WITHOUT_EFFECT.iter().find(|(flag, _)| *flag == name) {
        value(name, parser)?;
        flags.notes.push(format!("--{name}: accepted, has no effect here: {why}"));
        return Ok(());
    }
    let bare = name.strip_prefix("no-").unwrap_or(name);
    if let Some((_, why)) = SWITCHES_WITHOUT_EFFECT.iter().find(|(flag, _)| *flag == bare) {
        switch(parser)?;
        flags.notes.push(format!("--{name}: accepted, has no effect here: {why}"));
        return Ok(());
    }
    if name == FLOCK_TLS {
        flags.sealed = !value(name, parser)?.is_empty();
        if flags.sealed {
            flags.notes.push(format!("--{name}: {FLOCK_TLS_NOTE}"));
        }
        return Ok(());
    }
    // The text behind `=` belongs to the unknown flag.
    parser.optional_value();
    let known = KEYS.iter().map(|key| key.flag).chain(["config.file", "help", "version"]);
    match nearest(name, known.clone()) {
        Some(near) => Err(format!("unknown flag --{name}; did you mean --{near}?")),
        None => Err(format!("unknown flag --{name}; --help lists them all")),
    }
}

fn value(name: &str, parser: &mut Parser) -> Result<String, String> {
    let value = parser.value().map_err(|_| format!("--{name}: needs a value"))?;
    value.into_string().map_err(|value| format!("--{name}: \"{}\" is not UTF-8", value.display()))
}

/// `--x` is `--x=true`.
fn switch(parser: &mut Parser) -> Result<String, String> {
    match parser.optional_value() {
        None => Ok("true".to_owned()),
        Some(value) => {
            value.into_string().map_err(|value| format!("\"{}\" is not UTF-8", value.display()))
        }
    }
}

/// Which configuration to start with; none is the one that is built in.
pub fn choose_config(given: Option<&Path>, exists: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    match given {
        Some(file) => Some(file.to_owned()),
        None => CONFIG_FILES.iter().map(PathBuf::from).find(|file| exists(file)),
    }
}

/// The part of `--help` that tells of the daemon's flags: each with its default.
pub fn help() -> String {
    let mut text = "\
  -h, --help
      --version
      --config.file=FILE
          Configuration: TOML if it ends in .toml, else YAML. Without this flag: bellwether.toml, then
          alertmanager.yml of this directory, then one that is built in and prints notifications to the log.
"
    .to_owned();
    let mut defaults = Settings::default();
    for key in KEYS {
        let value = (key.value)(&mut defaults);
        let default = match value.shape() {
            Shape::Bool => String::new(),
            _ => format!("={}", value.show()),
        };
        let flag = format!("      --{}{default}\n          {}\n", key.flag, key.help);
        text.push_str(&flag);
    }
    text.push_str(
        "\nOther flags of Alertmanager are accepted, and the log says that they have no effect.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::{Feature, Listen, LogLevel};

    fn run(args: &[&str]) -> Flags {
        match parse(args.iter().map(OsString::from)) {
            Ok(Invocation::Run(flags)) => flags,
            other => panic!("{other:?}"),
        }
    }

    fn errors(args: &[&str]) -> Vec<String> {
        parse(args.iter().map(OsString::from)).unwrap_err()
    }

    fn settings(args: &[&str]) -> Settings {
        let mut settings = Settings::default();
        assert!(run(args).apply(&mut settings).is_empty());
        settings
    }

    #[test]
    fn the_tutorials_line_is_read() {
        let flags =
            run(&["--web.listen-address=:9093", "--config.file=a.yml", "--log.level=debug"]);
        assert_eq!(flags.config_file.as_deref(), Some(Path::new("a.yml")));
        let mut settings = Settings::default();
        flags.apply(&mut settings);
        assert_eq!(settings.web.listen_addresses[0].to_string(), ":9093");
        assert_eq!(settings.log.level, LogLevel::Debug);
    }

    #[test]
    fn values_follow_with_or_without_an_equals_sign() {
        let one = settings(&["--cluster.peer=a:1", "--cluster.peer", "b:2", "--storage.path", "x"]);
        assert_eq!(one.cluster.peers.len(), 2);
        assert_eq!(one.storage.path, Path::new("x"));
        assert_eq!(settings(&["--cluster.listen-address="]).cluster.listen_address, Listen::Never);
    }

    #[test]
    fn a_limit_below_zero_is_none() {
        let given = settings(&[
            "--silences.max-silences=-1",
            "--silences.max-silence-size-bytes",
            "-2",
            "--alerts.per-alertname-limit=-1",
            "--web.get-concurrency=-1",
            "--web.timeout=-1s",
        ]);
        assert_eq!(given, Settings::default());
        assert!(!errors(&["--web.timeout=-soon", "--web.get-concurrency=-"]).is_empty());
    }

    #[test]
    fn switches_need_no_value() {
        for (args, is_on) in [
            (&["--log.silences", "--cluster.multicast"][..], true),
            (&["--log.silences=true"], true),
            (&["--log.silences=false"], false),
            (&["--no-log.silences"], false),
        ] {
            assert_eq!(settings(args).log.silences, is_on, "{args:?}");
        }
    }

    #[test]
    fn features_come_one_by_one_or_as_a_list() {
        let given =
            settings(&["--enable-feature=classic-mode,auto-gomemlimit", "--enable-feature="]);
        assert_eq!(given.features.enable, [Feature::ClassicMode, Feature::AutoGomemlimit]);
        assert_eq!(
            errors(&["--enable-feature=turbo"]),
            [
                "--enable-feature: expected one of classic-mode, utf8-strict-mode, alert-names-in-metrics, \
              receiver-name-in-metrics, group-key-in-metrics, auto-gomemlimit, event-recorder, found \"turbo\""
            ]
        );
    }

    #[test]
    fn every_error_is_told() {
        assert_eq!(
            errors(&[
                "--web.listen-adress=:1",
                "-x",
                "stray",
                "--data.retention=soon",
                "--storage.path",
            ]),
            [
                "unknown flag --web.listen-adress; did you mean --web.listen-address?",
                "unknown flag -x; --help lists them all",
                "unexpected argument \"stray\"",
                "--storage.path: needs a value",
                "--data.retention: expected a duration like 30s, 1h30m or 5d, found \"soon\"",
            ]
        );
    }

    #[test]
    fn flags_without_meaning_are_accepted_and_told() {
        let flags = run(&["--cluster.tcp-timeout=10s", "--auto-gomemlimit.ratio", "0.9"]);
        assert_eq!(
            flags.notes[0],
            "--cluster.tcp-timeout: accepted, has no effect here: the flock uses no TCP"
        );
        assert_eq!(flags.notes.len(), 2);
        let flags = run(&["--auto-gomemlimit", "--no-auto-gomemlimit"]);
        assert_eq!(
            flags.notes[1],
            "--no-auto-gomemlimit: accepted, has no effect here: there is no garbage collector to limit"
        );
    }

    #[test]
    fn tls_for_the_flock_is_a_sealed_flock_or_none() {
        for (args, open) in [
            (&["--cluster.peer=a:1"] as &[_], true),
            (&["--cluster.peer=a:1", "--cluster.tls-config="], true),
            (&["--cluster.peer=a:1", "--cluster.tls-config=w.yml"], false),
            (&["--cluster.peer=a:1", "--cluster.tls-config=w.yml", "--cluster.key-file=k"], true),
        ] {
            let flags = run(args);
            let mut settings = Settings::default();
            assert!(flags.apply(&mut settings).is_empty());
            assert_eq!(settings.cluster.port().is_some(), open, "{args:?}");
            assert_eq!(
                flags.notes.len(),
                usize::from(args.contains(&"--cluster.tls-config=w.yml"))
            );
        }
    }

    #[test]
    fn every_flag_of_alertmanager_is_known() {
        let all = "config.file storage.path data.retention data.maintenance-interval silences.max-silences \
            silences.max-silence-size-bytes alerts.gc-interval alerts.per-alertname-limit \
            dispatch.maintenance-interval dispatch.start-delay web.listen-address web.config.file web.external-url \
            web.route-prefix web.get-concurrency web.timeout cluster.listen-address cluster.advertise-address \
            cluster.peer-name cluster.peer cluster.peer-timeout cluster.peers-resolve-timeout \
            cluster.gossip-interval cluster.pushpull-interval cluster.tcp-timeout cluster.probe-timeout \
            cluster.probe-interval cluster.settle-timeout cluster.reconnect-interval cluster.reconnect-timeout \
            cluster.tls-config cluster.label enable-feature auto-gomemlimit auto-gomemlimit.ratio log.level log.format log.silences \
            cluster.allow-insecure-public-advertise-address-discovery web.systemd-socket";
        for flag in all.split_whitespace() {
            let told = errors(&[&format!("--{flag}=?"), "--nonsense"]);
            assert!(
                told.iter().all(|text| !text.contains(&format!("unknown flag --{flag}"))),
                "{told:?}"
            );
        }
    }

    #[test]
    fn help_and_version_print_and_leave() {
        let parsed = |arg: &str| parse([OsString::from(arg)]).unwrap();
        assert!(matches!(parsed("-h"), Invocation::Help));
        assert!(matches!(parsed("--help"), Invocation::Help));
        assert!(matches!(parsed("--version"), Invocation::Version));
        assert!(help().contains("--web.listen-address=[\"127.0.0.1:9093\"]"));
        assert!(help().contains("--cluster.key-file"));
    }

    #[test]
    fn the_config_file_is_the_given_one_or_the_first_that_exists() {
        let given = Path::new("x.toml");
        assert_eq!(choose_config(Some(given), |_| false).as_deref(), Some(given));
        let both = choose_config(None, |_| true);
        assert_eq!(both.as_deref(), Some(Path::new("bellwether.toml")));
        let yaml = choose_config(None, |file| file.ends_with("alertmanager.yml"));
        assert_eq!(yaml.as_deref(), Some(Path::new("alertmanager.yml")));
        assert_eq!(choose_config(None, |_| false), None);
    }
    /// The rows of the three tables of flags in `configs/README.md`.
    fn documented() -> [Vec<String>; 3] {
        let mut defaults = Settings::default();
        let settings = KEYS.iter().map(|key| {
            let default = (key.value)(&mut defaults).show();
            let (flag, section, name) = (key.flag, key.section, key.name);
            format!("| `--{flag}` | `{section}.{name}` | `{default}` | {} |", key.help)
        });
        let first =
            "| `--config.file` | | | The configuration; see [the file](#the-file) |".to_owned();
        let plain = |table: &[(&str, &str)]| -> Vec<String> {
            table.iter().map(|(flag, why)| format!("| `--{flag}` | {why} |")).collect()
        };
        let features = Feature::ALL.iter().filter_map(|feature| {
            Some(format!("| `--enable-feature={}` | {} |", feature.as_str(), feature.instead()?))
        });
        let mut idle = [plain(WITHOUT_EFFECT), plain(SWITCHES_WITHOUT_EFFECT)].concat();
        idle.extend(features);
        [
            std::iter::once(first).chain(settings).collect(),
            idle,
            plain(&[(FLOCK_TLS, FLOCK_TLS_NOTE)]),
        ]
    }

    #[test]
    fn the_docs_list_every_flag_with_its_key_and_default() {
        let docs = include_str!("../../configs/README.md");
        let (_, section) = docs.split_once("\n## Flags\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows: Vec<_> = section.lines().filter(|line| line.starts_with("| `--")).collect();
        let expected = documented().concat();
        assert_eq!(rows, expected, "configs/README.md should have:\n{}", expected.join("\n"));
    }
}

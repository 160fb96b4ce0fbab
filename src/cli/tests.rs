use super::commands::{COMMANDS, Command};
use super::testing::{called, told};
use super::*;

#[test]
fn errors_go_to_stderr_alone() {
    for args in [
        &["check-config", "--nonsense"][..],
        &["flock", "--url=gw"],
        &["history", "nonsense"],
        &["journal", "check", "/nowhere/at/all"],
        &["journal"],
        &["key", "old"],
        &["notify", "test"],
        &["template", "render"],
        &["healthy", "--url=http://127.0.0.1:1"],
    ] {
        let (code, out, err) = told(args);
        assert!(
            code > 0 && out.is_empty() && err.starts_with("error: "),
            "{args:?}: {out:?}, {err:?}"
        );
    }
}

#[test]
fn every_subcommand_has_help_with_all_its_flags() {
    for command in COMMANDS {
        let words: Vec<&str> = command.name.split(' ').collect();
        let (code, help, err) = told(&[&words[..], &["--help"]].concat());
        assert_eq!((code, &*err), (0, ""), "{}", command.name);
        assert!(help.starts_with(&format!("usage: bellwether {}", command.name)), "{help}");
        let own = [command.flags].into_iter().chain(command.shared.iter().map(|(_, flags)| *flags));
        for flag in own.flat_map(str::lines).filter_map(commands::Flag::of_line) {
            assert!(help.contains(flag.shown), "{}: {}", command.name, flag.shown);
        }
        assert_eq!(told(&[&["help"], &words[..]].concat()).1, help);
    }
}

#[test]
fn lines_of_help_fit_and_flags_are_flags() {
    for command in COMMANDS {
        for line in command.flag_lines() {
            assert!(line.chars().count() <= 120, "{line}");
            let is_name_alone = line.trim_start().starts_with('-') && !line.trim().contains("  ");
            let is_aligned = line.get(26..28).is_some_and(|it| it.starts_with(' ') && it != "  ");
            assert!(is_name_alone || is_aligned, "{}: {line:?}", command.name);
        }
        let mut names: Vec<&str> = command.flags().flat_map(commands::Flag::names).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{}: a flag twice", command.name);
        for flag in command.flags() {
            assert!(!flag.name().is_empty(), "{}: {flag:?}", command.name);
            let value = flag.value().unwrap_or("A");
            assert!(value.chars().all(|c| c.is_ascii_uppercase() || c == '='), "{flag:?}");
        }
    }
}

#[test]
fn a_group_alone_is_its_first_subcommand() {
    let first = |words: &str| parse::named(words).next().map(|command: &Command| command.name);
    for (words, name) in [
        ("alert", "alert query"),
        ("silence", "silence query"),
        ("config", "config show"),
        ("config routes", "routes show"),
        ("config routes test", "routes test"),
        ("routes", "routes show"),
        ("cluster", "cluster show"),
    ] {
        assert_eq!(first(words), Some(name), "{words}");
    }
    assert_eq!(first("silen"), None);
}

#[test]
fn an_unknown_word_hears_what_was_meant() {
    let (code, out, err) = told(&["silnce", "add"]);
    let expected =
        "error: unknown subcommand \"silnce\"; did you mean \"silence\"?\nSee bellwether --help\n";
    assert_eq!((code, &*out, &*err), (2, "", expected));
    let (_, _, err) = told(&["nothing"]);
    assert!(err.contains("known: alert, silence, ack, config, routes, check-config, "), "{err}");
    let (code, _, err) = told(&["alert", "query", "--reciever=x"]);
    assert!(code == 2 && err.contains("did you mean \"--receiver\"?"), "{err}");
    let daemon = ["--log.level=info"].map(OsString::from);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    assert_eq!(run(&daemon, &Process::default(), &mut out, &mut err), None);
}

#[test]
fn amtool_knows_one_failure_and_takes_flags_before_words() {
    let (code, out, err) = called("amtool", &["-o", "simple", "silence", "add"]);
    assert!(code == 1 && out.is_empty(), "{out}");
    assert!(err.starts_with("amtool: error: no matchers specified\n"), "{err}");
    assert!(called("amtool", &["--version"]).1.starts_with("amtool, version 0.3"));
    assert!(called("amtool", &[]).1.starts_with("usage: amtool SUBCOMMAND\n"));
}

#[test]
fn amtools_config_file_gives_flags_that_are_missing() {
    let home = std::env::temp_dir().join(format!("bellwether-home-{}", std::process::id()));
    std::fs::create_dir_all(home.join(".config/amtool")).unwrap();
    let text = "alertmanager.url: gw\ncomment_required: false\nauthor: ann\nunheard.of: 1\n";
    std::fs::write(home.join(".config/amtool/config.yml"), text).unwrap();
    let process =
        Process { name: "amtool".to_owned(), home: Some(home.clone()), ..Process::default() };
    let told = |args: &[&str]| {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let mut err = Vec::new();
        run(&args, &process, &mut Vec::new(), &mut err).unwrap();
        String::from_utf8(err).unwrap()
    };
    assert!(told(&["silence", "add", "A"]).contains("--url=gw: expected http://"));
    assert!(told(&["silence", "add", "A", "--url=wg"]).contains("--url=wg: expected http://"));
    let refused = told(&["silence", "add", "A", "--require-comment"]);
    assert!(refused.contains("comment required by config"), "{refused}");
    std::fs::remove_dir_all(home).unwrap();
}

use serde_json::{Value, json};

use super::commands::{COMMANDS, Command};
use super::testing::{Fake, called, called_by, told, told_by};
use super::*;
use crate::model::printable::is_control;

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
    let (_, _, err) = told(&["alert", "--completion-script-bash"]);
    assert!(err.contains("; nearest of ") && err.len() < 300, "{err}");
    let daemon = ["--log.level=info"].map(OsString::from);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    assert_eq!(run(&daemon, &Process::default(), &mut out, &mut err), None);
}

#[test]
fn an_argument_too_many_is_not_ignored() {
    for (words, more) in [
        ("silence import a.json b.json", "b.json"),
        ("ping backup now", "now"),
        ("owed retry a b", "b"),
        ("cluster show x", "x"),
        ("config convert a.yml b.yml", "b.yml"),
    ] {
        let (code, out, err) = told(&words.split(' ').collect::<Vec<_>>());
        assert_eq!((code, &*out), (2, ""), "{words}");
        assert!(err.starts_with(&format!("error: unexpected argument {more:?}\n")), "{err}");
    }
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
fn flags_that_amtool_takes_everywhere_may_stand_behind_the_words() {
    for (words, status) in [
        ("silence add foo -c x -o json", 0),
        ("silence expire x -o json --date.format=2006", 0),
        ("alert add foo --output=extended", 0),
        ("check-config /nowhere.yml --timeout=1s", 1),
        ("template render --template.text=x", 0),
    ] {
        let fake = Fake::new(&[(200, "{\"silenceID\": \"x\"}")]);
        let (code, _, err) = called_by("amtool", &fake, &words.split(' ').collect::<Vec<_>>());
        assert!(code == status && !err.contains("unknown flag"), "{words}: {err}");
    }
    let (code, _, err) = called("amtool", &["check-config", "--output"]);
    assert!(code == 1 && err.contains("--output: needs a value"), "{err}");
}

#[test]
fn a_format_that_is_asked_for_is_printed_or_refused() {
    for command in COMMANDS {
        let words: Vec<&str> = command.name.split(' ').collect();
        let (code, _, err) = told(&[&words[..], &["-o"]].concat());
        let is_known = command.flags().any(|flag| flag.name() == "output");
        let why = if is_known { "-o: needs a value" } else { "unknown flag \"-o\"" };
        assert!(code == 2 && err.contains(why), "{}: {err}", command.name);
    }
    let (code, _, err) = told(&["silence", "-o", "json", "expire", "x"]);
    assert!(code == 2 && err.contains("unknown flag \"--output\""), "{err}");
    for words in ["flock", "deadman", "owed", "history", "cluster show"] {
        let fake = Fake::new(&[(200, "{\"cluster\":{\"name\":\"a\"}}")]);
        let words: Vec<&str> = words.split(' ').chain(["-o", "json"]).collect();
        let (code, out, err) = told_by(&fake, &words);
        let name = serde_json::from_str::<Value>(&out).map(|it| it.to_string().contains("\"a\""));
        assert!(code == 0 && name.is_ok_and(|is_there| is_there), "{words:?}: {out}{err}");
    }
}

#[test]
fn mistakes_hear_how_it_is_written() {
    for (words, status, why) in [
        ("routes test --at 22:30", 2, "\"22:30\" is no time: write now, or 2026-11-28T22:00:00Z\n"),
        (
            "silence add A -c x --end yesterday",
            2,
            "--end: \"yesterday\" is no time: write now, or ",
        ),
    ] {
        let fake = Fake::new(&[(
            200,
            "{\"config\":{\"original\":\"route: {receiver: x}\\nreceivers: [{name: x}]\"}}",
        )]);
        let (code, _, err) = told_by(&fake, &words.split(' ').collect::<Vec<_>>());
        assert!(code == status && err.contains(why), "{words}: {err}");
    }
    let (_, _, err) = called("amtool", &["silence", "add", "A", "-c=x", "--end=yesterday"]);
    assert!(err.contains(" as \"2006-01-02T15:04:05Z07:00\": "), "{err}");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/gateway.toml");
    let (code, _, err) = told(&["config", "convert", file]);
    assert_eq!((code, err), (1, format!("error: {file}: is TOML already\n")));
}

#[test]
fn an_unknown_flag_hears_of_the_nearest_few_and_where_all_are() {
    let (_, _, err) = called("amtool", &["--receiver-regex"]);
    assert!(
        err.contains("--receiver") && err.contains("; amtool --help-long lists all\n"),
        "{err}"
    );
    for (name, words) in [("amtool", "--zzzqqq"), ("bellwether", "silence add --zzzqqq")] {
        let (_, _, err) = called(name, &words.split(' ').collect::<Vec<_>>());
        let listed = err.split("nearest of").nth(1).unwrap_or_default().split(", ").count();
        assert!((2..=10).contains(&listed) && err.contains(" --help\n"), "{err}");
    }
}

#[test]
fn help_tells_the_exit_codes_of_the_name_that_it_is_called_by() {
    let ours = told(&["flock", "--help"]).1;
    let amtools = called("amtool", &["flock", "--help"]).1;
    assert!(ours.contains("and with 2 if the\n"), "{ours}");
    assert!(amtools.contains("and with 1 if not.\n") && !amtools.contains(" 2 if"), "{amtools}");
}

#[test]
fn amtool_prints_all_its_help() {
    let (code, help, err) = called("amtool", &["--help-long"]);
    assert_eq!((code, &*err), (0, ""));
    for command in COMMANDS {
        let usage = format!("usage: amtool {}", command.name_of("amtool"));
        assert!(help.contains(&usage), "{usage}");
    }
    assert!(help.contains("usage: amtool config routes test "), "amtool has routes below config");
    assert!(called("amtool", &["config", "--help"]).1.contains("\n  config routes show "));
}

#[test]
fn a_user_may_stand_in_the_url_and_the_password_is_never_told() {
    let fake = Fake::new(&[(200, "[]")]);
    let url = format!("--alertmanager.url={}", fake.url_of("ann:pass%20word"));
    let (code, _, err) = called("amtool", &["alert", "query", &url]);
    assert_eq!((code, &*err), (0, ""));
    assert!(fake.asked().contains("Authorization: Basic YW5uOnBhc3Mgd29yZA==\r\n"));
    for (url, shown) in [
        ("http://ann:geheim@127.0.0.1:1/am", "http://127.0.0.1:1/am: "),
        ("http://geheim@127.0.0.1:1", "http://127.0.0.1:1: "),
        ("ftp://ann:geheim@gw", "--url=gw: expected http://"),
        ("http://ann:geheim/x@gw:9093", "--url=gw:9093: expected http://"),
        ("ann:geheim@gw", "--url=gw: expected http://"),
    ] {
        let (code, out, err) = told(&["flock", &format!("--url={url}")]);
        assert!(code > 0 && out.is_empty() && err.contains(shown), "{url}: {err}");
        assert!(!err.contains("geheim"), "{url}: {err}");
    }
    let both = ["flock", "--url=http://ann:geheim@gw", "--user=ann", "--password-file=/x"];
    let (code, _, err) = told(&both);
    assert!(code == 2 && err.contains("alone") && !err.contains("geheim"), "{err}");
}

#[test]
fn a_file_of_http_config_gives_headers_and_no_proxy() {
    let file = std::env::temp_dir().join(format!("bellwether-headers-{}.yml", std::process::id()));
    let flag = format!("--http.config.file={}", file.display());
    let told = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let fake = Fake::new(&[(200, "[]")]);
        let (code, _, err) = told_by(&fake, &["alert", "query", &flag]);
        (code, fake.asked(), err)
    };
    let text = "http_headers: {X-Site: {values: [north]}, X-Key: {secrets: [geheim]}}";
    let (code, asked, err) = told(text);
    assert_eq!((code, &*err), (0, ""));
    assert!(asked.contains("\r\nX-Site: north\r\n") && asked.contains("\r\nX-Key: geheim\r\n"));
    for text in ["proxy_url: http://ann:geheim@proxy:1", "proxy_from_environment: true"] {
        let (code, asked, err) = told(text);
        assert!(code == 1 && asked.is_empty() && err.contains("proxy"), "{text}: {err}");
        assert!(!err.contains("geheim"), "{err}");
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn amtools_config_file_gives_flags_that_are_missing() {
    let home = std::env::temp_dir().join(format!("bellwether-home-{}", std::process::id()));
    std::fs::create_dir_all(home.join(".config/amtool")).unwrap();
    let text = "alertmanager.url: gw\ncomment_required: false\nauthor: ann\nunheard.of: 1\n";
    let file = home.join(".config/amtool/config.yml");
    std::fs::write(&file, text).unwrap();
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
    std::fs::write(&file, "url: gw\n").unwrap();
    let refused = told(&["alert", "query"]);
    assert!(refused.contains("--url=gw: expected http://"), "{refused}");
    std::fs::remove_dir_all(home).unwrap();
}

/// A text that sets a terminal's title, moves its cursor and turns the order of what is read.
const HOSTILE: &str = "\u{1b}]0;x\u{7}\u{9b}2J\u{7f}\u{85}\u{202e}\u{2028}\r!";

/// Every answer that a subcommand prints, with a hostile text wherever one may stand.
fn hostile_answers() -> Vec<(&'static str, &'static [&'static str], Value)> {
    let at = "2026-11-22T01:00:00Z";
    let labels = json!({"alertname": HOSTILE, HOSTILE: HOSTILE});
    let alert = json!({"labels": labels, "annotations": {HOSTILE: HOSTILE}, "startsAt": at,
        "endsAt": at, "generatorURL": HOSTILE, "status": {"state": HOSTILE}});
    let matcher = json!({"name": HOSTILE, "value": HOSTILE, "isRegex": false, "isEqual": true});
    let silence = json!({"id": HOSTILE, "matchers": [matcher], "startsAt": at, "createdBy": HOSTILE,
        "endsAt": "2999-01-01T00:00:00Z", "comment": HOSTILE, "status": {"state": "active"}});
    let member = json!({"name": HOSTILE, "id": HOSTILE, "address": HOSTILE, "state": HOSTILE});
    let flock = json!({"id": HOSTILE, "members": [member], "keys": [HOSTILE],
        "interfaces": [HOSTILE], "drops": {HOSTILE: 1}, "duplicate": {"address": HOSTILE}});
    let cluster = json!({"status": HOSTILE, "name": HOSTILE, "peers": [member], "flock": flock});
    let trouble = json!({"alertname": HOSTILE, "what": HOSTILE, "why": HOSTILE});
    let status = json!({"cluster": cluster, "config": {"original": HOSTILE}, "uptime": HOSTILE,
        "versionInfo": {HOSTILE: HOSTILE}, "bellwether": {"troubles": [trouble]}});
    let told = json!({"at": at, "groupKey": HOSTILE, "receiver": HOSTILE, "integration": HOSTILE,
        "outcome": "failed", "why": HOSTILE});
    let posted = json!({"at": at, "labels": labels, "status": HOSTILE, "startsAt": at});
    let debt =
        json!({"since": at, "receiver": HOSTILE, "integration": HOSTILE, "groupKey": HOSTILE});
    let tried = json!({"integration": HOSTILE, "index": 0, "error": HOSTILE,
        "template_faults": [HOSTILE], "requests": [{"request": HOSTILE, "answer": HOSTILE}]});
    let expected = json!({"name": HOSTILE, "by": HOSTILE, "last": at, "period": HOSTILE});
    let formats: &[&str] = &["simple", "extended", "json"];
    vec![
        ("alert query", formats, json!([alert])),
        ("silence query", formats, json!([silence])),
        ("config show", formats, status.clone()),
        ("cluster show", formats, status.clone()),
        ("flock", formats, status),
        ("history", formats, json!([told])),
        ("history --alerts", formats, json!([posted])),
        ("owed", formats, json!([debt])),
        ("notify test x", &[], json!({"receiver": HOSTILE, "integrations": [tried]})),
        ("deadman", formats, json!({"expected": [expected], "heartbeats": [{"name": HOSTILE}]})),
        ("owed drop", &[], json!({"dropped": HOSTILE})),
    ]
}

#[test]
fn no_text_of_an_agent_controls_a_terminal() {
    let is_harmless = |text: &str| !text.contains(|c| is_control(c) && c != '\n' && c != '\t');
    for (words, formats, answer) in hostile_answers() {
        let words: Vec<&str> = words.split(' ').collect();
        for format in formats.iter().map(Some).chain([None]) {
            let output = format.map(|format| format!("--output={format}"));
            let args: Vec<&str> = words.iter().copied().chain(output.as_deref()).collect();
            let (_, out, err) = told_by(&Fake::new(&[(200, &answer.to_string())]), &args);
            assert!(is_harmless(&out) && is_harmless(&err), "{args:?}: {out:?} {err:?}");
            assert!(out.contains("u202e"), "{args:?}: {out:?} {err:?}");
            if format == Some(&"json") {
                let read: Value = serde_json::from_str(&out).unwrap();
                let hostile = Value::from(HOSTILE).to_string();
                assert!(read.to_string().contains(&hostile), "{args:?}: {out}");
            }
            for refusal in [HOSTILE.to_owned(), Value::from(HOSTILE).to_string()] {
                let (code, out, err) = told_by(&Fake::new(&[(400, &refusal)]), &args);
                assert!(code > 0 && is_harmless(&out) && is_harmless(&err), "{args:?}: {err:?}");
                assert!(err.contains("u202e"), "{args:?}: {err:?}");
            }
        }
    }
}

#[test]
fn a_text_for_a_file_is_exact_and_harmless_on_a_terminal() {
    let args = ["template", "render", "--template.text", "a\u{200f}\u{202e}b"];
    assert_eq!(told(&args).1, "a\u{200f}\u{202e}b");
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    let terminal = Process { columns: Some(80), ..Process::default() };
    let mut out = Vec::new();
    run(&args, &terminal, &mut out, &mut Vec::new());
    assert_eq!(String::from_utf8(out).unwrap(), "a\\u200f\\u202eb");
}

//! `bellwether notify test RECEIVER [LABEL=VALUE]...`: does this receiver work, and what is it sent?

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::client::{Agent, FLAGS};
use crate::cli::table::text;
use crate::limits::{CLI_TIME_MAX, NOTIFY_TEST_TIME_MAX};

const USAGE: &str = "\
usage: bellwether notify test RECEIVER [LABEL=VALUE]... [--annotation NAME=VALUE]... [--resolved] [--dry-run] [--url URL] [--user NAME] ...

Sends a sample to each integration of RECEIVER at the agent at URL (http://127.0.0.1:9093), and shows the requests and
the answers, without secrets. The sample is an alert with the label bellwether_test=\"true\", and with those that are given;
with --resolved it has ended. With --dry-run nothing is sent. Leaves with 0 if all have taken it, else with 1.
";

/// Answers wait until every receiver has answered.
const TIME_MAX: Duration = NOTIFY_TEST_TIME_MAX.saturating_add(CLI_TIME_MAX);

/// Runs the subcommand; `args` come after the word `notify`. Returns the exit code: 0, 1 failed, 2 usage.
pub fn run(args: &[String], out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let is_help = |arg: &String| arg == "-h" || arg == "--help";
    let done = if args.iter().any(is_help) {
        out.write_all(format!("{USAGE}{FLAGS}").as_bytes()).map(|()| 0)
    } else {
        match read(args) {
            Err(why) => write!(err, "bellwether notify: {why}\n\n{USAGE}{FLAGS}").map(|()| 2),
            Ok((agent, wish)) => match ask(&agent, &wish) {
                Err(why) => writeln!(err, "error: {why}").map(|()| 1),
                Ok(answer) => {
                    let (text, code) = shown(&answer);
                    out.write_all(text.as_bytes()).map(|()| code)
                }
            },
        }
    };
    // Whoever closed the pipe does not read the code either.
    done.unwrap_or(1)
}

fn ask(agent: &Agent, wish: &Value) -> Result<Value, String> {
    let path = "/bellwether/v1/notify/test";
    let answer = agent.post_within(path, wish.to_string().as_bytes(), TIME_MAX)?;
    serde_json::from_slice(&answer).map_err(|error| format!("{path}: no JSON: {error}"))
}

/// The agent, and what is asked of it.
fn read(args: &[String]) -> Result<(Agent, Value), String> {
    let mut args = args.iter();
    if args.next().is_none_or(|word| word != "test") {
        return Err("expected the word test".to_owned());
    }
    let mut receiver = None;
    let (mut labels, mut annotations) = (BTreeMap::new(), BTreeMap::new());
    let (mut resolved, mut dry_run, mut agent) = (false, false, Agent::default());
    while let Some(arg) = args.next() {
        let (flag, given) = match arg.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
            _ => (arg.as_str(), None),
        };
        let mut value = || {
            let value = given.clone().or_else(|| args.next().cloned());
            value.ok_or_else(|| format!("{flag} needs a value"))
        };
        match flag {
            "--dry-run" if given.is_none() => dry_run = true,
            "--resolved" if given.is_none() => resolved = true,
            "--annotation" => annotations.extend([pair(&value()?)?]),
            flag if flag.starts_with('-') => match agent.place(flag) {
                Some(place) => *place = value()?,
                None => return Err(format!("unknown flag {flag}")),
            },
            word if receiver.is_none() => receiver = Some(word.to_owned()),
            word => labels.extend([pair(word)?]),
        }
    }
    let receiver = receiver.ok_or("expected the name of a receiver")?;
    let wish = json!({
        "receiver": receiver, "labels": labels, "annotations": annotations,
        "resolved": resolved, "dry_run": dry_run,
    });
    Ok((agent, wish))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| format!("{text:?}: expected NAME=VALUE"))
}

/// The answer for people, and the exit code.
fn shown(answer: &Value) -> (String, u8) {
    let list = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let integrations = list(answer, "integrations");
    if integrations.is_empty() {
        let name = text(answer.get("receiver"));
        return (format!("receiver {name} has no integrations: nobody is told\n"), 1);
    }
    let is_dry = answer.get("dry_run") == Some(&Value::Bool(true));
    let (mut lines, mut code) = (Vec::new(), 0);
    for it in &integrations {
        let outcome = match (it.get("error").and_then(Value::as_str), is_dry) {
            (Some(why), _) => {
                code = 1;
                format!("failed: {why}")
            }
            (None, true) => "not sent".to_owned(),
            (None, false) => "delivered".to_owned(),
        };
        let name = format!("{}[{}]", text(it.get("integration")), text(it.get("index")));
        lines.push(format!("{name}: {outcome}"));
        for fault in list(it, "template_faults") {
            code = 1;
            lines.push(format!("  {}", text(Some(&fault))));
        }
        for exchange in list(it, "requests") {
            for (mark, key) in [('>', "request"), ('<', "answer")] {
                for line in exchange.get(key).and_then(Value::as_str).unwrap_or_default().lines() {
                    lines.push(format!("  {mark} {line}").trim_end().to_owned());
                }
            }
        }
    }
    (lines.join("\n") + "\n", code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(args: &[&str]) -> Result<(Agent, Value), String> {
        read(&args.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_test_is_read_from_words_and_flags() {
        let (agent, body) = wish(&[
            "test",
            "ops",
            "site=a=b",
            "--annotation",
            "summary=x",
            "--dry-run",
            "--url=http://gw",
        ])
        .unwrap();
        assert!(format!("{agent:?}").contains("url: \"http://gw\""), "{agent:?}");
        let expected = json!({
            "receiver": "ops", "labels": {"site": "a=b"}, "annotations": {"summary": "x"},
            "resolved": false, "dry_run": true,
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn words_that_make_no_test_are_named() {
        for (args, why) in [
            (&[][..], "expected the word test"),
            (&["test"], "expected the name of a receiver"),
            (&["test", "r", "site"], "\"site\": expected NAME=VALUE"),
            (&["test", "r", "--dry"], "unknown flag --dry"),
            (&["test", "r", "--url"], "--url needs a value"),
        ] {
            assert_eq!(wish(args).unwrap_err(), why);
        }
    }

    #[test]
    fn requests_and_answers_are_shown_and_a_failure_leaves_with_1() {
        let answer = json!({"receiver": "r", "dry_run": false, "integrations": [
            {"integration": "webhook", "index": 0, "delivered": true,
             "requests": [{"request": "POST http://x\n\n{}", "answer": "status 200"}]},
            {"integration": "log", "index": 0, "delivered": false, "error": "no", "requests": []},
        ]});
        let expected = "webhook[0]: delivered\n  > POST http://x\n  >\n  > {}\n  < status 200\nlog[0]: failed: no\n";
        assert_eq!(shown(&answer), (expected.to_owned(), 1));
        let nobody = json!({"receiver": "null", "dry_run": true, "integrations": []});
        assert_eq!(shown(&nobody).1, 1);
    }
}

//! `bellwether ack MATCHER... [--author NAME] [--comment TEXT] [--url URL] [--user NAME] ...`: quiets an alert until it resolves.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::client::{Agent, FLAGS};
use crate::model::matcher::{Grammar, parse_one};
use crate::model::{ENDS_WHEN_RESOLVED, MatchOp, Matcher};
use crate::time::Wall;

const USAGE: &str = "\
usage: bellwether ack MATCHER... [--author NAME] [--comment TEXT] [--url URL] [--user NAME] ...

Acknowledges the alerts that every MATCHER matches (alertname=DiskFull instance=gw1; a first word without an operator is
the alertname) at the agent at URL (http://127.0.0.1:9093): a silence that ends as soon as none of them fires any more,
and after 30 days. Prints its id.
";

/// How long an acknowledgement lasts at most: an alert that still fires then is notified again.
const TIME_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Runs the subcommand; `args` come after its name. Returns the exit code: 0, 1 failed, 2 usage.
pub fn run(args: &[String], now: Wall, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    if let [flag] = args
        && ["--help", "-h"].contains(&&**flag)
    {
        return out.write_all(format!("{USAGE}{FLAGS}").as_bytes()).map_or(1, |()| 0);
    }
    let outcome = read(args).map_err(|why| (2, format!("{why}\n{USAGE}"))).and_then(|wish| {
        let body = wish.body(now).to_string();
        let answer = wish.agent.post("/api/v2/silences", body.as_bytes());
        answer.map_err(|why| (1, format!("error: {why}\n")))
    });
    match outcome {
        Ok(answer) => {
            let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
            let id = answer.get("silenceID").and_then(Value::as_str).unwrap_or("unknown");
            writeln!(out, "{id}").map_or(1, |()| 0)
        }
        Err((code, text)) => {
            // Nobody is left to hear of a closed stderr.
            err.write_all(text.as_bytes()).ok();
            code
        }
    }
}

struct Wish {
    matchers: Vec<Matcher>,
    author: String,
    comment: String,
    agent: Agent,
}

fn read(args: &[String]) -> Result<Wish, String> {
    let mut wish = Wish {
        matchers: Vec::new(),
        author: "bellwether ack".to_owned(),
        comment: "Acknowledged".to_owned(),
        agent: Agent::default(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let (flag, given) = arg.split_once('=').map_or((&**arg, None), |(a, b)| (a, Some(b)));
        let place = match flag {
            "--author" => &mut wish.author,
            "--comment" => &mut wish.comment,
            _ if flag.starts_with('-') => wish
                .agent
                .place(flag)
                .ok_or_else(|| format!("bellwether ack: unknown flag {flag}"))?,
            _ => {
                let is_name = wish.matchers.is_empty() && !arg.contains(['=', '~', '!']);
                wish.matchers.push(matcher(arg, is_name)?);
                continue;
            }
        };
        let value = given.map(ToOwned::to_owned).or_else(|| args.next().cloned());
        *place = value.ok_or_else(|| format!("bellwether ack: {flag} needs a value"))?;
    }
    if wish.matchers.is_empty() {
        return Err("bellwether ack: expected a matcher, such as alertname=DiskFull".to_owned());
    }
    Ok(wish)
}

fn matcher(text: &str, is_name: bool) -> Result<Matcher, String> {
    let failed = |why: &dyn std::fmt::Display| format!("bellwether ack: {text:?}: {why}");
    if is_name {
        return Matcher::new("alertname", MatchOp::Equal, text).map_err(|error| failed(&error));
    }
    parse_one(Grammar::default(), text).map(|it| it.value).map_err(|error| failed(&error))
}

impl Wish {
    fn body(&self, now: Wall) -> Value {
        let (name, value) = ENDS_WHEN_RESOLVED;
        let matcher = |it: &Matcher| {
            let (is_equal, is_regex) = (it.op().is_equal(), it.op().is_regex());
            json!({"name": it.name(), "value": it.value(), "isEqual": is_equal, "isRegex": is_regex})
        };
        json!({
            "matchers": self.matchers.iter().map(matcher).collect::<Vec<_>>(),
            "startsAt": now,
            "endsAt": now + TIME_MAX,
            "createdBy": self.author,
            "comment": self.comment,
            "annotations": {name: value},
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(args: &[&str]) -> Result<Value, String> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        read(&args).map(|wish| wish.body(Wall::EPOCH))
    }

    #[test]
    fn an_acknowledgement_is_a_silence_that_ends_when_resolved() {
        let body =
            body(&["DiskFull", "instance=~gw.*", "--author", "Ana", "--comment=on it"]).unwrap();
        let expected = json!([
            {"name": "alertname", "value": "DiskFull", "isEqual": true, "isRegex": false},
            {"name": "instance", "value": "gw.*", "isEqual": true, "isRegex": true},
        ]);
        assert_eq!(body["matchers"], expected);
        assert_eq!((&body["createdBy"], &body["comment"]), (&json!("Ana"), &json!("on it")));
        assert_eq!(body["annotations"], json!({"ends": "when resolved"}));
        assert_eq!(body["endsAt"], json!("1970-01-31T00:00:00Z"));
    }

    #[test]
    fn words_that_make_no_acknowledgement_are_named() {
        for (args, why) in [
            (&[][..], "expected a matcher"),
            (&["--author"], "--author needs a value"),
            (&["--auhtor=x", "A"], "unknown flag --auhtor"),
            (&["A", "a=~("], "\"a=~(\""),
        ] {
            let error = body(args).unwrap_err();
            assert!(error.contains(why), "{args:?}: {error}");
        }
    }
}

//! `bellwether ping NAME`: a sign of life. `bellwether deadman`: what is expected, and what came last.

use std::io::Write;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::cli::client::{self, Agent, FLAGS};
use crate::cli::table::{local_time, table, text};

const PING_USAGE: &str = "\
usage: bellwether ping NAME [--url URL] [--user NAME] ...

Tells the agent at URL (http://127.0.0.1:9093) that what it expects under NAME, an [[expect]] of its config, is alive.
";

const USAGE: &str = "\
usage: bellwether deadman [--url URL] [--user NAME] ...

Shows what the agent at URL (http://127.0.0.1:9093) expects to hear of again and again, what came last, and what is missing;
and the heartbeats that it tells others, and what was told last.
";

/// Runs `ping`; `args` come after its name. Returns the exit code: 0, 1 failed, 2 usage.
pub fn ping(args: &[String], out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    if let [flag] = args
        && ["--help", "-h"].contains(&&**flag)
    {
        return out.write_all(format!("{PING_USAGE}{FLAGS}").as_bytes()).map_or(1, |()| 0);
    }
    let outcome =
        read(args).map_err(|why| (2, format!("{why}\n{PING_USAGE}"))).and_then(|(agent, name)| {
            let answer = agent.post(&format!("/bellwether/v1/ping/{name}"), b"");
            answer.map_err(|why| (1, format!("error: {why}\n")))
        });
    let Err((code, why)) = outcome else { return 0 };
    // Nobody is left to hear of a closed stderr.
    err.write_all(why.as_bytes()).ok();
    code
}

fn read(args: &[String]) -> Result<(Agent, &str), String> {
    let (mut agent, mut name) = (Agent::default(), None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if !arg.starts_with('-') && name.is_none() {
            name = Some(arg.as_str());
            continue;
        }
        let (flag, given) = arg.split_once('=').map_or((&**arg, None), |(a, b)| (a, Some(b)));
        let place =
            agent.place(flag).ok_or_else(|| format!("bellwether ping: unknown flag {flag}"))?;
        let value = given.map(ToOwned::to_owned).or_else(|| args.next().cloned());
        *place = value.ok_or_else(|| format!("bellwether ping: {flag} needs a value"))?;
    }
    let name = name.ok_or("bellwether ping: expected the NAME of an expectation")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !name.bytes().all(is_plain) {
        return Err(format!("bellwether ping: {name:?} is no name: letters, digits, -, _ and ."));
    }
    Ok((agent, name))
}

/// Runs `deadman`; `args` come after its name. Returns the exit code: 0, 1 failed, 2 usage.
pub fn run(args: &[String], out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    client::run(args, out, err, USAGE, "/bellwether/v1/deadman", |answer| {
        print(answer, &TimeZone::system())
    })
}

fn print(answer: &Value, zone: &TimeZone) -> String {
    let mut rows = vec![["EXPECTED", "EACH", "STATE", "LAST", "BY"].map(ToOwned::to_owned)];
    let expected = answer.get("expected").and_then(Value::as_array);
    for it in expected.into_iter().flatten() {
        let is_missing = it.get("missing").and_then(Value::as_bool).unwrap_or(false);
        let state = if is_missing { "missing" } else { "ok" }.to_owned();
        let of = |key: &str| text(it.get(key));
        let has_come = it.get("last").is_some_and(Value::is_string);
        let (last, by) = if has_come {
            (local_time(&of("last"), zone), of("by"))
        } else {
            ("not since the start".to_owned(), String::new())
        };
        rows.push([of("name"), of("period"), state, last, by]);
    }
    let expected = match rows.len() {
        1 => "nothing is expected: the config has no [[expect]]\n".to_owned(),
        _ => table(&rows),
    };
    let heartbeats = heartbeats(answer, zone);
    if heartbeats.is_empty() { expected } else { format!("{expected}\n{heartbeats}") }
}

fn heartbeats(answer: &Value, zone: &TimeZone) -> String {
    let mut rows = vec![["HEARTBEAT", "EACH", "TOLD", "LAST"].map(ToOwned::to_owned)];
    for it in answer.get("heartbeats").and_then(Value::as_array).into_iter().flatten() {
        let of = |key: &str| text(it.get(key));
        let is_told = it.get("last").is_some_and(Value::is_string);
        let (told, last) =
            if is_told { (of("told"), local_time(&of("last"), zone)) } else { Default::default() };
        rows.push([of("name"), of("period"), told, last]);
    }
    if rows.len() == 1 { String::new() } else { table(&rows) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read as read_of;
    use super::*;

    #[test]
    fn what_is_expected_is_a_page() {
        let page = print(
            &json!({"expected": [
                {"name": "backup", "period": "1d", "missing": false, "last": "2026-11-22T01:00:00.5Z", "by": "a ping of 10.0.0.7"},
                {"name": "watchdog", "period": "5m", "missing": true, "last": null, "by": null},
            ], "heartbeats": [{"name": "hc", "period": "1m", "told": "ok", "last": "2026-11-22T01:00:00Z"}]}),
            &TimeZone::UTC,
        );
        let expected = "\
EXPECTED  EACH  STATE    LAST                      BY
backup    1d    ok       2026-11-22T01:00:00.500Z  a ping of 10.0.0.7
watchdog  5m    missing  not since the start

HEARTBEAT  EACH  TOLD  LAST
hc         1m    ok    2026-11-22T01:00:00.000Z
";
        assert_eq!(page, expected);
        assert!(print(&json!(null), &TimeZone::UTC).starts_with("nothing is expected"));
    }

    #[test]
    fn a_ping_needs_a_name() {
        let read = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|it| (*it).to_owned()).collect();
            read_of(&args).map(|(_, name)| name.to_owned())
        };
        assert_eq!(read(&["--url=http://gw", "backup"]), Ok("backup".to_owned()));
        for wrong in [&[][..], &["a/b"], &["a", "b"], &["a", "--url"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}

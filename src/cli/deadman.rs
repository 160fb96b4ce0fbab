//! `bellwether ping NAME`: a sign of life. `bellwether deadman`: what is expected, and what came last.

use std::io::Write as _;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::table::{local_time, table, text};
use super::{Cx, Outcome, usage};

pub(super) fn ping(cx: &mut Cx<'_>) -> Outcome {
    let [name] = cx.args.words.as_slice() else {
        return Err(usage("expected the NAME of an expectation"));
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !name.bytes().all(is_plain) {
        return Err(usage(format!("{name:?} is no name: letters, digits, -, _ and .")));
    }
    cx.agent()?.ask("POST", &format!("/bellwether/v1/ping/{name}"), b"")?;
    Ok(0)
}

pub(super) fn run(cx: &mut Cx<'_>) -> Outcome {
    let answer = cx.agent()?.get("/bellwether/v1/deadman")?;
    let page = print(&answer, &TimeZone::system(), cx.out.columns);
    cx.out.write_all(page.as_bytes())?;
    Ok(0)
}

fn print(answer: &Value, zone: &TimeZone, terminal: Option<usize>) -> String {
    let heads = ["EXPECTED", "EACH", "STATE", "LAST", "BY"];
    let mut rows = vec![heads.map(ToOwned::to_owned).to_vec()];
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
        rows.push(vec![of("name"), of("period"), state, last, by]);
    }
    let expected = match rows.len() {
        1 => "nothing is expected: the config has no [[expect]]\n".to_owned(),
        _ => table(&rows, false, terminal),
    };
    let heartbeats = heartbeats(answer, zone, terminal);
    if heartbeats.is_empty() { expected } else { format!("{expected}\n{heartbeats}") }
}

fn heartbeats(answer: &Value, zone: &TimeZone, terminal: Option<usize>) -> String {
    let heads = ["HEARTBEAT", "EACH", "TOLD", "LAST"];
    let mut rows = vec![heads.map(ToOwned::to_owned).to_vec()];
    for it in answer.get("heartbeats").and_then(Value::as_array).into_iter().flatten() {
        let of = |key: &str| text(it.get(key));
        let is_told = it.get("last").is_some_and(Value::is_string);
        let (told, last) =
            if is_told { (of("told"), local_time(&of("last"), zone)) } else { Default::default() };
        rows.push(vec![of("name"), of("period"), told, last]);
    }
    if rows.len() == 1 { String::new() } else { table(&rows, false, terminal) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Fake, told, told_by};
    use super::*;

    #[test]
    fn expected_signs_of_life_are_a_page() {
        let page = print(
            &json!({"expected": [
                {"name": "backup", "period": "1d", "missing": false, "last": "2026-11-22T01:00:00.5Z", "by": "a ping of 10.0.0.7"},
                {"name": "watchdog", "period": "5m", "missing": true, "last": null, "by": null},
            ], "heartbeats": [{"name": "hc", "period": "1m", "told": "ok", "last": "2026-11-22T01:00:00Z"}]}),
            &TimeZone::UTC,
            None,
        );
        let expected = "\
EXPECTED  EACH  STATE    LAST                      BY
backup    1d    ok       2026-11-22T01:00:00.500Z  a ping of 10.0.0.7
watchdog  5m    missing  not since the start

HEARTBEAT  EACH  TOLD  LAST
hc         1m    ok    2026-11-22T01:00:00.000Z
";
        assert_eq!(page, expected);
        assert!(print(&json!(null), &TimeZone::UTC, None).starts_with("nothing is expected"));
    }

    #[test]
    fn a_ping_needs_a_name() {
        let fake = Fake::new(&[(200, "")]);
        assert_eq!(told_by(&fake, &["ping", "backup"]), (0, String::new(), String::new()));
        assert!(fake.asked().starts_with("POST /bellwether/v1/ping/backup "), "{}", fake.asked());
        for wrong in [&["ping"][..], &["ping", "a/b"], &["ping", "a", "b"], &["ping", "a", "--url"]]
        {
            assert_eq!(told(wrong).0, 2, "{wrong:?}");
        }
    }
}

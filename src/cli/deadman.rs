//! `bellwether ping NAME`: a sign of life. `bellwether deadman`: what is expected, and what came last.

use std::io::{self, Write as _};

use jiff::tz::TimeZone;
use serde_json::Value;

use super::screen::Screen;
use super::table::{heads, local_time, text};
use super::words::shown;
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
    shown(cx, "/bellwether/v1/deadman", print)
}

fn print(out: &mut Screen<'_>, answer: &Value, zone: &TimeZone) -> io::Result<()> {
    let mut rows = heads("EXPECTED,EACH,STATE,LAST,BY");
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
    match rows.len() {
        1 => out.write_all(b"nothing is expected: the config has no [[expect]]\n")?,
        _ => out.table(&rows)?,
    }
    let mut rows = heads("HEARTBEAT,EACH,TOLD,LAST");
    for it in answer.get("heartbeats").and_then(Value::as_array).into_iter().flatten() {
        let of = |key: &str| text(it.get(key));
        let is_told = it.get("last").is_some_and(Value::is_string);
        let (told, last) =
            if is_told { (of("told"), local_time(&of("last"), zone)) } else { Default::default() };
        rows.push(vec![of("name"), of("period"), told, last]);
    }
    if rows.len() == 1 {
        return Ok(());
    }
    out.write_all(b"\n")?;
    out.table(&rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Fake, printed, told, told_by};
    use super::*;

    #[test]
    fn expected_signs_of_life_are_a_page() {
        let page = printed(
            print,
            &json!({"expected": [
                {"name": "backup", "period": "1d", "missing": false, "last": "2026-11-22T01:00:00.5Z", "by": "a ping of 10.0.0.7"},
                {"name": "watchdog", "period": "5m", "missing": true, "last": null, "by": null},
            ], "heartbeats": [{"name": "hc", "period": "1m", "told": "ok", "last": "2026-11-22T01:00:00Z"}]}),
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
        assert!(printed(print, &json!(null), None).starts_with("nothing is expected"));
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

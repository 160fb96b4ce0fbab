//! `bellwether owed`: what receivers were not told; `owed retry` and `owed drop`.

use std::io::{self, Write as _};

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::screen::Screen;
use super::table::{heads, local_time, text};
use super::words::shown;
use super::{Cx, Outcome, usage};

pub(super) fn query(cx: &mut Cx<'_>) -> Outcome {
    shown(cx, "/bellwether/v1/owed", print)
}

pub(super) fn retry(cx: &mut Cx<'_>) -> Outcome {
    let wish = wish(&cx.args.words)?;
    cx.agent()?.post("/bellwether/v1/owed/retry", &wish)?;
    Ok(0)
}

pub(super) fn forget(cx: &mut Cx<'_>) -> Outcome {
    let wish = wish(&cx.args.words)?;
    let answer = cx.agent()?.post("/bellwether/v1/owed/drop", &wish)?;
    let dropped = text(answer.get("dropped"));
    cx.out.write_all(
        format!("{dropped} alerts that came and went are no longer owed\n").as_bytes(),
    )?;
    Ok(0)
}

/// The receiver that is meant, or all.
fn wish(words: &[String]) -> Result<Value, super::Fault> {
    match words {
        [] => Ok(json!({})),
        [receiver] => Ok(json!({ "receiver": receiver })),
        _ => Err(usage("expected one RECEIVER, or none for all")),
    }
}

fn print(out: &mut Screen<'_>, answer: &Value, zone: &TimeZone) -> io::Result<()> {
    let mut rows = heads("SINCE,RECEIVER,GROUP,CAME AND WENT,CUT,NEXT TRY");
    for it in answer.as_array().into_iter().flatten() {
        let of = |key: &str| text(it.get(key));
        let wait = it.get("retryInMs").and_then(Value::as_u64);
        rows.push(vec![
            local_time(&of("since"), zone),
            format!("{}/{}", of("receiver"), of("integration")),
            of("groupKey"),
            of("late"),
            of("cut"),
            wait.map_or_else(|| "soon".to_owned(), |ms| format!("in {} s", ms.div_ceil(1000))),
        ]);
    }
    if rows.len() == 1 { out.write_all(b"nothing is owed\n") } else { out.table(&rows) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::printed;
    use super::*;

    #[test]
    fn debts_are_a_table() {
        let page = printed(
            print,
            &json!([{"since": "2026-11-22T01:00:00Z", "receiver": "r", "integration": "webhook[0]",
                "groupKey": "{}:{}", "late": 3, "cut": 1, "retryInMs": 61_500}]),
            None,
        );
        let rows: Vec<Vec<&str>> = page
            .lines()
            .map(|line| line.split("  ").map(str::trim).filter(|it| !it.is_empty()).collect())
            .collect();
        assert_eq!(
            rows[1],
            ["2026-11-22T01:00:00.000Z", "r/webhook[0]", "{}:{}", "3", "1", "in 62 s"]
        );
        assert_eq!(printed(print, &json!([]), None), "nothing is owed\n");
    }

    #[test]
    fn one_receiver_is_meant_or_all() {
        assert_eq!(wish(&[]), Ok(json!({})));
        assert_eq!(wish(&["phone".to_owned()]), Ok(json!({ "receiver": "phone" })));
        assert!(wish(&["a".to_owned(), "b".to_owned()]).is_err());
    }
}

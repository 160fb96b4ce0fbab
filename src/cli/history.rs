//! `bellwether history`: why one node notified, or did not.

use std::io::{self, Write as _};

use jiff::tz::TimeZone;
use serde_json::Value;

use super::client::encoded;
use super::screen::Screen;
use super::table::{Dates, cut, heads, local_time, text};
use super::words::{filters, matchers, shown};
use super::{Cx, Fault, Outcome, watch};

const PATH: &str = "/bellwether/v1/history";

pub(super) fn run(cx: &mut Cx<'_>) -> Outcome {
    let path = path(cx)?;
    if cx.args.is("watch") { follow(cx, &path) } else { shown(cx, &path, print) }
}

/// A page; on a terminal, times are those of the wall alone.
fn print(out: &mut Screen<'_>, entries: &Value, zone: &TimeZone) -> io::Result<()> {
    let mut rows = rows(entries, zone);
    if rows.len() == 1 {
        return writeln!(out, "no history: nothing of that has happened");
    }
    if out.columns.is_some() {
        for time in rows.iter_mut().filter_map(|row| row.first_mut()) {
            *time = cut(time, "2026-11-22T01:00:00".len()).0.to_owned();
        }
    }
    out.table(&rows)
}

/// The request for what the arguments ask for.
fn path(cx: &Cx<'_>) -> Result<String, Fault> {
    let topic = if cx.args.is("alerts") { "alerts" } else { "notifications" };
    let mut path = format!("{PATH}?topic={topic}&{}", filters(&matchers(cx)?));
    for name in ["after", "outcome", "receiver"] {
        if let Some(value) = cx.args.get(name) {
            path.extend([name, "=", &encoded(value), "&"]);
        }
    }
    path.pop();
    Ok(path)
}

/// Prints the entries that there are, and each that comes, oldest first.
fn follow(cx: &mut Cx<'_>, path: &str) -> Outcome {
    let is_json = Dates::of(cx)?.format == "json";
    let mut news = watch::News::of(cx)?;
    let mut seen = Vec::new();
    loop {
        let entries = news.get(cx, path)?;
        let entries = entries.as_array().cloned().unwrap_or_default();
        for entry in entries.iter().rev().filter(|entry| !seen.contains(*entry)) {
            let line = if is_json {
                entry.to_string()
            } else {
                row(entry, &TimeZone::system()).join("  ")
            };
            writeln!(cx.out, "{line}")?;
        }
        cx.out.flush()?;
        seen = entries;
        news.wait();
    }
}

fn rows(entries: &Value, zone: &TimeZone) -> Vec<Vec<String>> {
    let is_alerts = entries.get(0).is_some_and(|it| it.get("labels").is_some());
    let mut rows =
        heads(if is_alerts { "AT,ALERT,STATUS,SINCE" } else { "AT,GROUP,RECEIVER,OUTCOME" });
    rows.extend(entries.as_array().into_iter().flatten().map(|entry| row(entry, zone)));
    rows
}

fn row(entry: &Value, zone: &TimeZone) -> Vec<String> {
    let of = |key: &str| text(entry.get(key));
    if let Some(labels) = entry.get("labels").and_then(Value::as_object) {
        let labels = labels.iter().map(|(name, value)| format!("{name}={value}"));
        let labels = labels.collect::<Vec<_>>().join(", ");
        let since = format!("since {}", local_time(&of("startsAt"), zone));
        return vec![local_time(&of("at"), zone), format!("{{{labels}}}"), of("status"), since];
    }
    let receiver = match of("integration") {
        whole if whole.is_empty() => of("receiver"),
        integration => format!("{}/{integration}", of("receiver")),
    };
    vec![local_time(&of("at"), zone), of("groupKey"), receiver, outcome(entry)]
}

/// The outcome as a sentence.
fn outcome(entry: &Value) -> String {
    let of = |key: &str| text(entry.get(key));
    let ms = entry.get("afterMs").and_then(Value::as_u64).unwrap_or(0);
    let after = format!("{}.{:03} s", ms / 1000, ms % 1000);
    match of("outcome").as_str() {
        "sent" => format!("sent after {after}, attempt {}: {}", of("attempts"), of("reason")),
        "held" => format!("held for {}, which has claimed it", of("node")),
        "told" => format!("told by {} after {after}", of("node")),
        "held back" => {
            let ms = entry.get("leftMs").and_then(Value::as_u64).unwrap_or(0);
            format!("held back by rate_limit, which has room in {} s", ms.div_ceil(1000))
        }
        "fell back" => format!("failed for too long, so {} is told", of("to")),
        "took over" => format!("took over from {} after {after}", of("node")),
        "muted" => muted(entry),
        "waiting" => {
            let ms = entry.get("leftMs").and_then(Value::as_u64).unwrap_or(0);
            format!("grouped, waits {} s for the group's next flush", ms.div_ceil(1000))
        }
        "surrendered" => format!("left to other nodes after {after}: {}", of("why")),
        // Only a first attempt has an entry of its own.
        "failed" => format!("attempt 1 failed, will be tried again: {}", of("why")),
        "refused" => format!("refused: {}", of("why")),
        "expired" => {
            format!("not delivered in {after} ({} attempts), still trying", of("attempts"))
        }
        other => other.to_owned(),
    }
}

/// The reason why some or all alerts of a group are not notified.
fn muted(entry: &Value) -> String {
    let count = |key: &str| entry.get(key).and_then(Value::as_u64).unwrap_or(0);
    let intervals = entry.get("intervals").and_then(Value::as_array).into_iter().flatten();
    let intervals: Vec<String> = intervals.map(|name| text(Some(name))).collect();
    let mut why = Vec::new();
    for key in ["silenced", "inhibited"] {
        if count(key) > 0 {
            why.push(format!("{} {key}", count(key)));
        }
    }
    if !intervals.is_empty() {
        why.push(format!("the others muted by time interval {}", intervals.join(", ")));
    }
    format!("not told: of {} alerts {}", count("alerts"), why.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Fake, printed, told_by};
    use super::*;

    #[test]
    fn history_is_a_page() {
        let of = |outcome: Value| {
            let mut entry = json!({"at": "2026-11-22T01:00:00.1234567Z", "afterMs": 1705, "receiver": "hook",
                "integration": "webhook[0]", "groupKey": "{}:{a=\"b\"}"});
            for (key, value) in outcome.as_object().unwrap() {
                entry[key] = value.clone();
            }
            entry
        };
        let entries = json!([
            of(json!({"outcome": "sent", "attempts": 1, "reason": "first notification"})),
            of(json!({"outcome": "took over", "node": "node-2"})),
            of(json!({"outcome": "muted", "alerts": 5, "silenced": 2})),
        ]);
        let page = printed(print, &entries, None);
        let expected = "\
AT                        GROUP       RECEIVER         OUTCOME
2026-11-22T01:00:00.123Z  {}:{a=\"b\"}  hook/webhook[0]  sent after 1.705 s, attempt 1: first notification
2026-11-22T01:00:00.123Z  {}:{a=\"b\"}  hook/webhook[0]  took over from node-2 after 1.705 s
2026-11-22T01:00:00.123Z  {}:{a=\"b\"}  hook/webhook[0]  not told: of 5 alerts 2 silenced
";
        assert_eq!(page, expected);
        let expected = "\
AT                   GROUP       RECEIVER         OUTCOME
2026-11-22T01:00:00  {}:{a=\"b\"}  hook/webhook[0]  sent after 1.705 s, attempt 1:
                                                  first notification
2026-11-22T01:00:00  {}:{a=\"b\"}  hook/webhook[0]  took over from node-2 after
                                                  1.705 s
2026-11-22T01:00:00  {}:{a=\"b\"}  hook/webhook[0]  not told: of 5 alerts 2
                                                  silenced
";
        assert_eq!(printed(print, &entries, Some(80)), expected);
    }

    #[test]
    fn the_history_of_alerts_is_a_page_and_filters_are_asked_for() {
        let answer = r#"[{"at":"2026-11-22T01:00:00Z","labels":{"a":"b"},"status":"firing","startsAt":"2026-11-22T00:59:00Z"}]"#;
        let fake = Fake::new(&[(200, answer)]);
        let args = ["history", "--alerts", "--after", "7", "--outcome=firing", "a=b"];
        let (_, told, _) = told_by(&fake, &args);
        let lines: Vec<_> = told.lines().map(|it| it.split_whitespace().next().unwrap()).collect();
        assert!(lines.len() == 2 && told.contains("ALERT") && told.contains("{a=\"b\"}"), "{told}");
        let asked = fake.asked();
        assert!(
            asked.contains("?topic=alerts&filter=a%3D%22b%22&after=7&outcome=firing "),
            "{asked}"
        );
    }

    #[test]
    fn each_way_not_to_notify_is_told_apart() {
        let told = |outcome: &str| {
            let entry = json!({"outcome": outcome, "why": "x", "attempts": 3, "afterMs": 1500});
            super::outcome(&entry)
        };
        assert_eq!(told("failed"), "attempt 1 failed, will be tried again: x");
        assert_eq!(told("surrendered"), "left to other nodes after 1.500 s: x");
        assert_eq!(told("refused"), "refused: x");
        assert_eq!(told("expired"), "not delivered in 1.500 s (3 attempts), still trying");
    }

    #[test]
    fn why_nobody_was_told_is_said() {
        let muted = json!({"outcome": "muted", "alerts": 5, "silenced": 2, "inhibited": 1, "intervals": ["night"]});
        let told = "not told: of 5 alerts 2 silenced, 1 inhibited, the others muted by time interval night";
        assert_eq!(outcome(&muted), told);
        let waiting = json!({"outcome": "waiting", "leftMs": 29_100});
        assert_eq!(outcome(&waiting), "grouped, waits 30 s for the group's next flush");
    }

    #[test]
    fn no_history_is_said_and_nonsense_is_no_panic() {
        let shown = |answer: &str| told_by(&Fake::new(&[(200, answer)]), &["history"]).1;
        assert!(shown("[]").starts_with("no history"));
        assert!(shown("{\"a\": 1}").starts_with("no history"));
        assert!(shown("[null, 1]").contains("unknown"));
    }

    #[test]
    fn a_watched_history_goes_on_with_what_comes() {
        let entry = |at: &str| {
            format!(
                "{{\"at\": {at:?}, \"outcome\": \"odd\", \"receiver\": \"r\", \"integration\": \"x[0]\", \"groupKey\": \"{{}}\"}}"
            )
        };
        let (first, second) = (entry("1"), entry("2"));
        let (before, after) = (format!("[{first}]"), format!("[{second}, {first}]"));
        let fake = Fake::new(&[
            (200, &before),
            (200, "v1"),
            (503, "starting"),
            (200, &after),
            (200, "v2"),
            (500, "gone"),
        ]);
        let (code, out, err) = told_by(&fake, &["history", "--watch"]);
        assert_eq!((code, &*out), (1, "1  {}  r/x[0]  odd\n2  {}  r/x[0]  odd\n"));
        let waits = err.starts_with("waiting for the agent: ") && err.contains("503: starting");
        assert!(waits && err.contains("answered 500: gone"), "{err}");
        assert!(fake.asked().contains("GET /bellwether/v1/changes?after=v1 "), "{}", fake.asked());
        let (code, _, err) = told_by(&Fake::new(&[(503, "starting")]), &["history", "--watch"]);
        assert!(code == 1 && err.contains("503: starting"), "{err}");
    }
}

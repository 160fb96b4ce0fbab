//! `bellwether alert query`, `bellwether alert add`.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{duration, encoded};
use super::table::{Dates, heads, moment, text};
use super::words::{filters, json_line, matchers, pairs, time_flag};
use super::{Cx, Outcome, usage, watch};
use crate::shell::clock;
use crate::template::Time;

pub(super) fn query(cx: &mut Cx<'_>) -> Outcome {
    let is = |flag: &str| cx.args.is(flag);
    let (silenced, inhibited, unprocessed) = (is("silenced"), is("inhibited"), is("unprocessed"));
    let active = is("active") || !(silenced || inhibited || unprocessed);
    let mut path = format!(
        "/api/v2/alerts?{}active={active}&silenced={silenced}&inhibited={inhibited}&unprocessed={unprocessed}",
        filters(&matchers(cx)?)
    );
    if let Some(receiver) = cx.args.get("receiver").filter(|it| !it.is_empty()) {
        path += "&receiver=";
        path += &encoded(receiver);
    }
    if is("watch") {
        return watch::redraw(cx, &path, show);
    }
    let answer = cx.agent()?.get(&path)?;
    show(cx, &answer)
}

fn show(cx: &mut Cx<'_>, answer: &Value) -> Outcome {
    let dates = Dates::of(cx)?;
    let mut alerts: Vec<&Value> = answer.as_array().into_iter().flatten().collect();
    alerts.sort_by_key(|alert| moment(alert.get("startsAt")));
    let rows = |names: &str, row: &dyn Fn(&Value) -> Vec<String>| {
        let mut rows = heads(names);
        rows.extend(alerts.iter().map(|alert| row(alert)));
        rows
    };
    let state = |it: &Value| text(it.get("status").and_then(|it| it.get("state")));
    let rows = match dates.format.as_str() {
        "json" => return json_line(cx, answer),
        "extended" => rows("Labels,Annotations,Starts At,Ends At,Generator URL,State", &|it| {
            vec![
                spelled(it.get("labels")),
                spelled(it.get("annotations")),
                dates.show(it.get("startsAt")),
                dates.show(it.get("endsAt")),
                it.get("generatorURL").map_or_else(String::new, |url| text(Some(url))),
                state(it),
            ]
        }),
        _ => rows("Alertname,Starts At,Summary,State", &|it| {
            let of = |key, name| {
                let value = it.get(key).and_then(|it| it.get(name));
                value.map_or_else(String::new, |value| text(Some(value)))
            };
            vec![
                of("labels", "alertname"),
                dates.show(it.get("startsAt")),
                of("annotations", "summary"),
                state(it),
            ]
        }),
    };
    cx.out.table(&rows)?;
    Ok(0)
}

/// `a="b" c="d"`
fn spelled(labels: Option<&Value>) -> String {
    let labels = labels.and_then(Value::as_object).into_iter().flatten();
    let mut pairs: Vec<String> =
        labels.map(|(name, value)| format!("{name}=\"{}\"", text(Some(value)))).collect();
    // amtool's order: that of the whole pairs, in which a1="x" stands before a="y".
    pairs.sort_unstable();
    pairs.join(" ")
}

pub(super) fn add(cx: &mut Cx<'_>) -> Outcome {
    if cx.args.words.is_empty() && !cx.is_amtool {
        return Err(usage("expected the name of an alert"));
    }
    let mut alert = json!({
        "labels": pairs(cx, cx.args.words.iter().map(String::as_str), true)?,
        "annotations": pairs(cx, cx.args.all("annotation"), false)?,
    });
    let (start, mut end) = (time_flag(cx, "start")?, time_flag(cx, "end")?);
    if let Some(text) = cx.args.get("for") {
        if end.is_some() {
            return Err(usage("--for and --end both say when it ends: give one of them"));
        }
        let time = duration(text).map_err(|why| usage(format!("--for: {why}")))?;
        let from = start.clone().unwrap_or_else(|| Time::from_wall(cx.now));
        end = Some(from.after(time).map_err(|why| usage(format!("--for={text}: {why}")))?);
    }
    for (key, time) in [("startsAt", start), ("endsAt", end)] {
        if let Some(time) = time {
            alert[key] = time.rfc3339().into();
        }
    }
    if let Some(url) = cx.args.get("generator-url") {
        alert["generatorURL"] = url.into();
    }
    let (agent, body) = (cx.agent()?, Value::from(vec![alert]));
    // The same alert twice is one alert, so whatever is unsure is tried again.
    let time = if cx.is_amtool { Duration::ZERO } else { agent.time() };
    let (end, mut pause) = (clock::now().mono + time, Duration::from_millis(50));
    loop {
        let Err(refusal) = agent.post("/api/v2/alerts", &body) else { return Ok(0) };
        if !refusal.is_passing || clock::now().mono + pause > end {
            return Err(refusal.into());
        }
        sleep(pause);
        pause = (2 * pause).min(Duration::from_secs(1));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::super::testing::{Fake, called, called_by, told, told_by};
    use super::*;

    #[test]
    fn a_first_word_that_is_no_matcher_is_the_alertname() {
        for (name, words, filter) in [
            ("bellwether", &["A", "b=~c.*"][..], "alertname=\"A\"&b=~\"c.*\""),
            ("bellwether", &["a!=b"], "a!=\"b\""),
            ("bellwether", &["Full!"], "alertname=\"Full!\""),
            ("bellwether", &["a~b"], "alertname=\"a~b\""),
            ("bellwether", &["{a=\"b\", c=~d.*}", "e=f"], "a=\"b\"&c=~\"d.*\"&e=\"f\""),
            ("amtool", &["a~b"], "alertname=\"a~b\""),
            ("amtool", &["{a=b}"], "alertname=\"{a=b}\""),
            ("amtool", &["a=~("], "alertname=\"a=~(\""),
        ] {
            let fake = Fake::new(&[(200, "[]")]);
            let (code, _, err) = called_by(name, &fake, &[&["alert", "query"], words].concat());
            let all: Vec<_> =
                filter.split('&').map(|it| format!("filter={}&", encoded(it))).collect();
            assert_eq!((code, &*err), (0, ""), "{words:?}");
            let asked = fake.asked();
            assert!(asked.contains(&format!("?{}active=", all.concat())), "{words:?}: {asked}");
        }
    }

    #[test]
    fn alerts_are_filtered_by_state_and_ordered_by_start() {
        let alert = |name: &str, at: &str| {
            json!({"labels": {"alertname": name, "z": "1"}, "annotations": {"summary": "hot"},
            "startsAt": at, "endsAt": at, "status": {"state": "active"}})
        };
        let list =
            json!([alert("B", "2026-11-29T05:00:01.5Z"), alert("A", "2026-11-29T05:00:00Z")]);
        let fake = Fake::new(&[(200, &list.to_string())]);
        let (code, out, err) =
            told_by(&fake, &["alert", "query", "site!=north", "-i", "-r", "ops"]);
        let expected = "\
Alertname  Starts At                Summary  State
A          2026-11-29 05:00:00 UTC  hot      active
B          2026-11-29 05:00:01 UTC  hot      active
";
        assert_eq!((code, &*out, &*err), (0, expected, ""));
        let asked = "GET /api/v2/alerts?filter=site%21%3D%22north%22&active=false&silenced=false&inhibited=true&unprocessed=false&receiver=ops ";
        assert!(fake.asked().starts_with(asked), "{}", fake.asked());
        let fake = Fake::new(&[(200, "[]")]);
        assert_eq!(told_by(&fake, &["alert", "query", "-sir", "ops"]).0, 0);
        let asked = "active=false&silenced=true&inhibited=true&unprocessed=false&receiver=ops ";
        assert!(fake.asked().contains(asked), "{}", fake.asked());
        let fake = Fake::new(&[(200, &list.to_string())]);
        let (_, out, _) = told_by(&fake, &["alert", "-o", "extended"]);
        assert!(
            out.contains("\nalertname=\"A\" z=\"1\"  summary=\"hot\"  2026-11-29 05:00:00 UTC  "),
            "{out}"
        );
        let odd = json!([{"labels": {"a": "y", "a1": "x"}, "startsAt": "2026-11-29T05:00:00Z"}]);
        let fake = Fake::new(&[(200, &odd.to_string())]);
        let (_, out, _) = told_by(&fake, &["alert", "-o", "extended"]);
        assert!(out.contains("\na1=\"x\" a=\"y\"  "), "{out}");
        let fake = Fake::new(&[(200, &list.to_string())]);
        let (_, out, _) = told_by(&fake, &["alert", "--output=json"]);
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), list);
    }

    #[test]
    fn an_alert_is_posted_and_a_starting_agent_is_waited_for() {
        let fake = Fake::new(&[(503, "starting"), (200, "")]);
        let args = [
            "alert",
            "add",
            "Door",
            "site=a b",
            "--annotation",
            "summary=open",
            "--for=10m",
            "--start=2026-11-29T05:00:00Z",
        ];
        let (code, out, err) = told_by(&fake, &args);
        assert_eq!((code, &*out, &*err), (0, "", ""));
        let asked = fake.asked();
        let body = json!([{"labels": {"alertname": "Door", "site": "a b"}, "annotations": {"summary": "open"},
            "startsAt": "2026-11-29T05:00:00Z", "endsAt": "2026-11-29T05:10:00Z"}]);
        assert_eq!(asked.matches("POST /api/v2/alerts ").count(), 2, "{asked}");
        assert!(asked.ends_with(&body.to_string()), "{asked}");
        let fake = Fake::new(&[(400, "\"bad labels\"")]);
        let (code, _, err) = told_by(&fake, &["alert", "add", "Door"]);
        assert!(code == 1 && err.contains("answered 400: bad labels"), "{err}");
    }

    #[test]
    fn an_alert_is_resolved_by_an_end_of_now() {
        let fake = Fake::new(&[(200, "")]);
        let (code, _, err) = told_by(&fake, &["alert", "add", "Door", "--end", "now"]);
        assert_eq!((code, &*err), (0, ""));
        assert!(fake.asked().contains("\"endsAt\":\"2"), "{}", fake.asked());
        let (code, _, err) = called("amtool", &["alert", "add", "Door", "--end", "now"]);
        assert!(code == 1 && err.contains("--end: "), "{err}");
    }

    #[test]
    fn an_agent_that_speaks_no_tls_is_not_tried_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("--url=https://{}", listener.local_addr().unwrap());
        let server = std::thread::Builder::new().spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").unwrap();
            // Until it hangs up, so that what was sent is read.
            stream.read_to_end(&mut Vec::new()).ok();
            drop(stream);
            listener.set_nonblocking(true).unwrap();
            listener.accept().is_ok()
        });
        let (code, _, err) = told(&["alert", "add", "Door", "--timeout=3s", &url]);
        assert!(code == 1 && err.contains("TLS with 127.0.0.1: "), "{err}");
        assert!(!server.unwrap().join().unwrap(), "it was asked twice");
    }

    #[test]
    fn words_that_make_no_alert_are_named() {
        for (args, why) in [
            (&["alert", "add"][..], "expected the name of an alert"),
            (&["alert", "add", "A", "b"], "\"b\": "),
            (&["alert", "add", "A", "b!=c"], "expected NAME=VALUE"),
            (&["alert", "add", "A", "--annotation=b"], "\"b\": "),
            (&["alert", "add", "A", "--for=soon"], "--for: "),
            (&["alert", "add", "A", "--for=1h", "--end=now"], "give one of them"),
            (&["alert", "add", "A", "--start=soon"], "--start: "),
            (&["alert", "add", "A", "--timeout=soon"], "--timeout: "),
            (&["alert", "add", "A", "--url=gw:9093"], "--url=gw:9093: expected http://"),
            (&["alert", "query", "a=~("], "\"a=~(\": "),
        ] {
            let (code, _, err) = told(args);
            assert!(code == 2 && err.contains(why), "{args:?}: {code} {err}");
        }
    }
}

//! `bellwether notify test`: does this receiver work, and what is it sent?

use std::io::Write as _;

use serde_json::{Value, json};

use super::table::text;
use super::words::pairs;
use super::{Cx, Outcome, usage};
use crate::limits::NOTIFY_TEST_TIME_MAX;

pub(super) fn run(cx: &mut Cx<'_>) -> Outcome {
    let Some((receiver, labels)) = cx.args.words.split_first() else {
        return Err(usage("expected the name of a receiver"));
    };
    let wish = json!({
        "receiver": receiver,
        "labels": pairs(cx, labels.iter().map(String::as_str), false)?,
        "annotations": pairs(cx, cx.args.all("annotation"), false)?,
        "resolved": cx.args.is("resolved"),
        "dry_run": cx.args.is("dry-run"),
    });
    // Answers wait until every receiver has answered.
    let agent = cx.agent()?.patient(NOTIFY_TEST_TIME_MAX);
    let (text, code) = shown(&agent.post("/bellwether/v1/notify/test", &wish)?);
    cx.out.write_all(text.as_bytes())?;
    Ok(code)
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
    use super::super::testing::{Fake, told, told_by};
    use super::*;

    #[test]
    fn a_test_is_read_from_words_and_flags() {
        let answer = json!({"receiver": "ops", "integrations": []}).to_string();
        let fake = Fake::new(&[(200, &answer)]);
        let args = ["notify", "test", "ops", "site=a=b", "--annotation", "summary=x", "--dry-run"];
        let (code, out, _) = told_by(&fake, &args);
        assert_eq!((code, &*out), (1, "receiver ops has no integrations: nobody is told\n"));
        let body = json!({
            "receiver": "ops", "labels": {"site": "a=b"}, "annotations": {"summary": "x"},
            "resolved": false, "dry_run": true,
        });
        assert!(fake.asked().ends_with(&body.to_string()), "{}", fake.asked());
    }

    #[test]
    fn words_that_make_no_test_are_named() {
        for (args, why) in [
            (&["notify"][..], "expected the name of a receiver"),
            (&["notify", "test"], "expected the name of a receiver"),
            (&["notify", "test", "r", "site"], "\"site\": "),
            (&["notify", "test", "r", "--dry"], "unknown flag \"--dry\""),
            (&["notify", "test", "r", "--url"], "--url: needs a value, URL"),
        ] {
            let (code, _, err) = told(args);
            assert!(code > 0 && err.contains(why), "{args:?}: {err}");
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

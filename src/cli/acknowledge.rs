//! `bellwether ack`: quiets an alert until it resolves.

use std::time::Duration;

use serde_json::Map;

use super::silence::make;
use super::words::{filters, matchers};
use super::{Cx, Outcome, usage};
use crate::model::{ENDS_WHEN_RESOLVED, OR_SEVERITY_CHANGES};
use crate::template::Time;

/// How long an acknowledgement lasts at most: an alert that still fires then is notified again.
const TIME_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

pub(super) fn run(cx: &mut Cx<'_>) -> Outcome {
    let matchers = matchers(cx)?;
    if matchers.is_empty() {
        return Err(usage("expected a matcher, such as alertname=DiskFull"));
    }
    let (name, mut value) = ENDS_WHEN_RESOLVED;
    if cx.args.is("same-severity") {
        value = OR_SEVERITY_CHANGES;
    }
    let agent = cx.agent()?;
    if agent.get("/api/v2/status")?.get("bellwether").is_none() {
        let why = "is no Bellwether, and would not end the silence when the alerts are resolved: use silence add";
        return Err(format!("{agent} {why}").into());
    }
    let firing = agent.get(&format!("/api/v2/alerts?{}", filters(&matchers)))?;
    if firing.as_array().is_some_and(Vec::is_empty) {
        let shown: Vec<String> = matchers.iter().map(ToString::to_string).collect();
        let why = "nothing is acknowledged; silence add quiets alerts that are still to come";
        return Err(format!("no alert fires that matches {{{}}}: {why}", shown.join(",")).into());
    }
    let span = (Time::from_wall(cx.now), Time::from_wall(cx.now + TIME_MAX));
    let comment = cx.args.get("comment").unwrap_or("Acknowledged").to_owned();
    make(cx, &matchers, span, &comment, Map::from_iter([(name.to_owned(), value.into())]))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Fake, told, told_by};

    /// A Bellwether where an alert fires, with what it answers then.
    fn firing(answers: &[(u16, &str)]) -> Fake {
        Fake::new(&[&[(200, "{\"bellwether\":{}}"), (200, "[{}]")], answers].concat())
    }

    #[test]
    fn an_acknowledgement_is_a_silence_that_ends_when_resolved() {
        let fake = firing(&[(200, "{\"silenceID\": \"x\"}")]);
        let args = ["ack", "DiskFull", "instance=~gw.*", "--author", "Ana", "--comment=on it"];
        assert_eq!(told_by(&fake, &args), (0, "x\n".to_owned(), String::new()));
        let asked = fake.asked();
        for part in [
            r#""annotations":{"ends":"when resolved"}"#,
            r#""createdBy":"Ana""#,
            r#""comment":"on it""#,
            r#"{"isEqual":true,"isRegex":false,"name":"alertname","value":"DiskFull"}"#,
            r#"{"isEqual":true,"isRegex":true,"name":"instance","value":"gw.*"}"#,
        ] {
            assert!(asked.contains(part), "{part}: {asked}");
        }
    }

    #[test]
    fn an_acknowledgement_may_end_with_the_severity() {
        let fake = firing(&[(200, "{\"silenceID\": \"x\"}")]);
        assert_eq!(told_by(&fake, &["ack", "DiskFull", "--same-severity"]).0, 0);
        assert!(fake.asked().contains(r#""ends":"when resolved or severity changes""#));
    }

    #[test]
    fn an_agent_that_would_not_end_it_gets_no_acknowledgement() {
        let fake = Fake::new(&[(200, "{\"cluster\":{}}"), (200, "{\"silenceID\": \"x\"}")]);
        let (code, out, err) = told_by(&fake, &["ack", "DiskFull"]);
        assert!(code == 1 && out.is_empty() && err.contains("is no Bellwether"), "{err}");
        assert!(!fake.asked().contains("POST"), "{}", fake.asked());
    }

    #[test]
    fn an_acknowledgement_of_nothing_that_fires_is_refused() {
        let fake = Fake::new(&[(200, "{\"bellwether\":{}}"), (200, "[]")]);
        let (code, out, err) = told_by(&fake, &["ack", "DiskFul", "instance=~gw.*"]);
        let why =
            "no alert fires that matches {alertname=\"DiskFul\",instance=~\"gw.*\"}: nothing is";
        assert!(code == 1 && out.is_empty() && err.contains(why), "{err}");
        let asked = fake.asked();
        assert!(
            asked.contains("GET /api/v2/alerts?filter=alertname%3D%22DiskFul%22&filter="),
            "{asked}"
        );
        assert!(!asked.contains("POST"), "{asked}");
    }

    #[test]
    fn words_that_make_no_acknowledgement_are_named() {
        for (args, why) in [
            (&["ack"][..], "expected a matcher"),
            (&["ack", "--author"], "--author: needs a value, NAME"),
            (&["ack", "--auhtor=x", "A"], "unknown flag \"--auhtor\"; did you mean \"--author\"?"),
            (&["ack", "A", "a=~("], "\"a=~(\""),
        ] {
            let (code, _, err) = told(args);
            assert!(code == 2 && err.contains(why), "{args:?}: {err}");
        }
    }
}

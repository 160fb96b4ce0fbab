//! Facts that an answer brings, and templates that fail.

use super::attempts::{reply, world};
use super::*;
use crate::core::deliver::history::Outcome;
use crate::limits::HISTORY_CONTENT_BYTES_MAX;
use crate::notify::testing;

const APP: &str = "slack_app_token: tok, slack_app_url: 'http://s/api/chat.postMessage'";

/// A config whose receiver is this integration.
fn telling(global: &str, receiver: &str) -> Config {
    let mut config = config(route("a", &[]));
    let integration = testing::integration(global, receiver).expect("a config");
    Arc::get_mut(&mut config.receivers[0]).unwrap().integrations = vec![integration];
    config
}

/// A node whose Slack answers with the message that it has made or changed.
fn slack() -> World {
    world(telling(APP, "slack_configs: [{channel: c, update_message: true}]"), &[])
}

/// The method that is called next, which is answered.
fn called(w: &mut World) -> String {
    w.pass(11);
    let [id] = w.open[..] else { panic!("{:?}", w.told) };
    let body = r#"{"ok":true,"channel":"C1","ts":"1.2"}"#.to_owned();
    reply(w, id, &Reply::Http { status: 200, retry_after: None, body });
    let url = w.told.last().unwrap().1.split(' ').next().unwrap().to_owned();
    url.rsplit('/').next().unwrap().to_owned()
}

#[test]
fn the_message_of_a_group_is_changed_by_whoever_has_its_log_entry() {
    let mut w = slack();
    w.post("A", "1", Some(3600));
    assert_eq!(called(&mut w), "chat.postMessage");
    w.post("A", "2", Some(3600));
    assert_eq!(called(&mut w), "chat.update");
    let (key, entry) = w.core.nflog().iter().next().map(|(k, e)| (k.clone(), e.clone())).unwrap();
    assert_eq!(&*entry.facts, ["1.2".into(), "C1".into()]);

    // Another member, or this one after a restart.
    let mut other = slack();
    other.now.wall = w.now.wall;
    let now = other.now;
    other.step(|core, _| assert!(core.put_log(now, &key, entry)));
    for instance in ["1", "2", "3"] {
        other.post("A", instance, Some(3600));
    }
    assert_eq!(called(&mut other), "chat.update");
}

#[test]
fn a_group_that_fires_anew_has_a_new_message() {
    let mut w = slack();
    w.post("A", "1", Some(3600));
    assert_eq!(called(&mut w), "chat.postMessage");
    w.post("A", "1", Some(0));
    w.pass(11);
    w.post("A", "1", Some(3600));
    assert_eq!(called(&mut w), "chat.postMessage");
}

#[test]
fn a_failed_template_is_counted_and_noted_and_the_alert_is_sent() {
    let mut w =
        world(telling("", "slack_configs: [{api_url: 'http://s/x', text: '{{ .Nope }}'}]"), &[]);
    w.post("A", "1", Some(3600));
    w.pass(2);
    let [id] = w.open[..] else { panic!("{:?}", w.told) };
    reply(&mut w, id, &Reply::Http { status: 200, retry_after: None, body: "ok".to_owned() });
    let outcomes: Vec<_> = w.core.history().iter().map(|it| it.outcome.as_str()).collect();
    assert_eq!(outcomes, ["waiting", "misrendered", "sent"]);
    let why = w.core.history().iter().find_map(|it| match &it.outcome {
        Outcome::Misrendered { why } => Some(why.clone()),
        _ => None,
    });
    assert!(why.unwrap().contains("slack_configs[0].text is wrong"));
    let stats = w.core.stats().integrations().find(|it| it.0 == "slack").unwrap().1.clone();
    assert_eq!((stats.template_faults, stats.sent), (1, 1));
}

#[test]
fn the_history_keeps_the_beginning_of_a_long_content() {
    // A text of the receiver's own, and the lines that stand for a body that says little to people.
    for integration in [
        "slack_configs: [{api_url: 'http://s/x', text: '{{ .CommonAnnotations.summary }}'}]",
        "webhook_configs: [{url: 'http://s/x'}]",
    ] {
        let mut w = world(telling("", integration), &[]);
        let pair = |name, value| (Cow::Borrowed(name), value);
        let summary = Cow::Owned("ä".repeat(HISTORY_CONTENT_BYTES_MAX));
        let (labels, annotations) = ([pair("alertname", "A".into())], [pair("summary", summary)]);
        let report = Report::new(labels.into(), annotations.into(), None, None, "".into());
        let now = w.now;
        w.step(|core, _| assert!(core.handle_reports(now, &[report]).invalid.is_empty()));
        w.pass(2);
        let [id] = w.open[..] else { panic!("{:?}", w.told) };
        reply(&mut w, id, &Reply::Http { status: 200, retry_after: None, body: "ok".to_owned() });
        let told = w.core.history().iter().find_map(|it| it.told.clone()).unwrap();
        assert!(told.content.contains("ää"), "{}", told.content);
        let kept = told.content.len();
        assert!(
            (HISTORY_CONTENT_BYTES_MAX - 1..=HISTORY_CONTENT_BYTES_MAX).contains(&kept),
            "{kept}"
        );
    }
}

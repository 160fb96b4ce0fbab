//! Tests of receivers: what is asked, shown and refused.

use serde_json::Value;

use super::*;
use crate::limits::NOTIFY_TEST_INTEGRATIONS_MAX;
use crate::notify::{Reply, TEST_LABEL};

const RECEIVERS: &str = r#"
[route]
receiver = "ops"
[[receivers]]
name = "ops"
webhook_configs = [{ url = "https://hooks.example/token" }]
[[receivers.slack_configs]]
api_url = "http://slack.example/token"
text = '{{ .Nonsense }}'
[[receivers]]
name = "null"
"#;

fn world() -> World {
    World::of(RECEIVERS, None)
}

const PATH: &str = "/bellwether/v1/notify/test";

/// The answer to a test that is run, each request of which is answered so.
fn tested(world: &mut World, body: &str, reply: &Reply) -> Value {
    let request = Request {
        method: "POST",
        path: PATH,
        content_type: Some("application/json"),
        body: body.as_bytes(),
        ..Request::default()
    };
    let effects = &mut Vec::new();
    let cx = &mut Cx { now: world.now, rng: &mut world.rng, effects };
    let Answer::Test(test) = handle(&mut world.node, cx, &world.site, &request) else {
        panic!("no test");
    };
    assert!(effects.is_empty(), "a test is no attempt");
    let tried: Vec<_> = test.drafts().into_iter().map(|it| vec![(it, reply.clone())]).collect();
    serde_json::from_slice(&test.answer(&tried).body).unwrap()
}

#[test]
fn a_dry_run_shows_each_request_and_faults_of_templates() {
    let mut world = world();
    let body = r#"{"receiver":"ops","labels":{"site":"berlin"},"dry_run":true}"#;
    let (status, answer) = world.post(PATH, body);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &answer["dry_run"], answer.get("delivered")), (200, &true.into(), None));
    let [slack, webhook] = [0, 1].map(|at| &answer["integrations"][at]);
    let request = webhook["requests"][0]["request"].as_str().unwrap();
    assert!(request.starts_with("POST https://hooks.example/<secret>\n"), "{request}");
    assert!(request.contains(r#""site":"berlin""#) && request.contains(TEST_LABEL.0), "{request}");
    assert_eq!((&webhook["requests"][0]["answer"], webhook.get("error")), (&Value::Null, None));
    let fault = slack["template_faults"][0].as_str().unwrap();
    assert!(fault.contains("slack_configs[0].text is wrong"), "{fault}");
    assert!(slack["requests"][0]["request"].as_str().unwrap().contains("is wrong"));
}

#[test]
fn a_test_tells_who_has_taken_it_and_leaves_no_trace() {
    let mut world = world();
    let ok = Reply::Http { status: 200, retry_after: None, body: "ok".to_owned() };
    let answer = tested(&mut world, r#"{"receiver":"ops"}"#, &ok);
    assert_eq!(answer["delivered"], true);
    assert_eq!(answer["integrations"][0]["requests"][0]["answer"], "status 200\n\nok");
    let answer = tested(&mut world, r#"{"receiver":"ops","resolved":true}"#, &Reply::status(404));
    assert_eq!(answer["delivered"], false);
    assert_eq!(answer["integrations"][1]["error"], "unexpected status code 404: ");
    assert_eq!((world.node.history_count(), world.node.groups_len()), (0, 0));
    assert_eq!(world.node.alerts().count(), 0);
}

#[test]
fn an_unknown_receiver_is_told_the_nearest_and_what_is_wrong_is_named() {
    let mut world = world();
    let big = format!(r#"{{"receiver":"{}"}}"#, "x".repeat(crate::limits::NOTIFY_TEST_BYTES_MAX));
    for (body, status, why) in [
        (r#"{"receiver":"opps"}"#, 404, "unknown receiver \\\"opps\\\"; did you mean \\\"ops\\\"?"),
        (r#"{"receiver":"x-ray"}"#, 404, "known: ops, null"),
        (r#"{"reciever":"ops"}"#, 400, "unknown field `reciever`"),
        ("", 400, "the body is no test"),
        (r#"{"receiver":"ops","labels":{"":"x"}}"#, 400, "is no name of a label"),
        (&big, 413, "larger than 65536 bytes"),
    ] {
        let (found, text) = world.post(PATH, body);
        assert_eq!(found, status, "{text}");
        assert!(text.contains(why), "{text}");
    }
    let (_, text) = world.post(PATH, r#"{"receiver":"null","dry_run":true}"#);
    assert!(text.contains(r#""integrations":[]"#), "{text}");
    assert_eq!(world.get(PATH).0, 405);
    let form = Request {
        method: "POST",
        path: PATH,
        content_type: Some("text/plain"),
        body: b"{}",
        ..Request::default()
    };
    assert_eq!(world.ask(&form).status, 415, "a form of another page can post plain text");
}

#[test]
fn a_receiver_of_so_many_integrations_is_tested_and_no_larger_one() {
    let tested = |count: usize| {
        let hooks = vec!["{ url = \"http://hook.example/\" }"; count].join(", ");
        let config = format!(
            "[route]\nreceiver = \"ops\"\n[[receivers]]\nname = \"ops\"\nwebhook_configs = [{hooks}]\n"
        );
        World::of(&config, None).post(PATH, r#"{"receiver":"ops","dry_run":true}"#)
    };
    assert_eq!(tested(NOTIFY_TEST_INTEGRATIONS_MAX).0, 200);
    let (status, text) = tested(NOTIFY_TEST_INTEGRATIONS_MAX + 1);
    assert!(status == 400 && text.contains("has 17 integrations"), "{status} {text}");
}

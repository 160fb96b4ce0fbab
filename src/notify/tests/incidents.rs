//! The requests to the incident services, and the verdicts on their answers.

use super::*;

#[test]
fn pagerduty_makes_and_ends_events_of_both_versions() {
    let own = "description: d, client: c, client_url: u, severity: s, source: o, class: '', details: {k: v, firing: mine}, \
        images: [{src: i, alt: a}, {alt: none}], links: [{href: h, text: t}], url: 'http://p/v2'";
    let draft = |key: &str, it| of(&format!("pagerduty_configs: [{{{key}: K, {own}}}]"), it);
    let sent = request(&draft("routing_key", firing()));
    assert_eq!(url(&sent), "http://p/v2");
    let expected = json!({
        "routing_key": "K", "dedup_key": group_hash(), "event_action": "trigger", "client": "c", "client_url": "u",
        "payload": {
            "summary": "d", "source": "o", "severity": "s",
            "custom_details": { "k": "v", "firing": "mine", "resolved": [], "num_firing": 1, "num_resolved": 0 },
        },
        "images": [{ "src": "i", "alt": "a", "href": "" }], "links": [{ "href": "h", "text": "t" }],
    });
    assert_eq!(body(&sent), expected);
    assert_eq!(body(&request(&draft("routing_key", resolved())))["event_action"], json!("resolve"));

    let sent = request(&draft("service_key", firing()));
    assert_eq!(url(&sent), "https://events.pagerduty.com/generic/2010-04-15/create_event.json");
    assert_eq!(body(&sent)["event_type"], json!("trigger"));
    assert_eq!(body(&sent)["incident_key"], json!(group_hash()));
    assert_eq!(body(&request(&draft("service_key", resolved()))).get("client"), None);

    let v1 = draft("service_key", firing());
    let v2 = draft("routing_key", firing());
    for (status, v1_retries, v2_retries) in
        [(403, true, false), (429, false, true), (500, true, true), (400, false, false)]
    {
        let retries =
            |draft: &Draft| matches!(draft.judge(&answer(status, "")), Verdict::Retry(..));
        assert_eq!((retries(&v1), retries(&v2)), (v1_retries, v2_retries), "{status}");
    }
}

#[test]
fn an_event_that_is_too_large_for_pagerduty_loses_its_details() {
    let mut large = firing();
    let alert = Alert {
        annotations: [("summary", "x".repeat(600_000).as_str())].into_iter().collect(),
        ..(*large.alerts[0].alert).clone()
    };
    large.alerts = [AlertView { alert: Rc::new(alert), ..large.alerts[0].clone() }].into();
    let sent = body(&request(&of("pagerduty_configs: [{routing_key: K, description: d}]", large)));
    assert!(sent.to_string().len() < 2_000);
    assert!(sent["payload"]["custom_details"]["error"].is_string());
}

#[test]
fn opsgenie_creates_updates_and_closes_an_alert() {
    let own = "api_key: K, api_url: 'http://o/jsm', message: m, description: d, source: s, details: {x: y}, tags: 'a,,b', \
        responders: [{name: 't1,t2', type: teams}, {id: '7', type: user}], priority: P1, update_alerts: true";
    let draft = |it| of(&format!("opsgenie_configs: [{{{own}}}]"), it);
    let create = draft(firing());
    let sent = request(&create);
    assert_eq!((sent.method, url(&sent)), ("POST", "http://o/jsm/v2/alerts".to_owned()));
    assert_eq!(header(&sent, "Authorization"), "GenieKey K");
    assert_eq!(
        body(&sent),
        json!({
            "alias": group_hash(), "message": "m", "description": "d", "source": "s", "priority": "P1",
            "details": { "alertname": "B", "instance": "i", "x": "y" }, "tags": ["a", "b"],
            "responders": [{ "name": "t1", "type": "team" }, { "name": "t2", "type": "team" }, { "id": "7", "type": "user" }],
        })
    );
    let update = create.at(next(create.judge(&answer(202, "{}"))));
    let sent = request(&update);
    let path = format!("http://o/jsm/v2/alerts/{}/message?identifierType=alias", group_hash());
    assert_eq!((sent.method, url(&sent)), ("PUT", path));
    let last = update.at(next(update.judge(&answer(202, "{}"))));
    assert_eq!(body(&request(&last)), json!({ "description": "d" }));
    assert_eq!(last.judge(&answer(202, "{}")), Verdict::Sent);
    let close = draft(resolved());
    assert!(url(&request(&close)).ends_with("/close?identifierType=alias"));
    assert_eq!(close.judge(&answer(202, "{}")), Verdict::Sent);
    assert!(matches!(create.judge(&answer(429, "")), Verdict::Retry(..)));
}

#[test]
fn victorops_has_key_and_route_in_its_path() {
    let own = "api_key: K, api_url: 'http://v/a/', routing_key: 'r/x?', message_type: odd, state_message: s, \
        entity_display_name: e, monitoring_tool: m, custom_fields: {f: g}";
    let draft = |it| of(&format!("victorops_configs: [{{{own}}}]"), it);
    let sent = request(&draft(firing()));
    assert_eq!(url(&sent), "http://v/a/K/r/x%3F");
    assert_eq!(
        body(&sent),
        json!({
            "message_type": "CRITICAL", "entity_id": group_hash(), "entity_display_name": "e", "state_message": "s",
            "monitoring_tool": "m", "f": "g",
        })
    );
    assert_eq!(body(&request(&draft(resolved())))["message_type"], json!("RECOVERY"));
    let taken = integration(
        "",
        "victorops_configs: [{api_key: K, routing_key: r, custom_fields: {entity_id: x}}]",
    );
    assert!(taken.unwrap_err().contains("entity_id is a field of its own"));
}

#[test]
fn jira_looks_for_an_issue_changes_it_and_moves_it() {
    let own = "api_url: 'http://j/rest/api/2', project: 'P\"x', issue_type: Bug, summary: s, \
        description: {template: d, enable_update: false}, labels: [l], priority: High, reopen_transition: Reopen, \
        resolve_transition: Done, reopen_duration: 1h, fields: {customfield_1: {value: v}}";
    let draft = |it| of(&format!("jira_configs: [{{{own}}}]"), it);
    let search = draft(firing());
    let sent = request(&search);
    assert_eq!((sent.method, url(&sent)), ("POST", "http://j/rest/api/2/search".to_owned()));
    let label = format!("ALERT{{{}}}", group_hash());
    assert_eq!(
        body(&sent)["jql"],
        json!(format!(
            "(resolutiondate is EMPTY OR resolutiondate >= -60m) and project=\"P\\\"x\" and labels=\"{label}\" order by \
             status ASC,resolutiondate DESC"
        ))
    );
    let create = search.at(next(search.judge(&answer(200, r#"{"issues":[]}"#))));
    let fields = body(&request(&create))["fields"].clone();
    assert_eq!(
        fields,
        json!({
            "summary": "s", "description": "d", "labels": [label, "l"], "project": { "key": "P\"x" },
            "issuetype": { "name": "Bug" }, "priority": { "name": "High" }, "customfield_1": { "value": "v" },
        })
    );
    assert_eq!(create.judge(&answer(201, "{}")), Verdict::Sent);

    let done =
        r#"{"issues":[{"key":"P-1","fields":{"status":{"statusCategory":{"key":"done"}}}}]}"#;
    let update = search.at(next(search.judge(&answer(200, done))));
    let sent = request(&update);
    assert_eq!((sent.method, url(&sent)), ("PUT", "http://j/rest/api/2/issue/P-1".to_owned()));
    assert_eq!(body(&sent)["fields"].get("description"), None);
    let list = update.at(next(update.judge(&answer(204, ""))));
    assert_eq!(request(&list).method, "GET");
    let transitions = r#"{"transitions":[{"id":"11","name":"X"},{"id":"12","name":"Reopen"}]}"#;
    let step = next(list.judge(&answer(200, transitions)));
    let moved = list.at(step);
    assert_eq!(body(&request(&moved)), json!({ "transition": { "id": "12" } }));
    assert_eq!(moved.judge(&answer(204, "")), Verdict::Sent);
    assert!(matches!(list.judge(&answer(200, r#"{"transitions":[]}"#)), Verdict::Refused(_)));

    let over = draft(resolved());
    assert_eq!(
        over.judge(&answer(200, r#"{"issues":[]}"#)),
        Verdict::Sent,
        "nothing is made of what is over"
    );
}

#[test]
fn incidentio_has_the_payload_and_metadata() {
    let own = "url: 'http://i/x', alert_source_token: T, metadata: {team: a}, max_alerts: 1";
    let it = notification(&[("i", false), ("j", false)]);
    let sent = request(&of(&format!("incidentio_configs: [{{{own}}}]"), it));
    assert_eq!(header(&sent, "Authorization"), "Bearer T");
    let body = body(&sent);
    assert_eq!((&body["version"], &body["truncatedAlerts"]), (&json!("1"), &json!(1)));
    assert_eq!(body["metadata"], json!({ "team": "a" }));
    let none = integration("", "incidentio_configs: [{url: 'http://i/x'}]").unwrap_err();
    assert!(none.contains("alert_source_token"), "{none}");
}

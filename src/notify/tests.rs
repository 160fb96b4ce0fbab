//! What each receiver type sends, what it makes of answers, and that no text gets out of its place.

mod faults;
mod shown;

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::table::TYPES;
use super::testing::{drafted, integration, notification, request};
use super::*;
use crate::config::{Key, Schema, Secret, Takes};
use crate::model::Url;

fn firing() -> Notification {
    notification(&[("i", false)])
}

fn resolved() -> Notification {
    notification(&[("i", true)])
}

fn of(receiver: &str, notification: Notification) -> Draft {
    drafted("", receiver, notification)
}

fn url(request: &HttpRequest) -> String {
    request.url.inline().unwrap()
}

fn body(request: &HttpRequest) -> Json {
    let text = request.body.inline().unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn header(request: &HttpRequest, name: &str) -> String {
    let found = request.headers.iter().find(|(other, _)| other == name);
    found.unwrap_or_else(|| panic!("no {name}")).1.inline().unwrap()
}

fn answer(status: u16, body: &str) -> Reply {
    Reply::Http { status, retry_after: None, body: body.to_owned() }
}

fn next(verdict: Verdict) -> Step {
    match verdict {
        Verdict::Next(step) => step,
        other => panic!("{other:?}"),
    }
}

#[test]
fn slack_sends_an_attachment_to_its_webhook() {
    let text = "slack_configs: [{api_url: 'http://s/x', channel: c, username: u, title: t, title_link: l, \
        text: x, fallback: f, color: danger, pretext: '', footer: '', callback_id: '', icon_emoji: '', icon_url: '', \
        short_fields: true, fields: [{title: a, value: b}, {title: c, value: d, short: false}], \
        actions: [{type: button, text: go, url: 'http://y', name: n}, {type: button, text: b, name: n, value: v, \
        confirm: {text: sure}}]}]";
    let sent = request(&of(text, firing()));
    assert_eq!((sent.method, url(&sent)), ("POST", "http://s/x".to_owned()));
    assert_eq!(
        body(&sent),
        json!({
            "channel": "c", "username": "u",
            "attachments": [{
                "title": "t", "title_link": "l", "text": "x", "fallback": "f", "callback_id": "", "footer": "",
                "color": "danger", "mrkdwn_in": ["fallback", "pretext", "text"],
                "fields": [
                    { "title": "a", "value": "b", "short": true },
                    { "title": "c", "value": "d", "short": false },
                ],
                "actions": [
                    { "type": "button", "text": "go", "url": "http://y" },
                    { "type": "button", "text": "b", "name": "n", "value": "v", "confirm": { "text": "sure" } },
                ],
            }],
        })
    );
}

#[test]
fn slack_changes_its_message_with_the_token_of_an_app() {
    let text = "slack_configs: [{update_message: true, channel: c}]";
    let globals = "slack_app_token: tok, slack_app_url: 'http://s/api/chat.postMessage'";
    let first = drafted(globals, text, firing());
    let sent = request(&first);
    assert_eq!(url(&sent), "http://s/api/chat.postMessage");
    assert_eq!(header(&sent, "Authorization"), "Bearer tok");
    let reply = answer(200, r#"{"ok":true,"channel":"C1","ts":"1.2"}"#);
    let Verdict::Remember(remembered) = first.judge(&reply) else { panic!() };
    let remembered = remembered.iter().map(|it| Rc::from(it.as_str())).collect();
    let again = Notification { remembered, ..firing() };
    let sent = request(&drafted(globals, text, again));
    assert_eq!(url(&sent), "http://s/api/chat.update");
    assert_eq!((&body(&sent)["ts"], &body(&sent)["channel"]), (&json!("1.2"), &json!("C1")));
}

#[test]
fn slack_may_refuse_with_a_status_200() {
    let draft = of("slack_configs: [{api_url: 'http://s/x'}]", firing());
    assert_eq!(draft.judge(&answer(200, "ok")), Verdict::Sent);
    assert!(matches!(draft.judge(&answer(200, "invalid_token")), Verdict::Refused(_)));
    let error = answer(200, r#"{"ok":false,"error":"channel_not_found"}"#);
    assert!(matches!(draft.judge(&error), Verdict::Refused(_)));
    assert!(matches!(draft.judge(&answer(500, "")), Verdict::Retry(..)));
    assert!(matches!(draft.judge(&answer(404, "")), Verdict::Refused(_)));
}

#[test]
fn slack_takes_what_the_receiver_says_before_what_global_says() {
    let token = |globals: &str, own: &str| {
        let integration = integration(globals, &format!("slack_configs: [{{{own}}}]"));
        integration.map(|it| (it.values.has("app_token"), it.values.has("api_url")))
    };
    assert_eq!(token("slack_app_token: t", "api_url: 'http://x'"), Ok((false, true)));
    assert_eq!(token("slack_api_url: 'http://x'", "app_token: t"), Ok((true, false)));
    assert_eq!(token("slack_app_token: t", ""), Ok((true, false)));
    for (globals, own, why) in [
        ("", "", "one of api_url, api_url_file, app_token and app_token_file must be set"),
        (
            "",
            "api_url: 'http://x', app_token: t",
            "at most one of api_url and app_token can be set",
        ),
        (
            "slack_app_token: t, slack_api_url: 'http://x'",
            "channel: c",
            "at most one of slack_api_url and slack_app_token can be set",
        ),
    ] {
        let told = token(globals, own).unwrap_err();
        assert!(told.contains(why), "{told}");
    }
}

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

fn group_hash() -> String {
    text::group_hash(&firing())
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
fn pushover_has_all_in_its_query() {
    let own = "user_key: U, token: T, title: 't & t', message: ' ', url: '', priority: '2', retry: 90s, ttl: 1h, monospace: true";
    let sent = request(&of(&format!("pushover_configs: [{{{own}}}]"), firing()));
    assert_eq!((sent.method, sent.body.inline().unwrap()), ("POST", String::new()));
    assert_eq!(
        url(&sent),
        "https://api.pushover.net/1/messages.json?token=T&user=U&title=t%20%26%20t&message=%28no%20details%29&url=&\
         url_title=&priority=2&retry=90&expire=3600&device=&sound=&monospace=1&ttl=3600"
    );
}

#[test]
fn telegram_sends_a_message_and_tries_again_whatever_is_wrong() {
    let draft = |own: &str| {
        let text = format!(
            "telegram_configs: [{{api_url: 'http://t', bot_token: 'B:1', chat_id: -7, {own}}}]"
        );
        of(&text, firing())
    };
    let plain =
        draft("message: m, parse_mode: '', disable_notifications: true, message_thread_id: 3");
    let sent = request(&plain);
    assert_eq!(url(&sent), "http://t/botB:1/sendMessage");
    assert_eq!(
        body(&sent),
        json!({
            "chat_id": "-7", "text": "m", "disable_web_page_preview": "true", "disable_notification": "true",
            "message_thread_id": "3",
        })
    );
    let long = "x".repeat(5000);
    let cut = body(&request(&draft(&format!("message: {long}, parse_mode: Markdown"))));
    assert_eq!(cut["text"].as_str().unwrap().chars().count(), 4096);
    let html = body(&request(&draft(&format!("message: {long}"))));
    assert!(
        html["text"].as_str().unwrap().starts_with("Alertmanager notification could not be sent")
    );
    assert_eq!(html["parse_mode"], json!("HTML"));

    assert_eq!(plain.judge(&answer(200, r#"{"ok":true,"result":{}}"#)), Verdict::Sent);
    let flood = answer(
        429,
        r#"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":5}}"#,
    );
    match plain.judge(&flood) {
        Verdict::Retry(failure, after) => {
            assert_eq!((failure.cause, after), (Cause::RateLimited, Some(Duration::from_secs(5))));
        }
        other => panic!("{other:?}"),
    }
    for reply in
        [answer(400, r#"{"ok":false,"error_code":400,"description":"x"}"#), answer(200, "<html>")]
    {
        assert!(matches!(plain.judge(&reply), Verdict::Retry(..)));
    }
}

#[test]
fn discord_and_teams_show_a_coloured_card() {
    let title = "é".repeat(300);
    let own =
        format!("webhook_url: 'http://d/x', content: c, title: {title}, message: m, username: u");
    let sent = body(&request(&of(&format!("discord_configs: [{{{own}}}]"), firing())));
    assert_eq!(sent["embeds"][0]["title"].as_str().unwrap().chars().count(), 256);
    assert_eq!(
        (&sent["content"], &sent["username"], &sent["embeds"][0]["color"]),
        (&json!("c"), &json!("u"), &json!(0x99_2d_22))
    );
    let teams = "msteams_configs: [{webhook_url: 'http://m/x', title: t, summary: s, text: x}]";
    assert_eq!(
        body(&request(&of(teams, resolved()))),
        json!({
            "@context": "http://schema.org/extensions", "type": "MessageCard", "title": "t", "summary": "s", "text": "x",
            "themeColor": "2DC72D",
        })
    );
    let v2 = "msteamsv2_configs: [{webhook_url: 'http://m/x', title: t, text: x}]";
    let card = &body(&request(&of(v2, firing())))["attachments"][0];
    assert_eq!(card["contentUrl"], Json::Null);
    assert_eq!(card["content"]["body"][0]["color"], json!("Attention"));
    assert_eq!(
        card["content"]["body"][1],
        json!({ "type": "TextBlock", "text": "x", "wrap": true })
    );
}

#[test]
fn webex_needs_a_token_and_cuts_in_bytes() {
    let own = |http: &str| {
        let text = "é".repeat(5000);
        format!("webex_configs: [{{room_id: r, message: {text}, api_url: 'http://w', {http}}}]")
    };
    assert!(integration("", &own("")).unwrap_err().contains("http_config.authorization"));
    let sent =
        body(&request(&of(&own("http_config: {authorization: {credentials: t}}"), firing())));
    assert_eq!(sent["roomId"], json!("r"));
    assert_eq!(sent["markdown"].as_str().unwrap().len(), 7439);
}

#[test]
fn wechat_fetches_a_token_first() {
    let own = "api_secret: 's&', corp_id: c, message: m, to_user: u, to_party: '', to_tag: '', agent_id: '1', api_url: 'http://w/b/'";
    let first = of(&format!("wechat_configs: [{{{own}}}]"), firing());
    let sent = request(&first);
    assert_eq!(
        (sent.method, url(&sent)),
        ("GET", "http://w/b/gettoken?corpid=c&corpsecret=s%26".to_owned())
    );
    let refused = first.judge(&answer(200, r#"{"errcode":40001,"errmsg":"bad"}"#));
    assert!(matches!(refused, Verdict::Refused(_)));
    let second = first.at(next(first.judge(&answer(200, r#"{"access_token":"T+"}"#))));
    let sent = request(&second);
    assert_eq!(url(&sent), "http://w/b/message/send?access_token=T%2B");
    assert_eq!(
        body(&sent),
        json!({
            "touser": "u", "agentid": "1", "msgtype": "text", "safe": "0", "text": { "content": "m" },
            "markdown": { "content": "" },
        })
    );
    assert_eq!(second.judge(&answer(200, r#"{"errcode":0}"#)), Verdict::Sent);
    assert!(matches!(second.judge(&answer(200, r#"{"errcode":42001}"#)), Verdict::Retry(..)));
    assert!(matches!(second.judge(&answer(200, r#"{"errcode":81013}"#)), Verdict::Refused(_)));
    assert!(matches!(second.judge(&answer(400, "x")), Verdict::Retry(..)));
}

#[test]
fn sns_signs_its_form_and_may_take_a_role() {
    let own = |more: &str| {
        format!(
            "sns_configs: [{{topic_arn: 'arn:t.fifo', subject: s, message: 'm m', attributes: {{b: '2', a: '1'}}, \
             sigv4: {{region: r, access_key: A, secret_key: S{more}}}}}]"
        )
    };
    let sent = request(&of(&own(""), firing()));
    assert_eq!(url(&sent), "https://sns.r.amazonaws.com/");
    let hash = group_hash();
    assert_eq!(
        sent.body.inline().unwrap(),
        format!(
            "Action=Publish&Message=m%20m&MessageAttributes.entry.1.Name=a&MessageAttributes.entry.1.Value.DataType=String&\
             MessageAttributes.entry.1.Value.StringValue=1&MessageAttributes.entry.2.Name=b&\
             MessageAttributes.entry.2.Value.DataType=String&MessageAttributes.entry.2.Value.StringValue=2&\
             MessageDeduplicationId={hash}&MessageGroupId={hash}&TopicArn=arn%3At.fifo&Subject=s&Version=2010-03-31"
        )
    );
    assert!(header(&sent, "Authorization").contains("Credential=A/20231114/r/sns/aws4_request"));
    let role = of(&own(", role_arn: 'arn:r', external_id: e"), firing());
    let sent = request(&role);
    assert_eq!(url(&sent), "https://sts.r.amazonaws.com/");
    let xml = "<AccessKeyId>A2</AccessKeyId> <SecretAccessKey>S2</SecretAccessKey><SessionToken>T2</SessionToken>";
    let then = role.at(next(role.judge(&answer(200, xml))));
    let sent = request(&then);
    assert_eq!(header(&sent, "X-Amz-Security-Token"), "T2");
    assert!(header(&sent, "Authorization").contains("Credential=A2/"));
    let targets = integration("", "sns_configs: [{phone_number: '1', target_arn: x}]").unwrap_err();
    assert!(targets.contains("exactly one of topic_arn"), "{targets}");
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
fn mattermost_and_rocketchat_show_an_attachment() {
    let own = "webhook_url: 'http://m/x', channel: c, username: u, text: x, title: t, title_link: '', fallback: '', color: '', \
        fields: [{title: a, value: b}], priority: {priority: URGENT, requested_ack: true}, props: {card: k}";
    let sent = body(&request(&of(&format!("mattermost_configs: [{{{own}}}]"), firing())));
    assert_eq!(
        sent,
        json!({
            "channel": "c", "username": "u", "props": { "card": "k" },
            "priority": { "priority": "urgent", "requested_ack": true },
            "attachments": [{ "text": "x", "title": "t", "fields": [{ "title": "a", "value": "b" }] }],
        })
    );
    let own = "api_url: 'http://r/', token: T, token_id: I, channel: c, title: t, text: x, title_link: '', emoji: ':x:', icon_url: '', \
        color: red, short_fields: true, fields: [{title: a, value: b}], actions: [{type: button, text: go, url: u}]";
    let draft = of(&format!("rocketchat_configs: [{{{own}}}]"), firing());
    let sent = request(&draft);
    assert_eq!(url(&sent), "http://r/api/v1/chat.postMessage");
    assert_eq!(
        (header(&sent, "X-Auth-Token"), header(&sent, "X-User-Id")),
        ("T".to_owned(), "I".to_owned())
    );
    assert_eq!(
        body(&sent)["attachments"][0]["fields"],
        json!([{ "short": true, "title": "a", "value": "b" }])
    );
    assert_eq!(draft.judge(&answer(200, r#"{"success":true}"#)), Verdict::Sent);
    assert!(matches!(draft.judge(&answer(200, r#"{"success":false}"#)), Verdict::Refused(_)));
    assert!(matches!(draft.judge(&answer(200, "x")), Verdict::Retry(..)));
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

#[test]
fn ntfy_and_gotify_tell_title_message_and_priority() {
    let own = "url: 'http://n', topic: alerts, token: T, title: t, message: m, priority: '9', tags: 'a,b'";
    let sent = request(&of(&format!("ntfy_configs: [{{{own}}}]"), firing()));
    assert_eq!(header(&sent, "Authorization"), "Bearer T");
    assert_eq!(
        body(&sent),
        json!({ "topic": "alerts", "title": "t", "message": "m", "priority": 5, "tags": ["a", "b"] })
    );
    let odd = of(
        "ntfy_configs: [{topic: 'a/b', title: t, message: m, priority: '', tags: ''}]",
        firing(),
    );
    assert!(odd.inline().unwrap_err().contains("topic"));
    let own =
        "url: 'http://g/x/', token: T, title: t, message: '', priority: '8', click: 'http://c'";
    let sent = request(&of(&format!("gotify_configs: [{{{own}}}]"), firing()));
    assert_eq!(
        (url(&sent), header(&sent, "X-Gotify-Key")),
        ("http://g/x/message".to_owned(), "T".to_owned())
    );
    assert_eq!(
        (&body(&sent)["message"], &body(&sent)["priority"]),
        (&json!("(no details)"), &json!(8))
    );
}

/// What each type needs besides its required keys to be a right config.
fn needs(name: &str) -> &'static str {
    match name {
        "incidentio" => "alert_source_token: t",
        "pagerduty" => "routing_key: t",
        "slack" => "api_url: 'http://h.example/p'",
        "sns" => {
            "api_url: 'http://h.example/p', sigv4: {region: r, access_key: a, secret_key: s}, topic_arn: t"
        }
        "telegram" => "chat_id: 1, parse_mode: Markdown",
        "webex" => "http_config: {authorization: {credentials: t}}",
        _ => "",
    }
}

const EVIL: &str = "x\\r\\nX-Evil: 1\\\"}],\\u2028<&>{%0d%0a@evil.example/?#";

fn yaml(key: &Key) -> Option<String> {
    let name = key.name;
    Some(match key.takes {
        Takes::Url | Takes::SecretUrl(_) | Takes::UrlTemplate(_) => {
            format!("{name}: 'http://h.example/p'")
        }
        Takes::Template | Takes::Html => format!("{name}: \"{EVIL}\""),
        Takes::Templates | Takes::Texts => format!("{name}: [\"{EVIL}\"]"),
        Takes::Map => format!("{name}: {{k: \"{EVIL}\"}}"),
        Takes::Tree => format!("{name}: {{k: [\"{EVIL}\"]}}"),
        Takes::Secret(_) | Takes::SecretTemplate(_) if key.required => format!("{name}: t"),
        _ => return None,
    })
}

fn evil(schema: &Schema) -> String {
    let needed = needs(schema.name);
    let is_given =
        |key: &&Key| !needed.split(", ").any(|it| it.starts_with(&format!("{}:", key.name)));
    let is_fine = |key: &&Key| {
        !["phone_number", "target_arn", "topic_arn", "api_url_file"].contains(&key.name)
    };
    let keys = schema.keys.iter().filter(is_given).filter(is_fine).filter_map(yaml);
    let keys: Vec<String> = keys.chain([needed.to_owned()]).filter(|it| !it.is_empty()).collect();
    format!("{}: [{{{}}}]", schema.section, keys.join(", "))
}

#[test]
fn no_text_gets_into_a_header_another_host_or_out_of_its_json() {
    let mut sent = 0;
    for kind in TYPES.iter().filter(|it| it.schema.http && it.schema.name != "alertmanager") {
        let text = evil(&kind.schema);
        let draft = of(&text, firing());
        let mut steps = vec![Step::default()];
        if kind.schema.name == "jira" {
            let state = vec!["P-1/../x".to_owned(), "done".to_owned()];
            steps.extend(
                ["create", "update", "transitions", "transition"]
                    .map(|name| Step { name, state: state.clone() }),
            );
        }
        if kind.schema.name == "wechat" {
            steps.push(Step { name: "send", state: vec!["t&x".to_owned()] });
        }
        for step in steps {
            // What a receiver type refuses does no harm.
            let Ok(Outgoing::Http(request)) = draft.at(step).inline() else { continue };
            sent += 1;
            for (name, value) in &request.headers {
                let value = value.inline().unwrap();
                assert!(
                    !value.contains(char::is_control) && !value.contains("Evil"),
                    "{name}: {value}"
                );
            }
            let url = url(&request);
            let parsed = Url::parse(&url).unwrap_or_else(|error| panic!("{text}: {error}: {url}"));
            let hosts = ["h.example", "api.pushover.net", "sns.r.amazonaws.com"];
            assert!(hosts.contains(&parsed.host()), "{url}");
            assert!(!parsed.path().contains("/../"), "{url}");
            let body = request.body.inline().unwrap();
            let is_json = request.headers.iter().any(|(name, _)| name == "Content-Type");
            let is_json = is_json && header(&request, "Content-Type") == "application/json";
            if !body.is_empty() && is_json {
                let json: Json = serde_json::from_str(&body).unwrap();
                assert_eq!(json.get("X-Evil"), None);
            }
        }
    }
    assert!(sent >= 20, "{sent}");
}

#[test]
fn the_table_is_consistent() {
    let globals: Vec<&Key> = TYPES.iter().flat_map(|it| it.schema.globals).collect();
    let names: BTreeSet<&str> = globals.iter().map(|key| key.name).collect();
    assert_eq!(names.len(), globals.len(), "a key of global belongs to one type");
    let mut sections = BTreeSet::new();
    for kind in TYPES {
        let schema = &kind.schema;
        assert!(sections.insert(schema.section), "{}", schema.section);
        assert_eq!(schema.section, format!("{}_configs", schema.name));
        let own: BTreeSet<&str> = schema.keys.iter().map(|key| key.name).collect();
        assert_eq!(own.len(), schema.keys.len(), "{}: a key twice", schema.name);
        for key in [schema.address, schema.body].iter().filter(|key| !key.is_empty()) {
            assert!(own.contains(key), "{}: {key}", schema.name);
        }
        for key in schema.keys.iter().filter(|key| !key.global.is_empty()) {
            let global = globals.iter().find(|it| it.name == key.global);
            let global = global.unwrap_or_else(|| panic!("{}: no {}", schema.name, key.global));
            let kind = std::mem::discriminant::<Takes>;
            let is_same = kind(&key.takes) == kind(&global.takes) || !schema.http;
            assert!(is_same, "{}: {}", schema.name, key.name);
        }
    }
    assert_eq!(SCHEMAS.len(), TYPES.len());
}

#[test]
fn every_example_of_the_docs_loads_and_every_receiver_has_one() {
    let docs = include_str!("../../configs/README.md");
    let mut told = BTreeSet::new();
    for example in docs.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        let lines = example.trim_end().replace('\n', "\n  ");
        let text = format!("route: {{receiver: r}}\nreceivers:\n- name: r\n  {lines}\n");
        let loaded = testing::load(&text).unwrap_or_else(|errors| panic!("{example}{errors}"));
        told.extend(loaded.config.receivers[0].integrations.iter().map(Integration::name));
    }
    for kind in TYPES {
        assert!(told.contains(kind.schema.name), "{} has no example", kind.schema.name);
    }
}

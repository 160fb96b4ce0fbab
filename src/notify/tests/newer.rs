//! The receiver types that Alertmanager got after 0.25, against the documentation of each service: the whole request with as
//! few keys as may be and with all of them, firing and resolved, at the service's limits, and what is made of each answer.

use super::*;
use crate::template::Templates;

/// Method and URL, headers, body.
fn whole(draft: &Draft) -> (String, Vec<(String, String)>, Json) {
    let sent = request(draft);
    let text = |(name, value): &(String, SecretText)| (name.clone(), value.inline().unwrap());
    let mut headers: Vec<_> = sent.headers.iter().map(text).collect();
    headers.sort_unstable();
    (format!("{} {}", sent.method, url(&sent)), headers, body(&sent))
}

fn headers(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let all = more.iter().chain(&[("Content-Type", "application/json")]);
    let mut all: Vec<_> =
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    all.sort_unstable();
    all
}

/// The default template of this name, rendered.
fn default(name: &str, notification: &Notification) -> String {
    let text = format!("{{{{ template \"{name}\" . }}}}");
    Templates::builtin().text(&text, &notification.data()).unwrap().clone()
}

/// The verdicts on answers with these statuses and an empty object, a letter each: `s` for sent or the next request, `t` for
/// tried again, `f` for final.
fn verdicts(draft: &Draft) -> String {
    let statuses = [200, 201, 202, 204, 301, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504];
    let letter = |status| match draft.judge(&answer(status, "{}")) {
        Verdict::Sent | Verdict::Remember(_) | Verdict::Next(_) | Verdict::NextFor(..) => 's',
        Verdict::Retry(..) => 't',
        Verdict::Refused(_) => 'f',
    };
    assert!(matches!(draft.judge(&Reply::failed("no answer")), Verdict::Retry(..)));
    statuses.map(letter).iter().collect()
}

/// Servers that fail are asked again.
const PLAIN: &str = "ssssfffffffftttt";
/// The same of those that ask for patience.
const PATIENT: &str = "ssssfffffffttttt";

#[test]
fn msteams_takes_a_card_with_a_colour() {
    for (told, color) in [(firing(), "8C1A1A"), (resolved(), "2DC72D")] {
        let least = of("msteams_configs: [{webhook_url: 'http://m/x?sig=a%2Fb'}]", told.clone());
        let card = json!({
            "@context": "http://schema.org/extensions", "type": "MessageCard", "themeColor": color,
            "title": default("msteams.default.title", &told),
            "summary": default("msteams.default.summary", &told),
            "text": default("msteams.default.text", &told),
        });
        assert_eq!(whole(&least), ("POST http://m/x?sig=a%2Fb".to_owned(), headers(&[]), card));
    }
    let all = "msteams_configs: [{webhook_url: 'http://m/x', title: '{{ .Status }}', summary: s, text: x}]";
    let all = of(all, firing());
    assert_eq!(whole(&all).2["title"], "firing");
    assert_eq!(verdicts(&all), PLAIN);
}

#[test]
fn msteamsv2_takes_an_adaptive_card() {
    for (told, color) in [(firing(), "Attention"), (resolved(), "Good")] {
        let least = of("msteamsv2_configs: [{webhook_url: 'http://m/x'}]", told.clone());
        let message = json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.2",
                    "msteams": { "width": "full" },
                    "body": [
                        {
                            "type": "TextBlock", "weight": "Bolder", "size": "Medium", "wrap": true,
                            "style": "heading", "color": color,
                            "text": default("msteamsv2.default.title", &told),
                        },
                        { "type": "TextBlock", "wrap": true, "text": default("msteamsv2.default.text", &told) },
                    ],
                },
            }],
        });
        assert_eq!(whole(&least), ("POST http://m/x".to_owned(), headers(&[]), message));
        assert_eq!(verdicts(&least), PLAIN);
    }
}

#[test]
fn discord_takes_an_embed_with_name_and_picture() {
    let told = resolved();
    let least = of("discord_configs: [{webhook_url: 'http://d/x'}]", told.clone());
    let embed = json!({
        "content": "",
        "embeds": [{
            "title": default("discord.default.title", &told),
            "description": default("discord.default.message", &told),
            "color": 0x2e_cc_71,
        }],
    });
    assert_eq!(whole(&least), ("POST http://d/x".to_owned(), headers(&[]), embed));
    let long = |count: usize| "é".repeat(count);
    let all = format!(
        "discord_configs: [{{webhook_url: 'http://d/x', content: {}, title: {}, message: {}, username: u, avatar_url: 'http://p'}}]",
        long(2_001),
        long(256),
        long(4_097)
    );
    let all = of(&all, firing());
    let cut = |count: usize| format!("{}…", long(count - 1));
    let message = json!({
        "content": cut(2_000), "username": "u", "avatar_url": "http://p",
        "embeds": [{ "title": long(256), "description": cut(4_096), "color": 0x99_2d_22 }],
    });
    assert_eq!(whole(&all).2, message);
    assert_eq!(verdicts(&all), PLAIN);
}

#[test]
fn webex_takes_markdown_for_a_room() {
    let told = firing();
    let least = "webex_configs: [{room_id: r, http_config: {authorization: {credentials: t}}}]";
    let least = of(least, told.clone());
    let message = json!({ "roomId": "r", "markdown": default("webex.default.message", &told) });
    let to = "POST https://webexapis.com/v1/messages".to_owned();
    assert_eq!(whole(&least), (to, headers(&[]), message));
    assert_eq!(verdicts(&least), PLAIN);
    let text = |bytes: usize| {
        let own = format!(
            "webex_configs: [{{room_id: r, message: {}, http_config: {{authorization: {{credentials: t}}}}}}]",
            "a".repeat(bytes)
        );
        whole(&of(&own, firing())).2["markdown"].as_str().unwrap().to_owned()
    };
    assert_eq!((text(7_439).len(), text(7_440).len()), (7_439, 7_439));
    assert!(text(7_440).ends_with('…'));
}

#[test]
fn mattermost_takes_an_attachment_and_keys_above_it() {
    let told = firing();
    let least = of("mattermost_configs: [{webhook_url: 'http://m/hooks/x'}]", told.clone());
    let attachment = json!({
        "fallback": default("mattermost.default.fallback", &told),
        "color": default("mattermost.default.color", &told),
        "text": default("mattermost.default.text", &told),
        "title": default("mattermost.default.title", &told),
        "title_link": default("mattermost.default.titlelink", &told),
    });
    let attachment: serde_json::Map<_, _> = attachment
        .as_object()
        .unwrap()
        .clone()
        .into_iter()
        .filter(|(_, text)| text != "")
        .collect();
    let username = default("mattermost.default.username", &told);
    let message = json!({ "username": username, "attachments": [attachment] });
    assert_eq!(whole(&least), ("POST http://m/hooks/x".to_owned(), headers(&[]), message));
    assert_eq!(verdicts(&least), PLAIN);
    let texts = "fallback: a, color: b, pretext: c, text: d, author_name: e, author_link: f, author_icon: g, title: h, \
        title_link: i, thumb_url: j, footer: k, footer_icon: l, image_url: m, fields: [{title: n, value: o, short: true}]";
    let card = json!({
        "fallback": "a", "color": "b", "pretext": "c", "text": "d", "author_name": "e", "author_link": "f",
        "author_icon": "g", "title": "h", "title_link": "i", "thumb_url": "j", "footer": "k", "footer_icon": "l",
        "image_url": "m", "fields": [{ "title": "n", "value": "o", "short": true }],
    });
    let above = "webhook_url: 'http://m/x', channel: C, username: U, icon_url: I, icon_emoji: E, type: T, props: {card: P}";
    let mut message = json!({
        "channel": "C", "username": "U", "icon_url": "I", "icon_emoji": "E", "type": "T", "props": { "card": "P" },
        "attachments": [card],
    });
    let all = format!("mattermost_configs: [{{{above}, {texts}}}]");
    assert_eq!(whole(&of(&all, resolved())).2, message);
    let long = "é".repeat(16_384);
    let listed =
        format!("mattermost_configs: [{{{above}, text: {long}, attachments: [{{{texts}}}]}}]");
    message["text"] = format!("{}…", "é".repeat(16_382)).into();
    assert_eq!(whole(&of(&listed, resolved())).2, message);
}

#[test]
fn mattermost_repeats_what_is_urgent_and_takes_receipts_of_what_matters() {
    let priority = |level: &str| {
        let own = format!(
            "mattermost_configs: [{{webhook_url: 'http://m/x', priority: {{priority: '{level}', requested_ack: true, \
             persistent_notifications: true}}}}]"
        );
        whole(&of(&own, firing())).2["priority"].clone()
    };
    assert_eq!(priority(""), Json::Null);
    assert_eq!(
        priority("{{ \"URGENT\" }}"),
        json!({ "priority": "urgent", "requested_ack": true, "persistent_notifications": true })
    );
    assert_eq!(priority("important"), json!({ "priority": "important", "requested_ack": true }));
    assert_eq!(priority("standard"), json!({ "priority": "standard" }));
    assert_eq!(priority("odd"), json!({ "priority": "standard" }));
}

#[test]
fn rocketchat_takes_an_attachment_with_two_tokens() {
    let told = firing();
    let least =
        of("rocketchat_configs: [{token: T, token_id: I, send_resolved: true}]", told.clone());
    let attachment = json!({
        "title": default("rocketchat.default.title", &told),
        "title_link": default("rocketchat.default.titlelink", &told),
        "text": default("rocketchat.default.text", &told),
        "color": "red",
    });
    let attachment: serde_json::Map<_, _> = attachment
        .as_object()
        .unwrap()
        .clone()
        .into_iter()
        .filter(|(_, text)| text != "")
        .collect();
    let (to, sent, message) = whole(&least);
    assert_eq!(to, "POST https://open.rocket.chat/api/v1/chat.postMessage");
    assert_eq!(sent, headers(&[("X-Auth-Token", "T"), ("X-User-Id", "I")]));
    assert_eq!(message["attachments"], json!([attachment]));
    let long = "é".repeat(1_025);
    let all = format!(
        "rocketchat_configs: [{{api_url: 'http://r/sub/', token: T, token_id: I, channel: C, color: c, title: {long}, \
         title_link: l, text: x, emoji: e, icon_url: i, image_url: m, thumb_url: h, link_names: true, \
         fields: [{{title: a, value: b}}, {{title: c, value: d, short: true}}], \
         actions: [{{type: button, text: go, url: u, msg: w}}]}}]"
    );
    let (to, _, message) = whole(&of(&all, resolved()));
    assert_eq!(to, "POST http://r/sub/api/v1/chat.postMessage");
    assert_eq!(
        message,
        json!({
            "channel": "C", "emoji": "e", "avatar": "i",
            "attachments": [{
                "title": format!("{}…", "é".repeat(1_023)), "title_link": "l", "text": "x", "image_url": "m",
                "thumb_url": "h", "color": "c",
                "fields": [
                    { "title": "a", "value": "b", "short": false },
                    { "title": "c", "value": "d", "short": true },
                ],
                "actions": [{
                    "type": "button", "text": "go", "url": "u", "msg": "w", "is_webview": false,
                    "msg_in_chat_window": false,
                }],
            }],
        })
    );
    let draft = of("rocketchat_configs: [{token: T, token_id: I}]", told);
    assert_eq!(verdicts(&draft), PLAIN.replace("ssss", "ffff"), "an empty object is no success");
    assert_eq!(draft.judge(&answer(200, r#"{"success":true}"#)), Verdict::Sent);
}

#[test]
fn incidentio_takes_alertmanagers_payload_as_version_1() {
    let told = notification(&[("i", false), ("j", true)]);
    let own = "incidentio_configs: [{url: 'http://i/v2/alert_events/alertmanager/x', alert_source_token: T}]";
    let least = of(own, told.clone());
    let mut payload: Json = payload::json(&told, 0);
    payload["version"] = "1".into();
    let to = "POST http://i/v2/alert_events/alertmanager/x".to_owned();
    assert_eq!(whole(&least), (to, headers(&[("Authorization", "Bearer T")]), payload));
    assert_eq!(verdicts(&least), PATIENT);
    // One that is too large has its first alert alone.
    let many: Vec<String> = (0..4_000).map(|n| format!("{n:0>100}")).collect();
    let many: Vec<(&str, bool)> = many.iter().map(|it| (it.as_str(), false)).collect();
    let large = whole(&of(own, notification(&many))).2;
    assert_eq!(large["alerts"].as_array().unwrap().len(), 1);
    assert!(large.to_string().len() < 512 * 1024);
    let both = "incidentio_configs: [{url: 'http://i', alert_source_token: T, http_config: {authorization: {credentials: t}}}]";
    assert!(integration("", both).unwrap_err().contains("cannot both be set"));
}

#[test]
fn jira_speaks_to_the_cloud_and_to_a_data_centre() {
    let search = |own: &str| {
        let own = format!("jira_configs: [{{project: P, issue_type: Bug, {own}}}]");
        let draft = of(&own, firing());
        let (to, sent, message) = whole(&draft);
        assert_eq!(sent, headers(&[("Accept-Language", "en")]));
        assert_eq!(message["maxResults"], 2);
        assert_eq!(message["fields"], json!(["status"]));
        (to, draft)
    };
    for (own, to) in [
        (
            "api_url: 'https://x.atlassian.net/rest/api/2'",
            "https://x.atlassian.net/rest/api/3/search/jql",
        ),
        (
            "api_url: 'https://x.atlassian.net/rest/api/3/'",
            "https://x.atlassian.net/rest/api/3/search/jql",
        ),
        ("api_url: 'https://j/rest/api/2', api_type: cloud", "https://j/rest/api/3/search/jql"),
        ("api_url: 'https://j/rest/api/2'", "https://j/rest/api/2/search"),
        (
            "api_url: 'https://x.atlassian.net/rest/api/2', api_type: datacenter",
            "https://x.atlassian.net/rest/api/2/search",
        ),
    ] {
        assert_eq!(search(own).0, format!("POST {to}"), "{own}");
    }
    let (_, draft) = search("api_url: 'https://j/rest/api/3'");
    let found = body(&request(&draft))["jql"].as_str().unwrap().to_owned();
    let label = format!("ALERT{{{}}}", group_hash());
    let order = "order by status ASC,resolutiondate DESC";
    assert_eq!(
        found,
        format!("statusCategory != Done and project=\"P\" and labels=\"{label}\" {order}")
    );
    // Each step: search, create, and what is made of its answers.
    assert_eq!(verdicts(&draft), PATIENT);
    let create = draft.at(next(draft.judge(&answer(200, r#"{"issues":[]}"#))));
    assert_eq!(verdicts(&create), PATIENT);
    let (to, _, message) = whole(&create);
    assert_eq!(to, "POST https://j/rest/api/3/issue");
    let told = firing();
    let text = default("jira.default.description", &told);
    assert_eq!(message["fields"]["description"]["content"][0]["content"][0]["text"], json!(text));
    assert_eq!(message["fields"]["summary"], json!(default("jira.default.summary", &told)));
    let odd = draft.judge(&answer(200, "<html>"));
    assert!(matches!(odd, Verdict::Refused(_)), "{odd:?}");
}

#[test]
fn jira_cuts_what_is_too_long_and_leaves_alone_what_it_is_to() {
    let own = format!(
        "jira_configs: [{{api_url: 'http://j/rest/api/2', project: P, issue_type: Bug, priority: '', \
         summary: {{template: {}, enable_update: false}}, description: {}, wont_fix_resolution: \"Won't \\\"fix\\\"\"}}]",
        "é".repeat(256),
        "é".repeat(32_768)
    );
    let draft = of(&own, firing());
    let jql = body(&request(&draft))["jql"].as_str().unwrap().to_owned();
    assert!(
        jql.starts_with(r#"(resolution is EMPTY or resolution != "Won't \"fix\"") and "#),
        "{jql}"
    );
    let create = draft.at(next(draft.judge(&answer(200, "{}"))));
    let fields = body(&request(&create))["fields"].clone();
    assert_eq!(fields["summary"], json!(format!("{}…", "é".repeat(254))));
    assert_eq!(fields["description"].as_str().unwrap().chars().count(), 32_767);
    assert_eq!(fields.get("priority"), None);
    // An issue that is open is changed, and stays where it is.
    let open = r#"{"issues":[{"key":"P-1","fields":{"status":{"statusCategory":{"key":"new"}}}}]}"#;
    let update = draft.at(next(draft.judge(&answer(200, open))));
    let (to, _, message) = whole(&update);
    assert_eq!(to, "PUT http://j/rest/api/2/issue/P-1");
    assert_eq!(message["fields"].get("summary"), None);
    assert_eq!(update.judge(&answer(204, "")), Verdict::Sent);
    assert_eq!(verdicts(&update), PATIENT);
}

#[test]
fn wechat_asks_for_another_token_when_its_own_is_refused() {
    let own = "wechat_configs: [{api_secret: s, corp_id: c, api_url: 'http://w/', to_user: u, message_type: markdown, message: m}]";
    let first = of(own, firing());
    let second = first.at(next(first.judge(&answer(200, r#"{"errcode":0,"access_token":"T"}"#))));
    let (to, sent, message) = whole(&second);
    assert_eq!((&*to, sent), ("POST http://w/message/send?access_token=T", headers(&[])));
    assert_eq!(message["markdown"], json!({ "content": "m" }));
    // Another try has another token.
    for code in [40_014, 42_001] {
        let refused = second.judge(&answer(200, &format!(r#"{{"errcode":{code},"errmsg":"x"}}"#)));
        assert!(matches!(refused, Verdict::Retry(..)), "{code}: {refused:?}");
    }
    for code in [40_001, 40_003, 81_013] {
        let refused = second.judge(&answer(200, &format!(r#"{{"errcode":{code},"errmsg":"x"}}"#)));
        assert!(matches!(refused, Verdict::Refused(_)), "{code}: {refused:?}");
    }
    assert_eq!(
        url(&request(&second.at(RequestStep::default()))),
        "http://w/gettoken?corpid=c&corpsecret=s"
    );
}

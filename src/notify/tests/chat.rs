//! The requests to the chat services, and the verdicts on their answers.

use super::*;

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
    let remembered = remembered.iter().map(|it| Arc::from(it.as_str())).collect();
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
    let both = "slack_app_token: t, slack_api_url: 'https://slack.com/api/chat.postMessage'";
    assert_eq!(token(both, ""), Ok((true, false)));
    let own = "http_config: {authorization: {credentials: x}}";
    assert_eq!(token(both, own), Ok((false, true)));
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
    for reply in [
        answer(400, r#"{"ok":false,"error_code":400,"description":"x"}"#),
        answer(200, "<html>"),
        answer(502, r#"{"ok":true}"#),
    ] {
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

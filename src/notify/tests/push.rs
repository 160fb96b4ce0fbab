//! The requests to the push services.

use super::*;

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
    // Credentials that no header can carry are none.
    for token in ["T\n2", "T\u{1}", "", "T 2"] {
        let told = role.judge(&answer(200, &xml.replace("T2", token)));
        assert!(matches!(told, Verdict::Refused(_)), "{token:?} {told:?}");
    }
    let targets = integration("", "sns_configs: [{phone_number: '1', target_arn: x}]").unwrap_err();
    assert!(targets.contains("exactly one of topic_arn"), "{targets}");
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

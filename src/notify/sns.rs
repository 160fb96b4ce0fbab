//! `sns_configs`: a message through Amazon SNS, signed with version 4 of AWS's signatures. With a `role_arn` the passing
//! credentials of the role are fetched first.

use crate::config::schema::Around;
use crate::config::{Key, Schema, Secret, Takes, Value, Values};
use crate::model::{Url, brief};
use crate::notify::json::send;
use crate::notify::sigv4::{self, Credentials, Signed};
use crate::notify::text::{group_hash, pairs};
use crate::notify::{
    Cause, Failure, Message, Outgoing, Reply, RequestStep, SecretText, Type, Verdict,
};
use crate::wire::aws_profile;

/// SNS's limits: of a message, and of one that goes out by SMS.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
const SMS_BYTES_MAX: usize = 1600;

const SIGV4: &[Key] = &[
    Key::text("region", ""),
    Key::text("access_key", ""),
    Key::secret("secret_key", ""),
    Key::text("profile", ""),
    Key::text("role_arn", ""),
    Key::text("external_id", "").newer(),
    // Read, and not used for SNS, as in Alertmanager.
    Key::new("use_fips_sts_endpoint", Takes::Bool).newer(),
    Key::text("service_name", "").newer(),
    // From the environment, or files that it names; nobody sets these.
    Key::secret("session_token", "").ours(),
    Key::new("credentials_file", Takes::File).ours(),
    Key::new("config_file", Takes::File).ours(),
];

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "sns",
        section: "sns_configs",
        address: "",
        body: "message",
        keys: &[
            Key::template("api_url", ""),
            Key::new("sigv4", Takes::Table(SIGV4)),
            Key::template("topic_arn", ""),
            Key::template("phone_number", ""),
            Key::template("target_arn", ""),
            Key::template("subject", r#"{{ template "sns.default.subject" . }}"#),
            Key::template("message", r#"{{ template "sns.default.message" . }}"#),
            Key::new("attributes", Takes::Map),
            Key::bool("use_aws_http_client", "false").newer(),
        ],
        check: settle,
        ..Schema::HTTP
    },
    request,
    each: None,
    judge,
};

/// Values that the config lacks are looked for where AWS's own tools look: in the environment, then in the user's files.
fn settle(values: &mut Values, around: &Around<'_>) -> Vec<String> {
    let targets = ["topic_arn", "phone_number", "target_arn"];
    let mut errors = Vec::new();
    if targets.iter().filter(|key| values.has(key)).count() != 1 {
        errors.push("exactly one of topic_arn, phone_number and target_arn must be set".to_owned());
    }
    let mut sigv4 = match values.table("sigv4") {
        Some(sigv4) => sigv4.clone(),
        None => Values::new(SIGV4, |_| None),
    };
    if sigv4.has("access_key") != sigv4.has("secret_key") {
        errors.push("sigv4: access_key and secret_key must be set both or not at all".to_owned());
    }
    let variable = |name: &str| around.environment.aws(name);
    let home = variable("HOME").unwrap_or_default();
    let file = |name: &str, in_home: &str| {
        let path = variable(name).map_or_else(|| format!("{home}/.aws/{in_home}"), str::to_owned);
        Value::Secret(Secret::File(path.into()))
    };
    let profile = match sigv4.text("profile") {
        "" => variable("AWS_PROFILE").unwrap_or("default").to_owned(),
        profile => profile.to_owned(),
    };
    if !sigv4.has("region") {
        match variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")) {
            Some(region) => sigv4.set("region", Value::from_text(region)),
            None => sigv4.set("config_file", file("AWS_CONFIG_FILE", "config")),
        }
    }
    if !sigv4.has("access_key") {
        let inline = |text: &str| Value::Secret(Secret::Inline(text.into()));
        match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
            (Some(access), Some(secret)) if !sigv4.has("profile") => {
                sigv4.set("access_key", Value::from_text(access));
                sigv4.set("secret_key", inline(secret));
                if let Some(token) = variable("AWS_SESSION_TOKEN") {
                    sigv4.set("session_token", inline(token));
                }
            }
            _ => {
                sigv4.set("credentials_file", file("AWS_SHARED_CREDENTIALS_FILE", "credentials"));
            }
        }
    }
    sigv4.set("profile", Value::from_text(&profile));
    values.set("sigv4", Value::Table(sigv4));
    errors
}

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let none = || "sigv4 is not set".to_owned();
    let sigv4 = values.table("sigv4").ok_or_else(none)?;
    let profile = sigv4.text("profile");
    let of_file = |file: &str, key: &str| {
        let found = aws_profile::entry(sigv4.text(file), profile, key);
        found.map(str::to_owned).ok_or_else(|| format!("no {key} for the profile {profile:?}"))
    };
    let region = match sigv4.text("region") {
        "" => of_file("config_file", "region")?,
        region => region.to_owned(),
    };
    let (access_key, secret_key, session_token) =
        match (message.step.state.as_slice(), sigv4.text("access_key")) {
            ([access, secret, token], _) => (access.clone(), secret.clone(), token.clone()),
            (_, "") => (
                of_file("credentials_file", "aws_access_key_id")?,
                of_file("credentials_file", "aws_secret_access_key")?,
                of_file("credentials_file", "aws_session_token").unwrap_or_default(),
            ),
            (_, access) => (
                access.to_owned(),
                sigv4.text("secret_key").to_owned(),
                sigv4.text("session_token").to_owned(),
            ),
        };
    let is_role = sigv4.has("role_arn") && message.step.name.is_empty();
    let (url, service, body) = if is_role {
        (format!("https://sts.{region}.amazonaws.com/"), "sts", assume_role(sigv4))
    } else {
        let url = match values.text("api_url") {
            "" => format!("https://sns.{region}.amazonaws.com/"),
            url => url.to_owned(),
        };
        (url, "sns", publish(message))
    };
    let parsed = Url::parse(&url).map_err(|error| format!("api_url: {error}"))?;
    let signed = Signed { url: &parsed, body: &body, region: &region, service };
    let credentials = Credentials {
        access_key: &access_key,
        secret_key: &secret_key,
        session_token: &session_token,
    };
    let headers = sigv4::headers(&signed, &credentials, message.now);
    send(
        message,
        "POST",
        &url,
        headers.iter().map(|(name, it)| ((*name).to_owned(), SecretText::secret(it))).collect(),
        SecretText::from(body),
    )
}

fn assume_role(sigv4: &Values) -> String {
    let mut form = vec![
        ("Action", "AssumeRole"),
        ("RoleArn", sigv4.text("role_arn")),
        ("RoleSessionName", "bellwether"),
        ("Version", "2011-06-15"),
    ];
    if sigv4.has("external_id") {
        form.push(("ExternalId", sigv4.text("external_id")));
    }
    pairs(form)
}

fn publish(message: &Message<'_>) -> String {
    let values = message.values;
    let max = if values.has("phone_number") { SMS_BYTES_MAX } else { MESSAGE_BYTES_MAX };
    let text = values.text("message");
    let sent = brief::cut(text, max);
    let mut form = vec![("Action".to_owned(), "Publish"), ("Message".to_owned(), sent)];
    let mut attributes: Vec<(&str, &str)> = values.map("attributes").collect();
    if sent.len() < text.len() {
        attributes.push(("truncated", "true"));
    }
    attributes.sort_unstable();
    for (number, (name, value)) in attributes.into_iter().enumerate() {
        let entry = |what: &str| format!("MessageAttributes.entry.{}.{what}", number + 1);
        form.push((entry("Name"), name));
        form.push((entry("Value.DataType"), "String"));
        form.push((entry("Value.StringValue"), value));
    }
    let hash = group_hash(message.notification);
    if values.text("topic_arn").strip_suffix(".fifo").is_some() {
        form.push(("MessageDeduplicationId".to_owned(), &hash));
        form.push(("MessageGroupId".to_owned(), &hash));
    }
    for (name, key) in [
        ("TopicArn", "topic_arn"),
        ("PhoneNumber", "phone_number"),
        ("TargetArn", "target_arn"),
        ("Subject", "subject"),
    ] {
        if values.has(key) {
            form.push((name.to_owned(), values.text(key)));
        }
    }
    form.push(("Version".to_owned(), "2010-03-31"));
    pairs(form.iter().map(|(name, value)| (name.as_str(), *value)))
}

fn judge(message: &Message<'_>, reply: &Reply) -> Verdict {
    // As AWS's own clients do where requests are too many.
    let verdict = Verdict::of(reply, &[429]);
    let has_role = message.values.table("sigv4").is_some_and(|it| it.has("role_arn"));
    let (Verdict::Sent, Reply::Http { body, .. }) = (&verdict, reply) else { return verdict };
    if !has_role || !message.step.name.is_empty() {
        return verdict;
    }
    // They become parts of headers.
    let is_text =
        |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let tag = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        Some(rest.split_once('<')?.0.trim()).filter(is_text).map(str::to_owned)
    };
    if let (Some(access), Some(secret), Some(token)) =
        (tag("AccessKeyId"), tag("SecretAccessKey"), tag("SessionToken"))
    {
        return Verdict::Next(RequestStep { name: "publish", state: vec![access, secret, token] });
    }
    let why = "the answer to AssumeRole has no credentials".to_owned();
    Verdict::Refused(Failure { cause: Cause::Auth, why })
}

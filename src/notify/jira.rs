//! `jira_configs`: an issue a group. It is looked for by a label, made or changed, and closed or opened anew.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::config::schema::{Around, Origin};
use crate::config::{Key, Schema, Takes, Values};
use crate::model::Url;
use crate::model::url::escape_component;
use crate::notify::json::{send, tree};
use crate::notify::text::{at, cut, group_hash};
use crate::notify::{
    Cause, Failure, Message, Outgoing, Reply, RequestStep, SecretText, Type, Verdict,
};

/// Jira's limits, in characters.
const SUMMARY_CHARS_MAX: usize = 255;
const DESCRIPTION_CHARS_MAX: usize = 32_767;

const SUMMARY: &[Key] = &[
    Key::template("template", r#"{{ template "jira.default.summary" . }}"#),
    Key::bool("enable_update", "true"),
];
const DESCRIPTION: &[Key] = &[
    Key::template("template", r#"{{ template "jira.default.description" . }}"#),
    Key::bool("enable_update", "true"),
];

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "jira",
        section: "jira_configs",
        incidents: true,
        origin: Origin::Newer,
        address: "api_url",
        body: "description",
        keys: &[
            Key::new("api_url", Takes::Url).or_global("jira_api_url").required(),
            Key::new("api_type", Takes::Choice(&["auto", "cloud", "datacenter"])).or("auto"),
            Key::template("project", "").required(),
            Key::new("summary", Takes::Short(SUMMARY)),
            Key::new("description", Takes::Short(DESCRIPTION)),
            Key::new("labels", Takes::Templates),
            Key::template("priority", r#"{{ template "jira.default.priority" . }}"#),
            Key::template("issue_type", "").required(),
            Key::text("reopen_transition", ""),
            Key::text("resolve_transition", ""),
            Key::text("wont_fix_resolution", ""),
            Key::new("reopen_duration", Takes::Duration),
            Key::new("fields", Takes::Tree),
        ],
        globals: &[Key::new("jira_api_url", Takes::Url).newer()],
        check: |_: &mut Values, _: &Around<'_>| Vec::new(),
        ..Schema::HTTP
    },
    request,
    each: None,
    judge,
};

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let base = values.text("api_url");
    let key = escape_component(message.step.state.first().map_or("", String::as_str));
    let (method, url, body) = match message.step.name {
        "" => ("POST", search_url(values), search(message)),
        "create" => ("POST", at(base, "issue"), json!({ "fields": issue(message, false) })),
        "update" => {
            let fields = issue(message, true);
            ("PUT", at(base, &format!("issue/{key}")), json!({ "fields": fields }))
        }
        "transitions" => ("GET", at(base, &format!("issue/{key}/transitions")), Json::Null),
        _ => {
            let id = message.step.state.get(1).map_or("", String::as_str);
            let url = at(base, &format!("issue/{key}/transitions"));
            ("POST", url, json!({ "transition": { "id": id } }))
        }
    };
    let body =
        if body.is_null() { SecretText::default() } else { SecretText::from(body.to_string()) };
    send(
        message,
        method,
        &url,
        vec![
            ("Content-Type".to_owned(), SecretText::from("application/json")),
            ("Accept-Language".to_owned(), SecretText::from("en")),
        ],
        body,
    )
}

/// Jira's cloud has another search than its data centre.
fn search_url(values: &Values) -> String {
    let base = values.text("api_url");
    let host = Url::parse(base).map(|url| url.host().to_owned()).unwrap_or_default();
    match values.text("api_type") {
        "auto" if !host.ends_with("atlassian.net") => at(base, "search"),
        "datacenter" => at(base, "search"),
        _ => at(base, "search/jql").replacen("/rest/api/2/", "/rest/api/3/", 1),
    }
}

/// The issue of the group that is open, or was closed so lately that it is opened anew.
fn search(message: &Message<'_>) -> Json {
    let values = message.values;
    let mut jql = String::new();
    if values.has("wont_fix_resolution") {
        let resolution = quoted(values.text("wont_fix_resolution"));
        jql = format!("(resolution is EMPTY or resolution != {resolution}) and ");
    }
    let minutes = values.duration("reopen_duration").unwrap_or_default().as_secs() / 60;
    if !message.notification.resolved() && values.has("reopen_transition") && minutes > 0 {
        // Writing to a String cannot fail.
        write!(jql, "(resolutiondate is EMPTY OR resolutiondate >= -{minutes}m) and ").ok();
    } else {
        jql += "statusCategory != Done and ";
    }
    let (project, label) = (quoted(values.text("project")), quoted(&label(message)));
    let order = "order by status ASC,resolutiondate DESC";
    let jql = format!("{jql}project={project} and labels={label} {order}");
    json!({ "jql": jql, "maxResults": 2, "fields": ["status"] })
}

/// A text in JQL, from which there is no way out.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn label(message: &Message<'_>) -> String {
    format!("ALERT{{{}}}", group_hash(message.notification))
}

fn issue(message: &Message<'_>, is_update: bool) -> Json {
    let values = message.values;
    let mut fields = Map::new();
    // Unless it is to stay as it was made.
    let text = |key: &str| {
        let table = values.table(key)?;
        (!is_update || table.is("enable_update")).then(|| table.text("template"))
    };
    if let Some(summary) = text("summary") {
        fields.insert("summary".to_owned(), cut(summary, SUMMARY_CHARS_MAX).into());
    }
    if let Some(text) = text("description").filter(|text| !text.trim().is_empty()) {
        let text = cut(text, DESCRIPTION_CHARS_MAX);
        let is_v3 = values.text("api_url").trim_end_matches('/').ends_with("/3");
        let description = if is_v3 { document(&text) } else { text.into() };
        fields.insert("description".to_owned(), description);
    }
    let mut labels: Vec<String> = values.texts("labels").map(str::to_owned).collect();
    labels.push(label(message));
    labels.sort_unstable();
    fields.insert("labels".to_owned(), labels.into());
    fields.insert("project".to_owned(), json!({ "key": values.text("project") }));
    fields.insert("issuetype".to_owned(), json!({ "name": values.text("issue_type") }));
    if values.has("priority") {
        fields.insert("priority".to_owned(), json!({ "name": values.text("priority") }));
    }
    if let Some(Json::Object(own)) = values.get("fields").map(tree) {
        fields.extend(own);
    }
    Json::Object(fields)
}

/// Version 3 takes documents: the text if it is one, else a paragraph of it.
fn document(text: &str) -> Json {
    match serde_json::from_str::<Json>(text) {
        Ok(document @ Json::Object(_)) => document,
        _ => json!({
            "type": "doc",
            "version": 1,
            "content": [{ "type": "paragraph", "content": [{ "type": "text", "text": text }] }],
        }),
    }
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    issues: Vec<Issue>,
}

#[derive(Deserialize)]
struct Issue {
    key: String,
    fields: Option<IssueFields>,
}

#[derive(Deserialize)]
struct IssueFields {
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    #[serde(rename = "statusCategory")]
    category: Category,
}

#[derive(Deserialize)]
struct Category {
    key: String,
}

#[derive(Deserialize)]
struct Transitions {
    #[serde(default)]
    transitions: Vec<Transition>,
}

#[derive(Deserialize)]
struct Transition {
    id: String,
    name: String,
}

fn judge(message: &Message<'_>, reply: &Reply) -> Verdict {
    let verdict = Verdict::of(reply, &[429]);
    let (Verdict::Sent, Reply::Http { body, .. }) = (&verdict, reply) else { return verdict };
    let unexpected = |error: &dyn std::fmt::Display| {
        let why = format!("jira: unexpected answer ({error}): {body}");
        Verdict::Refused(Failure { cause: Cause::Other, why })
    };
    let next = |name: &'static str, state: Vec<String>| Verdict::Next(RequestStep { name, state });
    let state = &message.step.state;
    match message.step.name {
        "" => match serde_json::from_str::<Found>(body) {
            Ok(found) => match found.issues.into_iter().next() {
                Some(issue) => {
                    let status = issue.fields.and_then(|it| it.status);
                    next(
                        "update",
                        vec![issue.key, status.map_or_else(String::new, |it| it.category.key)],
                    )
                }
                // No issue is made of what is over.
                None if message.notification.resolved() => Verdict::Sent,
                None => next("create", Vec::new()),
            },
            Err(error) => unexpected(&error),
        },
        "update" => match wanted(message) {
            "" => Verdict::Sent,
            _ => next("transitions", state.clone()),
        },
        "transitions" => match serde_json::from_str::<Transitions>(body) {
            Ok(found) => {
                let wanted = wanted(message);
                let key = state.first().cloned().unwrap_or_default();
                if let Some(it) = found.transitions.into_iter().find(|it| it.name == wanted) {
                    return next("transition", vec![key, it.id]);
                }
                let why = format!("jira: the issue {key} has no transition {wanted:?}");
                Verdict::Refused(Failure { cause: Cause::Other, why })
            }
            Err(error) => unexpected(&error),
        },
        _ => Verdict::Sent,
    }
}

/// Which transition the issue that was found is to make; empty: none.
fn wanted<'a>(message: &Message<'a>) -> &'a str {
    let category = message.step.state.get(1).map_or("", String::as_str);
    match (message.notification.resolved(), category) {
        (_, "") => "",
        (false, "done") => message.values.text("reopen_transition"),
        (true, category) if category != "done" => message.values.text("resolve_transition"),
        _ => "",
    }
}

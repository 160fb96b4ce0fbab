//! A draft: a notification as one integration will send it, with its templates rendered and its secrets not yet read.
//!
//! A wrong template must not silence an alert. Where one fails, its key has its default, and the body of the message begins
//! with a line that names the fault. Where to send it has no default: the attempt fails, and says which template is wrong.

use std::cell::LazyCell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Http, Integration, Key, Schema, Secret, Takes, Template, Value, Values};
use crate::limits::{TEMPLATE_FAULT_BYTES_MAX, TEMPLATE_FAULTS_MAX};
use crate::model::{Alert, brief};
use crate::notify::making::{Each, Holder, Making, Written};
use crate::notify::table::{self, Type};
use crate::notify::{Cause, Failure, Notification, Outgoing, Reply, Verdict, json, log};
use crate::template::{Renderer, TemplateError, Templates};
use crate::time::Wall;

/// A notification as one integration will send it. Drafts of one notification share most of what they hold.
#[derive(Clone, Debug)]
pub struct Draft {
    kind: Option<&'static Type>,
    schema: &'static Schema,
    notification: Notification,
    bytes: usize,
    /// With texts for templates; secrets are not read.
    values: Arc<Values>,
    http: Arc<Http>,
    templates: Templates,
    faults: Rc<[String]>,
    /// Why it cannot be sent: the template of where to send it has failed.
    lost: Option<Arc<str>>,
    step: RequestStep,
    is_test: bool,
}

/// Which of the requests that one notification takes, and what the replies before it have brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestStep {
    /// The receiver type's word for it; empty: the first.
    pub name: &'static str,
    /// Values from the replies so far.
    pub state: Vec<String>,
}

/// The input from which a receiver type builds its request.
#[derive(Debug)]
pub struct Message<'a> {
    /// The notification.
    pub notification: &'a Notification,
    /// The values of the config, templates rendered and secrets read.
    pub values: &'a Values,
    /// How the other side is reached.
    pub http: &'a Arc<Http>,
    /// Which request of several.
    pub step: &'a RequestStep,
    /// Facts of the group's last notification.
    pub remembered: &'a [Arc<str>],
    /// The time at which it is sent.
    pub now: Wall,
    /// The written alerts, if the type writes each for itself; the request takes it.
    pub(super) written: Holder,
}

/// The secrets among values, in order.
pub fn secrets(values: &Values) -> Vec<Secret> {
    let mut secrets = Vec::new();
    values.leaves(&mut |_, value| {
        if let Value::Secret(secret) = value {
            secrets.push(secret.clone());
        }
    });
    secrets
}

/// The same values with the texts of [`secrets`], in that order.
#[must_use]
pub fn with_secrets(values: &Values, texts: Vec<String>) -> Values {
    let mut texts = texts.into_iter();
    values.replaced(&mut |_, value| match value {
        Value::Secret(_) => Value::from_text(&texts.next().unwrap_or_default()),
        other => other.clone(),
    })
}

/// Bytes of alerts that a text tells of which stands in for one that failed: a few hundred alerts.
const FALLBACK_BYTES: usize = 64 * 1024;

/// Renders a notification for an integration.
pub fn draft(
    integration: &Integration,
    mut notification: Notification,
    templates: &Templates,
) -> Draft {
    let wrong = render_route_labels(&mut notification, templates);
    // Most types render little, and what templates see of thousands of alerts is large.
    let data = LazyCell::new(|| notification.data());
    let renderer = LazyCell::new(|| templates.for_notification(&data));
    let (mut faults, mut lost) = (Vec::new(), None);
    faults.extend(wrong.iter().take(TEMPLATE_FAULTS_MAX).map(|(name, error)| {
        in_message(&format!("the template of the route's label {name} is wrong: {error}"))
    }));
    let mut is_body_wrong = false;
    let body = integration.schema.body;
    let mut wrong_names = Vec::new();
    let mut rename = |key: &'static Key, name: &str| {
        let template = Template::of_name(key, name)?;
        let rendered = renderer.text(&template.source);
        rendered.map_err(|error| wrong_names.push(fault(&template, &error))).ok().map(Arc::from)
    };
    let mut replace = |key: &'static Key, value: &Value| {
        let Value::Template(template) = value else { return value.clone() };
        match render(|| &*renderer, template) {
            Ok(text) if matches!(key.takes, Takes::Tree) => json::of_text(text),
            Ok(text) => text,
            Err(error) => {
                is_body_wrong |= key.name == body;
                let is_secret = matches!(key.takes, Takes::SecretTemplate(_));
                let fault = fault(template, &if is_secret { error.of_a_secret() } else { error });
                if matches!(key.takes, Takes::SecretTemplate(_) | Takes::UrlTemplate(_)) {
                    lost.get_or_insert_with(|| Arc::from(&*fault));
                }
                let text = instead(&renderer, key, &fault);
                if faults.len() < TEMPLATE_FAULTS_MAX {
                    faults.push(fault);
                }
                text
            }
        }
    };
    let mut values = integration.values.renamed(&mut replace, &mut rename);
    wrong_names.truncate(TEMPLATE_FAULTS_MAX - faults.len());
    faults.append(&mut wrong_names);
    let first = faults.first().map(String::as_str);
    put_note(integration, &notification, &mut values, (first, is_body_wrong));
    drop(renderer);
    drop(data);
    let bytes = notification.alerts.iter().map(|view| escaped_bytes(&view.alert)).sum();
    Draft {
        kind: table::of(integration.schema),
        schema: integration.schema,
        notification,
        bytes,
        values: Arc::new(values),
        http: Arc::clone(&integration.http),
        templates: templates.clone(),
        faults: faults.into(),
        lost,
        step: RequestStep::default(),
        is_test: false,
    }
}

/// Puts the first fault of a template, and that notifications were held back, above the text of a notification.
fn put_note(
    integration: &Integration,
    notification: &Notification,
    values: &mut Values,
    (fault, is_body_wrong): (Option<&str>, bool),
) {
    let body = integration.schema.body;
    let held_back = notification.held_back.map(|it| it.to_string());
    let mut notes: Vec<&str> = fault.into_iter().collect();
    // Where there is no text of its own, the payload has it.
    notes.extend(held_back.as_deref().filter(|_| !body_text(values, body).is_empty()));
    if !notes.is_empty() && !body.is_empty() {
        let rendered = if is_body_wrong { "" } else { body_text(values, body) };
        let mut note = notes.join("\n");
        if rendered.is_empty() {
            // Writing to a String cannot fail.
            write!(note, "\n{}", log::short_line(notification, FALLBACK_BYTES)).ok();
        }
        let whole = body_with_note(integration, values, note, rendered);
        values.set(body, whole);
    }
}

/// The body with a note above it.
fn body_with_note(
    integration: &Integration,
    values: &Values,
    mut note: String,
    rendered: &str,
) -> Value {
    let body = integration.schema.body;
    if matches!(integration.values.get(body), Some(Value::Template(it)) if it.html) {
        note = note.replace('&', "&amp;").replace('<', "&lt;").replace('\n', "<br>");
    }
    let text = Value::from_text(&format!("{note}\n{rendered}"));
    match values.table(body) {
        Some(table) => {
            let mut table = table.clone();
            table.set("template", text);
            Value::Table(table)
        }
        None => text,
    }
}

/// Renders the labels of the notification's route, if they are templates. Returns those that are wrong, and why.
fn render_route_labels(
    notification: &mut Notification,
    templates: &Templates,
) -> Vec<(String, TemplateError)> {
    if notification.route_labels.iter().all(|(_, value)| !value.contains("{{")) {
        return Vec::new();
    }
    let data = notification.data();
    let (rendered, wrong) = templates.route_labels(&notification.route_labels, &data);
    notification.route_labels = rendered;
    wrong
}

/// The rendered body, which may stand in a table; empty for a type that has none (`log`).
fn body_text<'v>(values: &'v Values, body: &str) -> &'v str {
    if body.is_empty() {
        return "";
    }
    values.table(body).map_or_else(|| values.text(body), |table| table.text("template"))
}

fn render<'r, 'd: 'r>(
    renderer: impl FnOnce() -> &'r Renderer<'d>,
    template: &Template,
) -> Result<Value, TemplateError> {
    let source = &template.source;
    let text: Arc<str> = if !source.contains("{{") {
        Arc::clone(source)
    } else if template.html {
        renderer().html(source)?.into()
    } else {
        renderer().text(source)?.into()
    };
    Ok(if template.secret { Value::Secret(Secret::Inline(text)) } else { Value::Text(text) })
}

/// The text in place of a template that has failed: the key's default, if it has one that does not fail; the fault, where the
/// user's own keys stand.
fn instead(renderer: &Renderer<'_>, key: &Key, fault: &str) -> Value {
    match key.takes {
        Takes::Template | Takes::Html => {
            let text = renderer.text(key.default).unwrap_or_default();
            Value::Text(text.into())
        }
        _ => Value::from_text(fault),
    }
}

/// Bytes that an alert takes in JSON, about.
fn escaped_bytes(alert: &Alert) -> usize {
    let escaped = |text: &str| {
        text.bytes()
            .filter(|byte| *byte < b' ' || matches!(byte, b'<' | b'>' | b'&' | b'"'))
            .count()
    };
    let pairs = alert.labels.iter().chain(alert.annotations.iter());
    let more: usize = pairs.map(|(_, value)| 6 + 5 * escaped(value)).sum();
    300 + alert.bytes() + more
}

fn fault(template: &Template, error: &TemplateError) -> String {
    in_message(&format!("the template of {} is wrong: {error}", template.path))
}

/// A fault as it stands in a message.
fn in_message(fault: &str) -> String {
    brief::cut(&format!("({fault})"), TEMPLATE_FAULT_BYTES_MAX).to_owned()
}

impl Draft {
    /// Bytes that the alerts that are told take where they are sent, about: what is escaped is six times as long.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The notification.
    pub const fn notification(&self) -> &Notification {
        &self.notification
    }

    /// The receiver type.
    pub const fn schema(&self) -> &'static Schema {
        self.schema
    }

    /// The content for people: the rendered body if that is plain text, else each alert's summary or labels, until there
    /// are `bytes_max` bytes.
    pub fn content(&self, bytes_max: usize) -> String {
        let body = body_text(&self.values, self.schema.body);
        if !body.is_empty() && !body.trim_start().starts_with('<') {
            return brief::cut(body, bytes_max).to_owned();
        }
        let mut text = String::new();
        for it in &*self.notification.alerts {
            if text.len() >= bytes_max {
                break;
            }
            let ended = if it.resolved { "resolved: " } else { "" };
            let (labels, annotations) = (&it.alert.labels, &it.alert.annotations);
            let line = match annotations.get("summary") {
                Some(summary) => summary.to_string(),
                None => labels.to_string(),
            };
            // Writing to a String cannot fail.
            writeln!(text, "{ended}{line}").ok();
        }
        text
    }

    /// Which templates have failed, and why.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// How long one attempt may take, if the config says so.
    pub fn timeout(&self) -> Option<Duration> {
        let has_timeout = self.schema.keys.iter().any(|key| key.name == "timeout");
        if has_timeout { self.values.duration("timeout") } else { None }
    }

    /// The secrets that [`Draft::outgoing`] asks for, in that order.
    pub fn secrets(&self) -> Vec<Secret> {
        secrets(&self.values)
    }

    /// The request to send at `now`, or why nothing can be sent. `read` says what each secret is.
    pub fn outgoing(
        &self,
        now: Wall,
        read: &mut dyn FnMut(&Secret) -> String,
    ) -> Result<Outgoing, String> {
        self.begin(now, read)?.finish()
    }

    /// The same, to be made in pieces.
    pub fn begin(
        &self,
        now: Wall,
        read: &mut dyn FnMut(&Secret) -> String,
    ) -> Result<Making<'_>, String> {
        let mut wrong = self.lost.as_deref().map(str::to_owned);
        let values = self.values.replaced(&mut |key, value| {
            let Value::Secret(secret) = value else { return value.clone() };
            let text = read(secret);
            let is_source = matches!(
                (key.takes, secret),
                (Takes::SecretTemplate(_) | Takes::UrlTemplate(_), Secret::File(_))
            );
            if !is_source || !text.contains("{{") {
                return Value::from_text(&text);
            }
            let rendered = self.templates.text(&text, &self.notification.data());
            Value::Text(
                rendered
                    .unwrap_or_else(|error| {
                        wrong = Some(format!(
                            "the template in the file of {} is wrong: {}",
                            key.name,
                            error.of_a_secret()
                        ));
                        String::new()
                    })
                    .into(),
            )
        });
        wrong.map_or_else(|| Ok(Making::new(self, values, now)), Err)
    }

    /// How its type writes the alerts, if it writes each for itself.
    pub(super) fn each(&self) -> Option<&'static Each> {
        self.kind.and_then(|kind| kind.each.as_ref())
    }

    /// The request that tells a message of it.
    pub(super) fn request(&self, message: &Message<'_>) -> Result<Outgoing, String> {
        let Some(kind) = self.kind else {
            return Err(format!("{} is no receiver type", self.schema.name));
        };
        let outgoing = (kind.request)(message)?;
        Ok(if self.is_test { outgoing.without_traces() } else { outgoing })
    }

    /// The request if every secret stands in the config: for tests and simulations.
    pub fn inline(&self) -> Result<Outgoing, String> {
        let read = |secret: &Secret| secret.inline().unwrap_or_default().to_owned();
        self.outgoing(self.notification.now, &mut { read })
    }

    /// The verdict on the reply. One of several requests that succeeds leads to the next one.
    pub fn judge(&self, reply: &Reply) -> Verdict {
        match self.kind {
            Some(kind) => {
                let now = self.notification.now;
                (kind.judge)(&self.message(&self.values, now, Written::default()), reply)
            }
            None => Verdict::Refused(Failure { cause: Cause::Other, why: String::new() }),
        }
    }

    /// The same notification at the next of several requests.
    #[must_use]
    pub fn at(&self, step: RequestStep) -> Self {
        Self { step, ..self.clone() }
    }

    /// The next of several requests, if this reply leads to one.
    pub fn next(&self, reply: &Reply) -> Option<Self> {
        match self.judge(reply) {
            Verdict::Next(step) | Verdict::NextFor(step, _) => Some(self.at(step)),
            _ => None,
        }
    }

    /// The same for a test: nothing is sent of which the other side keeps a state.
    #[must_use]
    pub fn for_test(self) -> Self {
        Self { is_test: true, ..self }
    }

    /// How the other side is reached, if that is by HTTP.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// A message of it, with what was written of its alerts.
    pub(super) fn message<'a>(
        &'a self,
        values: &'a Values,
        now: Wall,
        written: Written,
    ) -> Message<'a> {
        let Self { notification, http, step, .. } = self;
        let remembered = &notification.remembered;
        Message { notification, values, http, step, remembered, now, written: written.into() }
    }
}

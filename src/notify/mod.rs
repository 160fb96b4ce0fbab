//! Receiver types: one file each, from a notification to the request to make, and from the reply to what to do next. Pure.
//!
//! A notification goes out in three steps. [`draft`] renders the templates, on the node. The shell reads the secrets that
//! [`Draft::secrets`] lists and calls [`Draft::outgoing`], in which the receiver type builds its request from texts alone.
//! The reply goes to [`Draft::judge`].

mod alertmanager;
mod discord;
mod draft;
mod email;
mod exec;
mod file;
mod gotify;
mod heartbeat;
mod http;
mod incidentio;
mod jira;
mod json;
mod log;
mod making;
mod mattermost;
mod mqtt;
mod msteams;
mod msteamsv2;
mod ntfy;
mod oauth2;
mod opsgenie;
mod pagerduty;
mod payload;
mod pushover;
mod rocketchat;
mod sample;
mod shown;
mod signing;
mod sigv4;
mod slack;
mod sns;
mod syslog;
mod table;
mod telegram;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod tls;
mod victorops;
mod webex;
mod webhook;
mod wechat;

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

pub use draft::{Draft, Message, RequestStep, draft, secrets, with_secrets};
pub use email::Mail;
pub use exec::Exec;
pub use file::FileLine;
pub use http::{Escape, HttpRequest, Part, SecretText};
pub use making::{Each, Making};
pub use mqtt::{Broker, Mqtt};
pub use sample::{TEST_LABEL, sample};
pub use syslog::{Syslog, Target};
pub use table::{SCHEMAS, Type, has_incidents};

use crate::config::{Http, Integration, Secret, Value};
use crate::model::{Alert, Fingerprint, GroupKey, Labels};
use crate::template::{self, Data, Time};
use crate::time::Wall;

/// A notification for one integration of a receiver. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Notification {
    /// The receiver's name.
    pub receiver: Arc<str>,
    /// Which group.
    pub group_key: GroupKey,
    /// The labels that the group's alerts share.
    pub group_labels: Labels,
    /// The labels of its route; their values are templates until it is drafted.
    pub route_labels: Labels,
    /// Why, in Alertmanager's words.
    pub reason: &'static str,
    /// The URL under which users reach this node, without a trailing slash.
    pub external_url: Arc<str>,
    /// The alerts, in order; ended ones only where the integration wants them.
    pub alerts: Rc<[AlertView]>,
    /// How many more alerts came and went while the receiver was not reached than could be kept.
    pub cut: u64,
    /// Facts of the group's last notification; nothing, if this is the first one.
    pub remembered: Rc<[Arc<str>]>,
    /// The notifications that a rate limit has kept from the receiver, if this one makes up for them.
    pub held_back: Option<HeldBack>,
    /// When it was decided.
    pub now: Wall,
}

/// Notifications that a rate limit has kept from a receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldBack {
    /// How many groups they were about.
    pub groups: usize,
    /// How many there would have been.
    pub notifications: u64,
    /// When the first would have been sent.
    pub since: Wall,
    /// Alerts for which the receiver's budget has no room.
    #[serde(skip_serializing_if = "is_none")]
    pub left_out: usize,
    /// The change of part of the budget that is told now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<&'static str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

impl HeldBack {
    /// Whether there is something to tell of.
    pub fn is_any(&self) -> bool {
        self.groups > 0 || self.left_out > 0 || self.budget.is_some()
    }
}

/// `Held back since 2026-11-29T06:00:00Z: 12 notifications of 5 groups. 30 more alerts are not listed: the day's budget is short.`
impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { groups, notifications, since, left_out, budget } = self;
        let s = |count: bool| if count { "" } else { "s" };
        let (one, only) = (s(*notifications == 1), s(*groups == 1));
        let mut gap = "";
        if *groups > 0 {
            write!(
                f,
                "Held back since {since}: {notifications} notification{one} of {groups} group{only}."
            )?;
            gap = " ";
        }
        if *left_out > 0 {
            write!(f, "{gap}{left_out} more alerts are not listed: the day's budget is short.")?;
            gap = " ";
        }
        budget.map_or(Ok(()), |note| write!(f, "{gap}{note}"))
    }
}

/// An alert as it was when the notification was decided.
#[derive(Clone, Debug)]
pub struct AlertView {
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// The alert itself.
    pub alert: Rc<Alert>,
    /// Whether it had ended.
    pub resolved: bool,
    /// Whether it came and went while the receiver was not reached, so that it is told only now.
    pub late: bool,
}

impl Notification {
    /// Whether every alert has ended.
    pub fn resolved(&self) -> bool {
        self.alerts.iter().all(|it| it.resolved)
    }

    /// The labels that all alerts share.
    pub fn common_labels(&self) -> Labels {
        let mut rest = self.alerts.iter().map(|it| &it.alert.labels);
        let first = rest.next().cloned().unwrap_or_else(Labels::empty);
        rest.fold(first, |common, labels| common.common(labels))
    }

    /// The data that templates see.
    pub fn data(&self) -> Data {
        let statuses = [false, true].map(|resolved| Rc::from(status(resolved)));
        let alerts: Rc<[Rc<template::AlertData>]> =
            self.alerts.iter().map(|it| Rc::new(it.data(&statuses))).collect();
        Data {
            receiver: quote_meta(&self.receiver).into(),
            status: status(self.resolved()).into(),
            group_labels: self.group_labels.clone(),
            common_labels: Data::common(&alerts, |alert| &alert.labels),
            common_annotations: Data::common(&alerts, |alert| &alert.annotations),
            route_labels: self.route_labels.clone(),
            unrendered: Labels::empty(),
            external_url: (&*self.external_url).into(),
            reason: self.reason.into(),
            cut: self.cut,
            now: self.now,
            alerts,
        }
    }
}

impl AlertView {
    /// Its data; `statuses` are those of an alert that fires and of one that has ended.
    fn data(&self, [firing, resolved]: &[Rc<str>; 2]) -> template::AlertData {
        let alert = &self.alert;
        template::AlertData {
            status: Rc::clone(if self.resolved { resolved } else { firing }),
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at: Time::from(alert.starts_at),
            ends_at: if self.resolved { Time::from(alert.ends_at) } else { Time::ZERO },
            generator_url: (&*alert.generator_url).into(),
            fingerprint: self.fingerprint.to_string().into(),
            late: self.late,
        }
    }
}

const fn status(resolved: bool) -> &'static str {
    if resolved { "resolved" } else { "firing" }
}

/// Go's `regexp.QuoteMeta`, which Alertmanager applies to the receiver's name.
fn quote_meta(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

/// The verdict on a [`Reply`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Delivered.
    Sent,
    /// Delivered, and this is to be known when the group is told of again.
    Remember(Vec<String>),
    /// So far so good: the next request of several.
    Next(RequestStep),
    /// The same, and for so long further notifications may begin with that request.
    NextFor(RequestStep, Duration),
    /// Not delivered, and worth another try; not before this time has passed, if the receiver said so.
    Retry(Failure, Option<Duration>),
    /// Not delivered, and no use to try again before the next flush.
    Refused(Failure),
}

impl Verdict {
    /// Alertmanager's verdict on an HTTP answer: 2xx is delivered; 5xx, no answer and the status codes `retried` are worth
    /// another try; anything else is final, unless a 429 or 503 says when to come again.
    pub fn of(reply: &Reply, retried: &[u16]) -> Self {
        match reply {
            Reply::Done | Reply::Exit { code: Some(0), .. } => Self::Sent,
            Reply::Exit { output, .. } => {
                Self::Retry(Failure { cause: Cause::Other, why: output.clone() }, None)
            }
            Reply::Failed(failure) => Self::Retry(failure.clone(), None),
            Reply::Unsendable(why) => {
                Self::Refused(Failure { cause: Cause::Other, why: why.clone() })
            }
            Reply::Http { status, .. } if status / 100 == 2 => Self::Sent,
            Reply::Http { status, retry_after, body } => {
                let why = format!("unexpected status code {status}: {body}");
                let failure = Failure { cause: Cause::of_status(*status), why };
                let after = retry_after.filter(|_| matches!(status, 429 | 503));
                if status / 100 == 5 || retried.contains(status) || after.is_some() {
                    Self::Retry(failure, after)
                } else {
                    Self::Refused(failure)
                }
            }
        }
    }
}

/// Where an integration's requests go.
#[derive(Clone, Debug)]
pub enum Place {
    /// To this URL, or to the proxy for it.
    Http {
        /// The URL.
        url: SecretText,
        /// How it is reached.
        http: Arc<Http>,
    },
    /// To this port.
    Tcp {
        /// The host.
        host: String,
        /// Its port.
        port: u16,
    },
}

/// Where an integration's requests go, if they go anywhere and that is known before there is something to tell.
pub fn place(integration: &Integration) -> Option<Place> {
    let key = Some(integration.schema.address).filter(|key| !key.is_empty())?;
    if !integration.schema.http {
        let text = integration.values.text(key);
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (host, port) = syslog::host_and_port(rest, 0)?;
        // To a datagram nobody answers.
        let is_stream = port != 0 && !matches!(scheme, "udp" | "unix");
        return is_stream.then_some(Place::Tcp { host, port });
    }
    let url = match integration.values.get(key)? {
        Value::Secret(secret) => secret.clone(),
        Value::Template(it) if !it.source.contains("{{") => Secret::Inline(Arc::clone(&it.source)),
        Value::Text(text) => Secret::Inline(Arc::clone(text)),
        _ => return None,
    };
    Some(Place::Http { url: SecretText::from(&url), http: Arc::clone(&integration.http) })
}

/// After what time an integration is told again of what still fires, if that is not for its route to say.
pub fn resend_interval(integration: &Integration) -> Option<Duration> {
    let is_ours = integration.schema.name == alertmanager::TYPE.schema.name;
    if is_ours { integration.values.duration("resend_interval") } else { None }
}

/// A request that the shell is to send for a notification.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// A line for the log.
    Log(String),
    /// An HTTP request.
    Http(HttpRequest),
    /// A mail.
    Mail(Box<Mail>),
    /// Messages for an MQTT broker.
    Mqtt(Box<Mqtt>),
    /// A program to run.
    Exec(Exec),
    /// A message for a syslog server.
    Syslog(Syslog),
    /// A line for a file.
    File(FileLine),
}

impl Outgoing {
    /// The same without what the other side would keep as a state when it is over.
    fn without_traces(mut self) -> Self {
        if let Self::Mqtt(mqtt) = &mut self {
            mqtt.leave_no_traces();
        }
        self
    }
}

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Logged or otherwise delivered without an answer.
    Done,
    /// The other side answered.
    Http {
        /// The status code.
        status: u16,
        /// When to come again, if the answer says so (`Retry-After`).
        retry_after: Option<Duration>,
        /// The beginning of the body, whole as far as receivers read answers.
        body: String,
    },
    /// The config and the notification together make nothing that could be sent: why.
    Unsendable(String),
    /// A program has ended.
    Exit {
        /// Its exit status; none if a signal ended it.
        code: Option<i32>,
        /// The beginning of what it wrote.
        output: String,
    },
    /// It could not be sent or no answer came.
    Failed(Failure),
}

impl Reply {
    /// An answer with nothing but a status.
    pub const fn status(status: u16) -> Self {
        Self::Http { status, retry_after: None, body: String::new() }
    }

    /// A failure of no particular cause.
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed(Failure { cause: Cause::Other, why: why.into() })
    }
}

/// Why a notification was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its name in metrics.
    pub cause: Cause,
    /// The step that failed, the error and the remedy, without secrets.
    pub why: String,
}

/// Alertmanager's reasons of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// `authError`: a status 401 or 403.
    Auth,
    /// `clientError`: another status 4xx.
    Client,
    /// `contextCanceled`: nobody wanted it any more.
    Canceled,
    /// `other`: the network, TLS, a secret that cannot be read.
    Other,
    /// `rateLimited`: a status 429.
    RateLimited,
    /// `serverError`: a status 5xx.
    Server,
    /// `contextDeadlineExceeded`: it took too long.
    Timeout,
}

impl Cause {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 7] = [
        Self::Auth,
        Self::Client,
        Self::Canceled,
        Self::Timeout,
        Self::Other,
        Self::RateLimited,
        Self::Server,
    ];

    /// Its name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "authError",
            Self::Client => "clientError",
            Self::Canceled => "contextCanceled",
            Self::Other => "other",
            Self::RateLimited => "rateLimited",
            Self::Server => "serverError",
            Self::Timeout => "contextDeadlineExceeded",
        }
    }

    /// The cause that a status means.
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Auth,
            429 => Self::RateLimited,
            400..=499 => Self::Client,
            500..=599 => Self::Server,
            _ => Self::Other,
        }
    }
}

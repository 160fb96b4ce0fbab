//! Receiver types: a file each, from a notification to the request to make. Pure.

mod print;
mod webhook;

use std::rc::Rc;
use std::time::Duration;

use crate::config::{IntegrationKind, Secret};
use crate::model::{Alert, Fingerprint, GroupKey, Labels};

/// What is to be told to one integration of a receiver.
#[derive(Debug)]
pub struct Notification<'a> {
    /// The receiver's name.
    pub receiver: &'a Rc<str>,
    /// Which group.
    pub group_key: &'a GroupKey,
    /// The labels that the group's alerts share.
    pub group_labels: &'a Labels,
    /// The labels of its route.
    pub route_labels: &'a Labels,
    /// Why, in Alertmanager's words.
    pub reason: &'static str,
    /// The URL under which users reach this node, without a trailing slash.
    pub external_url: &'a str,
    /// The alerts, in order; ended ones only where the integration wants them.
    pub alerts: Vec<AlertView<'a>>,
}

/// An alert as it was when the notification was decided.
#[derive(Clone, Copy, Debug)]
pub struct AlertView<'a> {
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// What is known of it.
    pub alert: &'a Alert,
    /// Whether it had ended.
    pub resolved: bool,
}

/// What to make of a [`Reply`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Delivered.
    Sent,
    /// Not delivered, and worth another try: why.
    Retry(String),
    /// Not delivered, and no use to try again: why.
    Refused(String),
}

/// The request that tells `told` to an integration, and how long one attempt may take if its config says so.
pub fn request(kind: &IntegrationKind, told: &Notification<'_>) -> (Outgoing, Option<Duration>) {
    match kind {
        IntegrationKind::Log => (Outgoing::Log(print::line(told)), None),
        IntegrationKind::Webhook(config) => webhook::request(config, told),
    }
}

/// Where an integration's requests go, if they go anywhere.
pub const fn address(kind: &IntegrationKind) -> Option<&Secret> {
    match kind {
        IntegrationKind::Log => None,
        IntegrationKind::Webhook(config) => Some(&config.url),
    }
}

/// What to make of the reply of an integration.
pub fn judge(kind: &IntegrationKind, reply: &Reply) -> Verdict {
    match kind {
        IntegrationKind::Log => Verdict::Sent,
        IntegrationKind::Webhook(_) => webhook::judge(reply),
    }
}

/// What the shell is to send for a notification.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// A line for the log.
    Log(String),
    /// An HTTP request.
    Http(HttpRequest),
}

/// An HTTP request to make.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// `POST`
    pub method: &'static str,
    /// Where to; may be secret.
    pub url: Secret,
    /// In order. `Host`, `Content-Length` and `User-Agent` are the shell's.
    pub headers: Vec<(String, HeaderValue)>,
    /// As it goes out.
    pub body: Vec<u8>,
    /// Whether redirects are followed, ten at most.
    pub follow_redirects: bool,
}

/// What a header says.
#[derive(Clone, Debug)]
pub enum HeaderValue {
    /// Nothing to hide.
    Plain(String),
    /// A prefix (`Bearer `) and a secret.
    Secret(String, Secret),
    /// `Basic` and base64 of `user:password`.
    Basic(Secret, Secret),
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Logged or otherwise delivered without an answer.
    Done,
    /// The other side answered.
    Http {
        /// The status code.
        status: u16,
        /// The beginning of the body, for the log.
        body: String,
    },
    /// It could not be sent or no answer came: what was tried and what went wrong, without secrets.
    Failed(String),
}

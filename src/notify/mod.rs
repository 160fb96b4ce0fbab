//! Receiver types: a file each, from a notification to the request to make. Pure.

mod http;
mod print;
mod webhook;

use std::rc::Rc;
use std::time::Duration;

pub use http::{Escape, HttpRequest, Part, Text};

use crate::config::{Http, IntegrationKind};
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

/// Where an integration's requests go.
#[derive(Clone, Debug)]
pub enum Place {
    /// To this URL, or to the proxy for it.
    Http {
        /// The URL.
        url: Text,
        /// How it is reached.
        http: Rc<Http>,
    },
}

/// Where an integration's requests go, if they go anywhere and that is known before there is something to tell.
pub fn place(kind: &IntegrationKind) -> Option<Place> {
    match kind {
        IntegrationKind::Log => None,
        IntegrationKind::Webhook(config) => {
            Some(Place::Http { url: Text::from(&config.url), http: Rc::clone(&config.http) })
        }
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

/// What came of an attempt.
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

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What metrics call it.
    pub cause: Cause,
    /// What was tried, what went wrong and what to do, without secrets.
    pub why: String,
}

/// Alertmanager's reasons of failures without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// `other`: the network, TLS, a secret that cannot be read.
    Other,
    /// `contextDeadlineExceeded`: it took too long.
    Timeout,
    /// `contextCanceled`: nobody wanted it any more.
    Canceled,
}

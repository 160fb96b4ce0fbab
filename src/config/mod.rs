//! The checked configuration: what the brain and the shell are run with. Every reference in it resolves.

pub mod flags;
pub mod problem;
pub mod settings;
mod table;
mod tree;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::model::interval::TimeInterval;
use crate::model::{Labels, Matchers};

/// A whole configuration file, checked, defaults and inheritance filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// Section `global`: only what is not spread into receivers when they are read.
    pub global: Global,
    /// The root of the routing tree.
    pub route: Route,
    /// Every receiver; names are unique.
    pub receivers: Vec<Rc<Receiver>>,
    /// Inhibition rules, in the order of the file.
    pub inhibit_rules: Vec<InhibitRule>,
    /// Time intervals that routes refer to by name; names are unique.
    pub time_intervals: Vec<Rc<TimeInterval>>,
    /// The whole as YAML with defaults filled in and secrets as `<secret>`: `config.original` of the status.
    pub original: String,
}

/// Section `global`.
#[derive(Clone, Debug)]
pub struct Global {
    /// The life of an alert that was posted without `endsAt`. 5 m.
    pub resolve_timeout: Duration,
}

/// A node of the routing tree, inherited values filled in.
#[derive(Clone, Debug)]
pub struct Route {
    /// The receiver's name.
    pub receiver: Rc<str>,
    /// By which labels alerts are grouped.
    pub group_by: GroupBy,
    /// From a group's first alert to its first flush. 30 s.
    pub group_wait: Duration,
    /// Between flushes. 5 m; not zero.
    pub group_interval: Duration,
    /// Before a notification is repeated. 4 h; not zero.
    pub repeat_interval: Duration,
    /// Which alerts come here; none at the root.
    pub matchers: Matchers,
    /// Whether siblings that follow are tried too.
    pub continue_: bool,
    /// Muted while any of these holds.
    pub mute_time_intervals: Vec<Rc<str>>,
    /// If there are any: muted unless one of these holds.
    pub active_time_intervals: Vec<Rc<str>>,
    /// Labels that the route lends to its notifications.
    pub labels: Labels,
    /// The children, in the order of the file.
    pub routes: Vec<Route>,
}

/// By which labels alerts are grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// `...`: every alert by itself.
    All,
    /// By these; no name twice. None: all alerts of the route in one group.
    Labels(Vec<Rc<str>>),
}

/// A named target of notifications.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// What routes call it.
    pub name: Rc<str>,
    /// Its integrations; none is legal.
    pub integrations: Vec<Integration>,
}

impl Receiver {
    /// A receiver that notifies nobody.
    pub fn without_integrations(name: &Rc<str>) -> Self {
        Self { name: Rc::clone(name), integrations: Vec::new() }
    }
}

/// One configured sender inside a receiver.
#[derive(Clone, Debug)]
pub struct Integration {
    /// Its place among those of its type in the receiver.
    pub index: u32,
    /// Whether it is told of alerts that have ended.
    pub send_resolved: bool,
    /// What it is.
    pub kind: IntegrationKind,
}

/// The receiver types.
#[derive(Clone, Debug)]
pub enum IntegrationKind {
    /// `log_configs`, ours: prints each notification to the log.
    Log,
    /// `webhook_configs`
    Webhook(Webhook),
}

impl IntegrationKind {
    /// The word that metrics and log keys use.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Webhook(_) => "webhook",
        }
    }
}

/// `webhook_configs`
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Where to post.
    pub url: Secret,
    /// How many alerts one notification carries at most; 0 is no limit.
    pub max_alerts: usize,
    /// How long one attempt may take; zero is until the flush's deadline.
    pub timeout: Duration,
    /// Who we are to the other side.
    pub authorization: Authorization,
    /// Headers to add.
    pub headers: Vec<(String, Secret)>,
    /// Whether a redirect is followed.
    pub follow_redirects: bool,
}

/// `http_config`'s ways to say who we are.
#[derive(Clone, Debug, Default)]
pub enum Authorization {
    /// Nothing said.
    #[default]
    None,
    /// `basic_auth`
    Basic {
        /// The user.
        username: Secret,
        /// The password.
        password: Secret,
    },
    /// `authorization`: the scheme, `Bearer` by default, and what follows it.
    Scheme(String, Secret),
}

/// A text that is never printed, and that may stand in a file of its own, which is read at each use.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// In the configuration itself.
    Inline(Rc<str>),
    /// In this file; white space at both ends is cut.
    File(PathBuf),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// While a source alert fires, target alerts that equal it on these labels are muted.
#[derive(Clone, Debug)]
pub struct InhibitRule {
    /// Its name, or empty.
    pub name: Rc<str>,
    /// Which alerts mute.
    pub source: Matchers,
    /// Which alerts are muted.
    pub target: Matchers,
    /// On which labels both must be equal; a missing label equals an empty one.
    pub equal: Vec<Rc<str>>,
}

//! The checked configuration: what the brain and the shell are run with. Every reference in it resolves.

mod convert;
mod doubts;
mod environment;
pub mod flags;
pub mod http;
pub mod problem;
pub mod proxy;
mod read;
mod render;
pub mod schema;
pub mod settings;
mod static_labels;
mod table;
mod tree;
pub mod values;
pub mod web;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use doubts::{doubts, open_door, secret_files, sounds_secret};
pub use environment::Environment;
pub use flags::Flags;
pub use http::{Authorization, Http, Identity, OAuth2, Tls, TlsVersion};
pub use problem::{Errors, Problem};
pub use proxy::{NoProxy, Proxy};
pub use schema::{Key, Schema, Takes};
pub use settings::Settings;
pub use static_labels::StaticLabels;
pub use table::{nearest_few, unknown};
pub use tree::Language;
pub use values::{Template, Value, Values};
pub use web::{Admission, PasswordHash};

use crate::model::Matchers;
use crate::model::time_interval::TimeInterval;
use crate::template::Templates;

/// The configuration of an agent that is given none: it prints each notification to the log.
pub const DEFAULT: &str = include_str!("../../configs/default.toml");

/// How a text is to be read.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions<'a> {
    /// The file's name, for messages; relative paths in the text start at its directory.
    pub file: &'a Path,
    /// The language of the text; [`Language::of`] tells it from the name.
    pub language: Language,
    /// The flags, which win over the text.
    pub flags: &'a Flags,
    /// The part of the process's environment that matters.
    pub environment: &'a Environment,
    /// The receiver types that a config may use.
    pub schemas: &'static [&'static Schema],
}

/// The contents of a config text.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The part that decides about alerts.
    pub config: Config,
    /// The agent's own settings.
    pub settings: Settings,
    /// The globs of template files.
    pub templates: Vec<PathBuf>,
    /// Warnings about legal but doubtful values, by lines: for the log.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads and checks a whole configuration. Looks at nothing but the text, and at the machine's time zones for
    /// intervals that name one. On errors, of which it tells every one, nothing is in force.
    pub fn load(text: &[u8], options: &LoadOptions<'_>) -> Result<Loaded, Errors> {
        let parsed = tree::parse(options.language, text);
        let (tree, ignored) = parsed
            .map_err(|problems| Errors::new(&options.file.display().to_string(), problems))?;
        read::check(&tree, ignored.as_ref(), options)
    }
}

impl Config {
    /// Reads the routes of a text, the time intervals and the names of the receivers, and nothing else: a running agent
    /// shows no secrets, so receivers cannot be checked.
    pub fn load_routes(text: &[u8], options: &LoadOptions<'_>) -> Result<Self, Errors> {
        read::load_routes(text, options)
    }
}

impl Http {
    /// Reads a whole `http_config` from a file of its own. On errors, of which it tells every one, nothing is in force.
    pub fn load(text: &[u8], file: &Path) -> Result<Self, Errors> {
        read::load_http(text, file)
    }
}

/// The TOML of a YAML text, with its comments. The text loads without errors, else these are returned; it means the same as
/// the TOML, which is compared, too.
pub fn convert(text: &[u8], options: &LoadOptions<'_>) -> Result<String, Errors> {
    convert::convert(text, options)
}

/// The keys of a YAML table and their values, as far as these are no lists and tables: a file of flags.
pub fn scalars(text: &[u8]) -> Result<Vec<(String, String)>, Problem> {
    read::scalars(text)
}

impl Admission {
    /// Reads and checks a whole `web.config.file`, and says what is legal and doubtful in it. On errors, of which it tells
    /// every one, nothing is in force.
    pub fn load(text: &[u8], file: &Path) -> Result<(Self, Vec<Problem>), Errors> {
        read::web::load(text, file)
    }
}

/// The warning about a configuration file whose permissions are `mode`.
pub fn check_mode(mode: u32) -> Option<Problem> {
    (mode & 0o002 != 0).then(|| Problem {
        line: 0,
        path: String::new(),
        text: "anybody on this machine can change this file: take the right away with chmod o-w"
            .to_owned(),
    })
}

/// The users that can change a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The file's permissions.
    pub mode: u32,
    /// The user whose file it is.
    pub uid: u32,
}

/// Why a configuration that runs programs is refused: whoever can change its file can run anything as the agent's user,
/// `me`. So it has to be root's or that user's, and only they may write it.
pub fn check_exec(config: &Config, owner: Owner, me: u32) -> Option<Problem> {
    let runs = |receiver: &Arc<Receiver>| {
        receiver.integrations.iter().any(|integration| integration.schema.name == "exec")
    };
    let is_safe = (owner.uid == 0 || owner.uid == me) && owner.mode & 0o022 == 0;
    let is_refused = !is_safe && config.receivers.iter().any(runs);
    is_refused.then(|| Problem {
        line: 0,
        path: "exec_configs".to_owned(),
        text: "refused: a file that runs programs must belong to root or to the agent's user, and only they may write it; \
               use chown and chmod go-w"
            .to_owned(),
    })
}

/// A whole configuration file, checked, defaults and inheritance filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Section `global`: only what is not spread into receivers when they are read.
    pub global: Global,
    /// The root of the routing tree.
    pub route: Route,
    /// Every receiver; names are unique.
    pub receivers: Vec<Arc<Receiver>>,
    /// Inhibition rules, in the order of the file.
    pub inhibit_rules: Vec<InhibitRule>,
    /// Time intervals that routes refer to by name; names are unique.
    pub time_intervals: Vec<Arc<TimeInterval>>,
    /// Everything that is to give a sign of life again and again; names are unique.
    pub expect: Vec<Expectation>,
    /// The services that are told again and again that the flock lives; names are unique.
    pub heartbeats: Vec<Heartbeat>,
    /// Silences that it declares; names are unique.
    pub silences: Vec<DeclaredSilence>,
    /// The default texts, and those of the files of `templates`.
    pub templates: Templates,
    /// The whole as YAML with defaults filled in and secrets as `<secret>`: `config.original` of the status.
    pub original: String,
}

/// Section `silence`: alerts that match are muted while one of the time intervals holds; always, if there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredSilence {
    /// Its name, from which it has its id.
    pub name: Arc<str>,
    /// Which alerts; not all of them match the empty string.
    pub matchers: Matchers,
    /// When.
    pub time_intervals: Vec<Arc<TimeInterval>>,
    /// Why.
    pub comment: Arc<str>,
}

/// Section `global`.
#[derive(Clone, Debug, PartialEq)]
pub struct Global {
    /// The life of an alert that was posted without `endsAt`. 5 m.
    pub resolve_timeout: Duration,
}

impl Default for Global {
    fn default() -> Self {
        Self { resolve_timeout: Duration::from_secs(5 * 60) }
    }
}

/// A node of the routing tree, inherited values filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The receiver's name.
    pub receiver: Arc<str>,
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
    /// Whether a receiver that was told that an alert fires is told of its end, too, if it ended while it was muted.
    pub resolved_after_quiet: bool,
    /// Muted while any of these holds.
    pub mute_time_intervals: Vec<Arc<str>>,
    /// If there are any: muted unless one of these holds.
    pub active_time_intervals: Vec<Arc<str>>,
    /// Labels that the route lends to its notifications.
    pub labels: StaticLabels,
    /// The children, in the order of the file.
    pub routes: Vec<Route>,
}

impl Default for Route {
    /// The values of the root route where the file has none.
    fn default() -> Self {
        Self {
            receiver: Arc::from(""),
            group_by: GroupBy::Labels(Vec::new()),
            group_wait: Duration::from_secs(30),
            group_interval: Duration::from_secs(5 * 60),
            repeat_interval: Duration::from_secs(4 * 3600),
            matchers: Matchers::default(),
            continue_: false,
            resolved_after_quiet: false,
            mute_time_intervals: Vec::new(),
            active_time_intervals: Vec::new(),
            labels: StaticLabels::default(),
            routes: Vec::new(),
        }
    }
}

/// By which labels alerts are grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// `...`: every alert by itself.
    All,
    /// By these; no name twice. None: all alerts of the route in one group.
    Labels(Vec<Arc<str>>),
}

/// A named target of notifications.
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    /// The name that routes use.
    pub name: Arc<str>,
    /// Labels by which the API selects receivers; `name` is not among them.
    pub labels: StaticLabels,
    /// Its integrations; none is legal.
    pub integrations: Vec<Integration>,
    /// The receiver that is notified when this one fails.
    pub fallback: Option<Fallback>,
    /// How often each of its integrations may be notified.
    pub rate_limit: Option<RateLimit>,
    /// How much each of them may use a day, and the alerts for which the last quarter of that is kept.
    pub budget: Option<(DayBudget, Matchers)>,
}

/// How much an integration may use a day; something of it is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayBudget {
    /// Bytes on the socket, both ways.
    pub bytes: Option<u64>,
    /// Notifications.
    pub messages: Option<u64>,
}

/// How often an integration may be notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// So many notifications, [`RATE_LIMIT_NOTIFICATIONS_MAX`](crate::limits::RATE_LIMIT_NOTIFICATIONS_MAX) at most.
    pub notifications: usize,
    /// Within any time of this length, [`RATE_LIMIT_TIME_MAX`](crate::limits::RATE_LIMIT_TIME_MAX) at most.
    pub per: Duration,
}

/// The receiver that is told of a group while another fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Its name.
    pub receiver: Arc<str>,
    /// For how long the other must have refused or failed. 10 m.
    pub after: Duration,
}

impl Receiver {
    /// A receiver that notifies nobody.
    pub fn without_integrations(name: &Arc<str>) -> Self {
        Self {
            name: Arc::clone(name),
            labels: StaticLabels::default(),
            integrations: Vec::new(),
            fallback: None,
            rate_limit: None,
            budget: None,
        }
    }

    /// Whether notifications may have to wait for one another.
    pub const fn is_limited(&self) -> bool {
        self.rate_limit.is_some() || self.budget.is_some()
    }
}

/// One configured sender inside a receiver.
#[derive(Clone, Debug)]
pub struct Integration {
    /// Its type.
    pub schema: &'static Schema,
    /// Its place among those of its type in the receiver.
    pub index: u32,
    /// Whether it is told of alerts that have ended.
    pub send_resolved: bool,
    /// The values of its keys.
    pub values: Values,
    /// How it is reached, if that is by HTTP.
    pub http: Arc<Http>,
}

impl Integration {
    /// The word that metrics and log keys use: `webhook`.
    pub const fn name(&self) -> &'static str {
        self.schema.name
    }
}

impl PartialEq for Integration {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
            && self.index == other.index
            && self.send_resolved == other.send_resolved
            && self.values == other.values
            && self.http == other.http
    }
}

/// A text that is never printed, and that may stand in a file of its own, which is read at each use.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// In the configuration itself.
    Inline(Arc<str>),
    /// In this file; white space at both ends is cut.
    File(PathBuf),
}

impl Secret {
    /// Its text, if that stands in the configuration.
    pub fn inline(&self) -> Option<&str> {
        match self {
            Self::Inline(text) => Some(text),
            Self::File(_) => None,
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// While a source alert fires, target alerts that equal it on these labels are muted.
#[derive(Clone, Debug, PartialEq)]
pub struct InhibitRule {
    /// Its name, or empty.
    pub name: Arc<str>,
    /// Which alerts mute.
    pub source: Matchers,
    /// Which alerts are muted.
    pub target: Matchers,
    /// On which labels both must be equal; a missing label equals an empty one.
    pub equal: Vec<Arc<str>>,
}

/// Something that is to give a sign of life again and again: a ping under its name, or an alert that fires.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// Its name; unique.
    pub name: Arc<str>,
    /// Which alerts are signs of it; none of them, if there are no matchers.
    pub matchers: Matchers,
    /// How long it may stay away.
    pub period: Duration,
    /// Labels of the alert that is raised when it stays away, besides and before those that every such alert has.
    pub labels: StaticLabels,
}

/// A URL that is told again and again, by one member, that the flock lives.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// Its name; unique.
    pub name: Arc<str>,
    /// How often it is told. 1 m.
    pub period: Duration,
    /// The message, and its receiver.
    pub integration: Integration,
}

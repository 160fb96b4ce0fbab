//! The whole brain: `handle_*` in, effects out, one [`Node::next_timeout`].

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::config::Config;
use crate::core::Muted;
use crate::effect::{AttemptId, Cx};
use crate::model::matcher::Grammar;
use crate::model::{Alert, Fingerprint, Labels, Matchers, Report, Silence, SilenceId};
use crate::notify::Reply;
use crate::time::{Mono, Now, Wall};

/// What a node is run with besides its [`Config`]: what flags say.
#[derive(Clone, Debug)]
pub struct Options {
    /// The URL under which users reach this node, without a trailing slash.
    pub external_url: Rc<str>,
    /// `--data.retention`: how long log entries and expired silences are kept. 120 h.
    pub retention: Duration,
    /// `--alerts.gc-interval`. 30 m.
    pub alerts_gc_interval: Duration,
    /// `--silences.max-silences`; 0 is the limit of `limits.rs` alone.
    pub silences_max: usize,
    /// `--silences.max-silence-size-bytes`; 0 is the limit of `limits.rs` alone.
    pub silence_bytes_max: usize,
    /// `--alerts.per-alertname-limit`; 0 is none.
    pub alerts_per_name_max: usize,
    /// How matchers and label names are read.
    pub grammar: Grammar,
}

/// What a client wants of a silence. `id` is set to change one.
#[derive(Clone, Debug, PartialEq)]
pub struct SilenceDraft {
    /// The silence to change.
    pub id: Option<SilenceId>,
    /// Which alerts.
    pub matchers: Matchers,
    /// From when; `None` is now.
    pub starts_at: Option<Wall>,
    /// Until when.
    pub ends_at: Wall,
    /// Who.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// What else is said of it.
    pub annotations: Vec<(String, String)>,
}

/// Why a silence was not set or expired; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SilenceError {
    /// No silence has this id.
    NotFound,
    /// What is wrong with it, in Alertmanager's words.
    Invalid(String),
    /// A limit is reached, in Alertmanager's words.
    Limit(String),
}

impl fmt::Display for SilenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("silence not found"),
            Self::Invalid(text) | Self::Limit(text) => f.write_str(text),
        }
    }
}

/// An aggregation group as the API shows it.
#[derive(Clone, Debug)]
pub struct GroupView<'a> {
    /// The group's labels.
    pub labels: &'a Labels,
    /// The receiver's name.
    pub receiver: &'a Rc<str>,
    /// The labels of its route.
    pub route_labels: &'a Labels,
    /// Its alerts, in the order of [`Alert::order`], also those that have ended.
    pub alerts: Vec<(Fingerprint, &'a Alert)>,
    /// The names of the time intervals that mute it now.
    pub muted_by: Vec<Rc<str>>,
}

/// The whole brain.
#[derive(Debug)]
pub struct Node {
    config: Rc<Config>,
    options: Options,
}

impl Node {
    /// A node without state.
    pub fn new(config: Rc<Config>, options: Options, now: Now) -> Self {
        let _ = now;
        Self { config, options }
    }

    // Inputs.

    /// Takes the reports of one post: those that are valid are stored and routed. Returns what is wrong with the others,
    /// in Alertmanager's words; empty means all were taken.
    pub fn handle_reports(&mut self, cx: &mut Cx<'_>, reports: &[Report<'_>]) -> Vec<String> {
        let _ = (cx, reports);
        Vec::new()
    }

    /// Sets a silence and returns its id: the draft's own where history allows, else a new one.
    pub fn handle_set_silence(
        &mut self,
        cx: &mut Cx<'_>,
        draft: SilenceDraft,
    ) -> Result<SilenceId, SilenceError> {
        let _ = (cx, draft);
        Err(SilenceError::NotFound)
    }

    /// Expires a silence; one that has expired stays as it is.
    pub fn handle_expire_silence(
        &mut self,
        cx: &mut Cx<'_>,
        id: SilenceId,
    ) -> Result<(), SilenceError> {
        let _ = (cx, id);
        Err(SilenceError::NotFound)
    }

    /// Takes what came of an attempt; of an attempt that is no longer known, nothing.
    pub fn handle_reply(&mut self, cx: &mut Cx<'_>, id: AttemptId, reply: Reply) {
        let _ = (cx, id, reply);
    }

    /// Runs everything that is due.
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        let _ = cx;
    }

    /// Goes on with another config.
    pub fn handle_config(&mut self, cx: &mut Cx<'_>, config: Rc<Config>) {
        let _ = cx;
        self.config = config;
    }

    // Getters.

    /// When [`Node::handle_timeout`] wants to be called next.
    pub fn next_timeout(&self) -> Option<Mono> {
        None
    }

    /// The config it runs with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The options it runs with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Every alert it knows, in the order of fingerprints, with the receivers its routes lead to.
    pub fn alerts(&self) -> impl Iterator<Item = (Fingerprint, &Alert, Vec<Rc<str>>)> {
        std::iter::empty()
    }

    /// Why an alert of these labels would not be notified now.
    pub fn muted(&self, now: Now, fingerprint: Fingerprint, alert: &Alert) -> Muted {
        let _ = (now, fingerprint, alert);
        Muted::default()
    }

    /// Every aggregation group, sorted by labels and receiver.
    pub fn groups(&self, now: Now) -> Vec<GroupView<'_>> {
        let _ = now;
        Vec::new()
    }

    /// Every silence it knows, expired ones too, in the order of ids.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        std::iter::empty()
    }

    /// The silence of this id.
    pub fn silence(&self, id: SilenceId) -> Option<&Silence> {
        let _ = id;
        None
    }
}

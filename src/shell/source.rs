//! Where the config comes from, at the start and at each reload: the file, the flags, and the files that it names.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use log::warn;

use crate::config::settings::ClusterSettings;
use crate::config::{
    self, Config, DEFAULT, Environment, Errors, Flags, Language, Loaded, Owner, Problem,
    check_exec, check_mode,
};
use crate::gossip::KeyRing;
use crate::limits::CONFIG_BYTES_MAX;
use crate::notify::SCHEMAS;
use crate::shell::files::{self, FileContent};
use crate::shell::keys::{self, MissingKeys, Places};
use crate::shell::templates;
use crate::template::Templates;

/// The fate of an agent whose keys cannot be read.
pub const ALONE: &str =
    "ALONE until it can be read: the flock's port is closed, alerts are notified";

/// Where the config comes from.
#[derive(Debug)]
pub struct ConfigSource {
    /// The flags, which win over the file.
    pub flags: Flags,
    /// None: the config that is built in.
    pub file: Option<PathBuf>,
    /// The values that the config takes from the environment.
    pub environment: Environment,
}

/// The config was not loaded: the one in force stays, and nothing else has changed.
#[derive(Debug)]
pub enum SourceError {
    /// The file cannot be read; later it may be.
    Unreadable(Errors),
    /// Every mistake in it.
    Wrong(Errors),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(errors) | Self::Wrong(errors) => errors.fmt(f),
        }
    }
}

impl ConfigSource {
    /// Reads the config on this thread, before the agent runs.
    pub fn load(&self) -> Result<Loaded, SourceError> {
        let content = self.file.as_deref().map(|file| files::read_any(file, CONFIG_BYTES_MAX));
        let content = content.transpose().map_err(|error| self.unreadable(&error))?;
        self.check(content.as_ref())
    }

    /// Reads the files of `templates` on this thread.
    fn templates(&self, loaded: &Loaded) -> Result<Templates, SourceError> {
        templates::load(&loaded.templates).map_err(|why| {
            let problem = |text: &str| Problem {
                line: 0,
                path: "templates".to_owned(),
                text: text.to_owned(),
            };
            let problems = why.lines().map(problem).collect();
            SourceError::Wrong(Errors::new(&self.name().display().to_string(), problems))
        })
    }

    /// Reads the keys of the flock on this thread, before the agent runs.
    pub fn keys(&self, cluster: &ClusterSettings) -> Result<KeyRing, keys::KeysError> {
        keys::read(&cluster.key_files, &self.places())
    }

    /// The keys that could not be read, to be looked for.
    pub fn missing(
        &self,
        cluster: &ClusterSettings,
        error: &keys::KeysError,
        restarted: bool,
    ) -> MissingKeys {
        MissingKeys {
            why: format!("cluster.key_files: {error}"),
            files: cluster.key_files.clone(),
            places: self.places(),
            restarted,
        }
    }

    /// Logs what is legal and doubtful.
    pub fn warn(&self, warnings: &[Problem]) {
        let file = self.file.as_deref().map_or_else(String::new, |file| file.display().to_string());
        for warning in warnings {
            warn!("{}", warning.in_file(&file));
        }
    }

    fn options(&self) -> config::LoadOptions<'_> {
        let file = self.name();
        let language = if self.file.is_some() { Language::of(file) } else { Language::Toml };
        let (flags, environment) = (&self.flags, &self.environment);
        config::LoadOptions { file, language, flags, environment, schemas: SCHEMAS }
    }

    /// Reads and checks what the file says, and the files of templates that it names, on this thread; no content is the
    /// built-in config.
    pub(super) fn check(&self, content: Option<&FileContent>) -> Result<Loaded, SourceError> {
        let file = self.name();
        let text = content.map_or(DEFAULT.as_bytes(), |content| &content.bytes);
        let mut loaded = Config::load(text, &self.options()).map_err(SourceError::Wrong)?;
        if let Some(content) = content {
            let owner = Owner { mode: content.mode, uid: content.uid };
            let me = rustix::process::geteuid().as_raw();
            if let Some(problem) = check_exec(&loaded.config, owner, me) {
                return Err(SourceError::Wrong(Errors::new(
                    &file.display().to_string(),
                    vec![problem],
                )));
            }
            loaded.warnings.extend(check_mode(content.mode));
        }
        loaded.config.templates = self.templates(&loaded)?;
        Ok(loaded)
    }

    pub(super) fn unreadable(&self, error: &io::Error) -> SourceError {
        let text = format!("cannot be read: {error}");
        let problem = Problem { line: 0, path: String::new(), text };
        SourceError::Unreadable(Errors::new(&self.name().display().to_string(), vec![problem]))
    }

    /// Where the config comes from.
    pub fn name(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new("the built-in default"))
    }

    pub(super) fn places(&self) -> Places {
        let directory = self.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let credentials = self.environment.credentials_directory.clone();
        Places { credentials, directory: directory.to_owned() }
    }
}

//! Where the config comes from, at the start and at each reload: the file, the flags, and the files that it names.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use log::{error, warn};
use smol::Timer;

use crate::config::settings::ClusterSettings;
use crate::config::{
    self, Admission, Config, DEFAULT, Environment, Errors, Flags, Language, Loaded, Owner, Problem,
    Settings, check_exec, check_mode,
};
use crate::gossip::KeyRing;
use crate::limits::{CONFIG_BYTES_MAX, RELOAD_TIME_MAX};
use crate::node::Policy;
use crate::notify::SCHEMAS;
use crate::shell::files::{self, CONFIG_READERS, FileContent};
use crate::shell::keys::{self, MissingKeys, Places};
use crate::shell::{admission, templates};
use crate::template::Templates;

/// The result of a reload: the new config and keys, or every mistake there is.
pub(super) type Outcome = Result<(Policy, KeyRing, admission::RuleSource), String>;

/// The warning about a flock without keys.
const UNSEALED: &str = "THE FLOCK IS NOT SEALED: whoever reaches its port can read what it says, silence any alert, and \
     make up others. Run `bellwether key new` and give each member the key with --cluster.key-file";

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

/// Why there is no config.
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
            let gap = if warning.line == 0 { " " } else { "" };
            warn!("{file}:{gap}{warning}");
        }
    }

    fn options(&self) -> config::Options<'_> {
        let file = self.name();
        let language = if self.file.is_some() { Language::of(file) } else { Language::Toml };
        let (flags, environment) = (&self.flags, &self.environment);
        config::Options { file, language, flags, environment, schemas: SCHEMAS }
    }

    /// Reads and checks what the file says, and the files of templates that it names, on this thread; no content is the
    /// built-in config.
    fn check(&self, content: Option<&FileContent>) -> Result<Loaded, SourceError> {
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

    fn unreadable(&self, error: &io::Error) -> SourceError {
        let text = format!("cannot be read: {error}");
        let problem = Problem { line: 0, path: String::new(), text };
        SourceError::Unreadable(Errors::new(&self.name().display().to_string(), vec![problem]))
    }

    /// Where the config comes from.
    pub fn name(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new("the built-in default"))
    }

    fn places(&self) -> Places {
        let directory = self.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let credentials = self.environment.credentials_directory.clone();
        Places { credentials, directory: directory.to_owned() }
    }
}

/// Loads the config while the agent runs.
#[derive(Debug)]
pub struct Reloader {
    source: Arc<ConfigSource>,
    started: Settings,
    is_alone: bool,
    /// Whether the flock has no key, which is logged once.
    is_unsealed: Cell<bool>,
}

impl Reloader {
    /// For an agent that was started with `settings` from `source`; `is_alone` says that its keys could not be read.
    pub fn new(source: ConfigSource, settings: Settings, is_alone: bool) -> Self {
        Self {
            source: Arc::new(source),
            started: settings,
            is_alone,
            is_unsealed: Cell::new(false),
        }
    }

    /// Warns of a flock without keys, when it loses them or starts without.
    pub fn warn_if_unsealed(&self, keys: &KeyRing) {
        if self.becomes_unsealed(keys) {
            warn!("{UNSEALED}");
        }
    }

    /// Whether the flock has no key now, and had one before or has just started.
    fn becomes_unsealed(&self, keys: &KeyRing) -> bool {
        let has_flock = !self.is_alone && self.started.cluster.port().is_some();
        let is_unsealed = has_flock && keys.is_empty();
        !self.is_unsealed.replace(is_unsealed) && is_unsealed
    }

    /// Reads everything anew, within [`RELOAD_TIME_MAX`]. The error is every mistake there is; nothing is in force.
    pub(super) async fn load(self: Rc<Self>) -> Outcome {
        smol::future::or(self.read(), async {
            Timer::after(RELOAD_TIME_MAX).await;
            Err(format!("the config was not read and checked within {RELOAD_TIME_MAX:?}"))
        })
        .await
    }

    async fn read(&self) -> Outcome {
        let source = &self.source;
        let content = match &source.file {
            None => None,
            Some(file) => {
                let content = CONFIG_READERS.read(file, CONFIG_BYTES_MAX).await;
                Some(content.map_err(|error| source.unreadable(&error).to_string())?)
            }
        };
        let (policy, settings, warnings) = self.check(content).await?;
        source.warn(&warnings);
        let keys = self.keys(&settings.cluster).await?;
        for key in self.started.needing_restart(&settings) {
            warn!("{key}: changed, takes effect after a restart");
        }
        let mut web = admission::RuleSource::of(&settings.web);
        // Its name, which a flag may have given, takes effect after a restart.
        web.file.clone_from(&self.started.web.config_file);
        if web.file.is_some() {
            web.admission = Admission::default();
        }
        Ok((policy, keys, web))
    }

    /// Checks the config and builds what is to be taken of it on another thread: it costs the loop no time, and the time
    /// zones that are named, which are read from files, are in memory afterwards. The files of templates are read there, too.
    async fn check(
        &self,
        content: Option<FileContent>,
    ) -> Result<(Policy, Settings, Vec<Problem>), String> {
        let source = Arc::clone(&self.source);
        let check = move || {
            let loaded = source.check(content.as_ref()).map_err(|error| error.to_string())?;
            let Loaded { config, settings, warnings, .. } = loaded;
            Ok((Policy::from(Arc::new(config)), settings, warnings))
        };
        let checked = CONFIG_READERS.run(self.source.name(), RELOAD_TIME_MAX, check).await;
        checked.map_err(|error| format!("checking the config: {error}"))?
    }

    /// The keys that a reload takes. An agent that is alone because it has none takes its config without them.
    async fn keys(&self, cluster: &ClusterSettings) -> Result<KeyRing, String> {
        match keys::read_again(&cluster.key_files, &self.source.places()).await {
            Ok(keys) => {
                if self.is_alone {
                    warn!("the flock's key can be read now: restart to take part");
                }
                self.warn_if_unsealed(&keys);
                Ok(keys)
            }
            Err(error @ keys::KeysError::Unreadable(..)) if self.is_alone => {
                error!("cluster.key_files: {error}; {ALONE}");
                Ok(KeyRing::default())
            }
            Err(error) => Err(format!("cluster.key_files: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flock_without_keys_is_warned_of_once() {
        let sealed = || KeyRing::new(&[[7; 32]]).unwrap();
        let reloader = |is_alone| {
            let (flags, environment) = (Flags::default(), Environment::default());
            let source = ConfigSource { flags, file: None, environment };
            let mut settings = Settings::default();
            settings.cluster.multicast = true;
            Reloader::new(source, settings, is_alone)
        };
        let keys = [KeyRing::default(), KeyRing::default(), sealed(), KeyRing::default()];
        let at = reloader(false);
        assert_eq!(
            keys.each_ref().map(|keys| at.becomes_unsealed(keys)),
            [true, false, false, true]
        );
        let at = reloader(true);
        assert_eq!(keys.each_ref().map(|keys| at.becomes_unsealed(keys)), [false; 4]);
    }
}

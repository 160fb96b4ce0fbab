//! Reloads, one after another: the config is read and checked by a task, and the loop hears what came of it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use log::{error, warn};
use smol::channel::Sender;
use smol::{LocalExecutor, Task, Timer};

use crate::config::settings::ClusterSettings;
use crate::config::{Admission, Loaded, Problem, Settings};
use crate::gossip::KeyRing;
use crate::limits::{CONFIG_BYTES_MAX, RELOAD_TIME_MAX};
use crate::node::Policy;
use crate::shell::files::{CONFIG_READERS, FileContent};
use crate::shell::http::Exchange;
use crate::shell::source::{ALONE, ConfigSource};
use crate::shell::{Event, admission, keys, systemd};

/// The result of a reload: the new config and keys, or every mistake there is.
pub(super) type Outcome = Result<(Policy, KeyRing, admission::RuleSource), String>;

/// The warning about a flock without keys.
const UNSEALED: &str = "THE FLOCK IS NOT SEALED: whoever reaches its port can read what it says, silence any alert, and \
     make up others. Run `bellwether key new` and give each member the key with --cluster.key-file";

/// Reloads that were asked for.
#[derive(Debug)]
pub(super) struct Reloads {
    executor: Rc<LocalExecutor<'static>>,
    events: Sender<Event>,
    reloader: Rc<Reloader>,
    running: Option<Running>,
    /// Asked for meanwhile: what is being read may be older.
    next: Option<Vec<Exchange>>,
}

#[derive(Debug)]
struct Running {
    _task: Task<()>,
    asked: Vec<Exchange>,
}

impl Reloads {
    /// Nothing is read before [`Self::ask`].
    pub(super) fn new(
        executor: &Rc<LocalExecutor<'static>>,
        events: &Sender<Event>,
        reloader: Reloader,
    ) -> Self {
        Self {
            executor: Rc::clone(executor),
            events: events.clone(),
            reloader: Rc::new(reloader),
            running: None,
            next: None,
        }
    }

    /// Has the config read after this moment. `exchange` is given back by [`Self::ended`], to be answered.
    pub(super) fn ask(&mut self, exchange: Option<Exchange>) {
        let asked = self.next.get_or_insert_default();
        asked.retain(|exchange| !exchange.is_abandoned());
        asked.extend(exchange);
        if self.running.is_none() {
            self.begin();
        }
    }

    fn begin(&mut self) {
        let Some(asked) = self.next.take() else { return systemd::ready() };
        systemd::reloading();
        let (load, events) = (Rc::clone(&self.reloader).load(), self.events.clone());
        let task = self.executor.spawn(async move {
            // A loop that has ended does not hear it.
            events.send(Event::Loaded(Box::new(load.await))).await.ok();
        });
        self.running = Some(Running { _task: task, asked });
    }

    /// Takes note that the loop has taken what was loaded, and begins the next reload that was asked for meanwhile.
    /// Returns whom to answer.
    pub(super) fn ended(&mut self) -> Vec<Exchange> {
        let asked = self.running.take().map(|running| running.asked);
        self.begin();
        asked.unwrap_or_default()
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
    use crate::config::{Environment, Flags};

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

//! Receivers that fail: since when, how often and why; and when each integration was last told, and last failed.

use std::time::Duration;

use log::{debug, info, warn};

use crate::box_map::BoxMap;
use crate::config::Integration;
use crate::core::Core;
use crate::core::deliver::reach::{self, IntegrationKey};
use crate::core::route::Routes;
use crate::core::step::Step;
use crate::core::which::GroupId;
use crate::limits::HISTORY_WHY_BYTES_MAX;
use crate::model::{Brief, LogKey, Trouble, Troubles, Word, brief};
use crate::time::{Mono, Now, Wall};

/// A failure is believed for at least so long: what is owed is tried again each `group_interval`, so after that there was
/// nothing to deliver.
const BELIEVED_FOR: Duration = Duration::from_secs(3600);

/// The integrations whose last attempt failed; no more than are configured.
#[derive(Debug, Default)]
pub struct Failing {
    troubles: Troubles<IntegrationKey>,
    /// How long each is believed.
    until: BoxMap<IntegrationKey, Mono>,
    /// Of integrations that are configured.
    last: BoxMap<IntegrationKey, Last>,
}

/// When an integration was told, and failed, last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// By whichever member of the flock, as the log has it.
    pub told: Option<Wall>,
    /// An attempt of this node, since it started, and why.
    pub failed: Option<(Wall, String)>,
}

impl Failing {
    /// Receiver, integration and place of each integration that fails, with what is known.
    pub fn iter(&self) -> impl Iterator<Item = (&IntegrationKey, &Trouble)> {
        self.troubles.lasting()
    }

    /// When integrations were told, and failed, last.
    pub fn last(&self) -> impl Iterator<Item = (&IntegrationKey, &Last)> {
        self.last.iter()
    }

    /// Moves all times along when the clock steps.
    pub(in crate::core) fn step(&mut self, step: Step) {
        for last in self.last.values_mut() {
            last.told = last.told.map(|at| step.time(at));
            last.failed = last.failed.take().map(|(at, why)| (step.time(at), why));
        }
    }
}

impl Failing {
    /// Since when an integration has failed, if it does, as far as this agent has seen it.
    pub(in crate::core) fn since(&self, key: &IntegrationKey) -> Option<Mono> {
        self.troubles.get(key).map(|it| it.since)
    }

    /// For how long an integration has failed, if it does, also before the start.
    pub(in crate::core) fn lasted(&self, key: &IntegrationKey, now: Mono) -> Option<Duration> {
        self.troubles.get(key).map(|it| it.lasted(now))
    }
}

impl Core {
    /// The receivers that fail.
    pub const fn failing(&self) -> &Failing {
        &self.failing
    }

    /// Takes note that an attempt has failed, and says so if that is news.
    pub(in crate::core) fn note_failing(&mut self, now: Now, id: GroupId, key: &LogKey, why: &str) {
        let integration = reach::key(key);
        let interval = self.flush_of(id).map_or(Duration::ZERO, |flush| flush.group_interval());
        let until = now.mono + BELIEVED_FOR.max(interval * 2);
        self.failing.until.insert(integration.clone(), until);
        let told = brief::cut(why, HISTORY_WHY_BYTES_MAX).to_owned();
        self.failing.last.get_or_default(integration.clone()).failed = Some((now.wall, told));
        self.count_failed(now, key);
        let (name, why) = (name(key), Brief(why));
        match self.failing.troubles.strike(&integration, why.0, now) {
            Some((Word::Begins, _)) => warn!("{name} fails, will be tried again: {why}"),
            Some((Word::Lasts, it)) => warn!(
                "{name} has been failing for {}, {} attempts: {why}",
                it.age(now.mono),
                it.times
            ),
            None => debug!("{name} fails: {why}"),
        }
    }

    /// Goes on with a failure that was known before the start.
    pub fn restore_failing(&mut self, now: Now, key: &IntegrationKey, why: &str, before: Duration) {
        if has(&self.routes, key) {
            self.failing.troubles.resume(key, why, before, now);
            self.failing.until.insert(key.clone(), now.mono + BELIEVED_FOR);
        }
    }

    /// Takes note that an attempt was delivered, and says so if none was before.
    pub(in crate::core) fn note_delivering(&mut self, now: Now, key: &LogKey) {
        if let Some(it) = self.failing.troubles.end(&reach::key(key), now.mono) {
            let age = it.age(now.mono);
            info!("{} delivers again after {age}, {} attempts failed", name(key), it.times);
        }
    }

    /// Takes note of when the log says that an integration was told.
    pub(in crate::core) fn note_logged(&mut self, key: &LogKey, at: Wall) {
        let integration = reach::key(key);
        if has(&self.routes, &integration) {
            let last = self.failing.last.get_or_default(integration);
            last.told = last.told.max(Some(at));
        }
    }

    /// Forgets failures after which nothing was to be delivered for long.
    pub fn sweep_failing(&mut self, now: Mono) {
        let Failing { troubles, until, .. } = &mut self.failing;
        for (key, _) in until.iter().filter(|(_, until)| now >= **until) {
            // Nobody knows whether it would still fail.
            troubles.end(key, now);
        }
        until.retain(|_, until| now < *until);
        troubles.sweep(now);
    }

    /// Forgets failures of integrations that a config does not have.
    pub(in crate::core) fn retain_failing(&mut self, routes: &Routes) {
        self.failing.troubles.retain(|key| has(routes, key));
        self.failing.until.retain(|key, _| has(routes, key));
        self.failing.last.retain(|key, _| has(routes, key));
    }
}

/// Whether an integration is configured.
fn has(routes: &Routes, (receiver, integration, index): &IntegrationKey) -> bool {
    routes.receiver(receiver).is_some_and(|receiver| {
        let is = |it: &Integration| it.name() == &**integration && it.index == *index;
        receiver.integrations.iter().any(is)
    })
}

/// The name of an integration in the log: `receiver default/webhook[0]`.
fn name(key: &LogKey) -> String {
    format!("receiver {}/{}[{}]", Brief(&key.receiver), key.integration, key.index)
}

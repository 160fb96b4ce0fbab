//! Silences that the config declares. While its time intervals hold, each is in the table of silences like any other, by an id
//! that is made of its name. It is on no flash and told to no member, for each has its own config; and nobody can change it but
//! by the config.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use log::error;

use crate::config::DeclaredSilence;
use crate::core::Core;
use crate::core::silences::SilenceError;
use crate::core::timers::Timer;
use crate::model::hash::fnv128;
use crate::model::silence::DECLARED;
use crate::model::{Brief, Silence, SilenceId};
use crate::time::{Now, Wall};

/// Time intervals begin and end with a minute.
const MINUTE: Duration = Duration::from_secs(60);
/// How far ahead an end is looked for; one that lies later is looked for again then.
const AHEAD_MAX: Duration = Duration::from_secs(24 * 3600);

impl Core {
    /// Whether the config declares the silence of this id.
    pub fn is_declared(&self, id: SilenceId) -> bool {
        self.declared.contains(&id)
    }

    /// Refuses to change a silence that the config declares.
    pub(super) fn refuse_declared(&self, id: SilenceId) -> Result<(), SilenceError> {
        let named = self.config.silences.iter().find(|it| id_of(it) == id);
        named.map_or(Ok(()), |it| {
            let name = Brief(&it.name);
            Err(SilenceError::Invalid(format!(
                "silence {id} is declared in the config, as {name}: change it there and reload"
            )))
        })
    }

    /// Takes those declared silences into the table of which the time has come, and the others out of it.
    pub(super) fn declare(&mut self, now: Now) {
        let config = Arc::clone(&self.config);
        let wanted: BTreeSet<SilenceId> = config.silences.iter().map(id_of).collect();
        for gone in self.declared.difference(&wanted) {
            self.silences.withdraw(*gone);
        }
        self.declared = wanted;
        for it in &config.silences {
            self.declare_one(now.wall, it);
        }
        if !config.silences.is_empty() {
            let next = next_minute(now.wall);
            self.timers.set(Timer::Declared, now.mono + next.since(now.wall));
        }
    }

    /// The clock has stepped, or a config has come: what was declared is looked at anew.
    pub(super) fn declare_anew(&mut self, now: Now) {
        for id in &self.declared {
            self.silences.withdraw(*id);
        }
        self.declare(now);
    }

    fn declare_one(&mut self, now: Wall, declared: &DeclaredSilence) {
        let id = id_of(declared);
        let known = self.silences.get(id);
        if !holds(declared, now) {
            self.silences.withdraw(id);
            return;
        }
        if known.is_some_and(|it| it.ends_at > now + MINUTE) {
            return;
        }
        let ends_at = end(declared, now);
        if known.is_some_and(|it| it.ends_at == ends_at) {
            return;
        }
        let silence = Silence {
            id,
            matchers: declared.matchers.clone(),
            starts_at: known.map_or(now, |it| it.starts_at),
            ends_at,
            updated_at: now,
            created_by: "config".into(),
            comment: Arc::clone(&declared.comment),
            annotations: [(DECLARED, &*declared.name)].into_iter().collect(),
        };
        if self.silences.replace(silence) {
            self.tell_silence(id);
        } else {
            error!(
                "silence {} of the config does not mute: the table is full",
                Brief(&declared.name)
            );
        }
    }
}

fn id_of(declared: &DeclaredSilence) -> SilenceId {
    SilenceId::from_random(fnv128([DECLARED, &*declared.name]))
}

/// Whether it mutes at a time.
fn holds(declared: &DeclaredSilence, at: Wall) -> bool {
    let intervals = &declared.time_intervals;
    intervals.is_empty() || intervals.iter().any(|it| it.contains(at))
}

/// Until when it mutes that mutes now, as far as that is looked for.
fn end(declared: &DeclaredSilence, now: Wall) -> Wall {
    let latest = now + AHEAD_MAX;
    if declared.time_intervals.is_empty() {
        return latest;
    }
    let mut at = next_minute(now);
    while at < latest && holds(declared, at) {
        at = at + MINUTE;
    }
    at
}

/// When the next minute begins.
fn next_minute(now: Wall) -> Wall {
    Wall::from_secs((now.as_ms().div_euclid(60_000) + 1) * 60)
}

//! The part of an answer that further notifications may use, too: the token that the first request of a service brought.
//!
//! It stays in memory, for as long as the receiver type says, until an attempt with it fails or the config changes. There is
//! one for each integration at most.

use crate::box_map::BoxMap;
use crate::core::Core;
use crate::core::deliver::reach::{self, IntegrationKey};
use crate::core::which::Which;
use crate::model::LogKey;
use crate::notify::{Draft, RequestStep, Verdict};
use crate::time::Mono;

/// The steps at which drafts of an integration may begin, and until when.
#[derive(Debug, Default)]
pub(in crate::core) struct Kept(BoxMap<IntegrationKey, (RequestStep, Mono)>);

impl Kept {
    pub(in crate::core) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Core {
    /// A draft at the request with which its attempt begins.
    pub(in crate::core) fn first_step(&self, which: Which, draft: Draft, now: Mono) -> Draft {
        let log = self.log_key_of(which);
        match log.and_then(|log| self.kept.0.get(&reach::key(&log))) {
            Some((step, until)) if now < *until => draft.at(step.clone()),
            _ => draft,
        }
    }

    /// Keeps what a reply has brought, and forgets it when an attempt has failed. Returns what to do next.
    pub(in crate::core) fn keep(&mut self, log: &LogKey, verdict: Verdict, now: Mono) -> Verdict {
        match verdict {
            Verdict::NextFor(step, life) => {
                self.kept.0.insert(reach::key(log), (step.clone(), now + life));
                Verdict::Next(step)
            }
            Verdict::Retry(..) | Verdict::Refused(_) => {
                self.kept.0.remove(&reach::key(log));
                verdict
            }
            _ => verdict,
        }
    }
}

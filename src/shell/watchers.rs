//! Pages that wait for news: requests that are answered when something changes, or when they have waited long enough.

use std::collections::VecDeque;

use crate::api::{self, Changes, Endpoint};
use crate::limits::{CHANGES_TIME_MAX, WATCHERS_MAX};
use crate::shell::http::Exchange;
use crate::shell::{Shell, clock};
use crate::time::Mono;

/// The requests that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    waiting: VecDeque<(Mono, Exchange)>,
    /// The state at the last look.
    seen: Changes,
}

impl Watchers {
    /// Lets a request wait. Returns the one that has waited for longest if there are too many.
    fn add(&mut self, exchange: Exchange, now: Mono) -> Option<Exchange> {
        self.waiting.retain(|(_, exchange)| !exchange.is_abandoned());
        self.waiting.push_back((now + CHANGES_TIME_MAX, exchange));
        if self.waiting.len() > WATCHERS_MAX {
            self.waiting.pop_front().map(|it| it.1)
        } else {
            None
        }
    }

    /// The requests to be answered now: all if something has changed, else those whose time is over.
    fn due(&mut self, changes: Changes, now: Mono) -> Vec<Exchange> {
        let is_new = std::mem::replace(&mut self.seen, changes) != changes;
        let over = self.waiting.iter().take_while(|(deadline, _)| is_new || *deadline <= now);
        let count = over.count();
        self.waiting.drain(..count).map(|it| it.1).collect()
    }

    /// When the next one has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        self.waiting.front().map(|it| it.0)
    }
}

impl Shell {
    /// Lets a page wait for news.
    pub(super) fn watch(&mut self, exchange: Exchange) {
        if let Some(early) = self.watchers.add(exchange, clock::mono()) {
            self.tell_version(early);
        }
    }

    /// Answers the pages that wait for news, if there is any or their time is over.
    pub(super) fn tell_watchers(&mut self) {
        self.site.changes.note_history(&self.node);
        for exchange in self.watchers.due(self.site.changes, clock::mono()) {
            self.tell_version(exchange);
        }
    }

    fn tell_version(&mut self, exchange: Exchange) {
        let label = Endpoint::Changes.label();
        self.release(exchange, api::changed(&self.site), ("get", label));
    }
}

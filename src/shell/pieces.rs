//! Long work is done in pieces, between which other events have their turn: lists that are asked for, large posts, a config
//! that is loaded anew, and whatever is overdue.

use std::os::unix::net::UnixDatagram;

use ::log::{error, info};
use smol::Async;
use smol::channel::{Receiver, RecvError, TryRecvError};

use crate::api::{self, Answer};
use crate::effect::Cx;
use crate::gossip::KeyRing;
use crate::node::{self, Node};
use crate::shell::answers::labels;
use crate::shell::http::Exchange;
use crate::shell::reload::Outcome;
use crate::shell::{Error, Event, Shell, admission, clock};

/// Turns that everything else has between two pieces, unless there is something for the loop before.
const TURNS_MAX: usize = 8;

/// Events that the loop handles between two pieces.
const EVENTS_BETWEEN: usize = 8;

/// Reloads, lists, posts, and what is due.
const KINDS: usize = 4;

/// A config that is being taken.
pub(super) struct Reloading {
    reload: node::Reload,
    keys: KeyRing,
    web: admission::RuleSource,
}

impl Shell {
    /// Does another piece of what is done in pieces, once the events that are there have had their turns.
    pub(super) async fn go_on(&mut self, events: &Receiver<Event>) -> Result<(), Error> {
        if !self.is_busy() {
            return Ok(());
        }
        self.handled_since += 1;
        let has_more = !events.is_empty() || !self.waiting.is_empty();
        if has_more && self.handled_since < EVENTS_BETWEEN {
            return Ok(());
        }
        self.handled_since = 0;
        // Answers that are ready go out first.
        come_in(&self.outside).await;
        // One piece of one kind: a request that comes meanwhile waits for that alone.
        for _ in 0..KINDS {
            self.kind = (self.kind + 1) % KINDS;
            let is_done = match self.kind {
                0 => self.go_on_reloading(),
                1 => self.go_on_listing(),
                2 => self.go_on_posting(),
                _ => self.go_on_with_due(),
            };
            if is_done {
                break;
            }
        }
        self.perform();
        self.tell_watchers();
        self.set_timer()
    }

    /// Whether something is being done in pieces.
    fn is_busy(&self) -> bool {
        let is_asked = !self.lists.is_empty() || !self.posts.is_empty();
        self.reloading.is_some() || is_asked || self.is_due(clock::mono())
    }

    /// Does another piece of what is due. Returns whether there is one.
    fn go_on_with_due(&mut self) -> bool {
        if !self.is_due(clock::mono()) {
            return false;
        }
        self.timer_at = None;
        self.with_node(Node::handle_timeout);
        true
    }

    /// Makes another piece of the list that has waited for longest. Returns whether there is one.
    fn go_on_listing(&mut self) -> bool {
        let Some((exchange, list)) = self.lists.pop_front() else { return false };
        if exchange.is_abandoned() {
            return true;
        }
        let others: usize = self.lists.iter().map(|(_, list)| list.bytes()).sum();
        self.site.http.unread_bytes = self.server.unread() + others;
        let request = exchange.request();
        let (method, label) = labels(&self.site.prefix, request.method, request.path);
        match api::go_on_listing(&self.node, clock::now(), &self.site, &request, list) {
            Answer::Now(response) => self.release(exchange, response, (method, label)),
            Answer::Listing(list) => self.lists.push_back((exchange, list)),
            Answer::Posting(_)
            | Answer::WhenChanged
            | Answer::WhenDurable(_)
            | Answer::Reload
            | Answer::Test(_) => {}
        }
        true
    }

    /// Begins a test of a receiver, unless another is under way.
    pub(super) fn test(&mut self, mut exchange: Exchange, test: api::Test) {
        if self.testing.is_some() {
            let labels = self.labels(&exchange);
            return self.release(exchange, api::busy(), labels);
        }
        exchange.forget_body();
        self.notifier.test(test.drafts(), self.node.time_floor(clock::now()));
        self.testing = Some((exchange, test));
    }

    /// Answers the client that waits for the test that has ended.
    pub(super) fn tested(&mut self, tried: &[Vec<api::Tried>]) {
        if let Some((exchange, test)) = self.testing.take() {
            let labels = self.labels(&exchange);
            self.release(exchange, test.answer(tried), labels);
        }
    }

    /// Takes another piece of the post that came first. Its sender may have gone: others of its alerts are in force. Returns
    /// whether there is one.
    fn go_on_posting(&mut self) -> bool {
        let Some((exchange, post)) = self.posts.pop_front() else { return false };
        let request = exchange.request();
        let (method, label) = labels(&self.site.prefix, request.method, request.path);
        let cx = &mut Cx { now: clock::now(), rng: &mut self.rng, effects: &mut self.effects };
        match api::go_on_posting(&mut self.node, cx, &self.site, &request, post) {
            Answer::WhenDurable(response) => self.hold(exchange, response, (method, label)),
            Answer::Posting(post) => self.posts.push_front((exchange, post)),
            Answer::Now(_)
            | Answer::Listing(_)
            | Answer::WhenChanged
            | Answer::Reload
            | Answer::Test(_) => {}
        }
        true
    }

    /// The next event; while something is done in pieces, none if there is none right now.
    pub(super) async fn next(
        &mut self,
        events: &Receiver<Event>,
    ) -> Result<Option<Event>, RecvError> {
        if let Some(event) = self.waiting.pop_front() {
            return Ok(Some(event));
        }
        if !self.is_busy() {
            return events.recv().await.map(Some);
        }
        // An event often takes several turns to get here: a body comes in many reads, a record has to be on flash first.
        for _ in 0..TURNS_MAX {
            come_in(&self.outside).await;
            if !events.is_empty() {
                break;
            }
        }
        match events.try_recv() {
            Ok(event) => Ok(Some(event)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Closed) => Err(RecvError),
        }
    }

    /// Begins to take a config that was read anew; where it is wrong, the old one stays.
    pub(super) fn loaded(&mut self, outcome: Outcome) {
        match outcome {
            Ok((policy, keys, web)) => {
                let reload = node::Reload::from(policy);
                self.reloading = Some(Reloading { reload, keys, web });
            }
            Err(error) => self.reloaded(&Err(error)),
        }
    }

    /// Does another piece of a reload. Returns whether there is one.
    fn go_on_reloading(&mut self) -> bool {
        let Some(mut reloading) = self.reloading.take() else { return false };
        if !self.node.prepare(&mut reloading.reload) {
            self.reloading = Some(reloading);
            return true;
        }
        let Reloading { reload, keys, web } = reloading;
        let taken = self.with_node(|node, cx| node.handle_config(cx, reload));
        let (unused, outcome) = match taken {
            Ok(old) => (Box::new(old), Ok(())),
            Err((error, refused)) => (refused, Err(error.to_string())),
        };
        // Thousands of receivers are a hundred thousand pieces of memory.
        blocking::unblock(move || drop(unused)).detach();
        let outcome = outcome.map(|()| {
            self.with_node(|node, cx| node.handle_keys(cx, keys));
            self.server.gate().set_source(web);
            self.certificates.renew();
            self.notifier.keep(self.node.config());
        });
        self.reloaded(&outcome);
        true
    }

    /// Tells what came of a reload.
    fn reloaded(&mut self, outcome: &Result<(), String>) {
        self.site.reload.successful = outcome.is_ok();
        let why = outcome.as_ref().err().map(String::as_str);
        self.with_node(|node, cx| node.handle_rejected(cx, why));
        match outcome {
            Ok(()) => {
                self.site.reload.success_at = clock::wall();
                info!(file = self.site.config_file.as_str(); "the config was loaded anew");
            }
            Err(text) => {
                for line in text.lines() {
                    error!("loading the config anew failed, the old one stays: {line}");
                }
            }
        }
        for exchange in self.reloads.ended() {
            let labels = self.labels(&exchange);
            self.release(exchange, api::reloaded(outcome.clone()), labels);
        }
    }
}

/// Lets everything come in that is there. To yield would not do: an executor that always has something to run seldom asks
/// for news from outside.
pub(super) async fn come_in(outside: &Async<UnixDatagram>) {
    // An error would come at once, and be no worse than to yield.
    outside.writable().await.ok();
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use smol::LocalExecutor;

    use super::*;

    #[test]
    fn requests_between_pieces_of_work_wait_for_few_of_them() {
        let outside = Async::new(UnixDatagram::unbound().unwrap()).unwrap();
        let (sender, reader) = UnixDatagram::pair().unwrap();
        let reader = Async::new(reader).unwrap();
        let has_come = Cell::new(false);
        let executor = LocalExecutor::new();
        let reading = executor.spawn(async {
            reader.recv(&mut [0]).await.unwrap();
            has_come.set(true);
        });
        let pieces = smol::block_on(executor.run(async {
            for _ in 0..10 {
                come_in(&outside).await;
            }
            sender.send(b"x").unwrap();
            let mut pieces = 0;
            while !has_come.get() {
                come_in(&outside).await;
                pieces += 1;
            }
            pieces
        }));
        assert!(pieces < 5, "{pieces}");
        smol::block_on(executor.run(reading));
    }
}

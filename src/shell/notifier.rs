//! Performs attempts to notify and reports what came of them. What is sent and what an answer means is the brain's.

mod http;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use log::info;
use smol::channel::Sender;
use smol::{LocalExecutor, Task, Timer};

use crate::effect::{Attempt, AttemptId};
use crate::limits::CONNECT_TIME_MAX;
use crate::notify::{Cause, Draft, Failure, Outgoing, Place, Reply};
use crate::shell::tls::Clients;
use crate::shell::{Event, clock, secrets};
use crate::time::Wall;

use http::Taken;

/// Runs attempts.
#[derive(Debug)]
pub(super) struct Notifier {
    tls: Rc<Clients>,
    http: Rc<http::Client>,
    executor: Rc<LocalExecutor<'static>>,
    events: Sender<Event>,
    attempts: Tasks,
    looks: Tasks,
    closed: bool,
}

type Tasks = Rc<RefCell<BTreeMap<AttemptId, Task<()>>>>;

impl Notifier {
    /// A notifier that reports over `events`.
    pub(super) fn new(executor: &Rc<LocalExecutor<'static>>, events: &Sender<Event>) -> Self {
        let tls = Rc::new(Clients::default());
        Self {
            http: Rc::new(http::Client::new(executor, &tls)),
            tls,
            executor: Rc::clone(executor),
            events: events.clone(),
            attempts: Rc::default(),
            looks: Rc::default(),
            closed: false,
        }
    }

    /// Begins an attempt, at a time that is no earlier than `floor`.
    pub(super) fn attempt(&self, attempt: Attempt, floor: Wall) {
        self.tls.clock().raise(floor);
        let Attempt { id, draft, timeout } = attempt;
        let http = Rc::clone(&self.http);
        self.run(&self.attempts, id, async move {
            let taken = Taken::default();
            smol::future::or(attempt_of(&http, draft, &taken), give_up(timeout, &taken)).await
        });
    }

    /// Begins a look.
    pub(super) fn look(&self, id: AttemptId, place: Place) {
        let http = Rc::clone(&self.http);
        self.run(&self.looks, id, async move {
            let nothing = Taken::default();
            smol::future::or(look(&http, place), give_up(CONNECT_TIME_MAX, &nothing)).await
        });
    }

    fn run(&self, tasks: &Tasks, id: AttemptId, step: impl Future<Output = Reply> + 'static) {
        if self.closed {
            return;
        }
        let events = self.events.clone();
        let running = Rc::clone(tasks);
        let task = self.executor.spawn(async move {
            let reply = step.await;
            // Only a loop that has ended does not hear it. Whoever does finds the task gone: nothing runs between the two.
            events.send(Event::Reply(id, reply)).await.ok();
            if let Some(task) = running.borrow_mut().remove(&id) {
                task.detach();
            }
        });
        tasks.borrow_mut().insert(id, task);
    }

    /// Stops an attempt or a look if it still runs; nothing is reported of it.
    pub(super) fn cancel(&self, id: AttemptId) {
        for tasks in [&self.attempts, &self.looks] {
            drop(tasks.borrow_mut().remove(&id));
        }
    }

    /// From now on nothing begins.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// How many attempts are under way.
    pub(super) fn attempts(&self) -> usize {
        self.attempts.borrow().len()
    }
}

/// Reads the secrets of a draft and sends it.
async fn attempt_of(http: &http::Client, draft: Rc<Draft>, taken: &Taken) -> Reply {
    let mut texts = Vec::new();
    for secret in draft.secrets() {
        match secrets::read(&secret).await {
            Ok(text) => texts.push(text),
            Err(error) => return Reply::failed(error.to_string()),
        }
    }
    let mut texts = texts.into_iter();
    match draft.outgoing(clock::wall(), &mut |_| texts.next().unwrap_or_default()) {
        Ok(outgoing) => perform(http, outgoing, taken).await,
        Err(why) => Reply::failed(why),
    }
}

async fn perform(http: &http::Client, outgoing: Outgoing, taken: &Taken) -> Reply {
    match outgoing {
        Outgoing::Log(line) => {
            info!(target: "notification", "{line}");
            Reply::Done
        }
        Outgoing::Http(request) => {
            let sent = http.send(&request, taken).await;
            sent.unwrap_or_else(|error| Reply::failed(error.to_string()))
        }
    }
}

async fn look(client: &http::Client, place: Place) -> Reply {
    let Place::Http { url, http } = place;
    match client.look(&url, &http).await {
        Ok(()) => Reply::Done,
        Err(error) => Reply::failed(error.to_string()),
    }
}

/// Ends an attempt that takes too long. What the other side has taken it has, though the answer's rest never came.
async fn give_up(timeout: Duration, taken: &Taken) -> Reply {
    Timer::after(timeout).await;
    if let Some(status) = taken.get() {
        return Reply::status(status);
    }
    Reply::Failed(Failure { cause: Cause::Timeout, why: format!("no answer within {timeout:?}") })
}

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
use crate::shell::{Event, clock, secrets};

/// Runs attempts.
#[derive(Debug)]
pub(super) struct Notifier {
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
        Self {
            executor: Rc::clone(executor),
            events: events.clone(),
            attempts: Rc::default(),
            looks: Rc::default(),
            closed: false,
        }
    }

    /// Begins an attempt.
    pub(super) fn attempt(&self, attempt: Attempt) {
        let Attempt { id, draft, timeout } = attempt;
        self.run(&self.attempts, id, smol::future::or(attempt_of(draft), give_up(timeout)));
    }

    /// Begins a look.
    pub(super) fn look(&self, id: AttemptId, place: Place) {
        self.run(&self.looks, id, smol::future::or(look(place), give_up(CONNECT_TIME_MAX)));
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
async fn attempt_of(draft: Rc<Draft>) -> Reply {
    let mut texts = Vec::new();
    for secret in draft.secrets() {
        match secrets::read(&secret).await {
            Ok(text) => texts.push(text),
            Err(error) => return Reply::failed(error.to_string()),
        }
    }
    let mut texts = texts.into_iter();
    match draft.outgoing(clock::wall(), &mut |_| texts.next().unwrap_or_default()) {
        Ok(outgoing) => perform(outgoing).await,
        Err(why) => Reply::failed(why),
    }
}

async fn perform(outgoing: Outgoing) -> Reply {
    match outgoing {
        Outgoing::Log(line) => {
            info!(target: "notification", "{line}");
            Reply::Done
        }
        Outgoing::Http(request) => match http::send(request).await {
            Ok((status, body)) => Reply::Http { status, retry_after: None, body },
            Err(error) => Reply::failed(error.to_string()),
        },
    }
}

async fn look(place: Place) -> Reply {
    let Place::Http { url, .. } = place;
    match http::look(&url).await {
        Ok(()) => Reply::Done,
        Err(error) => Reply::failed(error.to_string()),
    }
}

async fn give_up(timeout: Duration) -> Reply {
    Timer::after(timeout).await;
    Reply::Failed(Failure { cause: Cause::Timeout, why: format!("no answer within {timeout:?}") })
}

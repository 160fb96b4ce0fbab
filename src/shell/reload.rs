//! Reloads, one after another: the config is read and checked by a task, and the loop hears what came of it.

use std::rc::Rc;

use smol::channel::Sender;
use smol::{LocalExecutor, Task};

use crate::shell::http::Exchange;
use crate::shell::source::Reloader;
use crate::shell::{Event, systemd};

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

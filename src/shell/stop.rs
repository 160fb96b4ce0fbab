//! The end of a process that was asked to stop: nothing that is under way is cut off before its time is over.

use std::time::Duration;

use log::warn;
use smol::Timer;
use smol::channel::Receiver;

use crate::api::Response;
use crate::limits::STOP_TIME_MAX;
use crate::node::Node;
use crate::shell::{Event, Shell, clock, systemd};

impl Shell {
    /// Hears out the receivers, waits until the flock has heard all, says goodbye to it, keeps what is left, answers what was
    /// read before that, then closes. Each of them may take [`STOP_TIME_MAX`].
    pub(super) async fn stop(mut self, events: &Receiver<Event>) {
        systemd::stopping();
        self.hear_receivers_out(events).await;
        self.with_node(Node::handle_leave);
        self.perform();
        while let Ok(event) = events.try_recv() {
            if let Event::Http(_) | Event::Kept(..) | Event::Reply(..) = event {
                self.handle(event);
            }
        }
        self.with_node(Node::handle_rewrite);
        self.perform();
        self.keep_all(events).await;
        let lists = std::mem::take(&mut self.lists).into_iter().map(|(exchange, _)| exchange);
        let posts = std::mem::take(&mut self.posts).into_iter().map(|(exchange, _)| exchange);
        for exchange in lists.chain(posts) {
            self.refuse(exchange);
        }
        if let Some((exchange, _)) = self.testing.take() {
            self.refuse(exchange);
        }
        for held in std::mem::take(&mut self.held) {
            let response = Response::object(503, 503, "stopping: the request may not be stored");
            self.release(held.exchange, response, held.labels);
        }
        // Clients that ask from now on are told so by the connection itself.
        events.close();
        while let Ok(event) = events.try_recv() {
            if let Event::Http(exchange) = event {
                self.refuse(*exchange);
            }
        }
        self.server.stop().await;
    }

    /// Goes on, but begins no attempt, until those under way are over: a receiver that has a notification whose answer
    /// nobody hears is told again.
    async fn hear_receivers_out(&mut self, events: &Receiver<Event>) {
        self.notifier.close();
        for event in std::mem::take(&mut self.waiting) {
            if !matches!(event, Event::Signal(_)) && self.turn(event).is_err() {
                break;
            }
        }
        if !self.go_on_until(events, |it| it.notifier.attempts() == 0).await {
            let left = self.notifier.attempts();
            warn!("stopping amid {left} attempts, which may be told again");
        }
        // A member that has missed what was just told would tell it again.
        self.go_on_until(events, |it| it.node.is_heard()).await;
    }

    /// Goes on until something is so; whether it is.
    async fn go_on_until(&mut self, events: &Receiver<Event>, is_so: fn(&Self) -> bool) -> bool {
        let deadline = clock::boot_time() + STOP_TIME_MAX;
        while !is_so(self) {
            match next(events, deadline).await {
                // There is nothing to reload for, and the stop has begun.
                Some(Event::Signal(_)) => {}
                Some(event) => {
                    if self.turn(event).is_err() {
                        break;
                    }
                }
                None => break,
            }
        }
        is_so(self)
    }

    /// Waits until everything is durable.
    async fn keep_all(&mut self, events: &Receiver<Event>) {
        self.keeper.hurry();
        let deadline = clock::boot_time() + STOP_TIME_MAX;
        while !self.keeper.is_idle() {
            match next(events, deadline).await {
                Some(event @ (Event::Kept(..) | Event::Reply(..))) => {
                    self.handle(event);
                    self.with_node(Node::handle_rewrite);
                    self.perform();
                }
                Some(Event::Http(exchange)) => self.refuse(*exchange),
                Some(_) => {}
                None => {
                    warn!("--storage.path={}: stopping before all is kept", self.site.journal.path);
                    break;
                }
            }
        }
    }
}

/// The next event; none once `deadline`, a boot time, is over.
async fn next(events: &Receiver<Event>, deadline: Duration) -> Option<Event> {
    let left = deadline.saturating_sub(clock::boot_time());
    let over = async {
        Timer::after(left).await;
        None
    };
    smol::future::or(async { events.recv().await.ok() }, over).await
}

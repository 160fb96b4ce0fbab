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
        while !is_so(self) && clock::boot_time() < deadline {
            let over = async {
                sleep_until(deadline).await;
                Ok(None)
            };
            match smol::future::or(self.next(events), over).await {
                // There is nothing to reload for, and the stop has begun.
                Ok(None | Some(Event::Signal(_))) => {}
                Ok(Some(event)) => {
                    if self.turn(event).is_err() {
                        break;
                    }
                }
                Err(_) => break,
            }
            if self.go_on(events).await.is_err() {
                break;
            }
        }
        is_so(self)
    }

    /// Waits until everything is durable.
    async fn keep_all(&mut self, events: &Receiver<Event>) {
        self.keeper.hurry();
        let deadline = clock::boot_time() + STOP_TIME_MAX;
        while !self.keeper.is_idle() && clock::boot_time() < deadline {
            match next(events, deadline).await {
                Some(event @ (Event::Kept(..) | Event::Reply(..))) => {
                    self.handle(event);
                    self.with_node(Node::handle_rewrite);
                    self.perform();
                }
                Some(Event::Http(exchange)) => self.refuse(*exchange),
                Some(_) => {}
                None => break,
            }
        }
        if !self.keeper.is_idle() {
            warn!("--storage.path={}: stopping before all is kept", self.site.journal.path);
        }
    }
}

/// The next event; none once `deadline`, a boot time, is over.
async fn next(events: &Receiver<Event>, deadline: Duration) -> Option<Event> {
    let over = async {
        sleep_until(deadline).await;
        None
    };
    smol::future::or(async { events.recv().await.ok() }, over).await
}

/// Waits until `deadline`, a boot time.
async fn sleep_until(deadline: Duration) {
    Timer::after(deadline.saturating_sub(clock::boot_time())).await;
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::rc::Rc;

    use smol::LocalExecutor;

    use super::*;
    use crate::core::testing::{config, route};
    use crate::model::Report;
    use crate::shell::Setup;
    use crate::shell::testing::setup;
    use crate::time::Mono;

    #[test]
    fn a_stop_goes_on_with_work_that_is_due() {
        let folder = std::env::temp_dir().join(format!("bellwether-due-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let executor = Rc::new(LocalExecutor::new());
        let mut root = route("r", &[]);
        root.group_wait = Duration::ZERO;
        let setup = Setup { config: config(root), ..setup(&folder) };
        let (mut shell, events) = Shell::start(&executor, setup).unwrap();
        let stopping = executor.spawn(async move {
            let labels = vec![("alertname".into(), "A".into())];
            let report = Report::new(labels, Vec::new(), None, None, "".into());
            shell.with_node(|node, cx| drop(node.handle_reports(cx, &[report])));
            // The loop has noticed that its group is due.
            shell.timer_at = Some(Mono::ZERO);
            let is_done = |it: &Shell| it.node.next_timeout() > Some(clock::mono());
            assert!(shell.go_on_until(&events, is_done).await, "the timers stand still");
            Box::pin(shell.stop(&events)).await;
        });
        smol::block_on(executor.run(stopping));
        drop(executor);
        fs::remove_dir_all(&folder).unwrap();
    }
}

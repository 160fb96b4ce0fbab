//! A test of a receiver: its requests are made like those of an attempt, all integrations at a time, and reported at once.

use std::rc::Rc;
use std::time::Duration;

use smol::LocalExecutor;

use crate::api::Tried;
use crate::limits::{NOTIFY_TEST_TIME_MAX, REQUESTS_PER_ATTEMPT_MAX};
use crate::notify::Draft;
use crate::shell::notifier::{Notifier, Taken, Ways, attempt_of, give_up};
use crate::shell::{Event, clock};
use crate::time::Wall;

impl Notifier {
    /// Begins a test, which ends with [`Event::Tested`]. The caller has seen to it that no other is under way.
    pub(in crate::shell) fn test(&mut self, drafts: Vec<Rc<Draft>>, floor: Wall) {
        self.ways.tls.clock().raise(floor);
        let (ways, events) = (Rc::clone(&self.ways), self.events.clone());
        let executor = Rc::clone(&self.executor);
        self.testing = Some(self.executor.spawn(async move {
            let tried = tried(&executor, &ways, drafts).await;
            // A loop that has ended does not hear it.
            events.send(Event::Tested(tried)).await.ok();
        }));
    }
}

async fn tried(
    executor: &LocalExecutor<'static>,
    ways: &Rc<Ways>,
    drafts: Vec<Rc<Draft>>,
) -> Vec<Vec<Tried>> {
    let tasks: Vec<_> = drafts
        .into_iter()
        .map(|draft| {
            let ways = Rc::clone(ways);
            executor.spawn(async move { requests(&ways, draft).await })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.push(task.await);
    }
    all
}

/// The requests of one integration, one after another.
async fn requests(ways: &Ways, first: Rc<Draft>) -> Vec<Tried> {
    let begun = clock::boot_time();
    let mut tried = Vec::new();
    let mut next = Some(first);
    for _ in 0..REQUESTS_PER_ATTEMPT_MAX {
        let Some(draft) = next.take() else { break };
        let left = NOTIFY_TEST_TIME_MAX.saturating_sub(clock::boot_time().saturating_sub(begun));
        let timeout = draft.timeout().unwrap_or(Duration::MAX).min(left);
        let taken = Taken::default();
        let attempt = attempt_of(ways, Rc::clone(&draft), &taken);
        let reply = smol::future::or(attempt, give_up(timeout, &taken)).await;
        next = draft.next(&reply).map(Rc::new);
        tried.push((draft, reply));
    }
    tried
}

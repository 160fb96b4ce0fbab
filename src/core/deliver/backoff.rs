//! Backoff: the pauses between the attempts of a delivery, and of an integration that has failed for minutes.
//!
//! Such an integration is tried ever more rarely, by one attempt for all its groups; the other deliveries wait for its outcome.
//! The pause grows with the time that it has failed, up to minutes. It ends at once when there is a sign that the way is
//! back: the machine's link came up, another member has delivered, somebody answered there. Once one attempt has got
//! through, each of the others gets a moment of its own, one after the other, so that neither the uplink nor the receiver
//! drowns. It keeps that moment if its flush ends before, and what is new meanwhile comes after all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use log::debug;
use rand::{Rng, RngExt as _};

use crate::box_map::BoxMap;
use crate::core::Core;
use crate::core::deliver::machine::State;
use crate::core::deliver::reach::{self, IntegrationKey};
use crate::core::which::Which;
use crate::effect::Cx;
use crate::time::Mono;

/// The pause after the first failed attempt of a delivery; each further one is half as long again, give or take half of it.
pub(in crate::core) const RETRY_PAUSE_FIRST: Duration = Duration::from_millis(500);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(60);

/// How long a receiver that fails is still tried after each pause of each delivery.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// The pause is this part of the time that it has failed.
const PART: u32 = 5;
/// The longest pause, give or take a quarter.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);
/// From one delivery to the next once the way is back.
const PACE: Duration = Duration::from_millis(250);

/// Whether a delivery may be attempted, as far as its integration has not failed for minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum Permit {
    /// It may.
    Free,
    /// It may, to see whether the way is back; all others wait meanwhile.
    Probe,
    /// It may not until then.
    Until(Mono),
    /// It may at this moment, which is its own from now on.
    At(Mono),
}

#[derive(Debug)]
struct Pause {
    until: Mono,
    /// The delivery that is to see whether the way is back.
    probe: Option<Which>,
}

/// The deliveries that follow once the way is back.
#[derive(Debug)]
struct Queue {
    /// The moment of each.
    moments: BTreeMap<Which, Mono>,
    /// The last one that was given.
    last: Mono,
}

impl Queue {
    fn next(&self, now: Mono) -> Mono {
        now.max(self.last + PACE)
    }

    fn give(&mut self, which: Which, at: Mono) {
        self.last = self.last.max(at);
        self.moments.insert(which, at);
    }
}

/// The integrations that have failed for minutes, and those of which deliveries follow; no more than are configured.
#[derive(Debug, Default)]
pub struct Backoff {
    pauses: BoxMap<IntegrationKey, Pause>,
    queues: BoxMap<IntegrationKey, Queue>,
    /// Those that have not failed for minutes, and are tried at once all the same.
    hastened: BTreeSet<IntegrationKey>,
}

impl Backoff {
    /// Until when an integration is left alone.
    pub(in crate::core) fn until(&self, key: &IntegrationKey) -> Option<Mono> {
        self.pauses.get(key).map(|pause| pause.until)
    }

    /// Whether a delivery may be attempted. The first that asks after the pause is the probe.
    pub(in crate::core) fn permit(&self, key: &IntegrationKey, which: Which, now: Mono) -> Permit {
        if let Some(pause) = self.pauses.get(key) {
            return match pause {
                Pause { probe: Some(probe), .. } if *probe == which => Permit::Free,
                Pause { until, .. } if now < *until => Permit::Until(*until),
                Pause { .. } => Permit::Probe,
            };
        }
        let Some(queue) = self.queues.get(key) else { return Permit::Free };
        match queue.moments.get(&which) {
            Some(at) if *at <= now => Permit::Free,
            Some(at) => Permit::Until(*at),
            None => Permit::At(queue.next(now)),
        }
    }

    /// Gives a delivery its moment.
    pub(in crate::core) fn give(&mut self, key: &IntegrationKey, which: Which, at: Mono) {
        if let Some(queue) = self.queues.get_mut(key) {
            queue.give(which, at);
        }
    }

    /// A delivery has got through: once nothing else has a moment, all is as ever.
    fn leave(&mut self, key: &IntegrationKey, which: Which, now: Mono) {
        let Some(queue) = self.queues.get_mut(key) else { return };
        queue.moments.remove(&which);
        // Those whose group has gone do not come.
        queue.moments.retain(|_, at| now.since(*at) < PAUSE_MAX);
        if queue.moments.is_empty() {
            self.queues.remove(key);
        }
    }

    /// Has this delivery see whether the way is back.
    pub(in crate::core) fn probe(&mut self, key: &IntegrationKey, which: Which, now: Mono) {
        if let Some(pause) = self.pauses.get_mut(key) {
            *pause = Pause { until: now + PAUSE_MAX, probe: Some(which) };
        }
    }

    /// Forgets all: the receivers may be others.
    pub(in crate::core) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Core {
    /// Notes that an attempt has failed of an integration.
    pub(in crate::core) fn back_off(&mut self, cx: &mut Cx<'_>, key: &IntegrationKey) {
        self.backoff.hastened.remove(key);
        let Some(since) = self.failing.since(key) else { return };
        let age = cx.now.mono.since(since);
        if age < PATIENCE {
            return;
        }
        let pause = (age / PART).min(PAUSE_MAX).mul_f64(cx.rng.random_range(0.75..1.25));
        let pause = Pause { until: cx.now.mono + pause, probe: None };
        self.backoff.queues.remove(key);
        self.backoff.pauses.insert(key.clone(), pause);
    }

    /// An attempt of a delivery has got through: what waits for its integration follows.
    pub(in crate::core) fn stop_backing_off(
        &mut self,
        now: Mono,
        which: Which,
        key: &IntegrationKey,
    ) {
        let was_left_alone = self.backoff.pauses.remove(key).is_some();
        if self.backoff.hastened.remove(key) || was_left_alone {
            let is_it = |(_, of): &(Which, IntegrationKey)| of == key;
            let waiting: Vec<Which> = self.paused().filter(is_it).map(|(which, _)| which).collect();
            debug!("{} deliveries follow to {}/{}[{}]", waiting.len(), key.0, key.1, key.2);
            let mut queue = Queue { moments: BTreeMap::new(), last: now };
            for which in waiting {
                let at = queue.next(now);
                queue.give(which, at);
                self.set_timer(which, at);
            }
            self.backoff.queues.insert(key.clone(), queue);
        }
        self.backoff.leave(key, which, now);
    }

    /// There is a sign that some integrations may be reached again: each of them that has failed for minutes is tried at once,
    /// by one attempt.
    pub fn try_again(&mut self, now: Mono, which: impl Fn(&IntegrationKey) -> bool) {
        let mut keys = BTreeSet::new();
        for (key, pause) in self.backoff.pauses.iter_mut() {
            if pause.until > now && which(key) {
                *pause = Pause { until: now, probe: None };
                keys.insert(key.clone());
            }
        }
        self.hasten(now, keys);
    }

    /// The way to all of them may be back: those that have failed for less are tried at once, too.
    pub fn try_all_again(&mut self, now: Mono, which: impl Fn(&IntegrationKey) -> bool) {
        let failing = self.failing.iter().map(|(key, _)| key);
        let is_early =
            |key: &&IntegrationKey| !self.backoff.pauses.contains_key(*key) && which(key);
        let early: BTreeSet<IntegrationKey> = failing.filter(is_early).cloned().collect();
        self.backoff.hastened.extend(early.iter().cloned());
        self.hasten(now, early);
        self.try_again(now, which);
    }

    /// Has a delivery to each of these integrations attempted at once.
    fn hasten(&mut self, now: Mono, mut keys: BTreeSet<IntegrationKey>) {
        if keys.is_empty() {
            return;
        }
        let firsts: Vec<Which> =
            self.paused().filter(|(_, key)| keys.remove(key)).map(|(which, _)| which).collect();
        for which in firsts {
            self.set_timer(which, now);
        }
    }

    /// The deliveries that wait for their next attempt, and to which integrations.
    fn paused(&self) -> impl Iterator<Item = (Which, IntegrationKey)> {
        let paused = |which: &Which| {
            let delivery = self.delivery(*which).filter(|it| it.state == State::Paused)?;
            Some((*which, reach::key(&delivery.key)))
        };
        self.open.values().filter_map(paused)
    }
}

/// The pause before the next attempt of a delivery; the one after that is longer.
pub(in crate::core) fn next_pause(pause: &mut Duration) -> Duration {
    let longer = (*pause * 3 / 2).min(RETRY_PAUSE_MAX);
    std::mem::replace(pause, longer)
}

/// A pause, give or take half of it.
pub(in crate::core) fn jittered(pause: Duration, rng: &mut dyn Rng) -> Duration {
    pause.mul_f64(rng.random_range(0.5..1.5))
}

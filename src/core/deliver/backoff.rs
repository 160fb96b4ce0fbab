//! Backoff: an integration that has failed for minutes is tried ever more rarely, by one attempt for all its groups; the
//! others wait for what comes of it.
//!
//! The pause grows with the time that it has failed, up to minutes. It ends at once when there is a sign that the way is
//! back: the machine's link came up, another member has delivered, somebody answered there. Once one attempt has got
//! through, the others follow one after the other, so that neither the uplink nor the receiver drowns.

use std::collections::BTreeMap;
use std::time::Duration;

use log::debug;
use rand::RngExt as _;

use crate::core::Core;
use crate::core::deliver::delivery::State;
use crate::core::deliver::reach::{self, Key};
use crate::core::which::GroupId;
use crate::effect::Cx;
use crate::time::Mono;

/// For so long a receiver that fails is tried at each pause of each delivery.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// The pause is this part of the time that it has failed.
const PART: u32 = 5;
/// The longest pause, give or take a quarter.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);
/// From one delivery to the next once the way is back.
const PACE: Duration = Duration::from_millis(250);

/// A delivery, by its group and its place in the flush.
type Which = (GroupId, usize);

#[derive(Debug)]
struct Pause {
    until: Mono,
    /// The delivery that is to see whether the way is back.
    probe: Option<Which>,
}

/// The integrations that have failed for minutes; no more than are configured.
#[derive(Debug, Default)]
pub struct Backoff(BTreeMap<Key, Pause>);

impl Backoff {
    /// Until when an integration is left alone.
    pub(in crate::core) fn until(&self, key: &Key) -> Option<Mono> {
        self.0.get(key).map(|pause| pause.until)
    }

    /// Until when a delivery has to wait, if it has to. The first that asks after the pause is the probe.
    fn ask(&mut self, key: &Key, which: Which, now: Mono) -> Option<Mono> {
        let pause = self.0.get_mut(key)?;
        if pause.probe == Some(which) {
            return None;
        }
        if now < pause.until {
            return Some(pause.until);
        }
        *pause = Pause { until: now + PAUSE_MAX, probe: Some(which) };
        None
    }

    /// Forgets all: the receivers may be others.
    pub(in crate::core) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Core {
    /// Notes that an attempt has failed of an integration.
    pub(in crate::core) fn back_off(&mut self, cx: &mut Cx<'_>, key: &Key) {
        let Some(since) = self.failing.since(key) else { return };
        let age = cx.now.mono.since(since);
        if age < PATIENCE {
            return;
        }
        let pause = (age / PART).min(PAUSE_MAX).mul_f64(cx.rng.random_range(0.75..1.25));
        self.backoff.0.insert(key.clone(), Pause { until: cx.now.mono + pause, probe: None });
    }

    /// Lets a delivery wait if its integration is left alone now, and gives its turn up if another may reach it. Returns whether
    /// it waits.
    pub(in crate::core) fn is_left_alone(&mut self, cx: &Cx<'_>, id: GroupId, at: usize) -> bool {
        let Some(delivery) = self.flush_of(id).and_then(|flush| flush.deliveries.get(at)) else {
            return false;
        };
        let (turn, key) = (delivery.key.id(), reach::key(&delivery.key));
        let Some(until) = self.backoff.ask(&key, (id, at), cx.now.mono) else { return false };
        self.owe(cx.now, id, at);
        self.set_state(id, at, State::Paused);
        if self.turns.another_can(turn) {
            self.hand_over(cx, id, at);
        }
        self.set_timer(id, at, until);
        true
    }

    /// An attempt has got through: what waits for this integration follows.
    pub(in crate::core) fn stop_backing_off(&mut self, now: Mono, key: &Key) {
        if self.backoff.0.remove(key).is_none() {
            return;
        }
        let waiting = self.paused(|it| it == key);
        debug!("{} deliveries follow to {}/{}[{}]", waiting.len(), key.0, key.1, key.2);
        let mut when = now;
        for (id, at) in waiting {
            when = when + PACE;
            self.set_timer(id, at, when);
        }
    }

    /// There is a sign that some integrations may be reached again: each of them is tried at once, by one attempt.
    pub fn try_again(&mut self, now: Mono, which: impl Fn(&Key) -> bool) {
        let keys: Vec<Key> = self.backoff.0.keys().filter(|key| which(key)).cloned().collect();
        for key in keys {
            self.backoff.0.insert(key.clone(), Pause { until: now, probe: None });
            if let Some((id, at)) = self.paused(|it| *it == key).first() {
                self.set_timer(*id, *at, now);
            }
        }
    }

    /// The deliveries to some integrations that wait for their next attempt.
    fn paused(&self, of: impl Fn(&Key) -> bool) -> Vec<Which> {
        let delivery = |(id, at): &Which| {
            let flush = self.groups.get(*id)?.flush.as_ref()?;
            flush.deliveries.get(*at).filter(|it| it.state == State::Paused)
        };
        let is_one = |which: &Which| delivery(which).is_some_and(|it| of(&reach::key(&it.key)));
        self.open.values().copied().filter(is_one).collect()
    }
}

//! A firing alert is notified in time, also while everything goes wrong: a node that lives and can reach the receiver does
//! not sit on what it has acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use super::told::{is_told_as_firing, told_to};
use super::{Alert, Truth};
use crate::receiver::Manner;
use crate::world::{Post, REROUTED, World};

/// How long a node may need: to settle after a start, a flush that was under way, attempts that hang, the next flush.
const PATIENCE_MS: u64 = 60_000;

/// Since when a seat has run, in which life, and has reached a receiver that answers soon.
type Since = (u64, u64);

#[derive(Debug, Default)]
pub(crate) struct Overdue {
    good: BTreeMap<(usize, usize), Since>,
    /// Posts and receivers that have been told what they say.
    told: BTreeSet<(usize, usize)>,
}

impl Overdue {
    pub(crate) fn look(
        &mut self,
        world: &World,
        truth: &Truth,
        receivers: &[usize],
    ) -> Result<(), String> {
        for receiver in receivers {
            for seat in 0..world.seats.len() {
                self.note(world, seat, *receiver);
            }
            self.look_at(world, truth, *receiver)?;
        }
        Ok(())
    }

    fn note(&mut self, world: &World, seat: usize, receiver: usize) {
        let it = &world.receivers[receiver];
        let soon = matches!(it.manner, Manner::Fine(_, most) if most < 1_000);
        // A node that stops begins no attempt.
        let tells = world.seats[seat].is_up() && world.seats[seat].stopping.is_none();
        if !tells || !soon || it.unreachable_from.contains(&seat) {
            self.good.remove(&(seat, receiver));
            return;
        }
        let life = world.seats[seat].life;
        let since = self.good.entry((seat, receiver)).or_insert((life, world.now));
        if since.0 != life {
            *since = (life, world.now);
        }
    }

    fn look_at(&mut self, world: &World, truth: &Truth, receiver: usize) -> Result<(), String> {
        for (name, alert) in &truth.alerts {
            let Some(post) = self.late_post(world, alert, receiver) else { continue };
            // Under a route that it had before, the log may say that it was told, as in Alertmanager.
            let rerouted = world.rerouted.is_some() && alert.group.starts_with(REROUTED);
            let silenced = truth.silences.iter().any(|it| it.group == alert.group);
            if rerouted || silenced || alert.version_may_be_forgotten(world) {
                continue;
            }
            let to = (&*alert.group, receiver);
            let Post { seat, acked_at, taken_at, .. } = world.posts[post];
            let taken_at = taken_at.or(acked_at).unwrap_or(0);
            // A node that has not heard of it may take it for ended and say so later, which is for `told` to judge.
            // And a node that did not send its end may not know that another has.
            let of_group = || told_to(world, &alert.group, receiver);
            let own_end = of_group().filter(|it| it.seat == seat && it.resolved.contains(name));
            let own_end = own_end.map(|it| it.begun).max();
            let fired = is_told_as_firing(world, name, to, taken_at)
                || of_group().any(|it| Some(it.begun) > own_end && it.firing.contains(name));
            if !fired {
                return Err(format!(
                    "n{seat} sits on {name}, which it has acknowledged at {acked_at:?}, and has reached r{receiver} since {:?}",
                    self.good.get(&(seat, receiver))
                ));
            }
            self.told.insert((post, receiver));
        }
        Ok(())
    }

    /// A post that says that an alert fires, and of which a receiver ought to have been told by now.
    fn late_post(&self, world: &World, alert: &Alert, receiver: usize) -> Option<usize> {
        let is_late = |number: &&usize| {
            let post = &world.posts[**number];
            let Some(acked_at) = post.acked_at.filter(|_| !post.from_memory) else { return false };
            let Some((_, since)) = self.good.get(&(post.seat, receiver)) else { return false };
            let wiped = world.seats[post.seat].wiped_at > Some(acked_at);
            let late = world.now.saturating_sub(acked_at.max(*since)) > PATIENCE_MS;
            late && !wiped && !self.told.contains(&(**number, receiver))
        };
        alert.ends.is_empty().then(|| alert.fires.iter().find(is_late).copied()).flatten()
    }
}

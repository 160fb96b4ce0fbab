//! Once the flock is whole, what fires and is not muted has been told, and what was told and has ended was told as ended.

use super::Truth;
use crate::receiver::Told;
use crate::world::{REROUTED, World};

pub(crate) fn check(world: &World, truth: &Truth, receivers: &[usize]) -> Result<(), String> {
    receivers.iter().try_for_each(|receiver| check_one(world, truth, *receiver))
}

pub(crate) fn told_to<'a>(
    world: &'a World,
    group: &'a str,
    receiver: usize,
) -> impl DoubleEndedIterator<Item = &'a Told> {
    world.told.iter().filter(move |it| &*it.group == group && it.receiver == receiver)
}

/// Whether what a receiver heard last of an alert, before some moment, is that it fires. An end that was taken without an
/// answer is not in any log, as in Alertmanager.
pub(crate) fn is_told_as_firing(
    world: &World,
    name: &str,
    (group, receiver): (&str, usize),
    before: u64,
) -> bool {
    let ends = |it: &Told| it.kept && it.resolved.contains(name) && !world.is_apart(it);
    let says = |it: &&Told| it.firing.contains(name) || ends(it);
    let mut told = told_to(world, group, receiver).filter(|it| it.begun < before);
    told.rfind(says).is_some_and(|it| it.firing.contains(name))
}

fn check_one(world: &World, truth: &Truth, receiver: usize) -> Result<(), String> {
    for (name, alert) in &truth.alerts {
        let muted = truth.silences.iter().any(|it| it.group == alert.group && it.holds(world));
        let taken = world.durable(&alert.fires);
        let told: Vec<_> = told_to(world, &alert.group, receiver).collect();
        let fired = is_told_as_firing(world, name, (&alert.group, receiver), u64::MAX);
        // A group that gets another route has another log, as in Alertmanager: it may say what was so when it had that route
        // before, and an alert that ended under the other was not told under this.
        let rerouted = world.rerouted.is_some() && alert.group.starts_with(REROUTED);
        if taken
            && alert.ends.is_empty()
            && !muted
            && !rerouted
            && !fired
            && !alert.version_may_be_forgotten(world)
        {
            return Err(format!("{name} fires and r{receiver} was not told"));
        }
        // An alert that ends while it is muted is not told of, as in Alertmanager.
        let ever_muted = truth.silences.iter().any(|it| it.group == alert.group);
        let all_ended = world.durable(&alert.ends)
            && !alert.version_may_be_forgotten(world)
            && alert.ends.iter().all(|post| world.posts[*post].acked_at.is_some());
        let last_firing = told
            .iter()
            .filter(|it| it.kept && it.firing.contains(name) && !world.is_apart(it))
            .filter_map(|it| it.answered_at)
            .max();
        let told_ended =
            told.iter().any(|it| it.resolved.contains(name) && Some(it.at) > last_firing);
        let noticed = last_firing.is_some();
        if all_ended && !ever_muted && !rerouted && noticed && !told_ended {
            return Err(format!(
                "{name} was told as firing, has ended, and r{receiver} was not told"
            ));
        }
    }
    Ok(())
}

//! An alert that came and went while no receiver was reached is told when one is: that it has ended.

use super::{Alert, Truth};
use crate::world::{REROUTED, World};

/// An alert that has fired for so long was in a flush that failed: a node settles, its group waits, and flushes follow.
const LONG_ENOUGH_MS: u64 = 45_000;

pub(crate) fn check(world: &World, truth: &Truth, receivers: &[usize]) -> Result<(), String> {
    let (Some(lost), Some(back)) = (world.uplink_lost_at, world.uplink_back_at) else {
        return Ok(());
    };
    for (name, alert) in &truth.alerts {
        let rerouted = world.rerouted.is_some() && alert.group.starts_with(REROUTED);
        let silenced = truth.silences.iter().any(|it| it.group == alert.group);
        if rerouted
            || silenced
            || !came_and_went(world, alert, lost..back)
            || alert.version_may_be_forgotten(world)
        {
            continue;
        }
        for receiver in receivers {
            let mut told =
                world.told.iter().filter(|it| it.receiver == *receiver && it.group == alert.group);
            if !told.any(|it| it.resolved.contains(name)) {
                return Err(format!(
                    "{name} came and went without uplink, and r{receiver} was never told"
                ));
            }
        }
    }
    Ok(())
}

/// Whether all of an alert's life was within this time, and long enough, and is on flash.
fn came_and_went(world: &World, alert: &Alert, within: std::ops::Range<u64>) -> bool {
    let posts = |some: &[usize]| some.iter().map(|post| &world.posts[*post]).collect::<Vec<_>>();
    let (fires, ends) = (posts(&alert.fires), posts(&alert.ends));
    let begun = fires.iter().filter_map(|post| post.taken_at).min();
    let known = fires.iter().filter_map(|post| post.acked_at).min();
    let ended = ends.iter().filter_map(|post| post.taken_at).min();
    let (Some(begun), Some(known), Some(ended)) = (begun, known, ended) else { return false };
    let all_ended = ends.iter().all(|post| post.acked_at.is_some_and(|at| at < within.end));
    alert.before.is_empty()
        && within.contains(&begun)
        && known + LONG_ENOUGH_MS < ended
        && all_ended
        && world.durable(&alert.fires)
        && world.durable(&alert.ends)
}

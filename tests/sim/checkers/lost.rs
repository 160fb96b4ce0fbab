//! A record that was answered with 200 is not lost: once the flock is whole, every node knows every such alert as it is.

use super::Truth;
use crate::world::World;

pub(crate) fn check(world: &World, truth: &Truth) -> Result<(), String> {
    let answered = |posts: &[usize]| world.durable(posts);
    for seat in world.core() {
        let now = world.seats[seat].now(world.now);
        let known: std::collections::BTreeMap<_, _> = world
            .node(seat)
            .alerts()
            .map(|(_, alert, _)| (alert.labels.get("alertname").unwrap_or("").to_owned(), alert))
            .collect();
        for (name, alert) in &truth.alerts {
            let all_ended = !alert.ends.is_empty()
                && alert.ends.iter().all(|post| world.posts[*post].acked_at.is_some());
            let found = known.get(&**name);
            if answered(&alert.fires) && found.is_none() {
                return Err(format!("n{seat} has lost {name}"));
            }
            let Some(found) = found else { continue };
            let ended = found.resolved(now.wall);
            if all_ended
                && answered(&alert.ends)
                && !ended
                && !alert.version_may_be_forgotten(world)
            {
                return Err(format!("n{seat} has lost the end of {name}"));
            }
            let fires = alert.ends.is_empty() && answered(&alert.fires);
            if fires && ended && !alert.version_may_be_forgotten(world) {
                return Err(format!(
                    "n{seat} holds {name} for ended at {}, it fires; it is {}",
                    found.ends_at, now.wall
                ));
            }
        }
        for silence in &truth.silences {
            let known = world.node(seat).silence(silence.id);
            let in_force = known.is_some_and(|it| now.wall < it.ends_at);
            if silence.is_over(world) && in_force {
                return Err(format!(
                    "n{seat} has lost the expiry of a silence of {}",
                    silence.group
                ));
            }
            if !silence.in_force(world) {
                continue;
            }
            if world.kept_silences.contains(&silence.id) && !in_force {
                return Err(format!("n{seat} has lost a silence of {}", silence.group));
            }
        }
    }
    Ok(())
}

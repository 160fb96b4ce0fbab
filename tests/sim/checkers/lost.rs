//! What was answered with 200 is not lost: once the flock is whole, every node knows every such alert as it is.

use super::Truth;
use crate::world::World;

pub(crate) fn check(world: &World, truth: &Truth) -> Result<(), String> {
    let answered = |posts: &[usize]| world.durable(posts);
    for seat in world.up() {
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
            // Whoever lost the firing with its flash has lost how far the flock's readings had come too: an end that it
            // is told then, cut off from all others, may bear an older version than the firing that only they know.
            let in_order = answered(&alert.fires);
            if all_ended && answered(&alert.ends) && in_order && !ended {
                return Err(format!("n{seat} has lost the end of {name}"));
            }
            if alert.ends.is_empty() && ended {
                return Err(format!(
                    "n{seat} holds {name} for ended at {}, it fires; it is {}",
                    found.ends_at, now.wall
                ));
            }
        }
    }
    Ok(())
}

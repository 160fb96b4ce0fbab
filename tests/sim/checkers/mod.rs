//! What must hold, judged from outside: a file a promise.

pub(crate) mod bounds;
pub(crate) mod equal;
pub(crate) mod lost;
pub(crate) mod muted;
pub(crate) mod newer;
pub(crate) mod overdue;
pub(crate) mod quiet;
pub(crate) mod repeat;
pub(crate) mod timers;
pub(crate) mod told;
pub(crate) mod versions;

use std::collections::BTreeMap;
use std::rc::Rc;

use bellwether::model::SilenceId;

use crate::world::World;

/// What an alert's sender knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Alert {
    pub(crate) group: Rc<str>,
    /// The posts that said that it fires; any that was answered counts.
    pub(crate) fires: Vec<usize>,
    /// The posts that said that it has ended, to the same seats.
    pub(crate) ends: Vec<usize>,
    /// The posts of both kinds from before it fired again.
    pub(crate) before: Vec<usize>,
}

impl Alert {
    /// Whether a node may have forgotten under which version it said the last but one of this: memory alone held that, or a card
    /// that was exchanged since. Where clocks are minutes apart, what it hears from the sender after a power cut may get an older version, and change
    /// nothing: the alert fires on until its lease ends.
    pub(crate) fn version_may_be_forgotten(&self, world: &World) -> bool {
        let clock = |seat: usize| world.seats[seat].clock.ahead_ms;
        let apart = (0..world.seats.len()).any(|seat| clock(seat) != clock(0));
        apart
            && self
                .fires
                .iter()
                .chain(&self.before)
                .map(|post| &world.posts[*post])
                .any(|post| post.from_memory || world.seats[post.seat].wiped_at > post.acked_at)
    }
}

/// What an operator knows of a silence.
#[derive(Clone, Debug)]
pub(crate) struct Silence {
    pub(crate) id: SilenceId,
    pub(crate) group: Rc<str>,
    pub(crate) seat: usize,
    pub(crate) expired_at: Option<u64>,
    /// Who was told to expire it, and in which life.
    pub(crate) expired_by: Option<(usize, u64)>,
}

impl Silence {
    /// Whether it is in force for all that its operator knows: its end is not on flash, and who was told of the end has
    /// died since.
    pub(crate) fn holds(&self, world: &World) -> bool {
        let Some((seat, life)) = self.expired_by else { return true };
        if world.kept_expiries.contains(&self.id) {
            return false;
        }
        let active = |seat: usize| {
            let now = world.seats[seat].now(world.now).wall;
            world.node(seat).silence(self.id).is_some_and(|it| now < it.ends_at)
        };
        world.seats[seat].life != life && world.up().into_iter().any(active)
    }
}

/// The truth, as those outside know it.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) alerts: BTreeMap<Rc<str>, Alert>,
    pub(crate) silences: Vec<Silence>,
}

//! The promises, judged from outside: a file each.

pub(crate) mod beats;
pub(crate) mod bounds;
pub(crate) mod budget;
pub(crate) mod equal;
pub(crate) mod lost;
pub(crate) mod missing;
pub(crate) mod muted;
pub(crate) mod newer;
pub(crate) mod overdue;
pub(crate) mod owed;
pub(crate) mod quiet;
pub(crate) mod repeat;
pub(crate) mod timers;
pub(crate) mod told;
pub(crate) mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use bellwether::model::SilenceId;

use crate::world::World;

/// Puts a checker's name before what it has found.
pub(crate) fn by(checker: &str) -> impl Fn(String) -> String {
    move |found| format!("{checker}: {found}")
}

/// An alert as its sender knows it.
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
    /// that was exchanged since, or a node that stays broken, so that no other received it. Where clocks are minutes apart, what it hears from the sender after a power cut may get an older version, and change
    /// nothing: the alert fires on until its lease ends.
    pub(crate) fn version_may_be_forgotten(&self, world: &World) -> bool {
        let clock = |seat: usize| world.seats[seat].wall(world.now);
        let apart = (0..world.seats.len()).any(|seat| clock(seat) != clock(0));
        apart
            && self.fires.iter().chain(&self.before).map(|post| &world.posts[*post]).any(|post| {
                let seat = &world.seats[post.seat];
                post.from_memory || seat.wiped_at > post.acked_at || seat.apart_since.is_some()
            })
    }
}

/// A silence as operators know it.
#[derive(Clone, Debug)]
pub(crate) struct Silence {
    pub(crate) id: SilenceId,
    pub(crate) group: Rc<str>,
    /// The seats that were told of it, or of a change.
    pub(crate) seats: BTreeSet<usize>,
    /// Until when it was to hold, each time somebody set it: a later word may not have reached flash.
    pub(crate) untils: Vec<u64>,
    pub(crate) expired_at: Option<u64>,
    /// The seats that were told to expire it, and in which life.
    pub(crate) expired_by: Vec<(usize, u64)>,
    /// Whether it was changed at a node that did not know the last change: which of the two holds is not known outside.
    pub(crate) contested: bool,
    /// Whether a wall clock is stepped or set while it holds: then it may end minutes sooner or later.
    pub(crate) stepped: bool,
}

/// By so much the end of a silence may be off: clocks drift, and what they are apart is measured.
const END_MS: u64 = 15_000;
/// As long as a group waits for its next flush, and for its turn.
const FLUSH_MS: u64 = 60_000;

impl Silence {
    /// A silence that runs out in a world where clocks are stepped ends when it ends.
    fn unsure(&self, world: &World) -> bool {
        // A word to a node that is broken for good may have reached no other.
        self.seats.iter().any(|seat| world.seats[*seat].broken)
            || self.contested
            || self.stepped && self.untils.iter().any(|until| *until < LONG_MS)
    }

    /// Whether it surely mutes at a moment, where somebody has said that it holds until then.
    pub(crate) fn mutes(&self, world: &World, at: u64, until: u64) -> bool {
        !self.unsure(world) && at + END_MS < until && self.expired_at.is_none_or(|end| at < end)
    }

    /// Whether nobody has ended it, in whatever words were kept.
    pub(crate) fn in_force(&self, world: &World) -> bool {
        let least = self.untils.iter().min().copied().unwrap_or(0);
        self.expired_at.is_none() && self.mutes(world, world.now, least)
    }

    /// Whether its end is on flash where it was asked for.
    pub(crate) fn is_over(&self, world: &World) -> bool {
        !self.unsure(world) && world.kept_expiries.contains(&self.id)
    }

    /// Whether it may be in force, or have been lately, for all that operators know: its end is not on flash, and
    /// the node that was told of the end has died since.
    pub(crate) fn holds(&self, world: &World) -> bool {
        if self.is_over(world) {
            return false;
        }
        let active = |seat: usize| {
            let now = world.seats[seat].now(world.now).wall;
            world.node(seat).silence(self.id).is_some_and(|it| now < it.ends_at + LATELY)
        };
        let most = self.untils.iter().max().copied().unwrap_or(0);
        let died = |(seat, life): &(usize, u64)| world.seats[*seat].life != *life;
        if self.unsure(world) || !self.expired_by.is_empty() && self.expired_by.iter().all(died) {
            return world.up().into_iter().any(active);
        }
        self.expired_by.is_empty() && world.now < most + END_MS + FLUSH_MS
    }

    /// Whether it may run out at some time that is not known outside.
    pub(crate) fn may_end(&self, world: &World) -> bool {
        self.unsure(world)
    }
}

/// Later than any world lasts.
pub(crate) const LONG_MS: u64 = 3_600_000;
const LATELY: Duration = Duration::from_millis(END_MS + FLUSH_MS);

/// The truth, as those outside know it.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) alerts: BTreeMap<Rc<str>, Alert>,
    pub(crate) silences: Vec<Silence>,
}

//! Looking ahead: whoever hears that an attempt of another takes long looks meanwhile whether it reaches the receiver
//! itself, by a connection over which nothing is said.
//!
//! So when the attempt fails, because the way to the receiver is lost, all others know which of them can deliver, and
//! that one does, instead of one after the other taking its time to find out.

use log::debug;

use crate::core::Core;
use crate::core::deliver::delivery::State;
use crate::core::deliver::reach::{self, Key};
use crate::core::deliver::turn::BEAT;
use crate::core::which::GroupId;
use crate::effect::{AttemptId, Cx, Effect};
use crate::notify::{self, Reply};

impl Core {
    /// Looks whether this node reaches the receiver of a delivery that another has claimed, unless it knows.
    pub(in crate::core) fn look(&mut self, cx: &mut Cx<'_>, id: GroupId, at: usize) {
        let Some(flush) = self.groups.get(id).and_then(|group| group.flush.as_ref()) else {
            return;
        };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let Some(integration) = delivery.integration() else {
            return;
        };
        let Some(place) = notify::place(integration) else { return };
        let key = reach::key(&delivery.key);
        if self.turns.held(delivery.key.id(), cx.now.mono).is_none()
            || !self.reach.is_unknown(&key, cx.now.mono)
            || !self.attempts.has_room(&key)
        {
            return;
        }
        debug!("{}: looks whether it is reached from here, too", delivery.key);
        let look = self.attempts.begin_look(key.clone());
        self.reach.looks(key, look);
        cx.effects.push(Effect::Look { id: look, place });
    }

    /// Takes what came of a look.
    pub(in crate::core) fn handle_look(&mut self, cx: &mut Cx<'_>, look: AttemptId, reply: &Reply) {
        let Some(key) = self.attempts.end_look(look) else { return };
        if self.reach.is_looking(&key, look) {
            let reached = !matches!(reply, Reply::Failed(_));
            self.learn(cx, &key, reached);
            if reached {
                self.try_again(cx.now.mono, |it| *it == key);
            }
        }
        self.fill(cx);
    }

    /// Acts upon what an attempt or a look has shown: what has waited to know it takes its turn, or leaves it to others
    /// at once, as does what waits for a place.
    pub(in crate::core) fn learn(&mut self, cx: &Cx<'_>, key: &Key, reached: bool) {
        for (id, at) in self.reach.learn(key, reached, cx.now.mono) {
            self.hasten(cx, id, at);
        }
        if !reached {
            self.leave_waiting(cx, key);
        }
    }

    /// Lets a delivery that is held take its turn when its rank says so, if that is sooner than it would.
    pub(in crate::core) fn hasten(&mut self, cx: &Cx<'_>, id: GroupId, at: usize) {
        let Some(delivery) = self.flush_of(id).and_then(|flush| flush.deliveries.get(at)) else {
            return;
        };
        if !matches!(delivery.state, State::Held | State::Listening) {
            return;
        }
        let (due, key) = (delivery.due, delivery.key.id());
        let next = cx.now.mono + BEAT * self.turns.rank(key);
        if next < due && !self.turns.flock.settling {
            self.hold(cx, id, at, next);
        }
    }
}

//! Looking ahead: while an attempt of another member takes long, this node looks whether it reaches the receiver itself, by a
//! connection over which nothing is said.
//!
//! So when the attempt fails, because the way to the receiver is lost, all others know which of them can deliver, and
//! that one does, instead of one after the other taking its time to find out.

use crate::core::Core;
use crate::core::deliver::machine::Input;
use crate::core::deliver::reach::{self, IntegrationKey};
use crate::core::which::Which;
use crate::effect::{AttemptId, Cx, Effect};
use crate::notify::{self, Reply};

impl Core {
    /// Looks whether this node reaches the receiver of a delivery that another has claimed, unless it knows.
    pub(in crate::core) fn look(&mut self, cx: &mut Cx<'_>, which: Which) {
        let Some(delivery) = self.delivery(which) else { return };
        let Some(place) = delivery.integration().and_then(notify::place) else { return };
        let key = reach::key(&delivery.key);
        if self.turns.held(delivery.key.id(), cx.now.mono).is_none()
            || !self.reach.is_unknown(&key, cx.now.mono)
            || !self.places.is_free(&key)
        {
            return;
        }
        let look = self.places.begin_look(key.clone());
        self.reach.looks(key, look);
        cx.effects.push(Effect::Look { id: look, place });
    }

    /// Takes the outcome of a look.
    pub(in crate::core) fn handle_look(&mut self, cx: &mut Cx<'_>, look: AttemptId, reply: &Reply) {
        let Some(key) = self.places.end_look(look) else { return };
        if self.reach.is_looking(&key, look) {
            let reached = !matches!(reply, Reply::Failed(_));
            self.learn(cx, &key, reached);
            if reached {
                self.try_again(cx.now.mono, |it| *it == key);
            }
        }
        self.fill(cx);
    }

    /// Acts upon what an attempt or a look has shown: a delivery that has waited to know it takes its turn, or leaves it to
    /// others at once, as do those that wait for a place.
    pub(in crate::core) fn learn(&mut self, cx: &mut Cx<'_>, key: &IntegrationKey, reached: bool) {
        let waiting = self.reach.learn(key, reached, cx.now.mono);
        self.tell(cx, waiting, Input::Learned);
        if !reached {
            self.leave_waiting(cx, key);
        }
    }
}

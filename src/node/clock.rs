//! The wall clock steps, or the flock tells another time than ours.

use crate::core::clock::SET_MIN;
use crate::effect::{Cx, Effect};
use crate::gossip::Version;
use crate::node::Node;
use crate::node::keep::{Act, stored};
use crate::node::stamps::Stamp;
use crate::time::Now;
use crate::wire::rest::with_rest;

impl Node {
    /// Sees whether a clock has stepped since the last input: what is held is moved along, and flash is told.
    pub(super) fn handle_clock(&mut self, cx: &mut Cx<'_>) {
        if let Some(step) = self.core.handle_clock(cx.now) {
            self.stamps.step(step);
            cx.effects.push(Effect::Persist(self.records(cx.now)));
        }
        let flock = Now { mono: cx.now.mono, wall: self.flock_wall(cx.now) };
        if self.flock_watch.look(flock).is_some() {
            self.date(cx);
        }
    }

    /// Tells anew what was written while nobody knew the time, once it is known: to all others it would have expired long
    /// ago. Every member gives it the same version, which is older than what was written by a clock that was set; one that
    /// follows on a version of such a clock stays.
    pub(super) fn date(&mut self, cx: &mut Cx<'_>) {
        if !self.is_member() || self.flock_wall(cx.now) < SET_MIN {
            return;
        }
        let mut records = Vec::new();
        for change in self.everything() {
            let Some(Act::Put { kind, key, expires, body, .. }) = self.act(change, cx.now) else {
                continue;
            };
            let Some(known) = self.stamps.get(kind, &key) else { continue };
            let Some(version) = dated(known) else { continue };
            let rest = known.rest(kind);
            let whole = rest.map_or_else(|| body.clone(), |rest| with_rest(kind, &body, rest));
            let stamp = self.stamp_of_version(cx.now, version, kind, expires, &whole);
            self.publish(cx, kind, &key, &stamp, whole);
            records.push(stored(kind, key.clone(), &stamp, body));
            self.stamps.put(kind, &key, stamp);
        }
        if !records.is_empty() {
            cx.effects.push(Effect::Persist(records));
        }
    }
}

/// The version for what was written by a clock that was not set; none for anything else.
fn dated(stamp: &Stamp) -> Option<Version> {
    let set = Version::at(SET_MIN.as_ms());
    let version = stamp.version;
    if version < set {
        return Some(Version { hlc: version.hlc.saturating_add(set.hlc), ..version });
    }
    // Its author knew of versions of a clock that was set, and yet not the time.
    (stamp.expires_at_ms < SET_MIN.as_ms()).then_some(version)
}

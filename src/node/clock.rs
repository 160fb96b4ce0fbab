//! The wall clock steps, or the flock tells another time than ours.

use crate::effect::{Cx, Effect};
use crate::gossip::Version;
use crate::limits::{CLOCK_AHEAD_MS_MAX, RECORD_LIFE_MAX};
use crate::node::Node;
use crate::node::keep::{Act, stored};
use crate::node::stamps::Stamp;
use crate::time::{Now, SET_SINCE, Wall};
use crate::wire::record::Kind;
use crate::wire::rest::with_rest;

/// 2020-01-01: what has a version of before was written in 1970, and gets one of this year.
pub const DATED: Wall = Wall::from_secs(1_577_836_800);

impl Node {
    /// Sees whether a clock has stepped since the last input: what is held is moved along, and flash is told.
    pub(super) fn handle_clock(&mut self, cx: &mut Cx<'_>) {
        if let Some(step) = self.core.handle_clock(cx.now) {
            self.stamps.step(step);
            let records = self.records(cx.now);
            if !records.is_empty() {
                cx.effects.push(Effect::Persist(records));
            }
        }
        let flock = Now { mono: cx.now.mono, wall: self.flock_wall(cx.now) };
        if self.flock_watch.look(flock).is_some() {
            self.date(cx);
        }
    }

    /// Tells anew what was written by a clock that was wrong, once the time is known: to all others it would have expired
    /// long ago, or will too early. What has a version of 1970 gets the same one by every member, which is older than
    /// what was written by a clock that was set; any other version stays.
    pub(super) fn date(&mut self, cx: &mut Cx<'_>) {
        if !self.is_member() || self.flock_wall(cx.now) < SET_SINCE {
            return;
        }
        let mut records = Vec::new();
        for change in self.everything() {
            let Some(Act::Put { kind, key, expires, body, .. }) = self.act(change, cx.now) else {
                continue;
            };
            let known = self.stamps.get(kind, &key);
            let Some(known) = known.filter(|it| it.version != Version::UNPUBLISHED) else {
                continue;
            };
            let (version, rest) = (dated(known.version), known.rest(kind));
            if version == known.version && !self.expires_early(cx.now, kind, known, expires) {
                continue;
            }
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

    /// Whether the flock takes a record that expires at a time by our clock for older than it is.
    pub(super) fn expires_early(&self, now: Now, kind: Kind, known: &Stamp, expires: Wall) -> bool {
        let expires = match kind {
            // The flock may know less of a lease.
            Kind::Alert => known.shared_end + self.core.options().alerts_gc_interval,
            // It is kept for a day from now, whenever that is.
            Kind::Group => return known.expires_at_ms < SET_SINCE.as_ms(),
            _ => expires,
        };
        // What ends in a far future is told anew once half of its life has passed.
        let far = self.flock_wall(now) + RECORD_LIFE_MAX / 2;
        let expires = self.flock_time(now, expires).min(far);
        expires.as_ms() - known.expires_at_ms > CLOCK_AHEAD_MS_MAX
    }
}

/// The version for what may be of a clock that was not set and began in 1970. A clock of another false time has its own
/// versions, which stay: they are older than those of the right time all the same.
pub(super) fn dated(version: Version) -> Version {
    let hlc = version.hlc.saturating_add(Version::at(DATED.as_ms()).hlc);
    if hlc < Version::at(SET_SINCE.as_ms()).hlc { Version { hlc, ..version } } else { version }
}

//! The members that were met: where each was last heard, and what it said of itself.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::box_map::BoxMap;
use crate::gossip::seal::{Header, Window};
use crate::time::Mono;

/// A member whose multicast was not heard for so long (three beacons lost) is out of its reach.
const MULTICAST_HEARD: Duration = Duration::from_secs(120);
/// A member that has missed something and is not heard is retried for so long.
const LOST_FOR: Duration = Duration::from_secs(180);
/// A member that has not acknowledged news for so long, though it was sent again, is taken not to receive us.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);
/// A member that has come back has met all others by then.
const MEETS_WITHIN: Duration = Duration::from_secs(5);
/// A member that misses so many multicasts in a row is sent to by unicast.
const MISSED_MAX: u32 = 3;
/// Another member is asked to check a silent one no more often than this.
const CHECK_EVERY: Duration = Duration::from_millis(400);

/// A member that was met: this boot of it has shown that it is alive, see [`super::handshake`].
#[derive(Debug)]
pub(in crate::gossip) struct Peer {
    pub(in crate::gossip) boot: u64,
    pub(in crate::gossip) window: Window,
    /// The key it seals with.
    pub(super) key_id: u16,
    pub(super) name: String,
    /// Where it last proved that it receives.
    pub(super) addr: SocketAddr,
    /// It was heard from there after the last datagram to it that was not acknowledged in time.
    pub(in crate::gossip) is_there: bool,
    pub(super) heard_unicast: Option<Mono>,
    pub(super) heard_multicast: Option<Mono>,
    /// It says that it hears our multicast.
    pub(super) hears_multicast: bool,
    /// Multicasts in a row that it acknowledged only when they were repeated by unicast.
    missed: u32,
    /// Until then it is sent to by unicast, whatever it says.
    unicast_until: Mono,
    /// Until then no other member is asked to check it.
    check_at: Mono,
    /// When a datagram for it was given up, if nothing was heard of it since.
    pub(super) lost_at: Option<Mono>,
    /// When it was met again, after a restart.
    pub(super) back_at: Option<Mono>,
    /// When a datagram to it was first not acknowledged in time, if it has not answered anything since.
    pub(in crate::gossip) unanswered_since: Option<Mono>,
    /// Whether we have told it that we hear its multicast, as we told it last.
    pub(super) reported_hearing: Option<bool>,
    /// Its wall clock less ours, and whether it can be trusted.
    pub(super) offset_ms: Option<i64>,
    pub(super) synced: bool,
    /// Whether its last digest was ours.
    pub(in crate::gossip) agreed: Option<bool>,
    /// When it was last sent our digest, and which.
    pub(in crate::gossip) sent_digest: Option<(Mono, u64)>,
    /// When digests last went either way between us.
    pub(in crate::gossip) compared: Mono,
}

impl Peer {
    pub(super) fn new(header: Header, addr: SocketAddr) -> Self {
        Self {
            boot: header.boot,
            window: Window::since(header.counter),
            key_id: header.key_id,
            name: String::new(),
            addr,
            is_there: true,
            heard_unicast: None,
            heard_multicast: None,
            hears_multicast: false,
            missed: 0,
            unicast_until: Mono::ZERO,
            check_at: Mono::ZERO,
            lost_at: None,
            back_at: None,
            unanswered_since: None,
            reported_hearing: None,
            offset_ms: None,
            synced: false,
            agreed: None,
            sent_digest: None,
            compared: Mono::ZERO,
        }
    }

    /// When it was last heard in any way.
    pub(super) fn heard(&self) -> Option<Mono> {
        self.heard_unicast.max(self.heard_multicast)
    }

    /// Notes that it acknowledged a multicast of ours, as it came or when it was repeated by unicast. A member that misses
    /// several in a row is out of our multicast's reach until it has found that out itself.
    pub(in crate::gossip) fn note_ack(&mut self, now: Mono, by_multicast: bool) {
        self.missed = if by_multicast { 0 } else { self.missed.saturating_add(1) };
        if by_multicast {
            self.unicast_until = now;
        } else if self.missed >= MISSED_MAX {
            self.unicast_until = now + MULTICAST_HEARD;
        }
    }

    /// Whether another member may be asked to check it; if so, that counts as done.
    pub(super) fn may_check(&mut self, now: Mono) -> bool {
        let may = now >= self.check_at;
        if may {
            self.check_at = now + CHECK_EVERY;
        }
        may
    }

    /// Whether it is to be retried, because it has missed something. For some minutes: by then it is down, or others can
    /// reach it.
    pub(super) fn is_lost(&mut self, now: Mono) -> bool {
        self.lost_at.take_if(|at| now.since(*at) >= LOST_FOR);
        self.lost_at.is_some()
    }

    /// Whether it was heard after it began not to acknowledge what we send: it can send but not receive.
    pub(in crate::gossip) fn sends_only(&self) -> bool {
        self.unanswered_since.is_some() && self.heard() > self.unanswered_since
    }

    /// Whether it answers, as far as we know. A member that is heard need not receive us.
    fn answers(&self, now: Mono) -> bool {
        self.unanswered_since.is_none_or(|since| now.since(since) < ANSWERS_WITHIN)
    }

    /// Whether it passes news on to the others, as far as we know.
    pub(super) fn passes_on(&self, now: Mono) -> bool {
        let is_back = self.back_at.is_none_or(|at| now.since(at) >= MEETS_WITHIN);
        is_back && self.lost_at.is_none() && self.answers(now)
    }

    /// Whether it must be sent to by unicast.
    pub(super) fn needs_unicast(&self, now: Mono) -> bool {
        !self.hears_multicast || now < self.unicast_until
    }

    /// Whether its multicast reaches us.
    pub(super) fn is_heard_by_multicast(&self, now: Mono) -> bool {
        self.heard_multicast.is_some_and(|at| now.since(at) < MULTICAST_HEARD)
    }
}

/// The members that were met, by node id.
#[derive(Debug, Default)]
pub(super) struct Peers(pub(super) BoxMap<u64, Peer>);

impl Peers {
    /// The node of this boot, if it is believed.
    pub(super) fn node_of(&self, boot: u64) -> Option<u64> {
        self.0.iter().find(|(_, peer)| peer.boot == boot).map(|(node, _)| *node)
    }

    /// Whether a member has proved that it receives there.
    pub(super) fn is_met_at(&self, addr: SocketAddr) -> bool {
        self.0.values().any(|peer| peer.addr == addr)
    }

    /// Whether a member was met at this address, at any port.
    pub(super) fn is_at(&self, ip: IpAddr) -> bool {
        self.0.values().any(|peer| peer.addr.ip() == ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_missed_multicasts_lead_to_two_minutes_of_unicast() {
        let header = Header { key_id: 1, boot: 1, counter: 1 };
        let mut peer = Peer::new(header, ([10, 0, 0, 1], 9094).into());
        peer.hears_multicast = true;
        let at = Mono::from_ms;
        for by_multicast in [false, false, true, false, false] {
            peer.note_ack(at(1_000), by_multicast);
            assert!(!peer.needs_unicast(at(1_000)));
        }
        peer.note_ack(at(1_000), false);
        assert!(peer.needs_unicast(at(120_999)) && !peer.needs_unicast(at(121_000)));
        peer.note_ack(at(2_000), true);
        assert!(!peer.needs_unicast(at(2_000)));
    }

    #[test]
    fn a_lost_member_is_retried_for_three_minutes() {
        let header = Header { key_id: 1, boot: 1, counter: 1 };
        let mut peer = Peer::new(header, ([10, 0, 0, 1], 9094).into());
        peer.lost_at = Some(Mono::from_ms(1_000));
        assert!(peer.is_lost(Mono::from_ms(180_999)) && !peer.is_lost(Mono::from_ms(181_000)));
        assert_eq!(peer.lost_at, None);
    }
}

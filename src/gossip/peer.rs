//! The members we have met: a table by node id of where each was last heard and what it said of itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::seal::{Header, Window};
use crate::time::Mono;

/// A member that is not heard by multicast for so long (three beacons lost) is not within its reach.
const MULTICAST_HEARD: Duration = Duration::from_secs(120);

/// A member that has missed something and is not heard is tried for so long.
const LOST_FOR: Duration = Duration::from_secs(180);
/// A member that has let pass news for so long, and was asked again meanwhile, is taken not to hear us.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);
/// A member that has come back has met all others by then.
const MEETS_WITHIN: Duration = Duration::from_secs(5);
/// A member that misses so many multicasts in a row is sent to by unicast.
const MISSED_MAX: u32 = 3;

/// A member we have met. It has shown that this boot of it is alive: see [`super::join`].
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) boot: u64,
    pub(super) window: Window,
    /// The key it seals with.
    pub(super) key_id: u16,
    pub(super) name: String,
    /// Where its last datagram came from.
    pub(super) addr: SocketAddr,
    /// It was heard there since anything that was said to it went unanswered.
    pub(super) is_there: bool,
    pub(super) heard_unicast: Option<Mono>,
    pub(super) heard_multicast: Option<Mono>,
    /// It says that it hears our multicast.
    pub(super) hears_us: bool,
    /// Multicasts in a row that it acknowledged only when they were repeated by unicast.
    pub(super) missed: u32,
    /// Until then it is sent to by unicast, whatever it says.
    pub(super) deaf_until: Mono,
    /// Until then nobody else is asked to look after it.
    pub(super) check_at: Mono,
    /// When news for it was given up, and nothing was heard of it since.
    pub(super) lost_at: Option<Mono>,
    /// When it was met again, after a restart.
    pub(super) back_at: Option<Mono>,
    /// Since when news is sent to it again without an answer.
    pub(super) unanswered_since: Option<Mono>,
    /// What we said last of hearing its multicast.
    pub(super) told_ear: Option<bool>,
    /// Its wall clock less ours, and whether it can be trusted.
    pub(super) offset_ms: Option<i64>,
    pub(super) synced: bool,
    /// Whether its last digest was ours.
    pub(super) agreed: Option<bool>,
    /// When it was last sent our digest, and which.
    pub(super) told_digest: Option<(Mono, u64)>,
    /// When digests last went either way between us.
    pub(super) compared: Mono,
}

impl Peer {
    pub(super) fn new(header: Header, addr: SocketAddr) -> Self {
        Self {
            boot: header.boot,
            window: Window::default(),
            key_id: header.key_id,
            name: String::new(),
            addr,
            is_there: true,
            heard_unicast: None,
            heard_multicast: None,
            hears_us: false,
            missed: 0,
            deaf_until: Mono::ZERO,
            check_at: Mono::ZERO,
            lost_at: None,
            back_at: None,
            unanswered_since: None,
            told_ear: None,
            offset_ms: None,
            synced: false,
            agreed: None,
            told_digest: None,
            compared: Mono::ZERO,
        }
    }

    /// When it was last heard in any way.
    pub(super) fn heard(&self) -> Option<Mono> {
        self.heard_unicast.max(self.heard_multicast)
    }

    /// Notes whether it has heard a multicast of ours. Who misses several, and says so by acknowledging them as soon as they
    /// come by unicast, is out of our multicast's reach until it has found that out itself.
    pub(super) fn hear_ack(&mut self, now: Mono, by_multicast: bool) {
        self.missed = if by_multicast { 0 } else { self.missed.saturating_add(1) };
        if by_multicast {
            self.deaf_until = now;
        } else if self.missed >= MISSED_MAX {
            self.deaf_until = now + MULTICAST_HEARD;
        }
    }

    /// Whether it is to be tried again and again, because it has missed something. For some minutes: by then it is down, or
    /// can be heard by others.
    pub(super) fn is_lost(&mut self, now: Mono) -> bool {
        self.lost_at.take_if(|at| now.since(*at) >= LOST_FOR);
        self.lost_at.is_some()
    }

    /// Whether it was heard since news is sent to it again without an answer.
    pub(super) fn speaks_past_us(&self) -> bool {
        self.unanswered_since.is_some() && self.heard() > self.unanswered_since
    }

    /// Whether it answers, as far as we know: who is heard need not hear us.
    pub(super) fn answers(&self, now: Mono) -> bool {
        self.unanswered_since.is_none_or(|since| now.since(since) < ANSWERS_WITHIN)
    }

    /// Whether it hands on news to the others, as far as we know.
    pub(super) fn hands_on(&self, now: Mono) -> bool {
        let is_back = self.back_at.is_none_or(|at| now.since(at) >= MEETS_WITHIN);
        is_back && self.lost_at.is_none() && self.answers(now)
    }

    /// Whether it must be sent to by unicast.
    pub(super) fn is_deaf(&self, now: Mono) -> bool {
        !self.hears_us || now < self.deaf_until
    }

    /// Whether its multicast reaches us.
    pub(super) fn ear(&self, now: Mono) -> bool {
        self.heard_multicast.is_some_and(|at| now.since(at) < MULTICAST_HEARD)
    }
}

/// The members we have met, by node id.
#[derive(Debug, Default)]
pub(super) struct Peers(pub(super) BTreeMap<u64, Peer>);

impl Peers {
    /// The node of this boot, if it is believed.
    pub(super) fn node_of(&self, boot: u64) -> Option<u64> {
        self.0.iter().find(|(_, peer)| peer.boot == boot).map(|(node, _)| *node)
    }

    /// Whether a member was last heard from there.
    pub(super) fn is_at(&self, ip: IpAddr) -> bool {
        self.0.values().any(|peer| peer.addr.ip() == ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_misses_three_multicasts_in_a_row_is_sent_to_by_unicast_for_two_minutes() {
        let header = Header { key_id: 1, boot: 1, counter: 1 };
        let mut peer = Peer::new(header, ([10, 0, 0, 1], 9094).into());
        peer.hears_us = true;
        let at = Mono::from_ms;
        for by_multicast in [false, false, true, false, false] {
            peer.hear_ack(at(1_000), by_multicast);
            assert!(!peer.is_deaf(at(1_000)));
        }
        peer.hear_ack(at(1_000), false);
        assert!(peer.is_deaf(at(120_999)) && !peer.is_deaf(at(121_000)));
        peer.hear_ack(at(2_000), true);
        assert!(!peer.is_deaf(at(2_000)));
    }

    #[test]
    fn who_was_given_up_is_tried_until_it_is_heard_and_for_three_minutes_at_most() {
        let header = Header { key_id: 1, boot: 1, counter: 1 };
        let mut peer = Peer::new(header, ([10, 0, 0, 1], 9094).into());
        peer.lost_at = Some(Mono::from_ms(1_000));
        assert!(peer.is_lost(Mono::from_ms(180_999)) && !peer.is_lost(Mono::from_ms(181_000)));
        assert_eq!(peer.lost_at, None);
    }
}

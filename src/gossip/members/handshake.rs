//! The proof that a boot of a node is alive now, and receives at an address.
//!
//! A boot of a node is believed once it has echoed our nonce. The nonce changes every minute, so no recording can answer
//! for it: datagrams of an unknown boot are dropped, whoever sealed them, until it has echoed. So a recording of
//! yesterday's datagrams changes nothing, not even on a node that was installed today.
//!
//! Each address is sent a nonce of its own, and an echo counts if it comes from there. So a datagram with a source that was
//! made up proves nothing, and a member that is heard from another address than before is sent to at the old one until the
//! new one has echoed. An address that has not echoed is sent no more bytes than came from it: hellos are padded so that they
//! can be answered, and whatever is no hello is answered by a challenge, which is shorter than almost any datagram. An address
//! that a member has reported may be sent the bytes of the reports too: see [`super::candidates`].
//!
//! All that a boot has said before its echo counts as received, for it may have been recorded before our restart. So a member
//! that believes another answers by its hello first, and then says what the other is to know.
//!
//! ```text
//! a                                     b
//! | hello nonce=A                    -> |       to a candidate address
//! | <-          hello nonce=B echo=A    |       a believes b
//! | hello nonce=A echo=B believes    -> |       b believes a
//! ```
//!
//! After a hello by multicast, whose nonce no address can echo, `b` answers as to any hello, and `a` then begins.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::Rng;
use ring::hmac;

use crate::gossip::limiter::Bucket;
use crate::limits::{CHALLENGES_BURST, CHALLENGES_PER_SECOND, MEMBERS_MAX};
use crate::time::Mono;

/// A nonce is handed out for so long, and its echo accepted for as long again.
const NONCE_FOR: Duration = Duration::from_secs(60);

/// The secrets of the nonces of now and of those before, and how many challenges may be sent.
pub(super) struct Handshake {
    secret: Secret,
    secret_before: Secret,
    since: Mono,
    challenges: Bucket,
    /// Boots that were replaced or have left, and when: their echoes may have been recorded.
    over: Vec<(Mono, u64)>,
}

impl Handshake {
    pub(super) fn new(now: Mono, rng: &mut dyn Rng) -> Self {
        Self {
            secret: secret(rng),
            secret_before: secret(rng),
            since: now,
            challenges: Bucket::new(CHALLENGES_PER_SECOND, CHALLENGES_BURST),
            over: Vec::new(),
        }
    }

    /// No echo of this boot proves anything any more, for as long as one of before may be accepted.
    pub(super) fn end(&mut self, now: Mono, boot: u64) {
        self.over.retain(|(at, _)| now.since(*at) < NONCE_FOR * 2);
        if self.over.len() >= MEMBERS_MAX {
            self.over.remove(0);
        }
        self.over.push((now, boot));
    }

    /// Whether that was said of a boot.
    pub(super) fn is_over(&self, now: Mono, boot: u64) -> bool {
        self.over.iter().any(|(at, it)| *it == boot && now.since(*at) < NONCE_FOR * 2)
    }

    /// The number that a node at this address must echo.
    pub(super) fn nonce(&self, to: SocketAddr) -> u64 {
        nonce(&self.secret, to)
    }

    /// Whether this echo proves that its sender is alive now and receives at this address.
    pub(super) fn proves(&self, echo: Option<u64>, from: SocketAddr) -> bool {
        let nonces = || [&self.secret, &self.secret_before].map(|secret| nonce(secret, from));
        echo.is_some_and(|echo| nonces().contains(&echo))
    }

    /// Whether another hello or challenge may be sent to an address that has not proved that it receives; if so, it counts as
    /// sent.
    pub(super) fn may_challenge(&mut self, now: Mono) -> bool {
        let may = self.challenges.ready(now);
        if may {
            self.challenges.spend(1);
        }
        may
    }

    /// Takes other nonces if ours are old.
    pub(super) fn rotate(&mut self, now: Mono, rng: &mut dyn Rng) {
        let age = now.since(self.since);
        if age >= NONCE_FOR {
            self.secret_before = if age >= NONCE_FOR * 2 { secret(rng) } else { self.secret };
            self.secret = secret(rng);
            self.since = now;
        }
    }
}

/// A key by which nonces follow from addresses.
type Secret = [u8; 32];

fn secret(rng: &mut dyn Rng) -> Secret {
    let mut secret = Secret::default();
    rng.fill_bytes(&mut secret);
    secret
}

fn nonce(secret: &Secret, addr: SocketAddr) -> u64 {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    match addr.ip() {
        IpAddr::V4(ip) => context.update(&ip.octets()),
        IpAddr::V6(ip) => context.update(&ip.octets()),
    }
    context.update(&addr.port().to_be_bytes());
    let tag = context.sign();
    tag.as_ref().iter().take(8).fold(0, |nonce, byte| nonce << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn an_echo_proves_an_address_for_one_to_two_minutes() {
        let rng = &mut StdRng::seed_from_u64(1);
        let at = |seconds: u64| Mono::from_ms(1000 * seconds);
        let mut handshake = Handshake::new(at(0), rng);
        let here: SocketAddr = ([10, 0, 0, 1], 9094).into();
        let nonce = Some(handshake.nonce(here));
        for other in ["10.0.0.1:9095", "10.0.0.2:9094", "[::1]:9094"] {
            assert!(!handshake.proves(nonce, other.parse().unwrap()), "{other}");
        }
        assert!(!handshake.proves(None, here));
        handshake.rotate(at(60), rng);
        assert!(handshake.proves(nonce, here));
        handshake.rotate(at(120), rng);
        assert!(!handshake.proves(nonce, here));
    }
}

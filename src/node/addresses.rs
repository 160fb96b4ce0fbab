//! The addresses of members, stored on flash, so that a node that comes back finds its flock by itself. It may have no
//! static peer, as the first node of Alertmanager's tutorial, and until others search for it, it would take itself to be
//! alone.

use std::net::SocketAddr;

use crate::effect::{Cx, Effect};
use crate::limits::MET_MAX;
use crate::node::Node;
use crate::node::kinds::identity;

impl Node {
    /// Stores the addresses of members if a new one has come.
    pub(super) fn note_met(&mut self, cx: &mut Cx<'_>) {
        let (Some(gossip), Some(id)) = (&self.gossip, self.identity) else { return };
        // A member that was not met has no address yet.
        let living = gossip.living_addrs();
        if living.len() == self.met_living {
            return;
        }
        self.met_living = living.len();
        self.note_met_members(cx);
        if let Some(met) = merged(&self.met, &living) {
            self.met = met;
            cx.effects.push(Effect::Persist(vec![identity(id, &self.met)]));
        }
    }
}

/// The addresses to store instead of `kept`, if there is a new one: those of living members, then the others.
fn merged(kept: &[SocketAddr], living: &[SocketAddr]) -> Option<Vec<SocketAddr>> {
    let (stay, gone): (Vec<_>, Vec<_>) = kept.iter().partition(|addr| living.contains(addr));
    let new = living.iter().copied().filter(|addr| !kept.contains(addr));
    let mut met: Vec<SocketAddr> = stay.into_iter().chain(new).chain(gone).collect();
    met.truncate(MET_MAX);
    met.iter().any(|addr| !kept.contains(addr)).then_some(met)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(ports: &[u16]) -> Vec<SocketAddr> {
        ports.iter().map(|port| ([10, 0, 0, 1], *port).into()).collect()
    }

    #[test]
    fn only_an_address_that_is_new_is_worth_a_write() {
        let kept = addresses(&[1, 2, 3]);
        for (living, expected) in [
            (&[][..], None),
            (&[3, 2], None),
            (&[3, 4], Some(&[3, 4, 1, 2][..])),
            (&[4, 5, 6, 7, 8, 9, 10, 11], Some(&[4, 5, 6, 7, 8, 9, 10, 11])),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9], Some(&[1, 2, 3, 4, 5, 6, 7, 8])),
        ] {
            assert_eq!(merged(&kept, &addresses(living)), expected.map(addresses), "{living:?}");
        }
        let full = addresses(&[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(merged(&full, &addresses(&[9, 1, 2, 3, 4, 5, 6, 7, 8])), None);
    }
}

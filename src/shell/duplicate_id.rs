//! Another node with our id: one whose flash was copied from ours, or both from one image that had been started. Neither
//! ever hears the other, and both notify, so it is said where somebody looks. `gossip/members/hello` tells the two apart.

use std::net::SocketAddr;

use log::warn;

use crate::gossip::Gossip;
use crate::limits::WARN_INTERVAL;
use crate::time::Mono;

/// Notices it by what the flock has counted.
#[derive(Debug, Default)]
pub(super) struct DuplicateIds {
    conflicts: u64,
    warned: Option<Mono>,
}

impl DuplicateIds {
    /// Takes note of a datagram that the flock has heard `from` somebody. Says whether that is a node with our id, and
    /// warns of it.
    pub(super) fn heard(
        &mut self,
        flock: &Gossip,
        from: SocketAddr,
        path: &str,
        now: Mono,
    ) -> bool {
        let Some(warns) = self.note(flock.stats().id_conflicts, now) else { return false };
        if warns {
            warn!(
                "another node, at {from}, has our id {:016x}: its flash was copied from ours, or both from one. Neither \
                 hears the other, and both notify. Stop one of them, empty its --storage.path (here {path}) and start it",
                flock.node()
            );
        }
        true
    }

    /// Whether there are more conflicts than before, and if so, whether to warn.
    fn note(&mut self, conflicts: u64, now: Mono) -> Option<bool> {
        if conflicts <= std::mem::replace(&mut self.conflicts, conflicts) {
            return None;
        }
        let warns = self.warned.is_none_or(|at| now.since(at) >= WARN_INTERVAL);
        if warns {
            self.warned = Some(now);
        }
        Some(warns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duplicate_is_noticed_and_warned_of_now_and_then() {
        let mut duplicates = DuplicateIds::default();
        let start = Mono::from_ms(5);
        assert_eq!(duplicates.note(0, start), None);
        assert_eq!(duplicates.note(1, start), Some(true));
        assert_eq!(duplicates.note(1, start + WARN_INTERVAL), None);
        assert_eq!(duplicates.note(2, start + WARN_INTERVAL / 2), Some(false));
        assert_eq!(duplicates.note(3, start + WARN_INTERVAL), Some(true));
    }
}

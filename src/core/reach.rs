//! Which receivers this node has just not reached: while others can, it leaves them their turns without trying.
//!
//! Else each group would wait for one more attempt that takes its time to fail, and many groups for each other. After a
//! while one attempt is made to see whether the way is back.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::model::LogKey;
use crate::time::Mono;

/// From a failure to the next attempt that is made to see.
const DOUBT: Duration = Duration::from_secs(30);

/// Receiver, integration and place.
pub(super) type Key = (Rc<str>, Rc<str>, u32);

/// When each integration that was not reached is tried again; no more than are configured.
#[derive(Debug, Default)]
pub struct Reach(BTreeMap<Key, Mono>);

impl Reach {
    /// Nobody answered there.
    pub fn lost(&mut self, log: &LogKey, now: Mono) {
        self.0.insert(key(log), now + DOUBT);
    }

    /// Somebody answered there.
    pub fn found(&mut self, log: &LogKey) {
        self.0.remove(&key(log));
    }

    /// Whether to leave an attempt to others; when a while has passed, the one that asks first is to try.
    pub fn doubts(&mut self, log: &LogKey, now: Mono) -> bool {
        let Some(until) = self.0.get_mut(&key(log)) else { return false };
        if now < *until {
            return true;
        }
        *until = now + DOUBT;
        false
    }

    /// Forgets everything: the receivers may be others.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Which integration a log entry is of.
pub(super) fn key(log: &LogKey) -> Key {
    (Rc::clone(&log.receiver), Rc::clone(&log.integration), log.index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GroupKey;

    fn log(group: &str) -> LogKey {
        LogKey {
            group: GroupKey::from_stored(group),
            receiver: "r".into(),
            integration: "webhook".into(),
            index: 0,
        }
    }

    #[test]
    fn what_was_not_reached_is_tried_once_a_while_until_somebody_answers() {
        let mut reach = Reach::default();
        let at = Mono::from_ms;
        assert!(!reach.doubts(&log("a"), at(0)));
        reach.lost(&log("a"), at(0));
        assert!(reach.doubts(&log("b"), at(29_999)), "of every group");
        assert!(!reach.doubts(&log("b"), at(30_000)));
        assert!(reach.doubts(&log("a"), at(30_000)), "one tries for all");
        reach.found(&log("b"));
        assert!(!reach.doubts(&log("a"), at(30_001)));
    }
}

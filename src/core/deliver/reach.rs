//! Which receivers this node reaches: while others can, it leaves those that it has just not reached to them without
//! trying.
//!
//! Otherwise each group would wait for an attempt that takes long to fail, and many groups would wait for each other. After a
//! while one attempt is made to see whether the way is back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::box_map::BoxMap;
use crate::core::which::Which;
use crate::effect::AttemptId;
use crate::model::LogKey;
use crate::time::Mono;

/// How long what was seen is believed, and from a failure to the next attempt that is made to see.
const DOUBT: Duration = Duration::from_secs(30);

/// Receiver, integration and place.
pub type IntegrationKey = (Arc<str>, Arc<str>, u32);

/// The state of one integration.
#[derive(Debug)]
enum Way {
    /// This look is under way, and these deliveries wait for what comes of it.
    Looking(AttemptId, BTreeSet<Which>),
    /// Somebody answered there; believed until then.
    Reached(Mono),
    /// Nobody answered there.
    Lost {
        /// When that was seen last.
        since: Mono,
        /// When it is tried again.
        until: Mono,
    },
}

/// The advice on an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum Advice {
    /// Make it.
    Try,
    /// Make it, to see whether the way is back; others leave it meanwhile.
    Probe,
    /// Leave it to others.
    Leave,
    /// A look will tell.
    Wait,
}

/// The state of each integration; no more than are configured.
#[derive(Debug, Default)]
pub struct Reach(BoxMap<IntegrationKey, Way>);

impl Reach {
    /// Takes what an attempt or a look has shown. Returns the deliveries that have waited for a look.
    pub(in crate::core) fn learn(
        &mut self,
        key: &IntegrationKey,
        reached: bool,
        now: Mono,
    ) -> BTreeSet<Which> {
        let until = now + DOUBT;
        let way = if reached { Way::Reached(until) } else { Way::Lost { since: now, until } };
        match self.0.insert(key.clone(), way) {
            Some(Way::Looking(_, waiting)) => waiting,
            _ => BTreeSet::new(),
        }
    }

    /// The advice on an attempt; when a while has passed since a failure, the one that asks first is to probe.
    pub(in crate::core) fn advice(&self, key: &IntegrationKey, now: Mono) -> Advice {
        match self.0.get(key) {
            Some(Way::Looking(..)) => Advice::Wait,
            Some(Way::Lost { until, .. }) if now < *until => Advice::Leave,
            Some(Way::Lost { .. }) => Advice::Probe,
            Some(Way::Reached(_)) | None => Advice::Try,
        }
    }

    /// An attempt is made to see whether the way is back.
    pub(in crate::core) fn probe(&mut self, key: &IntegrationKey, now: Mono) {
        if let Some(Way::Lost { until, .. }) = self.0.get_mut(key) {
            *until = now + DOUBT;
        }
    }

    /// Has a delivery wait for the look that is under way.
    pub(in crate::core) fn wait(&mut self, key: &IntegrationKey, which: Which) {
        if let Some(Way::Looking(_, waiting)) = self.0.get_mut(key) {
            waiting.insert(which);
        }
    }

    /// Whether nothing is known of it, and no look is under way.
    pub(in crate::core) fn is_unknown(&self, key: &IntegrationKey, now: Mono) -> bool {
        match self.0.get(key) {
            Some(Way::Looking(..)) => false,
            Some(Way::Reached(until) | Way::Lost { until, .. }) => now >= *until,
            None => true,
        }
    }

    /// Whether it was lost after the moment when an attempt was advised.
    pub(in crate::core) fn lost_after(&self, key: &IntegrationKey, advised: Mono) -> bool {
        matches!(self.0.get(key), Some(Way::Lost { since, .. }) if *since > advised)
    }

    /// A look has begun.
    pub(in crate::core) fn looks(&mut self, key: IntegrationKey, look: AttemptId) {
        self.0.insert(key, Way::Looking(look, BTreeSet::new()));
    }

    /// Whether this look is under way: no attempt has told sooner, and no other config was taken since.
    pub(in crate::core) fn is_looking(&self, key: &IntegrationKey, look: AttemptId) -> bool {
        matches!(self.0.get(key), Some(Way::Looking(it, _)) if *it == look)
    }

    /// Forgets everything: the receivers may be others.
    pub(in crate::core) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Which integration a log entry is of.
pub(in crate::core) fn key(log: &LogKey) -> IntegrationKey {
    (Arc::clone(&log.receiver), Arc::clone(&log.integration), log.index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::which::GroupId;

    const A: Which = (GroupId(0), 0);
    const B: Which = (GroupId(1), 0);

    fn hook() -> IntegrationKey {
        ("r".into(), "webhook".into(), 0)
    }

    #[test]
    fn an_unreached_receiver_is_probed_once_a_while_until_it_answers() {
        let mut reach = Reach::default();
        let at = Mono::from_ms;
        let advice = |reach: &Reach, ms| reach.advice(&hook(), at(ms));
        assert_eq!(advice(&reach, 0), Advice::Try);
        reach.learn(&hook(), false, at(0));
        assert_eq!(advice(&reach, 29_999), Advice::Leave);
        assert_eq!(advice(&reach, 30_000), Advice::Probe);
        reach.probe(&hook(), at(30_000));
        assert_eq!(advice(&reach, 30_000), Advice::Leave, "one probes for all");
        assert!(!reach.lost_after(&hook(), at(30_000)) && !reach.lost_after(&hook(), at(0)));
        reach.learn(&hook(), false, at(30_001));
        assert!(reach.lost_after(&hook(), at(30_000)));
        reach.learn(&hook(), true, at(30_001));
        assert_eq!(advice(&reach, 30_001), Advice::Try);
    }

    #[test]
    fn the_outcome_of_a_look_is_known_for_a_while() {
        let mut reach = Reach::default();
        let at = Mono::from_ms;
        assert!(reach.is_unknown(&hook(), at(0)));
        for reached in [true, false] {
            reach.learn(&hook(), reached, at(0));
            assert!(
                !reach.is_unknown(&hook(), at(29_999)) && reach.is_unknown(&hook(), at(30_000))
            );
        }
    }

    #[test]
    fn deliveries_wait_for_a_look_until_that_or_an_attempt_tells() {
        let mut reach = Reach::default();
        let (at, look) = (Mono::from_ms, AttemptId(3));
        reach.looks(hook(), look);
        assert!(reach.is_looking(&hook(), look) && !reach.is_unknown(&hook(), at(0)));
        assert_eq!(reach.advice(&hook(), at(0)), Advice::Wait);
        for which in [A, B, A] {
            reach.wait(&hook(), which);
        }
        assert_eq!(reach.learn(&hook(), true, at(1)), [A, B].into());
        assert!(!reach.is_looking(&hook(), look));
        assert_eq!(reach.learn(&hook(), false, at(2)), [].into());
    }
}

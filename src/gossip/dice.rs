//! Random choices.

use std::time::Duration;

use rand::Rng;

/// A random time below this one.
pub(super) fn jitter(rng: &mut dyn Rng, below: Duration) -> Duration {
    let below = u64::try_from(below.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(rng.next_u64() % below)
}

/// One of these, at random.
pub(super) fn choose<T: Copy>(rng: &mut dyn Rng, items: &[T]) -> Option<T> {
    let at = rng.next_u64() % (items.len() as u64).max(1);
    items.get(usize::try_from(at).unwrap_or(0)).copied()
}

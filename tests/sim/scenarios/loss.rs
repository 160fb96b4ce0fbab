//! One notification, whatever the network loses.

use crate::table;

/// Groups of a world, and worlds of each kind; an unoptimised simulator takes its time.
const GROUPS: usize = if cfg!(debug_assertions) { 30 } else { 200 };
const WORLDS: u64 = if cfg!(debug_assertions) { 1 } else { 2 };

/// The table of tests/README.md has 0 to 17 duplicates of 10,000 groups where 30 % is lost.
pub(crate) fn a_flock_tells_each_group_once_though_much_is_lost() {
    let mut wrong = Vec::new();
    for (loss, slow, twice_max) in [
        (0.0, false, 0),
        (0.1, false, 0),
        (0.3, false, 1),
        (0.0, true, 0),
        (0.1, true, 0),
        (0.3, true, 3),
    ] {
        let (mut twice, mut never) = (0, 0);
        for seed in 0..WORLDS {
            let counts = table::under_loss(loss, slow, GROUPS, seed);
            (twice, never) = (twice + counts.0, never + counts.1);
        }
        if never > 0 || twice > twice_max {
            wrong.push(format!("{twice} told twice, {never} never: loss {loss}, slow {slow}"));
        }
    }
    assert!(wrong.is_empty(), "of {} groups {wrong:?}", GROUPS as u64 * WORLDS);
}

//! Work in as many threads as there are processors. All work on one thing stays in one thread, so a world knows
//! nothing of the others.

use std::sync::Mutex;
use std::thread;

use crate::trace::{self, Lines};

/// Does something with each of these; what came of it, in the same order. In this thread alone while lines are printed,
/// which would mix.
pub(crate) fn each<I: Send, T: Send>(
    things: impl IntoIterator<Item = I, IntoIter: Send>,
    work: impl Fn(I) -> T + Sync,
) -> Vec<T> {
    let things = things.into_iter();
    if trace::lines() > Lines::None {
        return things.map(work).collect();
    }
    let workers = thread::available_parallelism().map_or(1, Into::into);
    let (left, done) = (Mutex::new(things.enumerate()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let Some((place, thing)) = left.lock().unwrap().next() else { break };
                    let result = work(thing);
                    done.lock().unwrap().push((place, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

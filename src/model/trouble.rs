//! Troubles: each is said once when it begins, ever more rarely while it lasts, and once when it ends.
//!
//! One that comes back soon after its end is the same one: what comes and goes all day does not fill a log. Each is kept
//! under a key, of which there are as many as there are things that can go wrong in one way.

use std::time::Duration;

use crate::box_map::BoxMap;
use crate::model::brief;
use crate::model::duration::Spelled;
use crate::time::{Mono, Now, Wall};

/// From the beginning to the first repetition; each pause is twice as long as the one before.
const PAUSE_FIRST: Duration = Duration::from_secs(10 * 60);
const PAUSE_MAX: Duration = Duration::from_secs(24 * 3600);
/// One that comes back within this time after its end goes on.
const SAME_WITHIN: Duration = Duration::from_secs(10 * 60);
/// Bytes of what went wrong that are kept.
const WHY_BYTES_MAX: usize = 256;

/// Something that goes wrong for some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// When it began, or that the agent started.
    pub since: Mono,
    /// The same by the wall clock, also if that was before the start.
    pub since_wall: Wall,
    /// How long it had lasted before the start.
    before: Duration,
    /// When it was last seen.
    pub last: Mono,
    /// How often it was seen.
    pub times: u64,
    /// The last error.
    pub why: String,
    ended: Option<Mono>,
    say_at: Mono,
    pause: Duration,
    /// Whether its end is to be said, because something was said since the one before.
    said: bool,
}

impl Trouble {
    /// How long it has lasted, also before the start.
    pub fn lasted(&self, now: Mono) -> Duration {
        self.before + now.since(self.since)
    }

    /// How long it had lasted before the start.
    pub const fn before(&self) -> Duration {
        self.before
    }

    /// For how long it has lasted, for people: `28m`.
    pub fn age(&self, now: Mono) -> Spelled {
        Spelled(Duration::from_secs(self.lasted(now).as_secs()))
    }
}

/// The message that a trouble calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It has begun.
    Begins,
    /// It lasts.
    Lasts,
}

/// The troubles of one kind.
#[derive(Clone, Debug)]
pub struct Troubles<K>(BoxMap<K, Trouble>);

impl<K> Default for Troubles<K> {
    fn default() -> Self {
        Self(BoxMap::new())
    }
}

impl<K: Clone + Ord> Troubles<K> {
    /// Takes note that something goes wrong. Returns what is to be said of it, if anything is.
    pub fn strike(&mut self, key: &K, why: &str, now: Now) -> Option<(Word, &Trouble)> {
        let why = brief::cut(why, WHY_BYTES_MAX);
        let Now { mono, wall } = now;
        let over =
            |trouble: &Trouble| trouble.ended.is_some_and(|at| mono.since(at) >= SAME_WITHIN);
        let trouble = self.0.get_or_insert_with(key.clone(), || Trouble::new(now));
        if over(trouble) {
            *trouble = Trouble::new(now);
        } else if trouble.ended.take().is_some() {
            (trouble.since, trouble.since_wall, trouble.before) = (mono, wall, Duration::ZERO);
        }
        trouble.last = mono;
        trouble.times += 1;
        why.clone_into(&mut trouble.why);
        let word = if trouble.times == 1 { Word::Begins } else { Word::Lasts };
        if mono < trouble.say_at {
            return None;
        }
        trouble.say_at = mono + trouble.pause;
        trouble.pause = (trouble.pause * 2).min(PAUSE_MAX);
        trouble.said = true;
        Some((word, trouble))
    }

    /// Goes on with something that had gone wrong for so long before the start.
    pub fn resume(&mut self, key: &K, why: &str, before: Duration, now: Now) {
        let why = brief::cut(why, WHY_BYTES_MAX).to_owned();
        let since_wall = now.wall - before;
        let known = Trouble { since_wall, before, times: 1, why, said: true, ..Trouble::new(now) };
        self.0.get_or_insert_with(key.clone(), || known);
    }

    /// Takes note that it is over. Returns the trouble if that is to be said.
    pub fn end(&mut self, key: &K, now: Mono) -> Option<&Trouble> {
        let trouble = self.0.get_mut(key).filter(|it| it.ended.is_none())?;
        trouble.ended = Some(now);
        std::mem::take(&mut trouble.said).then_some(trouble)
    }

    /// The trouble of this key, if it lasts.
    pub fn get(&self, key: &K) -> Option<&Trouble> {
        self.0.get(key).filter(|trouble| trouble.ended.is_none())
    }

    /// Whether there is one of this key, or there was lately.
    pub fn knows(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// Those that last, in the order of keys.
    pub fn lasting(&self) -> impl Iterator<Item = (&K, &Trouble)> {
        self.0.iter().filter(|(_, trouble)| trouble.ended.is_none())
    }

    /// Forgets those that ended so long ago that they would not go on.
    pub fn sweep(&mut self, now: Mono) {
        self.0.retain(|_, it| it.ended.is_none_or(|at| now.since(at) < SAME_WITHIN));
    }

    /// Forgets all but those of these keys.
    pub fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.0.retain(|key, _| keep(key));
    }

    /// How many there are, those that ended lately too.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Trouble {
    const fn new(now: Now) -> Self {
        Self {
            since: now.mono,
            since_wall: now.wall,
            before: Duration::ZERO,
            last: now.mono,
            times: 0,
            why: String::new(),
            ended: None,
            say_at: now.mono,
            pause: PAUSE_FIRST,
            said: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Now {
        Now { mono: Mono::from_ms(secs * 1000), wall: Wall::EPOCH }
    }

    /// Strikes each second of `secs`; when something was said.
    fn struck(troubles: &mut Troubles<u8>, secs: std::ops::Range<u64>) -> Vec<(u64, Word)> {
        let mut said = Vec::new();
        for second in secs {
            said.extend(troubles.strike(&1, "x", at(second)).map(|(word, _)| (second, word)));
        }
        said
    }

    #[test]
    fn a_trouble_is_said_at_once_rarely_while_it_lasts_and_once_at_its_end() {
        let mut troubles = Troubles::default();
        let day = 24 * 3600;
        let said = struck(&mut troubles, 0..day);
        let expected = [0, 600, 1800, 4200, 9000, 18_600, 37_800, 76_200];
        assert_eq!(said.iter().map(|it| it.0).collect::<Vec<_>>(), expected);
        assert_eq!(said[0].1, Word::Begins);
        assert!(said[1..].iter().all(|it| it.1 == Word::Lasts));
        let week = struck(&mut troubles, day..8 * day).len();
        assert!((6..=8).contains(&week), "then once a day: {week}");
        assert_eq!(troubles.lasting().count(), 1);
        let over = troubles.end(&1, at(8 * day).mono).unwrap();
        assert_eq!(
            (over.times, over.age(at(8 * day).mono).to_string()),
            (8 * day, "8d".to_owned())
        );
        assert_eq!(troubles.end(&1, at(8 * day).mono), None);
        assert_eq!(troubles.lasting().count(), 0);
    }

    #[test]
    fn a_fault_that_comes_and_goes_is_one_trouble() {
        let mut troubles = Troubles::default();
        let (mut begun, mut ended) = (0, 0);
        for minute in 0..24 * 60 {
            begun += usize::from(troubles.strike(&1, "x", at(minute * 60)).is_some());
            ended += usize::from(troubles.end(&1, at(minute * 60 + 30).mono).is_some());
        }
        assert_eq!((begun, ended), (8, 8), "each word has its end");
        let later = struck(&mut troubles, 200_000..200_001);
        assert_eq!(later, [(200_000, Word::Begins)], "long after its end it is another");
        troubles.end(&1, at(200_001).mono);
        troubles.sweep(at(200_600).mono);
        assert_eq!(troubles.len(), 1);
        troubles.sweep(at(200_601).mono);
        assert!(troubles.is_empty());
    }
}

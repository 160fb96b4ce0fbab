//! Strings that many things share: one copy of each, freed with its last holder.

use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use crate::model::Labels;
use crate::model::hash::quick;

/// The bytes that a shared string costs beyond its text, at most.
pub const INTERNED_COST: usize = 112;

/// A string that is cheap to clone.
#[derive(Clone)]
pub struct Interned(Rc<Inner>);

struct Inner {
    text: Box<str>,
    /// Where equal strings find it.
    pool: Option<Rc<Strings>>,
}

impl Deref for Interned {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.text
    }
}

impl From<&str> for Interned {
    fn from(text: &str) -> Self {
        Self(Rc::new(Inner { text: text.into(), pool: None }))
    }
}

impl PartialEq for Interned {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl Eq for Interned {}

impl Ord for Interned {
    fn cmp(&self, other: &Self) -> Ordering {
        if Rc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        (**self).cmp(&**other)
    }
}

impl PartialOrd for Interned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Borrow<str> for Interned {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Debug for Interned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Drop for Interned {
    fn drop(&mut self) {
        // The pool's own and this one: nobody else is left.
        if let Some(pool) = &self.0.pool
            && Rc::strong_count(&self.0) == 2
        {
            pool.forget(self);
        }
    }
}

/// The strings that are held, each once.
#[derive(Debug, Default)]
pub struct Pool(Rc<Strings>);

#[derive(Default)]
struct Strings {
    /// By a hash, for the texts lie all over the memory.
    by_hash: RefCell<BTreeMap<u32, Rc<Inner>>>,
    /// Those whose place there another text had when they came.
    others: RefCell<BTreeSet<Interned>>,
    bytes: Cell<usize>,
}

impl fmt::Debug for Strings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Strings").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Strings {
    fn get(&self, hash: u32, text: &str) -> Option<Rc<Inner>> {
        if let Some(known) = self.by_hash.borrow().get(&hash)
            && *known.text == *text
        {
            return Some(Rc::clone(known));
        }
        self.others.borrow().get(text).map(|it| Rc::clone(&it.0))
    }

    fn insert(&self, hash: u32, new: &Rc<Inner>) {
        self.bytes.set(self.bytes.get() + new.text.len() + INTERNED_COST);
        match self.by_hash.borrow_mut().entry(hash) {
            Entry::Vacant(place) => {
                place.insert(Rc::clone(new));
            }
            Entry::Occupied(_) => {
                self.others.borrow_mut().insert(Interned(Rc::clone(new)));
            }
        }
    }

    fn forget(&self, text: &str) {
        let hash = quick(text);
        let is_in_place = self.by_hash.borrow().get(&hash).is_some_and(|it| *it.text == *text);
        let was_held = if is_in_place {
            self.by_hash.borrow_mut().remove(&hash).is_some()
        } else {
            // This one asks to be forgotten, too, when it is dropped: nothing may be borrowed then.
            let other = self.others.borrow_mut().take(text);
            other.is_some()
        };
        if was_held {
            self.bytes.set(self.bytes.get() - text.len() - INTERNED_COST);
        }
    }
}

impl Pool {
    /// The one shared copy of `text`.
    pub fn intern(&mut self, text: &str) -> Interned {
        let hash = quick(text);
        if let Some(known) = self.0.get(hash, text) {
            return Interned(known);
        }
        let new = Rc::new(Inner { text: text.into(), pool: Some(Rc::clone(&self.0)) });
        self.0.insert(hash, &new);
        Interned(new)
    }

    /// A label set of shared strings; the pairs come sorted by name.
    pub fn labels<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Labels {
        self.labels_like(None, pairs)
    }

    /// The same; where a string stands in the same place of `like`, of whose strings this is the pool, it need not be looked for.
    pub fn labels_like<'a>(
        &mut self,
        like: Option<&Labels>,
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Labels {
        let mut like = like.map_or(&[][..], Labels::pairs).iter();
        let mut share = |known: Option<&Interned>, text: &str| match known {
            Some(known) if **known == *text => known.clone(),
            _ => self.intern(text),
        };
        let pairs = pairs.into_iter().map(|(name, value)| {
            let like = like.next();
            (share(like.map(|it| &it.0), name), share(like.map(|it| &it.1), value))
        });
        pairs.collect()
    }

    /// The bytes of all strings that anybody holds, [`INTERNED_COST`] for each included.
    pub fn bytes(&self) -> usize {
        self.0.bytes.get()
    }

    /// The number of strings held.
    pub fn len(&self) -> usize {
        self.0.by_hash.borrow().len() + self.0.others.borrow().len()
    }

    /// Whether no string is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_in_the_place_of_equal_ones_are_the_same() {
        let mut pool = Pool::default();
        let like = pool.labels([("a", "1"), ("b", "2")]);
        let other = pool.labels_like(Some(&like), [("a", "1"), ("b", "3"), ("c", "2")]);
        assert_eq!(other, pool.labels([("a", "1"), ("b", "3"), ("c", "2")]));
        let texts = |labels: &Labels| -> Vec<*const u8> {
            labels.iter().flat_map(|(name, value)| [name.as_ptr(), value.as_ptr()]).collect()
        };
        let (like, other) = (texts(&like), texts(&other));
        assert_eq!((&other[..3], other[5], pool.len()), (&like[..3], like[3], 6));
    }

    #[test]
    fn a_string_is_shared_and_freed_with_its_last_holder() {
        let mut pool = Pool::default();
        let first = pool.labels([("a", "x")]);
        let second = pool.labels([("b", "x")]);
        assert_eq!((pool.len(), pool.bytes()), (3, 3 + 3 * INTERNED_COST));
        let filtered = first.filter(|_| true);
        drop(first);
        assert_eq!(pool.len(), 3, "somebody holds it");
        drop(filtered);
        assert_eq!((pool.len(), pool.bytes()), (2, 2 + 2 * INTERNED_COST));
        assert_eq!(second.get("b"), Some("x"));
        drop(second);
        assert!(pool.is_empty() && pool.bytes() == 0);
    }

    #[test]
    fn strings_of_one_hash_are_told_apart() {
        let mut pool = Pool::default();
        let strings = Rc::clone(&pool.0);
        // As if it had the hash of "y".
        let other = Rc::new(Inner { text: "x".into(), pool: None });
        strings.by_hash.borrow_mut().insert(quick("y"), other);
        let (one, again) = (pool.intern("y"), pool.intern("y"));
        assert!(Rc::ptr_eq(&one.0, &again.0) && pool.len() == 2);
        drop(again);
        strings.by_hash.borrow_mut().clear();
        let again = pool.intern("y");
        assert!(Rc::ptr_eq(&one.0, &again.0) && pool.len() == 1);
        drop((one, again));
        assert!(pool.is_empty() && pool.bytes() == 0);
    }

    #[test]
    fn a_string_outlives_its_pool() {
        let mut pool = Pool::default();
        let (one, again) = (pool.intern("x"), pool.intern("x"));
        drop(pool);
        drop(one);
        assert_eq!(&*again, "x");
    }

    #[test]
    fn a_thousand_new_texts_of_one_thing_cost_no_more_than_one() {
        let mut pool = Pool::default();
        let mut held = pool.labels([("summary", "")]);
        for number in 0..1000 {
            let text = format!("{number:046}");
            held = pool.labels([("summary", &*text)]);
            assert!(pool.bytes() <= 2 * (46 + 7 + 2 * INTERNED_COST), "{number}");
        }
        assert_eq!((held.len(), pool.len()), (1, 2));
    }
}

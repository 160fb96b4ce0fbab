//! Strings that many things share: one copy of each, freed with its last holder.

use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BTreeSet;
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
    set: RefCell<BTreeSet<Member>>,
    bytes: Cell<usize>,
}

/// A string as the pool has it; dropping it frees nothing else.
struct Member(u32, Rc<Inner>);

/// How the pool orders its strings: by a hash first, for the texts lie all over the memory.
trait Place {
    fn hash(&self) -> u32;
    fn text(&self) -> &str;
}

impl Place for Member {
    fn hash(&self) -> u32 {
        self.0
    }

    fn text(&self) -> &str {
        &self.1.text
    }
}

/// A text that is looked for.
impl Place for (u32, &str) {
    fn hash(&self) -> u32 {
        self.0
    }

    fn text(&self) -> &str {
        self.1
    }
}

impl<'a> Borrow<dyn Place + 'a> for Member {
    fn borrow(&self) -> &(dyn Place + 'a) {
        self
    }
}

impl PartialEq for dyn Place + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for dyn Place + '_ {}

impl Ord for dyn Place + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.hash().cmp(&other.hash()).then_with(|| self.text().cmp(other.text()))
    }
}

impl PartialOrd for dyn Place + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Member {}

impl Ord for Member {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0).then_with(|| self.text().cmp(other.text()))
    }
}

impl PartialOrd for Member {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Strings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Strings").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Strings {
    fn forget(&self, text: &str) {
        let sought = (quick(text), text);
        let member = self.set.borrow_mut().take(&sought as &dyn Place);
        if member.is_some() {
            self.bytes.set(self.bytes.get() - text.len() - INTERNED_COST);
        }
    }
}

impl Pool {
    /// The one shared copy of `text`.
    pub fn intern(&mut self, text: &str) -> Interned {
        let mut set = self.0.set.borrow_mut();
        let sought = (quick(text), text);
        if let Some(known) = set.get(&sought as &dyn Place) {
            return Interned(Rc::clone(&known.1));
        }
        let new = Rc::new(Inner { text: text.into(), pool: Some(Rc::clone(&self.0)) });
        set.insert(Member(sought.0, Rc::clone(&new)));
        self.0.bytes.set(self.0.bytes.get() + text.len() + INTERNED_COST);
        Interned(new)
    }

    /// A label set of shared strings; the pairs come sorted by name.
    pub fn labels<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Labels {
        pairs.into_iter().map(|(name, value)| (self.intern(name), self.intern(value))).collect()
    }

    /// The bytes of all strings that anybody holds, [`INTERNED_COST`] for each included.
    pub fn bytes(&self) -> usize {
        self.0.bytes.get()
    }

    /// The number of strings held.
    pub fn len(&self) -> usize {
        self.0.set.borrow().len()
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
        let set = Rc::clone(&pool.0);
        // As if they had the hash of "y".
        for text in ["x", "z"] {
            let inner = Rc::new(Inner { text: text.into(), pool: None });
            set.set.borrow_mut().insert(Member(quick("y"), inner));
        }
        let (one, again) = (pool.intern("y"), pool.intern("y"));
        assert!(Rc::ptr_eq(&one.0, &again.0) && pool.len() == 3);
        drop((one, again));
        assert_eq!(pool.len(), 2);
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

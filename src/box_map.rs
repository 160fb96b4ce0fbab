//! A map for few entries, whose code is shared.

use std::borrow::Borrow;
use std::collections::{BTreeMap, btree_map};
use std::ops::RangeBounds;

/// A map whose values are boxed, with the methods of [`BTreeMap`]. All such maps with the same keys have the same code, and the
/// linker keeps it once; the code of a map with values of its own weighs some 3 KiB, and there are dozens. An entry costs an
/// allocation more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxMap<K, V>(BTreeMap<K, Box<V>>);

impl<K, V> Default for BoxMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(missing_docs, reason = "each is the method of BTreeMap")]
impl<K, V> BoxMap<K, V> {
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + Clone {
        self.0.iter().map(|(key, value)| (key, &**value))
    }

    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (key, &mut **value))
    }

    pub fn keys(&self) -> btree_map::Keys<'_, K, Box<V>> {
        self.0.keys()
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.0.values().map(|value| &**value)
    }

    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> {
        self.0.values_mut().map(|value| &mut **value)
    }
}

#[expect(missing_docs, reason = "each is the method of BTreeMap")]
impl<K: Ord, V> BoxMap<K, V> {
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).map(|value| &**value)
    }

    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.0.get_mut(key).map(|value| &mut **value)
    }

    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, Box::new(value)).map(|value| *value)
    }

    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.0.remove(key).map(|value| *value)
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain(|key, value| keep(key, value));
    }

    pub fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.range(range).map(|(key, value)| (key, &**value))
    }

    /// The value of this key; where there is none, it is the default from then on.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.get_or_insert_with(key, V::default)
    }

    /// The value of this key; where there is none, it is made first.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.0.entry(key).or_insert_with(|| Box::new(make()))
    }
}

impl<K: Ord, V> Extend<(K, V)> for BoxMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, more: I) {
        self.0.extend(more.into_iter().map(|(key, value)| (key, Box::new(value))));
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for BoxMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(all: I) -> Self {
        let mut map = Self::new();
        map.extend(all);
        map
    }
}

impl<K, V> IntoIterator for BoxMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::iter::Map<btree_map::IntoIter<K, Box<V>>, fn((K, Box<V>)) -> (K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(key, value)| (key, *value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_a_map_with_its_own_values_holds() {
        let pairs = [(3, "c"), (1, "a"), (2, "b"), (1, "d")];
        let mut map: BoxMap<u32, &str> = pairs.into_iter().collect();
        let mut other: BTreeMap<u32, &str> = pairs.into_iter().collect();
        let same = |map: &BoxMap<u32, &str>, other: &BTreeMap<u32, &str>| {
            assert!(map.iter().eq(other) && map.len() == other.len());
            assert!(map.values().eq(other.values()) && map.keys().eq(other.keys()));
            assert!(map.range(2..).eq(other.range(2..)));
        };
        same(&map, &other);
        assert_eq!(map.insert(2, "e"), other.insert(2, "e"));
        assert_eq!(map.remove(&1), other.remove(&1));
        assert_eq!((map.get(&1), map.contains_key(&3)), (None, true));
        *map.get_or_insert_with(7, || "f") = "g";
        *other.entry(7).or_insert("f") = "g";
        assert_eq!(map.get_or_default(9), &"");
        assert_eq!(map.get_mut(&7), Some(&mut "g"));
        other.insert(9, "");
        for (_, value) in map.iter_mut() {
            *value = "h";
        }
        for value in other.values_mut() {
            *value = "h";
        }
        same(&map, &other);
        map.retain(|key, _| *key > 2);
        other.retain(|key, _| *key > 2);
        same(&map, &other);
        assert!(map.into_iter().eq(other));
    }
}

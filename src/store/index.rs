//! Which frames are live: the newest of each key that was not deleted. Some forty bytes of memory a record, whatever its key.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use super::segment::Place;

/// The places of the live frames, by a hash of kind and key that is salted, so that nobody outside can make two keys
/// meet. By chance, two of 20,000 do once in 10^11 journals.
#[derive(Debug, Default)]
pub(crate) struct FrameIndex {
    salt: u64,
    places: BTreeMap<u64, Place>,
    bytes: u64,
}

impl FrameIndex {
    pub(crate) fn new(salt: u64) -> Self {
        Self { salt, ..Self::default() }
    }

    /// The same salt, no records.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(self.salt)
    }

    /// The frame of this key is at `place` from now on.
    pub(crate) fn put(&mut self, kind: u16, key: &[u8], place: Place) {
        self.bytes += u64::from(place.bytes);
        if let Some(old) = self.places.insert(self.hash(kind, key), place) {
            self.bytes -= u64::from(old.bytes);
        }
    }

    pub(crate) fn delete(&mut self, kind: u16, key: &[u8]) {
        if let Some(old) = self.places.remove(&self.hash(kind, key)) {
            self.bytes -= u64::from(old.bytes);
        }
    }

    pub(crate) fn contains(&self, kind: u16, key: &[u8]) -> bool {
        self.places.contains_key(&self.hash(kind, key))
    }

    /// True if the frame at `place` is the newest of this key.
    pub(crate) fn is_live(&self, kind: u16, key: &[u8], place: Place) -> bool {
        self.places.get(&self.hash(kind, key)) == Some(&place)
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Bytes of all live frames.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn hash(&self, kind: u16, key: &[u8]) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.salt);
        hasher.write_u16(kind);
        hasher.write(key);
        hasher.finish()
    }
}

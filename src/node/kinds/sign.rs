//! Signs: the last sign of life of what is expected. Stored only, for the flock is sent each as a beat.

use super::{Read, Rules, flash_deletion, unversioned};
use crate::core::expect::Sign;
use crate::node::Node;
use crate::store::JournalRecord;
use crate::wire::record::{self, Beat, Kind};

pub(super) struct SignRules;

impl Rules for SignRules {
    fn records(&self, node: &Node) -> Vec<JournalRecord> {
        node.core.expected().signs().map(|(name, it)| sign(name, &it)).collect()
    }

    fn read(&self, node: &mut Node, _key: &[u8], body: &[u8]) -> Read {
        node.restoring.signs.push(record::decode_beat(body)?);
        Ok(None)
    }
}

/// The record of a sign.
pub(in crate::node) fn sign(name: &str, sign: &Sign) -> JournalRecord {
    let body = Beat { name: name.to_owned(), at: sign.at, said: sign.by.to_string() };
    unversioned(Kind::Sign, record::beat_key(name), record::encode_beat(&body))
}

/// Nothing of this name is expected any more.
pub(in crate::node) fn sign_gone(name: &str) -> JournalRecord {
    flash_deletion(Kind::Sign, record::beat_key(name))
}

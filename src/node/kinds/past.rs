//! Events of the history. Stored only.

use super::{Read, Rules, unversioned};
use crate::limits::HISTORY_KEPT_MAX;
use crate::node::Node;
use crate::store::JournalRecord;
use crate::time::Wall;
use crate::wire::record::{self, Kind};

pub(super) struct PastRules;

impl Rules for PastRules {
    fn records(&self, node: &Node) -> Vec<JournalRecord> {
        node.past.records().collect()
    }

    fn read(&self, node: &mut Node, _key: &[u8], body: &[u8]) -> Read {
        node.past.restore(body)?;
        Ok(None)
    }
}

/// The record of an event: it takes the place of the oldest one on flash.
pub(in crate::node) fn past(topic: u8, id: u64, at: Wall, text: &str) -> JournalRecord {
    let place = u8::try_from(id % HISTORY_KEPT_MAX as u64).unwrap_or(0);
    unversioned(Kind::Past, [topic, place], record::encode_past(topic, id, at, text))
}

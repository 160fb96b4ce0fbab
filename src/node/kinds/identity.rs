//! This node itself: its id, and the addresses at which it met members. Stored only.

use std::net::SocketAddr;

use super::{Read, Rules, unversioned};
use crate::node::Node;
use crate::store::JournalRecord;
use crate::wire::record::{self, Kind};

pub(super) struct IdentityRules;

impl Rules for IdentityRules {
    fn records(&self, node: &Node) -> Vec<JournalRecord> {
        node.identity.map(|id| identity(id, &node.met)).into_iter().collect()
    }

    fn read(&self, node: &mut Node, _key: &[u8], body: &[u8]) -> Read {
        let (id, met) = record::decode_identity(body)?;
        if node.identity.is_none() {
            (node.identity, node.met) = (Some(id), met);
        }
        Ok(None)
    }
}

/// The record of this node.
pub(in crate::node) fn identity(id: u64, met: &[SocketAddr]) -> JournalRecord {
    unversioned(Kind::Identity, *b"node", record::encode_identity(id, met))
}

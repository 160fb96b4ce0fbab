//! Members: those that this node knows, until they say goodbye. Stored only.

use super::{Read, Rules, flash_deletion, unversioned};
use crate::node::Node;
use crate::store::JournalRecord;
use crate::wire::record::{self, Kind, Member};

pub(super) struct MemberRules;

impl Rules for MemberRules {
    fn records(&self, node: &Node) -> Vec<JournalRecord> {
        node.around.members.records().collect()
    }

    fn read(&self, node: &mut Node, key: &[u8], body: &[u8]) -> Read {
        let member = record::decode_member(body)?;
        node.around.members.restore(record::member_of(key)?, member);
        Ok(None)
    }
}

/// The record of a member.
pub(in crate::node) fn member(id: u64, member: &Member) -> JournalRecord {
    unversioned(Kind::Member, record::member_key(id), record::encode_member(member))
}

/// A member was forgotten.
pub(in crate::node) fn member_gone(id: u64) -> JournalRecord {
    flash_deletion(Kind::Member, record::member_key(id))
}

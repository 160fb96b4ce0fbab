//! This node itself, the members that it knows, the signs of life and the events of its history: stored only. The core knows nothing of them: they are read by
//! [`crate::node::Node::handle_record`].

use super::{Merged, Merging, Refusal, Rules};
use crate::gossip;
use crate::time::Now;
use crate::wire::record::Malformed;

pub(super) struct IdentityRules;

impl Rules for IdentityRules {
    fn merge(
        &self,
        _merging: &mut Merging<'_>,
        _now: Now,
        _record: &gossip::Record,
        _known_expires_ms: i64,
    ) -> Result<Merged, Refusal> {
        Err(Malformed("a record that is not shared".to_owned()).into())
    }
}

//! This node itself: stored only. It is read by [`crate::node::Node::handle_record`] and written when its addresses change.

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
        Err(Malformed("an identity is not shared".to_owned()).into())
    }
}

//! Claims: replicated only, since before a restart whichever node claimed anything has sent it or given it up. The body is
//! held beside the core.

use std::time::Duration;

use super::{Act, Draft, Merged, Merging, Refusal, Rules};
use crate::core::deliver::turn::Claim;
use crate::gossip;
use crate::limits::{CLAIM_TIME_MAX, CLOCK_AHEAD_MS_MAX};
use crate::time::Now;
use crate::wire::record::{self, Kind};

/// How long a claim is replicated after it has lapsed, so that the nodes that gave up stay known for the turn; and longer by
/// as much as the clock of a member may be ahead, or that member would take it for expired.
const LIFE: Duration = Duration::from_millis(30_000 + CLOCK_AHEAD_MS_MAX.cast_unsigned());

pub(super) struct ClaimRules;

impl Rules for ClaimRules {
    fn life_max(&self) -> Duration {
        CLAIM_TIME_MAX.saturating_add(LIFE)
    }

    fn is_in_core(&self) -> bool {
        false
    }

    fn merge(
        &self,
        merging: &mut Merging<'_>,
        now: Now,
        record: &gossip::Record,
        _known_expires_ms: i64,
    ) -> Result<Merged, Refusal> {
        let (lifetime, surrendered, given_up) = record::decode_claim(&record.body)?;
        let (node, until) = (record.version.node, now.mono + lifetime);
        let turn = record::turn_of(&record.key.id)?;
        merging.claims.push((turn, Claim { node, until, surrendered, given_up }));
        Ok(Merged { stored: false, ..Merged::of(record, record.body.clone()) })
    }
}

/// The record of a turn that was claimed or given up.
pub(super) fn act(
    now: Now,
    turn: u128,
    lifetime: Duration,
    surrendered: bool,
    given_up: &[u64],
) -> Act {
    Act::Put(Draft {
        kind: Kind::Claim,
        key: turn.to_be_bytes().to_vec(),
        expires: now.wall + lifetime + LIFE,
        body: record::encode_claim(lifetime, surrendered, given_up),
        stored: false,
        published: true,
    })
}

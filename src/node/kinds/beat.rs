//! Beats: replicated only, for flash must not wear by signs of life: it gets the last one now and then as another kind. The
//! body is held beside the core, because a name may be of another member's config.

use std::time::Duration;

use super::{Act, Draft, Merged, Merging, Refusal, Rules, demand_key};
use crate::core::step::Step;
use crate::gossip;
use crate::time::{Now, Wall};
use crate::wire::record::{self, Beat, Kind};

/// How long a beat is replicated beyond two of its periods.
const LIFE: Duration = Duration::from_secs(3600);

pub(super) struct BeatRules;

impl Rules for BeatRules {
    fn is_in_core(&self) -> bool {
        false
    }

    fn stepped(&self, body: &[u8], step: Step) -> Option<Vec<u8>> {
        let beat = record::decode_beat(body).ok()?;
        let at = step.time(beat.at);
        Some(record::encode_beat(&Beat { at, ..beat }))
    }

    fn merge(
        &self,
        merging: &mut Merging<'_>,
        now: Now,
        record: &gossip::Record,
        _known_expires_ms: i64,
    ) -> Result<Merged, Refusal> {
        let mut beat = record::decode_beat(&record.body)?;
        demand_key(&record.key.id, record::beat_key(&beat.name))?;
        let exact = record.sent_at.map(|at| Step::exact(Wall::from_ns(at), now.wall));
        beat.at = exact.unwrap_or(Step::NONE).time(beat.at);
        merging.core.merge_beat(now, &beat.name, beat.at, &beat.said);
        let body = record::encode_beat(&beat);
        Ok(Merged { stored: false, ..Merged::of(record, body) })
    }
}

/// The record of a beat that came or was told.
pub(super) fn act(name: &str, at: Wall, said: &str, period: Duration) -> Act {
    let beat = Beat { name: name.to_owned(), at, said: said.to_owned() };
    Act::Put(Draft {
        kind: Kind::Beat,
        key: record::beat_key(name).to_vec(),
        expires: at + period.saturating_mul(2) + LIFE,
        body: record::encode_beat(&beat),
        stored: false,
        published: true,
    })
}

//! Silences: stored and replicated.

use super::{Act, Draft, Merged, Merging, Read, Refusal, Restored, Rules, step_from_sender};
use crate::core::restore::GroupTimers;
use crate::core::step::Step;
use crate::core::{Change, Core};
use crate::gossip;
use crate::model::{Silence, SilenceId};
use crate::node::Node;
use crate::time::{Now, Wall};
use crate::wire::record::{self, Kind};

pub(super) struct SilenceRules;

impl Rules for SilenceRules {
    fn changes(&self, core: &Core) -> Vec<Change> {
        let own = core.silences().iter().filter(|it| !core.is_declared(it.id));
        own.map(|it| Change::Silence(it.id)).collect()
    }

    fn is_held(&self, core: &Core, key: &[u8]) -> bool {
        record::silence_id_of(key).is_ok_and(|id| core.silences().get(id).is_some())
    }

    fn body(&self, core: &Core, _now: Now, key: &[u8]) -> Option<Vec<u8>> {
        let silence = core.silences().get(record::silence_id_of(key).ok()?)?;
        Some(record::encode_silence(silence))
    }

    fn merge(
        &self,
        merging: &mut Merging<'_>,
        now: Now,
        record: &gossip::Record,
        _known_expires_ms: i64,
    ) -> Result<Merged, Refusal> {
        let id = record::silence_id_of(&record.key.id)?;
        let mut silence = record::decode_silence(id, &record.body)?;
        step_from_sender(record, now).silence(&mut silence);
        let body = record::encode_silence(&silence);
        if !merging.core.merge_silence(now, silence) {
            return Err(Refusal::Full("the table of silences is full"));
        }
        Ok(Merged::of(record, body))
    }

    fn read(&self, _node: &mut Node, key: &[u8], body: &[u8]) -> Read {
        let silence = record::decode_silence(record::silence_id_of(key)?, body)?;
        Ok(Some(Box::new(StoredSilence(silence))))
    }
}

/// The record of a silence that has changed.
pub(super) fn act(core: &Core, id: SilenceId) -> Act {
    let key = record::silence_key(id).to_vec();
    let Some(silence) = core.silences().get(id) else {
        return Act::Delete(Kind::Silence, key);
    };
    Act::Put(Draft {
        kind: Kind::Silence,
        key,
        expires: silence.ends_at + core.options().retention,
        body: record::encode_silence(silence),
        stored: true,
        published: true,
    })
}

#[derive(Debug)]
struct StoredSilence(Silence);

impl Restored for StoredSilence {
    fn written(&self) -> Wall {
        self.0.updated_at
    }

    fn step(&mut self, step: Step) {
        step.silence(&mut self.0);
    }

    fn restore(self: Box<Self>, core: &mut Core, now: Now, _timers: &mut GroupTimers) -> Vec<u8> {
        core.restore_silence(now, self.0);
        Vec::new()
    }
}

//! Silences: the table, and the rules by which one is set, changed and expired.

mod declared;
mod muting;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use muting::Memo;

use muting::InForce;

use crate::core::index::MatcherIndex;
use crate::limits::{
    MATCHERS_MAX, SILENCE_BYTES_MAX, SILENCES_BYTES_MAX, SILENCES_COMPILED_BYTES_MAX, SILENCES_MAX,
};
use crate::model::labels::Quoted;
use crate::model::matcher::{Grammar, valid_label_name};
use crate::model::{Matcher, Matchers, Silence, SilenceId, SilenceState};
use crate::time::Wall;

/// A silence as a client wants it. `id` is set to change one.
#[derive(Clone, Debug, PartialEq)]
pub struct SilenceDraft {
    /// The silence to change.
    pub id: Option<SilenceId>,
    /// Which alerts.
    pub matchers: Matchers,
    /// From when; `None` is now.
    pub starts_at: Option<Wall>,
    /// Until when.
    pub ends_at: Wall,
    /// The author.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// The author's comment.
    pub annotations: Vec<(String, String)>,
}

impl SilenceDraft {
    /// About as many bytes as it takes to keep.
    fn bytes(&self) -> usize {
        let pairs = |pairs: &[(String, String)]| -> usize {
            pairs.iter().map(|(name, value)| name.len() + value.len()).sum()
        };
        let matchers = self.matchers.bytes();
        self.created_by.len() + self.comment.len() + pairs(&self.annotations) + matchers
    }

    fn into_silence(self, id: SilenceId, now: Wall) -> Silence {
        Silence {
            id,
            matchers: self.matchers,
            starts_at: self.starts_at.unwrap_or(now),
            ends_at: self.ends_at,
            updated_at: now,
            created_by: self.created_by.into(),
            comment: self.comment.into(),
            annotations: self.annotations.iter().map(|(name, value)| (&**name, &**value)).collect(),
        }
    }
}

/// Why a silence was not set or expired; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SilenceError {
    /// No silence has this id.
    NotFound,
    /// The error, in Alertmanager's words.
    Invalid(String),
    /// A limit is reached, in Alertmanager's words.
    Limit(String),
}

impl std::fmt::Display for SilenceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound => f.write_str("silence not found"),
            Self::Invalid(text) | Self::Limit(text) => f.write_str(text),
        }
    }
}

/// Which silences are taken. A limit of 0 leaves it to `limits.rs`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SilenceRules {
    /// `--silences.max-silences`; expired ones count.
    pub count: usize,
    /// `--silences.max-silence-size-bytes`
    pub bytes: usize,
    /// Which names their matchers may have.
    pub grammar: Grammar,
}

/// The table.
#[derive(Debug, Default)]
pub struct Silences {
    /// In which slot each silence is.
    table: BTreeMap<SilenceId, usize>,
    /// The silences, each with the serial of its last change.
    slots: Vec<Option<(Serial, Silence)>>,
    free: BTreeSet<usize>,
    /// The silence that each change concerned, by serial.
    by_serial: BTreeMap<Serial, usize>,
    index: MatcherIndex<usize>,
    serial: Serial,
    bytes: usize,
    compiled_bytes: usize,
    in_force: RefCell<InForce>,
}

/// Counts what comes into the table: what came or was changed later has the greater one.
type Serial = u64;

impl Silences {
    /// The silence of `id`.
    pub fn get(&self, id: SilenceId) -> Option<&Silence> {
        self.table.get(&id).and_then(|slot| self.in_slot(*slot)).map(|(_, silence)| silence)
    }

    /// Every silence, expired ones too, in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.table.values().filter_map(|slot| self.in_slot(*slot)).map(|(_, silence)| silence)
    }

    /// The same from `first` on.
    pub fn iter_from(&self, first: SilenceId) -> impl Iterator<Item = &Silence> {
        let slots = self.table.range(first..).map(|(_, slot)| *slot);
        slots.filter_map(|slot| self.in_slot(slot)).map(|(_, silence)| silence)
    }

    fn in_slot(&self, slot: usize) -> Option<&(Serial, Silence)> {
        self.slots.get(slot)?.as_ref()
    }

    /// Sets a silence as Alertmanager does: in place where that does not rewrite history, else as a new one, whose
    /// predecessor then expires. `fresh` is the id of a new one. Returns the ids of what changed, the silence first.
    pub fn set(
        &mut self,
        draft: SilenceDraft,
        fresh: SilenceId,
        rules: SilenceRules,
        now: Wall,
    ) -> Result<Vec<SilenceId>, SilenceError> {
        let known = match draft.id {
            Some(id) => Some(self.get(id).ok_or(SilenceError::NotFound)?),
            None => None,
        };
        validate(&draft, rules.grammar, now)?;
        let in_place = known.filter(|known| changeable(known, &draft, now)).map(|known| known.id);
        self.check_limits(&draft, rules, in_place.is_none())?;
        if let Some(id) = in_place {
            // Not merged: what is set now is in force, also if the clock has gone back since the last time.
            self.replace(draft.into_silence(id, now));
            return Ok(vec![id]);
        }
        let mut changed = vec![fresh];
        if let Some(old) = draft.id
            && self.expire(old, now)?
        {
            changed.push(old);
        }
        let mut silence = draft.into_silence(fresh, now);
        silence.starts_at = silence.starts_at.max(now);
        self.insert(silence);
        Ok(changed)
    }

    fn check_limits(
        &self,
        draft: &SilenceDraft,
        rules: SilenceRules,
        new: bool,
    ) -> Result<(), SilenceError> {
        let or_ours = |set: usize, ours: usize| if set == 0 { ours } else { set.min(ours) };
        let (count, limit) = (self.table.len() + 1, or_ours(rules.count, SILENCES_MAX));
        if new && count > limit {
            return Err(SilenceError::Limit(format!(
                "exceeded maximum number of silences: {} (limit: {limit})",
                count - 1
            )));
        }
        let (bytes, limit) = (draft.bytes(), or_ours(rules.bytes, SILENCE_BYTES_MAX));
        if bytes > limit {
            return Err(SilenceError::Limit(format!(
                "silence exceeded maximum size: {bytes} bytes (limit: {limit} bytes)"
            )));
        }
        let known = draft.id.and_then(|id| self.get(id)).filter(|_| !new).map_or(0, Silence::bytes);
        let all = self.bytes - known + bytes;
        if all > SILENCES_BYTES_MAX && bytes > known {
            return Err(SilenceError::Limit(format!(
                "all silences exceeded maximum size: {all} bytes (limit: {SILENCES_BYTES_MAX} bytes), wait until some have expired"
            )));
        }
        if new && !self.has_compiled_bytes_for(&draft.matchers) {
            return Err(SilenceError::Limit(format!(
                "the regular expressions of all silences exceeded maximum size: {} bytes (limit: {SILENCES_COMPILED_BYTES_MAX} bytes), simplify them or wait until some have expired",
                self.compiled_bytes
            )));
        }
        Ok(())
    }

    fn has_compiled_bytes_for(&self, matchers: &Matchers) -> bool {
        self.compiled_bytes + matchers.compiled_bytes() <= SILENCES_COMPILED_BYTES_MAX
    }

    /// Ends a silence: an active one now, a pending one before it began. Returns whether that changed it: an expired
    /// one stays as it is.
    pub fn expire(&mut self, id: SilenceId, now: Wall) -> Result<bool, SilenceError> {
        let slot = self.table.get(&id).and_then(|slot| self.slots.get_mut(*slot)?.as_mut());
        let (_, silence) = slot.ok_or(SilenceError::NotFound)?;
        match silence.state(now) {
            SilenceState::Expired => return Ok(false),
            SilenceState::Active => {}
            SilenceState::Pending => silence.starts_at = now,
        }
        silence.ends_at = now;
        silence.updated_at = now;
        self.in_force.take();
        Ok(true)
    }

    /// Takes a silence as it is. Returns whether there was room for it.
    pub fn replace(&mut self, silence: Silence) -> bool {
        let known = self.get(silence.id);
        let count = self.table.len() + usize::from(known.is_none());
        let (old, new) = (known.map_or(0, Silence::bytes), silence.bytes());
        let compiled = |it: &Silence| it.matchers.compiled_bytes();
        let (old_compiled, new_compiled) = (known.map_or(0, compiled), compiled(&silence));
        let has_room = count <= SILENCES_MAX
            && silence.matchers.iter().count() <= MATCHERS_MAX
            && new <= SILENCE_BYTES_MAX
            && (new <= old || self.bytes - old + new <= SILENCES_BYTES_MAX)
            && (new_compiled <= old_compiled
                || self.compiled_bytes - old_compiled + new_compiled
                    <= SILENCES_COMPILED_BYTES_MAX);
        if has_room {
            self.insert(silence);
        }
        has_room
    }

    fn insert(&mut self, silence: Silence) {
        let id = silence.id;
        self.remove(id);
        self.in_force.take();
        self.serial += 1;
        let slot = self.free.pop_first().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.by_serial.insert(self.serial, slot);
        self.index.insert(&silence.matchers, slot);
        self.bytes += silence.bytes();
        self.compiled_bytes += silence.matchers.compiled_bytes();
        self.table.insert(id, slot);
        self.slots[slot] = Some((self.serial, silence));
    }

    /// Takes a silence out, as if it had never been there.
    pub fn withdraw(&mut self, id: SilenceId) {
        self.remove(id);
    }

    fn remove(&mut self, id: SilenceId) {
        let Some(slot) = self.table.remove(&id) else { return };
        let Some((serial, silence)) = self.slots.get_mut(slot).and_then(Option::take) else {
            return;
        };
        self.free.insert(slot);
        self.by_serial.remove(&serial);
        self.index.remove(&silence.matchers, slot);
        self.bytes -= silence.bytes();
        self.compiled_bytes -= silence.matchers.compiled_bytes();
    }

    /// Calls `with` for every silence, to change its times.
    pub fn for_each(&mut self, mut with: impl FnMut(&mut Silence)) {
        self.slots.iter_mut().flatten().for_each(|(_, silence)| with(silence));
        self.in_force.take();
    }

    /// Drops the silences that expired more than `retention` ago, so many at most, and returns their ids.
    pub fn sweep(&mut self, retention: Duration, now: Wall, max: usize) -> Vec<SilenceId> {
        let gone: Vec<SilenceId> = self
            .iter()
            .filter(|silence| silence.ends_at + retention <= now)
            .map(|silence| silence.id)
            .take(max)
            .collect();
        for id in &gone {
            self.remove(*id);
        }
        gone
    }
}

/// Whether a silence can become the draft without rewriting history (Alertmanager's `canUpdate`).
fn changeable(known: &Silence, draft: &SilenceDraft, now: Wall) -> bool {
    let starts_at = draft.starts_at.unwrap_or(now);
    let second = |time: Wall| time.as_ms().div_euclid(1000);
    known.matchers == draft.matchers
        && match known.state(now) {
            SilenceState::Active => {
                second(starts_at) == second(known.starts_at) && draft.ends_at >= now
            }
            SilenceState::Pending => starts_at >= now,
            SilenceState::Expired => false,
        }
}

fn validate(draft: &SilenceDraft, grammar: Grammar, now: Wall) -> Result<(), SilenceError> {
    let invalid = |rule: &str| Err(SilenceError::Invalid(format!("invalid silence: {rule}")));
    if draft.matchers.is_empty() {
        return invalid("at least one matcher required");
    }
    for (place, matcher) in draft.matchers.iter().enumerate() {
        if !valid_label_name(grammar, matcher.name()) {
            let name = Quoted(matcher.name());
            return invalid(&format!(
                "invalid label matcher {place} in set 0: invalid label name {name}"
            ));
        }
    }
    if draft.matchers.iter().all(Matcher::matches_empty) {
        return invalid("at least one matcher must not match the empty string");
    }
    if draft.starts_at.unwrap_or(now) > draft.ends_at {
        return invalid("end time must not be before start time");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::matchers;

    const FREE: SilenceRules = SilenceRules { count: 0, bytes: 0, grammar: Grammar::Fallback };

    fn draft(id: Option<SilenceId>, texts: &[&str], starts: i64, ends: i64) -> SilenceDraft {
        SilenceDraft {
            id,
            matchers: matchers(texts),
            starts_at: Some(Wall::from_secs(starts)),
            ends_at: Wall::from_secs(ends),
            created_by: "me".into(),
            comment: "c".into(),
            annotations: vec![],
        }
    }

    fn id(n: u128) -> SilenceId {
        SilenceId::from_bits(n)
    }

    fn set(silences: &mut Silences, draft: SilenceDraft, fresh: u128, now: i64) -> Vec<SilenceId> {
        silences.set(draft, id(fresh), FREE, Wall::from_secs(now)).unwrap()
    }

    #[test]
    fn history_is_changed_in_place_or_not_at_all() {
        let mut s = Silences::default();
        assert_eq!(set(&mut s, draft(None, &["a=b"], 50, 200), 1, 100), [id(1)]);
        assert_eq!(s.get(id(1)).unwrap().starts_at, Wall::from_secs(100), "clamped up to now");
        let mut told = draft(Some(id(1)), &["a=b"], 100, 200);
        told.comment = "other".into();
        assert_eq!(set(&mut s, told, 2, 101), [id(1)]);
        assert_eq!(&*s.get(id(1)).unwrap().comment, "other");
        assert_eq!(set(&mut s, draft(Some(id(1)), &["a=b"], 100, 300), 2, 102), [id(1)]);
        assert_eq!(set(&mut s, draft(Some(id(1)), &["a=c"], 100, 300), 2, 103), [id(2), id(1)]);
        assert_eq!(s.get(id(1)).unwrap().ends_at, Wall::from_secs(103), "the old one has ended");
        assert_eq!(s.get(id(2)).unwrap().starts_at, Wall::from_secs(103));
        assert_eq!(set(&mut s, draft(Some(id(1)), &["a=b"], 100, 300), 3, 104), [id(3)]);
        let bad = draft(Some(id(2)), &["a=~.*"], 100, 300);
        assert!(s.set(bad, id(4), FREE, Wall::from_secs(105)).is_err());
        assert_eq!(s.get(id(2)).unwrap().ends_at, Wall::from_secs(300), "untouched");
        let unknown = draft(Some(id(9)), &["a=b"], 100, 300);
        assert_eq!(s.set(unknown, id(4), FREE, Wall::from_secs(105)), Err(SilenceError::NotFound));
    }

    #[test]
    fn a_pending_one_may_move_in_the_future_only() {
        let mut s = Silences::default();
        set(&mut s, draft(None, &["a=b"], 200, 300), 1, 100);
        assert_eq!(set(&mut s, draft(Some(id(1)), &["a=b"], 220, 300), 2, 100), [id(1)]);
        assert_eq!(set(&mut s, draft(Some(id(1)), &["a=b"], 90, 300), 2, 100), [id(2), id(1)]);
        let old = s.get(id(1)).unwrap();
        assert_eq!((old.starts_at, old.ends_at), (Wall::from_secs(100), Wall::from_secs(100)));
    }

    #[test]
    fn a_change_is_in_force_also_after_the_clock_has_gone_back() {
        let mut s = Silences::default();
        set(&mut s, draft(None, &["a=b"], 200, 300), 1, 150);
        assert_eq!(set(&mut s, draft(Some(id(1)), &["a=b"], 200, 400), 2, 100), [id(1)]);
        assert_eq!(s.get(id(1)).unwrap().ends_at, Wall::from_secs(400));
    }

    #[test]
    fn expiring_ends_it_now_and_twice_changes_nothing() {
        let mut s = Silences::default();
        set(&mut s, draft(None, &["a=b"], 100, 300), 1, 100);
        assert_eq!(s.expire(id(1), Wall::from_secs(150)), Ok(true));
        assert_eq!(s.expire(id(1), Wall::from_secs(160)), Ok(false));
        assert_eq!(s.get(id(1)).unwrap().ends_at, Wall::from_secs(150));
        assert_eq!(s.expire(id(2), Wall::from_secs(160)), Err(SilenceError::NotFound));
    }

    #[test]
    fn only_active_ones_that_match_mute() {
        let mut s = Silences::default();
        set(&mut s, draft(None, &["a=b"], 100, 300), 1, 100);
        set(&mut s, draft(None, &["a=~b|c", "x!=y"], 100, 300), 2, 100);
        set(&mut s, draft(None, &["a=b"], 200, 300), 3, 100);
        let (labels, memo) = ([("a", "b")].into_iter().collect(), Memo::default());
        let muting = |now| {
            assert!(s.compare(&labels, &memo, &mut 0, u64::MAX));
            s.muting(&memo, Wall::from_secs(now))
        };
        assert_eq!(muting(150), [id(1), id(2)]);
        assert_eq!(muting(250), [id(1), id(2), id(3)]);
        assert!(muting(301).is_empty());
    }

    #[test]
    fn a_full_table_and_a_large_silence_are_refused() {
        let mut s = Silences::default();
        let limits = SilenceRules { count: 1, bytes: 10, ..FREE };
        let mut set = |draft, fresh| s.set(draft, id(fresh), limits, Wall::from_secs(100));
        assert_eq!(set(draft(None, &["a=b"], 100, 300), 1), Ok(vec![id(1)]));
        assert_eq!(
            set(draft(None, &["a=b"], 100, 300), 2),
            Err(SilenceError::Limit("exceeded maximum number of silences: 1 (limit: 1)".into()))
        );
        assert_eq!(set(draft(Some(id(1)), &["a=b"], 100, 400), 2), Ok(vec![id(1)]));
        let mut large = draft(Some(id(1)), &["a=b"], 100, 400);
        large.comment = "0123456789".into();
        assert_eq!(
            set(large, 2),
            Err(SilenceError::Limit(
                "silence exceeded maximum size: 14 bytes (limit: 10 bytes)".into()
            ))
        );
    }

    #[test]
    fn the_text_of_all_silences_is_bounded() {
        let mut s = Silences::default();
        let with = |comment: usize, id| {
            let comment = "x".repeat(comment - 2);
            SilenceDraft { comment, created_by: String::new(), ..draft(id, &["a=b"], 100, 300) }
        };
        let many = SILENCES_BYTES_MAX / SILENCE_BYTES_MAX;
        for n in 0..many {
            set(&mut s, with(SILENCE_BYTES_MAX, None), n as u128, 100);
        }
        let now = Wall::from_secs(100);
        let error = s.set(with(10, None), id(u128::MAX), FREE, now).unwrap_err();
        assert!(error.to_string().contains("(limit: 4194304 bytes)"), "{error}");
        assert!(!s.replace(with(10, None).into_silence(id(u128::MAX), now)));
        assert_eq!(set(&mut s, with(SILENCE_BYTES_MAX - 10, Some(id(1))), 0, 100), [id(1)]);
        set(&mut s, with(10, None), u128::MAX, 100);
        s.sweep(Duration::ZERO, Wall::from_secs(300), 9_999);
        assert_eq!(s.bytes, 0);
    }

    #[test]
    fn the_patterns_of_all_silences_are_bounded() {
        let mut s = Silences::default();
        let now = Wall::from_secs(100);
        let large = || draft(None, &["a=~[a-c]{1000}"], 100, 300);
        let one = large().matchers.compiled_bytes();
        let many = SILENCES_COMPILED_BYTES_MAX / one;
        for n in 0..many {
            set(&mut s, large(), n as u128, 100);
        }
        let error = s.set(large(), id(u128::MAX), FREE, now).unwrap_err();
        assert!(error.to_string().contains("(limit: 16777216 bytes)"), "{error}");
        let other = Silence { id: id(u128::MAX), ..s.get(id(0)).unwrap().clone() };
        assert!(!s.replace(other));
        let mut longer = large();
        (longer.id, longer.ends_at) = (Some(id(1)), Wall::from_secs(400));
        assert_eq!(set(&mut s, longer, 0, 100), [id(1)], "a longer one takes nothing");
        set(&mut s, draft(None, &["a=b"], 100, 300), u128::MAX, 100);
        s.sweep(Duration::ZERO, Wall::from_secs(300), 9_999);
        assert_eq!(s.compiled_bytes, one);
    }

    #[test]
    fn expired_ones_stay_for_the_retention() {
        let mut s = Silences::default();
        set(&mut s, draft(None, &["a=b"], 100, 300), 1, 100);
        let hour = Duration::from_secs(3600);
        assert!(s.sweep(hour, Wall::from_secs(3899), 9_999).is_empty());
        assert_eq!(s.sweep(hour, Wall::from_secs(3900), 9_999), [id(1)]);
        assert_eq!(s.iter().count(), 0);
    }
}

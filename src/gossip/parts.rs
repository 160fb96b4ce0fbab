//! Records larger than a datagram travel in numbered parts.
//!
//! Members are told of such a record by a digest, again until they ask for it. The holder keeps nothing: it cuts the
//! encoded record anew whenever parts are asked for. The receiver asks again for what is missing once no part has come for
//! a while, some times, then gives up; a later digest starts it anew. Members tell the times in a record by their own
//! clocks, so parts of one are never put together with those of another, nor with its own of before it set its clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::message::{Head, Message, Part, encode};
use super::record::{Record, Version};
use super::seal::MESSAGE_BYTES_MAX;
use crate::limits::{
    ASSEMBLIES_MAX, ASSEMBLY_BYTES_MAX, RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX, UNACKNOWLEDGED_MAX,
};
use crate::time::Mono;

/// Bytes of a record in one part, but for the last: what a message has room for beside the part's own fields. All
/// members must mean the same, so it stays whatever becomes of the message.
const PART_BYTES: usize = 1141;
const _: () = assert!(PART_BYTES + 56 <= MESSAGE_BYTES_MAX);
/// Bytes of the longest encoded record.
const WHOLE_BYTES_MAX: usize = RECORD_BYTES_MAX + RECORD_KEY_BYTES_MAX + 64;
/// No part for so long: ask for those that are missing. After every four questions in vain, wait for so much longer.
const PATIENCE: Duration = Duration::from_millis(250);
/// Questions without any new part in between, after which the record is given up.
const TRIES_MAX: u32 = 16;
/// Parts asked for in one message.
const ASKED_MAX: usize = 64;

/// A clock that has gone on by so much more or less than ours was set. Less is the way of a datagram.
const STEP_MIN: Duration = Duration::from_secs(2);

/// After so long a member that has not asked for what it was told of is told again.
const TELL_AFTER_MS: [u64; 5] = [250, 250, 500, 1_000, 2_000];

/// Large records that members were told of and have not asked for, by member and hash.
#[derive(Debug, Default)]
pub(super) struct Unasked(BTreeMap<(u64, u64), (Mono, usize)>);

impl Unasked {
    pub(super) fn put(&mut self, now: Mono, node: u64, hashes: &[u64]) {
        for hash in hashes.iter().take(UNACKNOWLEDGED_MAX.saturating_sub(self.0.len())) {
            self.0.insert((node, *hash), (now + Duration::from_millis(TELL_AFTER_MS[0]), 1));
        }
    }

    /// A member has asked for these records.
    pub(super) fn asked(&mut self, node: u64, hashes: &[u64]) {
        for hash in hashes {
            self.0.remove(&(node, *hash));
        }
    }

    /// A member knows all we know.
    pub(super) fn agreed(&mut self, node: u64) {
        self.0.retain(|(other, _), _| *other != node);
    }

    pub(super) fn next_timeout(&self) -> Option<Mono> {
        self.0.values().map(|(at, _)| *at).min()
    }

    /// Whom to tell again.
    pub(super) fn handle_timeout(&mut self, now: Mono) -> BTreeSet<u64> {
        let mut nodes = BTreeSet::new();
        self.0.retain(|(node, _), (at, tries)| {
            if *at > now {
                return true;
            }
            nodes.insert(*node);
            let Some(wait) = TELL_AFTER_MS.get(*tries) else { return false };
            (*at, *tries) = (now + Duration::from_millis(*wait), *tries + 1);
            true
        });
        nodes
    }
}

/// The parts of a record, those of the given numbers only if any are given.
pub(super) fn split(hash: u64, mut record: Record, numbers: Option<&[u16]>) -> Vec<Message> {
    let told_at = record.told_at.take();
    let whole = encode(&record);
    let Ok(bytes) = u32::try_from(whole.len()) else { return Vec::new() };
    (0_u16..)
        .zip(whole.chunks(PART_BYTES))
        .filter(|(number, _)| numbers.is_none_or(|numbers| numbers.contains(number)))
        .map(|(number, data)| {
            let version = record.version;
            let data = data.to_vec();
            Message::Part(Part { hash, version, bytes, number, data, told_at })
        })
        .collect()
}

/// Records being put together.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    assemblies: BTreeMap<Id, Assembly>,
    bytes: usize,
}

/// The record's hash and version, and the member that sends it.
type Id = (u64, Version, u64);

#[derive(Debug)]
struct Assembly {
    whole: Vec<u8>,
    missing: Vec<u16>,
    /// When a part came last, and what the sender's clock showed.
    told: (Mono, Option<i64>),
    /// When a part came last, or was asked for.
    touched: Mono,
    tries: u32,
}

impl Assembler {
    /// Takes a part; the record, when it was the last one missing.
    pub(super) fn accept(&mut self, now: Mono, from: u64, part: &Part) -> Option<Record> {
        let bytes = usize::try_from(part.bytes).ok().filter(|bytes| *bytes <= WHOLE_BYTES_MAX)?;
        let start = usize::from(part.number) * PART_BYTES;
        let expected = bytes.checked_sub(start)?.min(PART_BYTES);
        if expected == 0 || part.data.len() != expected {
            return None;
        }
        let id = (part.hash, part.version, from);
        if self.assemblies.get(&id).is_some_and(|begun| !begun.is_continued_by(now, part)) {
            self.remove(id);
        }
        if !self.assemblies.contains_key(&id) {
            self.make_room(bytes);
            let parts = u16::try_from(bytes.div_ceil(PART_BYTES)).ok()?;
            let (whole, missing) = (vec![0; bytes], (0..parts).collect());
            self.bytes += bytes;
            let told = (now, part.told_at);
            let assembly = Assembly { whole, missing, told, touched: now, tries: 0 };
            self.assemblies.insert(id, assembly);
        }
        let assembly = self.assemblies.get_mut(&id)?;
        let index = assembly.missing.binary_search(&part.number).ok()?;
        assembly.whole.get_mut(start..start + expected)?.copy_from_slice(&part.data);
        assembly.missing.remove(index);
        (assembly.told, assembly.touched, assembly.tries) = ((now, part.told_at), now, 0);
        if !assembly.missing.is_empty() {
            return None;
        }
        let Assembly { whole, .. } = self.remove(id)?;
        for other in self.senders(part.hash, part.version) {
            self.remove(other);
        }
        let record: Record = minicbor::decode(&whole).ok()?;
        let record = Record { told_at: part.told_at, ..record };
        (record.version == part.version && record.key.hash() == part.hash).then_some(record)
    }

    fn senders(&self, hash: u64, version: Version) -> Vec<Id> {
        let all = (hash, version, u64::MIN)..=(hash, version, u64::MAX);
        self.assemblies.range(all).map(|(id, _)| *id).collect()
    }

    /// Whether this record is being put together.
    pub(super) fn holds(&self, hash: u64, version: Version) -> bool {
        !self.senders(hash, version).is_empty()
    }

    /// What is being put together, of each record the newest version.
    pub(super) fn heads(&self) -> impl Iterator<Item = Head> {
        let heads: BTreeMap<_, _> =
            self.assemblies.keys().map(|(hash, version, _)| (*hash, *version)).collect();
        heads.into_iter().map(|(hash, version)| Head { hash, version })
    }

    pub(super) fn next_timeout(&self) -> Option<Mono> {
        self.assemblies.values().map(Assembly::due).min()
    }

    /// What to ask again, and whom.
    pub(super) fn handle_timeout(&mut self, now: Mono) -> Vec<(u64, Message)> {
        let due = |assembly: &Assembly| assembly.due() <= now;
        let given_up: Vec<_> = self
            .assemblies
            .iter()
            .filter(|(_, assembly)| due(assembly) && assembly.tries >= TRIES_MAX)
            .map(|(id, _)| *id)
            .collect();
        for id in given_up {
            self.remove(id);
        }
        let mut questions = Vec::new();
        for ((hash, version, from), assembly) in &mut self.assemblies {
            if assembly.due() <= now {
                assembly.touched = now;
                assembly.tries += 1;
                let numbers = assembly.missing.iter().copied().take(ASKED_MAX).collect();
                questions.push((*from, Message::WantParts(*hash, *version, numbers)));
            }
        }
        questions
    }

    /// Drops what has waited longest for a part until another so many bytes fit.
    fn make_room(&mut self, bytes: usize) {
        while self.assemblies.len() >= ASSEMBLIES_MAX
            || (self.bytes + bytes > ASSEMBLY_BYTES_MAX && !self.assemblies.is_empty())
        {
            let oldest = self.assemblies.iter().min_by_key(|(_, a)| a.touched).map(|(id, _)| *id);
            oldest.and_then(|id| self.remove(id));
        }
    }

    fn remove(&mut self, id: Id) -> Option<Assembly> {
        let assembly = self.assemblies.remove(&id)?;
        self.bytes -= assembly.whole.len();
        Some(assembly)
    }
}

impl Assembly {
    /// Whether a part is of a record of the same length, and known or told by the same clock as the one before it.
    fn is_continued_by(&self, now: Mono, part: &Part) -> bool {
        let (at, told_at) = self.told;
        let passed = told_at.zip(part.told_at).map(|(from, to)| to.saturating_sub(from));
        let waited = i64::try_from(now.since(at).as_nanos()).unwrap_or(i64::MAX);
        let step = passed.map_or(0, |passed| passed.abs_diff(waited));
        let is_set =
            told_at.is_some() != part.told_at.is_some() || Duration::from_nanos(step) > STEP_MIN;
        usize::try_from(part.bytes) == Ok(self.whole.len())
            && (!is_set || self.missing.binary_search(&part.number).is_err())
    }

    fn due(&self) -> Mono {
        self.touched + PATIENCE * (1 + self.tries / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Key;
    use super::*;

    fn record(id: u8, bytes: usize) -> Record {
        Record {
            key: Key { kind: 1, id: vec![id] },
            version: Version { hlc: 1, node: 1 },
            expires_at_ms: 1,
            body: (0..=250).cycle().take(bytes).collect(),
            told_at: None,
        }
    }

    fn parts(record: &Record) -> Vec<Part> {
        split(record.key.hash(), record.clone(), None)
            .into_iter()
            .map(|message| {
                assert!(message.encode().len() <= MESSAGE_BYTES_MAX);
                match message {
                    Message::Part(part) => part,
                    other => panic!("{other:?}"),
                }
            })
            .collect()
    }

    #[test]
    fn parts_in_any_order_and_twice_make_the_record() {
        let record = record(1, 50_000);
        let mut parts = parts(&record);
        assert!(parts.len() > 40);
        parts.reverse();
        let mut assembler = Assembler::default();
        for part in &parts[1..] {
            assert_eq!(assembler.accept(Mono::ZERO, 2, part), None);
            assert_eq!(assembler.accept(Mono::ZERO, 2, part), None);
        }
        assert_eq!(assembler.accept(Mono::ZERO, 2, &parts[0]), Some(record));
        assert_eq!((assembler.bytes, assembler.next_timeout()), (0, None));
    }

    #[test]
    fn parts_of_two_members_whose_clocks_differ_are_not_mixed() {
        let told_at = |at| Record { told_at: Some(at), ..record(1, 3_000) };
        let (one, two) = (told_at(5), told_at(1 << 40));
        let (ones, twos) = (parts(&one), parts(&two));
        let mut assembler = Assembler::default();
        for (from, part) in [(1, &ones[0]), (2, &twos[1]), (2, &twos[0]), (1, &ones[1])] {
            assert_eq!(assembler.accept(Mono::ZERO, from, part), None);
        }
        assert_eq!(assembler.heads().count(), 1);
        assert_eq!(assembler.accept(Mono::ZERO, 2, &twos[2]), Some(two));
        assert_eq!((assembler.bytes, assembler.heads().count()), (0, 0));
    }

    #[test]
    fn what_the_senders_clock_shows_is_as_old_as_the_part_that_came_last() {
        let record = |told_at| Record { told_at: Some(told_at), ..record(1, 3_000) };
        let mut assembler = Assembler::default();
        let mut accept = |told_at: u8, number: usize| {
            let at = Mono::from_ms(told_at.into());
            assembler.accept(at, 1, &parts(&record(told_at.into()))[number])
        };
        assert_eq!((accept(0, 0), accept(1, 2)), (None, None));
        assert_eq!(accept(9, 1), Some(record(9)));
    }

    #[test]
    fn parts_of_before_and_after_the_sender_set_its_clock_are_not_mixed() {
        let at =
            |told_at, longer: usize| Record { told_at: Some(told_at), ..record(1, 3_000 + longer) };
        let before = at(0, 0);
        // On time, and much too soon; and of another length, whatever is to change it.
        for (after, waits) in [
            (at(9_500_000_000, 0), false),
            (at(9_500_000_000, 1), true),
            (at(30_000_000_000, 0), true),
            (at(-30_000_000_000, 0), true),
            (Record { told_at: None, ..before.clone() }, true),
        ] {
            let (old, new) = (parts(&before), parts(&after));
            let mut assembler = Assembler::default();
            assert_eq!(assembler.accept(Mono::ZERO, 1, &old[0]), None);
            assert_eq!(assembler.accept(Mono::ZERO, 1, &old[1]), None);
            let mut accept =
                |number: usize| assembler.accept(Mono::from_ms(9_000), 1, &new[number]);
            assert_eq!(accept(2).is_none(), waits);
            if waits {
                assert_eq!((accept(0), accept(1)), (None, Some(after)));
            }
            assert_eq!(assembler.bytes, 0);
        }
    }

    #[test]
    fn parts_of_a_sender_whose_clock_is_fast_and_parts_that_come_late_again_make_the_record() {
        let record = |told_at| Record { told_at: Some(told_at), ..record(1, 3_000) };
        let part = |told_at, number: usize| parts(&record(told_at)).swap_remove(number);
        let mut assembler = Assembler::default();
        // Two of a hundred seconds too fast, so a step's worth in all.
        for (at, told_at, number) in [
            (0, 0, 0),
            (80_000, 81_600_000_000, 1),
            // Sent again, and late by more than a step.
            (80_000, 70_000_000_000, 0),
        ] {
            let part = part(told_at, number);
            assert_eq!(assembler.accept(Mono::from_ms(at), 1, &part), None);
        }
        let last = 163_200_000_000;
        let made = assembler.accept(Mono::from_ms(160_000), 1, &part(last, 2));
        assert_eq!(made, Some(record(last)));
    }

    #[test]
    fn what_is_missing_is_asked_for_and_at_last_given_up() {
        let record = record(1, 5_000);
        let parts = parts(&record);
        let mut assembler = Assembler::default();
        assembler.accept(Mono::ZERO, 2, &parts[1]);
        let at = assembler.next_timeout().unwrap();
        let numbers: Vec<u16> = (0..5).filter(|n| *n != 1).collect();
        let question = Message::WantParts(record.key.hash(), record.version, numbers);
        assert_eq!(assembler.handle_timeout(at), vec![(2, question)]);
        let mut asked = 1;
        while let Some(at) = assembler.next_timeout() {
            asked += assembler.handle_timeout(at).len();
        }
        assert_eq!((asked, assembler.bytes), (16, 0));
    }

    #[test]
    fn the_assembly_longest_without_progress_makes_room() {
        let mut assembler = Assembler::default();
        for id in 0..40 {
            assembler.accept(Mono::from_ms(id.into()), 2, &parts(&record(id, 100_000))[0]);
            assert!(assembler.bytes <= ASSEMBLY_BYTES_MAX);
            assert!(assembler.assemblies.len() <= ASSEMBLIES_MAX);
        }
        assert!(assembler.holds(record(39, 0).key.hash(), record(39, 0).version));
        assert!(!assembler.holds(record(0, 0).key.hash(), record(0, 0).version));
    }

    #[test]
    fn who_does_not_ask_is_told_again_and_at_last_left_alone() {
        let mut told = Unasked::default();
        for node in 1..=3 {
            told.put(Mono::ZERO, node, &[7]);
        }
        told.asked(1, &[7]);
        told.asked(2, &[8]);
        let at = told.next_timeout().unwrap();
        assert_eq!(told.handle_timeout(at), [2, 3].into());
        told.agreed(3);
        let mut again = 0;
        while let Some(at) = told.next_timeout() {
            again += told.handle_timeout(at).len();
        }
        assert_eq!(again, 4);
    }

    #[test]
    fn the_longest_part_fits_a_datagram() {
        let longest = Message::Part(Part {
            hash: u64::MAX,
            version: Version { hlc: u64::MAX, node: u64::MAX },
            bytes: u32::try_from(WHOLE_BYTES_MAX).unwrap(),
            number: u16::try_from(WHOLE_BYTES_MAX / PART_BYTES).unwrap(),
            data: vec![0; PART_BYTES],
            told_at: Some(i64::MIN),
        });
        let bytes = longest.encode().len();
        assert!(bytes <= MESSAGE_BYTES_MAX, "{bytes}");
    }

    #[test]
    fn parts_that_lie_about_the_size_are_refused() {
        let mut part = parts(&record(1, 5_000)).swap_remove(1);
        let mut assembler = Assembler::default();
        for (bytes, number) in [(u32::MAX, 1), (5_000, 60_000), (10, 1), (0, 0), (2_000, 1)] {
            (part.bytes, part.number) = (bytes, number);
            assert_eq!(assembler.accept(Mono::ZERO, 2, &part), None);
        }
        assert_eq!(assembler.bytes, 0);
    }
}

//! Records larger than a datagram travel in numbered parts.
//!
//! Such a record is announced by a digest, see [`super::announced`]. The sender keeps no state: it cuts the encoded record
//! anew whenever parts are asked for. The receiver asks again for missing parts once no part has come for a while, some
//! times, then gives up; a later digest starts it anew. The times in a record are of its sender's clock, so parts of two
//! senders are never put together, nor parts from before and after a sender set its clock.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::gossip::message::{Head, Message, Part, encode};
use crate::gossip::record::{Record, Version};
use crate::gossip::seal::MESSAGE_BYTES_MAX;
use crate::limits::{ASSEMBLIES_MAX, ASSEMBLY_BYTES_MAX, RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX};
use crate::time::Mono;

/// Bytes of a record in one part, but for the last: what a message has room for beside the part's own fields. All
/// members must mean the same, so it stays whatever becomes of the message.
const PART_BYTES: usize = 1141;
const _: () = assert!(PART_BYTES + 56 <= MESSAGE_BYTES_MAX);
/// Bytes of the longest encoded record.
const WHOLE_BYTES_MAX: usize = RECORD_BYTES_MAX + RECORD_KEY_BYTES_MAX + 64;
/// If no part has come for so long, the missing ones are asked for. After every four questions in vain the wait is longer by this.
const PATIENCE: Duration = Duration::from_millis(250);
/// Questions without any new part in between, after which the record is given up.
const TRIES_MAX: u32 = 16;
/// Parts asked for in one message.
const ASKED_MAX: usize = 64;

/// A clock that has gone on by so much more or less than ours was set; a smaller difference is the travel of a datagram.
const STEP_MIN: Duration = Duration::from_secs(2);

/// The parts of a record, those of the given numbers only if any are given.
pub(super) fn split(hash: u64, mut record: Record, numbers: Option<&[u16]>) -> Vec<Message> {
    let sent_at = record.sent_at.take();
    let whole = encode(&record);
    let Ok(bytes) = u32::try_from(whole.len()) else { return Vec::new() };
    (0_u16..)
        .zip(whole.chunks(PART_BYTES))
        .filter(|(number, _)| numbers.is_none_or(|numbers| numbers.contains(number)))
        .map(|(number, data)| {
            let version = record.version;
            let data = data.to_vec();
            Message::Part(Part { hash, version, bytes, number, data, sent_at })
        })
        .collect()
}

/// Records being put together.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    assemblies: BTreeMap<AssemblyId, Assembly>,
    bytes: usize,
}

/// The record's hash and version, and the member that sends it.
type AssemblyId = (u64, Version, u64);

#[derive(Debug)]
struct Assembly {
    whole: Vec<u8>,
    missing: Vec<u16>,
    /// When a part came last, and the sender's clock in it.
    last: (Mono, Option<i64>),
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
            let last = (now, part.sent_at);
            let assembly = Assembly { whole, missing, last, touched: now, tries: 0 };
            self.assemblies.insert(id, assembly);
        }
        let assembly = self.assemblies.get_mut(&id)?;
        let index = assembly.missing.binary_search(&part.number).ok()?;
        assembly.whole.get_mut(start..start + expected)?.copy_from_slice(&part.data);
        assembly.missing.remove(index);
        (assembly.last, assembly.touched, assembly.tries) = ((now, part.sent_at), now, 0);
        if !assembly.missing.is_empty() {
            return None;
        }
        let Assembly { whole, .. } = self.remove(id)?;
        for other in self.senders(part.hash, part.version) {
            self.remove(other);
        }
        let record: Record = minicbor::decode(&whole).ok()?;
        let record = Record { sent_at: part.sent_at, ..record };
        (record.version == part.version && record.key.hash() == part.hash).then_some(record)
    }

    fn senders(&self, hash: u64, version: Version) -> Vec<AssemblyId> {
        let all = (hash, version, u64::MIN)..=(hash, version, u64::MAX);
        self.assemblies.range(all).map(|(id, _)| *id).collect()
    }

    /// Whether this record is being put together.
    pub(super) fn holds(&self, hash: u64, version: Version) -> bool {
        !self.senders(hash, version).is_empty()
    }

    /// The records being put together, each in its newest version.
    pub(super) fn heads(&self) -> impl Iterator<Item = Head> {
        let heads: BTreeMap<_, _> =
            self.assemblies.keys().map(|(hash, version, _)| (*hash, *version)).collect();
        heads.into_iter().map(|(hash, version)| Head { hash, version })
    }

    pub(super) fn next_timeout(&self) -> Option<Mono> {
        self.assemblies.values().map(Assembly::due).min()
    }

    /// The questions to repeat, and the members to ask.
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

    /// Drops records that have waited longest for a part until so many bytes more fit.
    fn make_room(&mut self, bytes: usize) {
        while self.assemblies.len() >= ASSEMBLIES_MAX
            || (self.bytes + bytes > ASSEMBLY_BYTES_MAX && !self.assemblies.is_empty())
        {
            let oldest = self.assemblies.iter().min_by_key(|(_, a)| a.touched).map(|(id, _)| *id);
            oldest.and_then(|id| self.remove(id));
        }
    }

    fn remove(&mut self, id: AssemblyId) -> Option<Assembly> {
        let assembly = self.assemblies.remove(&id)?;
        self.bytes -= assembly.whole.len();
        Some(assembly)
    }
}

impl Assembly {
    /// Whether a part is of a record of the same length, and known or sent by the same clock as the one before it.
    fn is_continued_by(&self, now: Mono, part: &Part) -> bool {
        let (at, sent_at) = self.last;
        let passed = sent_at.zip(part.sent_at).map(|(from, to)| to.saturating_sub(from));
        let waited = i64::try_from(now.since(at).as_nanos()).unwrap_or(i64::MAX);
        let step = passed.map_or(0, |passed| passed.abs_diff(waited));
        let is_set =
            sent_at.is_some() != part.sent_at.is_some() || Duration::from_nanos(step) > STEP_MIN;
        usize::try_from(part.bytes) == Ok(self.whole.len())
            && (!is_set || self.missing.binary_search(&part.number).is_err())
    }

    fn due(&self) -> Mono {
        self.touched + PATIENCE * (1 + self.tries / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gossip::record::Key;

    fn record(id: u8, bytes: usize) -> Record {
        Record {
            key: Key::new(1, [id]),
            version: Version { hlc: 1, node: 1 },
            expires_at_ms: 1,
            body: (0..=250).cycle().take(bytes).collect(),
            sent_at: None,
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
    fn parts_in_any_order_make_the_record() {
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
    fn parts_of_two_members_are_not_mixed() {
        let sent_at = |at| Record { sent_at: Some(at), ..record(1, 3_000) };
        let (one, two) = (sent_at(5), sent_at(1 << 40));
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
    fn sent_at_is_that_of_the_last_part() {
        let record = |sent_at| Record { sent_at: Some(sent_at), ..record(1, 3_000) };
        let mut assembler = Assembler::default();
        let mut accept = |sent_at: u8, number: usize| {
            let at = Mono::from_ms(sent_at.into());
            assembler.accept(at, 1, &parts(&record(sent_at.into()))[number])
        };
        assert_eq!((accept(0, 0), accept(1, 2)), (None, None));
        assert_eq!(accept(9, 1), Some(record(9)));
    }

    #[test]
    fn parts_across_a_clock_step_are_not_mixed() {
        let at =
            |sent_at, longer: usize| Record { sent_at: Some(sent_at), ..record(1, 3_000 + longer) };
        let before = at(0, 0);
        // On time, and much too soon; and of another length, whatever is to change it.
        for (after, waits) in [
            (at(9_500_000_000, 0), false),
            (at(9_500_000_000, 1), true),
            (at(30_000_000_000, 0), true),
            (at(-30_000_000_000, 0), true),
            (Record { sent_at: None, ..before.clone() }, true),
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
    fn parts_of_a_fast_clock_and_late_repeats_make_the_record() {
        let record = |sent_at| Record { sent_at: Some(sent_at), ..record(1, 3_000) };
        let part = |sent_at, number: usize| parts(&record(sent_at)).swap_remove(number);
        let mut assembler = Assembler::default();
        // Two of a hundred seconds too fast, so a step's worth in all.
        for (at, sent_at, number) in [
            (0, 0, 0),
            (80_000, 81_600_000_000, 1),
            // Sent again, and late by more than a step.
            (80_000, 70_000_000_000, 0),
        ] {
            let part = part(sent_at, number);
            assert_eq!(assembler.accept(Mono::from_ms(at), 1, &part), None);
        }
        let last = 163_200_000_000;
        let made = assembler.accept(Mono::from_ms(160_000), 1, &part(last, 2));
        assert_eq!(made, Some(record(last)));
    }

    #[test]
    fn missing_parts_are_asked_for_and_at_last_given_up() {
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
    fn the_longest_part_fits_a_datagram() {
        let longest = Message::Part(Part {
            hash: u64::MAX,
            version: Version { hlc: u64::MAX, node: u64::MAX },
            bytes: u32::try_from(WHOLE_BYTES_MAX).unwrap(),
            number: u16::try_from(WHOLE_BYTES_MAX / PART_BYTES).unwrap(),
            data: vec![0; PART_BYTES],
            sent_at: Some(i64::MIN),
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

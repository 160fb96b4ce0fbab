//! Records larger than a datagram travel in numbered parts.
//!
//! The holder keeps nothing: it cuts the encoded record anew whenever parts are asked for. The receiver asks again for
//! what is missing once no part has come for a while, some times, then gives up; a later digest starts it anew.

use std::collections::BTreeMap;
use std::time::Duration;

use super::message::{Message, Part, encode};
use super::record::{Record, Version};
use super::seal::MESSAGE_BYTES_MAX;
use crate::limits::{ASSEMBLIES_MAX, ASSEMBLY_BYTES_MAX, RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX};
use crate::time::Mono;

/// Bytes of a record in one part: what remains of a message beside the part's own fields.
const PART_BYTES: usize = MESSAGE_BYTES_MAX - 56;
/// Bytes of the longest encoded record.
const WHOLE_BYTES_MAX: usize = RECORD_BYTES_MAX + RECORD_KEY_BYTES_MAX + 64;
/// No part for so long: ask for those that are missing.
const PATIENCE: Duration = Duration::from_millis(250);
/// Questions without any new part in between, after which the record is given up.
const TRIES_MAX: u32 = 8;
/// Parts asked for in one message.
const ASKED_MAX: usize = 64;

/// The parts of a record, those of the given numbers only if any are given.
pub(super) fn split(hash: u64, record: &Record, numbers: Option<&[u16]>) -> Vec<Message> {
    let whole = encode(record);
    let Ok(bytes) = u32::try_from(whole.len()) else { return Vec::new() };
    (0_u16..)
        .zip(whole.chunks(PART_BYTES))
        .filter(|(number, _)| numbers.is_none_or(|numbers| numbers.contains(number)))
        .map(|(number, data)| {
            let version = record.version;
            Message::Part(Part { hash, version, bytes, number, data: data.to_vec() })
        })
        .collect()
}

/// Records being put together.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    assemblies: BTreeMap<(u64, Version), Assembly>,
    bytes: usize,
}

#[derive(Debug)]
struct Assembly {
    /// The member that sends it.
    from: u64,
    whole: Vec<u8>,
    missing: Vec<u16>,
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
        let id = (part.hash, part.version);
        if !self.assemblies.contains_key(&id) {
            self.make_room(bytes);
            let parts = u16::try_from(bytes.div_ceil(PART_BYTES)).ok()?;
            let missing = (0..parts).collect();
            self.bytes += bytes;
            self.assemblies.insert(
                id,
                Assembly { from, whole: vec![0; bytes], missing, touched: now, tries: 0 },
            );
        }
        let assembly = self.assemblies.get_mut(&id)?;
        let index = assembly.missing.binary_search(&part.number).ok()?;
        assembly.whole.get_mut(start..start + expected)?.copy_from_slice(&part.data);
        assembly.missing.remove(index);
        (assembly.from, assembly.touched, assembly.tries) = (from, now, 0);
        if !assembly.missing.is_empty() {
            return None;
        }
        let whole = self.remove(id)?.whole;
        let record: Record = minicbor::decode(&whole).ok()?;
        (record.version == part.version && record.key.hash() == part.hash).then_some(record)
    }

    /// Whether this record is being put together.
    pub(super) fn holds(&self, hash: u64, version: Version) -> bool {
        self.assemblies.contains_key(&(hash, version))
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
        for ((hash, version), assembly) in &mut self.assemblies {
            if assembly.due() <= now {
                assembly.touched = now;
                assembly.tries += 1;
                let numbers = assembly.missing.iter().copied().take(ASKED_MAX).collect();
                questions.push((assembly.from, Message::WantParts(*hash, *version, numbers)));
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

    fn remove(&mut self, id: (u64, Version)) -> Option<Assembly> {
        let assembly = self.assemblies.remove(&id)?;
        self.bytes -= assembly.whole.len();
        Some(assembly)
    }
}

impl Assembly {
    fn due(&self) -> Mono {
        self.touched + PATIENCE * (1 << self.tries.min(4))
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
        split(record.key.hash(), record, None)
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
        assert_eq!((asked, assembler.bytes), (8, 0));
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

//! Runs a [`Program`] over a value. Every set of states that is reached becomes a step of a table when it is first met, so
//! most characters cost one look into the table. The table is bounded and is begun anew when it is full; then a
//! character costs as much as there are states.

use std::sync::{Mutex, PoisonError};

use crate::limits::{PATTERN_STEPS_MAX, PATTERN_TABLE_BYTES_MIN};
use crate::model::matcher::node::Look;
use crate::model::matcher::program::{Inst, Place, Program, Side};

/// A step, by its number. The first three are none of the table.
type Step = u8;
/// Not yet known.
const UNKNOWN: Step = 0;
/// Nothing can match any more.
const DEAD: Step = 1;
/// The value matches, whatever follows.
const MATCHED: Step = 2;
/// The first of the table: where every value begins.
const BEGIN: Step = 3;

/// A machine with its table.
#[derive(Debug)]
pub(super) struct Dfa {
    program: Program,
    /// One thread at a time uses it, almost always the same.
    table: Mutex<Table>,
}

impl Dfa {
    pub(super) fn new(program: Program) -> Self {
        Self { program, table: Mutex::default() }
    }

    /// Bytes that it takes, at most.
    pub(super) fn bytes(&self) -> usize {
        self.program.bytes() + self.table_bytes()
    }

    /// Bytes that the table may take: the begin and one other step, each of all states, fit.
    fn table_bytes(&self) -> usize {
        PATTERN_TABLE_BYTES_MIN.max(2 * self.step_bytes(self.program.insts.len()))
    }

    /// Bytes of a step of so many states.
    fn step_bytes(&self, states: usize) -> usize {
        self.stride() + size_of::<(Side, u32)>() + states * size_of::<Place>()
    }

    /// The next steps of a step: one for each kind of character, and one for the end.
    fn stride(&self) -> usize {
        self.program.kinds() + 1
    }

    /// Whether there is a match in `value`; nothing if that takes more than [`PATTERN_STEPS_MAX`]. Adds what was done to
    /// `steps`.
    pub(super) fn is_match(&self, value: &str, steps: &mut u64) -> Option<bool> {
        let table = &mut *self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.is_empty() {
            self.begin(table);
        }
        *steps += value.len() as u64;
        // The steps for a value are counted as if there were no table, so that the answer never depends on what it holds.
        let most = value.len().saturating_mul(self.program.insts.len());
        if most <= PATTERN_STEPS_MAX {
            self.run(table, value, steps, |_, _| true)
        } else {
            let mut left = PATTERN_STEPS_MAX;
            self.run(table, value, steps, |table, step| {
                left = left.saturating_sub(table.states(step).len());
                left > 0
            })
        }
    }

    fn run(
        &self,
        table: &mut Table,
        value: &str,
        steps: &mut u64,
        mut goes_on: impl FnMut(&Table, Step) -> bool,
    ) -> Option<bool> {
        let (end, stride) = (self.program.kinds(), self.stride());
        let kinds = value.chars().map(|c| self.program.kind(c));
        let mut step = BEGIN;
        for kind in kinds.chain([end]) {
            if !goes_on(table, step) {
                return None;
            }
            let at = usize::from(step - BEGIN) * stride + kind;
            let known = table.next.get(at).copied().unwrap_or(UNKNOWN);
            step = if known == UNKNOWN { self.find(table, step, kind, steps) } else { known };
            if step < BEGIN {
                return Some(step == MATCHED);
            }
        }
        Some(false)
    }

    /// Makes the table's first step.
    fn begin(&self, table: &mut Table) {
        let mut states = Reach::new(&self.program.insts);
        states.add(0);
        table.push(Side::Edge, &states.sorted(), self.stride());
    }

    /// Finds what follows a step upon a kind of character, or upon the end, and takes note of it.
    fn find(&self, table: &mut Table, step: Step, kind: usize, steps: &mut u64) -> Step {
        let side = self.program.side(kind);
        // The states of a step are without jumps: only what lies behind a look is to be found first.
        let mut behind = Reach::new(&self.program.insts);
        let mut next = Reach::new(&self.program.insts);
        next.states.reserve(table.states(step).len());
        let (mut matched, mut known) = (false, (u16::MAX, false));
        let mut see =
            |place: Place, behind: &mut Reach<'_>| match self.program.insts.get(usize::from(place))
            {
                Some(Inst::Look(look)) if holds(*look, table.side(step), side) => {
                    behind.add(place + 1);
                }
                Some(Inst::Class(set)) => {
                    if known.0 != *set {
                        known = (*set, self.program.has(*set, kind));
                    }
                    if known.1 {
                        next.add(place + 1);
                    }
                }
                Some(Inst::Match) => matched = true,
                _ => {}
            };
        let states = table.states(step);
        for place in states {
            see(*place, &mut behind);
        }
        let mut at = 0;
        while let Some(place) = behind.states.get(at).copied() {
            at += 1;
            see(place, &mut behind);
        }
        *steps += states.len() as u64 + behind.work + next.work;
        let found = if matched {
            MATCHED
        } else if next.states.is_empty() {
            DEAD
        } else {
            let states = next.sorted();
            match table.find(side, &states) {
                Some(known) => known,
                None if self.has_room(table, states.len()) => {
                    table.push(side, &states, self.stride())
                }
                None => {
                    // The step that this follows on is gone too: nothing to take note of.
                    table.forget(self.stride());
                    return table.push(side, &states, self.stride());
                }
            }
        };
        let at = usize::from(step - BEGIN) * self.stride() + kind;
        if let Some(next) = table.next.get_mut(at) {
            *next = found;
        }
        found
    }

    fn has_room(&self, table: &Table, states: usize) -> bool {
        let bytes = table.next.len()
            + table.steps.len() * size_of::<(Side, u32)>()
            + table.states.len() * size_of::<Place>();
        table.steps.len() < usize::from(Step::MAX - BEGIN)
            && bytes + self.step_bytes(states) <= self.table_bytes()
    }
}

/// The steps that are known.
#[derive(Debug, Default)]
struct Table {
    /// For each step what follows upon each kind of character, and upon the end.
    next: Vec<Step>,
    /// The context before each step, and where its states end.
    steps: Vec<(Side, u32)>,
    /// The states of each step, sorted, one step after the other.
    states: Vec<Place>,
}

impl Table {
    fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Forgets all steps but the first, and what follows on that.
    fn forget(&mut self, stride: usize) {
        self.steps.truncate(1);
        self.states.truncate(self.steps.first().map_or(0, |(_, end)| *end as usize));
        self.next.truncate(stride);
        self.next.fill(UNKNOWN);
    }

    fn push(&mut self, side: Side, states: &[Place], stride: usize) -> Step {
        self.states.extend_from_slice(states);
        self.steps.push((side, u32::try_from(self.states.len()).unwrap_or(u32::MAX)));
        self.next.resize(self.next.len() + stride, UNKNOWN);
        Step::try_from(self.steps.len() - 1).map_or(DEAD, |place| place + BEGIN)
    }

    fn find(&self, side: Side, states: &[Place]) -> Option<Step> {
        let mut begin = 0;
        let place = self.steps.iter().position(|(known, end)| {
            let from = std::mem::replace(&mut begin, *end as usize);
            *known == side && self.states.get(from..begin) == Some(states)
        });
        Step::try_from(place?).ok().map(|place| place + BEGIN)
    }

    fn side(&self, step: Step) -> Side {
        self.steps.get(usize::from(step - BEGIN)).map_or(Side::Other, |(side, _)| *side)
    }

    fn states(&self, step: Step) -> &[Place] {
        let end = |place: usize| self.steps.get(place).map_or(0, |(_, end)| *end as usize);
        let place = usize::from(step - BEGIN);
        let begin = place.checked_sub(1).map_or(0, end);
        self.states.get(begin..end(place)).unwrap_or_default()
    }
}

/// States that are reached without another character, each once.
struct Reach<'a> {
    insts: &'a [Inst],
    seen: Vec<u64>,
    stack: Vec<Place>,
    states: Vec<Place>,
    /// How many instructions were looked at.
    work: u64,
}

impl<'a> Reach<'a> {
    fn new(insts: &'a [Inst]) -> Self {
        let seen = vec![0; insts.len() / 64 + 1];
        Self { insts, seen, stack: Vec::new(), states: Vec::new(), work: 1 }
    }

    fn add(&mut self, place: Place) {
        let mut next = Some(place);
        while let Some(place) = next.take().or_else(|| self.stack.pop()) {
            let (word, bit) = (usize::from(place) / 64, 1 << (place % 64));
            let Some(seen) = self.seen.get_mut(word).filter(|seen| **seen & bit == 0) else {
                continue;
            };
            *seen |= bit;
            self.work += 1;
            match self.insts.get(usize::from(place)) {
                Some(Inst::Jump(to)) => next = Some(*to),
                Some(Inst::Split(to)) => {
                    self.stack.push(*to);
                    next = Some(place + 1);
                }
                _ => self.states.push(place),
            }
        }
    }

    fn sorted(mut self) -> Vec<Place> {
        self.states.sort_unstable();
        self.states
    }
}

/// Whether a place is so, from what stands before it and behind.
fn holds(look: Look, before: Side, behind: Side) -> bool {
    let is_edge = (before == Side::Word) != (behind == Side::Word);
    match look {
        Look::Begin => before == Side::Edge,
        Look::End => behind == Side::Edge,
        Look::LineBegin => matches!(before, Side::Edge | Side::Line),
        Look::LineEnd => matches!(behind, Side::Edge | Side::Line),
        Look::WordEdge => is_edge,
        Look::NoWordEdge => !is_edge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::matcher::re2;

    #[test]
    fn a_table_that_is_full_is_begun_anew_and_says_the_same() {
        let pattern = "[ab]*a[ab]{7}";
        let node = re2::parse(&format!("^(?:{pattern})$")).unwrap();
        let dfa = Dfa::new(Program::new(&node));
        assert_eq!(dfa.table_bytes(), PATTERN_TABLE_BYTES_MIN);
        let other = regex_lite::Regex::new(&format!("^(?:{pattern})$")).unwrap();
        let (mut most, mut begun) = (0, 0);
        for number in 0..4096_u32 {
            let value: String =
                (0..12).map(|at| if number >> at & 1 == 0 { 'a' } else { 'b' }).collect();
            assert_eq!(dfa.is_match(&value, &mut 0), Some(other.is_match(&value)), "{value}");
            let steps = dfa.table.lock().unwrap().steps.len();
            begun += usize::from(steps < most);
            most = most.max(steps);
        }
        assert!(begun > 10, "begun anew {begun} times, {most} steps");
        assert!(most * dfa.stride() <= PATTERN_TABLE_BYTES_MIN, "{most} steps");
    }
}

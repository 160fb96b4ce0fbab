//! A regular expression as a machine: states, and which of them follow upon a character.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::matcher::classes;
use crate::model::matcher::node::{Class, Look, Node};

/// The place of an instruction.
pub(super) type Place = u16;

/// One state.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inst {
    /// Takes a character of this set and goes on behind.
    Class(u16),
    /// Goes on behind if the place is so.
    Look(Look),
    /// Goes on there.
    Jump(Place),
    /// Goes on behind and there.
    Split(Place),
    /// Everything has matched.
    Match,
}

/// The neighbour of a place between two characters, on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Side {
    /// The value's begin or end.
    Edge,
    /// A line feed.
    Line,
    /// A letter, a digit or `_`.
    Word,
    /// Anything else, and everything where the difference does not matter.
    Other,
}

/// The machine. Characters that it never tells apart have one kind.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) insts: Box<[Inst]>,
    /// Ranges of kinds, those of a set one after the other.
    sets: Box<[(u16, u16)]>,
    /// Where each set begins in `sets`; and where the last one ends.
    set_begins: Box<[u32]>,
    /// The kind of each ASCII character.
    ascii: [u8; 128],
    /// With which code point each kind begins.
    begins: Box<[u32]>,
    /// How a look sees each kind.
    sides: Box<[Side]>,
}

impl Program {
    /// The machine of a tree of at most [`crate::limits::PATTERN_STATES_MAX`] states.
    pub(super) fn new(node: &Node) -> Self {
        let mut builder = Builder::default();
        let anything = Node::Class(Class::of(&[('\0', char::MAX)])).repeat(0, None);
        // A match may begin anywhere unless the pattern says where.
        if node.parts().first() != Some(&Node::Look(Look::Begin)) {
            builder.emit(&anything);
        }
        builder.emit(node);
        builder.push(Inst::Match);
        builder.finish()
    }

    /// The number of kinds.
    #[inline]
    pub(super) fn kinds(&self) -> usize {
        self.begins.len()
    }

    /// The kind of a character.
    #[inline]
    pub(super) fn kind(&self, c: char) -> usize {
        match self.ascii.get(c as usize) {
            Some(kind) => usize::from(*kind),
            None => self.begins.partition_point(|begin| *begin <= u32::from(c)) - 1,
        }
    }

    /// How a look sees a kind.
    pub(super) fn side(&self, kind: usize) -> Side {
        self.sides.get(kind).copied().unwrap_or(Side::Edge)
    }

    /// Whether a set has a kind.
    pub(super) fn has(&self, set: u16, kind: usize) -> bool {
        let begin = |set: usize| self.set_begins.get(set).map_or(0, |at| *at as usize);
        let (from, to) = (begin(set.into()), begin(usize::from(set) + 1));
        let ranges = self.sets.get(from..to).unwrap_or_default();
        let at = ranges.partition_point(|(low, _)| usize::from(*low) <= kind);
        at.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|it| kind <= usize::from(it.1))
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.insts)
            + size_of_val(&*self.sets)
            + size_of_val(&*self.set_begins)
            + size_of_val(&*self.begins)
            + size_of_val(&*self.sides)
    }
}

#[derive(Default)]
struct Builder<'a> {
    insts: Vec<Inst>,
    classes: Vec<&'a Class>,
    numbers: BTreeMap<&'a Class, u16>,
    looks: BTreeSet<Look>,
}

impl<'a> Builder<'a> {
    fn push(&mut self, inst: Inst) -> usize {
        self.insts.push(inst);
        self.insts.len() - 1
    }

    /// Where the next instruction comes to stand.
    fn here(&self) -> Place {
        Place::try_from(self.insts.len()).unwrap_or(Place::MAX)
    }

    fn class(&mut self, class: &'a Class) {
        let next = self.classes.len();
        let number = *self.numbers.entry(class).or_insert_with(|| {
            self.classes.push(class);
            u16::try_from(next).unwrap_or(u16::MAX)
        });
        self.push(Inst::Class(number));
    }

    fn emit(&mut self, node: &'a Node) {
        match node {
            Node::Class(class) => self.class(class),
            Node::Look(look) => {
                self.looks.insert(*look);
                self.push(Inst::Look(*look));
            }
            Node::Concat(nodes) => nodes.iter().for_each(|node| self.emit(node)),
            Node::Alternate(nodes) => self.alternate(nodes),
            Node::Repeat { node, min, max } => self.repeat(node, *min, *max),
        }
    }

    fn alternate(&mut self, nodes: &'a [Node]) {
        let mut ends = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            if at + 1 == nodes.len() {
                self.emit(node);
                continue;
            }
            let split = self.push(Inst::Split(0));
            self.emit(node);
            ends.push(self.push(Inst::Jump(0)));
            self.insts[split] = Inst::Split(self.here());
        }
        for end in ends {
            self.insts[end] = Inst::Jump(self.here());
        }
    }

    fn repeat(&mut self, node: &'a Node, min: u32, max: Option<u32>) {
        let mut last = self.here();
        for _ in 0..min {
            last = self.here();
            self.emit(node);
        }
        match max {
            None if min > 0 => {
                self.push(Inst::Split(last));
            }
            None => {
                let split = self.push(Inst::Split(0));
                self.emit(node);
                self.push(Inst::Jump(last));
                self.insts[split] = Inst::Split(self.here());
            }
            Some(max) => {
                let mut splits = Vec::new();
                for _ in min..max {
                    splits.push(self.push(Inst::Split(0)));
                    self.emit(node);
                }
                for split in splits {
                    self.insts[split] = Inst::Split(self.here());
                }
            }
        }
    }

    fn finish(self) -> Program {
        let words = classes::word_class();
        let looks_at = |looks: &[Look]| looks.iter().any(|look| self.looks.contains(look));
        let looks_at_words = looks_at(&[Look::WordEdge, Look::NoWordEdge]);
        let looks_at_lines = looks_at(&[Look::LineBegin, Look::LineEnd]);
        let mut begins = BTreeSet::from([0]);
        let word_ranges = words.ranges().iter().filter(|_| looks_at_words);
        let all = self.classes.iter().flat_map(|class| class.ranges()).chain(word_ranges);
        begins.extend(all.flat_map(|(low, high)| [*low, high + 1]));
        if looks_at_lines {
            begins.extend([10, 11]);
        }
        let begins: Box<[u32]> = begins.into_iter().collect();
        let kind = |code: u32| begins.partition_point(|begin| *begin <= code) - 1;
        let side = |begin: &u32| match *begin {
            10 if looks_at_lines => Side::Line,
            code if looks_at_words && words.has(code) => Side::Word,
            _ => Side::Other,
        };
        let narrow = |kind: usize| u16::try_from(kind).unwrap_or(u16::MAX);
        let (mut sets, mut set_begins) = (Vec::new(), vec![0]);
        for class in &self.classes {
            sets.extend(
                class.ranges().iter().map(|(low, high)| (narrow(kind(*low)), narrow(kind(*high)))),
            );
            set_begins.push(u32::try_from(sets.len()).unwrap_or(u32::MAX));
        }
        let mut ascii = [0; 128];
        for (code, of) in (0..).zip(&mut ascii) {
            *of = u8::try_from(kind(code)).unwrap_or(u8::MAX);
        }
        Program {
            insts: self.insts.into(),
            sets: sets.into(),
            set_begins: set_begins.into(),
            ascii,
            sides: begins.iter().map(side).collect(),
            begins,
        }
    }
}

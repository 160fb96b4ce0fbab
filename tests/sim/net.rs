//! The network between the nodes: what is lost, late, repeated, or cut.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub(crate) struct Net {
    pub(crate) loss: f64,
    pub(crate) repeat: f64,
    pub(crate) delay_ms: (u64, u64),
    /// Now and then a datagram takes so much longer that it comes after later ones.
    pub(crate) late: f64,
    /// By so much at most: with the ways that its record has gone before, less than the two seconds from which on a node
    /// holds clocks to differ.
    pub(crate) late_ms: u64,
    /// Directed pairs between which nothing passes.
    pub(crate) cut: BTreeSet<(usize, usize)>,
    /// The same for a time, by fault: mending one mends no other.
    faults: BTreeMap<u64, BTreeSet<(usize, usize)>>,
    faults_made: u64,
    /// Directed pairs between which multicast does not pass.
    pub(crate) deaf: BTreeSet<(usize, usize)>,
    rng: StdRng,
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            loss: 0.0,
            repeat: 0.0,
            delay_ms: (1, 4),
            late: 0.0,
            late_ms: 1_500,
            cut: BTreeSet::new(),
            faults: BTreeMap::new(),
            faults_made: 0,
            deaf: BTreeSet::new(),
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// After how long each copy of a datagram arrives; none if it is lost.
    pub(crate) fn pass(&mut self, from: usize, to: usize, multicast: bool) -> Vec<u64> {
        let way = (from, to);
        let cut = self.cut.contains(&way) || self.faults.values().any(|it| it.contains(&way));
        if cut || (multicast && self.deaf.contains(&way)) {
            return Vec::new();
        }
        let copies = 1 + u32::from(self.repeat > 0.0 && self.rng.random_bool(self.repeat));
        let mut after = Vec::new();
        for _ in 0..copies {
            if self.loss > 0.0 && self.rng.random_bool(self.loss) {
                continue;
            }
            let mut ms = self.rng.random_range(self.delay_ms.0..=self.delay_ms.1);
            if self.late > 0.0 && self.rng.random_bool(self.late) {
                ms += self.rng.random_range(0..=self.late_ms);
            }
            after.push(ms);
        }
        after
    }

    /// Cuts these from all others, both ways.
    pub(crate) fn split(&mut self, one: &[usize], others: &[usize]) {
        for a in one {
            for b in others.iter().filter(|b| *b != a) {
                self.cut.extend([(*a, *b), (*b, *a)]);
            }
        }
    }

    /// Cuts these ways until [`Self::mend`] is told what is returned.
    pub(crate) fn break_ways(&mut self, ways: BTreeSet<(usize, usize)>) -> u64 {
        self.faults_made += 1;
        self.faults.insert(self.faults_made, ways);
        self.faults_made
    }

    /// Ends one fault; the others stay.
    pub(crate) fn mend(&mut self, fault: u64) {
        self.faults.remove(&fault);
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
        self.faults.clear();
    }
}

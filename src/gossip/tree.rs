//! The tree along which news goes: each member hands it to at most two.
//!
//! The tree of a record is the same on all members that agree on who is there: the living in order of their ids, counted
//! from the author on, form a heap. So a record crosses each link once.
//!
//! Members do not hear at the same time that one of them came or went, and a tree that is not the same on all leaves some
//! of them out. So for some time after a change news goes along two trees: of those who were there all the time, and of
//! those who were there at any time. Who comes is in the first on nobody, who goes is in the second on all.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::time::Mono;

/// By then all members know of a change that one of them knows of: who missed a goodbye asks for twenty seconds.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);

/// Who came and went of late, and with it which trees there are.
#[derive(Debug, Default)]
pub(super) struct Trees {
    changed: BTreeMap<u64, Mono>,
}

impl Trees {
    /// Notes that a member came or went.
    pub(super) fn note_change(&mut self, now: Mono, node: u64) {
        self.changed.retain(|_, at| now.since(*at) < KNOWN_WITHIN);
        self.changed.insert(node, now);
    }

    /// Whom a member hands the author's records to, and beside each of these that does not hand on what it hears, whom it
    /// would hand them to. `living` are all that are there, ourselves among them; none but these are named.
    pub(super) fn heirs(
        &self,
        now: Mono,
        living: &[u64],
        (member, author): (u64, u64),
        hands_on: impl Fn(u64) -> bool,
    ) -> Vec<u64> {
        let is_new = |at: &Mono| now.since(*at) < KNOWN_WITHIN;
        let changed = self.changed.iter().filter(|(_, at)| is_new(at)).map(|(node, _)| *node);
        let (mut always, mut ever) = (living.to_vec(), living.to_vec());
        for node in changed {
            always.retain(|other| *other != node);
            ever.push(node);
        }
        let mut heirs = Vec::new();
        for nodes in [always, ever] {
            // Who is in one tree alone leads on in none but that.
            if !nodes.contains(&member) && member != author {
                continue;
            }
            let mut at = heirs.len();
            heirs.extend(children(&nodes, member, author));
            while let Some(heir) = heirs.get(at).copied() {
                if !living.contains(&heir) || !hands_on(heir) {
                    heirs.extend(children(&nodes, heir, author));
                }
                at += 1;
            }
        }
        heirs.retain(|heir| living.contains(heir));
        heirs.sort_unstable();
        heirs.dedup();
        heirs
    }
}

/// Whom a member hands the author's records to, in the tree of these nodes and the author.
fn children(nodes: &[u64], member: u64, author: u64) -> impl Iterator<Item = u64> {
    let mut nodes: Vec<u64> = nodes.iter().copied().chain([author]).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let count = nodes.len();
    let place = |node: u64| nodes.binary_search(&node).unwrap_or(0);
    let root = place(author);
    let place = (place(member) + count - root) % count;
    (2 * place + 1..=2 * place + 2)
        .filter(move |child| *child < count)
        .filter_map(move |child| nodes.get((root + child) % count).copied())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Who has a record of the author, where each member sees those there that it says.
    fn spread(
        author: u64,
        there: &BTreeSet<u64>,
        sees: impl Fn(u64) -> (Trees, BTreeSet<u64>),
    ) -> BTreeSet<u64> {
        let (mut got, mut next) = (BTreeSet::from([author]), vec![author]);
        while let Some(member) = next.pop() {
            let (trees, living) = sees(member);
            let living: Vec<u64> = living.into_iter().collect();
            // Who is not there does not answer.
            let hands_on = |node| there.contains(&node);
            let heirs = trees.heirs(Mono::ZERO, &living, (member, author), hands_on);
            next.extend(heirs.into_iter().filter(|heir| there.contains(heir) && got.insert(*heir)));
        }
        got
    }

    fn nodes() -> impl Strategy<Value = (Vec<u64>, u64)> {
        let nodes = proptest::collection::btree_set(any::<u64>(), 1..40);
        nodes.prop_flat_map(|nodes| {
            let nodes: Vec<u64> = nodes.into_iter().collect();
            (Just(nodes.clone()), proptest::sample::select(nodes))
        })
    }

    proptest! {
        #[test]
        fn every_member_gets_a_record_from_exactly_one_other((nodes, author) in nodes()) {
            let trees = Trees::default();
            let heirs = |me| trees.heirs(Mono::ZERO, &nodes, (me, author), |_| true);
            let mut got: Vec<u64> = nodes.iter().flat_map(|me| heirs(*me)).chain([author]).collect();
            prop_assert!(nodes.iter().all(|me| heirs(*me).len() <= 2));
            got.sort_unstable();
            prop_assert_eq!(got, nodes);
        }

        #[test]
        fn every_member_gets_a_record_though_some_do_not_know_yet_who_came_or_who_went(
            (nodes, author) in nodes(), went in any::<bool>(), draws in any::<[u64; 3]>()
        ) {
            let all: BTreeSet<u64> = nodes.iter().copied().collect();
            let changed = |node: u64| node != author && (node ^ draws[0]).is_multiple_of(4);
            let steady: BTreeSet<u64> = all.iter().copied().filter(|node| !changed(*node)).collect();
            let knows = |me: u64, node: u64| {
                me == node || (me.rotate_left(7) ^ node ^ draws[1]).wrapping_mul(draws[2] | 1) >> 63 == 0
            };
            let sees = |me: u64| {
                let (mut trees, mut living) = (Trees::default(), all.clone());
                for node in all.iter().copied().filter(|node| changed(*node)) {
                    if me != node && knows(me, node) {
                        trees.note_change(Mono::ZERO, node);
                    }
                    if knows(me, node) == went {
                        living.remove(&node);
                    }
                }
                (trees, living)
            };
            let there = if went { &steady } else { &all };
            let got = spread(author, there, sees);
            prop_assert!(got.is_superset(&steady), "{:?} of {:?}", got, steady);
        }
    }

    #[test]
    fn a_minute_after_a_change_there_is_one_tree_again() {
        let mut trees = Trees::default();
        trees.note_change(Mono::ZERO, 3);
        let heirs = |at| trees.heirs(Mono::from_ms(at), &[1, 2, 3, 4, 5, 6], (1, 1), |_| true);
        assert_eq!(heirs(59_999), [2, 3, 4]);
        assert_eq!(heirs(60_000), [2, 3]);
    }
}

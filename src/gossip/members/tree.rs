//! The trees along which news goes: in each a member passes it on to at most two.
//!
//! The tree of a record is the same on all nodes that agree on the members: the living in order of their ids, counted from
//! the author on, form a heap. So a record crosses each link once.
//!
//! Nodes do not learn at the same time that a member came or went, and trees that differ leave some members out. So while
//! there was a change within the last minute, news also goes along the tree of the members of a minute ago. Nodes that were
//! there agree on that tree, however few of the changes of this minute they know. A node that has just come knows nothing
//! of a minute ago. It may take members for up that are down, but soon it doubts them: while members are doubted, news also
//! goes along a tree without them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::limits::MEMBER_CHANGES_MAX;
use crate::time::Mono;

/// By then all members know of a change that one of them knows of: a member that missed a goodbye finds out within twenty
/// seconds.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);

/// The members that came and went recently, in order.
#[derive(Debug, Default)]
pub(super) struct Churn(VecDeque<Move>);

#[derive(Debug)]
struct Move {
    at: Mono,
    node: u64,
    came: bool,
}

impl Churn {
    /// Notes that a member came, or that it went.
    pub(super) fn note(&mut self, now: Mono, node: u64, came: bool) {
        while self.0.front().is_some_and(|first| {
            now.since(first.at) >= KNOWN_WITHIN || self.0.len() >= MEMBER_CHANGES_MAX
        }) {
            self.0.pop_front();
        }
        self.0.push_back(Move { at: now, node, came });
    }

    /// The trees, where these members are up now, this node among them, and some of them are doubted.
    pub(super) fn trees(
        &self,
        now: Mono,
        mut living: Vec<u64>,
        is_doubted: impl Fn(u64) -> bool,
    ) -> Trees {
        living.sort_unstable();
        let mut sure = living.clone();
        sure.retain(|node| !is_doubted(*node));
        let mut former = living.clone();
        for change in self.0.iter().rev().filter(|change| now.since(change.at) < KNOWN_WITHIN) {
            match former.binary_search(&change.node) {
                Ok(place) if change.came => {
                    former.remove(place);
                }
                Err(place) if !change.came => former.insert(place, change.node),
                Ok(_) | Err(_) => {}
            }
        }
        let others = [former, sure].into_iter().filter(|nodes| *nodes != living).collect();
        Trees { living, others }
    }
}

/// The members that are up, and the sets that others may take for these, each in order.
#[derive(Debug)]
pub(in crate::gossip) struct Trees {
    living: Vec<u64>,
    others: Vec<Vec<u64>>,
}

impl Trees {
    /// The members to which `member` passes the author's records. For each of these that is down or does not pass news on,
    /// the members to which it would pass them are added.
    pub(super) fn recipients(
        &self,
        (member, author): (u64, u64),
        passes_on: impl Fn(u64) -> bool,
    ) -> Vec<u64> {
        let is_up = |node: &u64| self.living.binary_search(node).is_ok();
        let mut recipients = Vec::new();
        for nodes in self.others.iter().chain([&self.living]) {
            let mut at = recipients.len();
            recipients.extend(children(nodes, member, author));
            while let Some(next) = recipients.get(at).copied() {
                if !is_up(&next) || !passes_on(next) {
                    recipients.extend(children(nodes, next, author));
                }
                at += 1;
            }
        }
        recipients.retain(is_up);
        recipients.sort_unstable();
        recipients.dedup();
        recipients
    }
}

/// The members to which `member` passes the author's records, in the tree of the author and these nodes, which are in order;
/// none if it is not among them.
fn children(nodes: &[u64], member: u64, author: u64) -> impl Iterator<Item = u64> {
    let (before, rest) = nodes.split_at(nodes.partition_point(|node| *node < author));
    let after = rest.strip_prefix(&[author]).unwrap_or(rest);
    let place = if member == author {
        Some(0)
    } else {
        let behind = after.len() + 1;
        let found = after.binary_search(&member).map(|place| place + 1);
        found.or_else(|_| before.binary_search(&member).map(|place| place + behind)).ok()
    };
    let children = place.into_iter().flat_map(|place| [2 * place + 1, 2 * place + 2]);
    children.filter_map(move |place| after.iter().chain(before).nth(place - 1).copied())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn nodes() -> impl Strategy<Value = (Vec<u64>, u64)> {
        let nodes = proptest::collection::btree_set(any::<u64>(), 1..40);
        nodes.prop_flat_map(|nodes| {
            let nodes: Vec<u64> = nodes.into_iter().collect();
            (Just(nodes.clone()), proptest::sample::select(nodes))
        })
    }

    /// The nodes that get a record, where the nodes of `there` have these trees, and the others answer nothing.
    fn spread(author: u64, there: &BTreeSet<u64>, trees: impl Fn(u64) -> Trees) -> BTreeSet<u64> {
        let (mut got, mut next) = (BTreeSet::from([author]), vec![author]);
        while let Some(member) = next.pop() {
            let next_ones =
                trees(member).recipients((member, author), |node| there.contains(&node));
            next.extend(next_ones.into_iter().filter(|it| there.contains(it) && got.insert(*it)));
        }
        got
    }

    fn draw(draw: u64, node: u64) -> u64 {
        (node ^ draw).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 62
    }

    proptest! {
        #[test]
        fn every_member_gets_a_record_from_exactly_one_other(
            (nodes, author) in nodes(), knows_author in any::<bool>()
        ) {
            let mut living = nodes.clone();
            living.retain(|node| knows_author || *node != author);
            let trees = Churn::default().trees(Mono::ZERO, living, |_| false);
            let children_of = |me| {
                let children: Vec<u64> = children(&trees.living, me, author).collect();
                assert!(children.len() <= 2);
                children
            };
            let mut got: Vec<u64> = nodes.iter().flat_map(|me| children_of(*me)).chain([author]).collect();
            got.sort_unstable();
            prop_assert_eq!(got, nodes);
        }

        #[test]
        fn every_member_gets_a_record_during_churn(
            (nodes, author) in nodes(), draws in any::<[u64; 4]>()
        ) {
            let came = |node: u64| node != author && draw(draws[0], node) == 0;
            let went = |node: u64| node != author && !came(node) && draw(draws[1], node) == 0;
            let all: BTreeSet<u64> = nodes.iter().copied().collect();
            let there: BTreeSet<u64> = all.iter().copied().filter(|node| !went(*node)).collect();
            let trees = |me: u64| {
                let (mut changes, mut living) = (Churn::default(), all.clone());
                for node in nodes.iter().copied().filter(|node| *node != me) {
                    let is_known = draw(draws[2] ^ me.rotate_left(9), node) < 2;
                    if is_known && (came(me) || came(node) || went(node)) {
                        changes.note(Mono::ZERO, node, !went(node));
                    }
                    if is_known && went(node) || !is_known && (came(me) || came(node)) {
                        living.remove(&node);
                    }
                }
                changes.trees(Mono::ZERO, living.into_iter().collect(), |_| false)
            };
            let got = spread(author, &there, trees);
            let missing: Vec<_> = there.difference(&got).filter(|node| !came(**node)).collect();
            prop_assert!(missing.is_empty(), "{:?}", missing);
        }

        #[test]
        fn every_member_gets_a_record_though_down_for_some_only(
            (nodes, author) in nodes(), draws in any::<[u64; 2]>()
        ) {
            let is_down = |node: u64| node != author && draw(draws[0], node) == 0;
            let there: BTreeSet<u64> = nodes.iter().copied().filter(|node| !is_down(*node)).collect();
            let trees = |me: u64| {
                let is_known = |node: u64| is_down(node) && draw(draws[1] ^ me.rotate_left(9), node) < 2;
                let living = nodes.iter().copied().filter(|node| !is_known(*node)).collect();
                Churn::default().trees(Mono::ZERO, living, is_down)
            };
            prop_assert_eq!(spread(author, &there, trees), there);
        }
    }

    #[test]
    fn a_minute_after_a_change_one_tree_is_left() {
        let mut changes = Churn::default();
        changes.note(Mono::ZERO, 3, false);
        changes.note(Mono::ZERO, 5, true);
        let others = |at| changes.trees(Mono::from_ms(at), vec![1, 2, 4, 5], |_| false).others;
        assert_eq!(others(59_999), [[1, 2, 3, 4]]);
        assert!(others(60_000).is_empty());
        for node in 0..10_000 {
            changes.note(Mono::ZERO, node, true);
        }
        assert_eq!(changes.0.len(), MEMBER_CHANGES_MAX);
    }
}

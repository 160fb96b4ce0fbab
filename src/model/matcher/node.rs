//! A regular expression as a tree. Only whether the whole matches is asked for, so captures, greed and the order of
//! alternatives are not in it, and each constructor may simplify.

/// One expression.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    /// One character of a set.
    Class(Class),
    /// A condition on what stands before and behind; takes no character.
    Look(Look),
    /// One after the other; none is the empty text.
    Concat(Vec<Self>),
    /// One of these.
    Alternate(Vec<Self>),
    /// The same again and again, at least `min` times and at most `max`.
    Repeat {
        /// The inner node.
        node: Box<Self>,
        /// At least so often.
        min: u32,
        /// At most so often; none is without end.
        max: Option<u32>,
    },
}

/// A condition on the place between two characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    /// `\A`
    Begin,
    /// `\z`
    End,
    /// `^` under `(?m)`
    LineBegin,
    /// `$` under `(?m)`
    LineEnd,
    /// `\b`
    WordEdge,
    /// `\B`
    NoWordEdge,
}

impl Node {
    /// One character.
    pub(super) fn char(c: char) -> Self {
        Self::Class(Class::of(&[(c, c)]))
    }

    /// One after the other.
    pub(super) fn concat(nodes: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(nodes.len());
        for node in nodes {
            match node {
                Self::Concat(inner) => flat.extend(inner),
                // `x*x*` is `x*`.
                Self::Repeat { min: 0, max: None, .. } if flat.last() == Some(&node) => {}
                node => flat.push(node),
            }
        }
        match flat.len() {
            1 => flat.pop().unwrap_or(Self::Concat(Vec::new())),
            _ => Self::Concat(flat),
        }
    }

    /// One of these. A common beginning is taken out, so that a thousand host names become few states.
    pub(super) fn alternate(nodes: &[Self]) -> Self {
        let mut branches: Vec<&[Self]> = nodes.iter().map(Self::parts).collect();
        branches.sort_unstable();
        branches.dedup();
        factored(&branches)
    }

    /// The same again and again.
    pub(super) fn repeat(self, min: u32, max: Option<u32>) -> Self {
        match (self, min, max) {
            (_, _, Some(0)) => Self::Concat(Vec::new()),
            (node, 1, Some(1)) => node,
            // Without these each copy would be tried by itself.
            (Self::Repeat { node, min: 0, max: None }, ..) => {
                Self::Repeat { node, min: 0, max: None }
            }
            (Self::Repeat { node, min: 0, max: Some(1) }, _, max) => {
                Self::Repeat { node, min: 0, max }
            }
            (node, ..) => Self::Repeat { node: Box::new(node), min, max },
        }
    }

    /// Its parts, one after the other.
    pub(super) fn parts(&self) -> &[Self] {
        match self {
            Self::Concat(nodes) => nodes,
            node => std::slice::from_ref(node),
        }
    }

    /// The character that it is, if it is but one.
    pub(super) fn as_char(&self) -> Option<char> {
        match self {
            Self::Class(class) => match class.ranges() {
                [(low, high)] if low == high => char::from_u32(*low),
                _ => None,
            },
            _ => None,
        }
    }

    /// How many states it takes, repetitions written out.
    pub(super) fn states(&self) -> usize {
        let sum = |nodes: &[Self]| nodes.iter().map(Self::states).fold(0, usize::saturating_add);
        match self {
            Self::Class(_) | Self::Look(_) => 1,
            Self::Concat(nodes) => sum(nodes),
            Self::Alternate(nodes) => sum(nodes).saturating_add(nodes.len()),
            Self::Repeat { node, min, max } => {
                let copies = max.unwrap_or(*min).max(1);
                let branches = max.map_or(2, |max| max - min);
                node.states().saturating_mul(copies as usize).saturating_add(branches as usize)
            }
        }
    }
}

/// One of `branches`, which are sorted and each but once.
fn factored(branches: &[&[Node]]) -> Node {
    let mut nodes = Vec::new();
    for group in branches.chunk_by(|a, b| a.first() == b.first()) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        // They are sorted: what the first and the last have in common, all have.
        let common = first.iter().zip(*last).take_while(|(a, b)| a == b).count();
        let (head, _) = first.split_at(common);
        let mut parts = head.to_vec();
        if group.len() > 1 {
            let tails: Vec<&[Node]> =
                group.iter().map(|branch| branch.split_at(common).1).collect();
            parts.push(factored(&tails));
        }
        nodes.push(Node::concat(parts));
    }
    match nodes.len() {
        1 => nodes.pop().unwrap_or(Node::Concat(Vec::new())),
        _ => Node::Alternate(nodes),
    }
}

/// A set of characters: ranges of code points, sorted, apart from each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class(Vec<(u32, u32)>);

impl Class {
    /// The characters of these ranges.
    pub(super) fn of(ranges: &[(char, char)]) -> Self {
        Self::new(ranges.iter().map(|(low, high)| (u32::from(*low), u32::from(*high))).collect())
    }

    fn new(mut ranges: Vec<(u32, u32)>) -> Self {
        if ranges.len() > 1 {
            ranges.sort_unstable();
            ranges.dedup_by(|next, last| {
                let touches = next.0 <= last.1 + 1;
                if touches {
                    last.1 = last.1.max(next.1);
                }
                touches
            });
        }
        Self(ranges)
    }

    /// With the characters of these ranges.
    #[must_use]
    pub(super) fn with(mut self, ranges: Vec<(u32, u32)>) -> Self {
        self.0.extend(ranges);
        Self::new(self.0)
    }

    /// All others.
    #[must_use]
    pub(super) fn not(&self) -> Self {
        let mut next = 0;
        let mut ranges = Vec::with_capacity(self.0.len() + 1);
        for (low, high) in &self.0 {
            if next < *low {
                ranges.push((next, low - 1));
            }
            next = high + 1;
        }
        if next <= u32::from(char::MAX) {
            ranges.push((next, u32::from(char::MAX)));
        }
        Self(ranges)
    }

    /// With the other case of each ASCII letter.
    #[must_use]
    pub(super) fn ascii_folded(mut self) -> Self {
        let mut cases = Vec::new();
        for (low, high) in &self.0 {
            for (from, to, offset) in [('a', 'z', -32), ('A', 'Z', 32)] {
                let (low, high) = ((*low).max(u32::from(from)), (*high).min(u32::from(to)));
                if low <= high {
                    cases.push((low.wrapping_add_signed(offset), high.wrapping_add_signed(offset)));
                }
            }
        }
        self.0.append(&mut cases);
        Self::new(self.0)
    }

    /// Whether it has the character of a code.
    pub(super) fn has(&self, code: u32) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&code))
    }

    /// Its ranges.
    pub(super) fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::matcher::re2;

    #[test]
    fn a_long_spelling_of_a_pattern_takes_few_states() {
        let states = |pattern: &str| re2::parse(pattern).unwrap().states();
        assert_eq!(states("(y?){1000}"), states("y{0,1000}"));
        assert_eq!(states(&".*".repeat(4000)), states(".*"));
        assert_eq!(states("((a*)+)*"), states("a*"));
        assert_eq!(states("abc1|abc2|abd"), states("ab(c(1|2)|d)"));
        let hosts: Vec<String> = (0..1000).map(|n| format!("web-{n}.+")).collect();
        assert!(states(&hosts.join("|")) < 6000, "{}", states(&hosts.join("|")));
        assert_eq!(states("((a{10}){10}){10}"), 1000);
    }

    #[test]
    fn classes_are_sets() {
        let class = |ranges: &[(char, char)]| Class::of(ranges);
        assert_eq!(class(&[('b', 'd'), ('a', 'b'), ('e', 'f')]), class(&[('a', 'f')]));
        assert_eq!(class(&[('b', 'd')]).not().not(), class(&[('b', 'd')]));
        assert_eq!(class(&[('\0', char::MAX)]).not().ranges(), []);
        assert_eq!(
            class(&[('Y', 'b')]).ascii_folded(),
            class(&[('A', 'B'), ('Y', 'b'), ('y', 'z')])
        );
    }
}

//! Label sets: sorted, unique, interned. Annotations have the same shape.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::model::Interned;
use crate::model::printable::is_control;

/// Identity of a label set: FNV-1a over the sorted pairs, each `name 0xFF value 0xFF`, as Prometheus' `common/model`
/// computes it. Printed as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The first in their order.
    pub const MIN: Self = Self(0);

    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;

    /// The fingerprint of pairs that come sorted by name.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut hash = Self::OFFSET;
        for (name, value) in pairs {
            for text in [name, value] {
                for byte in text.as_bytes() {
                    hash = (hash ^ u64::from(*byte)).wrapping_mul(Self::PRIME);
                }
                hash = (hash ^ 0xFF).wrapping_mul(Self::PRIME);
            }
        }
        Self(hash)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Name and value pairs, sorted by name, no name twice. Cheap to clone: clones share the pairs, and a
/// [`Pool`](crate::model::Pool) shares the strings between sets.
#[derive(Clone, PartialEq, Eq)]
pub struct Labels(Rc<[(Interned, Interned)]>);

impl Labels {
    /// No labels at all.
    pub fn empty() -> Self {
        Self(Rc::new([]))
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(n, _)| (**n).cmp(name)).ok()?;
        self.0.get(at).map(|(_, value)| &**value)
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The pairs as they are held, sorted by name.
    pub(super) fn pairs(&self) -> &[(Interned, Interned)] {
        &self.0
    }

    /// How many of the first pairs stand alike in both sets.
    pub fn shared(&self, other: &Self) -> usize {
        self.0.iter().zip(&*other.0).take_while(|(one, another)| one == another).count()
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of the names and values.
    pub fn bytes(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// The identity of this set.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.iter())
    }

    /// The pairs whose name `keep` accepts; the strings are shared.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        self.0.iter().filter(|(name, _)| keep(name)).cloned().collect()
    }

    /// The pairs that stand alike in both sets.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        // Strings are shared, so most are compared by their addresses.
        let mut rest = other.0.iter();
        if self.0.iter().all(|pair| rest.any(|it| it == pair)) {
            return self.clone();
        }
        self.filter(|name| other.get(name) == self.get(name))
    }

    /// Whether these are the given pairs, which come sorted by name.
    pub fn equals<'a>(&self, mut pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> bool {
        self.len() == pairs.len() && self.iter().all(|pair| pairs.next() == Some(pair))
    }
}

impl FromIterator<(Interned, Interned)> for Labels {
    /// Sorts; of equal names the last one stays.
    fn from_iter<I: IntoIterator<Item = (Interned, Interned)>>(pairs: I) -> Self {
        // Nearly always they come sorted, and where their number is known there is one allocation.
        let pairs: Rc<[_]> = pairs.into_iter().collect();
        if pairs.is_sorted_by(|a, b| a.0 < b.0) {
            return Self(pairs);
        }
        Self(pairs.iter().cloned().collect::<BTreeMap<_, _>>().into_iter().collect())
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Labels {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        pairs
            .into_iter()
            .map(|(name, value)| (Interned::from(name), Interned::from(value)))
            .collect()
    }
}

/// The order of Prometheus' `LabelSet.Before`: fewer labels first, then by the values of the sorted names, a missing
/// name first.
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.len().cmp(&other.len()).then_with(|| {
            for ((name, value), (other_name, other_value)) in self.0.iter().zip(other.0.iter()) {
                // The smaller name is the one that the other set lacks.
                let order = other_name.cmp(name).then_with(|| value.cmp(other_value));
                if order.is_ne() {
                    return order;
                }
            }
            Ordering::Equal
        })
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `{a="b", c="d"}`, values quoted as Go's `strconv.Quote` does: the form that group keys carry.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={}", Quoted(value))?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As a map.
impl serde::Serialize for Labels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// Prints a string as Go's `strconv.Quote` does.
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\u{7}' => f.write_str("\\a")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{c}' => f.write_str("\\f")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\u{b}' => f.write_str("\\v")?,
                c if c < ' ' || c == '\u{7f}' => write!(f, "\\x{:02x}", u32::from(c))?,
                c if is_control(c) || (c.is_whitespace() && c != ' ') => {
                    write!(f, "\\u{:04x}", u32::from(c))?;
                }
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn fingerprints_equal_alertmanagers() {
        let vectors: [(&[(&str, &str)], &str); 4] = [
            (&[("severity", "critical"), ("alertname", "alert1")], "0223b772b51c29e1"),
            (&[("a", "b")], "d2b371819297f98a"),
            (
                &[("alertname", "B"), ("instance", "i1"), ("severity", "critical"), ("team", "a")],
                "9edabd754de03ebd",
            ),
            (&[], "cbf29ce484222325"),
        ];
        for (pairs, fingerprint) in vectors {
            assert_eq!(labels(pairs).fingerprint().to_string(), fingerprint);
        }
    }

    #[test]
    fn of_equal_names_the_last_stays() {
        assert_eq!(labels(&[("b", "1"), ("a", "2"), ("b", "3")]).to_string(), r#"{a="2", b="3"}"#);
    }

    #[test]
    fn sets_order_by_size_then_missing_name_then_value() {
        let mut sets =
            [labels(&[("a", "2")]), labels(&[("b", "1")]), labels(&[("a", "1")]), labels(&[])];
        sets.sort();
        let printed: Vec<String> = sets.iter().map(ToString::to_string).collect();
        assert_eq!(printed, ["{}", r#"{b="1"}"#, r#"{a="1"}"#, r#"{a="2"}"#]);
    }

    #[test]
    fn values_are_quoted_as_go_quotes() {
        assert_eq!(Quoted("a\"\\\n\u{1}é\u{7f}").to_string(), r#""a\"\\\n\x01é\x7f""#);
        assert_eq!(Quoted("\u{9b}\u{202e}\u{2066}").to_string(), r#""\u009b\u202e\u2066""#);
    }
}

//! A set of small numbers: a bit each.

/// The set.
#[derive(Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// Puts a number in or takes it out.
    pub(super) fn set(&mut self, number: usize, is_in: bool) {
        let (word, bit) = (number / 64, 1 << (number % 64));
        if is_in && word >= self.0.len() {
            self.0.reserve_exact(word + 1 - self.0.len());
            self.0.resize(word + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits = if is_in { *bits | bit } else { *bits & !bit };
        }
    }

    /// Every number in it, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.common(self)
    }

    /// Every number in both, in order: 64 are compared at a time.
    pub(super) fn common(&self, other: &Self) -> impl Iterator<Item = usize> {
        let words = self.0.iter().zip(&other.0).map(|(ours, theirs)| ours & theirs).enumerate();
        words.filter(|(_, bits)| *bits != 0).flat_map(|(word, bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
        })
    }

    /// Takes every number out.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_is_set_until_it_is_cleared() {
        let mut bits = Bits::default();
        for number in [700, 0, 63, 64] {
            bits.set(number, true);
        }
        bits.set(63, false);
        bits.set(9_999, false);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 64, 700]);
    }

    #[test]
    fn common_numbers_are_those_in_both() {
        let (mut one, mut other) = (Bits::default(), Bits::default());
        for number in [3, 64, 90] {
            one.set(number, true);
        }
        for number in [4, 64, 90, 700] {
            other.set(number, true);
        }
        assert_eq!(one.common(&other).collect::<Vec<_>>(), [64, 90]);
        other.clear();
        assert_eq!(one.common(&other).count(), 0);
    }
}

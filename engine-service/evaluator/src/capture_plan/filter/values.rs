//! Tests of masked numbers.

use eyrie_proto::capture::{ArgumentFilter, FlagFilter};

/// A number, masked, is one of some values; or is not zero, if there are none.
pub(super) trait Masked: Clone + PartialEq {
    /// Whether the other test is of the same bits of the same number.
    fn is_of_same(&self, other: &Self) -> bool;
    fn mask(&self) -> u64;
    fn values(&self) -> &[u64];
    fn with_values(&self, values: Vec<u64>) -> Self;
}

/// Whether every test of `weak` follows from one of `strong`.
pub(super) fn all_imply<T: Masked>(strong: &[T], weak: &[T]) -> bool {
    weak.iter().all(|test| strong.iter().any(|own| own.is_of_same(test) && implies(own, test)))
}

fn implies<T: Masked>(strong: &T, weak: &T) -> bool {
    match (strong.values(), weak.values()) {
        ([], weak) => weak.is_empty(),
        (strong, []) => !strong.contains(&0),
        (strong, weak) => strong.iter().all(|value| weak.contains(value)),
    }
}

/// All tests of both; `None` if no number holds them.
pub(super) fn both<T: Masked>(first: &[T], second: &[T]) -> Option<Vec<T>> {
    let mut all = first.to_vec();
    for test in second {
        match all.iter_mut().find(|own| own.is_of_same(test)) {
            Some(own) => *own = own.with_values(common(own.values(), test.values())?),
            None => all.push(test.clone()),
        }
    }
    Some(all)
}

fn common(first: &[u64], second: &[u64]) -> Option<Vec<u64>> {
    let values: Vec<u64> = match (first, second) {
        ([], []) => return Some(Vec::new()),
        ([], some) | (some, []) => some.iter().copied().filter(|value| *value != 0).collect(),
        (first, second) => first.iter().copied().filter(|value| second.contains(value)).collect(),
    };
    (!values.is_empty()).then_some(values)
}

/// The tests that hold if those of either hold.
pub(super) fn either<T: Masked>(first: &[T], second: &[T]) -> Vec<T> {
    let union = |own: &T| {
        let other = second.iter().find(|other| other.is_of_same(own))?;
        match (own.values(), other.values()) {
            ([], []) => Some(own.clone()),
            ([], _) | (_, []) => None,
            (values, more) => {
                let mut all = values.to_vec();
                super::add_missing(&mut all, more);
                all.sort_unstable();
                // All values that there are say nothing.
                let is_test = u32::try_from(all.len()).is_ok_and(|count| {
                    1_u32.checked_shl(own.mask().count_ones()).is_none_or(|all| count < all)
                });
                is_test.then(|| own.with_values(all))
            }
        }
    };
    first.iter().filter_map(union).collect()
}

// === impl Masked ===

impl Masked for ArgumentFilter {
    fn is_of_same(&self, other: &Self) -> bool {
        (self.index, self.mask) == (other.index, other.mask)
    }

    fn mask(&self) -> u64 {
        self.mask
    }

    fn values(&self) -> &[u64] {
        &self.values
    }

    fn with_values(&self, values: Vec<u64>) -> Self {
        Self { values, ..self.clone() }
    }
}

impl Masked for FlagFilter {
    fn is_of_same(&self, other: &Self) -> bool {
        self.mask == other.mask
    }

    fn mask(&self) -> u64 {
        self.mask
    }

    fn values(&self) -> &[u64] {
        &self.values
    }

    fn with_values(&self, values: Vec<u64>) -> Self {
        Self { values, ..self.clone() }
    }
}

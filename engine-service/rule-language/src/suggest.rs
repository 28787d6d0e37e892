//! Names that are close to a wrong one.

use std::cell::Cell;

/// Longer names are not compared: the cost grows with the product of the lengths.
const MAX_LENGTH: usize = 64;

/// How many suggestions are looked for in one run.
const MAX_SUGGESTIONS: usize = 100;

/// How many candidates are compared, so that many errors against many names stay cheap.
const MAX_CANDIDATES: usize = 5000;

/// How many more suggestions may be looked for; each compares with all candidates.
#[derive(Debug)]
pub(crate) struct Allowance(Cell<usize>);

// === impl Allowance ===

impl Allowance {
    /// Enough for every error that somebody will read.
    pub(crate) fn new() -> Self {
        Self(Cell::new(MAX_SUGGESTIONS))
    }

    /// For those who do not look at suggestions.
    pub(crate) fn none() -> Self {
        Self(Cell::new(0))
    }

    /// As [`closest`], until the allowance is used up.
    pub(crate) fn closest<'name>(
        &self,
        name: &str,
        candidates: impl IntoIterator<Item = &'name str>,
    ) -> Option<&'name str> {
        self.0.set(self.0.get().checked_sub(1)?);
        closest(name, candidates)
    }
}

/// The candidate that `name` is most likely meant to be, if one is close enough.
pub fn closest<'name>(name: &str, candidates: impl IntoIterator<Item = &'name str>) -> Option<&'name str> {
    if name.is_empty() || name.len() > MAX_LENGTH {
        return None;
    }
    // A third of the letters may be wrong, three at most.
    let allowed = (name.len() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= allowed)
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be put in, taken out, changed, or swapped with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, from_letter) in from.iter().enumerate() {
        let mut current = Vec::with_capacity(to.len() + 1);
        current.push(row + 1);
        for (column, to_letter) in to.iter().enumerate() {
            let cell = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (cell(&last, column) + usize::from(from_letter != to_letter))
                .min(cell(&last, column + 1) + 1)
                .min(cell(&current, column) + 1);
            let swapped = row > 0
                && column > 0
                && from.get(row - 1) == Some(to_letter)
                && to.get(column - 1) == Some(from_letter);
            if swapped {
                best = best.min(cell(&before_last, column - 1) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slips of the finger are recognised, other words are not.
    #[test]
    fn slips_are_recognised() {
        let names = ["proc.name", "proc.pname", "fd.name", "evt.type"];
        assert_eq!(closest("proc.nmae", names), Some("proc.name"));
        assert_eq!(closest("procname", names), Some("proc.name"));
        assert_eq!(closest("evt.typ", names), Some("evt.type"));
        assert_eq!(closest("container.id", names), None);
        assert_eq!(closest("", names), None);
        assert_eq!(distance("abcd", "acbd"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}

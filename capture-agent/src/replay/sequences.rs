//! Sequence numbers of a recording, and those under which its events are sent.

use std::collections::VecDeque;

/// Runs of numbers that are remembered, 24 bytes each. What a call's end refers to began shortly before, unless a filter left out most of
/// what was between.
const MAX_RUNS: usize = 65_536;

/// Where numbers go. Events that a filter left out, or that were lost, leave gaps in the recording and none in what is sent.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    /// First and last recorded number of each run without a gap, and the number under which its first was sent; ascending.
    runs: VecDeque<(u64, u64, u64)>,
}

// === impl Sequences ===

impl Sequences {
    /// An event was sent under another number.
    pub(super) fn sent(&mut self, recorded: u64, sent: u64) {
        if let Some((first, last, sent_first)) = self.runs.back_mut()
            && last.checked_add(1) == Some(recorded)
            && *sent_first + (recorded - *first) == sent
        {
            *last = recorded;
            return;
        }
        if self.runs.len() >= MAX_RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back((recorded, recorded, sent));
    }

    /// Under which number the event was sent; `None` if it was not, or too long ago.
    pub(super) fn of(&self, recorded: u64) -> Option<u64> {
        let behind = self.runs.partition_point(|(first, _, _)| *first <= recorded);
        let (first, last, sent) = self.runs.get(behind.checked_sub(1)?)?;
        (recorded <= *last).then(|| sent + (recorded - first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: numbers with gaps are sent without, more than are remembered.
    /// Guarantees: each that is remembered is found; those in gaps and those that are forgotten are not.
    #[test]
    fn numbers_are_found() {
        let mut sequences = Sequences::default();
        let recorded = [5, 6, 7, 10, 11, 20];
        for (sent, recorded) in (1..).zip(recorded) {
            sequences.sent(recorded, sent);
        }
        assert_eq!(recorded.map(|recorded| sequences.of(recorded)), [1, 2, 3, 4, 5, 6].map(Some));
        assert_eq!([0, 4, 8, 9, 12, 21].map(|recorded| sequences.of(recorded)), [None; 6]);
        assert_eq!(sequences.runs.len(), 3);
        for number in 0..100_000 {
            sequences.sent(100 + 2 * number, 7 + number);
        }
        assert_eq!(sequences.runs.len(), MAX_RUNS);
        assert_eq!((sequences.of(5), sequences.of(200_098)), (None, Some(100_006)));
    }
}

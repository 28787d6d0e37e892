//! Sequence numbers of a recording, and those under which its events are sent.

use std::collections::VecDeque;

use eyrie_proto::capture::Batch;

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

/// Where in a recorded stream its batches stand.
#[derive(Debug)]
pub(super) struct Place {
    /// The number of the next event; of the first that comes, if there is no base state to say it.
    next: Option<u64>,
    /// 0 if the recording has none.
    epoch: u64,
    /// A filter left events out: what is not there is no loss.
    is_filtered: bool,
}

/// A batch that goes on where the one before ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Events before it that the recording does not have, and does not say why.
    pub(super) missing: u64,
    /// Its events up to this number came before.
    pub(super) from: u64,
}

// === impl Place ===

impl Place {
    pub(super) fn new(as_of_sequence: Option<u64>, epoch: u64, is_filtered: bool) -> Self {
        let next = as_of_sequence.map(|as_of| as_of.saturating_add(1));
        Self { next, epoch, is_filtered }
    }

    /// Where the batch goes on; `None` if all of it came before, or it is not of this stream.
    pub(super) fn take(&mut self, batch: &Batch, left_out_before: &[u32]) -> Option<Placed> {
        let left_out: u64 = left_out_before.iter().copied().map(u64::from).sum();
        let count = left_out.checked_add(u64::try_from(batch.events.len()).ok()?)?;
        let behind = batch.first_sequence.checked_add(count)?;
        let is_ours = self.epoch == 0 || batch.epoch == self.epoch;
        let next = *self.next.get_or_insert(batch.first_sequence);
        if !is_ours || batch.first_sequence == 0 || behind <= next {
            return None;
        }
        self.next = Some(behind);
        let missing = if self.is_filtered { 0 } else { batch.first_sequence.saturating_sub(next) };
        Some(Placed { missing, from: next })
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

    /// Scenario: batches that follow each other, come again, in part or whole, leave a gap, are of another epoch, or have no number; behind a base
    /// state, and without one.
    /// Guarantees: each goes on where the one before ended; gaps are told, but not where a filter left events out.
    #[test]
    fn batches_find_their_place() {
        let batch = |first_sequence, events: usize| Batch {
            epoch: 7,
            first_sequence,
            events: vec![Default::default(); events],
            ..Batch::default()
        };
        let placed = |missing, from| Some(Placed { missing, from });
        let mut place = Place::new(Some(40), 7, false);
        assert_eq!(place.take(&batch(41, 3), &[]), placed(0, 41));
        assert_eq!(place.take(&batch(41, 3), &[]), None);
        assert_eq!(place.take(&batch(43, 2), &[]), placed(0, 44), "the first of them came before");
        assert_eq!(place.take(&batch(45, 2), &[0, 5]), placed(0, 45), "up to 51");
        assert_eq!(place.take(&batch(60, 1), &[]), placed(8, 52));
        assert_eq!(place.take(&Batch { epoch: 8, ..batch(61, 1) }, &[]), None);
        assert_eq!(place.take(&batch(0, 100), &[]), None);
        assert_eq!(place.take(&batch(u64::MAX, 2), &[]), None);
        assert_eq!(Place::new(None, 0, false).take(&batch(500, 1), &[]), placed(0, 500));
        assert_eq!(Place::new(Some(0), 0, true).take(&batch(500, 1), &[]), placed(0, 1));
    }
}

//! Leaving events out of a batch, so that those which stay keep their sequence numbers.

use std::iter::repeat;

use eyrie_proto::{event::Event, recording::RecordedBatch};

/// Keeps the events that `is_kept` says; gives how many were left out. What is left out behind the last one shows by the number of
/// the next batch alone, and a batch of which nothing is left has no events.
pub fn retain(recorded: &mut RecordedBatch, mut is_kept: impl FnMut(&mut Event) -> bool) -> u64 {
    let Some(batch) = &mut recorded.batch else { return 0 };
    let before = std::mem::take(&mut recorded.left_out_before).into_iter().chain(repeat(0));
    let (mut gaps, mut kept) = (Vec::new(), Vec::new());
    let (mut left_out, mut gap) = (0, 0_u32);
    for (mut event, before) in std::mem::take(&mut batch.events).into_iter().zip(before) {
        gap = gap.saturating_add(before);
        if is_kept(&mut event) {
            gaps.push(std::mem::take(&mut gap));
            kept.push(event);
        } else {
            (left_out, gap) = (left_out + 1, gap.saturating_add(1));
        }
    }
    batch.event_count = u32::try_from(kept.len()).unwrap_or(u32::MAX);
    batch.events = kept;
    if gaps.iter().any(|gap| *gap != 0) {
        recorded.left_out_before = gaps;
    }
    left_out
}

#[cfg(test)]
mod tests {
    use eyrie_proto::capture::Batch;

    use super::*;

    /// Scenario: events are left out of a batch twice. Guarantees: the numbers of those that stay are what they were in the beginning, and
    /// what was left out is counted; a batch that stays whole says nothing of gaps.
    #[test]
    fn events_keep_their_numbers() {
        let events = (10..20).map(|boot_ns| Event { boot_ns, ..Event::default() }).collect();
        let batch = Batch { first_sequence: 10, events, ..Batch::default() };
        let mut recorded = RecordedBatch { batch: Some(batch), left_out_before: Vec::new() };
        assert_eq!(retain(&mut recorded, |_| true), 0);
        assert!(recorded.left_out_before.is_empty());
        assert_eq!(retain(&mut recorded, |event| event.boot_ns % 3 != 0), 3);
        assert_eq!(retain(&mut recorded, |event| event.boot_ns % 2 == 0), 4);
        let batch = recorded.batch.unwrap();
        let mut next = batch.first_sequence;
        for (event, gap) in batch.events.iter().zip(&recorded.left_out_before) {
            next += u64::from(*gap);
            assert_eq!(event.boot_ns, next);
            next += 1;
        }
        assert_eq!((batch.events.len(), batch.event_count, recorded.left_out_before.len()), (3, 3, 3));
    }
}

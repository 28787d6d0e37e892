//! Where a batch stands in its origin's stream.

use eyrie_proto::capture::{Batch, BatchEncoding, BatchRejection, RejectionReason};

use super::unpacking::Fault;

/// When to send a batch again that came too early, or over the credit.
const RETRY_AFTER_MS: u64 = 100;

/// What is to be done with a batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// It has events that come next; those before them were taken already.
    Next,
    /// All of it was taken already.
    Repeated,
    /// It is refused.
    Refused {
        rejection: BatchRejection,
        /// The refused events come next and will not be sent again: the stream goes on after this one.
        goes_on_after: Option<u64>,
    },
}

/// How large batches may be, and what is outstanding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received<'a> {
    pub(super) bytes: u64,
    pub(super) max_bytes: u64,
    pub(super) is_over_credit: bool,
    /// Its events could not be unpacked.
    pub(super) fault: Option<&'a Fault>,
}

/// Places a batch behind `through`, the newest event that was taken.
pub(super) fn place(batch: &Batch, epoch: u64, through: u64, received: Received<'_>) -> Place {
    use RejectionReason as Reason;
    let again = |reason, message| refused(batch, reason, message, Some(RETRY_AFTER_MS), None);
    if received.is_over_credit {
        return again(Reason::OverCredit, "it came over the credit: wait for Credit".to_owned());
    }
    if batch.epoch != epoch {
        let message = format!("its epoch is {:#x}, the session's is {epoch:#x}", batch.epoch);
        return refused(batch, Reason::WrongEpoch, message, None, None);
    }
    let count = u64::from(batch.event_count).max(batch.events.len() as u64);
    let Some(last) = last_sequence(batch.first_sequence, count) else {
        let message = format!("{count} events from sequence {} cannot be", batch.first_sequence);
        return refused(batch, Reason::Malformed, message, None, None);
    };
    if last <= through {
        return Place::Repeated;
    }
    if batch.first_sequence > through.saturating_add(1) {
        let message = format!(
            "it begins at sequence {}, expected is {}",
            batch.first_sequence,
            through.saturating_add(1)
        );
        return again(Reason::OutOfOrder, message);
    }
    match fault(batch, received) {
        Some((reason, message)) => refused(batch, reason, message, None, Some(last)),
        None => Place::Next,
    }
}

/// What is wrong with the batch itself, so that it would be wrong the next time.
fn fault(batch: &Batch, received: Received<'_>) -> Option<(RejectionReason, String)> {
    use RejectionReason as Reason;
    if received.bytes > received.max_bytes {
        let message = format!("it has {} bytes, the limit is {}", received.bytes, received.max_bytes);
        return Some((Reason::TooLarge, message));
    }
    if let Some(Fault { reason, message }) = received.fault {
        return Some((*reason, message.clone()));
    }
    if batch.encoding != i32::from(BatchEncoding::Unspecified) || !batch.packed_events.is_empty() {
        return Some((
            Reason::UnsupportedEncoding,
            "its events are not packed as Welcome asked for".to_owned(),
        ));
    }
    if batch.event_count != 0 && batch.event_count as usize != batch.events.len() {
        let message = format!("it says {} events and has {}", batch.event_count, batch.events.len());
        return Some((Reason::Malformed, message));
    }
    None
}

/// `None` for no events, and where numbers would run over.
fn last_sequence(first: u64, count: u64) -> Option<u64> {
    // The last number is left free, so that "the next one" always is a number.
    first.checked_add(count.checked_sub(1)?).filter(|last| first > 0 && *last < u64::MAX)
}

fn refused(
    batch: &Batch,
    reason: RejectionReason,
    message: String,
    retry_after_ms: Option<u64>,
    goes_on_after: Option<u64>,
) -> Place {
    let reason = reason.into();
    Place::Refused {
        rejection: BatchRejection { batch_id: batch.batch_id, reason, message, retry_after_ms },
        goes_on_after,
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::event::Event;
    use proptest::prelude::*;

    use super::*;

    const FINE: Received<'_> = Received { bytes: 10, max_bytes: 100, is_over_credit: false, fault: None };

    fn batch(first_sequence: u64, count: usize) -> Batch {
        Batch { epoch: 7, first_sequence, events: vec![Event::default(); count], ..Batch::default() }
    }

    fn reason(place: &Place) -> Option<(RejectionReason, bool, Option<u64>)> {
        match place {
            Place::Refused { rejection, goes_on_after } => {
                Some((rejection.reason(), rejection.retry_after_ms.is_some(), *goes_on_after))
            }
            Place::Next | Place::Repeated => None,
        }
    }

    /// Scenario: batches with one fault each. Guarantees: each has its reason; what would be wrong again is not to be sent
    /// again, and the stream goes on behind it.
    #[test]
    fn faults_have_reasons() {
        use RejectionReason as Reason;
        let placed = |batch: Batch, received| reason(&place(&batch, 7, 10, received));
        let wrong_count = Batch { event_count: 3, ..batch(11, 2) };
        let packed = Batch { encoding: 1, packed_events: vec![1], event_count: 5, ..batch(11, 0) };
        assert_eq!(placed(Batch { epoch: 8, ..batch(11, 1) }, FINE), Some((Reason::WrongEpoch, false, None)));
        assert_eq!(placed(batch(12, 1), FINE), Some((Reason::OutOfOrder, true, None)));
        assert_eq!(placed(batch(11, 0), FINE), Some((Reason::Malformed, false, None)));
        assert_eq!(placed(batch(0, 1), FINE), Some((Reason::Malformed, false, None)));
        assert_eq!(placed(batch(u64::MAX, 2), FINE), Some((Reason::Malformed, false, None)));
        assert_eq!(placed(wrong_count, FINE), Some((Reason::Malformed, false, Some(13))));
        assert_eq!(placed(packed, FINE), Some((Reason::UnsupportedEncoding, false, Some(15))));
        let fault = Fault { reason: Reason::TooLarge, message: "a bomb".to_owned() };
        let unpacked = Received { fault: Some(&fault), ..FINE };
        let bomb = Batch { encoding: 1, packed_events: vec![1], event_count: 5, ..batch(11, 0) };
        assert_eq!(placed(bomb, unpacked), Some((Reason::TooLarge, false, Some(15))));
        let large = Received { bytes: 101, ..FINE };
        assert_eq!(placed(batch(11, 2), large), Some((Reason::TooLarge, false, Some(12))));
        let over = Received { is_over_credit: true, ..FINE };
        assert_eq!(placed(batch(11, 2), over), Some((Reason::OverCredit, true, None)));
    }

    proptest! {
        /// Scenario: any batch after any position. Guarantees: it is taken if and only if it continues the stream without a
        /// gap and brings something new.
        #[test]
        fn order_is_kept(first in 1_u64..40, count in 1_usize..20, through in 0_u64..50) {
            let last = first + count as u64 - 1;
            let expected_next = first <= through + 1 && last > through;
            let place = place(&batch(first, count), 7, through, FINE);
            prop_assert_eq!(place == Place::Next, expected_next);
            prop_assert_eq!(place == Place::Repeated, last <= through);
        }
    }
}

//! A model of an engine: what it took, and the state that it has of it.

use std::collections::BTreeMap;

use eyrie_proto::{
    capture::{BaseState, BatchRejection, CaptureRequest, RejectionReason, capture_request},
    event::{Event, ProcessState, event::Kind},
};
use host_model::{HostModel, Limits};
use prost::Message;

use crate::stream::{BatchFrame, Totals};

/// What the engine does with a batch.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    Take,
    /// Send it again after so many milliseconds.
    RefuseFor(u64),
    /// Not to be sent again; the engine goes on behind it, or waits for the gap to be filled.
    RefuseForGood {
        is_skipped: bool,
    },
}

/// The engines that the stream meets, one after the other.
pub(super) struct Engine {
    model: HostModel,
    /// Everything that any of them took, by sequence number.
    taken: BTreeMap<u64, Event>,
    next_sequence: u64,
    pub(super) credit: u64,
    /// An event was refused for good, so that the live state lacks it until it is repaired.
    has_gap: bool,
}

// === impl Engine ===

impl Engine {
    pub(super) fn new() -> Self {
        Self {
            model: HostModel::new(Limits::default()),
            taken: BTreeMap::new(),
            next_sequence: 1,
            credit: 0,
            has_gap: false,
        }
    }

    pub(super) fn taken_through(&self) -> u64 {
        self.next_sequence - 1
    }

    /// Another engine takes over, and knows only this.
    pub(super) fn replace(&mut self, base: &[BaseState]) {
        self.model = HostModel::new(Limits::default());
        assert!(base.iter().rev().skip(1).all(|part| !part.is_last));
        assert!(base.last().is_some_and(|part| part.is_last));
        for part in base {
            self.model.restore(part.processes.iter().cloned(), part.facts.iter().cloned());
            self.next_sequence = part.as_of_sequence + 1;
        }
        if !self.has_gap {
            assert_eq!(self.state(), state_after(self.taken.range(..self.next_sequence)), "base state");
        }
    }

    /// Takes a batch, or returns why not.
    pub(super) fn receive(&mut self, frame: &BatchFrame, verdict: Verdict) -> Option<BatchRejection> {
        let size = frame.batch_size() as u64;
        assert!(size <= self.credit, "sent {size} bytes with credit for {}", self.credit);
        self.credit -= size;
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).unwrap();
        let request = CaptureRequest::decode(bytes.as_slice()).unwrap();
        let Some(capture_request::Kind::Batch(batch)) = request.kind else { panic!("no batch") };
        assert_eq!(batch.events.len(), batch.event_count as usize);
        assert_eq!(batch.epoch, 42);
        let reject = |reason: RejectionReason, retry_after_ms| {
            let reason = reason.into();
            Some(BatchRejection { batch_id: batch.batch_id, reason, message: String::new(), retry_after_ms })
        };
        if batch.first_sequence > self.next_sequence {
            return reject(RejectionReason::OutOfOrder, None);
        }
        let last_sequence = batch.first_sequence + u64::from(batch.event_count) - 1;
        match verdict {
            Verdict::RefuseFor(ms) => return reject(RejectionReason::Overloaded, Some(ms)),
            Verdict::RefuseForGood { is_skipped } if last_sequence >= self.next_sequence => {
                if is_skipped {
                    for sequence in self.next_sequence..=last_sequence {
                        self.taken.entry(sequence).or_default();
                    }
                    self.next_sequence = last_sequence + 1;
                }
                self.has_gap = true;
                return reject(RejectionReason::Malformed, None);
            }
            Verdict::RefuseForGood { .. } | Verdict::Take => {}
        }
        for (sequence, event) in (batch.first_sequence..).zip(batch.events) {
            self.take(sequence, event);
        }
        None
    }

    fn take(&mut self, sequence: u64, event: Event) {
        if sequence < self.next_sequence {
            return;
        }
        assert_eq!(sequence, self.next_sequence, "no gap");
        self.next_sequence += 1;
        self.model.apply(&event);
        let before = self.taken.insert(sequence, event.clone());
        if let Some(before) = before
            && !self.has_gap
        {
            assert_eq!(before, event, "what is sent again is the same");
        }
    }

    /// Compares with what the agent took in and says that it lost.
    pub(super) fn check_against(&self, accepted: &[(u64, Event)], totals: &Totals, refused: u64) {
        let mut delivered = 0;
        let mut set_aside = 0;
        for (sequence, event) in accepted {
            match self.taken.get(sequence) {
                Some(taken) if taken == event => delivered += 1,
                // A blank stands for what was refused for good.
                Some(taken) if taken.kind.is_none() => set_aside += 1,
                other => panic!("event {sequence} arrived as {other:?}"),
            }
        }
        let told: u64 = self
            .taken
            .values()
            .filter_map(|event| match &event.kind {
                Some(Kind::Loss(loss)) => Some(loss.count),
                _ => None,
            })
            .sum();
        let counted: u64 = totals.losses.values().sum();
        assert!(told >= counted, "losses counted are told");
        assert_eq!(totals.produced_events, accepted.len() as u64 + refused);
        // What one engine took, unacked, and the next one refused was delivered and counts as lost as well, and a loss
        // record among it is told twice.
        assert!(totals.produced_events <= delivered + told, "nothing is lost uncounted");
        if !self.has_gap {
            assert_eq!(set_aside, 0);
            assert_eq!(told, counted, "losses told are losses counted");
            assert_eq!(totals.produced_events, delivered + told, "produced = delivered + lost");
            assert_eq!(self.state(), state_after(self.taken.range(..)), "state of an uninterrupted run");
        }
    }

    fn state(&self) -> (Vec<ProcessState>, Vec<Event>) {
        (self.model.base_state().collect(), self.model.base_facts().collect())
    }
}

fn state_after<'event>(
    events: impl Iterator<Item = (&'event u64, &'event Event)>,
) -> (Vec<ProcessState>, Vec<Event>) {
    let mut model = HostModel::new(Limits::default());
    events.for_each(|(_, event)| model.apply(event));
    (model.base_state().collect(), model.base_facts().collect())
}

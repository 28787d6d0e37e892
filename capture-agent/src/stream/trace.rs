//! The trace that a batch is part of.
//!
//! Its ids follow from the batch, so that a batch that is sent again carries on the same trace, also after the session or
//! the engine has changed. Whether the trace is kept is the engine's to decide, when it has seen what is in the batch.

use eyrie_proto::capture::{BatchTimings, TraceContext};

/// Ids of a batch's trace and of the span that an engine's spans are children of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchTrace {
    /// Never 0.
    pub trace_id: u128,
    /// Never 0.
    pub span_id: u64,
}

/// What there is to tell of a batch whose trace is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchSpans {
    /// Where it belongs.
    pub trace: BatchTrace,
    /// When it passed the stations.
    pub timings: BatchTimings,
    /// Its first event.
    pub first_sequence: u64,
    /// Its events.
    pub event_count: u32,
    /// Bytes of its events.
    pub bytes: usize,
}

// === impl BatchTrace ===

impl BatchTrace {
    /// Of the batch that begins with this event. Epochs are random, so traces of different agents do not meet.
    pub fn of(epoch: u64, first_sequence: u64) -> Self {
        let low = mix(epoch ^ mix(first_sequence));
        Self { trace_id: u128::from(mix(epoch)) << 64 | u128::from(low), span_id: mix(low).max(1) }
    }

    /// As W3C writes it, undecided: the flag "sampled" is for the engine to set.
    pub fn context(self) -> TraceContext {
        let traceparent = format!("00-{:032x}-{:016x}-00", self.trace_id, self.span_id);
        TraceContext { traceparent, tracestate: String::new() }
    }
}

/// SplitMix64's finaliser: every bit of the result depends on every bit of the input. Only 0 gives 0, and an epoch is
/// never 0.
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Scenario: many batches of two agents, and one of them a second time. Guarantees: no two share a trace or a span, none
    /// is 0, the repeated one has the same, and the text is W3C's.
    #[test]
    fn batches_have_traces_of_their_own() {
        let traces = || (1..5_000).flat_map(|sequence| [1, 2].map(|epoch| BatchTrace::of(epoch, sequence)));
        let ids: HashSet<u128> = traces().map(|trace| trace.trace_id).collect();
        let spans: HashSet<u64> = traces().map(|trace| trace.span_id).collect();
        assert_eq!((ids.len(), spans.len()), (2 * 4_999, 2 * 4_999));
        assert!(!ids.contains(&0) && !spans.contains(&0));
        assert_eq!(BatchTrace::of(7, 9), BatchTrace::of(7, 9));
        let text = BatchTrace::of(7, 9).context().traceparent;
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        assert_eq!((lengths, text.ends_with("-00")), (vec![2, 32, 16, 2], true));
    }
}

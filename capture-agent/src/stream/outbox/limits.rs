//! How much an outbox may hold, and how it is cut into batches.

/// Bounds of an outbox.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of events that may wait for an ack.
    pub queue_bytes: usize,
    /// Bytes on top of it that only state-bearing events may use.
    pub reserve_bytes: usize,
    /// Events of a batch.
    pub batch_events: u32,
    /// Bytes of a batch's events.
    pub batch_bytes: usize,
    /// How long a batch is filled while nothing else waits to be sent, in nanoseconds.
    pub batch_age_ns: u64,
}

// === impl Limits ===

impl Limits {
    /// Limits for a queue of `queue_bytes`.
    pub fn with_queue_bytes(queue_bytes: usize) -> Self {
        Self { queue_bytes, reserve_bytes: queue_bytes / 4, ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_bytes: 64 << 20,
            reserve_bytes: 16 << 20,
            batch_events: 1_000,
            batch_bytes: 896 << 10,
            batch_age_ns: 10_000_000,
        }
    }
}

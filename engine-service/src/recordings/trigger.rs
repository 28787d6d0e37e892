//! Alerts that want recordings, and what of the stream they want.

use std::time::Duration;

use eyrie_proto::recording::RecordingTrigger;

/// A durable alert that wants a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trigger {
    pub(crate) alert_id: String,
    pub(crate) rule: String,
    /// When its event happened.
    pub(crate) time_ns: u64,
    /// The event's place in the stream.
    pub(crate) sequence: u64,
    /// When it happened by the boot clock: 0 until [`super::Recorder::locate`] has looked.
    pub(crate) boot_ns: u64,
    pub(crate) after: Duration,
}

/// What belongs to a recording, by the boot clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from_ns: u64,
    /// The newest moment of it.
    pub(super) until_ns: u64,
    /// The event of the last trigger. It ends behind this one, whatever the times before say: facts are told with the time of their
    /// telling, and events that the kernel had before may be later in the stream.
    through_sequence: u64,
}

// === impl Trigger ===

impl Trigger {
    /// What it wants.
    pub(super) fn span(&self, before: Duration) -> Span {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Span {
            from_ns: self.boot_ns.saturating_sub(nanoseconds(before)),
            until_ns: self.boot_ns.saturating_add(nanoseconds(self.after)),
            through_sequence: self.sequence,
        }
    }

    pub(super) fn to_proto(&self, before_ms: u64) -> RecordingTrigger {
        RecordingTrigger {
            alert_id: self.alert_id.clone(),
            rule: self.rule.clone(),
            time_ns: self.time_ns,
            before_ms,
            after_ms: u64::try_from(self.after.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

// === impl Span ===

impl Span {
    /// Whether the event of a trigger belongs to it.
    pub(super) fn has(&self, trigger: &Trigger) -> bool {
        (self.from_ns..=self.until_ns).contains(&trigger.boot_ns)
    }

    pub(super) fn extend_to(&mut self, span: Self) {
        self.until_ns = self.until_ns.max(span.until_ns);
        self.through_sequence = self.through_sequence.max(span.through_sequence);
    }

    /// Whether it is over at this event of the stream.
    pub(super) fn is_over_at(&self, (sequence, boot_ns): (u64, u64)) -> bool {
        sequence > self.through_sequence && boot_ns > self.until_ns
    }
}

//! Lets events come as fast as they happened.

use std::{
    thread,
    time::{Duration, Instant},
};

use eyrie_proto::recording::recording_entry::Kind;

/// The time of a recording beside that of this machine.
pub(super) struct Pace {
    factor: f64,
    /// When what in the recording's boot time was fed.
    begun: Option<(Instant, u64)>,
}

// === impl Pace ===

impl Pace {
    pub(super) fn new(factor: f64) -> Self {
        Self { factor, begun: None }
    }

    /// Waits until the last event of a batch would have happened. Each stream begins at once.
    pub(super) fn wait_for(&mut self, kind: &Kind) {
        let batch = match kind {
            Kind::Batch(recorded) => recorded.batch.as_ref(),
            Kind::Header(_) => {
                self.begun = None;
                None
            }
            Kind::BaseState(_) | Kind::LateFacts(_) | Kind::Trailer(_) => None,
        };
        let Some(events) = batch.map(|batch| &batch.events) else { return };
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
        let (begun, begun_ns) = *self.begun.get_or_insert((Instant::now(), first.boot_ns));
        if let Some(due) = self.due(begun, last.boot_ns.saturating_sub(begun_ns)) {
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    /// `None` for times that no clock will show.
    fn due(&self, begun: Instant, after_ns: u64) -> Option<Instant> {
        let after = Duration::try_from_secs_f64(Duration::from_nanos(after_ns).as_secs_f64() / self.factor);
        begun.checked_add(after.ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: factors below and above one, and a time at the end of 64 bits. Guarantees: what is due when is the recording's time by the factor.
    #[test]
    fn the_factor_divides_time() {
        let begun = Instant::now();
        let due = |factor, after_ns| Pace::new(factor).due(begun, after_ns).map(|due| due - begun);
        assert_eq!(due(1.0, 5_000_000_000), Some(Duration::from_secs(5)));
        assert_eq!(due(2.0, 5_000_000_000), Some(Duration::from_millis(2_500)));
        assert_eq!(due(0.5, 5_000_000_000), Some(Duration::from_secs(10)));
        assert!(due(0.01, u64::MAX).is_some_and(|due| due > Duration::from_secs(1 << 40)));
    }
}

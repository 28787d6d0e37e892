//! How long to wait before the next attempt to connect.

use std::time::Duration;

use rand::Rng as _;

/// The first wait, before jitter.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
pub(super) const LONGEST: Duration = Duration::from_secs(10);

/// Exponential back-off with jitter, without end: half of each wait is random, so that a fleet does not come back at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

// === impl Backoff ===

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// The last session was a good one.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// The next wait. After an error that looks permanent it is the longest one at once.
    pub(crate) fn next_wait(&mut self, looks_permanent: bool) -> Duration {
        let bound = if looks_permanent { LONGEST } else { self.next };
        self.next = (bound * 2).min(LONGEST);
        rand::rng().random_range(bound / 2..=bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: an engine is away for long, then back, then refuses for good. Guarantees: waits grow to the bound and not
    /// beyond, start small again after a good session, and are long at once for what looks permanent.
    #[test]
    fn waits_grow_to_the_bound() {
        let mut backoff = Backoff::new();
        assert!(backoff.next_wait(false) <= FIRST);
        for _ in 0..20 {
            assert!(backoff.next_wait(false) <= LONGEST);
        }
        assert!(backoff.next_wait(false) >= LONGEST / 2);
        backoff.reset();
        assert!(backoff.next_wait(false) <= FIRST);
        backoff.reset();
        assert!(backoff.next_wait(true) >= LONGEST / 2);
    }
}

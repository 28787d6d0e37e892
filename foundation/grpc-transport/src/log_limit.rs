//! Log lines that peers can cause at will, kept to a rate.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lets one line through per interval and counts the others.
#[derive(Debug)]
pub struct LogLimit {
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

// === impl LogLimit ===

impl LogLimit {
    /// One line per `interval`.
    pub const fn new(interval: Duration) -> Self {
        Self { interval, state: Mutex::new(State { last: None, suppressed: 0 }) }
    }

    /// Whether a line may be written now; if so, how many were not since the last one.
    pub fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    fn pass_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < self.interval) {
            state.suppressed = state.suppressed.saturating_add(1);
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: many lines within an interval, then one after it. Guarantees: one line an interval, with the number of
    /// those that are missing before it.
    #[test]
    fn lines_within_an_interval_are_counted() {
        let limit = LogLimit::new(Duration::from_secs(5));
        let start = Instant::now();
        assert_eq!(limit.pass_at(start), Some(0));
        for milliseconds in 1..100 {
            assert_eq!(limit.pass_at(start + Duration::from_millis(milliseconds)), None);
        }
        assert_eq!(limit.pass_at(start + Duration::from_secs(5)), Some(99));
        assert_eq!(limit.pass_at(start + Duration::from_secs(11)), Some(0));
    }
}

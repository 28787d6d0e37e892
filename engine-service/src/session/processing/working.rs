//! Where an evaluation runs.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// What work may take on an async thread.
const SHORT: Duration = Duration::from_micros(500);
/// Events that few rules evaluate in that time, and what they may have with them: so many at most, whatever was measured.
const SHORT_EVENTS: usize = 256;
const SHORT_BYTES: u64 = 64 * 1024;
/// Of so many events the time counts. Those before count half, so that one evaluation that was interrupted is soon forgotten.
const MEASURED_EVENTS: u64 = 256;

/// It panicked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failed;

/// How long events took of late: that depends on the rules.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    events: u64,
    spent: Duration,
}

// === impl Pace ===

impl Pace {
    /// Whether so much work is done sooner than another thread has woken up for it. What was never measured is believed to be fast.
    pub(super) fn is_short(&self, events: usize, bytes: u64) -> bool {
        let of_events = u128::from(u64::try_from(events).unwrap_or(u64::MAX));
        let expected_ns = self.spent.as_nanos().saturating_mul(of_events) / u128::from(self.events.max(1));
        events <= SHORT_EVENTS && bytes <= SHORT_BYTES && expected_ns < SHORT.as_nanos()
    }

    /// Takes notice of an evaluation.
    pub(super) fn measured(&mut self, events: u64, spent: Duration) {
        self.events = self.events.saturating_add(events);
        self.spent = self.spent.saturating_add(spent);
        while self.events > MEASURED_EVENTS {
            (self.events, self.spent) = (self.events / 2, self.spent / 2);
        }
    }
}

/// Does short work at once, and other work off the async threads. Nothing that `work` had is used by anybody after it has failed.
pub(super) async fn work<T: Send + 'static>(
    is_short: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failed> {
    if is_short {
        catch_unwind(AssertUnwindSafe(work)).map_err(|_| Failed)
    } else {
        tokio::task::spawn_blocking(work).await.map_err(|_| Failed)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Scenario: short work and long work, which does its part or panics. Guarantees: short work is done on the thread that asks for
    /// it and long work on another; a panic is an error either way.
    #[tokio::test]
    async fn short_work_stays_where_it_is() {
        let here = thread::current().id();
        let is_here = move || thread::current().id() == here;
        assert_eq!(work(true, is_here).await, Ok(true));
        assert_eq!(work(false, is_here).await, Ok(false));
        for is_short in [true, false] {
            assert_eq!(work(is_short, move || assert!(!is_here(), "made to order")).await.is_err(), is_short);
        }
    }

    /// Scenario: evaluations of which nothing is known, which are fast, which become slow, and fast again. Guarantees: counts alone decide at first;
    /// of slow events only so few are short that they are done in time, and soon none if one alone takes too long; what is fast again is short again; more
    /// than the counts is never short.
    #[test]
    fn what_is_short_is_measured() {
        let mut pace = Pace::default();
        let is_bounded = |pace: &Pace| {
            !pace.is_short(SHORT_EVENTS + 1, 100)
                && !pace.is_short(1, SHORT_BYTES + 1)
                && pace.is_short(SHORT_EVENTS, SHORT_BYTES)
        };
        assert!(is_bounded(&pace));
        pace.measured(10_000, Duration::from_micros(10_000));
        assert!(is_bounded(&pace), "{pace:?}");
        let many = |pace: &mut Pace, of_one: Duration| (0..50).for_each(|_| pace.measured(64, of_one * 64));
        many(&mut pace, Duration::from_micros(40));
        assert!(pace.is_short(8, 100) && !pace.is_short(20, 100), "{pace:?}");
        many(&mut pace, Duration::from_millis(1));
        assert!(!pace.is_short(1, 100), "{pace:?}");
        many(&mut pace, Duration::from_micros(1));
        assert!(is_bounded(&pace), "{pace:?}");
    }
}

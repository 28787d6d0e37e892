//! Where an evaluation runs.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Events that are evaluated in about half a millisecond, and what they may have with them.
const SHORT_EVENTS: usize = 256;
const SHORT_BYTES: u64 = 64 * 1024;

/// It panicked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failed;

/// Whether so much work is done sooner than another thread has woken up for it.
pub(super) fn is_short(events: usize, bytes: u64) -> bool {
    events <= SHORT_EVENTS && bytes <= SHORT_BYTES
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
        assert!(is_short(1, 100) && is_short(SHORT_EVENTS, SHORT_BYTES));
        assert!(!is_short(SHORT_EVENTS + 1, 100) && !is_short(1, SHORT_BYTES + 1));
    }
}

//! A client that records a host's stream.

use std::time::{Duration, Instant};

use eyrie_proto::recording::{RecordHostResponse, RecordingEntry, recording_entry::Kind};
use tokio::sync::{
    OwnedSemaphorePermit,
    mpsc::{self, error::TrySendError},
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::courier::{Cut, Outcome, Target};
use crate::error::RpcError;

/// Entries that wait for the client: at most 1 MiB each. What is behind them waits at the courier.
pub(super) const WAITING_ENTRIES: usize = 4;
/// Between two looks whether the client has taken something.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(2);
/// What a client has to take what waits when the engine stops.
const STOP_WAIT: Duration = Duration::from_secs(1);

/// Where its stream goes.
#[derive(Debug)]
pub(crate) struct TapRequest {
    pub(super) responses: mpsc::Sender<Result<RecordHostResponse, Status>>,
    pub(super) lasts: Duration,
    pub(super) permit: OwnedSemaphorePermit,
}

pub(super) struct TapTarget {
    responses: mpsc::Sender<Result<RecordHostResponse, Status>>,
    _permit: OwnedSemaphorePermit,
    /// Nothing is waited for after it.
    end: Option<Instant>,
    stop: CancellationToken,
    is_stopping: bool,
}

// === impl TapRequest ===

impl TapRequest {
    pub(super) fn refuse(self, limit: usize) {
        let error = RpcError::TooMany { limit, what: "recordings of this host by clients" };
        // The first message always has room.
        let _ = self.responses.try_send(Err(error.into()));
    }

    pub(super) fn into_target(self, stop: CancellationToken) -> (TapTarget, Duration) {
        let Self { responses, lasts, permit } = self;
        let end = Instant::now().checked_add(lasts);
        (TapTarget { responses, _permit: permit, end, stop, is_stopping: false }, lasts)
    }
}

// === impl TapTarget ===

impl TapTarget {
    /// Whether a client that takes nothing has had its time.
    fn is_over(&mut self) -> bool {
        let now = Instant::now();
        if self.stop.is_cancelled() && !self.is_stopping {
            self.is_stopping = true;
            let last = now + STOP_WAIT;
            self.end = Some(self.end.map_or(last, |end| end.min(last)));
        }
        self.end.is_some_and(|end| now >= end)
    }
}

impl Target for TapTarget {
    /// Waits for the client as long as its recording may last; the courier's queue is what has a bound.
    fn write(&mut self, kind: Kind) -> Result<(), Cut> {
        let entry = RecordingEntry { kind: Some(kind) };
        let mut response = Ok(RecordHostResponse { entry: Some(entry) });
        loop {
            match self.responses.try_send(response) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(gone()),
                Err(TrySendError::Full(_)) if self.is_over() => {
                    return Err(Cut::target("client_slow", "the client did not take it in time"));
                }
                Err(TrySendError::Full(waiting)) => response = waiting,
            }
            std::thread::sleep(LOOK_AGAIN_AFTER);
        }
    }

    fn flush(&mut self) -> Result<(), Cut> {
        if self.responses.is_closed() { Err(gone()) } else { Ok(()) }
    }

    fn finish(self: Box<Self>, outcome: Outcome) {
        tracing::info!(
            events = outcome.event_count,
            message = outcome.message,
            "a client's recording has ended"
        );
    }
}

fn gone() -> Cut {
    Cut::target("client_gone", "the client is gone")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use eyrie_proto::{capture::LateFacts, recording::RecordingEnd};
    use tokio::sync::Semaphore;

    use super::*;

    /// Scenario: clients that keep their connection and take nothing; the time of one is over, of the other the engine stops.
    /// Guarantees: nobody waits for them any longer, and their places are free again. What has room is sent all the same.
    #[test]
    fn clients_that_take_nothing_are_given_up() {
        let permits = Arc::new(Semaphore::new(1));
        for (lasts, is_stopping) in [(Duration::from_millis(50), false), (Duration::from_secs(600), true)] {
            let (responses, mut received) = mpsc::channel(WAITING_ENTRIES);
            let permit = Arc::clone(&permits).try_acquire_owned().unwrap();
            let stop = CancellationToken::new();
            let (mut target, _) = TapRequest { responses, lasts, permit }.into_target(stop.clone());
            if is_stopping {
                stop.cancel();
            }
            let piece = || Kind::LateFacts(LateFacts::default());
            (0..WAITING_ENTRIES).for_each(|_| target.write(piece()).unwrap());
            let cut = target.write(piece()).unwrap_err();
            assert_eq!((cut.reason, cut.end, cut.is_final), ("client_slow", RecordingEnd::Unspecified, true));
            assert!(received.try_recv().is_ok());
            target.write(piece()).unwrap();
            drop(target);
            assert_eq!(permits.available_permits(), 1);
        }
    }
}

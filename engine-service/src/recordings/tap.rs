//! A client that records a host's stream.

use std::time::Duration;

use eyrie_proto::recording::{RecordHostResponse, RecordingEntry, recording_entry::Kind};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tonic::Status;

use super::courier::{Cut, Outcome, Target};
use crate::error::RpcError;

/// Entries that wait for the client: at most 1 MiB each. What is behind them waits at the courier.
pub(super) const WAITING_ENTRIES: usize = 4;

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
}

// === impl TapRequest ===

impl TapRequest {
    pub(super) fn refuse(self, limit: usize) {
        let error = RpcError::TooMany { limit, what: "recordings of this host by clients" };
        // The first message always has room.
        let _ = self.responses.try_send(Err(error.into()));
    }

    pub(super) fn into_target(self) -> (TapTarget, Duration) {
        (TapTarget { responses: self.responses, _permit: self.permit }, self.lasts)
    }
}

// === impl TapTarget ===

impl Target for TapTarget {
    /// Waits for the client; the courier's queue is what has a bound.
    fn write(&mut self, kind: Kind) -> Result<(), Cut> {
        let entry = RecordingEntry { kind: Some(kind) };
        let sent = self.responses.blocking_send(Ok(RecordHostResponse { entry: Some(entry) }));
        sent.map_err(|_| gone())
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

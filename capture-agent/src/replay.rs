//! A recording in place of a host: its streams are sent to an engine as if their hosts were there now.
//!
//! ```text
//!  FILE ── thread ──▶ pieces ──▶ Feeder ──▶ Outbox ──▶ session ═▶ engine
//!  (ours, .scap)     (bounded)     │          │
//!                                  └── waits ◀┘ for acks, where there is no room
//! ```
//!
//! Nothing of this host is read, and nothing is captured: no BPF, no privileges. Each stream of the recording gets an origin that is
//! derived from its own (`identity`), so that the session of a host that still runs is never displaced, a new epoch, and a
//! label that says what it is. Live capture gives events up where the queue is full; here the feeder waits, so that everything that the
//! recording has arrives. When all of it is acked the agent has done its work.

mod feeder;
mod identity;
mod sending;
mod sequences;

use std::{fmt, future, path::Path, sync::Arc, thread};

use grpc_transport::ServiceEndpoint;
use recording::{Counts, RecordingError};
use telemetry::{Checks, Instruments};
use thiserror::Error;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::feeder::{Feeder, Piece};
use crate::{agent::StartError, config::Config, session::SharedStatus};

/// Pieces that were read and wait to be sent: 4 MiB each at most, an agent's batches 1 MiB.
const READ_AHEAD: usize = 4;

/// A recording that is being sent. Dropping it ends that, without waiting for acks.
#[derive(Debug)]
pub struct Replaying {
    status: Arc<SharedStatus>,
    stop: CancellationToken,
    feeder: Option<JoinHandle<(Replayed, Result<(), ReplayError>)>>,
}

/// What was sent of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Streams that were begun.
    pub streams: u64,
    /// Processes of their base states.
    pub processes: u64,
    /// Events of the recording that an engine acked; at least so many if sending was ended before all were acked.
    pub acked_events: u64,
    /// Events that no engine acked, because sending was ended before.
    pub unacked_events: u64,
    /// Events that an engine refused for good.
    pub refused_events: u64,
    /// Events that the recording does not have, and does not say why: told to the engine as lost.
    pub missing_events: u64,
    /// Batches that the recording has twice, or that are not of its stream.
    pub skipped_batches: u64,
    /// Late facts that were handed on.
    pub late_facts: u64,
    /// Late facts that nobody had acked when the end was waited for no longer.
    pub unacked_late_facts: u64,
    /// Late facts that were not sent: too large for a message, or the engine acked none of those before them.
    pub lost_late_facts: u64,
}

/// Why a recording was not sent, or not to its end.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// It cannot be opened, is none, or is damaged or cut off.
    #[error("{source}; of the recording {file}, {replayed}")]
    Recording {
        /// Its name.
        file: String,
        /// What was sent of it.
        replayed: Box<Replayed>,
        /// What is wrong.
        #[source]
        source: RecordingError,
    },
    /// Pieces without a header before them.
    #[error(
        "the recording {file} begins without a header that says whose it is; it is damaged, or its beginning is missing"
    )]
    NoHeader {
        /// Its name.
        file: String,
    },
    /// The task that sends it has failed.
    #[error("sending the recording has failed; report the lines above if it happens again")]
    Failed,
}

/// Opens the recording and begins to send it.
pub(crate) async fn start(
    config: Config,
    path: &Path,
    instruments: Instruments,
) -> Result<Replaying, StartError> {
    let file = file_name(path);
    let engine = ServiceEndpoint::new(config.engine.clone(), &config.security)?;
    let pieces = read(path, &file).await?;
    let status = Arc::new(SharedStatus::default());
    let stop = CancellationToken::new();
    info!(file, "sending a recording");
    let feeder = Feeder::new(config, file, engine, instruments, Arc::clone(&status));
    let feeder_stop = stop.clone();
    let feeder = tokio::spawn(async move { feeder.run(pieces, feeder_stop).await });
    Ok(Replaying { status, stop, feeder: Some(feeder) })
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    name.filter(|name| name != "-").unwrap_or_else(|| "standard input".to_owned())
}

/// Reads on a thread of its own: the file may be a pipe that takes its time.
async fn read(path: &Path, file: &str) -> Result<mpsc::Receiver<Piece>, StartError> {
    let path = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || recording::open(&path));
    let mut source = opened.await.map_err(|_| StartError::Interrupted)?.map_err(|source| {
        ReplayError::Recording { file: file.to_owned(), replayed: Box::default(), source }
    })?;
    let (pieces, receiver) = mpsc::channel(READ_AHEAD);
    let read = move || {
        loop {
            let (piece, is_last) = match source.next() {
                Ok(Some(kind)) => (Piece::Kind(Box::new(kind)), false),
                Ok(None) => (Piece::End(source.counts()), true),
                Err(error) => (Piece::Failure(error), true),
            };
            if pieces.blocking_send(piece).is_err() || is_last {
                return;
            }
        }
    };
    thread::Builder::new().name("recording".to_owned()).spawn(read).map_err(StartError::Thread)?;
    Ok(receiver)
}

// === impl Replaying ===

impl Replaying {
    /// Waits until everything is sent and acked, or until that has failed.
    pub async fn finished(&mut self) -> Result<Replayed, ReplayError> {
        let Some(feeder) = &mut self.feeder else { return future::pending().await };
        let joined = feeder.await;
        // A task must not be asked again once it has ended, however it did.
        self.feeder = None;
        let (replayed, outcome) = joined.map_err(|_| ReplayError::Failed)?;
        tell(&replayed);
        outcome.map(|()| replayed)
    }

    /// Sends no more of the recording, waits for acks of what was sent as long as configured, and ends.
    pub async fn shutdown(mut self) -> Replayed {
        self.stop.cancel();
        let Some(feeder) = self.feeder.take() else { return Replayed::default() };
        let (replayed, _) = feeder.await.unwrap_or_else(|_| (Replayed::default(), Err(ReplayError::Failed)));
        tell(&replayed);
        replayed
    }
}

fn tell(replayed: &Replayed) {
    info!("of the recording {replayed}");
    if replayed.unacked_events > 0 {
        warn!(
            "sending was ended before {} events were acked: the engine may not have them",
            replayed.unacked_events
        );
    }
    if replayed.missing_events > 0 || replayed.skipped_batches > 0 {
        let (missing, skipped) = (replayed.missing_events, replayed.skipped_batches);
        warn!(
            "{missing} events are missing in the recording, {skipped} of its batches were skipped: it is damaged"
        );
    }
    if replayed.unacked_late_facts > 0 {
        let count = replayed.unacked_late_facts;
        warn!(
            "the engine has not acked {count} facts of containers and hosts; names may be missing in alerts"
        );
    }
    if replayed.lost_late_facts > 0 {
        let count = replayed.lost_late_facts;
        warn!("{count} facts of containers and hosts were not sent; names are missing in alerts");
    }
    if replayed.refused_events > 0 {
        warn!("the engine refused {} events for good, see the lines above", replayed.refused_events);
    }
}

impl service_runtime::Running for Replaying {
    type Error = StartError;

    fn name(&self) -> &'static str {
        "capture-agent"
    }

    fn checks(&self) -> Checks {
        let status = Arc::clone(&self.status);
        Checks::default().with("engine", move || {
            let status = status.read();
            let not_yet = || status.last_error.unwrap_or_else(|| "it has not answered yet".to_owned());
            future::ready(if status.is_connected { Ok(()) } else { Err(not_yet()) })
        })
    }

    async fn failed(&mut self) -> StartError {
        match self.finished().await {
            Ok(_) => future::pending().await,
            Err(error) => error.into(),
        }
    }

    async fn ended(&mut self) -> Result<(), StartError> {
        Ok(self.finished().await.map(|_| ())?)
    }

    async fn shutdown(self) {
        Replaying::shutdown(self).await;
    }
}

impl Drop for Replaying {
    fn drop(&mut self) {
        if let Some(feeder) = &self.feeder {
            feeder.abort();
        }
    }
}

// === impl Replayed ===

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { streams, processes, acked_events, .. } = self;
        let missing_facts = self.unacked_late_facts.saturating_add(self.lost_late_facts);
        let late_facts = self.late_facts.saturating_sub(missing_facts);
        write!(
            f,
            "{streams} streams with {processes} processes, {acked_events} events and {late_facts} facts of containers \
             and hosts were sent and acked"
        )
    }
}

/// What a file of another format had that became no event.
fn tell_what_was_not_understood(counts: &Counts) {
    for (what, count) in &counts.not_understood {
        info!(count, "{what}: in the recording, and not sent");
    }
    if counts.cut_off_streams > 0 {
        warn!(streams = counts.cut_off_streams, "whoever recorded was cut off: the recording has no end");
    }
}

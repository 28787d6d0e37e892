//! Piece by piece from the recording to the streams that are sent.

use std::{mem, sync::Arc};

use eyrie_proto::{
    capture::LateFacts,
    recording::{RecordedBatch, RecordingHeader, recording_entry::Kind},
};
use grpc_transport::ServiceEndpoint;
use recording::{Counts, RecordingError};
use telemetry::Instruments;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    ReplayError, Replayed,
    identity::Identity,
    sending::{Sending, Setting},
    tell_what_was_not_understood,
};
use crate::{config::Config, session::SharedStatus, stream::Base};

/// What comes from the thread that reads.
#[derive(Debug)]
pub(super) enum Piece {
    Kind(Box<Kind>),
    End(Counts),
    Failure(RecordingError),
}

/// Sends a recording, one stream after the other.
pub(super) struct Feeder {
    config: Config,
    file: String,
    engine: ServiceEndpoint,
    /// Of the first stream: what is shown of several would be shown under the same names.
    instruments: Instruments,
    status: Arc<SharedStatus>,
    stage: Stage,
    replayed: Replayed,
}

/// Where in the recording the feeder is.
enum Stage {
    BeforeHeader,
    /// The base state is not complete; the event behind which it is, once a part has said it.
    Opening(Box<RecordingHeader>, Box<Base>, Option<u64>),
    Sending(Box<Sending>),
}

// === impl Feeder ===

impl Feeder {
    pub(super) fn new(
        config: Config,
        file: String,
        engine: ServiceEndpoint,
        instruments: Instruments,
        status: Arc<SharedStatus>,
    ) -> Self {
        let (stage, replayed) = (Stage::BeforeHeader, Replayed::default());
        Self { config, file, engine, instruments, status, stage, replayed }
    }

    /// Sends everything; ends before if `stop` says so, and then waits for acks no longer than configured.
    pub(super) async fn run(
        mut self,
        mut pieces: mpsc::Receiver<Piece>,
        stop: CancellationToken,
    ) -> (Replayed, Result<(), ReplayError>) {
        let outcome = tokio::select! {
            outcome = self.feed_all(&mut pieces) => outcome,
            () = stop.cancelled() => Ok(()),
        };
        // Whatever went wrong, what was read before it arrives.
        self.close(&stop).await;
        let outcome = match outcome {
            Err(ReplayError::Recording { file, source, .. }) => {
                Err(ReplayError::Recording { file, source, replayed: Box::new(self.replayed.clone()) })
            }
            other => other,
        };
        (self.replayed, outcome)
    }

    async fn feed_all(&mut self, pieces: &mut mpsc::Receiver<Piece>) -> Result<(), ReplayError> {
        // Nobody stops a stream that is followed by another.
        let never = CancellationToken::new();
        while let Some(piece) = pieces.recv().await {
            match piece {
                Piece::Kind(kind) => self.feed(*kind, &never).await?,
                Piece::End(counts) => {
                    tell_what_was_not_understood(&counts);
                    return Ok(());
                }
                Piece::Failure(source) => {
                    let (file, replayed) = (self.file.clone(), Box::default());
                    return Err(ReplayError::Recording { file, replayed, source });
                }
            }
        }
        Err(ReplayError::Failed)
    }

    async fn feed(&mut self, kind: Kind, never: &CancellationToken) -> Result<(), ReplayError> {
        match kind {
            Kind::Header(header) => {
                self.close(never).await;
                self.stage = Stage::Opening(Box::new(header), Box::new(Base::new(Vec::new())), None);
            }
            Kind::BaseState(mut part) => {
                let Stage::Opening(header, base, as_of_sequence) = &mut self.stage else {
                    return Err(self.no_header());
                };
                let identity =
                    Identity::of(&header.origin.clone().unwrap_or_default(), &self.file, &self.config);
                part.facts.iter_mut().for_each(|fact| identity.label(fact));
                let is_last = part.is_last;
                *as_of_sequence = Some(part.as_of_sequence);
                self.replayed.processes += u64::try_from(part.processes.len()).unwrap_or(u64::MAX);
                base.restore(part);
                if is_last {
                    self.sending()?;
                }
            }
            Kind::Batch(recorded) => self.send(recorded).await?,
            Kind::LateFacts(facts) => self.hand_on(facts).await?,
            Kind::Trailer(_) => {}
        }
        Ok(())
    }

    async fn send(&mut self, recorded: RecordedBatch) -> Result<(), ReplayError> {
        self.sending()?.send(recorded).await;
        Ok(())
    }

    async fn hand_on(&mut self, facts: LateFacts) -> Result<(), ReplayError> {
        self.replayed.late_facts += u64::try_from(facts.facts.len()).unwrap_or(u64::MAX);
        let patience = self.config.drain_timeout;
        self.sending()?.hand_on(facts, patience).await;
        Ok(())
    }

    /// The stream that is sent; begins it if the base state ends here.
    fn sending(&mut self) -> Result<&mut Sending, ReplayError> {
        match mem::replace(&mut self.stage, Stage::BeforeHeader) {
            Stage::BeforeHeader => return Err(self.no_header()),
            Stage::Opening(header, base, as_of_sequence) => {
                let instruments = mem::take(&mut self.instruments);
                let setting = Setting {
                    config: &self.config,
                    file: &self.file,
                    engine: &self.engine,
                    instruments: &instruments,
                    status: &self.status,
                };
                self.stage =
                    Stage::Sending(Box::new(Sending::begin(*header, *base, as_of_sequence, &setting)));
                self.replayed.streams += 1;
            }
            sending @ Stage::Sending(_) => self.stage = sending,
        }
        match &mut self.stage {
            Stage::Sending(sending) => Ok(sending),
            _ => Err(ReplayError::NoHeader { file: self.file.clone() }),
        }
    }

    /// Waits until everything of the stream is acked; if `stop` says so no longer than configured.
    async fn close(&mut self, stop: &CancellationToken) {
        // A stream of a header and a base state is one as well.
        if !matches!(self.stage, Stage::BeforeHeader) && self.sending().is_err() {
            return;
        }
        if let Stage::Sending(sending) = &mut self.stage {
            // It stays where it is meanwhile: who is told to stop while this waits calls it again.
            sending.close(stop, self.config.drain_timeout, &mut self.replayed).await;
            self.stage = Stage::BeforeHeader;
        }
    }

    fn no_header(&self) -> ReplayError {
        ReplayError::NoHeader { file: self.file.clone() }
    }
}

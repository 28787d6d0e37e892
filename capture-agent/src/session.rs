//! The session with an engine: connects, again and again, and carries the stream over.
//!
//! A connection is `connection`'s business; this module decides where to connect and when, and that capture is not
//! disturbed by any of it.

pub(crate) mod backoff;
mod codec;
mod connection;
mod fitting;
mod packing;
mod requests;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use eyrie_proto::{
    capture::{AgentInfo, ClockReading},
    event::Origin,
};
use grpc_transport::{ClientSecurity, ConnectError, ServiceAddress, ServiceEndpoint, status_text};
use telemetry::PipelineTracer;
use thiserror::Error;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub(crate) use self::requests::{Answers, Requests};
use self::{backoff::Backoff, connection::Connection};
use crate::{
    late_facts::LateFacts,
    metrics::Metrics,
    stream::{Stream, StreamError},
};

/// Failures at an address that a MoveTo gave, before the configured one is tried again.
const MOVED_ATTEMPTS: u32 = 3;
/// A session that lasted so long was a good one, even if there was nothing to ack.
const GOOD_SESSION: Duration = Duration::from_secs(30);
/// One that failed after some acks was good if it lasted longer than the longest wait. Acks alone say little: batches are acked before an engine falls
/// over something else that it is sent each time.
const GOOD_SESSION_WITH_ACKS: Duration = backoff::LONGEST;

/// Why a connection ended.
#[derive(Debug, Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the engine does not answer within {0:?}")]
    NoAnswer(Duration),
    #[error("the engine refused or ended the stream: {} ({:?})", status_text(.0), .0.code())]
    Refused(Box<tonic::Status>),
    #[error("the engine ended the stream")]
    Ended,
    #[error("the engine's first message is not Welcome")]
    NoWelcome,
    #[error("the engine speaks version {0} of the protocol, and this agent only version 1")]
    ProtocolVersion(u32),
    #[error(transparent)]
    Disagreement(#[from] StreamError),
    #[error("the engine has acked nothing for {0:?}")]
    Stalled(Duration),
    #[error("the engine does not take the answers that it asks for: {0} wait")]
    RepliesUnread(usize),
}

/// How a connection ended without a failure.
#[derive(Debug)]
pub(crate) enum End {
    /// Everything is acked and capture has stopped, or waiting for that was given up.
    Stopped,
    /// The engine wants the agent elsewhere; without an address at the configured one.
    MoveTo(Option<Box<ServiceEndpoint>>),
}

/// What the session is doing, for whoever asks.
#[derive(Clone, Debug, Default)]
pub struct ConnectionStatus {
    /// Welcomed by an engine.
    pub is_connected: bool,
    /// The engine's name for itself, of this or the last session.
    pub engine_id: String,
    /// Sessions that an engine welcomed.
    pub sessions: u64,
    /// Why the last session or attempt ended.
    pub last_error: Option<String>,
}

/// When to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    /// Capture has stopped: end as soon as everything is acked.
    pub(crate) finish: CancellationToken,
    /// End now.
    pub(crate) abort: CancellationToken,
}

/// What is told in Hello.
#[derive(Clone, Debug)]
pub(crate) struct Introduction {
    pub(crate) origin: Origin,
    pub(crate) agent: AgentInfo,
    /// Of the host that a recording was made on; this host's unless set.
    pub(crate) clock: Option<ClockReading>,
}

/// The session's side of the agent.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) engine: ServiceEndpoint,
    /// How engines are spoken to, the configured one and those that it sends us to.
    pub(crate) security: ClientSecurity,
    pub(crate) introduction: Introduction,
    pub(crate) stream: Arc<Stream>,
    pub(crate) late_facts: Arc<LateFacts>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) answers: Answers,
    pub(crate) status: Arc<SharedStatus>,
    pub(crate) tracer: PipelineTracer,
    pub(crate) metrics: Metrics,
    pub(crate) stop: Stop,
}

/// The status, shared with whoever asks.
#[derive(Debug, Default)]
pub(crate) struct SharedStatus(Mutex<ConnectionStatus>);

// === impl Session ===

impl Session {
    /// Runs until it is stopped.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new();
        let mut moved: Option<(ServiceEndpoint, u32)> = None;
        while !self.is_over() {
            let engine = moved.as_ref().map_or_else(|| self.engine.clone(), |(engine, _)| engine.clone());
            let (started, acked_before) = (Instant::now(), self.stream.outbox().acked_through());
            let ended = Connection::new(&mut self, &engine).run().await;
            self.stream.outbox().disconnect();
            self.status.change(|status| status.is_connected = false);
            // Two agents of one host take the stream from each other for ever: progress is no reason to hurry then.
            let is_contested = ended.as_ref().is_err_and(SessionError::is_superseded);
            let has_progressed = self.stream.outbox().acked_through() > acked_before;
            // A session that only began well is not enough: an engine may fall over what it is sent each time.
            let is_good_with_acks = ended.is_ok() || started.elapsed() > GOOD_SESSION_WITH_ACKS;
            if started.elapsed() > GOOD_SESSION || (has_progressed && is_good_with_acks && !is_contested) {
                backoff.reset();
            }
            let looks_permanent = match ended {
                Ok(End::Stopped) => return,
                Ok(End::MoveTo(elsewhere)) => {
                    moved = elsewhere.map(|engine| (*engine, 0));
                    false
                }
                Err(error) => {
                    moved =
                        moved.map(|(at, failures)| (at, failures + 1)).filter(|(_, n)| *n < MOVED_ATTEMPTS);
                    self.tell_failure(engine.address(), &error)
                }
            };
            let is_finishing = self.stop.finish.is_cancelled();
            let wait = backoff.next_wait(looks_permanent && !is_finishing);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // There is no time for long waits any more.
                () = self.stop.finish.cancelled(), if !is_finishing => backoff.reset(),
                () = self.stop.abort.cancelled() => return,
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stop.abort.is_cancelled() || (self.stop.finish.is_cancelled() && self.stream.outbox().is_empty())
    }

    /// Logs a failure and says whether trying again soon is likely to be in vain.
    fn tell_failure(&self, address: &ServiceAddress, error: &SessionError) -> bool {
        let unacked_events = self.stream.outbox().totals().unacked_events;
        self.metrics.count_failure(error);
        let looks_permanent = error.looks_permanent();
        if error.is_superseded() {
            warn!(engine = %address, unacked_events, "{error}; if there is another agent on this host, stop one of them");
        } else if looks_permanent {
            warn!(engine = %address, unacked_events, "{error}; this needs someone's attention, the agent keeps trying slowly");
        } else {
            info!(engine = %address, unacked_events, "{error}; trying again");
        }
        self.status.change(|status| status.last_error = Some(error.to_string()));
        looks_permanent
    }
}

// === impl SessionError ===

impl SessionError {
    /// Another session of the same origin took over. It may be one of our own that the engine saw late.
    fn is_superseded(&self) -> bool {
        matches!(self, Self::Refused(status) if status.code() == tonic::Code::Aborted)
    }

    /// The stable name of the reason, for metrics.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::NoAnswer(_) => "no_answer",
            Self::Refused(_) => "refused",
            Self::Ended => "ended",
            Self::NoWelcome => "no_welcome",
            Self::ProtocolVersion(_) => "protocol_version",
            Self::Disagreement(_) => "disagreement",
            Self::Stalled(_) => "stalled",
            Self::RepliesUnread(_) => "replies_unread",
        }
    }

    fn looks_permanent(&self) -> bool {
        use tonic::Code;
        match self {
            Self::Refused(status) => matches!(
                status.code(),
                Code::Unauthenticated
                    | Code::PermissionDenied
                    | Code::InvalidArgument
                    | Code::Unimplemented
                    | Code::FailedPrecondition
            ),
            Self::NoWelcome | Self::ProtocolVersion(_) | Self::Disagreement(_) => true,
            Self::Connect(_)
            | Self::NoAnswer(_)
            | Self::Ended
            | Self::Stalled(_)
            | Self::RepliesUnread(_) => false,
        }
    }
}

impl From<tonic::Status> for SessionError {
    fn from(status: tonic::Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

// === impl SharedStatus ===

impl SharedStatus {
    pub(crate) fn read(&self) -> ConnectionStatus {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut ConnectionStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

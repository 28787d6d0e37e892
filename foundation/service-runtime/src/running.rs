//! The loop of a process: start, wait until it is told to end, drain.

use std::io;

use telemetry::{Checks, Readiness};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A service at work. Dropping it must end it at once, without harm to what it has promised to others.
pub trait Running: Send {
    /// Why it ended by itself.
    type Error;

    /// What the log calls it.
    fn name(&self) -> &'static str;

    /// The parts that must be ready for the service to do its work, for `/readyz`.
    fn checks(&self) -> Checks;

    /// Resolves if the service fails. Not called again after that.
    fn failed(&mut self) -> impl Future<Output = Self::Error> + Send;

    /// Resolves when the service has ended by itself: with its failure, or because it has done all that it was there for. Not called again
    /// after that. Most services have no such end.
    fn ended(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        async { Err(self.failed().await) }
    }

    /// Ends in order: no new work, what is begun is finished, within a bound.
    fn shutdown(self) -> impl Future<Output = ()> + Send;
}

/// How a service ended that was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order.
    Drained,
    /// A second signal came while it drained, or the first before it had started.
    Hurried,
}

/// SIGTERM and SIGINT. From the first of these on that is made in a process, they no longer end it by themselves.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

// === impl Signals ===

impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next one, by its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Starts a service and runs it until a signal comes or it fails; after a signal it drains, until a second one. `readiness`
/// is told how far it is.
pub(crate) async fn serve_until_told<R, E>(
    signals: &mut Signals,
    readiness: &Readiness,
    start: impl Future<Output = Result<R, E>>,
) -> Result<End, E>
where
    R: Running,
    E: From<R::Error>,
{
    let mut running = tokio::select! {
        started = start => started?,
        signal = signals.next() => {
            tracing::warn!(signal, "told to end before everything had started");
            return Ok(End::Hurried);
        }
    };
    let name = running.name();
    readiness.started(running.checks());
    tokio::select! {
        // What is left is dropped: parts of it may have ended, so that they cannot be ended in order.
        ended = running.ended() => {
            ended?;
            tracing::info!("{name}: done");
        }
        signal = signals.next() => tracing::info!(signal, "{name}: draining"),
    }
    readiness.draining();
    tokio::select! {
        () = running.shutdown() => {
            tracing::info!("{name}: ended");
            Ok(End::Drained)
        }
        signal = signals.next() => {
            tracing::warn!(signal, "{name}: told to end again: what is not finished is given up");
            Ok(End::Hurried)
        }
    }
}

//! How a runtime is asked over gRPC, whatever its interface: again and again, within bounds, and never as if it could be trusted.
//!
//! A session is one connection. It listens to what happens in the runtime, asks once for all containers, and then for each that
//! was listed, happened or was asked for, a few at a time. Whatever breaks a session begins the next one after a pause; what only
//! one container's answer lacks is asked for again, a few times.

mod connection;
mod queue;
mod session;
mod wire;

#[cfg(test)]
pub(super) mod served;

use std::{fmt::Debug, hash::Hash, path::PathBuf, pin::Pin, time::Duration};

use futures_util::Stream;
use tokio::{
    sync::mpsc::Receiver,
    time::{Instant, sleep_until},
};
use tracing::{debug, warn};

pub(super) use self::{
    connection::{ApiError, Connection, found},
    wire::{containerd, cri},
};
use super::told::Told;
use crate::session::backoff::Backoff;

/// Characters of a name that are kept.
pub(super) const MAX_TEXT: usize = 1_024;
/// Containers of one runtime that are asked for: more than any node runs.
pub(super) const MAX_CONTAINERS: usize = 8_192;
/// A session that lasted so long was a good one: the next one may begin soon after it.
const GOOD_SESSION: Duration = Duration::from_secs(10);

/// One interface of runtimes.
pub(super) trait RuntimeApi: Clone + Send + Sync + 'static {
    /// Runtimes are known that refuse the stream of events, or end it at once. Those are asked for what is listed and asked for, only.
    const MAY_LACK_EVENTS: bool;
    /// What a container is asked for by.
    type Subject: Clone + Debug + Eq + Hash + Send + Sync + 'static;

    /// Finds out who answers.
    fn open(connection: Connection) -> impl Future<Output = Result<Self, ApiError>> + Send;

    /// What happens from now on.
    fn changes(&self) -> Changes<Self::Subject>;

    /// All containers, as far as they can be listed.
    fn list(&self) -> impl Future<Output = Result<Vec<Self::Subject>, ApiError>> + Send;

    /// Whom an id that we were asked for stands for.
    fn asked(&self, id: &str) -> Self::Subject;

    /// The id that is told.
    fn id(subject: &Self::Subject) -> &str;

    /// What the runtime says of a container; `None` if it does not know it.
    fn describe(&self, subject: Self::Subject)
    -> impl Future<Output = Result<Option<Told>, ApiError>> + Send;

    /// Whether anybody still answers.
    fn ping(&self) -> impl Future<Output = Result<(), ApiError>> + Send;

    /// A container of which the runtime says nothing.
    fn unknown(id: &str) -> Told;
}

/// What happens in a runtime.
pub(super) type Changes<S> = Pin<Box<dyn Stream<Item = Result<Change<S>, ApiError>> + Send>>;

/// Something happened to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change<S> {
    /// It was made, started or changed.
    Made(S),
    /// It is gone.
    Gone(S),
    /// What is of no interest here.
    Other,
}

/// Keeps asking the runtime at `socket` until `asked` is closed.
pub(super) async fn keep_asking<A: RuntimeApi>(
    socket: PathBuf,
    mut asked: Receiver<String>,
    told: impl Fn(Told) + Send + Sync + 'static,
) {
    let mut backoff = Backoff::new();
    let mut said = String::new();
    loop {
        let since = Instant::now();
        let Err(error) = session::hold::<A>(&socket, &mut asked, &told).await else { return };
        if since.elapsed() >= GOOD_SESSION {
            backoff.reset();
        }
        let pause = backoff.next_wait(false);
        let text = error.to_string();
        if error.is_no_runtime() || text == said {
            debug!("asked again in {pause:?}: {text}");
        } else {
            warn!("names and images of containers may be missing: {text}");
            said = text;
        }
        if is_closed_within(pause, &mut asked).await {
            return;
        }
    }
}

/// Whether `asked` was closed. What is asked for meanwhile is dropped: the list that follows has it.
async fn is_closed_within(pause: Duration, asked: &mut Receiver<String>) -> bool {
    let end = Instant::now() + pause;
    loop {
        tokio::select! {
            () = sleep_until(end) => return false,
            id = asked.recv() => if id.is_none() { return true },
        }
    }
}

/// Nanoseconds since the epoch; 0 for what is not told, and for times before it, which Go's zero is.
pub(super) fn epoch_ns(nanoseconds: impl Into<i128>) -> u64 {
    u64::try_from(nanoseconds.into()).unwrap_or(0)
}

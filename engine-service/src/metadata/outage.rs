//! Waits out that the metadata service is away: tries again and again, and says so.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{listener::status_text, log_limit::LogLimit};

/// Between tries: doubles from the first to the last.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(10);

/// Grows from try to try.
pub(crate) struct BackOff(Duration);

/// What is said of a watch that fails.
pub(super) struct Words {
    pub(super) ended: &'static LogLimit,
    /// What it watches, in the plural or without an article.
    pub(super) what: &'static str,
    pub(super) consequence: &'static str,
}

/// Why a stream was left.
pub(super) enum End {
    /// Something else is to be watched from now on.
    Changed,
    /// The service has ended it.
    Closed,
}

/// What is done again and again. A trait, as of closures that are async the compiler does not see that they may go to other threads.
pub(super) trait Watch {
    /// Watches until the stream ends. Whoever hears something starts the waits anew.
    fn watch_once(&mut self, back_off: &mut BackOff) -> impl Future<Output = Result<End, Status>> + Send;
}

// === impl BackOff ===

impl BackOff {
    pub(crate) fn new() -> Self {
        Self(FIRST_RETRY)
    }

    /// Waits, with jitter, so that engines do not come back all at once.
    pub(crate) async fn wait(&mut self) {
        let delay = self.0.mul_f64(rand::random_range(0.5..1.0));
        self.0 = (self.0 * 2).min(LAST_RETRY);
        tokio::time::sleep(delay).await;
    }
}

/// Watches again and again until `stop`, and says why it has to.
pub(super) async fn keep_watching(mut watching: impl Watch, words: Words, stop: CancellationToken) {
    let forever = async {
        let mut back_off = BackOff::new();
        let Words { ended, what, consequence } = words;
        loop {
            match watching.watch_once(&mut back_off).await {
                Ok(End::Changed) => continue,
                Ok(End::Closed) => tracing::debug!("the metadata service ended the watch of {what}"),
                Err(status) => {
                    if let Some(suppressed) = ended.pass() {
                        tracing::warn!(
                            code = ?status.code(), suppressed,
                            "{what} cannot be watched, trying again: {}; {consequence}", status_text(&status)
                        );
                    }
                }
            }
            back_off.wait().await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = forever => {}
    }
}

//! Bounds how many calls are answered at a time.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;
use tonic::Status;

use super::around::{Around, Handle, Next, Request, Response};
use crate::{call_error::CallError, log_limit::LogLimit};

static SHED: LogLimit = LogLimit::new(Duration::from_secs(5));

/// A permit for each call until its response begins. Its clones share the permits.
#[derive(Clone, Debug)]
pub(super) struct CallLimit {
    permits: Arc<Semaphore>,
    limit: usize,
}

// === impl CallLimit ===

impl CallLimit {
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(limit)), limit }
    }
}

impl Around for CallLimit {
    async fn around<S: Handle>(self, request: Request, next: Next<S>) -> Response {
        let Ok(_permit) = self.permits.try_acquire() else {
            if let Some(suppressed) = SHED.pass() {
                tracing::warn!(limit = self.limit, suppressed, "refused a call: too many are being answered");
            }
            return Status::from(CallError::TooManyCalls { limit: self.limit }).into_http();
        };
        next.run(request).await
    }
}

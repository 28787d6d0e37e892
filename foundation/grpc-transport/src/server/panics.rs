//! Answers calls whose handler panicked.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::FutureExt as _;
use tonic::Status;

use super::{
    access::Method,
    around::{Around, Handle, Next, Request, Response},
};
use crate::call_error::CallError;

/// Without it the stream would be reset and the client not know why; the panic itself is on standard error already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panics;

// === impl Panics ===

impl Around for Panics {
    async fn around<S: Handle>(self, request: Request, next: Next<S>) -> Response {
        let method = request.extensions().get::<Method>().copied().unwrap_or(Method::UNKNOWN).path;
        // What the call owned is gone with it; what it shared has to bear panics anyway, as threads can panic at any time.
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(payload) => {
                tracing::error!(method, "a handler panicked: {}", text(&*payload));
                Status::from(CallError::Panicked { method }).into_http()
            }
        }
    }
}

fn text(payload: &(dyn Any + Send)) -> &str {
    let literal = payload.downcast_ref::<&str>().copied();
    literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words")
}

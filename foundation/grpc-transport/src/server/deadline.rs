//! Gives calls a time to be answered in.

use std::time::Duration;

use tonic::Status;

use super::around::{Around, Handle, Next, Request, Response};
use crate::call_error::CallError;

/// Until the response begins. What a client itself asks for (`grpc-timeout`) the transport sees to.
#[derive(Clone, Debug)]
pub(super) struct Deadline(pub(super) Duration);

// === impl Deadline ===

impl Around for Deadline {
    async fn around<S: Handle>(self, request: Request, next: Next<S>) -> Response {
        match tokio::time::timeout(self.0, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Status::from(CallError::TimedOut { waited: self.0 }).into_http(),
        }
    }
}

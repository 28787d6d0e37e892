//! What the transport refuses, and how every refusal of ours looks.

use std::{sync::Arc, time::Duration};

use tonic::{
    Code, Status,
    metadata::{MetadataMap, MetadataValue},
};

use crate::peer::{IdentityError, Permission};

/// Trailer with the stable name of the reason, for programs.
pub const REASON_HEADER: &str = "eyrie-reason";
/// Trailer with `true` if the same call may succeed later, without anybody changing anything.
pub const RETRYABLE_HEADER: &str = "eyrie-retryable";

/// Why a call did not reach its handler, or did not come back from it.
#[derive(Clone, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation of the variants, and name every field")]
pub enum CallError {
    #[error("{peer} is not known: {reason}")]
    NotIdentified { peer: String, reason: Arc<IdentityError> },
    #[error(
        "{peer} ({identity}) may not {permission}, which {method} asks for: use a certificate of another role"
    )]
    NotPermitted { peer: String, identity: String, permission: Permission, method: &'static str },
    #[error("this server has no method {path:?}: check the address, and the versions of both sides")]
    MethodUnknown { path: String },
    #[error("nobody authenticated this call, which is a fault of the server: please report it")]
    Unauthenticated,
    #[error("no answer within {waited:?}: try again later")]
    TimedOut { waited: Duration },
    #[error("{limit} calls are being answered already: try again later, or raise the limit")]
    TooManyCalls { limit: usize },
    #[error("{method} failed, which is a fault of the server: please report it with what its log says")]
    Panicked { method: &'static str },
}

// === impl CallError ===

impl CallError {
    /// The table: code, stable reason, and whether the same call may succeed later.
    pub fn row(&self) -> (Code, &'static str, bool) {
        match self {
            Self::NotIdentified { .. } => (Code::Unauthenticated, "NOT_IDENTIFIED", false),
            Self::NotPermitted { .. } => (Code::PermissionDenied, "NOT_PERMITTED", false),
            Self::MethodUnknown { .. } => (Code::Unimplemented, "METHOD_UNKNOWN", false),
            Self::Unauthenticated => (Code::Internal, "UNAUTHENTICATED", false),
            Self::TimedOut { .. } => (Code::DeadlineExceeded, "TIMED_OUT", true),
            Self::TooManyCalls { .. } => (Code::ResourceExhausted, "TOO_MANY_CALLS", true),
            Self::Panicked { .. } => (Code::Internal, "PANICKED", true),
        }
    }

    /// The stable name of the reason.
    pub fn reason(&self) -> &'static str {
        self.row().1
    }
}

impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        let (code, reason, is_retryable) = error.row();
        refusal(code, reason, is_retryable, error.to_string())
    }
}

/// A status with the trailers that every refusal has.
pub fn refusal(code: Code, reason: &'static str, is_retryable: bool, message: String) -> Status {
    let mut trailers = MetadataMap::new();
    trailers.insert(REASON_HEADER, MetadataValue::from_static(reason));
    let retryable = if is_retryable { "true" } else { "false" };
    trailers.insert(RETRYABLE_HEADER, MetadataValue::from_static(retryable));
    Status::with_metadata(code, message, trailers)
}

//! What can go wrong in a call, and the one table that says what the caller gets.

use std::time::Duration;

use grpc_transport::{CallError, refusal};
pub use grpc_transport::{REASON_HEADER, RETRYABLE_HEADER};
use tonic::{Code, Status};

use crate::{keys::KeyError, store::StoreError};

/// Why a call ended. The text says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation of the variants, and name every field")]
pub enum RpcError {
    #[error("RelayFactsRequest.{field} is not valid: {detail}")]
    RelayInvalid { field: &'static str, detail: String },
    #[error("facts[{index}] (fact {sequence}) is not valid: {detail}")]
    FactInvalid { index: usize, sequence: u64, detail: String },
    #[error(
        "facts[{index}] (fact {sequence}) is about the origin {found}, and relayed for {expected}: facts are taken for \
         the request's own origin only"
    )]
    ForeignOrigin { index: usize, sequence: u64, found: String, expected: String },
    #[error("queries[{index}] (query_id {query_id}) is not valid: {detail}")]
    QueryInvalid { index: usize, query_id: u64, detail: String },
    #[error("{found} {what} in one message, more than {limit}: send fewer at a time")]
    TooManyInMessage { found: usize, limit: usize, what: &'static str },
    #[error("ListRequest.{field} is not valid: {detail}")]
    ListInvalid { field: &'static str, detail: String },
    #[error("WatchRequest.{field} is not valid: {detail}")]
    WatchInvalid { field: &'static str, detail: String },
    #[error(
        "no WatchRequest within {waited:?} of the stream's start: send what to watch as the first message"
    )]
    WatchMissing { waited: Duration },
    #[error("the stream of WatchRequests failed: {detail}")]
    WatchBroken { detail: String },
    #[error("{peer} ({identity}) may not ask for {what}: its certificate is for other tenants")]
    PeerNotAllowed { peer: String, identity: String, what: &'static str },
    #[error("PushClusterRequest is not valid: {detail}")]
    PushInvalid { detail: String },
    #[error("object or tombstone {index} of delta {ordinal} is not valid: {detail}")]
    ObjectInvalid { ordinal: u64, index: usize, detail: String },
    #[error("no ClusterHello within {waited:?} of the stream's start: send it as the first message")]
    PushMissing { waited: Duration },
    #[error("the stream of PushClusterRequests failed: {detail}")]
    PushBroken { detail: String },
    #[error(
        "{peer} ({identity}) may not speak for the cluster {cluster_uid} of the tenant {tenant:?}: its certificate is for \
         others"
    )]
    ClusterNotAllowed { peer: String, identity: String, cluster_uid: String, tenant: String },
    #[error(
        "another stream speaks for the cluster {cluster_uid} now: run one metadata-service of the role cluster in each"
    )]
    ClusterReplaced { cluster_uid: String },
    #[error(
        "the snapshot has more than {limit} objects: raise --max-objects-per-cluster of the central service"
    )]
    ClusterTooLarge { limit: usize },
    #[error("{limit} {what} are open already: try again later, or raise the limit")]
    TooMany { limit: usize, what: &'static str },
    #[error("the metadata service is shutting down: connect again")]
    ShuttingDown,
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Call(#[from] CallError),
}

// === impl RpcError ===

impl RpcError {
    /// A fact with a key that cannot be used.
    pub fn fact(index: usize, sequence: u64, error: &KeyError) -> Self {
        Self::FactInvalid { index, sequence, detail: error.to_string() }
    }

    /// The table: code, stable reason, and whether the same call may succeed later.
    fn row(&self) -> (Code, &'static str, bool) {
        match self {
            Self::RelayInvalid { .. } => (Code::InvalidArgument, "RELAY_INVALID", false),
            Self::FactInvalid { .. } => (Code::InvalidArgument, "FACT_INVALID", false),
            Self::ForeignOrigin { .. } => (Code::InvalidArgument, "FOREIGN_ORIGIN", false),
            Self::QueryInvalid { .. } => (Code::InvalidArgument, "QUERY_INVALID", false),
            Self::TooManyInMessage { .. } => (Code::InvalidArgument, "TOO_MANY_IN_MESSAGE", false),
            Self::ListInvalid { .. } => (Code::InvalidArgument, "LIST_INVALID", false),
            Self::WatchInvalid { .. } => (Code::InvalidArgument, "WATCH_INVALID", false),
            Self::WatchMissing { .. } => (Code::DeadlineExceeded, "WATCH_MISSING", true),
            Self::WatchBroken { .. } => (Code::InvalidArgument, "WATCH_BROKEN", true),
            Self::PeerNotAllowed { .. } => (Code::PermissionDenied, "PEER_NOT_ALLOWED", false),
            Self::PushInvalid { .. } => (Code::InvalidArgument, "PUSH_INVALID", false),
            Self::ObjectInvalid { .. } => (Code::InvalidArgument, "OBJECT_INVALID", false),
            Self::PushMissing { .. } => (Code::DeadlineExceeded, "PUSH_MISSING", true),
            Self::PushBroken { .. } => (Code::InvalidArgument, "PUSH_BROKEN", true),
            Self::ClusterNotAllowed { .. } => (Code::PermissionDenied, "PEER_NOT_ALLOWED", false),
            Self::ClusterReplaced { .. } => (Code::Aborted, "CLUSTER_REPLACED", true),
            Self::ClusterTooLarge { .. } => (Code::ResourceExhausted, "CLUSTER_TOO_LARGE", false),
            Self::TooMany { .. } => (Code::ResourceExhausted, "TOO_MANY", true),
            Self::ShuttingDown => (Code::Unavailable, "SHUTTING_DOWN", true),
            Self::Call(error) => error.row(),
            Self::Store(error) => match error {
                // Retryable from the number that the text names, by whoever has the facts before.
                StoreError::SequenceGap { .. } => (Code::FailedPrecondition, "FACTS_MISSING", true),
                StoreError::ForeignCluster { .. } => {
                    (Code::PermissionDenied, "CLUSTER_OF_ANOTHER_TENANT", false)
                }
                StoreError::EntityTooLarge { .. } => (Code::InvalidArgument, "ENTITY_TOO_LARGE", false),
                StoreError::Full { .. } => (Code::Unavailable, "STORE_FULL", true),
                StoreError::Io { .. } => (Code::Unavailable, "STORE_UNREADABLE", true),
                StoreError::Closed { .. } => (Code::Unavailable, "STORE_CLOSED", true),
                StoreError::BucketAway { .. } => (Code::Unavailable, "BUCKET_AWAY", true),
                StoreError::BucketContended { .. } => (Code::Unavailable, "BUCKET_CONTENDED", true),
                StoreError::BucketUnfit { .. } => (Code::Unavailable, "BUCKET_UNFIT", false),
                StoreError::Damaged { .. } => (Code::DataLoss, "STORE_DAMAGED", false),
                StoreError::InUse { .. } | StoreError::NewerSchema { .. } | StoreError::Internal { .. } => {
                    (Code::Internal, "STORE_FAILED", false)
                }
            },
        }
    }

    /// The stable name of the reason.
    pub fn reason(&self) -> &'static str {
        self.row().1
    }
}

impl From<RpcError> for Status {
    fn from(error: RpcError) -> Self {
        let (code, reason, is_retryable) = error.row();
        refusal(code, reason, is_retryable, error.to_string())
    }
}

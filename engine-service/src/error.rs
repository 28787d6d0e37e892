//! What can go wrong in a call, and the one table that says what the caller gets.

use std::time::Duration;

use grpc_transport::{CallError, refusal};
pub use grpc_transport::{REASON_HEADER, RETRYABLE_HEADER};
use tonic::{Code, Status};

use crate::{
    alert_log::{AlertLogError, cursor::CursorError},
    recordings::StoreError,
};

/// Why a call ended. The text says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation of the variants, and name every field")]
pub enum RpcError {
    #[error("no Hello within {waited:?} of the stream's start: send Hello as the first message")]
    HelloMissing { waited: Duration },
    #[error("the first message is {found}: send Hello first")]
    HelloExpected { found: &'static str },
    #[error("Hello came a second time: open another stream for another session")]
    HelloRepeated,
    #[error("Hello.origin is not valid: {detail}")]
    OriginInvalid { detail: String },
    #[error(
        "{peer} ({identity}) may not speak for {origin}: its certificate must name the host and tenant that Hello claims"
    )]
    PeerNotAllowed { peer: String, identity: String, origin: String },
    #[error("Hello.epoch is 0: choose a random number when the agent starts")]
    EpochInvalid,
    #[error("Hello.{field} is not valid: {detail}")]
    HelloInvalid { field: &'static str, detail: String },
    #[error(
        "the agent speaks versions {offered:?} of the capture protocol, this engine speaks {known}: upgrade the older"
    )]
    ProtocolUnsupported { offered: Vec<u32>, known: u32 },
    #[error("a {found} came before the last part of the base state: Welcome asked for it, send it first")]
    BaseStateExpected { found: &'static str },
    #[error(
        "a BaseState came that Welcome did not ask for: send it only where held_through_sequence is absent"
    )]
    BaseStateUnwanted,
    #[error(
        "the base state has more than {limit} {unit}: the origin has more processes than this engine takes"
    )]
    BaseStateTooLarge { limit: usize, unit: &'static str },
    #[error("part {part} of the base state is as of sequence {found}, the first part as of {expected}")]
    BaseStateInconsistent { part: usize, found: u64, expected: u64 },
    #[error("no part of the base state for {waited:?}: send it right after Welcome")]
    BaseStateMissing { waited: Duration },
    #[error(
        "a message on the stream cannot be decoded: {detail}; it must be an eyrie.capture.v1.CaptureRequest"
    )]
    Undecodable { detail: String },
    #[error(
        "a message on the stream is empty, or of a kind that this engine does not know: upgrade the engine"
    )]
    MessageUnknown,
    #[error("a message on the stream is too large: {detail}; Welcome.max_message_bytes is {limit}")]
    MessageTooLarge { detail: String, limit: usize },
    #[error(
        "{times} batches in a row did not follow sequence {expected}: connect again and send the base state and \
         everything after it"
    )]
    OutOfSequence { expected: u64, times: u32 },
    #[error(
        "another session of the same origin took over, from {peer}: one agent a host, and no cloned machine-id"
    )]
    Superseded { peer: String },
    #[error("the origin's earlier session has not ended within {waited:?}: try again")]
    PredecessorBusy { waited: Duration },
    #[error("{limit} {what} are open already: try again later, or raise the limit")]
    TooMany { limit: usize, what: &'static str },
    #[error("the engine is shutting down: connect again")]
    ShuttingDown,
    #[error(
        "a batch at sequence {sequence} could not be evaluated, which is a fault of the engine: please report it"
    )]
    EvaluationFailed { sequence: u64 },
    #[error("LateFacts is not valid: {detail}")]
    LateFactInvalid { detail: &'static str },
    #[error("a late fact is about {found}: send facts about the session's own origin only")]
    LateFactForeign { found: String },
    #[error(
        "late facts were more than may wait for the metadata service: connect again and send those that were not acked"
    )]
    LateFactsOverflowed,
    #[error("SubscribeRequest.after_cursor: {0}")]
    CursorInvalid(#[from] CursorError),
    #[error("SubscribeRequest.filter.{field} is not valid: {detail}")]
    FilterInvalid { field: &'static str, detail: String },
    #[error("ListRecordingsRequest.{field} is not valid: {detail}")]
    ListInvalid { field: &'static str, detail: String },
    #[error(
        "no host {host:?} is connected: name one by its name, machine id or boot id, as `eyrie hosts` lists it"
    )]
    HostUnknown { host: String },
    #[error("{count} hosts that are connected are called {host:?}: name one by its machine id or boot id")]
    HostAmbiguous { host: String, count: usize },
    #[error("no rule is called {rule:?}{}", near.as_ref().map_or(String::new(), |near| format!("; did you mean {near:?}?")))]
    RuleUnknown { rule: String, near: Option<String> },
    #[error("{field} is not valid: {detail}")]
    PlanRequestInvalid { field: &'static str, detail: String },
    #[error(
        "this engine takes its rules from the files that it is started with: name them with --rules (or rules in its configuration), and restart it \
         to change them"
    )]
    RulesFromFiles,
    #[error(transparent)]
    Recording(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] AlertLogError),
    #[error(transparent)]
    Call(#[from] CallError),
}

// === impl RpcError ===

impl RpcError {
    /// The table: code, stable reason, and whether the same call may succeed later.
    fn row(&self) -> (Code, &'static str, bool) {
        match self {
            Self::HelloMissing { .. } => (Code::DeadlineExceeded, "HELLO_MISSING", true),
            Self::HelloExpected { .. } => (Code::InvalidArgument, "HELLO_EXPECTED", false),
            Self::HelloRepeated => (Code::InvalidArgument, "HELLO_REPEATED", false),
            Self::OriginInvalid { .. } => (Code::InvalidArgument, "ORIGIN_INVALID", false),
            Self::PeerNotAllowed { .. } => (Code::PermissionDenied, "PEER_NOT_ALLOWED", false),
            Self::EpochInvalid => (Code::InvalidArgument, "EPOCH_INVALID", false),
            Self::HelloInvalid { .. } => (Code::InvalidArgument, "HELLO_INVALID", false),
            Self::ProtocolUnsupported { .. } => (Code::FailedPrecondition, "PROTOCOL_UNSUPPORTED", false),
            Self::BaseStateExpected { .. } => (Code::InvalidArgument, "BASE_STATE_EXPECTED", false),
            Self::BaseStateUnwanted => (Code::InvalidArgument, "BASE_STATE_UNWANTED", false),
            Self::BaseStateTooLarge { .. } => (Code::ResourceExhausted, "BASE_STATE_TOO_LARGE", false),
            Self::BaseStateInconsistent { .. } => (Code::InvalidArgument, "BASE_STATE_INCONSISTENT", false),
            Self::BaseStateMissing { .. } => (Code::DeadlineExceeded, "BASE_STATE_MISSING", true),
            Self::Undecodable { .. } => (Code::InvalidArgument, "UNDECODABLE", false),
            Self::MessageUnknown => (Code::InvalidArgument, "MESSAGE_UNKNOWN", false),
            Self::MessageTooLarge { .. } => (Code::OutOfRange, "MESSAGE_TOO_LARGE", false),
            Self::OutOfSequence { .. } => (Code::FailedPrecondition, "OUT_OF_SEQUENCE", true),
            Self::Superseded { .. } => (Code::Aborted, "SUPERSEDED", true),
            Self::PredecessorBusy { .. } => (Code::Unavailable, "PREDECESSOR_BUSY", true),
            Self::TooMany { .. } => (Code::ResourceExhausted, "TOO_MANY", true),
            Self::ShuttingDown => (Code::Unavailable, "SHUTTING_DOWN", true),
            Self::EvaluationFailed { .. } => (Code::Internal, "EVALUATION_FAILED", true),
            Self::LateFactInvalid { .. } => (Code::InvalidArgument, "LATE_FACT_INVALID", false),
            Self::LateFactForeign { .. } => (Code::PermissionDenied, "LATE_FACT_FOREIGN", false),
            Self::LateFactsOverflowed => (Code::Unavailable, "LATE_FACTS_OVERFLOWED", true),
            Self::CursorInvalid(_) => (Code::InvalidArgument, "CURSOR_INVALID", false),
            Self::FilterInvalid { .. } => (Code::InvalidArgument, "FILTER_INVALID", false),
            Self::ListInvalid { .. } => (Code::InvalidArgument, "LIST_INVALID", false),
            Self::HostUnknown { .. } => (Code::NotFound, "HOST_UNKNOWN", true),
            Self::HostAmbiguous { .. } => (Code::FailedPrecondition, "HOST_AMBIGUOUS", false),
            Self::RuleUnknown { .. } => (Code::NotFound, "RULE_UNKNOWN", false),
            Self::PlanRequestInvalid { .. } => (Code::InvalidArgument, "PLAN_REQUEST_INVALID", false),
            Self::RulesFromFiles => (Code::Unimplemented, "RULES_FROM_FILES", false),
            Self::Recording(error) => match error {
                StoreError::NotFound { .. } => (Code::NotFound, "RECORDING_NOT_FOUND", false),
                StoreError::Running { .. } => (Code::FailedPrecondition, "RECORDING_RUNNING", true),
                StoreError::Folder { .. } | StoreError::Redaction(_) | StoreError::Io { .. } => {
                    (Code::Unavailable, "RECORDING_UNREADABLE", true)
                }
            },
            Self::Call(error) => error.row(),
            Self::Log(error) => match error {
                AlertLogError::Full { .. } => (Code::Unavailable, "LOG_FULL", true),
                AlertLogError::Io { .. } => (Code::Unavailable, "LOG_UNREADABLE", true),
                AlertLogError::Closed { .. } => (Code::Unavailable, "LOG_CLOSED", true),
                AlertLogError::Damaged { .. } => (Code::DataLoss, "LOG_DAMAGED", false),
                AlertLogError::InUse { .. }
                | AlertLogError::NewerSchema { .. }
                | AlertLogError::Internal { .. } => (Code::Internal, "LOG_FAILED", false),
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

//! The state that an agent sends before its events.

use eyrie_proto::capture::{CaptureRequest, capture_request::Kind};
use tonic::Streaming;

use super::{kind_name, next_message};
use crate::{
    base_state::{BaseStateError, BaseStateParts},
    error::RpcError,
    intake::SessionLimits,
    origin_state::OriginState,
};

/// Takes all parts and makes a state of them; `None` if the stream ends before the last.
pub(super) async fn receive(
    stream: &mut Streaming<CaptureRequest>,
    limits: &SessionLimits,
) -> Result<Option<OriginState>, RpcError> {
    let mut parts = BaseStateParts::new(limits.max_base_state_bytes);
    loop {
        let next = next_message(stream, limits.max_message_bytes);
        let message = tokio::time::timeout(limits.base_state_wait, next)
            .await
            .map_err(|_| RpcError::BaseStateMissing { waited: limits.base_state_wait })??;
        match message {
            None => return Ok(None),
            Some(Kind::BaseState(part)) => {
                let is_last = part.is_last;
                parts.check(&part)?;
                let sequence = parts.as_of_sequence();
                // Off the async threads: a part may have thousands of processes.
                let restore = move || {
                    parts.restore(part);
                    parts
                };
                let restored = tokio::task::spawn_blocking(restore).await;
                parts = restored.map_err(|_| RpcError::EvaluationFailed { sequence })?;
                if is_last {
                    return Ok(Some(parts.into_state()));
                }
            }
            // Answers to what we sent right after Welcome may come in between.
            Some(Kind::PlanAnswer(_) | Kind::StateAnswer(_)) => {}
            Some(Kind::Hello(_)) => return Err(RpcError::HelloRepeated),
            Some(other) => return Err(RpcError::BaseStateExpected { found: kind_name(&other) }),
        }
    }
}

impl From<BaseStateError> for RpcError {
    fn from(error: BaseStateError) -> Self {
        match error {
            BaseStateError::TooLarge { limit } => Self::BaseStateTooLarge { limit, unit: "bytes" },
            BaseStateError::Inconsistent { part, found, expected } => {
                Self::BaseStateInconsistent { part, found, expected }
            }
        }
    }
}

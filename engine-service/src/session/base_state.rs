//! The state that an agent sends before its events.

use eyrie_proto::capture::{BaseState, CaptureRequest, capture_request::Kind};
use host_model::HostModel;
use prost::Message as _;
use tonic::Streaming;

use super::{kind_name, next_message};
use crate::{error::RpcError, intake::SessionLimits, origin_state::OriginState};

/// What has come of it so far.
#[derive(Debug, Default)]
struct Parts {
    count: usize,
    bytes: usize,
    as_of_sequence: u64,
    model: HostModel,
}

/// Takes all parts and makes a state of them; `None` if the stream ends before the last.
pub(super) async fn receive(
    stream: &mut Streaming<CaptureRequest>,
    limits: &SessionLimits,
) -> Result<Option<OriginState>, RpcError> {
    let mut parts = Parts::default();
    loop {
        let next = next_message(stream, limits.max_message_bytes);
        let message = tokio::time::timeout(limits.base_state_wait, next)
            .await
            .map_err(|_| RpcError::BaseStateMissing { waited: limits.base_state_wait })??;
        match message {
            None => return Ok(None),
            Some(Kind::BaseState(part)) => {
                let is_last = part.is_last;
                parts.check(&part, limits)?;
                parts = parts.restore(part).await?;
                if is_last {
                    return Ok(Some(OriginState::new(parts.model, parts.as_of_sequence)));
                }
            }
            // Answers to what we sent right after Welcome may come in between.
            Some(Kind::PlanAnswer(_) | Kind::StateAnswer(_)) => {}
            Some(Kind::Hello(_)) => return Err(RpcError::HelloRepeated),
            Some(other) => return Err(RpcError::BaseStateExpected { found: kind_name(&other) }),
        }
    }
}

// === impl Parts ===

impl Parts {
    fn check(&mut self, part: &BaseState, limits: &SessionLimits) -> Result<(), RpcError> {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(part.encoded_len());
        if self.bytes > limits.max_base_state_bytes {
            return Err(RpcError::BaseStateTooLarge { limit: limits.max_base_state_bytes, unit: "bytes" });
        }
        if self.count == 1 {
            self.as_of_sequence = part.as_of_sequence;
        } else if self.as_of_sequence != part.as_of_sequence {
            return Err(RpcError::BaseStateInconsistent {
                part: self.count,
                found: part.as_of_sequence,
                expected: self.as_of_sequence,
            });
        }
        Ok(())
    }

    /// Off the async threads: a part may have thousands of processes.
    async fn restore(mut self, part: BaseState) -> Result<Self, RpcError> {
        let sequence = self.as_of_sequence;
        let restore = move || {
            self.model.restore(part.processes, part.facts);
            self
        };
        tokio::task::spawn_blocking(restore).await.map_err(|_| RpcError::EvaluationFailed { sequence })
    }
}

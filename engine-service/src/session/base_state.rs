//! The state that an agent sends before its events.

use eyrie_proto::{
    capture::{BaseState, CaptureRequest, capture_request::Kind},
    event::{Event, ProcessState},
};
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
    processes: Vec<ProcessState>,
    facts: Vec<Event>,
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
                parts.add(part, limits)?;
                if is_last {
                    return parts.into_state().await.map(Some);
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
    fn add(&mut self, part: BaseState, limits: &SessionLimits) -> Result<(), RpcError> {
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
        self.processes.extend(part.processes);
        self.facts.extend(part.facts);
        Ok(())
    }

    /// Off the async threads: a host may have many thousands of processes.
    async fn into_state(self) -> Result<OriginState, RpcError> {
        let sequence = self.as_of_sequence;
        let build = move || OriginState::restore(self.processes, &self.facts, sequence);
        tokio::task::spawn_blocking(build).await.map_err(|_| RpcError::EvaluationFailed { sequence })
    }
}

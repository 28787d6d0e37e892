//! Makes the state of an origin of the parts that its agent sends before its events.

use eyrie_proto::capture::BaseState;
use host_model::HostModel;
use prost::Message as _;

use crate::origin_state::OriginState;

/// What has come of a base state so far.
#[derive(Debug)]
pub(crate) struct BaseStateParts {
    /// Bytes of all parts, at most.
    limit: usize,
    count: usize,
    bytes: usize,
    as_of_sequence: u64,
    model: HostModel,
}

/// Why a part cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BaseStateError {
    #[error("the base state has more than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("part {part} of the base state is as of sequence {found}, the first part as of {expected}")]
    Inconsistent { part: usize, found: u64, expected: u64 },
}

// === impl BaseStateParts ===

impl BaseStateParts {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, count: 0, bytes: 0, as_of_sequence: 0, model: HostModel::default() }
    }

    /// How many parts there were.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether the part may be taken; it counts as one that was.
    pub(crate) fn check(&mut self, part: &BaseState) -> Result<(), BaseStateError> {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(part.encoded_len());
        if self.bytes > self.limit {
            return Err(BaseStateError::TooLarge { limit: self.limit });
        }
        if self.count == 1 {
            self.as_of_sequence = part.as_of_sequence;
        } else if self.as_of_sequence != part.as_of_sequence {
            return Err(BaseStateError::Inconsistent {
                part: self.count,
                found: part.as_of_sequence,
                expected: self.as_of_sequence,
            });
        }
        Ok(())
    }

    /// Takes a part that was checked. It may have thousands of processes.
    pub(crate) fn restore(&mut self, part: BaseState) {
        self.model.restore(part.processes, part.facts);
    }

    /// As of which event it is.
    pub(crate) fn as_of_sequence(&self) -> u64 {
        self.as_of_sequence
    }

    /// The state, after the last part.
    pub(crate) fn into_state(self) -> OriginState {
        OriginState::new(self.model, self.as_of_sequence)
    }
}

//! What was skipped, for people.

use crate::block::BlockType;

/// So many are remembered, a few hundred bytes each: the first ones tell what a file suffers from.
const MAX_PROBLEMS: usize = 16;

/// Something that was skipped because it contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block at offset {offset} (type {block_type}): {reason}")]
pub struct Problem {
    /// Where its block begins, in uncompressed bytes.
    pub offset: u64,
    /// The block's type.
    pub block_type: BlockType,
    /// What is wrong.
    pub reason: String,
}

/// The first problems of a file.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    first: Vec<Problem>,
}

// === impl Problems ===

impl Problems {
    pub(crate) fn first(&self) -> &[Problem] {
        &self.first
    }

    pub(crate) fn remember(&mut self, offset: u64, block_type: BlockType, reason: impl FnOnce() -> String) {
        if self.first.len() < MAX_PROBLEMS {
            self.first.push(Problem { offset, block_type, reason: reason() });
        }
    }
}

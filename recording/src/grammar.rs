//! In which order the pieces of a recording come.

use eyrie_proto::recording::{RecordedBatch, RecordingHeader, recording_entry::Kind};

/// The version of the contract that this program writes and reads: the number in the package's name.
pub const CONTRACT_VERSION: u32 = 1;

/// Where in a stream we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before the first header.
    #[default]
    Nowhere,
    /// Behind a header, or behind a part of the base state that is not the last.
    BaseState { has_begun: bool },
    /// Among batches and late facts.
    Stream,
    /// Behind a trailer.
    Ended,
}

// === impl Place ===

impl Place {
    /// Whether a stream has begun and not ended.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::BaseState { .. } | Self::Stream)
    }

    /// Where we are behind `kind`; what is wrong if it may not come here.
    pub(crate) fn after(self, kind: &Kind) -> Result<Self, String> {
        match (self, kind) {
            (_, Kind::Header(header)) => check_header(header).map(|()| Self::BaseState { has_begun: false }),
            (Self::Nowhere | Self::Ended, _) => {
                Err(format!("is {} without a header before it", name_of(kind)))
            }
            (Self::BaseState { .. }, Kind::BaseState(part)) if part.is_last => Ok(Self::Stream),
            (Self::BaseState { .. }, Kind::BaseState(_)) => Ok(Self::BaseState { has_begun: true }),
            (Self::Stream, Kind::BaseState(_)) => {
                Err("is a part of a base state that was complete".to_owned())
            }
            // Who is cut off may say so.
            (_, Kind::Trailer(_)) => Ok(Self::Ended),
            (Self::BaseState { has_begun: true }, _) => {
                Err(format!("is {}, and the base state before it is not complete", name_of(kind)))
            }
            (_, Kind::Batch(batch)) => check_batch(batch).map(|()| Self::Stream),
            (_, Kind::LateFacts(_)) => Ok(Self::Stream),
        }
    }
}

fn check_header(header: &RecordingHeader) -> Result<(), String> {
    match &header.origin {
        _ if header.version != CONTRACT_VERSION => Err(format!(
            "is a header of version {} of the contract, and this program knows {CONTRACT_VERSION}",
            header.version
        )),
        Some(origin) if origin.kind.is_some() => Ok(()),
        _ => Err("is a header without an origin".to_owned()),
    }
}

fn check_batch(recorded: &RecordedBatch) -> Result<(), String> {
    let Some(batch) = &recorded.batch else { return Err("is a batch without a batch in it".to_owned()) };
    let (events, gaps) = (batch.events.len(), recorded.left_out_before.len());
    if !batch.packed_events.is_empty() {
        Err("is a batch whose events are packed, and those of recordings are rows".to_owned())
    } else if gaps != 0 && gaps != events {
        Err(format!("is a batch of {events} events that says what was left out before {gaps}"))
    } else {
        Ok(())
    }
}

fn name_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Header(_) => "a header",
        Kind::BaseState(_) => "a base state",
        Kind::Batch(_) => "a batch",
        Kind::LateFacts(_) => "late facts",
        Kind::Trailer(_) => "a trailer",
    }
}

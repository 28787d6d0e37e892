//! What `.scap` has no place for, so that a file that Eyrie wrote gives Eyrie back what it was made of.
//!
//! The pieces of a recording ride in the file as they are, each in an asynchronous event of our own name that is marked
//! as changing state only: libscap's tools show it to nobody and give it to no rule. Behind it come the events by which
//! those tools see the same. So whoever finds such a piece in a section takes the section's pieces and nothing else of
//! it; its blocks and other events say the same with less. Start times, control groups, credentials at each event, paths
//! that the kernel reached, facts, exact losses, and sequence numbers are what would be lost otherwise.

use eyrie_proto::recording::{RecordingEntry, recording_entry::Kind};
use prost::Message;
use scap::{
    EventDraft,
    value::{Value, ValueError},
};

use crate::entry::{self, EntryError};

/// The name of the asynchronous event whose data are a serialised `eyrie.recording.v1.RecordingEntry`.
pub const ENTRY_EVENT: &str = "eyrie.entry";
/// `PPME_ASYNCEVENT_E`
pub const ASYNC_EVENT: u16 = 402;
/// `SCAP_DF_STATE_ONLY`: an event that changes state and that nobody is to see.
pub const STATE_ONLY: u32 = 1;
/// The thread of events that nobody caused.
pub const NO_THREAD: i64 = -1;

/// Why a piece of a recording cannot be taken from its event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionError {
    /// A parameter of the event is not what its type says.
    #[error("the event at offset {offset} is called {ENTRY_EVENT:?}, but {source}: the file is damaged")]
    Parameter {
        /// Where the event's block begins.
        offset: u64,
        /// What is wrong.
        #[source]
        source: ValueError,
    },
    /// Its data are no piece of a recording.
    #[error(
        "the event at offset {offset} is called {ENTRY_EVENT:?}, but what it carries {source}: the file is damaged, or a \
         newer version of eyrie wrote it"
    )]
    NoEntry {
        /// Where the event's block begins.
        offset: u64,
        /// What is wrong.
        #[source]
        source: EntryError,
    },
}

/// The piece of a recording that an event carries; `None` if it is any other event.
pub fn entry_of(event: &scap::Event<'_>) -> Result<Option<Kind>, ExtensionError> {
    let at = |source| ExtensionError::Parameter { offset: event.offset, source };
    if event.code != ASYNC_EVENT
        || !matches!(event.value("name").map_err(at)?, Some(Value::Text(name)) if name == ENTRY_EVENT.as_bytes())
    {
        return Ok(None);
    }
    let decoded = entry::decode(event.bytes("data").unwrap_or_default());
    decoded.map(Some).map_err(|source| ExtensionError::NoEntry { offset: event.offset, source })
}

/// Why a piece of a recording cannot be put into an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarryError {
    /// Nobody would read it.
    #[error("it {0}")]
    Entry(#[from] EntryError),
    /// It does not fit the event.
    #[error(transparent)]
    Value(#[from] ValueError),
}

/// The event that carries a piece of a recording.
pub fn draft_of(kind: &Kind) -> Result<EventDraft, CarryError> {
    let entry = RecordingEntry { kind: Some(kind.clone()) }.encode_to_vec();
    entry::check(&entry)?;
    let mut draft = EventDraft::new(ASYNC_EVENT, 0, NO_THREAD);
    draft.time_ns = None;
    draft.flags = STATE_ONLY;
    draft.set("plugin_id", &Value::Unsigned(0))?;
    draft.set("name", &Value::Text(ENTRY_EVENT.into()))?;
    draft.set("data", &Value::Bytes(entry))?;
    Ok(draft)
}

//! Recordings of event streams: writing them, reading them back, and blotting out what must not be in them.
//!
//! A recording is one or more streams, each as its agent sent it: a header, the base state before its first event, then
//! batches and late facts in their order, and a trailer. All its users speak of these pieces as
//! [`Kind`](eyrie_proto::recording::recording_entry::Kind); which file format they lie in is behind [`Source`] and [`Sink`].
//!
//! ```text
//!  agent, engine ── Kind ──▶ Redactor ──▶ Sink ═ FILE ═▶ Source ── Kind ──▶ engine, rule tests
//!                                        (ours, or .scap)
//! ```
//!
//! Our own format (`docs/recordings.md`) keeps everything that is streamed. It is a magic with a version and then blocks,
//! each compressed and checked by itself, so that a recorder that is killed leaves everything but its last second. `.scap`
//! is what Falco and sysdig read; the crates `scap` and `scap-events` know it.
//!
//! What it is not for: nothing here captures, evaluates or keeps a model of a host, and nothing here can find out
//! whether what a recording says is true. Reading checks lengths, checksums and the order of pieces, and nothing more.
#![forbid(unsafe_code)]

mod block;
mod counts;
mod error;
mod grammar;
mod leaving_out;
mod reader;
mod redaction;
mod scap_file;
mod sink;
mod source;
mod writer;

pub use scap_events::entry::{MAX_ELEMENTS, MAX_ENTRY_BYTES};

pub use self::{
    block::{MAGIC, VERSION},
    counts::Counts,
    error::RecordingError,
    grammar::CONTRACT_VERSION,
    leaving_out::retain,
    reader::Reader,
    redaction::{REDACTED, RedactionError, Redactions, Redactor},
    sink::{CreateOptions, Format, Sink, Written, create, create_file},
    source::{Source, open, source},
    writer::Writer,
};

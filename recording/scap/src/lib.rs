//! The `.scap` file format: what Falco, sysdig and stratoshark write and read.
//!
//! A file is a sequence of blocks, plain or in gzip: what the machine is, its interfaces, users, threads and their
//! descriptors, then events. An event is a code of the [`table`], a thread, a time, and parameters whose order and types the table
//! gives. [`Reader`] and [`Writer`] know blocks, [`value`] knows parameters; nobody here knows what an event means: that
//! is the crate `scap-events`.
//!
//! Facts about the format come from `libscap` (`scap_savefile.h`, `scap_savefile.c`) and `ppm_events_public.h` of
//! falcosecurity/libs.
#![forbid(unsafe_code)]

mod block;
mod draft;
mod error;
mod event;
mod fields;
mod input;
mod reader;
mod records;
pub mod table;
pub mod value;
mod writer;

pub use self::{
    block::BlockType,
    draft::EventDraft,
    error::{ReadError, WriteError},
    event::Event,
    reader::{Block, Counts, Descriptors, Problem, Reader, Threads},
    records::{
        Account, Descriptor, DescriptorKind, Interface, InternetAddress, Machine, Section, Thread, ThreadTail,
    },
    writer::{Compression, Writer},
};

#[cfg(test)]
mod tests;

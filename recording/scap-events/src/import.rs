//! A `.scap` file as the stream that an agent would have sent of the same host.
//!
//! ```text
//!  scap::Reader ─ blocks ─▶ Section (machine, processes, descriptors, control groups, users) ─▶ header, base state
//!               ─ events ─▶ Parameters (exit + enter) ─▶ Call, lives ─▶ events, facts ─▶ batches
//! ```
//!
//! Live events describe themselves. A file says once what a descriptor or a process is, and then only numbers: so everything
//! that an event's task and descriptors need is kept here, within fixed limits, and put into each event. What a file does
//! not say stays empty, never guessed; docs/scap.md lists it.

mod accounts;
mod addresses;
mod base;
mod calls;
mod cgroups;
mod containers;
mod counts;
mod descriptors;
mod events;
mod identity;
mod kinds;
mod listed;
mod lives;
mod output;
mod parameters;
mod section;
mod streams;
mod tasks;

use std::io::Read;

use eyrie_proto::recording::recording_entry::Kind;
use scap::{Block, ReadError, Reader};

pub use self::counts::{Counts, Skipped};
use self::{events::Sinks, output::Output, parameters::Parameters, section::Section};
use crate::extension::{self, ExtensionError};

/// How a file is taken.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Whose host it is; empty for the default tenant.
    pub tenant: String,
}

/// Why a file could not be read to its end. Everything before was given out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file itself.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The recording that it carries.
    #[error(transparent)]
    Extension(#[from] ExtensionError),
}

/// Makes the pieces of a recording of a file.
#[derive(Debug)]
pub struct Import<R> {
    reader: Reader<R>,
    options: ImportOptions,
    section: Section,
    has_section: bool,
    output: Output,
    counts: Counts,
    has_ended: bool,
    /// Of the last event.
    offset: u64,
    failure: Option<ImportError>,
}

// === impl Import ===

impl<R: Read> Import<R> {
    /// Of a reader at the beginning of its file.
    pub fn new(reader: Reader<R>, options: ImportOptions) -> Self {
        Self {
            reader,
            options,
            section: Section::default(),
            has_section: false,
            output: Output::default(),
            counts: Counts::default(),
            has_ended: false,
            offset: 0,
            failure: None,
        }
    }

    /// The next piece; `None` at the end. An error comes after everything that could be read before it.
    #[expect(clippy::should_implement_trait, reason = "as all sources of recordings are asked")]
    pub fn next(&mut self) -> Result<Option<Kind>, ImportError> {
        loop {
            if let Some(kind) = self.output.next() {
                return Ok(Some(kind));
            }
            if self.has_ended {
                return self.failure.take().map_or(Ok(None), Err);
            }
            if let Err(error) = self.step() {
                // Whoever recorded it was cut off: there is no trailer.
                self.has_ended = true;
                self.failure = Some(error);
                self.begin_if_not_begun();
                self.output.flush();
            }
        }
    }

    /// What was read so far.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts.clone();
        self.section.count(&mut counts);
        counts
    }

    /// Where the block begins of the event that was read last: a piece that a file carries is given out before the next is read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The reader, for what it counted.
    pub fn reader(&self) -> &Reader<R> {
        &self.reader
    }

    fn step(&mut self) -> Result<(), ImportError> {
        let Some(block) = self.reader.next_block()? else {
            self.end_section();
            self.has_ended = true;
            return Ok(());
        };
        match block {
            Block::Section(_) => {
                self.end_section();
                self.has_section = true;
            }
            Block::Event(event) => {
                self.offset = event.offset;
                let sinks = Sinks { output: &mut self.output, counts: &mut self.counts };
                take_event(&mut self.section, &event, &self.options.tenant, sinks)?;
            }
            _ if self.section.is_carried => {}
            Block::Machine(machine) if !self.section.has_begun() => self.section.machine = machine,
            // The clock of a stream does not change.
            Block::Machine(_) => {}
            Block::Interfaces(interfaces) => self.section.interfaces(interfaces),
            Block::Accounts(accounts) => self.section.accounts.replace(accounts),
            Block::Threads(threads) => {
                for thread in threads {
                    self.section.thread(thread);
                }
            }
            Block::Descriptors(list) => self.section.descriptors_of(list),
        }
        Ok(())
    }

    /// A section without any event has a stream, too.
    fn begin_if_not_begun(&mut self) {
        if self.has_section && !self.section.has_begun() && !self.section.is_carried {
            let boot_ns = self.section.machine.boot_epoch_ns;
            self.section.begin(&self.options.tenant, boot_ns, &mut self.output);
        }
    }

    fn end_section(&mut self) {
        if !self.has_section {
            return;
        }
        self.begin_if_not_begun();
        if !self.section.is_carried {
            self.output.finish();
        }
        self.section.count(&mut self.counts);
        self.section = Section::default();
        self.has_section = false;
    }
}

fn take_event(
    section: &mut Section,
    event: &scap::Event<'_>,
    tenant: &str,
    mut sinks: Sinks<'_>,
) -> Result<(), ImportError> {
    sinks.counts.read(event.code, event.event_type.is_some());
    if let Some(kind) = extension::entry_of(event)? {
        if !section.has_begun() {
            section.carry();
        }
        if section.is_carried {
            sinks.counts.told += 1;
            sinks.output.push(kind);
        } else {
            sinks.counts.other("pieces of a recording behind other events");
        }
        return Ok(());
    }
    if section.is_carried {
        sinks.counts.joined += 1;
        return Ok(());
    }
    let Some(event_type) = event.event_type else { return Ok(()) };
    let Some(time_ns) = section.time_of(event.time_ns) else {
        let parameters = Parameters::new(event_type, &event.parameters, None);
        if !section.state_event(event, &parameters, 0, &mut sinks) {
            sinks.counts.unused(event_type.event_type);
        }
        return Ok(());
    };
    if !section.has_begun() {
        section.begin(tenant, time_ns, sinks.output);
    }
    section.event(event, event_type, time_ns, sinks);
    Ok(())
}

//! A `.scap` file out of a recorded stream.
//!
//! [`Export::write`] takes the pieces of one stream in their order. The base state becomes the blocks before the events;
//! each event becomes the event of Falco's table that says the same, with its parameters in the order and numbering of
//! schema 4.5.1. What Falco's events tell and ours do not (arguments at a clone) comes from a model of the host that the
//! exporter keeps; what its readers have to have seen before (what a descriptor is) is told by events of its own
//! that only change state, just before they are needed (`descriptors`). What the format has no place for rides along
//! unseen by other tools ([`crate::extension`]), unless that is not wanted.

mod base;
mod containers;
mod descriptors;
mod event;
mod facts;
mod parameters;
mod standard_streams;

use std::io::Write;

use eyrie_proto::{
    capture::{BaseState, ClockReading},
    event::Event,
    recording::{RecordedBatch, RecordingHeader, recording_entry::Kind},
};
use fields::{Architecture, EventView, FieldSettings};
use host_model::HostModel;
use scap::{EventDraft, WriteError, Writer, table::ParameterType, value::ValueError};

use self::{descriptors::KnownDescriptors, facts::Accounts};
use crate::extension::{self, CarryError};

/// `DROP_X`: nothing is dropped any more. libscap refuses files without an event, and this one says nothing.
const DROPPING_ENDED: u16 = 149;

/// What goes into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// The recording's own pieces too, so that nothing is lost to Eyrie; other tools pass over them.
    pub carries_entries: bool,
    /// `socket`, `fcntl` and `execve` without the parameter that Falco 0.44 has and earlier tools refuse.
    pub is_for_older_readers: bool,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportCounts {
    /// Events of the stream that were told.
    pub events: u64,
    /// Events that only change state, told besides so that readers know what the others are about.
    pub state_events: u64,
    /// Events of the stream that the format has no event for: mounts, names, snapshots, switches of the plan.
    pub untold: u64,
}

/// Why a stream could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A value does not fit the event's table.
    #[error("the parameter {parameter:?} of {event} at {boot_ns} ns cannot be written: {source}")]
    Value {
        /// The event as rules call it.
        event: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// When the event happened.
        boot_ns: u64,
        /// What is wrong.
        #[source]
        source: ValueError,
    },
    /// A piece of the recording cannot ride along.
    #[error("a piece of the recording cannot be carried by an event: {0}")]
    Entry(#[from] CarryError),
    /// A stream begins with its header.
    #[error("the recording does not begin with a header; nothing says whose stream it is")]
    NoHeader,
    /// One file of this writer holds one stream.
    #[error(
        "another stream begins ({origin}), and a .scap file holds one; write each into a file of its own, which may be \
         concatenated afterwards"
    )]
    SecondStream {
        /// Whose stream it is.
        origin: String,
    },
    /// The state before the first event comes before it.
    #[error("a part of the base state comes after the first event; the recording is damaged")]
    LateBaseState,
    /// Events in another encoding.
    #[error("batch {batch_id} is packed (encoding {encoding}), and only rows can be translated")]
    PackedBatch {
        /// The batch.
        batch_id: u64,
        /// `BatchEncoding`
        encoding: i32,
    },
}

/// Writes one stream.
#[derive(Debug)]
pub struct Export<W: Write> {
    writer: Writer<W>,
    options: ExportOptions,
    counts: ExportCounts,
    stage: Stage,
    stream: Stream,
}

/// How far a stream has come.
#[derive(Debug)]
enum Stage {
    /// Nothing has come.
    Begin,
    /// The header and parts of the base state, which are written once they are whole.
    Base(Vec<Kind>),
    /// The blocks are written.
    Events,
}

/// What is known of the stream as far as it was written.
#[derive(Debug)]
struct Stream {
    header: RecordingHeader,
    architecture: Architecture,
    /// Wall clock minus boot clock, nanoseconds.
    epoch_offset_ns: i64,
    host: HostModel,
    accounts: Accounts,
    known: KnownDescriptors,
}

/// Where translations put their events.
#[derive(Debug, Default)]
struct Drafts {
    /// In the order in which they are written.
    events: Vec<EventDraft>,
}

// === impl ExportOptions ===

impl Default for ExportOptions {
    fn default() -> Self {
        Self { carries_entries: true, is_for_older_readers: false }
    }
}

// === impl Export ===

impl<W: Write> Export<W> {
    /// Begins to write into a file that has its section.
    pub fn new(writer: Writer<W>, options: ExportOptions) -> Self {
        Self {
            writer,
            options,
            counts: ExportCounts::default(),
            stage: Stage::Begin,
            stream: Stream::new(RecordingHeader::default()),
        }
    }

    /// Writes the next piece of the stream.
    pub fn write(&mut self, kind: &Kind) -> Result<(), ExportError> {
        match (&mut self.stage, kind) {
            (Stage::Begin, Kind::Header(header)) => {
                self.stream = Stream::new(header.clone());
                self.stage = Stage::Base(vec![kind.clone()]);
                Ok(())
            }
            (Stage::Begin, _) => Err(ExportError::NoHeader),
            (_, Kind::Header(header)) => {
                let origin = header.origin.as_ref().map(ToString::to_string).unwrap_or_default();
                Err(ExportError::SecondStream { origin })
            }
            (Stage::Base(held), Kind::BaseState(part)) => {
                self.stream.restore(part);
                held.extend(self.options.carries_entries.then(|| kind.clone()));
                if part.is_last { self.write_blocks() } else { Ok(()) }
            }
            (Stage::Events, Kind::BaseState(_)) => Err(ExportError::LateBaseState),
            (Stage::Base(_), _) => {
                self.write_blocks()?;
                self.write_piece(kind)
            }
            (Stage::Events, _) => self.write_piece(kind),
        }
    }

    /// What was written so far.
    pub fn counts(&self) -> &ExportCounts {
        &self.counts
    }

    /// Hands everything written so far on, so that the file is readable up to here.
    pub fn flush(&mut self) -> Result<(), ExportError> {
        Ok(self.writer.flush()?)
    }

    /// Ends the file; a stream that has no event yet gets one, as readers refuse files without any.
    pub fn finish(mut self) -> Result<W, ExportError> {
        if matches!(self.stage, Stage::Base(_)) {
            self.write_blocks()?;
        }
        if self.counts == ExportCounts::default() {
            self.writer.event(&EventDraft::new(
                DROPPING_ENDED,
                self.stream.now_ns(),
                extension::NO_THREAD,
            ))?;
        }
        Ok(self.writer.finish()?)
    }

    fn write_blocks(&mut self) -> Result<(), ExportError> {
        let Stage::Base(held) = std::mem::replace(&mut self.stage, Stage::Events) else { return Ok(()) };
        let stream = &mut self.stream;
        self.writer.machine(&base::machine(stream))?;
        self.writer.interfaces(&base::interfaces(&stream.host))?;
        self.writer.accounts(&stream.accounts.of_host())?;
        self.writer.threads(&mut base::threads(stream))?;
        for process in stream.host.processes() {
            let descriptors = base::descriptors(process);
            if !descriptors.is_empty() {
                stream.known.tell_standard_streams(process.key().pid, process.standard_streams());
                self.writer.descriptors(process.key().pid.into(), &descriptors)?;
            }
        }
        if self.options.carries_entries {
            held.iter().try_for_each(|kind| self.carry(kind))?;
        }
        for draft in self.stream.accounts.of_containers()? {
            self.write_draft(&draft)?;
        }
        Ok(())
    }

    fn write_piece(&mut self, kind: &Kind) -> Result<(), ExportError> {
        if self.options.carries_entries {
            self.carry(kind)?;
        }
        match kind {
            Kind::Batch(recorded) => self.write_batch(recorded),
            Kind::LateFacts(facts) => {
                for draft in containers::drafts(&facts.facts, self.stream.now_ns())? {
                    self.write_draft(&draft)?;
                }
                Ok(())
            }
            Kind::Header(_) | Kind::BaseState(_) | Kind::Trailer(_) => Ok(()),
        }
    }

    fn write_batch(&mut self, recorded: &RecordedBatch) -> Result<(), ExportError> {
        let Some(batch) = &recorded.batch else { return Ok(()) };
        if !batch.packed_events.is_empty() {
            return Err(ExportError::PackedBatch { batch_id: batch.batch_id, encoding: batch.encoding });
        }
        if let Some(clock) = &batch.clock {
            self.stream.set_clock(clock);
        }
        for event in &batch.events {
            let drafts = self.stream.translate(event)?;
            let told = drafts.events.iter().filter(|draft| draft.flags & extension::STATE_ONLY == 0).count();
            self.counts.events += u64::from(told > 0);
            self.counts.untold += u64::from(drafts.events.is_empty());
            for mut draft in drafts.events {
                if !self.options.is_for_older_readers {
                    draft.keep_all();
                }
                self.write_draft(&draft)?;
            }
        }
        Ok(())
    }

    fn carry(&mut self, kind: &Kind) -> Result<(), ExportError> {
        let draft = extension::draft_of(kind)?;
        self.write_draft(&draft)
    }

    fn write_draft(&mut self, draft: &EventDraft) -> Result<(), ExportError> {
        self.counts.state_events += u64::from(draft.flags & extension::STATE_ONLY != 0);
        Ok(self.writer.event(draft)?)
    }
}

// === impl Stream ===

impl Stream {
    fn new(header: RecordingHeader) -> Self {
        let machine = header.agent.as_ref().map_or("", |agent| &agent.architecture);
        let mut stream = Self {
            architecture: Architecture::from_machine(machine).unwrap_or(Architecture::X86_64),
            epoch_offset_ns: 0,
            host: HostModel::default(),
            accounts: Accounts::default(),
            known: KnownDescriptors::default(),
            header,
        };
        if let Some(clock) = stream.header.clock {
            stream.set_clock(&clock);
        }
        stream
    }

    fn set_clock(&mut self, clock: &ClockReading) {
        self.epoch_offset_ns = clock.epoch_ns.cast_signed().saturating_sub(clock.boot_ns.cast_signed());
    }

    fn restore(&mut self, part: &BaseState) {
        for event in &part.facts {
            self.accounts.apply(event);
        }
        self.host.restore(part.processes.iter().cloned(), part.facts.iter().cloned());
    }

    fn epoch_ns(&self, boot_ns: u64) -> u64 {
        boot_ns.saturating_add_signed(self.epoch_offset_ns)
    }

    /// The newest time that is known: of the newest event, or else when the recording was made.
    fn now_ns(&self) -> u64 {
        let newest = self.host.previous_event_boot_ns().or(self.host.first_event_boot_ns());
        newest.map_or(self.header.created_ns, |boot_ns| self.epoch_ns(boot_ns))
    }

    /// The events that tell of one.
    fn translate(&mut self, event: &Event) -> Result<Drafts, ExportError> {
        let mut drafts = Drafts::default();
        self.host.apply(event);
        event::translate(self, event, &mut drafts)?;
        Ok(drafts)
    }

    /// The working directory of who caused an event.
    fn working_directory(&self, event: &Event) -> Vec<u8> {
        let process = event.task.as_ref().and_then(|task| self.host.process_of(task));
        process.map(|process| process.working_directory().to_vec()).unwrap_or_default()
    }

    fn view<'a>(&'a self, event: &'a Event) -> EventView<'a> {
        EventView {
            event,
            host: &self.host,
            sequence: 0,
            epoch_offset_ns: self.epoch_offset_ns,
            hostname: "",
            architecture: self.architecture,
            source: "syscall",
            container: fields::ContainerView::default(),
            machine: fields::HostView::default(),
            peer: fields::PeerView::default(),
            settings: FieldSettings::unset(),
            paths: fields::PathNames::AskedFor,
        }
    }
}

/// Sets a parameter, and says where if that cannot be.
fn set(
    draft: &mut EventDraft,
    event: &'static str,
    parameter: &'static str,
    value: &scap::value::Value,
) -> Result<(), ExportError> {
    let boot_ns = draft.time_ns.unwrap_or_default();
    draft.set(parameter, value).map_err(|source| ExportError::Value { event, parameter, boot_ns, source })
}

/// Whether a value of the type may be left out; what a call returned may not.
fn is_number(parameter_type: ParameterType) -> bool {
    parameter_type.size().is_some()
}

#[cfg(test)]
mod tests;

//! `.scap` files behind [`Source`] and [`Sink`].

#[cfg(test)]
mod tests;

use std::{
    io::{self, BufWriter, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use eyrie_proto::recording::recording_entry::Kind;
use scap::{Compression, WriteError};
use scap_events::{
    export::{Export, ExportError, ExportOptions},
    import::{Import, ImportError, ImportOptions},
};

use crate::{
    Counts, RecordingError, Sink, Source, Written, counts::Tally, grammar::Place, sink::Output, source::Whole,
};

/// What is written at once.
const WRITE_BYTES: usize = 64 << 10;

/// Reads a `.scap` file.
pub(crate) struct ScapSource {
    import: Import<Whole>,
    place: Place,
    tally: Tally,
    is_over: bool,
}

/// Writes a `.scap` file.
pub(crate) struct ScapSink {
    export: Export<BufWriter<Counting>>,
    place: Place,
    bytes: Arc<AtomicU64>,
    tally: Tally,
}

/// Counts the bytes that were handed over.
struct Counting {
    output: Output,
    bytes: Arc<AtomicU64>,
}

// === impl ScapSource ===

impl ScapSource {
    pub(crate) fn new(input: Whole) -> Result<Self, RecordingError> {
        let reader = scap::Reader::new(input).map_err(ImportError::from)?;
        let import = Import::new(reader, ImportOptions::default());
        Ok(Self { import, place: Place::default(), tally: Tally::default(), is_over: false })
    }

    fn advance(&mut self) -> Result<Option<Kind>, RecordingError> {
        let Some(kind) = self.import.next()? else { return Ok(None) };
        // What the importer makes is in order; what a file carries may be anything.
        let place = self.place.after(&kind).map_err(|detail| RecordingError::Entry {
            offset: self.import.offset(),
            index: 0,
            detail,
        })?;
        if matches!(kind, Kind::Header(_)) && self.place.is_open() {
            self.tally.counts.cut_off_streams += 1;
        }
        self.place = place;
        self.tally.add(&kind);
        Ok(Some(kind))
    }
}

impl Source for ScapSource {
    fn next(&mut self) -> Result<Option<Kind>, RecordingError> {
        if self.is_over {
            return Ok(None);
        }
        let next = self.advance();
        if !matches!(next, Ok(Some(_))) {
            self.is_over = true;
            self.tally.counts.cut_off_streams += u64::from(self.place.is_open());
        }
        next
    }

    fn counts(&self) -> Counts {
        let mut not_understood = self.import.counts().not_understood();
        let of_file = self.import.reader().counts();
        let of_blocks =
            [(of_file.unknown_blocks, "blocks of unknown types"), (of_file.corrupt_events, "corrupt events")];
        let of_blocks = of_blocks.into_iter().filter(|(count, _)| *count > 0);
        not_understood.extend(of_blocks.map(|(count, what)| (what.to_owned(), count)));
        Counts { not_understood, ..self.tally.counts.clone() }
    }
}

// === impl ScapSink ===

impl ScapSink {
    pub(crate) fn new(output: Output) -> Result<Self, RecordingError> {
        let bytes = Arc::new(AtomicU64::new(0));
        let output = BufWriter::with_capacity(WRITE_BYTES, Counting { output, bytes: Arc::clone(&bytes) });
        let writer = scap::Writer::new(output, Compression::Gzip);
        let writer = writer.map_err(|error| failed(error.into(), 0))?;
        let export = Export::new(writer, ExportOptions::default());
        Ok(Self { export, place: Place::default(), bytes, tally: Tally::default() })
    }
}

impl Sink for ScapSink {
    fn write(&mut self, kind: &Kind) -> Result<(), RecordingError> {
        let place = self.place.after(kind).map_err(|detail| RecordingError::EntryRefused { detail })?;
        let kept_bytes = self.bytes();
        self.export.write(kind).map_err(|error| failed(error, kept_bytes))?;
        self.place = place;
        self.tally.add(kind);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), RecordingError> {
        let kept_bytes = self.bytes();
        self.export.flush().map_err(|error| failed(error, kept_bytes))
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn finish(self: Box<Self>) -> Result<Written, RecordingError> {
        let kept_bytes = self.bytes();
        let mut output = self.export.finish().map_err(|error| failed(error, kept_bytes))?;
        let flushed = output.flush().and_then(|()| output.get_ref().output.sync());
        flushed.map_err(|source| RecordingError::Write { kept_bytes, source })?;
        Ok(Written { bytes: self.bytes.load(Ordering::Relaxed), counts: self.tally.counts })
    }
}

// === impl Counting ===

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.bytes.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// A disk that is full is the same whatever is written to it.
fn failed(error: ExportError, kept_bytes: u64) -> RecordingError {
    match error {
        ExportError::Write(WriteError::Io(source)) => RecordingError::Write { kept_bytes, source },
        other => RecordingError::Export { source: Box::new(other) },
    }
}

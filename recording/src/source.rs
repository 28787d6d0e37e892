//! Reading a recording of either format.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
    path::Path,
};

use eyrie_proto::recording::recording_entry::Kind;

use crate::{
    Counts, RecordingError,
    block::MAGIC,
    reader::{Reader, fill},
};

/// What is read at once. Blocks of ours are read past it.
const READ_BYTES: usize = 64 << 10;

/// Where the pieces of a recording come from, whatever its format.
///
/// They come in this order: header, parts of the base state (the last one marked, or none at all), then batches and late
/// facts, then a trailer, unless the recorder was cut off. Another header begins another stream.
pub trait Source {
    /// The next piece; `None` at the end. After an error there is nothing more.
    fn next(&mut self) -> Result<Option<Kind>, RecordingError>;

    /// What was read so far.
    fn counts(&self) -> Counts;
}

/// Opens a recording; `-` is standard input.
pub fn open(path: &Path) -> Result<Box<dyn Source + Send>, RecordingError> {
    if path == Path::new("-") {
        return source(io::stdin());
    }
    let file = File::open(path);
    source(file.map_err(|source| RecordingError::Open { path: path.to_owned(), source })?)
}

/// Finds out by its first bytes what `input` is.
pub fn source(input: impl Read + Send + 'static) -> Result<Box<dyn Source + Send>, RecordingError> {
    let mut input = BufReader::with_capacity(READ_BYTES, input);
    let mut head = [0; MAGIC.len()];
    let length = fill(&mut input, &mut head).map_err(|source| RecordingError::Read { offset: 0, source })?;
    let head = head.get(..length).unwrap_or_default();
    let whole = Cursor::new(head.to_vec()).chain(input);
    if head.starts_with(&MAGIC) {
        return Ok(Box::new(Reader::new(whole)?));
    }
    Err(RecordingError::unknown_format(head))
}

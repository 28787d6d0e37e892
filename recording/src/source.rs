//! Reading a recording of either format.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
    path::Path,
};

use eyrie_proto::recording::recording_entry::Kind;
use flate2::read::{GzDecoder, MultiGzDecoder};

use crate::{
    Counts, RecordingError,
    block::MAGIC,
    reader::{Reader, fill},
    scap_file::ScapSource,
};

/// What is read at once. Blocks of ours are read past it.
const READ_BYTES: usize = 64 << 10;

/// What is unpacked to find out what is in it; a header of gzip's with a name and a comment fits.
const LOOK_AHEAD_BYTES: usize = 4 << 10;
/// How gzip begins (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// How a `.scap` file begins: the type of a section's block, little-endian.
const SECTION_BLOCK: [u8; 4] = 0x0a0d_0d0a_u32.to_le_bytes();

/// An input from its beginning.
pub(crate) type Whole = Box<dyn Read + Send>;

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

/// Finds out by its first bytes what `input` is. Both formats may be packed by gzip once more.
pub fn source(input: impl Read + Send + 'static) -> Result<Box<dyn Source + Send>, RecordingError> {
    let mut input = BufReader::with_capacity(READ_BYTES, input);
    let failed = |source| RecordingError::Read { offset: 0, source };
    let mut head = [0; MAGIC.len()];
    let length = fill(&mut input, &mut head).map_err(failed)?;
    let head = head.get(..length).unwrap_or_default();
    let is_gzip = head.starts_with(&GZIP_MAGIC);
    let mut read = head.to_vec();
    let is_packed_by_gzip = is_gzip && unpacks_to_ours(&mut read, &mut input).map_err(failed)?;
    let whole: Whole = Box::new(Cursor::new(read).chain(input));
    if head.starts_with(&MAGIC) {
        Ok(Box::new(Reader::new(whole)?))
    } else if is_packed_by_gzip {
        Ok(Box::new(Reader::new(BufReader::with_capacity(READ_BYTES, MultiGzDecoder::new(whole)))?))
    } else if is_gzip || head.starts_with(&SECTION_BLOCK) {
        Ok(Box::new(ScapSource::new(whole)?))
    } else {
        Err(RecordingError::unknown_format(head))
    }
}

/// Whether what is packed begins with our magic. `read` is what was read of the input, and gets what is read here: a pipe may bring
/// no more than gzip's own header at first.
fn unpacks_to_ours(read: &mut Vec<u8>, input: &mut impl Read) -> io::Result<bool> {
    let mut begin = [0; MAGIC.len()];
    loop {
        match fill(&mut GzDecoder::new(read.as_slice()), &mut begin) {
            Ok(length) if length == begin.len() => return Ok(begin == MAGIC),
            // Too little of it, which the decoder takes for its end.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && read.len() < LOOK_AHEAD_BYTES => {}
            // Damaged, or shorter than a magic: the other format's reader says so.
            _ => return Ok(false),
        }
        let mut next = vec![0; LOOK_AHEAD_BYTES - read.len()];
        let length = loop {
            match input.read(&mut next) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if length == 0 {
            return Ok(false);
        }
        read.extend(next.iter().take(length));
    }
}

//! Bytes of a file, unpacked, and what kind of file it is.

use std::{
    fmt,
    io::{self, BufReader, Chain, Cursor, Read},
};

use flate2::bufread::MultiGzDecoder;

use crate::{ReadError, block::BlockType};

/// So many bytes tell what a file is.
const BEGINNING_BYTES: usize = 16;

/// gzip's first two bytes.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Of what is read and thrown away at a time.
const SKIP_BYTES: usize = 16 * 1024;

type Whole<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// A file's content, plain or unpacked.
pub(crate) struct Input<R> {
    source: Source<R>,
    offset: u64,
}

enum Source<R> {
    Plain(Whole<R>),
    Gzip(Box<MultiGzDecoder<Whole<R>>>),
}

/// How far a wish for bytes was met.
pub(crate) enum Filled {
    Whole,
    /// So many bytes are not there. The input ends here.
    Missing(u64),
}

// === impl Input ===

impl<R: Read> Input<R> {
    pub(crate) fn new(mut input: R) -> Result<Self, ReadError> {
        let mut beginning = Vec::with_capacity(BEGINNING_BYTES);
        let bound = u64::try_from(BEGINNING_BYTES).unwrap_or(u64::MAX);
        (&mut input)
            .take(bound)
            .read_to_end(&mut beginning)
            .map_err(|source| ReadError::Io { offset: 0, source })?;
        let is_gzip = beginning.starts_with(&GZIP_MAGIC);
        let whole = BufReader::new(Cursor::new(beginning).chain(input));
        let source =
            if is_gzip { Source::Gzip(Box::new(MultiGzDecoder::new(whole))) } else { Source::Plain(whole) };
        Ok(Self { source, offset: 0 })
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn is_gzip(&self) -> bool {
        matches!(self.source, Source::Gzip(_))
    }

    /// Appends `count` bytes to `buffer`, which grows as they come: a length that is a lie costs nothing.
    pub(crate) fn fill(&mut self, buffer: &mut Vec<u8>, count: u32) -> Result<Filled, ReadError> {
        let before = buffer.len();
        let outcome = (&mut self.source).take(count.into()).read_to_end(buffer);
        let read = u64::try_from(buffer.len().saturating_sub(before)).unwrap_or(u64::MAX);
        self.told(read, count, outcome.map(|_| ()))
    }

    /// Passes over `count` bytes.
    pub(crate) fn skip(&mut self, count: u32) -> Result<Filled, ReadError> {
        let mut scratch = [0; SKIP_BYTES];
        let mut read = 0u64;
        let mut rest = (&mut self.source).take(count.into());
        let outcome = loop {
            match rest.read(&mut scratch) {
                Ok(0) => break Ok(()),
                Ok(length) => read = read.saturating_add(u64::try_from(length).unwrap_or(u64::MAX)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.told(read, count, outcome)
    }

    fn told(&mut self, read: u64, wanted: u32, outcome: io::Result<()>) -> Result<Filled, ReadError> {
        self.offset = self.offset.saturating_add(read);
        let missing = u64::from(wanted).saturating_sub(read);
        match outcome {
            Ok(()) if missing == 0 => Ok(Filled::Whole),
            Ok(()) => Ok(Filled::Missing(missing)),
            // The decoder's way to say that the gzip stream ends within itself.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && self.is_gzip() => {
                Err(ReadError::Truncated {
                    offset: self.offset,
                    what: "the gzip stream".to_owned(),
                    missing: missing.max(1),
                })
            }
            Err(source) if self.is_gzip() && is_of_decoder(&source) => {
                Err(ReadError::Gzip { offset: self.offset, source })
            }
            Err(source) => Err(ReadError::Io { offset: self.offset, source }),
        }
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(plain) => plain.read(buffer),
            Self::Gzip(gzip) => gzip.read(buffer),
        }
    }
}

impl<R> fmt::Debug for Input<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("offset", &self.offset).finish_non_exhaustive()
    }
}

/// Errors of the system have its number, those of the decoder have none.
fn is_of_decoder(error: &io::Error) -> bool {
    error.raw_os_error().is_none()
        && matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
}

/// What a file is that does not begin with a section.
pub(crate) fn not_scap(beginning: &[u8], is_gzip: bool) -> ReadError {
    const PCAP: &str = "network packets are no system calls: read it with Wireshark or tcpdump";
    const NATIVE: &str = "read it with eyrie replay";
    const OTHER: &str = "give a file that sysdig, Falco, stratoshark or eyrie record has written";
    let (found, advice) = match beginning {
        [] => ("an empty file", OTHER),
        [0xa1, 0xb2, 0xc3, 0xd4 | 0x4d, ..]
        | [0xd4 | 0x4d, 0xc3, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0x3c, 0x4d, ..]
        | [0x4d, 0x3c, 0xb2, 0xa1, ..] => ("a pcap file of network packets", PCAP),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("a zstd file", "unpack it first: zstd -d"),
        [0x1f, 0x8b, ..] => ("a gzip file", "unpack it once: gunzip"),
        [0x89, b'E', b'Y', b'R', b'I', b'E', ..] => ("a recording of eyrie's own format", NATIVE),
        [0x7f, b'E', b'L', b'F', ..] => ("a program (ELF)", OTHER),
        _ => return unknown(beginning, is_gzip, OTHER),
    };
    ReadError::NotScap { found: within(is_gzip, found), advice }
}

/// A pcapng file begins as a `.scap` file does; the block after the section tells them apart.
pub(crate) fn is_pcapng(first_after_section: BlockType) -> bool {
    // Interface description, packets, name resolution, statistics, secrets.
    matches!(first_after_section.0, 1..=6 | 0xA)
}

pub(crate) fn pcapng(is_gzip: bool) -> ReadError {
    ReadError::NotScap {
        found: within(is_gzip, "a pcapng file of network packets"),
        advice: "network packets are no system calls: read it with Wireshark or tcpdump",
    }
}

fn unknown(beginning: &[u8], is_gzip: bool, advice: &'static str) -> ReadError {
    let bytes: Vec<String> = beginning.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    ReadError::NotScap {
        found: within(is_gzip, &format!("something that begins with {}", bytes.join(" "))),
        advice,
    }
}

fn within(is_gzip: bool, found: &str) -> String {
    if is_gzip { format!("a gzip file with {found} in it") } else { found.to_owned() }
}

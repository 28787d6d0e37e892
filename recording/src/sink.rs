//! Writing a recording.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use eyrie_proto::recording::recording_entry::Kind;

use crate::{Counts, RecordingError, scap_file::ScapSink, writer::Writer};

/// Arguments and environments of all processes are in it: for its owner alone.
const FILE_MODE: u32 = 0o600;

/// Where the pieces of a recording go, whatever its format.
pub trait Sink {
    /// Adds one piece. The order is that of a [`Source`](crate::Source); what breaks it is refused and not written.
    fn write(&mut self, kind: &Kind) -> Result<(), RecordingError>;

    /// Hands everything written so far to the system: a reader finds it even if this process is killed. Whoever records
    /// live does this every second.
    fn flush(&mut self) -> Result<(), RecordingError>;

    /// Bytes of the file so far; a block that is being filled is not among them.
    fn bytes(&self) -> u64;

    /// Ends the file, and has the system write it to the disk.
    fn finish(self: Box<Self>) -> Result<Written, RecordingError>;
}

/// A recording that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Of the file.
    pub bytes: u64,
    /// What is in it.
    pub counts: Counts,
}

/// How a recording is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct CreateOptions {
    /// In which format.
    pub format: Format,
    /// What has the name is replaced; otherwise it is an error.
    pub is_replacing: bool,
}

/// The formats of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Ours: everything that was streamed.
    #[default]
    Eyrie,
    /// What Falco, sysdig and stratoshark read. One stream a file.
    Scap,
}

/// A file of ours.
struct FileSink {
    writer: Writer<Output>,
}

/// A file, or standard output.
pub(crate) enum Output {
    File(File),
    Standard(io::Stdout),
}

/// Makes a recording; `-` is standard output.
///
/// It has its name from the beginning: what a killed recorder leaves is found where it was asked for, and says by the
/// lack of a trailer that it was cut off. Only its owner can read it, and nothing is overwritten unless that was asked for.
pub fn create(path: &Path, options: &CreateOptions) -> Result<Box<dyn Sink + Send>, RecordingError> {
    let output = Output::open(path, options)?;
    Ok(match options.format {
        Format::Eyrie => Box::new(FileSink { writer: Writer::new(output)? }),
        Format::Scap => Box::new(ScapSink::new(output)?),
    })
}

/// Makes an empty file that only its owner can read. What has the name is replaced only if that is asked for, and only a
/// file or a symbolic link: recorders run as root, and a device would be gone.
pub fn create_file(path: &Path, is_replacing: bool) -> Result<File, RecordingError> {
    let failed = |source| RecordingError::Create { path: path.to_owned(), source };
    match fs::symlink_metadata(path).map(|there| there.file_type()) {
        Ok(there) if !there.is_file() && !there.is_symlink() => {
            return Err(failed(io::Error::other("that is no regular file; `-` writes to standard output")));
        }
        // Removed, not emptied: who can read what was there could read what comes.
        Ok(_) if is_replacing => match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        },
        // What is wrong with the path, making the file tells.
        _ => {}
    }
    match OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(RecordingError::Exists { path: path.to_owned() })
        }
        opened => opened.map_err(failed),
    }
}

// === impl FileSink ===

impl Sink for FileSink {
    fn write(&mut self, kind: &Kind) -> Result<(), RecordingError> {
        self.writer.write(kind)
    }

    fn flush(&mut self) -> Result<(), RecordingError> {
        self.writer.flush()
    }

    fn bytes(&self) -> u64 {
        self.writer.bytes()
    }

    fn finish(mut self: Box<Self>) -> Result<Written, RecordingError> {
        self.writer.flush()?;
        let (bytes, counts) = (self.writer.bytes(), self.writer.counts().clone());
        let output = self.writer.finish()?;
        output.sync().map_err(|source| RecordingError::Write { kept_bytes: bytes, source })?;
        Ok(Written { bytes, counts })
    }
}

// === impl Output ===

impl Output {
    fn open(path: &Path, options: &CreateOptions) -> Result<Self, RecordingError> {
        if path == Path::new("-") {
            return Ok(Self::Standard(io::stdout()));
        }
        create_file(path, options.is_replacing).map(Self::File)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        match self {
            Self::File(file) => file.sync_all(),
            Self::Standard(_) => Ok(()),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Standard(output) => output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Standard(output) => output.flush(),
        }
    }
}

//! Files, and how far they are read.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use recording::{RecordingError, Source};

/// Files below this are replayed in a moment: a bar would only flicker.
const LONG_FILE_BYTES: u64 = 4 * 1024 * 1024;
const BAR: &str = "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";

/// A bar on standard error, if that is a terminal and there is something to wait for.
pub(super) struct Progress(ProgressBar);

/// A file that is open.
pub(super) struct Input {
    reader: Metered,
    can_be_read_twice: bool,
}

/// How long reading took, counted while somebody reads.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadTime(Arc<AtomicU64>);

/// Counts bytes and time.
struct Metered {
    inner: Box<dyn Read + Send>,
    bar: ProgressBar,
    time: ReadTime,
}

// === impl Progress ===

impl Progress {
    /// Each file is read twice.
    pub(super) fn of(files: &[PathBuf]) -> Self {
        let sizes = files.iter().filter_map(|file| file.metadata().ok()).filter(|found| found.is_file());
        let total: u64 = sizes.map(|found| found.len()).sum();
        if total < LONG_FILE_BYTES || !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(total * 2), ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    /// Does something that writes to the terminal.
    pub(super) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

// === impl Input ===

impl Input {
    /// `-` is standard input.
    pub(super) fn open(path: &Path, progress: &Progress) -> io::Result<Self> {
        let (inner, can_be_read_twice): (Box<dyn Read + Send>, bool) = if path == Path::new("-") {
            (Box::new(io::stdin()), false)
        } else {
            let file = File::open(path)?;
            let is_file = file.metadata()?.is_file();
            (Box::new(file), is_file)
        };
        let reader = Metered { inner, bar: progress.0.clone(), time: ReadTime::default() };
        Ok(Self { reader, can_be_read_twice })
    }

    pub(super) fn can_be_read_twice(&self) -> bool {
        self.can_be_read_twice
    }

    pub(super) fn read_time(&self) -> ReadTime {
        self.reader.time.clone()
    }

    /// The recording in it.
    pub(super) fn source(self) -> Result<Box<dyn Source + Send>, RecordingError> {
        recording::source(self.reader)
    }
}

// === impl ReadTime ===

impl ReadTime {
    pub(super) fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let begun = Instant::now();
        let read = self.inner.read(buffer)?;
        let nanoseconds = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.time.0.fetch_add(nanoseconds, Ordering::Relaxed);
        self.bar.inc(read as u64);
        Ok(read)
    }
}

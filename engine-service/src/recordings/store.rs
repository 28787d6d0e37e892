//! The folder of recordings: what there is, how large it is, and what has to leave.
//!
//! Beside each recording lies what is known of it (`ID.info`, a serialised [`Recording`]), so that a list need not read the
//! recordings themselves. The info of one that is being written says so; an engine that finds such a file at its start reads the
//! recording and lists it as cut.

mod file;
mod folder;
mod index;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use eyrie_proto::recording::{Recording, RecordingEnd, RecordingState, RecordingTrigger};
use recording::RedactionError;

use self::{
    file::RecordingFile,
    index::{Excess, Index},
};
use super::{
    counters::RecordingCounters,
    courier::{Cut, Outcome, Target},
    options::RecordingOptions,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    limits: StoreLimits,
    /// Evaluations wait for it, so nobody holds it while a disk works.
    index: Mutex<Index>,
    /// Who removes files or writes infos holds it, and takes it before the index; evaluations never do.
    disk: Mutex<()>,
    counters: Arc<RecordingCounters>,
}

#[derive(Clone, Debug)]
struct StoreLimits {
    max_file_bytes: u64,
    max_origin_bytes: u64,
    max_total_bytes: u64,
    max_at_once: usize,
    max_an_hour: usize,
}

/// Why no recording is made of an alert.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The same alert again.
    #[error("there is one of this alert already")]
    Repeated,
    #[error("{limit} recordings are being made already")]
    AtOnce { limit: usize },
    #[error("{limit} recordings of this origin have begun within an hour")]
    Hourly { limit: usize },
    #[error("the recordings that are being made take {limit} bytes, which is all that there may be")]
    Full { limit: u64 },
    #[error("the file cannot be made: {detail}")]
    Failed { detail: String },
}

/// Why the folder cannot be used, or a recording not be had.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation of the variants, and name every field")]
pub enum StoreError {
    #[error("the folder of recordings {}: {detail}; the engine must be able to write there", path.display())]
    Folder { path: PathBuf, detail: String },
    #[error(transparent)]
    Redaction(#[from] RedactionError),
    #[error("there is no recording {id}: `eyrie recordings list` has those that there are")]
    NotFound { id: String },
    #[error("the recording {id} is still being made: delete it when it has ended")]
    Running { id: String },
    #[error("the recording {id} cannot be read or removed: {detail}")]
    Io { id: String, detail: String },
}

// === impl Refusal ===

impl Refusal {
    /// For metrics.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::AtOnce { .. } => "at_once",
            Self::Hourly { .. } => "an_hour",
            Self::Full { .. } => "full",
            Self::Failed { .. } => "failed",
        }
    }
}

// === impl Store ===

impl Store {
    /// Opens the folder, and takes up what an engine before has left.
    pub(crate) fn open(
        folder: PathBuf,
        options: &RecordingOptions,
        counters: Arc<RecordingCounters>,
    ) -> Result<Arc<Self>, StoreError> {
        folder::make(&folder)?;
        let recordings = folder::take_up(&folder)?;
        let limits = StoreLimits {
            max_file_bytes: options.max_file_bytes,
            max_origin_bytes: options.max_origin_bytes,
            max_total_bytes: options.max_total_bytes,
            max_at_once: options.max_at_once,
            max_an_hour: options.max_an_hour,
        };
        let index = Mutex::new(Index::of(recordings.into_values()));
        Ok(Arc::new(Self { folder, limits, index, disk: Mutex::default(), counters }))
    }

    /// Why no recording of `origin` with this id may begin now, if none may.
    pub(crate) fn refusal(&self, id: &str, origin: &str) -> Option<Refusal> {
        self.lock().refusal(id, origin, &self.limits)
    }

    /// Begins a recording. From now on it is listed; its file is made with the first piece, by whoever writes it.
    pub(crate) fn begin(self: &Arc<Self>, recording: Recording) -> Result<Box<dyn Target>, Refusal> {
        let mut index = self.lock();
        if let Some(refusal) = index.refusal(&recording.id, &origin_name(&recording), &self.limits) {
            return Err(refusal);
        }
        index.begin(recording.clone());
        Ok(Box::new(RecordingFile::new(self, recording)))
    }

    /// A recording's file has so many bytes now. Others make room for it; if none can, it is cut.
    fn grow(&self, id: &str, bytes: u64) -> Result<(), Cut> {
        let limit = self.limits.max_file_bytes;
        if bytes > limit {
            return Err(full("file_bytes", "the file has", limit));
        }
        let excess = {
            let mut index = self.lock();
            index.change(id, |recording| recording.size_bytes = bytes);
            index.excess(id, &self.limits)
        };
        if excess.is_some() { self.make_room(&self.lock_disk(), id) } else { Ok(()) }
    }

    /// Removes what is older than this recording and has ended, until all budgets hold.
    fn make_room(&self, disk: &MutexGuard<'_, ()>, id: &str) -> Result<(), Cut> {
        loop {
            let oldest = {
                let mut index = self.lock();
                let Some(excess) = index.excess(id, &self.limits) else { return Ok(()) };
                index.remove_oldest(&excess, id).ok_or(excess)
            };
            match oldest {
                Ok(oldest) => self.remove(disk, &oldest),
                Err(Excess::Origin(_)) => {
                    let limit = self.limits.max_origin_bytes;
                    return Err(full("origin_bytes", "the origin's recordings have", limit));
                }
                Err(Excess::Total) => {
                    return Err(full("total_bytes", "all recordings have", self.limits.max_total_bytes));
                }
            }
        }
    }

    fn remove(&self, _disk: &MutexGuard<'_, ()>, recording: &Recording) {
        let id = &recording.id;
        tracing::info!(id, "a recording makes room for newer ones");
        self.counters.removed.increment();
        if let Err(error) = folder::remove(&self.folder, recording) {
            tracing::warn!(id, "cannot remove a recording that has to make room: {error}");
        }
    }

    /// More alerts are in a recording: an engine that finds it without its end knows of them.
    fn add_triggers(&self, id: &str, triggers: Vec<RecordingTrigger>) {
        let disk = self.lock_disk();
        let changed = self.lock().change(id, |recording| recording.triggers.extend(triggers));
        if let Some(recording) = changed {
            self.write_info(&disk, &recording);
        }
    }

    /// A recording has ended.
    fn end(&self, id: &str, outcome: Outcome, bytes: u64) {
        match outcome.cut {
            Some(reason) => self.counters.cut(reason),
            None => self.counters.completed.increment(),
        }
        let state = if outcome.has_trailer { RecordingState::Finished } else { RecordingState::Cut };
        let disk = self.lock_disk();
        let ended = self.lock().change(id, |recording| {
            recording.state = state.into();
            recording.end = outcome.end.into();
            recording.message = outcome.message;
            recording.event_count = outcome.event_count;
            recording.first_event_ns = outcome.first_event_ns;
            recording.last_event_ns = outcome.last_event_ns;
            recording.triggers = outcome.triggers;
            recording.size_bytes = bytes;
        });
        let Some(recording) = ended else { return };
        self.write_info(&disk, &recording);
        // Its last block was not counted before; what is too much now may stay until the next.
        let _ = self.make_room(&disk, id);
    }

    /// A recording has no file: there is none.
    fn abandon(&self, id: &str, outcome: &Outcome) {
        self.counters.cut(outcome.cut.unwrap_or("failed"));
        self.lock().remove(id);
    }

    fn write_info(&self, _disk: &MutexGuard<'_, ()>, recording: &Recording) {
        if let Err(error) = folder::write_info(&self.folder, recording) {
            // It is found again by its file, as one that was cut.
            tracing::warn!(id = recording.id, "cannot write what is known of a recording: {error}");
        }
    }

    /// All that there are, the newest first.
    pub(crate) fn list(&self) -> Vec<Arc<Recording>> {
        let mut recordings: Vec<_> = self.lock().all().cloned().collect();
        recordings.sort_by(|a, b| (b.created_ns, &b.id).cmp(&(a.created_ns, &a.id)));
        recordings
    }

    /// One, and its file.
    pub(crate) fn find(&self, id: &str) -> Result<(Arc<Recording>, PathBuf), StoreError> {
        let index = self.lock();
        let recording = index.get(id).ok_or_else(|| StoreError::NotFound { id: id.to_owned() })?;
        Ok((Arc::clone(recording), folder::path(&self.folder, recording)))
    }

    /// Removes one that has ended.
    pub(crate) fn delete(&self, id: &str) -> Result<(), StoreError> {
        let _disk = self.lock_disk();
        let recording = self.find(id)?.0;
        if is_running(&recording) {
            return Err(StoreError::Running { id: id.to_owned() });
        }
        folder::remove(&self.folder, &recording)
            .map_err(|error| StoreError::Io { id: id.to_owned(), detail: error.to_string() })?;
        self.lock().remove(id);
        Ok(())
    }

    /// Bytes of all, for metrics.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().bytes()
    }

    fn lock_disk(&self) -> MutexGuard<'_, ()> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn full(reason: &'static str, what: &str, limit: u64) -> Cut {
    Cut::budget(reason, format!("{what} {limit} bytes, which is all that there may be"))
}

fn origin_name(recording: &Recording) -> String {
    recording.origin.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn is_running(recording: &Recording) -> bool {
    recording.state() == RecordingState::Running
}

/// What an engine says of a recording that it found without its end.
fn cut(recording: Recording) -> Recording {
    Recording {
        state: RecordingState::Cut.into(),
        end: RecordingEnd::Unspecified.into(),
        message: "the engine that made it ended first".to_owned(),
        ..recording
    }
}

#[cfg(test)]
mod tests;

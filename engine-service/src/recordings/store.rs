//! The folder of recordings: what there is, how large it is, and what has to leave.
//!
//! Beside each recording lies what is known of it (`ID.info`, a serialised [`Recording`]), so that a list need not read the
//! recordings themselves. The info of one that is being written says so; an engine that finds such a file at its start reads the
//! recording and lists it as cut.

mod file;
mod folder;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use eyrie_proto::recording::{Recording, RecordingEnd, RecordingState};
use recording::RedactionError;

use self::file::RecordingFile;
use super::{
    counters::RecordingCounters,
    courier::{Cut, Outcome, Target},
    options::RecordingOptions,
};

const AN_HOUR: Duration = Duration::from_secs(3600);

/// See the module.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    limits: StoreLimits,
    index: Mutex<Index>,
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

#[derive(Debug, Default)]
struct Index {
    /// By id.
    recordings: BTreeMap<String, Recording>,
    /// When recordings of an origin began in the last hour.
    begun: HashMap<String, VecDeque<Instant>>,
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
        let index = Mutex::new(Index { recordings, begun: HashMap::new() });
        Ok(Arc::new(Self { folder, limits, index, counters }))
    }

    /// Why no recording of `origin` with this id may begin now, if none may.
    pub(crate) fn refusal(&self, id: &str, origin: &str) -> Option<Refusal> {
        self.lock().refusal(id, origin, &self.limits)
    }

    /// Begins a recording. From now on it is listed.
    pub(crate) fn begin(self: &Arc<Self>, recording: Recording) -> Result<Box<dyn Target>, Refusal> {
        let origin = origin_name(&recording);
        let mut index = self.lock();
        if let Some(refusal) = index.refusal(&recording.id, &origin, &self.limits) {
            return Err(refusal);
        }
        let failed = |detail| Refusal::Failed { detail };
        let file = RecordingFile::create(self, &recording).map_err(failed)?;
        if let Err(error) = folder::write_info(&self.folder, &recording) {
            let _ = folder::remove(&self.folder, &recording);
            return Err(failed(error.to_string()));
        }
        index.begun.entry(origin).or_default().push_back(Instant::now());
        index.recordings.insert(recording.id.clone(), recording);
        Ok(Box::new(file))
    }

    /// A recording's file has so many bytes now. Others make room for it; if none can, it is cut.
    fn grow(&self, id: &str, bytes: u64) -> Result<(), Cut> {
        let limit = self.limits.max_file_bytes;
        if bytes > limit {
            return Err(full("file_bytes", "the file has", limit));
        }
        let mut index = self.lock();
        if let Some(recording) = index.recordings.get_mut(id) {
            recording.size_bytes = bytes;
        }
        self.make_room(&mut index, id)
    }

    /// Removes what is older than this recording and has ended, until all budgets hold.
    fn make_room(&self, index: &mut Index, id: &str) -> Result<(), Cut> {
        let Some(origin) = index.recordings.get(id).map(origin_name) else { return Ok(()) };
        let budgets = [
            (
                Some(origin.as_str()),
                self.limits.max_origin_bytes,
                "origin_bytes",
                "the origin's recordings have",
            ),
            (None, self.limits.max_total_bytes, "total_bytes", "all recordings have"),
        ];
        for (origin, limit, reason, what) in budgets {
            while index.bytes(origin) > limit {
                if !self.remove_oldest(index, origin, id) {
                    return Err(full(reason, what, limit));
                }
            }
        }
        Ok(())
    }

    /// Removes the oldest one that has ended, but for `kept`; gives whether there was one.
    fn remove_oldest(&self, index: &mut Index, origin: Option<&str>, kept: &str) -> bool {
        let ended = index.of(origin).filter(|recording| !is_running(recording) && recording.id != kept);
        let oldest = ended.min_by_key(|recording| recording.created_ns).map(|recording| recording.id.clone());
        let Some(id) = oldest else { return false };
        if let Some(recording) = index.recordings.remove(&id) {
            tracing::info!(id, "a recording makes room for newer ones");
            self.counters.removed.increment();
            if let Err(error) = folder::remove(&self.folder, &recording) {
                tracing::warn!(id, "cannot remove a recording that has to make room: {error}");
            }
        }
        true
    }

    /// A recording has ended.
    fn end(&self, id: &str, outcome: Outcome, bytes: u64) {
        match outcome.cut {
            Some(reason) => self.counters.cut(reason),
            None => self.counters.completed.increment(),
        }
        let state = if outcome.has_trailer { RecordingState::Finished } else { RecordingState::Cut };
        let mut index = self.lock();
        let Some(recording) = index.recordings.get_mut(id) else { return };
        recording.state = state.into();
        recording.end = outcome.end.into();
        recording.message = outcome.message;
        recording.event_count = outcome.event_count;
        recording.first_event_ns = outcome.first_event_ns;
        recording.last_event_ns = outcome.last_event_ns;
        recording.triggers = outcome.triggers;
        recording.size_bytes = bytes;
        if let Err(error) = folder::write_info(&self.folder, recording) {
            // It is found again by its file, as one that was cut.
            tracing::warn!(id, "cannot write what is known of a recording: {error}");
        }
        // Its last block was not counted before; what is too much now may stay until the next.
        let _ = self.make_room(&mut index, id);
    }

    /// All that there are, the newest first.
    pub(crate) fn list(&self) -> Vec<Recording> {
        let mut recordings: Vec<Recording> = self.lock().recordings.values().cloned().collect();
        recordings.sort_by(|a, b| (b.created_ns, &b.id).cmp(&(a.created_ns, &a.id)));
        recordings
    }

    /// One, and its file.
    pub(crate) fn find(&self, id: &str) -> Result<(Recording, PathBuf), StoreError> {
        let index = self.lock();
        let recording = index.recordings.get(id).ok_or_else(|| StoreError::NotFound { id: id.to_owned() })?;
        Ok((recording.clone(), folder::path(&self.folder, recording)))
    }

    /// Removes one that has ended.
    pub(crate) fn delete(&self, id: &str) -> Result<(), StoreError> {
        let mut index = self.lock();
        let recording = index.recordings.get(id).ok_or_else(|| StoreError::NotFound { id: id.to_owned() })?;
        if is_running(recording) {
            return Err(StoreError::Running { id: id.to_owned() });
        }
        folder::remove(&self.folder, recording)
            .map_err(|error| StoreError::Io { id: id.to_owned(), detail: error.to_string() })?;
        index.recordings.remove(id);
        Ok(())
    }

    /// Bytes of all, for metrics.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().bytes(None)
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Index ===

impl Index {
    fn refusal(&mut self, id: &str, origin: &str, limits: &StoreLimits) -> Option<Refusal> {
        if self.recordings.contains_key(id) {
            return Some(Refusal::Repeated);
        }
        let running = self.recordings.values().filter(|recording| is_running(recording));
        let (count, bytes) =
            running.fold((0, 0_u64), |(count, bytes), recording| (count + 1, bytes + recording.size_bytes));
        if count >= limits.max_at_once {
            return Some(Refusal::AtOnce { limit: limits.max_at_once });
        }
        if bytes >= limits.max_total_bytes {
            return Some(Refusal::Full { limit: limits.max_total_bytes });
        }
        let now = Instant::now();
        self.begun.retain(|_, times| {
            times.retain(|begun| now.saturating_duration_since(*begun) < AN_HOUR);
            !times.is_empty()
        });
        let begun = self.begun.get(origin).map_or(0, VecDeque::len);
        (begun >= limits.max_an_hour).then_some(Refusal::Hourly { limit: limits.max_an_hour })
    }

    fn of<'a>(&'a self, origin: Option<&'a str>) -> impl Iterator<Item = &'a Recording> {
        self.recordings
            .values()
            .filter(move |recording| origin.is_none_or(|name| origin_name(recording) == name))
    }

    fn bytes(&self, origin: Option<&str>) -> u64 {
        self.of(origin).map(|recording| recording.size_bytes).sum()
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

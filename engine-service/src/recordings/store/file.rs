//! The file of a recording that is being made.

use std::sync::Arc;

use eyrie_proto::recording::{Recording, RecordingEnd, RecordingTrigger, recording_entry::Kind};
use recording::{CreateOptions, RecordingError, Sink};

use super::{Store, folder};
use crate::recordings::courier::{Cut, Outcome, Target};

/// Dropped before its end, as where its thread panics, it is cut.
pub(super) struct RecordingFile {
    store: Arc<Store>,
    recording: Recording,
    state: State,
    bytes: u64,
    /// Alerts that its info does not have yet.
    new_triggers: Vec<RecordingTrigger>,
}

enum State {
    /// There is no file yet.
    Reserved,
    Open(Box<dyn Sink + Send>),
    Failed {
        has_file: bool,
    },
    Ended,
}

// === impl RecordingFile ===

impl RecordingFile {
    /// Nothing is made yet.
    pub(super) fn new(store: &Arc<Store>, recording: Recording) -> Self {
        let store = Arc::clone(store);
        Self { store, recording, state: State::Reserved, bytes: 0, new_triggers: Vec::new() }
    }

    /// Makes file and info; leaves nothing behind where that fails.
    fn make(&mut self) -> Result<(), Cut> {
        let (store, recording) = (&self.store, &self.recording);
        let _disk = store.lock_disk();
        let path = folder::path(&store.folder, recording);
        let made = recording::create(&path, &CreateOptions::default());
        let is_ours = !matches!(made, Err(RecordingError::Exists { .. }));
        let written = made.map_err(|error| (reason(&error), error.to_string())).and_then(|sink| {
            let written = folder::write_info(&store.folder, recording);
            written.map(|()| sink).map_err(|error| (reason_of(&error), error.to_string()))
        });
        match written {
            Ok(sink) => self.state = State::Open(sink),
            Err((reason, message)) => {
                self.state = State::Failed { has_file: false };
                if is_ours && let Err(error) = folder::remove(&store.folder, recording) {
                    tracing::warn!(id = recording.id, "cannot remove what is left of a recording: {error}");
                }
                tracing::error!(id = recording.id, "the file of a recording cannot be made: {message}");
                return Err(Cut::target(reason, format!("the file cannot be made: {message}")));
            }
        }
        Ok(())
    }

    fn end(&mut self, mut outcome: Outcome) {
        let id = &self.recording.id;
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Ended => return,
            State::Reserved | State::Failed { has_file: false } => {
                return self.store.abandon(id, &outcome);
            }
            State::Failed { has_file: true } => outcome.has_trailer = false,
            State::Open(sink) => match sink.finish() {
                Ok(written) => self.bytes = written.bytes,
                Err(error) => {
                    outcome.has_trailer = false;
                    outcome.cut = Some(reason(&error));
                    outcome.message = error.to_string();
                }
            },
        }
        self.store.end(id, outcome, self.bytes);
    }

    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut (dyn Sink + Send)) -> Result<T, RecordingError>,
    ) -> Result<T, Cut> {
        if matches!(self.state, State::Reserved) {
            self.make()?;
        }
        let State::Open(sink) = &mut self.state else {
            return Err(Cut::target("failed", "it has failed before"));
        };
        match work(&mut **sink) {
            Ok(done) => {
                self.bytes = sink.bytes();
                Ok(done)
            }
            // The file is as it was before, and its trailer can say so.
            Err(error @ RecordingError::EntryRefused { .. }) => {
                tracing::error!(id = self.recording.id, "a recording is cut: {error}");
                Err(Cut::budget("entry_refused", error.to_string()))
            }
            Err(error) => {
                self.state = State::Failed { has_file: true };
                tracing::error!(id = self.recording.id, "a recording is cut: {error}");
                Err(Cut::target(reason(&error), error.to_string()))
            }
        }
    }
}

impl Drop for RecordingFile {
    fn drop(&mut self) {
        let (end, cut) = (RecordingEnd::Unspecified, Some("failed"));
        let message = "whoever made it ended first".to_owned();
        let (event_count, first_event_ns, last_event_ns) = (0, 0, 0);
        let triggers = std::mem::take(&mut self.recording.triggers);
        let has_trailer = false;
        self.end(Outcome {
            event_count,
            first_event_ns,
            last_event_ns,
            triggers,
            end,
            message,
            cut,
            has_trailer,
        });
    }
}

impl Target for RecordingFile {
    fn write(&mut self, kind: Kind) -> Result<(), Cut> {
        let is_trailer = matches!(kind, Kind::Trailer(_));
        self.with(|sink| sink.write(&kind))?;
        // The trailer has to have room: it is what says that there was none.
        if is_trailer { Ok(()) } else { self.store.grow(&self.recording.id, self.bytes) }
    }

    fn flush(&mut self) -> Result<(), Cut> {
        self.with(|sink| sink.flush())?;
        if !self.new_triggers.is_empty() {
            let triggers = std::mem::take(&mut self.new_triggers);
            self.store.add_triggers(&self.recording.id, triggers);
        }
        self.store.grow(&self.recording.id, self.bytes)
    }

    fn add_trigger(&mut self, trigger: &RecordingTrigger) {
        self.new_triggers.push(trigger.clone());
    }

    fn finish(mut self: Box<Self>, outcome: Outcome) {
        self.end(outcome);
    }
}

/// For metrics.
fn reason(error: &RecordingError) -> &'static str {
    match error {
        RecordingError::Write { source, .. } | RecordingError::Create { source, .. } => reason_of(source),
        _ => "failed",
    }
}

fn reason_of(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded) { "disk_full" } else { "failed" }
}

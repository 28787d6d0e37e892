//! The file of a recording that is being made.

use std::sync::Arc;

use eyrie_proto::recording::{Recording, recording_entry::Kind};
use recording::{CreateOptions, RecordingError, Sink};

use super::{Store, folder};
use crate::recordings::courier::{Cut, Outcome, Target};

pub(super) struct RecordingFile {
    store: Arc<Store>,
    id: String,
    /// `None` after it has failed.
    sink: Option<Box<dyn Sink + Send>>,
    bytes: u64,
}

// === impl RecordingFile ===

impl RecordingFile {
    pub(super) fn create(store: &Arc<Store>, recording: &Recording) -> Result<Self, String> {
        let path = folder::path(&store.folder, recording);
        let sink = recording::create(&path, &CreateOptions::default()).map_err(|error| error.to_string())?;
        Ok(Self { store: Arc::clone(store), id: recording.id.clone(), sink: Some(sink), bytes: 0 })
    }

    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut (dyn Sink + Send)) -> Result<T, RecordingError>,
    ) -> Result<T, Cut> {
        let Some(sink) = &mut self.sink else { return Err(Cut::target("failed", "it has failed before")) };
        match work(&mut **sink) {
            Ok(done) => {
                self.bytes = sink.bytes();
                Ok(done)
            }
            Err(error) => {
                self.sink = None;
                let reason = if is_full(&error) { "disk_full" } else { "failed" };
                tracing::error!(id = self.id, "a recording is cut: {error}");
                Err(Cut::target(reason, error.to_string()))
            }
        }
    }
}

impl Target for RecordingFile {
    fn write(&mut self, kind: Kind) -> Result<(), Cut> {
        let is_trailer = matches!(kind, Kind::Trailer(_));
        self.with(|sink| sink.write(&kind))?;
        // The trailer has to have room: it is what says that there was none.
        if is_trailer { Ok(()) } else { self.store.grow(&self.id, self.bytes) }
    }

    fn flush(&mut self) -> Result<(), Cut> {
        self.with(|sink| sink.flush())?;
        self.store.grow(&self.id, self.bytes)
    }

    fn finish(mut self: Box<Self>, mut outcome: Outcome) {
        let finished = self.sink.take().map(Sink::finish);
        match finished {
            Some(Ok(written)) => self.bytes = written.bytes,
            Some(Err(error)) => {
                outcome.has_trailer = false;
                outcome.cut = Some(if is_full(&error) { "disk_full" } else { "failed" });
                outcome.message = error.to_string();
            }
            None => outcome.has_trailer = false,
        }
        self.store.end(&self.id, outcome, self.bytes);
    }
}

fn is_full(error: &RecordingError) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error, RecordingError::Write { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
}

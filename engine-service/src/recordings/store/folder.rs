//! Files and their names.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use eyrie_proto::recording::{Recording, RecordingState, recording_entry::Kind};
use prost::Message as _;

use super::{StoreError, cut};

/// Arguments and environments of all processes are in recordings: for their owner alone.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
/// Of what is known of a recording.
const INFO: &str = "info";
/// Of what is being written.
const TEMPORARY: &str = "tmp";
/// Of recordings in our own format.
pub(crate) const EYRIE: &str = "eyrie";

pub(super) fn make(folder: &Path) -> Result<(), StoreError> {
    let made = fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
    made.map_err(|error| failed(folder, &error))
}

fn failed(folder: &Path, error: &io::Error) -> StoreError {
    StoreError::Folder { path: folder.to_owned(), detail: error.to_string() }
}

/// The file of a recording.
pub(super) fn path(folder: &Path, recording: &Recording) -> PathBuf {
    folder.join(&recording.id).with_extension(&recording.format)
}

/// In place of what is there; whole or not at all.
pub(super) fn write_info(folder: &Path, recording: &Recording) -> io::Result<()> {
    let path = folder.join(&recording.id).with_extension(INFO);
    let temporary = path.with_extension(TEMPORARY);
    let written =
        write_to(&temporary, &recording.encode_to_vec()).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(temporary);
    }
    written
}

fn write_to(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use io::Write as _;
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The recording first: one without its info is found again, an info without its recording is removed.
pub(super) fn remove(folder: &Path, recording: &Recording) -> io::Result<()> {
    for path in [path(folder, recording), folder.join(&recording.id).with_extension(INFO)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// What is in the folder. What was being written when its engine ended is cut; what is no recording is left alone.
pub(super) fn take_up(folder: &Path) -> Result<BTreeMap<String, Recording>, StoreError> {
    let mut recordings = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
        let path = entry.map_err(|error| failed(folder, &error))?.path();
        let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(EYRIE) => {}
            Some(TEMPORARY) if is_id(&id) => {
                let _ = fs::remove_file(&path);
                continue;
            }
            Some(INFO) if is_id(&id) && !path.with_extension(EYRIE).exists() => {
                let _ = fs::remove_file(&path);
                continue;
            }
            _ => continue,
        }
        if !is_id(&id) {
            continue;
        }
        let size_bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let info = fs::read(path.with_extension(INFO)).ok();
        let info = info.and_then(|info| Recording::decode(&*info).ok()).filter(|info| info.id == id);
        let recording = match &info {
            Some(info) if info.state() != RecordingState::Running => Recording { size_bytes, ..info.clone() },
            info => {
                let known = info.clone().unwrap_or_default();
                left_behind(&path, Recording { id: id.clone(), size_bytes, ..known })
            }
        };
        if info.as_ref() != Some(&recording)
            && let Err(error) = write_info(folder, &recording)
        {
            // A full disk is no reason not to start: the next engine reads the recording again.
            tracing::warn!(id, "cannot write what is known of a recording: {error}");
        }
        recordings.insert(id, recording);
    }
    Ok(recordings)
}

/// Ids of alerts.
fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What the file says of itself, as far as it can be read.
fn left_behind(path: &Path, mut known: Recording) -> Recording {
    known.format = EYRIE.to_owned();
    let Ok(mut source) = recording::open(path) else { return cut(known) };
    let mut offset_ns = 0;
    let mut triggers = Vec::new();
    // Ends with an error where the engine was killed in the middle of a block.
    while let Ok(Some(kind)) = source.next() {
        match kind {
            Kind::Header(header) => {
                let agent = header.agent.unwrap_or_default();
                let clock = header.clock.unwrap_or_default();
                offset_ns = crate::origin_state::clock_offset(&clock);
                known.origin = header.origin;
                known.hostname = agent.hostname;
                known.created_ns = header.created_ns;
                triggers = header.trigger.into_iter().collect();
            }
            Kind::Batch(recorded) => {
                let batch = recorded.batch.unwrap_or_default();
                let offset = batch.clock.as_ref().map_or(offset_ns, crate::origin_state::clock_offset);
                let times = batch.events.iter().map(|event| crate::origin_state::event_time(event, offset));
                for time_ns in times {
                    known.event_count += 1;
                    known.last_event_ns = known.last_event_ns.max(time_ns);
                    if known.first_event_ns == 0 {
                        known.first_event_ns = time_ns;
                    }
                }
            }
            Kind::Trailer(trailer) => {
                // All is there but the info.
                known.state = RecordingState::Finished.into();
                known.end = trailer.end;
                known.message = trailer.message;
                triggers.extend(trailer.further_triggers);
            }
            Kind::BaseState(_) | Kind::LateFacts(_) => {}
        }
    }
    // Without a trailer the info knows more of them.
    if triggers.len() >= known.triggers.len() {
        known.triggers = triggers;
    }
    if known.state() == RecordingState::Finished { known } else { cut(known) }
}

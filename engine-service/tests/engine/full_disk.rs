//! A file system that is really full.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use test_requirements::{Requirement, requires};

use engine_service::CaptureMode;
use eyrie_proto::recording::{
    ListRecordingsRequest, Recording, RecordingState, recording_service_client::RecordingServiceClient,
};

use crate::support::*;

/// A small tmpfs, unmounted at the end.
struct SmallDisk {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl SmallDisk {
    fn mount(size: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk");
        fs::create_dir(&path).unwrap();
        let options = format!("size={size}");
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(&path).status().unwrap();
        assert!(status.success(), "cannot mount a tmpfs of {size}");
        Self { path, _directory: directory }
    }

    /// Takes all room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.path.join("filler");
        // As large as the disk: it ends where the disk does.
        let error = fs::write(&path, vec![0; 64 << 20]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

fn log_directory(disk: &SmallDisk) -> &Path {
    &disk.path
}

/// Scenario: the disk under the log is full while an agent streams, and then somebody frees space.
/// Guarantees: nothing is acked while it is full; the engine goes on by itself afterwards, with every alert once.
#[tokio::test]
async fn the_engine_goes_on_when_there_is_room_again() {
    requires!(Requirement::Kernel);
    let disk = SmallDisk::mount("8m");
    let log = sqlite(log_directory(&disk));
    let counted = FaultyLog::new(log.clone(), 0, true);
    let engine = start(counted.clone()).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    assert_eq!(agent.deliver(batch(1, 1, &[1])).await.through_sequence, 1);
    let filler = disk.fill();
    // Each batch with more than the pages that the log has already.
    let all: Vec<u64> = (2..=4_001).collect();
    for first in (2..=4_001).step_by(1_000) {
        agent.send_batch(batch(first, 1_000, &all)).await;
    }
    counted.tried(20).await;
    let acked = hosts(&engine, false).await[0].acked_through_sequence;
    assert!(acked < 4_001, "the disk was not full");
    fs::remove_file(filler).unwrap();
    while agent.ack().await.through_sequence < 4_001 {}
    assert_eq!(alert_sequences(&*log).await, (1..=4_001).collect::<Vec<_>>());
    engine.shutdown().await;
    drop((counted, log));
}

/// Scenario: the disk of recordings fills up in the middle of one, and stays full. Guarantees: events are evaluated and acked all the same
/// and their alerts are kept; the recording is listed as cut; when there is room again the next alert has one.
#[tokio::test]
async fn a_full_disk_cuts_recordings_and_nothing_else() {
    requires!(Requirement::Kernel);
    let (disk, directory) = (SmallDisk::mount("2m"), tempfile::tempdir().unwrap());
    let mut options = options();
    options.metadata.parking.wait = std::time::Duration::ZERO;
    options.recordings.folder = Some(disk.path.join("recordings"));
    options.recordings.mode = CaptureMode::AllRules;
    options.recordings.default_after = std::time::Duration::from_secs(100_000);
    let log = sqlite(directory.path());
    let engine = start_with(log.clone(), options, None).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    assert_eq!(agent.deliver(batch(1, 10, &[2])).await.through_sequence, 10);
    let mut client = RecordingServiceClient::new(channel(engine.local_address()).await);
    let (mut first, patience) = (11, std::time::Instant::now());
    // It has to begin before there is no room for it.
    while client.list_recordings(request()).await.unwrap().into_inner().recordings.is_empty() {
        assert!(patience.elapsed() < PATIENCE, "no recording begins");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let filler = disk.fill();
    let mut listed = Vec::new();
    // Random names, which no compression makes small: some 30 bytes an event.
    while !listed.contains(&RecordingState::Cut) {
        assert!(patience.elapsed() < PATIENCE, "{listed:?}");
        let mut next = batch(first, 1_000, &[]);
        next.events.iter_mut().flat_map(|event| &mut event.task).for_each(|task| task.comm = rand_name());
        first += 1_000;
        assert_eq!(agent.deliver(next).await.through_sequence, first - 1);
        let response = client.list_recordings(ListRecordingsRequest::default()).await.unwrap();
        listed = response.into_inner().recordings.iter().map(|recording| recording.state()).collect();
    }
    assert_eq!(agent.deliver(batch(first, 10, &[first])).await.through_sequence, first + 9);
    // Its alert's recording cannot even begin: it is gone once it has tried.
    let running = |recordings: &[Recording]| {
        recordings.iter().any(|recording| recording.state() == RecordingState::Running)
    };
    while running(&client.list_recordings(request()).await.unwrap().into_inner().recordings) {
        assert!(patience.elapsed() < 2 * PATIENCE, "a recording on a full disk goes on");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    fs::remove_file(filler).unwrap();
    agent.deliver(batch(first + 10, 10, &[first + 10])).await;
    assert_eq!(alert_sequences(&*log).await, [2, first, first + 10]);
    let response = client.list_recordings(ListRecordingsRequest::default()).await.unwrap();
    let last = alerts(&*log).await.pop().unwrap();
    assert!(response.into_inner().recordings.iter().any(|recording| recording.id == last.id));
    agent.leave_at_the_engines_end(engine).await;
}

fn request() -> ListRecordingsRequest {
    ListRecordingsRequest::default()
}

fn rand_name() -> Vec<u8> {
    rand::random::<[u8; 15]>().to_vec()
}

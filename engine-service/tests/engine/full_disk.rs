//! A file system that is really full.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use test_requirements::{Requirement, requires};

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

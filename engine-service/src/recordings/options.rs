//! What is recorded, how long, and how much of it is kept.

use std::{path::PathBuf, time::Duration};

use recording::Redactions;

/// Which alerts make a recording begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaptureMode {
    /// Those of rules that ask for it (`capture: true`).
    #[default]
    Rules,
    /// All.
    AllRules,
}

/// Recording on trigger.
#[derive(Clone, Debug)]
pub struct RecordingOptions {
    /// Where recordings are kept; `None`: no alert makes one begin.
    pub folder: Option<PathBuf>,
    /// Which alerts do.
    pub mode: CaptureMode,
    /// How long before the alert's event it begins.
    pub before: Duration,
    /// How long after the alert's event it ends, where the rule does not say (`capture_duration`).
    pub default_after: Duration,
    /// Bytes of one file.
    pub max_file_bytes: u64,
    /// Bytes of all files of one origin; the oldest leave first.
    pub max_origin_bytes: u64,
    /// Bytes of all files; the oldest leave first.
    pub max_total_bytes: u64,
    /// Recordings at a time, over all origins. Each has a thread.
    pub max_at_once: usize,
    /// Recordings of one origin that may begin within an hour.
    pub max_an_hour: usize,
    /// Bytes of events that are held of one origin in case an alert comes, as on the wire.
    pub max_window_bytes: u64,
    /// Of all origins.
    pub max_windows_bytes: u64,
    /// Bytes of events that wait to be written, of one recording; what is more cuts it.
    pub max_queued_bytes: u64,
    /// How long a recording waits for further events of its time after the last one came.
    pub stall_wait: Duration,
    /// What is blotted out, of files and of streams to clients.
    pub redactions: Redactions,
    /// Streams to clients at a time (`RecordHost`). Each has a thread.
    pub max_taps: usize,
    /// How long such a stream may last.
    pub max_tap: Duration,
}

// === impl RecordingOptions ===

impl Default for RecordingOptions {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            folder: None,
            mode: CaptureMode::Rules,
            before: Duration::from_secs(5),
            default_after: Duration::from_secs(5),
            max_file_bytes: 64 * MIB,
            max_origin_bytes: 256 * MIB,
            max_total_bytes: 1024 * MIB,
            max_at_once: 8,
            max_an_hour: 30,
            max_window_bytes: 4 * MIB,
            max_windows_bytes: 256 * MIB,
            max_queued_bytes: 16 * MIB,
            stall_wait: Duration::from_secs(30),
            redactions: Redactions::default(),
            max_taps: 16,
            max_tap: Duration::from_secs(3600),
        }
    }
}

//! What the low-level runtimes keep of a running container: runc's state.json and crun's status.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{files::read_json, places::folders};

/// runc repeats the bundle's configuration in there.
const MAX_BYTES: u64 = 2 << 20;
/// Where runtimes of the whole host keep their state: alone, and under docker.
const FOLDERS: [&str; 3] = ["runc", "crun", "docker/runtime-runc/moby"];
/// Under containerd, by namespace.
const CONTAINERD: &str = "containerd/runc";
/// The users whose own runtimes are looked for.
const MAX_USERS: usize = 256;

/// What is used of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RuntimeState {
    /// The folder with config.json.
    pub(super) bundle: Option<PathBuf>,
    /// Nanoseconds since the epoch; 0 if not told.
    pub(super) started_ns: u64,
    /// The container's first process, in the runtime's pid namespace; 0 if not told.
    pub(super) pid: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Runc {
    created: Option<jiff::Timestamp>,
    config: Option<RuncConfig>,
    init_process_pid: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RuncConfig {
    /// `NAME=VALUE`; runc adds the bundle to the annotations.
    labels: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Crun {
    bundle: String,
    created: Option<jiff::Timestamp>,
    pid: u32,
}

// === impl RuntimeState ===

impl RuntimeState {
    /// The state of a container, wherever below `run` it is. Users are believed about containers of runtimes that users run.
    pub(super) fn find(run: &Path, id: &str, runtime: &str) -> Option<Self> {
        let of_host = FOLDERS.iter().map(|folder| run.join(folder));
        let of_containerd = folders(&run.join(CONTAINERD)).into_iter();
        let can_be_users = matches!(runtime, "podman" | "docker");
        let users = std::fs::read_dir(run.join("user")).into_iter().flatten().flatten();
        let users = users.take(if can_be_users { MAX_USERS } else { 0 });
        let of_users = users.flat_map(|user| FOLDERS.map(|folder| user.path().join(folder)));
        let all = of_host.chain(of_containerd).chain(of_users);
        all.into_iter().find_map(|folder| Self::read(&folder.join(id)))
    }

    fn read(folder: &Path) -> Option<Self> {
        if let Ok(state) = read_json::<Runc>(&folder.join("state.json"), MAX_BYTES) {
            let labels = state.config.and_then(|config| config.labels).unwrap_or_default();
            let bundle = labels.iter().find_map(|label| label.strip_prefix("bundle="));
            return Some(Self {
                bundle: bundle.and_then(absolute),
                started_ns: epoch_ns(state.created),
                pid: state.init_process_pid,
            });
        }
        let state: Crun = read_json(&folder.join("status"), MAX_BYTES).ok()?;
        Some(Self { bundle: absolute(&state.bundle), started_ns: epoch_ns(state.created), pid: state.pid })
    }
}

fn absolute(path: &str) -> Option<PathBuf> {
    path.starts_with('/').then(|| PathBuf::from(path))
}

fn epoch_ns(time: Option<jiff::Timestamp>) -> u64 {
    time.and_then(|time| u64::try_from(time.as_nanosecond()).ok()).unwrap_or(0)
}

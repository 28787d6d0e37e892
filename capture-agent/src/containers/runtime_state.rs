//! What the low-level runtimes keep of a running container: runc's state.json and crun's status.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{files::read_json_of, places::folders};
use crate::cgroups::Maker;

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
    /// The user who says so; he is believed about files of his own. `None` for the host's runtimes.
    pub(super) owner: Option<u32>,
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
    /// The state of a container, wherever below `run` it is. Users are believed about containers that they made themselves and, where it is not known who did, about those of
    /// runtimes that users run.
    pub(super) fn find(run: &Path, id: &str, runtime: &str, maker: Maker) -> Option<Self> {
        // Machines have names that somebody chose, which could lead anywhere else.
        if id.is_empty() || id.contains('/') || id == ".." {
            return None;
        }
        match maker {
            Maker::Host => Self::of_host(run, id),
            Maker::User(uid) => Self::of_user(run, id, uid),
            Maker::Unknown if matches!(runtime, "podman" | "docker") => {
                Self::of_host(run, id).or_else(|| Self::of_users(run, id))
            }
            Maker::Unknown => Self::of_host(run, id),
        }
    }

    fn of_host(run: &Path, id: &str) -> Option<Self> {
        let of_host = FOLDERS.iter().map(|folder| run.join(folder));
        let of_containerd = folders(&run.join(CONTAINERD)).into_iter();
        of_host.chain(of_containerd).find_map(|folder| Self::read(&folder.join(id), None))
    }

    fn of_users(run: &Path, id: &str) -> Option<Self> {
        let users = std::fs::read_dir(run.join("user")).into_iter().flatten().flatten().take(MAX_USERS);
        let mut uids = users.filter_map(|user| user.file_name().to_str()?.parse().ok());
        uids.find_map(|uid| Self::of_user(run, id, uid))
    }

    fn of_user(run: &Path, id: &str, uid: u32) -> Option<Self> {
        let own = run.join("user").join(uid.to_string());
        FOLDERS.iter().find_map(|folder| Self::read(&own.join(folder).join(id), Some(uid)))
    }

    fn read(folder: &Path, owner: Option<u32>) -> Option<Self> {
        if let Ok(state) = read_json_of::<Runc>(&folder.join("state.json"), MAX_BYTES, owner) {
            let labels = state.config.and_then(|config| config.labels).unwrap_or_default();
            let bundle = labels.iter().find_map(|label| label.strip_prefix("bundle="));
            return Some(Self {
                bundle: bundle.and_then(absolute),
                started_ns: epoch_ns(state.created),
                pid: state.init_process_pid,
                owner,
            });
        }
        let state: Crun = read_json_of(&folder.join("status"), MAX_BYTES, owner).ok()?;
        let bundle = absolute(&state.bundle);
        Some(Self { bundle, started_ns: epoch_ns(state.created), pid: state.pid, owner })
    }
}

fn absolute(path: &str) -> Option<PathBuf> {
    path.starts_with('/').then(|| PathBuf::from(path))
}

fn epoch_ns(time: Option<jiff::Timestamp>) -> u64 {
    time.and_then(|time| u64::try_from(time.as_nanosecond()).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a machine whose name, as systemd escapes it, leads to a folder of somebody's own, by itself and through the folders of runtimes; and a
    /// container. Guarantees: nothing is read but below the runtimes' folders.
    #[test]
    fn a_name_leads_nowhere_else() {
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("run");
        let own = root.path().join("own");
        for folder in [own.clone(), run.join("runc/real")] {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("state.json"), r#"{"init_process_pid": 7}"#).unwrap();
        }
        let found =
            |id: &str| RuntimeState::find(&run, id, "systemd-nspawn", Maker::Unknown).map(|state| state.pid);
        assert_eq!(found("real"), Some(7));
        for id in [own.to_str().unwrap(), "../../own", "..", ""] {
            assert_eq!(found(id), None, "{id}");
        }
    }
}

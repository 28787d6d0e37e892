//! containerd, with all that is its own in a folder of its own, and containers in it: by its own client and by Kubernetes' interface.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use test_containers::{Containerd, PodOptions};
//!
//! let containerd = Containerd::start()?;
//! let by_hand = containerd.run("default", "web", &["--label", "team=red"], &["sleep", "60"])?;
//! let pod = containerd.run_pod("shop", PodOptions::default())?;
//! let container = pod.run("app", PodOptions::default(), &["sleep", "60"])?;
//! # drop((by_hand, container));
//! # Ok(())
//! # }
//! ```
//!
//! Pods use the host's network, so that no plugins for networks have to be installed. Everything is gone when it is dropped, and
//! where a test is killed its processes end within minutes, as the programs in containers do.

mod image;
mod making;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use anyhow::Context as _;
use tempfile::TempDir;

pub use self::making::{Pod, PodOptions};
use crate::{daemon::Daemon, succeeded};

/// The image of all containers and sandboxes: busybox alone.
const IMAGE: &str = "localhost/eyrie-containerd:7";
/// containerd's namespace of Kubernetes.
const KUBERNETES: &str = "k8s.io";
/// A call, or a daemon, that takes longer hangs.
const CALL_SECONDS: &str = "60";
const DAEMON_SECONDS: &str = "600";

/// containerd. Clones share it; it ends with the last of them.
#[derive(Clone, Debug)]
pub struct Containerd {
    own: Arc<Own>,
}

#[derive(Debug)]
struct Own {
    daemon: Option<Daemon>,
    folder: TempDir,
}

/// A container that was run by containerd's own client; removed when dropped.
#[derive(Debug)]
pub struct ContainerdContainer {
    containerd: Containerd,
    namespace: String,
    id: String,
}

// === impl Containerd ===

impl Containerd {
    /// Starts it, and gives it the image, in its namespaces `default` and `k8s.io`.
    pub fn start() -> anyhow::Result<Self> {
        // Short, as it makes sockets below it, whose paths may have 108 bytes.
        let folder = TempDir::with_prefix_in("eyrie-ctd-", "/tmp")?;
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("config.toml"), configuration(folder.path()))?;
        let mut command = Command::new("timeout");
        // In its own foreground it can be told to end.
        command.args(["--foreground", DAEMON_SECONDS, "containerd", "--config"]).arg(at("config.toml"));
        let daemon = Daemon::start(command, &at("s"), at("log"))?;
        let containerd = Self { own: Arc::new(Own { daemon: Some(daemon), folder }) };
        let archive = image::pack(containerd.own.folder.path(), IMAGE)?;
        for namespace in ["default", KUBERNETES] {
            let archive = archive.display().to_string();
            containerd.ctr(namespace, &["images", "import", "--snapshotter", "native", &archive])?;
        }
        Ok(containerd)
    }

    /// Where it listens, for its own interface and that of Kubernetes.
    pub fn socket(&self) -> PathBuf {
        self.own.folder.path().join("s")
    }

    /// Where it keeps the state of what runs, which agents look for below `/run/containerd`.
    pub fn state(&self) -> PathBuf {
        self.own.folder.path().join("state")
    }

    /// The image of all containers.
    pub fn image(&self) -> &'static str {
        IMAGE
    }

    /// Runs a container called `id` by containerd's own client, with options of `ctr run`.
    pub fn run(
        &self,
        namespace: &str,
        id: &str,
        options: &[&str],
        command: &[&str],
    ) -> anyhow::Result<ContainerdContainer> {
        let named = || (namespace.to_owned(), id.to_owned());
        let arguments =
            [&["run", "--detach", "--snapshotter", "native"], options, &[IMAGE, id], command].concat();
        self.ctr(namespace, &arguments)?;
        let (namespace, id) = named();
        Ok(ContainerdContainer { containerd: self.clone(), namespace, id })
    }

    fn ctr(&self, namespace: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("timeout");
        command.args([CALL_SECONDS, "ctr", "--address"]).arg(self.socket());
        command.args(["--namespace", namespace]).args(arguments).stdin(Stdio::null());
        succeeded("ctr", command.output().context("cannot run ctr")?)
    }
}

// === impl ContainerdContainer ===

impl ContainerdContainer {
    /// Its id, which is its name.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for ContainerdContainer {
    fn drop(&mut self) {
        let _ = self.containerd.ctr(&self.namespace, &["tasks", "rm", "--force", &self.id]);
        let _ = self.containerd.ctr(&self.namespace, &["containers", "rm", &self.id]);
    }
}

// === impl Own ===

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.daemon.take());
        // Those who watch over containers outlive the daemon, on purpose: if something could not be removed, they are still there.
        let socket = self.folder.path().join("s").display().to_string();
        for pid in processes_with(&socket) {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let children = children.unwrap_or_default();
            let all = children.split_whitespace().chain([pid.as_str()]);
            let _ = Command::new("kill").arg("-KILL").args(all).stderr(Stdio::null()).status();
        }
    }
}

/// Processes that have `word` among their arguments, which only those of one test do.
fn processes_with(word: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let has_it = |entry: &std::fs::DirEntry| {
        let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        arguments.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    };
    let pids = processes.filter(has_it).filter_map(|entry| entry.file_name().into_string().ok());
    pids.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).collect()
}

/// Nothing outside of `folder`, no network, control groups made by runc itself, and limits that an unprivileged machine can set.
fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt"]
[grpc]
address = "{folder}/s"
[ttrpc]
address = "{folder}/t"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{IMAGE}"
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{folder}/none"
conf_dir = "{folder}/none"
"#
    )
}

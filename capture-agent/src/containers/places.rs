//! Where runtimes keep their files on this host.

use std::path::{Path, PathBuf};

/// containerd's state below `/run`: its own, docker's of former times and of now, and those of distributions of Kubernetes.
const CONTAINERD_STATES: [&str; 6] = [
    "containerd",
    "docker/containerd/daemon",
    "docker/containerd",
    "k3s/containerd",
    "k0s/containerd",
    "host-containerd",
];
/// microk8s, below the folder of snaps.
const MICROK8S_STATE: &str = "microk8s/common/run/containerd";
/// Bundles of running tasks below a state, by namespace and id.
const TASKS: [&str; 2] = ["io.containerd.runtime.v2.task", "io.containerd.runtime.v1.linux"];
/// CRI-O's bundles below `/run`; podman's are in its storage.
const CRIO_BUNDLES: &str = "containers/storage/overlay-containers";
/// Namespaces of containerd that are looked into; `moby`, `k8s.io` and `default` are the usual ones.
const MAX_NAMESPACES: usize = 64;

/// Where runtimes keep their files.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Storages of podman and CRI-O for the whole host; those of users are found by their runtimes' state.
    pub(crate) storage_roots: Vec<PathBuf>,
    /// `/run`
    pub(crate) run: PathBuf,
    /// `/var/lib/docker`
    pub(crate) docker_root: PathBuf,
    /// `/var/lib/lxc`
    pub(crate) lxc: PathBuf,
    /// `/var/snap`
    pub(crate) snaps: PathBuf,
    /// Where the hierarchy of control groups can be seen, if anywhere.
    pub(crate) cgroups: Option<PathBuf>,
}

// === impl Places ===

impl Places {
    /// Those of a host, with what an operator may have put elsewhere.
    pub(crate) fn new(storage_roots: Vec<PathBuf>, docker_root: PathBuf, cgroups: Option<PathBuf>) -> Self {
        let [run, lxc, snaps] = ["/run", "/var/lib/lxc", "/var/snap"].map(PathBuf::from);
        Self { storage_roots, run, docker_root, lxc, snaps, cgroups }
    }

    /// The bundle of a task of containerd, in whatever namespace of whichever containerd it is.
    pub(super) fn task_bundle(&self, id: &str) -> Option<PathBuf> {
        let of_run = CONTAINERD_STATES.iter().map(|state| self.run.join(state));
        let states = of_run.chain([self.snaps.join(MICROK8S_STATE)]);
        let kinds = states.flat_map(|state| TASKS.map(|kind| state.join(kind)));
        kinds
            .flat_map(|kind| folders(&kind))
            .map(|namespace| namespace.join(id))
            .find(|bundle| bundle.is_dir())
    }

    /// The bundle that CRI-O starts a container from.
    pub(super) fn crio_bundle(&self, id: &str) -> Option<PathBuf> {
        let bundle = self.run.join(CRIO_BUNDLES).join(id).join("userdata");
        bundle.is_dir().then_some(bundle)
    }
}

/// The folders in a folder: namespaces.
pub(super) fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten().take(MAX_NAMESPACES);
    entries.map(|entry| entry.path()).collect()
}

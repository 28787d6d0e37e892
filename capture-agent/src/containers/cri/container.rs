//! A container, without its pod.

use eyrie_proto::metadata::{Container, ContainerMount};

use super::info::Info;
use crate::containers::{
    api::{MAX_TEXT, cri, epoch_ns},
    bundle::clipped,
    labels,
};

/// More than these are left out: at most 128 KiB.
const MAX_MOUNTS: usize = 64;

/// What its status and what is beside it tell, but for what a sandbox tells better.
pub(super) fn describe(status: &cri::ContainerStatus, info: &Info) -> Container {
    let mut container = info.describe(&status.id);
    // A container's namespaces are its pod's, which the specification names even where they are the host's.
    container.is_host_network = None;
    container.is_host_pid = None;
    container.is_host_ipc = None;
    let name = status.metadata.as_ref().map_or("", |metadata| metadata.name.as_str());
    container.name = clipped(name, MAX_TEXT);
    container.labels.extend(labels::kept(status.labels.clone()));
    // Those that the pod asks for: the specification has those that every container of the runtime has, too.
    container.mounts = status.mounts.iter().take(MAX_MOUNTS).map(mount).collect();
    container.created_ns = epoch_ns(status.created_at);
    container.started_ns = epoch_ns(status.started_at);
    container
}

/// Propagation by the names that Falco has for it.
fn mount(mount: &cri::Mount) -> ContainerMount {
    let propagation = match mount.propagation() {
        cri::MountPropagation::PropagationPrivate => "private",
        cri::MountPropagation::PropagationHostToContainer => "rslave",
        cri::MountPropagation::PropagationBidirectional => "rshared",
    };
    ContainerMount {
        source: clipped(&mount.host_path, MAX_TEXT),
        destination: clipped(&mount.container_path, MAX_TEXT),
        mode: String::new(),
        is_writable: !mount.readonly,
        propagation: propagation.to_owned(),
    }
}

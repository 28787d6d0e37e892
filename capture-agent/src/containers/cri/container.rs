//! A container, without its pod.

use eyrie_proto::metadata::{Container, ContainerMount, Image};

use super::info::Info;
use crate::containers::{
    api::{MAX_TEXT, bounded_labels, cri, epoch_ns},
    bundle::clipped,
};

/// More than these are left out: at most 128 KiB.
const MAX_MOUNTS: usize = 64;

/// What its status and what is beside it tell.
pub(super) fn describe(status: cri::ContainerStatus, info: &Info, image: Image) -> Container {
    let mut container = Container::default();
    if let Some(bundle) = &info.bundle {
        bundle.describe(&mut container);
    }
    container.is_privileged = info.is_privileged();
    // A container's namespaces are its pod's, which the specification names even where they are the host's.
    container.is_host_network = None;
    container.is_host_pid = None;
    container.is_host_ipc = None;
    container.name = clipped(&status.metadata.unwrap_or_default().name, MAX_TEXT);
    container.image = Some(image).filter(|image| *image != Image::default());
    container.labels = bounded_labels(status.labels);
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

//! A pod's sandbox: a container of its own, and what those in it have of it.

use eyrie_proto::metadata::Container;

use super::{image, info::Info};
use crate::containers::{
    api::{MAX_TEXT, cri, epoch_ns},
    bundle::clipped,
    labels, probes,
};

/// Addresses of one pod.
const MAX_IPS: usize = 16;
/// Characters of an address.
const MAX_IP: usize = 64;

/// The sandbox as a container, which is called as its pod.
pub(super) fn describe(answer: &cri::PodSandboxStatusResponse, info: &Info) -> Container {
    let id = answer.status.as_ref().map_or("", |status| status.id.as_str());
    let mut container = info.describe(id);
    if let Some(status) = &answer.status {
        container.name = clipped(&status.metadata.clone().unwrap_or_default().name, MAX_TEXT);
        container.labels.extend(labels::kept(status.labels.clone()));
        container.created_ns = epoch_ns(status.created_at);
    }
    if let Some(image) = info.image.as_deref().and_then(image::of_sandbox) {
        container.image = Some(image);
    }
    describe_pod(answer, &mut container);
    container
}

/// Puts into `container` what it has of the sandbox that it is in.
pub(super) fn describe_pod(answer: &cri::PodSandboxStatusResponse, container: &mut Container) {
    let Some(status) = &answer.status else { return };
    let pod = status.metadata.clone().unwrap_or_default();
    container.pod_name = clipped(&pod.name, MAX_TEXT);
    container.pod_namespace = clipped(&pod.namespace, MAX_TEXT);
    container.pod_uid = clipped(&pod.uid, MAX_TEXT);
    container.pod_sandbox_id = clipped(&status.id, MAX_TEXT);
    container.pod_labels = labels::kept(status.labels.clone());
    // The kubelet sets these labels, and Falco has them for every container of a pod.
    let told = [
        ("io.kubernetes.pod.name", &container.pod_name),
        ("io.kubernetes.pod.namespace", &container.pod_namespace),
        ("io.kubernetes.pod.uid", &container.pod_uid),
        ("io.kubernetes.sandbox.id", &container.pod_sandbox_id),
    ];
    let told = told.map(|(name, value)| (name.to_owned(), value.clone()));
    container.labels.extend(labels::kept(told.into()));
    let network = status.network.clone().unwrap_or_default();
    let further = network.additional_ips.into_iter().map(|further| further.ip);
    let ips = std::iter::once(network.ip).chain(further).filter(|ip| !ip.is_empty());
    container.ips = ips.take(MAX_IPS).map(|ip| clipped(&ip, MAX_IP)).collect();
    let cni_result = Info::read(&answer.info).0.cni_result(&status.id);
    if !cni_result.is_empty() {
        container.cni_result = cni_result;
    }
    describe_namespaces(status, container);
    if let Some(applied) = status.annotations.get(probes::LAST_APPLIED) {
        container.probes = probes::of_pod(applied, &container.name);
    }
}

/// Which of the host's namespaces it uses.
fn describe_namespaces(status: &cri::PodSandboxStatus, container: &mut Container) {
    let namespaces = status.linux.as_ref().and_then(|linux| linux.namespaces.as_ref());
    let Some(namespaces) = namespaces else { return };
    // A pod that asks for nothing has its own.
    let options = namespaces.options.unwrap_or_default();
    let is_host = |mode: cri::NamespaceMode| Some(mode == cri::NamespaceMode::Node);
    container.is_host_network = is_host(options.network());
    container.is_host_pid = is_host(options.pid());
    container.is_host_ipc = is_host(options.ipc());
}

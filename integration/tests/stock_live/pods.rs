//! Containers of pods, as far as rules can tell: podman's, in the control groups that a kubelet makes for a pod, with the labels by which
//! runtimes know of it.

use std::path::Path;

use eyrie_proto::alert::{Alert, value::Kind};
use test_containers::{Container, Image};

use super::{
    acts,
    done::{Done, in_container},
    programs::Programs,
};

/// As the kubelet sets them, and Falco's container plugin reads them.
const NAMESPACE_LABEL: &str = "io.kubernetes.pod.namespace";
const UID_LABEL: &str = "io.kubernetes.pod.uid";
/// Below which the kubelet has the control groups of pods.
const PODS: &str = "kubepods/besteffort";
/// Which namespaces the containers are of, the pods' uids, and what is done in them.
const NAMESPACES: [(&str, &str, &[acts::Act]); 2] = [
    ("payments", "8c1f6f0e-4f4b-4c1e-9d53-3a1f0c5e7a01", acts::OF_PAYMENTS),
    ("shop", "8c1f6f0e-4f4b-4c1e-9d53-3a1f0c5e7a02", acts::OF_SHOP),
];

/// Performs the acts of each namespace in a container of it.
pub(crate) async fn perform(
    image: &Image,
    folder: &Path,
    programs: &Programs,
) -> anyhow::Result<Vec<(Container, Vec<Done>)>> {
    let mut performed = Vec::new();
    for (namespace, uid, acts) in NAMESPACES {
        let labels = [(NAMESPACE_LABEL, namespace), (UID_LABEL, uid)];
        let [namespace, of_pod] = labels.map(|(name, value)| format!("--label={name}={value}"));
        // The labels alone could be the image's.
        let parent = format!("--cgroup-parent=/{PODS}/pod{uid}");
        // The acts give addresses to the loopback device of the container.
        let options = [&namespace, &of_pod, &parent, "--cap-add=NET_ADMIN"];
        performed.push(in_container(image, &options, &[], acts, (folder, programs)).await?);
    }
    Ok(performed)
}

/// In each namespace something was set off and has the namespace: what was quiet there was not quiet for want of it.
pub(crate) fn check_namespaces(done: &[Done], alerts: &[Alert]) {
    for (namespace, _, acts) in NAMESPACES {
        let ours: Vec<_> = done.iter().filter(|done| acts.iter().any(|act| done.is_act(act))).collect();
        let mut told = ours.iter().flat_map(|done| done.alerts(alerts)).filter_map(namespace_of);
        assert!(
            ours.is_empty() || told.any(|told| told == namespace),
            "nothing is known to be of {namespace}"
        );
    }
}

/// Removes the control groups of pods that podman leaves behind, in each hierarchy that there is; those that somebody uses stay.
pub(crate) fn remove_groups() {
    let hierarchies =
        std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    for root in hierarchies.chain(["/sys/fs/cgroup".into()]) {
        let pods = NAMESPACES.map(|(_, uid, _)| format!("{PODS}/pod{uid}"));
        // podman's watcher of containers has a group there as well.
        let watchers = pods.each_ref().map(|pod| format!("{pod}/conmon"));
        for group in watchers.iter().chain(&pods).map(String::as_str).chain([PODS, "kubepods"]) {
            let _ = std::fs::remove_dir(root.join(group));
        }
    }
}

fn namespace_of(alert: &Alert) -> Option<&str> {
    match &alert.output_fields.get("k8s.ns.name")?.kind {
        Some(Kind::Text(name)) => Some(name),
        _ => None,
    }
}

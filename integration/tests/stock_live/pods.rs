//! Containers of pods, as far as rules can tell: podman's, with the label by which runtimes know a pod's namespace.

use std::path::Path;

use eyrie_proto::alert::{Alert, value::Kind};
use test_containers::{Container, Image};

use super::{
    acts,
    done::{Done, in_container},
    programs::Programs,
};

/// As the kubelet sets it, and Falco's container plugin reads it.
const LABEL: &str = "io.kubernetes.pod.namespace";
/// Which namespaces the containers are of, and what is done in them.
const NAMESPACES: [(&str, &[acts::Act]); 2] = [("payments", acts::OF_PAYMENTS), ("shop", acts::OF_SHOP)];

/// Performs the acts of each namespace in a container of it.
pub(crate) async fn perform(
    image: &Image,
    folder: &Path,
    programs: &Programs,
) -> anyhow::Result<Vec<(Container, Vec<Done>)>> {
    let mut performed = Vec::new();
    for (namespace, acts) in NAMESPACES {
        let label = format!("--label={LABEL}={namespace}");
        // The acts give addresses to the loopback device of the container.
        let options = [&label, "--cap-add=NET_ADMIN"];
        performed.push(in_container(image, &options, &[], acts, (folder, programs)).await?);
    }
    Ok(performed)
}

/// In each namespace something was set off and has the namespace: what was quiet there was not quiet for want of it.
pub(crate) fn check_namespaces(done: &[Done], alerts: &[Alert]) {
    for (namespace, acts) in NAMESPACES {
        let ours: Vec<_> = done.iter().filter(|done| acts.iter().any(|act| done.is_act(act))).collect();
        let mut told = ours.iter().flat_map(|done| done.alerts(alerts)).filter_map(namespace_of);
        assert!(
            ours.is_empty() || told.any(|told| told == namespace),
            "nothing is known to be of {namespace}"
        );
    }
}

fn namespace_of(alert: &Alert) -> Option<&str> {
    match &alert.output_fields.get("k8s.ns.name")?.kind {
        Some(Kind::Text(name)) => Some(name),
        _ => None,
    }
}

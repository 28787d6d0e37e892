//! What files said of a container, and what its runtime says, as one.

use std::collections::BTreeMap;

use eyrie_proto::metadata::{Container, ContainerProbeKind, Image};

/// Puts what a runtime told over what is known. What it does not say stays.
///
/// It knows best what things are called. What a container may do and was started with is the bundle's, which the container was started from: of those only
/// what is not known yet is taken.
pub(super) fn merge(known: &mut Container, told: &Container) {
    text(&mut known.name, &told.name);
    if let Some(image) = &told.image {
        merge_image(known.image.get_or_insert_default(), image);
    }
    labels(&mut known.labels, &told.labels);
    labels(&mut known.pod_labels, &told.pod_labels);
    list(&mut known.mounts, &told.mounts);
    list(&mut known.ips, &told.ips);
    merge_probes(known, told);
    known.is_privileged = told.is_privileged.or(known.is_privileged);
    text(&mut known.pod_uid, &told.pod_uid);
    text(&mut known.pod_name, &told.pod_name);
    text(&mut known.pod_namespace, &told.pod_namespace);
    text(&mut known.pod_sandbox_id, &told.pod_sandbox_id);
    text(&mut known.cni_result, &told.cni_result);
    complete(known, told);
}

/// What the bundle says first, if it was read.
fn complete(known: &mut Container, told: &Container) {
    if known.capabilities.is_empty() {
        list(&mut known.capabilities, &told.capabilities);
    }
    if known.environment_names.is_empty() {
        list(&mut known.environment_names, &told.environment_names);
    }
    if known.user.is_empty() {
        text(&mut known.user, &told.user);
    }
    known.is_host_network = known.is_host_network.or(told.is_host_network);
    known.is_host_pid = known.is_host_pid.or(told.is_host_pid);
    known.is_host_ipc = known.is_host_ipc.or(told.is_host_ipc);
    for (known, told) in [(&mut known.created_ns, told.created_ns), (&mut known.started_ns, told.started_ns)]
    {
        if *known == 0 {
            *known = told;
        }
    }
}

fn merge_image(known: &mut Image, told: &Image) {
    if !told.repository.is_empty() && told.repository != known.repository {
        // Tag and digest are those of the repository beside which they stand.
        known.tag = String::new();
        known.digest = String::new();
    }
    text(&mut known.id, &told.id);
    text(&mut known.repository, &told.repository);
    text(&mut known.tag, &told.tag);
    text(&mut known.digest, &told.digest);
}

/// Each kind by itself: one source may know the health check, another what Kubernetes asks.
fn merge_probes(known: &mut Container, told: &Container) {
    for kind in [ContainerProbeKind::Healthcheck, ContainerProbeKind::Liveness, ContainerProbeKind::Readiness]
    {
        if let Some(probe) = told.probes.iter().find(|probe| probe.kind() == kind) {
            known.probes.retain(|probe| probe.kind() != kind);
            known.probes.push(probe.clone());
        }
    }
    known.probes.sort_by_key(|probe| probe.kind);
}

fn text(known: &mut String, told: &str) {
    if !told.is_empty() {
        told.clone_into(known);
    }
}

fn list<T: Clone>(known: &mut Vec<T>, told: &[T]) {
    if !told.is_empty() {
        told.clone_into(known);
    }
}

fn labels(known: &mut BTreeMap<String, String>, told: &BTreeMap<String, String>) {
    known.extend(told.iter().map(|(name, value)| (name.clone(), value.clone())));
}

#[cfg(test)]
mod tests {
    use eyrie_proto::metadata::{ContainerMount, ContainerProbe};

    use super::*;

    fn image(repository: &str, tag: &str, digest: &str) -> Option<Image> {
        let (repository, tag, digest) = (repository.to_owned(), tag.to_owned(), digest.to_owned());
        Some(Image { id: String::new(), repository, tag, digest })
    }

    fn probe(kind: ContainerProbeKind, command: &str) -> ContainerProbe {
        ContainerProbe { kind: kind.into(), command: vec![command.to_owned()] }
    }

    /// Scenario: files and a runtime say different things, the same, or one of them nothing. Guarantees: the runtime's names win where it says any; what
    /// the bundle says of privileges of processes wins over the runtime; nothing is lost where one is silent; a tag never stands beside the repository of another.
    #[test]
    fn the_runtime_knows_names_and_the_bundle_what_was_started() {
        let mount = |path: &str| ContainerMount { source: path.to_owned(), ..ContainerMount::default() };
        let files = Container {
            name: "file".into(),
            image: image("a/b", "1", "sha256:1"),
            labels: BTreeMap::from([("a".into(), "1".into())]),
            mounts: vec![mount("/file")],
            capabilities: vec!["CAP_CHOWN".into()],
            is_privileged: Some(false),
            is_host_pid: Some(true),
            user: "7:8".into(),
            created_ns: 5,
            probes: vec![probe(ContainerProbeKind::Liveness, "live")],
            ..Container::default()
        };
        let mut merged = files.clone();
        merge(&mut merged, &Container::default());
        assert_eq!(merged, files);
        let told = Container {
            name: "told".into(),
            image: image("a/c", "2", ""),
            labels: BTreeMap::from([("b".into(), "2".into())]),
            mounts: vec![mount("/told")],
            capabilities: vec!["CAP_KILL".into()],
            is_privileged: Some(true),
            is_host_pid: Some(false),
            is_host_ipc: Some(false),
            user: "root".into(),
            created_ns: 6,
            started_ns: 7,
            ips: vec!["192.0.2.1".into()],
            probes: vec![probe(ContainerProbeKind::Healthcheck, "check")],
            pod_name: "pod".into(),
            ..Container::default()
        };
        merge(&mut merged, &told);
        let expected = Container {
            labels: BTreeMap::from([("a".into(), "1".into()), ("b".into(), "2".into())]),
            capabilities: files.capabilities.clone(),
            is_host_pid: Some(true),
            user: "7:8".into(),
            created_ns: 5,
            probes: vec![
                probe(ContainerProbeKind::Healthcheck, "check"),
                probe(ContainerProbeKind::Liveness, "live"),
            ],
            ..told.clone()
        };
        assert_eq!(merged, expected);
        merge(&mut merged, &Container { image: image("", "", "sha256:2"), ..Container::default() });
        assert_eq!(merged.image, image("a/c", "2", "sha256:2"));
        let mut empty = Container::default();
        merge(&mut empty, &told);
        assert_eq!(empty, told);
    }
}

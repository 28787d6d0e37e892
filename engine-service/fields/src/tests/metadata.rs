//! Containers and pods by hand-made metadata.

use eyrie_proto::metadata::{
    Completeness, Container, ContainerPart, ContainerProbe, ContainerProbeKind, KubernetesContext,
    KubernetesKey, KubernetesObject,
};
use host_model::HostModel;

use super::fixture::{host, open, show_in, tell_cgroup, view};
use crate::{ContainerView, EventView};

const SANDBOX: &str = "fedcba9876543210";

fn labels(labels: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A container of a pod, as its runtime alone knows it.
fn container() -> Container {
    Container {
        labels: labels(&[
            ("app", "shop"),
            ("bare", ""),
            ("annotation.x", "y"),
            ("io.kubernetes.pod.name", "shop-1"),
            ("7", "seven"),
        ]),
        pod_labels: labels(&[("tier", "front"), ("io.kubernetes.pod.uid", "u")]),
        ips: vec!["fd00::1".to_owned(), "10.1.1.1".to_owned()],
        cni_result: "{\"eth0\":{}}".to_owned(),
        is_host_pid: Some(true),
        is_host_network: Some(false),
        pod_sandbox_id: SANDBOX.to_owned(),
        completeness: Completeness::Complete.into(),
        ..Container::default()
    }
}

fn object(name: &str, label: (&str, &str)) -> KubernetesObject {
    KubernetesObject {
        key: Some(KubernetesKey { object_uid: format!("{name}-uid"), ..KubernetesKey::default() }),
        name: name.to_owned(),
        labels: labels(&[label]),
        ..KubernetesObject::default()
    }
}

fn context() -> KubernetesContext {
    KubernetesContext {
        pod: Some(KubernetesObject {
            ips: vec!["10.1.1.1".to_owned()],
            ..object("shop-1", ("tier", "front"))
        }),
        namespace: Some(object("prod", ("env", "live"))),
        deployment: Some(object("shop", ("team", "a"))),
        replica_set: Some(object("shop-rs", ("hash", "1"))),
        services: vec![object("web", ("port", "80")), object("api", ("port", "81"))],
        completeness: Completeness::Complete.into(),
        ..KubernetesContext::default()
    }
}

/// Checks fields of an event in this container.
fn check(container: &Container, expected: &[(&str, &str)]) {
    let (event, mut host) = (open("/x", "/x"), host());
    tell_cgroup(&mut host, 30, "0123456789abcdef");
    let view = EventView { container: ContainerView::Known(container), ..view(&event, &host) };
    for (name, expected) in expected {
        assert_eq!(show_in(name, &view), *expected, "{name}");
    }
}

/// Scenario: a container with labels, addresses and namespaces, of a pod that its runtime knows. Guarantees: Falco's texts: without what is not
/// meant for people, the first IPv4 address, short ids; what is not told of a whole container is absent.
#[test]
fn a_runtime_tells_of_container_and_pod() {
    let expected = [
        ("container.labels", "7:seven, app:shop, bare"),
        ("container.label[app]", "shop"),
        ("container.label[7]", "seven"),
        ("container.label[annotation.x]", "y"),
        ("container.ip", "10.1.1.1"),
        ("container.cni.json", "{\"eth0\":{}}"),
        ("container.host_pid", "true"),
        ("container.host_network", "false"),
        ("container.host_ipc", "<absent>"),
        ("k8s.pod.sandbox_id", "fedcba987654"),
        ("k8s.pod.full_sandbox_id", SANDBOX),
        ("k8s.pod.label[tier]", "front"),
        ("k8s.pod.label[none]", "<absent>"),
        ("k8s.pod.labels", "tier:front"),
        ("k8s.pod.ip", "10.1.1.1"),
        ("k8s.pod.cni.json", "{\"eth0\":{}}"),
        ("k8s.pod.name", "shop-1"),
        ("k8smeta.pod.name", "<absent>"),
    ];
    check(&container(), &expected);
    let only_ip6 = Container { ips: vec!["fd00::1".to_owned()], ..container() };
    check(&only_ip6, &[("container.ip", "fd00::1")]);
    let of_no_pod = Container { pod_sandbox_id: String::new(), ..container() };
    check(
        &of_no_pod,
        &[("k8s.pod.ip", "<absent>"), ("k8s.pod.cni.json", "<absent>"), ("container.ip", "10.1.1.1")],
    );
}

/// Scenario: the same container while its runtime has still to answer. Guarantees: what is not told is unknown, what is told is told.
#[test]
fn what_may_still_come_is_unknown() {
    let pending = Container {
        pod_labels: labels(&[]),
        ips: Vec::new(),
        completeness: Completeness::Pending.into(),
        ..container()
    };
    let expected = [
        ("container.label[app]", "shop"),
        ("container.host_ipc", "<unknown>"),
        ("container.ip", "<unknown>"),
        ("k8s.pod.label[tier]", "<unknown>"),
        ("k8smeta.ns.name", "<unknown>"),
        ("container.healthcheck", "<unknown>"),
        ("proc.is_container_healthcheck", "<unknown>"),
    ];
    check(&pending, &expected);
}

/// Scenario: a container that has ended before its files could be read, told by an agent that says which parts are missing, and by one that does not;
/// and one that is complete but for its labels. Guarantees: what could not be had is unknown for good, what was read and is not there is absent; of the
/// old agent's all that is not told is unknown.
#[test]
fn what_could_not_be_had_is_not_absent() {
    let missing = [ContainerPart::Name, ContainerPart::Image, ContainerPart::Mounts, ContainerPart::Probes];
    let part = Container {
        completeness: Completeness::FinalPartial.into(),
        missing: missing.map(Into::into).to_vec(),
        ..container()
    };
    let expected = [
        ("container.name", "<unknown>"),
        ("container.image", "<unknown>"),
        ("container.image.repository", "<unknown>"),
        ("container.mounts", "<unknown>"),
        ("container.mount.dest[/etc]", "<unknown>"),
        ("container.mount.mode[0]", "<unknown>"),
        ("proc.is_container_healthcheck", "<unknown>"),
        ("container.image.digest", "<absent>"),
        ("container.label[app]", "shop"),
        ("container.label[none]", "<absent>"),
        ("container.host_ipc", "<absent>"),
        ("container.privileged", "<absent>"),
        ("k8s.pod.uid", "<absent>"),
        ("k8smeta.pod.name", "<absent>"),
    ];
    check(&part, &expected);
    let of_old_agent = Container { missing: Vec::new(), ..part.clone() };
    let open = ["container.name", "container.image.digest", "container.label[none]", "k8s.pod.uid"];
    check(&of_old_agent, &open.map(|name| (name, "<unknown>")));
    check(&of_old_agent, &[("container.label[app]", "shop"), ("k8smeta.pod.name", "<absent>")]);
    let unlabelled = vec![ContainerPart::Labels.into()];
    let whole = Container { completeness: Completeness::Complete.into(), missing: unlabelled, ..part };
    let expected = [
        ("container.label[none]", "<unknown>"),
        ("container.label[app]", "shop"),
        ("container.name", "<absent>"),
    ];
    check(&whole, &expected);
}

/// Scenario: a pod of a deployment with two services, as the cluster knows it. Guarantees: names, uids and labels of each; services as lists;
/// what the pod does not belong to is absent.
#[test]
fn a_cluster_tells_of_the_pod_and_what_it_belongs_to() {
    let whole = Container { kubernetes: Some(Box::new(context())), ..container() };
    let expected = [
        ("k8smeta.pod.name", "shop-1"),
        ("k8smeta.pod.uid", "shop-1-uid"),
        ("k8smeta.pod.ip", "10.1.1.1"),
        ("k8smeta.pod.label[tier]", "front"),
        ("k8smeta.pod.label[none]", "<absent>"),
        ("k8smeta.pod.labels", "tier:front"),
        ("k8smeta.ns.name", "prod"),
        ("k8smeta.ns.label[env]", "live"),
        ("k8smeta.deployment.name", "shop"),
        ("k8smeta.rs.uid", "shop-rs-uid"),
        ("k8smeta.svc.name", "web api"),
        ("k8smeta.svc.uid", "web-uid api-uid"),
        ("k8smeta.svc.label[port]", "80 81"),
        ("k8smeta.svc.labels", "port:80 port:81"),
        ("k8smeta.rc.name", "<absent>"),
        ("k8smeta.rc.labels", "<absent>"),
    ];
    check(&whole, &expected);
}

/// Scenario: runtime and cluster, one of them with more to tell. Guarantees: the one that a field comes from decides whether it may still come; what the cluster could not
/// tell of is unknown.
#[test]
fn cluster_and_runtime_are_complete_by_themselves() {
    let pending = KubernetesContext { completeness: Completeness::Pending.into(), ..context() };
    let slow_cluster = Container { kubernetes: Some(Box::new(pending)), ..container() };
    let expected = [
        ("k8smeta.deployment.name", "shop"),
        ("k8smeta.rc.name", "<unknown>"),
        ("container.host_ipc", "<absent>"),
    ];
    check(&slow_cluster, &expected);
    let slow_runtime = Container {
        kubernetes: Some(Box::new(context())),
        completeness: Completeness::Pending.into(),
        ..container()
    };
    check(&slow_runtime, &[("k8smeta.rc.name", "<absent>"), ("container.host_ipc", "<unknown>")]);
    let lost = KubernetesContext {
        namespace: None,
        services: Vec::new(),
        completeness: Completeness::FinalPartial.into(),
        ..context()
    };
    let silent_cluster = Container { kubernetes: Some(Box::new(lost)), ..container() };
    let expected = [
        ("k8smeta.ns.name", "<unknown>"),
        ("k8smeta.rc.uid", "<unknown>"),
        ("k8smeta.pod.label[none]", "<absent>"),
        ("k8smeta.svc.name", "<absent>"),
    ];
    check(&silent_cluster, &expected);
}

/// Scenario: a container whose health check is what the process runs, one whose liveness probe an ancestor runs, and one without any.
/// Guarantees: command and arguments decide; ancestors count as far as they are in the container.
#[test]
fn probes_are_told_apart() {
    let probe = |kind: ContainerProbeKind, command: &[&str]| ContainerProbe {
        kind: kind.into(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
    };
    let with = |probes| Container { probes, ..container() };
    let healthcheck = probe(ContainerProbeKind::Healthcheck, &["/bin/cat", "-n", "/etc/shadow"]);
    let expected = [
        ("container.healthcheck", "/bin/cat -n /etc/shadow"),
        ("proc.is_container_healthcheck", "true"),
        ("container.liveness_probe", "<absent>"),
        ("proc.is_container_liveness_probe", "false"),
    ];
    check(&with(vec![healthcheck]), &expected);
    let other = probe(ContainerProbeKind::Readiness, &["/bin/cat"]);
    check(&with(vec![other]), &[("proc.is_container_readiness_probe", "false")]);
    // bash, the parent, is not in the container, or it is.
    let above = with(vec![probe(ContainerProbeKind::Liveness, &["/bin/bash", "-l"])]);
    check(&above, &[("proc.is_container_liveness_probe", "false")]);
    let (event, mut host) = (open("/x", "/x"), host());
    tell_cgroup(&mut host, 30, "0123456789abcdef");
    tell_cgroup(&mut host, 20, "0123456789abcdef");
    let view = EventView { container: ContainerView::Known(&above), ..view(&event, &host) };
    assert_eq!(show_in("proc.is_container_liveness_probe", &view), "true");
}

/// Scenario: a file of a container, of the host, and of a container that is still to be told. Guarantees: the id before the name, nothing before it,
/// and unknown.
#[test]
fn files_have_their_containers_before_them() {
    let event = open("/etc/passwd", "/etc/passwd");
    let shown = |host: &HostModel| {
        ["fd.containername", "fd.containerdirectory"].map(|name| show_in(name, &view(&event, host)))
    };
    let mut inside = host();
    tell_cgroup(&mut inside, 30, "0123456789abcdef");
    assert_eq!(shown(&inside), ["0123456789ab:/etc/passwd", "0123456789ab:/etc"]);
    let mut outside = host();
    tell_cgroup(&mut outside, 30, "");
    assert_eq!(shown(&outside), [":/etc/passwd", ":/etc"]);
    let mut untold = host();
    tell_cgroup(&mut untold, 1, "");
    assert_eq!(shown(&untold), ["<unknown>", "<unknown>"]);
}

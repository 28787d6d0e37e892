use proptest::prelude::*;

use super::*;

const A: &str = "3f4e5d6c7b8a99aabbccddeeff00112233445566778899aabbccddeeff001122";
const B: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const POD: &str = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";

/// Replaces `{A}`, `{B}`, `{POD}` and `{POD_}` (as systemd writes it).
fn filled(path: &str) -> String {
    let pod_of_systemd = POD.replace('-', "_");
    path.replace("{A}", A).replace("{B}", B).replace("{POD_}", &pod_of_systemd).replace("{POD}", POD)
}

fn named(path: &str) -> Option<(String, &'static str, bool)> {
    container_of(filled(path).as_bytes()).map(|named| (named.id, named.runtime, named.is_outermost))
}

/// Scenario: paths as runtimes make them, with cgroupfs and systemd, v1 and v2, alone and in Kubernetes, rooted and
/// rootless. Guarantees: the container's whole id and its runtime, and whether the group is the container's first.
#[test]
fn every_layout_is_known() {
    let table: &[(&str, &str, &str, bool)] = &[
        ("/docker/{A}", "{A}", "docker", true),
        ("/docker/{A}/init.scope", "{A}", "docker", false),
        ("/system.slice/docker-{A}.scope", "{A}", "docker", true),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{A}.scope", "{A}", "docker", true),
        ("/of-the-operator/{A}", "{A}", "docker", true),
        ("/system.slice:docker:{A}", "{A}", "docker", true),
        ("/ecs/0123456789abcdef0123456789abcdef/{A}", "{A}", "docker", true),
        (
            "/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-2218307123",
            "0123456789abcdef0123456789abcdef-2218307123",
            "docker",
            true,
        ),
        ("/libpod_parent/libpod-{A}", "{A}", "podman", true),
        ("/libpod_parent/{B}/libpod-{A}", "{A}", "podman", true),
        ("/machine.slice/libpod-{A}.scope", "{A}", "podman", true),
        ("/machine.slice/libpod-{A}.scope/container", "{A}", "podman", false),
        ("/machine.slice/machine-libpod_pod_{B}.slice/libpod-{A}.scope", "{A}", "podman", true),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope/container",
            "{A}",
            "podman",
            false,
        ),
        ("/system.slice/web.service/libpod-payload-{A}", "{A}", "podman", true),
        ("/kubepods/burstable/pod{POD}/{A}", "{A}", "containerd", true),
        ("/kubepods/pod{POD}/{A}", "{A}", "containerd", true),
        ("/kubepods/besteffort/pod{POD}/crio-{A}", "{A}", "cri-o", true),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD_}.slice/cri-containerd-{A}.scope",
            "{A}",
            "containerd",
            true,
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{POD_}.slice/crio-{A}.scope/container",
            "{A}",
            "cri-o",
            false,
        ),
        ("/kubepods.slice/kubepods-pod{POD_}.slice/docker-{A}.scope", "{A}", "docker", true),
        (
            "/system.slice/containerd.service/kubepods-burstable-pod{POD_}.slice:cri-containerd:{A}",
            "{A}",
            "containerd",
            true,
        ),
        ("/k8s.io/{A}", "{A}", "containerd", true),
        ("/default/{A}", "{A}", "containerd", true),
        ("/system.slice/nerdctl-{A}.scope", "{A}", "containerd", true),
        ("/lxc/web", "web", "lxc", true),
        ("/lxc/101/ns/system.slice", "101", "lxc", false),
        ("/lxc.payload.web", "web", "lxc", true),
        ("/lxc.payload/web/init.scope", "web", "lxc", false),
        ("/machine.slice/machine-lxc\\x2d4242\\x2dweb.scope", "web", "lxc", true),
        ("/machine.slice/machine-debian\\x2dtree.scope/payload", "debian-tree", "systemd-nspawn", false),
        ("/machine.slice/systemd-nspawn@web.service", "web", "systemd-nspawn", true),
        ("/machine.slice/systemd-nspawn@web.service/payload/init.scope", "web", "systemd-nspawn", false),
        // Hybrid and v1: what systemd and the runtime make in the named hierarchy and in the controllers' is the same path.
        ("/system.slice/docker.service/docker/{A}", "{A}", "docker", true),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/nerdctl-{A}.scope",
            "{A}",
            "containerd",
            true,
        ),
        ("/k3s/kubepods/burstable/pod{POD}/{A}", "{A}", "containerd", true),
        ("/system.slice/k3s.service/kubepods-pod{POD_}.slice:cri-containerd:{A}", "{A}", "containerd", true),
        ("/moby/{A}", "{A}", "docker", true),
    ];
    for (path, id, runtime, is_outermost) in table {
        assert_eq!(named(path), Some((filled(id), *runtime, *is_outermost)), "{path}");
    }
}

/// Scenario: containers of pods, with cgroupfs and systemd, below the kubelet's own root, of a static pod, of each runtime; containers of no pod; and clusters within a
/// container (kind, k3s in docker), whose pods are the container's own doing. Guarantees: the pod's uid as Kubernetes writes it, only where the
/// host's kubelet made the pod; of a cluster in a container everything is that container's.
#[test]
fn pods_are_told_by_their_uid() {
    const STATIC: &str = "0123456789abcdef0123456789abcdef";
    let table = [
        ("/kubepods/burstable/pod{POD}/{A}", "containerd", Some(POD)),
        ("/kubepods/pod{POD}/{A}/inner", "containerd", Some(POD)),
        ("/kubepods/besteffort/pod{POD}/crio-{A}", "cri-o", Some(POD)),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD_}.slice/cri-containerd-{A}.scope",
            "containerd",
            Some(POD),
        ),
        ("/kubepods.slice/kubepods-pod{POD_}.slice/docker-{A}.scope", "docker", Some(POD)),
        (
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod{POD_}.slice/cri-containerd-{A}.scope",
            "containerd",
            Some(POD),
        ),
        ("/kubelet/kubepods/burstable/pod{POD}/{A}", "containerd", Some(POD)),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0123456789abcdef0123456789abcdef.slice/crio-{A}.scope",
            "cri-o",
            Some(STATIC),
        ),
        (
            "/system.slice/containerd.service/kubepods-burstable-pod{POD_}.slice:cri-containerd:{A}",
            "containerd",
            Some(POD),
        ),
        ("/docker/{A}", "docker", None),
        ("/machine.slice/machine-libpod_pod_{B}.slice/libpod-{A}.scope", "podman", None),
        ("/pods/pod{POD}/{A}", "docker", None),
        ("/kubepods/podnot a uid/{A}", "containerd", None),
        ("/docker/{A}/kubelet/kubepods/burstable/pod{POD}/{B}", "docker", None),
        (
            "/system.slice/docker-{A}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{POD_}.slice/cri-containerd-{B}.scope",
            "docker",
            None,
        ),
        ("/docker/{A}/k3s/kubepods/pod{POD}/{B}", "docker", None),
        ("/lxc/web/kubepods/pod{POD}/{A}", "lxc", None),
    ];
    for (path, runtime, pod_uid) in table {
        let named = container_of(filled(path).as_bytes()).unwrap();
        let id = if runtime == "lxc" { "web" } else { A };
        assert_eq!(
            (named.id.as_str(), named.runtime, named.pod_uid.as_deref()),
            (id, runtime, pod_uid),
            "{path}"
        );
    }
}

/// Scenario: groups of the host: services, sessions, pods, what monitors containers, virtual machines, and names that only
/// look like a container's. Guarantees: none of them is a container.
#[test]
fn the_hosts_own_groups_are_no_containers() {
    for path in [
        "/",
        "",
        "/init.scope",
        "/system.slice/docker.service",
        "/system.slice/containerd.service",
        "/user.slice/user-1000.slice/session-3.scope",
        "/libpod_parent",
        "/libpod_parent/conmon",
        "/libpod_parent/{A}",
        "/machine.slice/libpod-conmon-{A}.scope",
        "/system.slice/crio-conmon-{A}.scope",
        "/user.slice/user-0.slice/podman-4242.scope",
        "/kubepods/burstable/pod{POD}",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD_}.slice",
        "/machine.slice/machine-libpod_pod_{A}.slice",
        "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope",
        "/machine.slice/systemd-nspawn@web.service/supervisor",
        "/lxc",
        "/lxc.monitor.web",
        "/lxc.monitor/web",
        "/docker/short",
        "/docker/{A}0",
        "/docker/3F4E5D6C7B8A99AABBCCDDEEFF00112233445566778899AABBCCDDEEFF001122",
    ] {
        assert_eq!(named(path), None, "{path}");
    }
}

/// Scenario: a container that may make groups of its own names one like another container. Guarantees: its processes
/// stay those of the container that the host's runtime named.
#[test]
fn a_container_cannot_pass_for_another() {
    for inside in ["docker-{B}.scope", "docker/{B}", "lxc/web", "libpod-{B}", "x:cri-containerd:{B}"] {
        let path = format!("/machine.slice/libpod-{{A}}.scope/{inside}");
        assert_eq!(named(&path), Some((A.to_owned(), "podman", false)), "{path}");
    }
}

proptest! {
    /// Scenario: any bytes as a path. Guarantees: no panic, and no empty id.
    #[test]
    fn any_path_is_read(path: Vec<u8>, name in "(lxc/|machine.slice/machine-|docker/|a:b:)[\\\\x0-9a-f-]{0,70}(.scope)?") {
        for path in [&path[..], name.as_bytes()] {
            prop_assert!(container_of(path).is_none_or(|named| !named.id.is_empty()));
        }
    }
}

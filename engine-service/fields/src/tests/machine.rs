//! Hosts, their clouds, and who is behind an address, by hand-made metadata.

use eyrie_proto::{
    event::{
        Connect, Event, HostBoot, Interface, InterfaceAddress, InterfacesFact, Origin, SocketRole,
        event::Kind, ordered_fact, origin,
    },
    metadata::{CloudInstance, Completeness, Host, KubernetesKey, KubernetesObject},
};

use super::fixture::{address, call, host, open, show_in, socket, tell, tell_cgroup, view};
use crate::{EventView, HostView, PeerView, remote_address};

fn labels(labels: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn origin() -> Origin {
    let boot = HostBoot { machine_id: "0123".to_owned(), boot_id: "89ab-cdef".to_owned() };
    Origin { tenant: "acme".to_owned(), kind: Some(origin::Kind::Host(boot)) }
}

pub(crate) fn machine() -> Host {
    Host {
        hostname: "node-7".to_owned(),
        kernel_release: "6.18.5".to_owned(),
        operating_system: "Debian GNU/Linux 13".to_owned(),
        architecture: "x86_64".to_owned(),
        labels: labels(&[("rack", "r1"), ("spare", "")]),
        cloud: Some(CloudInstance {
            provider: "aws".to_owned(),
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            zone: "eu-central-1a".to_owned(),
            instance_id: "i-0abc".to_owned(),
            instance_type: "m5.large".to_owned(),
            tags: labels(&[("Name", "web")]),
            image_id: "ami-1".to_owned(),
        }),
        ..Host::default()
    }
}

pub(crate) fn peer() -> KubernetesObject {
    KubernetesObject {
        key: Some(KubernetesKey { cluster_uid: "c".to_owned(), object_uid: "u-1".to_owned() }),
        kind: "Pod".to_owned(),
        namespace: "prod".to_owned(),
        name: "shop-1".to_owned(),
        labels: labels(&[("app", "shop")]),
        ..KubernetesObject::default()
    }
}

/// A connect to this address over IPv4.
pub(crate) fn connect(ip: &[u8]) -> Event {
    let descriptor = socket(Some(address(&[10, 0, 0, 1], 40_000)), Some(address(ip, 80)), SocketRole::Client);
    call(42, 0, Kind::Connect(Connect { descriptor: Some(descriptor), ..Connect::default() }))
}

fn check(view: &EventView<'_>, expected: &[(&str, &str)]) {
    for (name, expected) in expected {
        assert_eq!(show_in(name, view), *expected, "{name}");
    }
}

/// Scenario: a host of which its agent has told all, with interfaces of several kinds. Guarantees: every field has what was told; addresses that
/// nobody else can reach are left out.
#[test]
fn an_agent_tells_of_its_host_and_cloud() {
    let (event, mut host, origin, machine) = (open("/x", "/x"), host(), origin(), machine());
    let addresses = [&[127, 0, 0, 1][..], &[10, 1, 2, 3], &[169, 254, 0, 1], &[1, 2], &[0xfd; 16]];
    let addresses = addresses.map(|ip| InterfaceAddress { ip: ip.to_vec(), prefix_length: 8 }).into();
    let interfaces = vec![Interface { name: "eth0".to_owned(), addresses }];
    let fact = InterfacesFact { network_namespace: 1, interfaces };
    tell(&mut host, ordered_fact::Kind::Interfaces(fact));
    let told = HostView { origin: Some(&origin), host: Some(&machine), is_open: false };
    let view = EventView { machine: told, ..view(&event, &host) };
    let expected = [
        ("host.name", "node-7"),
        ("host.id", "0123"),
        ("host.boot_id", "89ab-cdef"),
        ("host.kernel", "6.18.5"),
        ("host.os", "Debian GNU/Linux 13"),
        ("host.arch", "x86_64"),
        ("host.label[rack]", "r1"),
        ("host.label[none]", "<absent>"),
        ("host.labels", "rack:r1, spare"),
        ("host.ip", "10.1.2.3 fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd"),
        ("host.tenant", "acme"),
        ("cloud.provider", "aws"),
        ("cloud.account", "123456789012"),
        ("cloud.region", "eu-central-1"),
        ("cloud.zone", "eu-central-1a"),
        ("cloud.instance.id", "i-0abc"),
        ("cloud.instance.type", "m5.large"),
        ("cloud.image.id", "ami-1"),
        ("cloud.tag[Name]", "web"),
        ("cloud.tag[none]", "<absent>"),
        ("cloud.tags", "Name:web"),
    ];
    check(&view, &expected);
}

/// Scenario: an agent that has told its host's name and has more to tell; the same once it has not; one whose cloud did not answer; a source of other
/// events. Guarantees: what may come is unknown, and so is what a silent cloud would have said; what is not there is absent; ids come with the origin.
#[test]
fn what_the_agent_has_still_to_tell_is_unknown() {
    let (event, host, origin) = (open("/x", "/x"), host(), origin());
    let machine = Host { hostname: "node-7".to_owned(), ..Host::default() };
    let told = HostView { origin: Some(&origin), host: Some(&machine), is_open: true };
    let seen = |machine| EventView { machine, ..view(&event, &host) };
    let known = [("host.name", "node-7"), ("host.id", "0123"), ("host.ip", "<absent>")];
    check(&seen(told), &known);
    let open = ["host.os", "host.label[rack]", "cloud.provider", "cloud.tag[Name]", "cloud.tags"];
    check(&seen(told), &open.map(|name| (name, "<unknown>")));
    check(&seen(HostView { is_open: false, ..told }), &open.map(|name| (name, "<absent>")));
    let silent = Host { completeness: Completeness::FinalPartial.into(), ..machine.clone() };
    let silent = HostView { host: Some(&silent), is_open: false, ..told };
    check(
        &seen(silent),
        &[("host.os", "<absent>"), ("cloud.provider", "<unknown>"), ("cloud.tags", "<unknown>")],
    );
    let nothing = ["host.name", "host.id", "host.tenant", "cloud.region"].map(|name| (name, "<absent>"));
    check(&seen(HostView::default()), &nothing);
}

/// Scenario: a pod behind the remote address, nobody, and a cluster that is still being told of; an event about a file. Guarantees: what the pod has,
/// absent, unknown; only connections have an address.
#[test]
fn who_has_the_remote_address_is_told() {
    let (event, host, pod) = (connect(&[10, 0, 0, 9]), host(), peer());
    assert_eq!(remote_address(&event), Some([10, 0, 0, 9].into()));
    assert_eq!(remote_address(&open("/x", "/x")), None);
    let seen = |peer| EventView { peer, ..view(&event, &host) };
    let expected = [
        ("k8s.peer.kind", "pod"),
        ("k8s.peer.name", "shop-1"),
        ("k8s.peer.ns", "prod"),
        ("k8s.peer.uid", "u-1"),
        ("k8s.peer.label[app]", "shop"),
        ("k8s.peer.label[none]", "<absent>"),
        ("k8s.peer.labels", "app:shop"),
    ];
    check(&seen(PeerView::Known(&pod)), &expected);
    check(&seen(PeerView::Unknown), &expected.map(|(name, _)| (name, "<unknown>")));
    check(&seen(PeerView::Absent), &expected.map(|(name, _)| (name, "<absent>")));
}

/// Scenario: an event of the host itself, and the fields of containers that Falco appends to outputs. Guarantees: what Falco 0.44 shows of its
/// container `host`: id and name, empty texts for the image, no value for the pod, false for what containers may share.
#[test]
fn the_host_is_a_container_without_an_image() {
    let (event, mut host) = (open("/x", "/x"), host());
    tell_cgroup(&mut host, 30, "");
    let expected = [
        ("container.id", "host"),
        ("container.name", "host"),
        ("container.image.repository", ""),
        ("container.image.tag", ""),
        ("k8s.pod.name", "<absent>"),
        ("k8s.ns.name", "<absent>"),
        ("container.privileged", "false"),
        ("container.host_network", "false"),
        ("container.labels", ""),
        ("container.label[x]", "<absent>"),
        ("k8s.pod.sandbox_id", ""),
    ];
    check(&view(&event, &host), &expected);
}

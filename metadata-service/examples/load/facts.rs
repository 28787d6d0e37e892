//! What agents would tell: about as much of each container as a runtime of Kubernetes does.

use eyrie_proto::{
    event::{CgroupKey, HostBoot, Origin, origin},
    metadata::{
        Completeness, Container, ContainerKey, ContainerMount, Host, HostKey, Image, LateFact, Provenance,
        RelayFactsRequest, Validity, late_fact::Kind,
    },
};

pub(crate) const HOSTS: u64 = 1_000;
pub(crate) const CONTAINERS_OF_A_HOST: u64 = 100;
/// Nanoseconds since the epoch.
const BOOTED_NS: u64 = 1_790_000_000_000_000_000;

pub(crate) fn origin(host: u64) -> Origin {
    let host = HostBoot {
        machine_id: format!("{host:032x}"),
        boot_id: format!("00000000-0000-0000-0000-{host:012x}"),
    };
    Origin { tenant: String::new(), kind: Some(origin::Kind::Host(host)) }
}

/// Ids begin with what is theirs alone, as random ones do.
pub(crate) fn id(host: u64, number: u64) -> String {
    let mixed = (host * CONTAINERS_OF_A_HOST + number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("{mixed:016x}").repeat(4)
}

pub(crate) fn key(host: u64, number: u64) -> ContainerKey {
    let birth_boot_ns = (number + 1) * 1_000_000_000;
    let cgroup = CgroupKey { hierarchy: 0, cgroup_id: 1_000 + number, birth_boot_ns };
    ContainerKey { origin: Some(origin(host)), cgroup: Some(cgroup), runtime_id: id(host, number) }
}

pub(crate) fn hostname(host: u64) -> String {
    format!("node-{host}.example.org")
}

pub(crate) fn name(host: u64, number: u64) -> String {
    format!("service-{}-{host}-{number}", (host + number) % 500)
}

/// One of 500 services.
pub(crate) fn image_name(service: u64) -> String {
    format!("service-{service}")
}

/// One of 200 namespaces.
pub(crate) fn namespace(number: u64) -> String {
    format!("namespace-{number}")
}

/// All that is told of a host; in another round, something else of it.
pub(crate) fn of_host(host: u64, round: u64) -> RelayFactsRequest {
    let containers = (0..CONTAINERS_OF_A_HOST).map(|number| Kind::Container(container(host, number, round)));
    let kinds = std::iter::once(Kind::Host(about_host(host, round))).chain(containers);
    RelayFactsRequest {
        origin: Some(origin(host)),
        epoch: 0xE90C,
        first_fact_sequence: round * (CONTAINERS_OF_A_HOST + 1) + 1,
        facts: kinds.map(|kind| LateFact { kind: Some(kind) }).collect(),
        are_earlier_lost: false,
    }
}

fn provenance(source: &str, round: u64) -> Provenance {
    Provenance { source: source.into(), observed_ns: BOOTED_NS + round, observer: "capture-agent".into() }
}

fn about_host(host: u64, round: u64) -> Host {
    Host {
        key: Some(HostKey { origin: Some(origin(host)) }),
        hostname: hostname(host),
        kernel_release: format!("6.18.{round}-cloud-amd64"),
        operating_system: "Debian GNU/Linux 13 (trixie)".into(),
        architecture: "x86_64".into(),
        booted_epoch_ns: BOOTED_NS,
        provenance: vec![provenance("uname", round)],
        ..Host::default()
    }
}

fn container(host: u64, number: u64, round: u64) -> Container {
    let key = key(host, number);
    let from_ns = key.cgroup.map_or(0, |cgroup| cgroup.birth_boot_ns);
    let service = (host + number) % 500;
    let label =
        |label: u64| (format!("org.example.label-{label}"), format!("{}-{label}", image_name(service)));
    let mount = |mount: u64| ContainerMount {
        source: format!("/var/lib/kubelet/pods/{host:08}-{number:08}/volumes/volume-{mount}"),
        destination: format!("/srv/volume-{mount}"),
        mode: "rbind".into(),
        is_writable: mount == 0,
        propagation: "rprivate".into(),
    };
    Container {
        runtime: "containerd".into(),
        name: name(host, number),
        image: Some(Image {
            id: format!("sha256:{service:064x}"),
            repository: format!("registry.example.org/team/{}", image_name(service)),
            tag: format!("1.{round}"),
            digest: format!("sha256:{service:064x}"),
        }),
        labels: (0..10).map(label).collect(),
        mounts: (0..6).map(mount).collect(),
        is_privileged: Some(false),
        capabilities: (0..14).map(|capability| format!("CAP_NUMBER_{capability}")).collect(),
        is_host_network: Some(false),
        is_host_pid: Some(false),
        is_host_ipc: Some(false),
        created_ns: BOOTED_NS + from_ns,
        started_ns: BOOTED_NS + from_ns,
        environment_names: (0..24).map(|variable| format!("SERVICE_{variable}_HOST")).collect(),
        ips: vec![format!("10.{}.{}.{}", host / 256, host % 256, number)],
        pod_uid: format!("{host:08x}-0000-0000-0000-{number:012x}"),
        pod_sandbox_id: id(host, number + CONTAINERS_OF_A_HOST * HOSTS),
        pod_name: format!("{}-abcde", name(host, number)),
        pod_namespace: namespace((host + number) % 200),
        pod_labels: (0..5).map(label).collect(),
        user: "1000".into(),
        validity: Some(Validity { from_ns, until_ns: 0 }),
        completeness: Completeness::Complete.into(),
        provenance: vec![provenance("bundle", round), provenance("cri", round)],
        key: Some(key),
        ..Container::default()
    }
}

//! The whole catalogue on events that have everything.

use std::collections::BTreeSet;

use eyrie_proto::{
    event::{
        Accept, Bind, Capabilities, DescriptorCall, Event, Interface, InterfaceAddress, InterfacesFact,
        NamesFact, Open, PathArgument, PathCall, SocketRole, StandardStream, ThreadState, Transfer,
        TwoPathCall, event::Kind, ordered_fact,
    },
    metadata::{
        Completeness, Container, ContainerMount, ContainerProbe, ContainerProbeKind, Image,
        KubernetesContext, KubernetesKey, KubernetesObject,
    },
};
use host_model::HostModel;
use rule_language::{Catalogue as _, FieldInfo};

use super::fixture::{
    address, call, event, extract, file, host, open, path, snapshot, socket, state, tell, tell_cgroup,
    tell_user, view,
};
use super::{declarations::is_of_core, machine};
use crate::{ContainerView, EventView, Extracted, FieldSettings, HostView, PeerView, catalogue};

const CONTAINER: &str = "0123456789abcdef";

/// A host whose process 30 has all that a process can have.
fn rich_host(container_id: &str) -> HostModel {
    let mut host = host();
    let thread = ThreadState { tid: 31, ..ThreadState::default() };
    let stream = |fd| StandardStream { fd, r#type: "file".to_owned(), name: b"/dev/null".to_vec() };
    let mut rich = state(30, 20, "cat", &["-n", "/etc/shadow"]);
    rich.threads = vec![thread];
    rich.standard_streams = (0..3).map(stream).collect();
    rich.pid_namespace_start_boot_ns = 4;
    rich.as_of_boot_ns = 3_500_000_000;
    host.apply(&snapshot(rich));
    for pid in [1, 10, 20, 30] {
        tell_cgroup(&mut host, pid, container_id);
    }
    tell_user(&mut host, container_id, 1000, "ann");
    let name = NamesFact {
        name: "db".into(),
        ips: vec![vec![10, 0, 0, 2], vec![10, 0, 0, 1]],
        ..NamesFact::default()
    };
    tell(&mut host, ordered_fact::Kind::Names(name));
    let addresses = vec![InterfaceAddress { ip: vec![10, 0, 0, 1], prefix_length: 8 }];
    let interfaces = vec![Interface { name: "eth0".into(), addresses }];
    tell(&mut host, ordered_fact::Kind::Interfaces(InterfacesFact { network_namespace: 1, interfaces }));
    host.apply(&open("/before", "/before"));
    host
}

/// A container of which all is known, of a pod of which all is known.
fn rich_container() -> Container {
    let text = str::to_owned;
    let labels = [(text("app"), text("shop"))];
    let object = |name: &str| KubernetesObject {
        key: Some(KubernetesKey { object_uid: format!("{name}-uid"), ..KubernetesKey::default() }),
        name: text(name),
        labels: labels.clone().into(),
        ips: vec![text("10.1.1.1")],
        ..KubernetesObject::default()
    };
    let probe =
        |kind: ContainerProbeKind| ContainerProbe { kind: kind.into(), command: vec![text("/bin/cat")] };
    Container {
        name: text("web"),
        image: Some(Image { id: text("i"), repository: text("r"), tag: text("t"), digest: text("d") }),
        labels: labels.clone().into(),
        pod_labels: labels.clone().into(),
        mounts: vec![ContainerMount {
            source: text("/a"),
            destination: text("/b"),
            mode: text("z"),
            is_writable: true,
            propagation: text("rprivate"),
        }],
        is_privileged: Some(false),
        is_host_network: Some(false),
        is_host_pid: Some(false),
        is_host_ipc: Some(false),
        started_ns: 7,
        ips: vec![text("10.1.1.1")],
        pod_uid: text("u"),
        pod_sandbox_id: text("fedcba9876543210"),
        pod_name: text("p"),
        pod_namespace: text("n"),
        cni_result: text("{}"),
        probes: [
            ContainerProbeKind::Healthcheck,
            ContainerProbeKind::Liveness,
            ContainerProbeKind::Readiness,
        ]
        .map(probe)
        .into(),
        kubernetes: Some(Box::new(KubernetesContext {
            pod: Some(object("pod")),
            namespace: Some(object("ns")),
            deployment: Some(object("deployment")),
            replica_set: Some(object("rs")),
            replication_controller: Some(object("rc")),
            services: vec![object("svc")],
            completeness: Completeness::Complete.into(),
        })),
        completeness: Completeness::Complete.into(),
        ..Container::default()
    }
}

/// One event of each family, x86_64, of a task of which all is told.
fn events() -> Vec<Event> {
    let mut events = calls();
    let tasks = events.iter_mut().filter_map(|event| event.task.as_mut());
    for credentials in tasks.filter_map(|task| task.credentials.as_mut()) {
        credentials.capabilities = Some(Capabilities { effective: 1, permitted: 1, inheritable: 1 });
    }
    events
}

fn calls() -> Vec<Event> {
    let connection =
        socket(Some(address(&[10, 0, 0, 1], 40_000)), Some(address(&[10, 0, 0, 2], 443)), SocketRole::Client);
    let transfer = |descriptor, data: &[u8]| {
        Kind::Transfer(Transfer {
            descriptor: Some(descriptor),
            size: 4,
            data: data.to_vec(),
            ..Transfer::default()
        })
    };
    let two = |source, target| TwoPathCall {
        source: Some(path(source)),
        target: Some(path(target)),
        ..TwoPathCall::default()
    };
    let linked = PathArgument { resolved: b"/etc/shadow".to_vec(), ..path("/link") };
    vec![
        call(257, 3, Kind::Open(Open { path: Some(linked), ..Open::default() })),
        open("made", "/root/work/made"),
        call(257, -2, open("/none", "").kind.expect("an open")),
        call(1, 4, transfer(connection.clone(), b"data")),
        call(0, 4, transfer(file(3, "/etc/passwd"), b"data")),
        call(1, 4, transfer(file(3, "/etc/passwd"), b"data")),
        call(43, 5, Kind::Accept(Accept { descriptor: Some(connection.clone()), ..Accept::default() })),
        call(50, 0, Kind::Bind(Bind { descriptor: Some(connection), ..Bind::default() })),
        call(0, 4, transfer(socket(None, Some(address(&[10, 0, 0, 2], 53)), SocketRole::Client), b"data")),
        call(82, 0, Kind::TwoPathCall(two("/a", "/b"))),
        call(264, 0, Kind::TwoPathCall(two("/a", "/b"))),
        call(83, 0, Kind::PathCall(PathCall { path: Some(path("/d")), ..PathCall::default() })),
        call(
            3,
            0,
            Kind::DescriptorCall(DescriptorCall {
                descriptor: Some(file(3, "/f")),
                ..DescriptorCall::default()
            }),
        ),
        call(9, -12, Kind::MemoryCall(eyrie_proto::event::MemoryCall::default())),
        event(Kind::Exit(eyrie_proto::event::Exit::default())),
    ]
}

/// An argument with which the field has a value on one of the events, if it needs any.
fn argument(info: &FieldInfo) -> &'static str {
    match info.name {
        "evt.arg" | "evt.rawarg" => "[fd]",
        "evt.type.is" => "[openat]",
        "evt.around" => "[1700000005000000000]",
        "thread.cgroup" => "[cpu]",
        "proc.aenv" => "[HOME]",
        "static" => "[site]",
        "host.label" => "[rack]",
        "cloud.tag" => "[Name]",
        name if name.starts_with("container.mount.") || name == "container.mount" => "[0]",
        _ if info.argument_required => "[app]",
        _ => "",
    }
}

/// Which of all fields have a value on one of the views.
fn fields_with_values(views: &[EventView<'_>]) -> BTreeSet<&'static str> {
    let has_value = |info: &&FieldInfo| {
        let written = format!("{}{}", info.name, argument(info));
        views
            .iter()
            .any(|view| matches!(extract(&written, view), Extracted::Value(value) if value.is_there()))
    };
    catalogue().fields().iter().filter(has_value).map(|info| info.name).collect()
}

/// Scenario: every field there is, on one event of each family, in a container and pod of which all is known. Guarantees: each has a
/// value on one of them at least, or says why it never has one; none does both.
#[test]
fn every_field_has_a_value_or_a_reason() {
    let (host, container) = (rich_host(CONTAINER), rich_container());
    let static_fields = [("site".to_owned(), "berlin".to_owned())].into();
    let settings = FieldSettings { static_fields, ..FieldSettings::default() };
    let (events, origin, machine, peer) = (events(), machine::origin(), machine::machine(), machine::peer());
    let views: Vec<_> = events
        .iter()
        .map(|event| EventView {
            container: ContainerView::Known(&container),
            machine: HostView { origin: Some(&origin), host: Some(&machine), is_open: false },
            peer: PeerView::Known(&peer),
            settings: &settings,
            ..view(event, &host)
        })
        .collect();
    let told = fields_with_values(&views);
    let explained: BTreeSet<&str> = catalogue()
        .fields()
        .iter()
        .filter(|info| info.absent_because.is_some_and(|because| because.len() > 20))
        .map(|info| info.name)
        .collect();
    let all: BTreeSet<&str> = catalogue().fields().iter().map(|info| info.name).collect();
    let silent: Vec<_> =
        all.iter().filter(|name| !told.contains(*name) && !explained.contains(*name)).collect();
    assert!(silent.is_empty(), "neither a value nor a reason: {silent:?}");
    let both: Vec<_> = told.intersection(&explained).collect();
    assert!(both.is_empty(), "a value and a reason for none: {both:?}");
}

/// How many fields something holds for.
fn count(holds: impl Fn(&FieldInfo) -> bool) -> usize {
    catalogue().fields().iter().filter(|info| holds(info)).count()
}

/// Scenario: how many fields have values. Guarantees: as many as docs/falco-compatibility.md says.
#[test]
fn as_many_fields_have_values_as_is_said() {
    let told = count(|info| is_of_core(info) && info.is_listed && info.absent_because.is_none());
    let absent = |class: &str| count(|info| info.class.name == class && info.absent_because.is_some());
    let page: String = include_str!("../../../../docs/falco-compatibility.md")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let said = format!(
        "Of the 213 that Falco lists of its core {told} have values, of the container plugin's 61 all but the {} that",
        absent("container")
    );
    assert!(page.contains(&said), "docs/falco-compatibility.md should say: {said}");
    assert_eq!(["k8smeta", "static", "eyrie", "host", "cloud", "k8s.peer"].map(absent), [0; 6]);
}

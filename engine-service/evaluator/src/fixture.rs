//! A host with a few processes, and events on it, for tests.

use eyrie_proto::event::{
    CgroupFact, CgroupKey, Connect, Credentials, Descriptor, Event, FileDescriptor, InternetAddress,
    NamesFact, Open, OrderedFact, PathArgument, ProcessKey, ProcessSnapshot, ProcessState, SocketAddress,
    SocketDescriptor, SystemCall, Task, descriptor, event::Kind, ordered_fact, socket_address,
};
use fields::{Architecture, ContainerView, EventView, FieldSettings, HostView, PathNames, PeerView};
use host_model::HostModel;

use crate::{CompiledCondition, Truth};

/// A model of a host where systemd (1) runs bash (20) and bash runs cat (30).
pub(crate) fn host() -> HostModel {
    let mut host = HostModel::default();
    let processes: [(u32, u32, &str, &[&str]); 3] =
        [(1, 0, "systemd", &[]), (20, 1, "bash", &["-l"]), (30, 20, "cat", &["-n", "/etc/shadow"])];
    for (pid, parent_pid, name, arguments) in processes {
        let state = ProcessState {
            process: Some(key(pid)),
            parent_pid,
            comm: name.into(),
            exe: format!("/bin/{name}").into(),
            arguments: arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect(),
            environment: vec![b"SECRET=aGVsbG8".to_vec()],
            cgroup_id: u64::from(pid),
            ..ProcessState::default()
        };
        let snapshot = ProcessSnapshot { state: Some(state), ..ProcessSnapshot::default() };
        host.apply(&Event { kind: Some(Kind::ProcessSnapshot(snapshot)), ..Event::default() });
    }
    host
}

/// The same, where cat runs in a container whose image is still to be told.
pub(crate) fn host_with_container() -> HostModel {
    let mut host = host();
    for (cgroup_id, container_id) in [(1, ""), (20, ""), (30, "0123456789abcdef")] {
        let fact = CgroupFact {
            cgroup: Some(CgroupKey { cgroup_id, ..CgroupKey::default() }),
            container_id: container_id.to_owned(),
            ..CgroupFact::default()
        };
        let fact = OrderedFact { kind: Some(ordered_fact::Kind::Cgroup(fact)), ..OrderedFact::default() };
        host.apply(&Event { kind: Some(Kind::Fact(fact)), ..Event::default() });
    }
    host
}

/// Tells the model what a name stands for, until boot time `until` (0: for ever).
pub(crate) fn tell_name(host: &mut HostModel, name: &str, ips: &[&[u8]], until: u64) {
    let fact = NamesFact {
        name: name.to_owned(),
        ips: ips.iter().map(|ip| ip.to_vec()).collect(),
        valid_until_boot_ns: until,
    };
    let fact = OrderedFact { kind: Some(ordered_fact::Kind::Names(fact)), ..OrderedFact::default() };
    host.apply(&Event { kind: Some(Kind::Fact(fact)), ..Event::default() });
}

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_boot_ns: u64::from(pid) }
}

/// An openat by cat.
pub(crate) fn open(path: &[u8]) -> Event {
    let path = PathArgument { requested: path.to_vec(), directory_fd: -100, ..PathArgument::default() };
    let file = FileDescriptor { path: path.requested.clone(), ..FileDescriptor::default() };
    let descriptor = Descriptor { fd: 3, kind: Some(descriptor::Kind::File(file)) };
    call(257, 3, Kind::Open(Open { path: Some(path), descriptor: Some(descriptor), ..Open::default() }))
}

/// A connect by cat from 10.0.0.1:5555 to 192.168.7.9:443.
pub(crate) fn connect() -> Event {
    let address = |ip: [u8; 4], port| {
        let internet = InternetAddress { ip: ip.to_vec(), port, scope_id: 0 };
        Some(SocketAddress { kind: Some(socket_address::Kind::Internet(internet)) })
    };
    let socket = SocketDescriptor {
        family: 2,
        r#type: 1,
        protocol: 6,
        local: address([10, 0, 0, 1], 5555),
        remote: address([192, 168, 7, 9], 443),
        ..SocketDescriptor::default()
    };
    let descriptor = Descriptor { fd: 4, kind: Some(descriptor::Kind::Socket(socket)) };
    call(42, 0, Kind::Connect(Connect { descriptor: Some(descriptor), ..Connect::default() }))
}

fn call(number: u32, result: i64, kind: Kind) -> Event {
    let task = Task {
        process: Some(key(30)),
        tid: 30,
        comm: b"cat".to_vec(),
        credentials: Some(Credentials { effective_uid: 1000, login_uid: u32::MAX, ..Credentials::default() }),
        cgroup_id: 30,
        parent_pid: 20,
        ..Task::default()
    };
    let call = SystemCall { number, result, ..SystemCall::default() };
    Event { boot_ns: 5, task: Some(task), call: Some(call), kind: Some(kind), ..Event::default() }
}

pub(crate) fn view<'a>(event: &'a Event, host: &'a HostModel) -> EventView<'a> {
    EventView {
        event,
        host,
        sequence: 1,
        epoch_offset_ns: 1_700_000_000_000_000_000,
        hostname: "host-1",
        architecture: Architecture::X86_64,
        source: "syscall",
        container: ContainerView::NotAsked,
        machine: HostView::default(),
        peer: PeerView::Absent,
        settings: FieldSettings::unset(),
        paths: PathNames::AskedFor,
    }
}

/// What a condition, as rules write it, says of an event.
pub(crate) fn truth(condition: &str, event: &Event, host: &HostModel) -> Truth {
    let checked = rule_language::compile_condition(condition, fields::catalogue())
        .unwrap_or_else(|error| panic!("{condition}: {}", error.message));
    let compiled =
        CompiledCondition::new(fields::catalogue(), &checked).expect("a condition that was checked");
    compiled.evaluate(&view(event, host), &mut Vec::new())
}

/// Whether a condition holds for `open("/etc/shadow")`.
pub(crate) fn holds(condition: &str) -> bool {
    truth(condition, &open(b"/etc/shadow"), &host()) == Truth::True
}

//! A host with a few processes, and events on it.

use eyrie_proto::event::{
    CgroupFact, CgroupKey, Credentials, Descriptor, Event, Executable, FileDescriptor, InternetAddress, Open,
    OrderedFact, OverlayLayer, PathArgument, ProcessKey, ProcessSnapshot, ProcessState, Session,
    SocketAddress, SocketDescriptor, SocketRole, SystemCall, Task, User, UsersFact, descriptor, event::Kind,
    ordered_fact, socket_address,
};
use host_model::HostModel;
use rule_language::{Catalogue as _, condition::FieldRef};

use crate::{
    Architecture, ContainerView, EventView, Extracted, FieldExtractor, FieldSettings, HostView, PathNames,
    PeerView, Value, catalogue,
};

/// Boot time of every event.
pub(crate) const NOW: u64 = 5_000_000_000;
/// Wall clock minus boot time.
pub(crate) const OFFSET: i64 = 1_700_000_000_000_000_000;

/// A model of a host where init (1) runs sshd (10), a login shell (20) and cat (30).
pub(crate) fn host() -> HostModel {
    let mut host = HostModel::default();
    for (pid, parent, name, arguments) in [
        (1, 0, "systemd", vec![]),
        (10, 1, "sshd", vec!["-D"]),
        (20, 10, "bash", vec!["-l"]),
        (30, 20, "cat", vec!["-n", "/etc/shadow"]),
    ] {
        let state = state(pid, parent, name, &arguments);
        host.apply(&snapshot(state));
    }
    host
}

/// A process as it is, told beside the calls.
pub(crate) fn snapshot(state: ProcessState) -> Event {
    event(Kind::ProcessSnapshot(ProcessSnapshot { state: Some(state), ..Default::default() }))
}

pub(crate) fn state(pid: u32, parent_pid: u32, name: &str, arguments: &[&str]) -> ProcessState {
    ProcessState {
        process: Some(key(pid)),
        parent_pid,
        comm: name.into(),
        exe: format!("/bin/{name}").into(),
        arguments: arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect(),
        environment: vec![b"HOME=/root".to_vec(), b"PATH=/bin:/usr/bin".to_vec(), b"PATHS=no".to_vec()],
        executable: Some(Executable {
            path: format!("/usr/bin/{name}").into(),
            inode: 77,
            change_time_ns: 1_600_000_000_000_000_000,
            modify_time_ns: 1_500_000_000_000_000_000,
            layer: OverlayLayer::Upper.into(),
            is_writable: true,
            ..Executable::default()
        }),
        working_directory: b"/root/work".to_vec(),
        credentials: Some(credentials()),
        session: Some(session()),
        namespace_pid: pid,
        cgroup_id: 500 + u64::from(pid),
        exec_boot_ns: 2_000_000_000,
        open_files_limit: 1_024,
        virtual_memory_kib: 8_000,
        major_faults: 2,
        minor_faults: 300,
        as_of_boot_ns: 3_000_000_000,
        ..ProcessState::default()
    }
}

pub(crate) fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_boot_ns: 1_000_000_000 + u64::from(pid) }
}

fn credentials() -> Credentials {
    Credentials {
        uid: 1000,
        effective_uid: 1000,
        gid: 100,
        effective_gid: 100,
        login_uid: u32::MAX,
        ..Default::default()
    }
}

fn session() -> Session {
    Session {
        session_id: 20,
        process_group_id: 30,
        namespace_session_id: 20,
        namespace_process_group_id: 30,
        tty: 34816,
        ..Session::default()
    }
}

/// An event of process 30.
pub(crate) fn event(kind: Kind) -> Event {
    let task = Task {
        process: Some(key(30)),
        tid: 30,
        comm: b"cat".to_vec(),
        credentials: Some(credentials()),
        session: Some(session()),
        cgroup_id: 530,
        namespace_pid: 30,
        namespace_tid: 30,
        parent_pid: 20,
        ..Task::default()
    };
    Event { boot_ns: NOW, cpu: 3, task: Some(task), kind: Some(kind), ..Event::default() }
}

/// An event of a system call with this number on x86_64.
pub(crate) fn call(number: u32, result: i64, kind: Kind) -> Event {
    Event { call: Some(SystemCall { number, result, ..SystemCall::default() }), ..event(kind) }
}

pub(crate) fn path(requested: &str) -> PathArgument {
    PathArgument { requested: requested.into(), directory_fd: -100, ..PathArgument::default() }
}

pub(crate) fn file(fd: i32, path: &str) -> Descriptor {
    let file = FileDescriptor {
        path: path.into(),
        inode: 42,
        device: (8 << 20) | 1,
        mode: 0o100_644,
        ..Default::default()
    };
    Descriptor { fd, kind: Some(descriptor::Kind::File(file)) }
}

/// An openat (257) of a path relative to the working directory, read-only with O_CLOEXEC.
pub(crate) fn open(requested: &str, reached: &str) -> Event {
    let open = Open {
        path: Some(path(requested)),
        flags: 0o2_000_000,
        descriptor: Some(file(3, reached)),
        ..Open::default()
    };
    call(257, 3, Kind::Open(open))
}

pub(crate) fn address(ip: &[u8], port: u32) -> SocketAddress {
    let internet = InternetAddress { ip: ip.to_vec(), port, scope_id: 0 };
    SocketAddress { kind: Some(socket_address::Kind::Internet(internet)) }
}

/// A TCP socket over IPv4.
pub(crate) fn socket(
    local: Option<SocketAddress>,
    remote: Option<SocketAddress>,
    role: SocketRole,
) -> Descriptor {
    let socket = SocketDescriptor {
        family: 2,
        r#type: 1,
        protocol: 6,
        local,
        remote,
        role: role.into(),
        ..Default::default()
    };
    Descriptor { fd: 5, kind: Some(descriptor::Kind::Socket(socket)) }
}

/// Tells the model that the control group of a process belongs to a container, or with an empty id to the host.
pub(crate) fn tell_cgroup(host: &mut HostModel, pid: u32, container_id: &str) {
    let fact = CgroupFact {
        cgroup: Some(CgroupKey { cgroup_id: 500 + u64::from(pid), ..CgroupKey::default() }),
        path: b"/machine.slice/c".to_vec(),
        container_id: container_id.to_owned(),
        runtime: "podman".to_owned(),
        ..CgroupFact::default()
    };
    tell(host, ordered_fact::Kind::Cgroup(fact));
}

/// Tells the model of users of a container, or with an empty id of the host.
pub(crate) fn tell_user(host: &mut HostModel, container_id: &str, uid: u32, name: &str) {
    let user =
        User { uid, gid: 100, name: name.into(), home: b"/home/x".to_vec(), shell: b"/bin/sh".to_vec() };
    let fact = UsersFact { container_id: container_id.to_owned(), users: vec![user], groups: Vec::new() };
    tell(host, ordered_fact::Kind::Users(fact));
}

pub(crate) fn tell(host: &mut HostModel, kind: ordered_fact::Kind) {
    let fact = OrderedFact { kind: Some(kind), ..OrderedFact::default() };
    host.apply(&Event { boot_ns: NOW, kind: Some(Kind::Fact(fact)), ..Event::default() });
}

pub(crate) fn view<'a>(event: &'a Event, host: &'a HostModel) -> EventView<'a> {
    EventView {
        event,
        host,
        sequence: 9,
        epoch_offset_ns: OFFSET,
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

/// The field of this name, as `name` or `name[argument]`.
pub(crate) fn extract<'a>(name: &str, view: &EventView<'a>) -> Extracted<'a> {
    let (name, argument) = match name.split_once('[') {
        Some((name, argument)) => (name, Some(argument.trim_end_matches(']').to_owned())),
        None => (name, None),
    };
    let id = catalogue().field(name).unwrap_or_else(|| panic!("no field {name}"));
    let info = catalogue().info(id);
    let field = FieldRef {
        id,
        name: name.to_owned(),
        argument,
        is_dotted: false,
        field_type: info.field_type,
        is_list: info.is_list,
    };
    FieldExtractor::new(catalogue(), &field).expect("a usable argument").extract(view)
}

/// What a field shows: text for everything but numbers, `<absent>` and `<unknown>` where there is no value.
pub(crate) fn show(name: &str, event: &Event, host: &HostModel) -> String {
    show_in(name, &view(event, host))
}

/// The same of a view.
pub(crate) fn show_in(name: &str, view: &EventView<'_>) -> String {
    fn text(value: &Value<'_>) -> String {
        match value {
            Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Value::Int(number) => number.to_string(),
            Value::Uint(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Double(number) => number.to_string(),
            Value::Ip(ip) => ip.to_string(),
            Value::Time { text, .. } => text.clone(),
            Value::List(values) | Value::AnyOf(values) => {
                values.iter().map(text).collect::<Vec<_>>().join(" ")
            }
            Value::NamedIp(ip) => ip.names().collect::<Vec<_>>().join(" "),
            Value::EitherEnd(ends) => ends.iter().map(text).collect::<Vec<_>>().join("|"),
        }
    }
    match extract(name, view) {
        Extracted::Value(value) => text(&value),
        Extracted::Absent => "<absent>".to_owned(),
        Extracted::Unknown => "<unknown>".to_owned(),
    }
}

/// Checks several fields of one event.
pub(crate) fn check(event: &Event, host: &HostModel, expected: &[(&str, &str)]) {
    for (name, expected) in expected {
        assert_eq!(show(name, event, host), *expected, "{name}");
    }
}

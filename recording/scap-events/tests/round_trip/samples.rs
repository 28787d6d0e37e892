//! A stream with every message that an event can have.

use eyrie_proto::{
    capture::{AgentInfo, BaseState, Batch, ClockReading},
    event::{
        Accept, Bind, Capabilities, CgroupFact, CgroupKey, ChangeCredentials, ChangeDirectory,
        ChangeNamespace, ChangeRoot, ChangeSession, Connect, Credentials, Descriptor, DescriptorCall, Event,
        Exec, Executable, Exit, FileDescriptor, Fork, GenericCall, Group, HostBoot, HostIdentityFact,
        Interface, InterfaceAddress, InterfacesFact, InternetAddress, KernelCall, LossRecord, MemoryCall,
        ModuleCall, Open, OrderedFact, Origin, OtherDescriptor, OverlayLayer, PathArgument, PathCall,
        PlanSwitch, ProcessAccess, ProcessControl, ProcessKey, ProcessSnapshot, ProcessState, ResourceLimit,
        Session, Signal, SocketAddress, SocketCreate, SocketDescriptor, SocketOption, SocketRole,
        SourceEvent, StandardStream, SystemCall, Task, Transfer, TwoPathCall, User, UsersFact, descriptor,
        event::Kind, ordered_fact, origin, socket_address,
    },
    recording::{
        RecordedBatch, RecordingEnd, RecordingHeader, RecordingTrailer, recording_entry::Kind as Piece,
    },
};
use fields::{Architecture, call_of_event_type};

/// Wall clock at boot.
const BOOT: u64 = 1_700_000_000_000_000_000;
/// Boot time of the first event, and between one and the next.
const FIRST: u64 = 5_000_000_000;
const STEP: u64 = 1_000_000;
/// Who acts, and its child.
const BASH: u32 = 100;
const CHILD: u32 = 200;
const CONTAINER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const CGROUP: u64 = 9;

/// The stream: its header, base state, one batch, trailer.
pub(crate) fn stream() -> Vec<Piece> {
    let events = events();
    let trailer = RecordingTrailer {
        event_count: events.len() as u64,
        end: RecordingEnd::Complete.into(),
        ..RecordingTrailer::default()
    };
    let count = u32::try_from(events.len()).unwrap();
    let batch =
        Batch { batch_id: 1, epoch: 7, first_sequence: 1, events, event_count: count, ..Batch::default() };
    vec![
        Piece::Header(header()),
        Piece::BaseState(base_state()),
        Piece::Batch(RecordedBatch { batch: Some(batch), left_out_before: Vec::new() }),
        Piece::Trailer(trailer),
    ]
}

fn header() -> RecordingHeader {
    let host = HostBoot { machine_id: "0".repeat(32), boot_id: "b".to_owned() };
    RecordingHeader {
        version: 1,
        origin: Some(Origin { kind: Some(origin::Kind::Host(host)), ..Origin::default() }),
        epoch: 7,
        agent: Some(AgentInfo {
            hostname: "web-1".to_owned(),
            architecture: "x86_64".to_owned(),
            ..AgentInfo::default()
        }),
        clock: Some(ClockReading { boot_ns: 0, epoch_ns: BOOT }),
        ..RecordingHeader::default()
    }
}

fn base_state() -> BaseState {
    let users = UsersFact {
        users: vec![
            User {
                uid: 0,
                gid: 0,
                name: b"root".to_vec(),
                home: b"/root".to_vec(),
                shell: b"/bin/sh".to_vec(),
            },
            User { uid: 1000, gid: 1000, name: b"alice".to_vec(), ..User::default() },
        ],
        groups: vec![Group { gid: 0, name: b"root".to_vec() }],
        ..UsersFact::default()
    };
    let of_container = UsersFact { container_id: CONTAINER.to_owned(), ..users.clone() };
    let cgroup = CgroupFact {
        cgroup: Some(CgroupKey { cgroup_id: CGROUP, ..CgroupKey::default() }),
        path: format!("/docker/{CONTAINER}").into_bytes(),
        container_id: CONTAINER.to_owned(),
        runtime: "docker".to_owned(),
        ..CgroupFact::default()
    };
    let of_host = CgroupFact {
        path: b"/init.scope".to_vec(),
        cgroup: Some(CgroupKey { cgroup_id: 1, ..CgroupKey::default() }),
        ..CgroupFact::default()
    };
    let address = InterfaceAddress { ip: vec![10, 0, 0, 1], prefix_length: 24 };
    let interfaces = InterfacesFact {
        network_namespace: 1,
        interfaces: vec![Interface { name: "eth0".to_owned(), addresses: vec![address] }],
    };
    let host = HostIdentityFact { hostname: "web-1".to_owned(), cpu_count: 4, ..HostIdentityFact::default() };
    let facts = [
        ordered_fact::Kind::Users(users),
        ordered_fact::Kind::Users(of_container),
        ordered_fact::Kind::Cgroup(cgroup),
        ordered_fact::Kind::Cgroup(of_host),
        ordered_fact::Kind::Interfaces(interfaces),
        ordered_fact::Kind::Host(host),
    ];
    BaseState {
        processes: vec![
            process(1, 0, "init", 1),
            process(50, 1, "sshd", 1),
            process(BASH, 50, "bash", CGROUP),
        ],
        facts: facts.map(fact).into(),
        is_last: true,
        ..BaseState::default()
    }
}

fn process(pid: u32, parent_pid: u32, name: &str, cgroup_id: u64) -> ProcessState {
    ProcessState {
        process: Some(key(pid)),
        parent_pid,
        comm: name.into(),
        exe: name.into(),
        arguments: vec![b"-l".to_vec(), Vec::new(), b"x y".to_vec()],
        environment: vec![b"HOME=/root".to_vec()],
        executable: Some(executable(&format!("/usr/bin/{name}"))),
        working_directory: b"/root".to_vec(),
        credentials: Some(credentials()),
        session: Some(session()),
        cgroup_id,
        namespace_pid: pid,
        standard_streams: vec![
            stream_of(0, "file", "/dev/pts/0"),
            stream_of(1, "pipe", "pipe:[77]"),
            stream_of(2, "file", "/dev/pts/0"),
        ],
        open_files_limit: 1_024,
        ..ProcessState::default()
    }
}

fn stream_of(fd: u32, r#type: &str, name: &str) -> StandardStream {
    StandardStream { fd, r#type: r#type.to_owned(), name: name.into() }
}

fn executable(path: &str) -> Executable {
    Executable {
        path: path.into(),
        inode: 77,
        change_time_ns: 1_600_000_000_000_000_000,
        modify_time_ns: 1_500_000_000_000_000_000,
        layer: OverlayLayer::Upper.into(),
        is_writable: true,
        ..Executable::default()
    }
}

fn credentials() -> Credentials {
    let all = 0x1ff_ffff_ffff;
    Credentials {
        uid: 0,
        gid: 0,
        effective_uid: 0,
        effective_gid: 0,
        login_uid: 1000,
        capabilities: Some(Capabilities { effective: all, permitted: all, inheritable: 0 }),
    }
}

fn session() -> Session {
    Session {
        session_id: BASH,
        process_group_id: BASH,
        tty: 34_816,
        namespace_session_id: BASH,
        namespace_process_group_id: BASH,
        audit_session_id: 3,
    }
}

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_boot_ns: 1_000_000_000 + u64::from(pid) }
}

fn task(pid: u32, comm: &str) -> Task {
    Task {
        process: Some(key(pid)),
        tid: pid,
        comm: comm.into(),
        credentials: Some(credentials()),
        session: Some(session()),
        cgroup_id: CGROUP,
        namespace_pid: pid,
        namespace_tid: pid,
        pid_namespace: 4_026_531_836,
        parent_pid: if pid == BASH { 50 } else { BASH },
        mount_namespace: 4_026_531_832,
        cgroup_hierarchy: 0,
    }
}

fn fact(kind: ordered_fact::Kind) -> Event {
    let fact = OrderedFact { since_boot_ns: 1, kind: Some(kind) };
    Event { boot_ns: 1, kind: Some(Kind::Fact(fact)), ..Event::default() }
}

/// Bash's events one after the other, then a child's.
fn events() -> Vec<Event> {
    let mut events: Vec<Event> = [files(), descriptors(), sockets(), processes(), kernel(), child()].concat();
    for (event, place) in events.iter_mut().zip(0..) {
        event.boot_ns = FIRST + place * STEP;
    }
    events
}

fn call(name: &str, result: i64, kind: Kind) -> Event {
    let call = call_of_event_type(name, Architecture::X86_64).unwrap();
    Event {
        task: Some(task(BASH, "bash")),
        call: Some(SystemCall { result, ..call }),
        kind: Some(kind),
        ..Event::default()
    }
}

fn path(requested: &str) -> Option<PathArgument> {
    Some(PathArgument { requested: requested.into(), directory_fd: -100, ..PathArgument::default() })
}

fn path_at(directory_fd: i32, base: &str, requested: &str) -> Option<PathArgument> {
    Some(PathArgument {
        requested: requested.into(),
        directory_fd,
        base: base.into(),
        ..PathArgument::default()
    })
}

fn file(fd: i32, path: &str) -> Option<Descriptor> {
    let file = FileDescriptor {
        path: path.into(),
        inode: 42,
        device: 8 << 20 | 1,
        mode: 0o100_644,
        ..FileDescriptor::default()
    };
    Some(Descriptor { fd, kind: Some(descriptor::Kind::File(file)) })
}

/// With the kernel's name for it, as it is in /proc.
fn other(fd: i32, r#type: &str, name: &str) -> Option<Descriptor> {
    let other = OtherDescriptor { r#type: r#type.to_owned(), name: name.into(), inode: 0 };
    Some(Descriptor { fd, kind: Some(descriptor::Kind::Other(other)) })
}

fn files() -> Vec<Event> {
    let open = Open {
        path: path("/etc/shadow"),
        flags: 0o2_000_000,
        descriptor: file(3, "/etc/shadow"),
        ..Open::default()
    };
    let missing = Open { path: path("nothing"), ..Open::default() };
    let made = Open {
        path: path_at(7, "/var", "lib/f"),
        flags: 0o102,
        mode: 0o644,
        is_created: true,
        descriptor: file(4, "/var/lib/f"),
        ..Open::default()
    };
    let chmod = PathCall { path: path("/etc/shadow"), mode: 0o4_755, ..PathCall::default() };
    let fchmod = PathCall { descriptor: file(3, "/etc/shadow"), mode: 0o600, ..PathCall::default() };
    let unlink = PathCall { path: path_at(7, "/var", "lib/f"), flags: 0x200, ..PathCall::default() };
    let rename = TwoPathCall { source: path("a"), target: path("/tmp/b"), ..TwoPathCall::default() };
    let mount = TwoPathCall {
        source: path("proc"),
        target: path("/mnt"),
        flags: 6,
        r#type: b"proc".to_vec(),
        ..TwoPathCall::default()
    };
    let symlink =
        TwoPathCall { source: path("../x"), target: path_at(7, "/var", "link"), ..TwoPathCall::default() };
    let change = ChangeDirectory { path: path("sub"), working_directory: b"/root/sub".to_vec() };
    let root = ChangeRoot { path: path("/jail"), root_directory: Vec::new() };
    vec![
        call("openat", 3, Kind::Open(open.clone())),
        call("openat", -2, Kind::Open(missing)),
        call("openat2", 4, Kind::Open(made.clone())),
        call("creat", 5, Kind::Open(Open { descriptor: file(5, "/etc/shadow"), ..open })),
        call("chmod", 0, Kind::PathCall(chmod.clone())),
        call("fchmodat", -1, Kind::PathCall(chmod)),
        call("fchmod", 0, Kind::PathCall(fchmod)),
        call("unlinkat", 0, Kind::PathCall(unlink)),
        call("rename", 0, Kind::TwoPathCall(rename)),
        call("mount", 0, Kind::TwoPathCall(mount)),
        call("symlinkat", 0, Kind::TwoPathCall(symlink)),
        call("chdir", 0, Kind::ChangeDirectory(change)),
        call("chroot", -1, Kind::ChangeRoot(root)),
    ]
}

fn descriptors() -> Vec<Event> {
    let dup = DescriptorCall {
        descriptor: file(3, "/etc/shadow"),
        second: file(1, "/etc/shadow"),
        argument: 1,
        ..DescriptorCall::default()
    };
    let pipe = DescriptorCall {
        descriptor: other(8, "pipe", ""),
        second: other(9, "pipe", ""),
        flags: 0o2_000_000,
        ..DescriptorCall::default()
    };
    let close =
        DescriptorCall { descriptor: Some(Descriptor { fd: 8, kind: None }), ..DescriptorCall::default() };
    let range = DescriptorCall { first: 9, last: 9, ..DescriptorCall::default() };
    let memory = DescriptorCall {
        descriptor: other(10, "memfd", "memfd:x"),
        name: b"x".to_vec(),
        flags: 1,
        ..DescriptorCall::default()
    };
    let write = Transfer {
        descriptor: file(20, "/var/log/x"),
        size: 4,
        data: b"a\0b\n".to_vec(),
        ..Transfer::default()
    };
    vec![
        call("dup2", 1, Kind::DescriptorCall(dup)),
        call("pipe2", 0, Kind::DescriptorCall(pipe)),
        call("close", 0, Kind::DescriptorCall(close)),
        call("close_range", 0, Kind::DescriptorCall(range)),
        call("memfd_create", 10, Kind::DescriptorCall(memory)),
        call("write", 4, Kind::Transfer(write)),
        read(other(21, "event", "[eventfd]")),
        read(other(22, "timerfd", "[timerfd]")),
        read(other(23, "inotify", "inotify")),
        read(other(24, "pipe", "")),
    ]
}

fn read(descriptor: Option<Descriptor>) -> Event {
    call("read", 8, Kind::Transfer(Transfer { descriptor, size: 8, ..Transfer::default() }))
}

fn address(ip: &[u8], port: u32) -> Option<SocketAddress> {
    let internet = InternetAddress { ip: ip.to_vec(), port, scope_id: 0 };
    Some(SocketAddress { kind: Some(socket_address::Kind::Internet(internet)) })
}

fn socket(
    fd: i32,
    kind: u32,
    local: Option<SocketAddress>,
    remote: Option<SocketAddress>,
    role: SocketRole,
) -> Option<Descriptor> {
    let socket = SocketDescriptor {
        family: 2,
        r#type: kind,
        protocol: if kind == 1 { 6 } else { 17 },
        is_connected: remote.is_some(),
        local,
        remote,
        role: role.into(),
        ..SocketDescriptor::default()
    };
    Some(Descriptor { fd, kind: Some(descriptor::Kind::Socket(socket)) })
}

fn sockets() -> Vec<Event> {
    let (own, peer) = (address(&[10, 0, 0, 1], 40_000), address(&[10, 0, 0, 9], 443));
    let bare = socket(11, 1, None, None, SocketRole::Unspecified);
    let create = SocketCreate { family: 2, r#type: 0o2_000_001, protocol: 6, descriptor: bare, second: None };
    let client = socket(11, 1, own.clone(), peer.clone(), SocketRole::Client);
    let started = Connect { descriptor: client.clone(), requested: peer.clone(), is_started_only: true };
    let ended = Connect { is_started_only: false, ..started.clone() };
    let server = socket(12, 1, address(&[0, 0, 0, 0], 80), None, SocketRole::Unspecified);
    let bind = Bind { descriptor: server.clone(), requested: address(&[0, 0, 0, 0], 80), backlog: 0 };
    let listen = Bind { descriptor: server, requested: None, backlog: 5 };
    let accepted =
        socket(13, 1, address(&[10, 0, 0, 1], 80), address(&[10, 0, 0, 9], 5_000), SocketRole::Server);
    let accept =
        Accept { descriptor: accepted.clone(), listening_fd: 12, queue_limit: 5, queue_length: 1, flags: 0 };
    let data = |descriptor| Transfer { descriptor, size: 5, data: b"hello".to_vec(), ..Transfer::default() };
    let datagram = socket(14, 2, address(&[0, 0, 0, 0], 40_001), None, SocketRole::Unspecified);
    let sent = Transfer { peer: address(&[8, 8, 8, 8], 53), ..data(datagram) };
    let option = SocketOption {
        descriptor: accepted.clone(),
        level: 1,
        name: 9,
        value: 1u32.to_ne_bytes().into(),
        how: 0,
    };
    let shutdown = SocketOption { descriptor: client.clone(), how: 2, ..SocketOption::default() };
    let unix = SocketDescriptor {
        family: 1,
        r#type: 1,
        remote: Some(SocketAddress { kind: Some(socket_address::Kind::Unix(b"/run/x".to_vec())) }),
        role: SocketRole::Client.into(),
        is_connected: true,
        ..SocketDescriptor::default()
    };
    let unix = Descriptor { fd: 15, kind: Some(descriptor::Kind::Socket(unix)) };
    vec![
        call("socket", 11, Kind::SocketCreate(create)),
        call("connect", -115, Kind::Connect(started)),
        call("connect", 0, Kind::Connect(ended)),
        call("bind", 0, Kind::Bind(bind)),
        call("listen", 0, Kind::Bind(listen)),
        call("accept4", 13, Kind::Accept(accept)),
        call("recvfrom", 5, Kind::Transfer(data(accepted))),
        call("sendto", 5, Kind::Transfer(sent)),
        call("write", 5, Kind::Transfer(data(Some(unix)))),
        call("setsockopt", 0, Kind::SocketOption(option)),
        call("shutdown", 0, Kind::SocketOption(shutdown)),
    ]
}

fn processes() -> Vec<Event> {
    let limit = ResourceLimit {
        pid: 0,
        resource: 7,
        new_soft: Some(10),
        new_hard: Some(20),
        ..ResourceLimit::default()
    };
    let namespace = Descriptor { kind: file(16, "/proc/1/ns/net").unwrap().kind, fd: 16 };
    vec![
        call(
            "setuid",
            -1,
            Kind::ChangeCredentials(ChangeCredentials { ids: vec![1000], capabilities: None }),
        ),
        call("setpgid", 0, Kind::ChangeSession(ChangeSession { pid: BASH, process_group_id: BASH })),
        call(
            "prctl",
            0,
            Kind::ProcessControl(ProcessControl { option: 4, arguments: vec![1], text: Vec::new() }),
        ),
        call("unshare", 0, Kind::ChangeNamespace(ChangeNamespace { flags: 0x2_0000, descriptor: None })),
        call(
            "setns",
            0,
            Kind::ChangeNamespace(ChangeNamespace { flags: 0x4000_0000, descriptor: Some(namespace) }),
        ),
        call("prlimit", 0, Kind::ResourceLimit(limit)),
        call("ptrace", 0, Kind::ProcessAccess(ProcessAccess { request: 16, pid: 50, address: 0, data: 0 })),
        call("kill", 0, Kind::Signal(Signal { number: 9, pid: 50, tid: 0 })),
    ]
}

fn kernel() -> Vec<Event> {
    let map =
        MemoryCall { address: 0, length: 4_096, protection: 7, flags: 0x22, descriptor: None, offset: 0 };
    let module = ModuleCall { descriptor: file(17, "/lib/m.ko"), flags: 1, ..ModuleCall::default() };
    let program =
        KernelCall { command: 5, descriptor: other(18, "bpf", "bpf-prog"), ..KernelCall::default() };
    let source = SourceEvent { source: "k8s_audit".to_owned(), ..SourceEvent::default() };
    let alone = |kind| Event { kind: Some(kind), ..Event::default() };
    vec![
        call("mprotect", 0, Kind::MemoryCall(map)),
        call("finit_module", -1, Kind::ModuleCall(module)),
        call("bpf", 18, Kind::KernelCall(program)),
        call("keyctl", -13, Kind::GenericCall(GenericCall { arguments: vec![0; 6] })),
        alone(Kind::SourceEvent(source)),
        alone(Kind::Loss(LossRecord { count: 3, last_boot_ns: FIRST, ..LossRecord::default() })),
        alone(Kind::PlanSwitch(PlanSwitch { plan_generation: 2 })),
        alone(Kind::ProcessSnapshot(ProcessSnapshot::default())),
        fact(ordered_fact::Kind::Users(UsersFact::default())),
    ]
}

fn child() -> Vec<Event> {
    let fork = Fork {
        child_process: Some(key(CHILD)),
        child_tid: CHILD,
        flags: 0x11,
        child_namespace_pid: CHILD,
        child_namespace_tid: CHILD,
        child_comm: b"bash".to_vec(),
        child_cgroup_id: CGROUP,
        ..Fork::default()
    };
    let exec = Exec {
        path: path("/usr/bin/curl"),
        exe: b"curl".to_vec(),
        arguments: vec![b"-s".to_vec(), b"http://x".to_vec()],
        environment: vec![b"HOME=/root".to_vec(), b"A=".to_vec()],
        executable: Some(executable("/usr/bin/curl")),
        working_directory: b"/root/sub".to_vec(),
        standard_streams: vec![
            stream_of(0, "file", "/dev/null"),
            stream_of(1, "ipv4", "10.0.0.1:40000->10.0.0.9:443"),
            stream_of(2, "pipe", "pipe:[78]"),
        ],
        open_files_limit: 1_024,
        virtual_memory_kib: 9_000,
        minor_faults: 5,
        ..Exec::default()
    };
    let exit = Exit { status: 0x100, is_process_end: true, reaper_pid: 0, ..Exit::default() };
    // The scheduler tells these, so that there is no call.
    let told = |task, kind| Event { task: Some(task), kind: Some(kind), ..Event::default() };
    vec![
        told(task(BASH, "bash"), Kind::Fork(fork)),
        told(task(CHILD, "curl"), Kind::Exec(exec)),
        told(task(CHILD, "curl"), Kind::Exit(exit)),
    ]
}

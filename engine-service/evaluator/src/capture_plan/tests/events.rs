//! Events as an agent makes them, of calls with all kinds of arguments.

use eyrie_proto::event::{
    Accept, Bind, ChangeNamespace, Connect, Descriptor, DescriptorCall, Event, FileDescriptor,
    InternetAddress, KernelCall, Open, OtherDescriptor, PathArgument, PathCall, ProcessAccess,
    ProcessControl, ProcessKey, ResourceLimit, Signal, SocketAddress, SocketCreate, SocketDescriptor,
    SocketOption, SystemCall, Task, Transfer, TwoPathCall, descriptor, event::Kind, socket_address,
};
use proptest::{collection, option, prelude::*, sample::select};

const AT_FDCWD: i32 = -100;
const IN_PROGRESS: i64 = -115;
const CREATED: u32 = 0o100 | 0o20_000_000;

/// Any event.
pub(super) fn arbitrary() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        4 => open(),
        3 => connect(),
        2 => on_socket(),
        3 => path_call(),
        2 => two_path_call(),
        4 => register_call(),
    ];
    events(kind)
}

/// Any event with a path.
pub(super) fn with_paths() -> impl Strategy<Value = Event> {
    events(prop_oneof![3 => open(), 3 => path_call(), 2 => two_path_call()])
}

fn events(kind: impl Strategy<Value = Made>) -> impl Strategy<Value = Event> {
    (kind, any::<bool>(), 0..40u8).prop_map(|((number, result, kind), is_of_container, rare)| {
        // The one that the fixture has in a container, and one of the host.
        let pid = if is_of_container { 30 } else { 20 };
        let task = Task {
            process: Some(ProcessKey { pid, start_boot_ns: pid.into() }),
            tid: pid,
            comm: b"cat".to_vec(),
            ..Task::default()
        };
        let call = SystemCall { number, result, is_io_uring: rare == 0, ..SystemCall::default() };
        let task = (rare != 1).then_some(task);
        Event { boot_ns: 5, task, call: Some(call), kind: Some(kind), ..Event::default() }
    })
}

type Made = (u32, i64, Kind);

fn result() -> impl Strategy<Value = i64> {
    select(vec![0, 0, 1, 2, 3, 7, -1, -2, -13, -22, -41, -111, -4000])
}

fn path_text() -> impl Strategy<Value = Vec<u8>> {
    let component = select(vec![
        &b"etc"[..],
        b"etc",
        b"shadow",
        b"passwd",
        b"home",
        b"ann",
        b".ssh",
        b"id_rsa",
        b"..",
        b".",
        b"",
        b"a..b",
        b"\xff\xfe",
    ]);
    (collection::vec(component, 0..5), any::<bool>()).prop_map(|(components, is_absolute)| {
        let mut text = if is_absolute { b"/".to_vec() } else { Vec::new() };
        text.extend(components.join(&b'/'));
        text
    })
}

pub(super) fn path() -> impl Strategy<Value = PathArgument> {
    let base = select(vec![&b""[..], b"/", b"/etc", b"/home/ann", b"/home/ann/.ssh"]);
    let resolved = select(vec![&b""[..], b"/etc/shadow", b"/etc/passwd", b"/home/ann/.ssh/id_rsa", b"/ann"]);
    (path_text(), base, resolved, any::<bool>(), 0..20u8).prop_map(
        |(requested, base, resolved, is_at_directory, rare)| PathArgument {
            base: if requested.starts_with(b"/") { Vec::new() } else { base.to_vec() },
            directory_fd: if is_at_directory { 5 } else { AT_FDCWD },
            resolved: resolved.to_vec(),
            is_unreadable: rare == 0,
            is_truncated: rare == 1,
            requested,
        },
    )
}

fn open() -> impl Strategy<Value = Made> {
    let call = select(vec![(2, false), (257, false), (437, false), (85, true)]);
    let flags = (0..4u32, select(vec![0u32, 0o100, 0o1_000, 0o1_100, 0o20_200_000, 0o200_000, 0o2_000_100]));
    let descriptor = (any::<bool>(), select(vec![0o100_644u32, 0o040_755]));
    (call, path(), flags, result(), descriptor, any::<bool>()).prop_map(
        |((number, is_creat), path, (access, more), result, (is_seen, mode), is_created)| {
            let flags = if is_creat { 0o1_101 } else { access | more };
            let file = FileDescriptor { path: path.resolved.clone(), mode, ..FileDescriptor::default() };
            let fd = i32::try_from(result).unwrap();
            let open = Open {
                path: Some(path),
                flags,
                mode: if is_seen { 0o644 } else { 0o755 },
                is_created: is_created && flags & CREATED != 0 && result >= 0,
                descriptor: (result >= 0)
                    .then(|| Descriptor { fd, kind: is_seen.then_some(descriptor::Kind::File(file)) }),
                ..Open::default()
            };
            (number, result, Kind::Open(open))
        },
    )
}

fn internet() -> impl Strategy<Value = SocketAddress> {
    let mapped = |last: &[u8]| [[0_u8; 10].as_slice(), &[0xff, 0xff], last].concat();
    let ip = select(vec![
        vec![127, 0, 0, 1],
        vec![10, 0, 0, 1],
        vec![192, 168, 7, 9],
        vec![0, 0, 0, 0],
        mapped(&[127, 0, 0, 1]),
        mapped(&[8, 8, 8, 8]),
        [vec![0xfd], vec![0; 14], vec![1]].concat(),
    ]);
    (ip, select(vec![0u32, 22, 53, 443, 40_000])).prop_map(|(ip, port)| {
        // What is all zeros an agent leaves out.
        let port = if ip.iter().all(|byte| *byte == 0) { port.max(1) } else { port };
        let internet = InternetAddress { ip, port, scope_id: 0 };
        SocketAddress { kind: Some(socket_address::Kind::Internet(internet)) }
    })
}

fn address() -> impl Strategy<Value = SocketAddress> {
    let unix = Just(SocketAddress { kind: Some(socket_address::Kind::Unix(b"/run/x".to_vec())) });
    prop_oneof![5 => internet(), 1 => unix]
}

fn socket() -> impl Strategy<Value = Option<Descriptor>> {
    let ends = (option::of(internet()), option::of(internet()));
    let socket = (select(vec![1u32, 2, 2, 10, 16]), 1..4u32, select(vec![0u32, 6, 6, 17, 1]), ends, 0..3i32)
        .prop_map(|(family, kind, protocol, (local, remote), role)| {
            let is_internet = matches!(family, 2 | 10);
            let socket = SocketDescriptor {
                family,
                r#type: kind,
                protocol,
                local: local.filter(|_| is_internet),
                remote: remote.filter(|_| is_internet),
                role,
                ..SocketDescriptor::default()
            };
            descriptor::Kind::Socket(socket)
        });
    let file = descriptor::Kind::File(FileDescriptor::default());
    let event = OtherDescriptor { r#type: "event".to_owned(), ..OtherDescriptor::default() };
    let no_socket = select(vec![file, descriptor::Kind::Other(event)]);
    let kind = option::weighted(0.9, prop_oneof![7 => socket, 2 => no_socket]);
    option::weighted(0.95, kind.prop_map(|kind| Descriptor { fd: 4, kind }))
}

fn connect() -> impl Strategy<Value = Made> {
    let result = prop_oneof![2 => result(), 1 => Just(IN_PROGRESS)];
    (socket(), option::of(address()), result, any::<bool>()).prop_map(
        |(descriptor, requested, result, is_blocking)| {
            let is_started_only = result == IN_PROGRESS && is_blocking;
            (42, result, Kind::Connect(Connect { descriptor, requested, is_started_only }))
        },
    )
}

fn on_socket() -> impl Strategy<Value = Made> {
    (select(vec![43u32, 288, 44, 47, 49, 50]), socket(), option::of(address()), result()).prop_map(
        |(number, descriptor, peer, result)| {
            let made = |descriptor: Option<Descriptor>| {
                let fd = i32::try_from(result).unwrap();
                descriptor.filter(|_| result >= 0).map(|descriptor| Descriptor { fd, ..descriptor })
            };
            let kind = match number {
                43 | 288 => Kind::Accept(Accept { descriptor: made(descriptor), ..Accept::default() }),
                44 | 47 => Kind::Transfer(Transfer { descriptor, peer, ..Transfer::default() }),
                // listen is given no address.
                _ => {
                    let requested = peer.filter(|_| number == 49);
                    Kind::Bind(Bind { descriptor, requested, ..Bind::default() })
                }
            };
            (number, result, kind)
        },
    )
}

fn path_call() -> impl Strategy<Value = Made> {
    let number = select(vec![87u32, 263, 84, 83, 258, 90, 268, 92, 166, 161, 21]);
    let mode = select(vec![0u64, 0o644, 0o4_755, 0o2_755]);
    (number, option::weighted(0.95, path()), mode, select(vec![0u64, 0x200, 2]), result()).prop_map(
        |(number, path, mode, flags, result)| {
            (number, result, Kind::PathCall(PathCall { path, mode, flags, ..PathCall::default() }))
        },
    )
}

fn two_path_call() -> impl Strategy<Value = Made> {
    let number = select(vec![82u32, 264, 316, 86, 265, 88, 266, 165]);
    (number, path(), path(), select(vec![0u64, 1, 0x400, 0x1000, 0xc0ed_1000]), result()).prop_map(
        |(number, source, target, flags, result)| {
            // What a symbolic link says starts nowhere.
            let source = if matches!(number, 88 | 266) {
                PathArgument { base: Vec::new(), directory_fd: AT_FDCWD, ..source }
            } else {
                source
            };
            let call =
                TwoPathCall { source: Some(source), target: Some(target), flags, ..TwoPathCall::default() };
            (number, result, Kind::TwoPathCall(call))
        },
    )
}

/// Calls of which registers say most.
fn register_call() -> impl Strategy<Value = Made> {
    let number = select(vec![41u32, 101, 157, 272, 308, 302, 321, 72, 62, 54, 48, 319]);
    let value = select(vec![
        0u64,
        1,
        2,
        5,
        9,
        16,
        17,
        40,
        0x4206,
        0x1000_0000,
        0x2000_0001,
        0xffff_ffff,
        0x1_0000_0010,
    ]);
    (number, value, socket(), result()).prop_map(|(number, value, descriptor, result)| {
        let low = value as u32;
        let signed = low.cast_signed();
        let kind = match number {
            41 => {
                let fd = i32::try_from(result).unwrap();
                let descriptor =
                    descriptor.filter(|_| result >= 0).map(|descriptor| Descriptor { fd, ..descriptor });
                Kind::SocketCreate(SocketCreate {
                    family: low,
                    r#type: 1,
                    descriptor,
                    ..SocketCreate::default()
                })
            }
            101 => Kind::ProcessAccess(ProcessAccess { request: value, ..ProcessAccess::default() }),
            157 => Kind::ProcessControl(ProcessControl { option: signed, ..ProcessControl::default() }),
            272 | 308 => {
                Kind::ChangeNamespace(ChangeNamespace { flags: value, ..ChangeNamespace::default() })
            }
            302 => Kind::ResourceLimit(ResourceLimit { resource: low, ..ResourceLimit::default() }),
            321 => Kind::KernelCall(KernelCall { command: value, ..KernelCall::default() }),
            72 | 319 => Kind::DescriptorCall(DescriptorCall {
                command: value,
                flags: value,
                ..DescriptorCall::default()
            }),
            62 => Kind::Signal(Signal { number: low, ..Signal::default() }),
            _ => Kind::SocketOption(SocketOption {
                descriptor,
                level: 1,
                name: signed,
                how: signed,
                ..SocketOption::default()
            }),
        };
        (number, result, kind)
    })
}

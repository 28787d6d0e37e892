//! Calls that would have made a descriptor what it is.

use eyrie_proto::event::{
    Accept, Bind, Connect, Descriptor, DescriptorCall, Event, KernelCall, Open, PathArgument, SocketCreate,
    SocketDescriptor, SocketRole, SystemCall, descriptor, event::Kind, socket_address,
};
use fields::{Architecture, call_of_event_type};

use super::{DIRECTORY, FILE_TYPE_MASK, O_DIRECTORY, uses::Need};

/// AT_FDCWD of linux/fcntl.h.
const AT_FDCWD: i32 = -100;

/// Events of the same task, at the same time, that tell what the descriptor is.
pub(super) fn events(
    event: &Event,
    descriptor: &Descriptor,
    need: Need,
    architecture: Architecture,
) -> Vec<Event> {
    let calls: Vec<(&str, i64, Kind)> = match &descriptor.kind {
        Some(descriptor::Kind::File(file)) => {
            let flags = if file.mode & FILE_TYPE_MASK == DIRECTORY { O_DIRECTORY } else { 0 };
            let path = PathArgument {
                requested: file.path.clone(),
                directory_fd: AT_FDCWD,
                ..PathArgument::default()
            };
            let open =
                Open { path: Some(path), flags, descriptor: Some(descriptor.clone()), ..Open::default() };
            vec![("openat", descriptor.fd.into(), Kind::Open(open))]
        }
        Some(descriptor::Kind::Socket(socket)) => of_socket(descriptor, socket, need),
        Some(descriptor::Kind::Other(other)) => {
            of_other(descriptor, &other.r#type, &other.name).into_iter().collect()
        }
        None => Vec::new(),
    };
    let made = calls.into_iter().filter_map(|(name, result, kind)| {
        let call = SystemCall { result, ..call_of_event_type(name, architecture)? };
        Some(Event {
            boot_ns: event.boot_ns,
            cpu: event.cpu,
            task: event.task.clone(),
            call: Some(call),
            kind: Some(kind),
            ..Event::default()
        })
    });
    made.collect()
}

/// The call that makes a socket, and the one that gives it its ends.
fn of_socket(
    descriptor: &Descriptor,
    socket: &SocketDescriptor,
    need: Need,
) -> Vec<(&'static str, i64, Kind)> {
    let create = SocketCreate {
        family: socket.family,
        r#type: socket.r#type,
        protocol: socket.protocol,
        descriptor: Some(descriptor.clone()),
        second: None,
    };
    let mut calls = vec![("socket", descriptor.fd.into(), Kind::SocketCreate(create))];
    if need == Need::Socket {
        return calls;
    }
    let own = Some(descriptor.clone());
    match (&socket.remote, &socket.local, socket.role()) {
        (Some(_), _, SocketRole::Server) => {
            let accept = Accept { descriptor: own, ..Accept::default() };
            calls.push(("accept", descriptor.fd.into(), Kind::Accept(accept)));
        }
        (Some(remote), ..) => {
            let connect =
                Connect { descriptor: own, requested: Some(remote.clone()), is_started_only: false };
            calls.push(("connect", 0, Kind::Connect(connect)));
        }
        (None, Some(local), _) if is_bound(local) => {
            let bind = Bind { descriptor: own, requested: Some(local.clone()), backlog: 0 };
            calls.push(("bind", 0, Kind::Bind(bind)));
        }
        _ => {}
    }
    calls
}

fn is_bound(address: &eyrie_proto::event::SocketAddress) -> bool {
    match &address.kind {
        Some(socket_address::Kind::Internet(internet)) => internet.port != 0,
        Some(socket_address::Kind::Unix(path)) => !path.is_empty(),
        Some(socket_address::Kind::Raw(_)) | None => false,
    }
}

/// Of kinds that no call makes there is nothing to be told.
fn of_other(descriptor: &Descriptor, r#type: &str, name: &[u8]) -> Option<(&'static str, i64, Kind)> {
    let fd = i64::from(descriptor.fd);
    let own = Some(descriptor.clone());
    let call = |call| {
        Some((
            call,
            fd,
            Kind::DescriptorCall(DescriptorCall {
                descriptor: own.clone(),
                name: name.to_vec(),
                ..DescriptorCall::default()
            }),
        ))
    };
    let kernel_call = |call| {
        Some((call, fd, Kind::KernelCall(KernelCall { descriptor: own.clone(), ..KernelCall::default() })))
    };
    match r#type {
        "pipe" => {
            let both = DescriptorCall { descriptor: own.clone(), second: own, ..DescriptorCall::default() };
            Some(("pipe2", 0, Kind::DescriptorCall(both)))
        }
        "event" => call("eventfd2"),
        "eventpoll" => call("epoll_create1"),
        "signalfd" => call("signalfd4"),
        "timerfd" => call("timerfd_create"),
        "inotify" => call("inotify_init1"),
        "memfd" => call("memfd_create"),
        "pidfd" => call("pidfd_open"),
        "bpf" => kernel_call("bpf"),
        "userfaultfd" => kernel_call("userfaultfd"),
        "io_uring" => kernel_call("io_uring_setup"),
        _ => None,
    }
}

//! The descriptor, file or connection that an event is about.

use std::borrow::Cow;

use eyrie_proto::event::{
    Descriptor, Event, FileDescriptor, PathArgument, PathCall, SocketAddress, SocketDescriptor, SocketRole,
    descriptor, event::Kind,
};

use crate::{
    address::{Endpoint, unix_path},
    event_type::event_type,
    path,
    view::{EventView, PathNames},
};

/// -EINPROGRESS: a connect that does not block has begun.
const IN_PROGRESS: i64 = -115;
/// S_IFMT and S_IFDIR of linux/stat.h.
const FILE_TYPE_MASK: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;
/// SOCK_TYPE_MASK of linux/net.h: above it lie SOCK_CLOEXEC and SOCK_NONBLOCK.
const SOCKET_TYPE_MASK: u32 = 0xf;
/// AF_* of linux/socket.h.
const AF_UNIX: u32 = 1;
pub(crate) const AF_INET: u32 = 2;
pub(crate) const AF_INET6: u32 = 10;
const AF_NETLINK: u32 = 16;

/// What an event says about its descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The descriptor; absent where the call that makes one failed.
    pub(crate) descriptor: Option<&'a Descriptor>,
    /// The event opens something, or failed to.
    is_open: bool,
    /// The event makes a descriptor, or failed to.
    is_maker: bool,
    /// The path that was asked for, of opens that take one.
    pub(crate) path: Option<&'a PathArgument>,
    /// The address that was asked for, and whether it was not reached.
    pub(crate) requested: Option<&'a SocketAddress>,
    pub(crate) is_failed: bool,
    /// Which end this call makes the socket, whatever it was before.
    role: SocketRole,
}

/// The two ends of an internet socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) local: Option<Endpoint>,
    pub(crate) remote: Option<Endpoint>,
    role: SocketRole,
}

/// What the event says about its descriptor; `None` for events that are about none.
pub(crate) fn subject<'a>(event: &'a Event) -> Option<Subject<'a>> {
    let is_failed = event.call.as_ref().is_some_and(|call| call.result < 0 && call.result != IN_PROGRESS);
    let mut subject = Subject {
        descriptor: None,
        is_open: false,
        is_maker: false,
        path: None,
        requested: None,
        is_failed,
        role: SocketRole::Unspecified,
    };
    subject.descriptor = match event.kind.as_ref()? {
        Kind::Open(open) => {
            (subject.is_open, subject.is_maker) = (true, true);
            subject.path = open.path.as_ref();
            open.descriptor.as_ref()
        }
        Kind::Connect(connect) => {
            subject.requested = connect.requested.as_ref();
            subject.role = SocketRole::Client;
            connect.descriptor.as_ref()
        }
        Kind::Accept(accept) => {
            (subject.role, subject.is_maker) = (SocketRole::Server, true);
            accept.descriptor.as_ref()
        }
        Kind::Transfer(transfer) => {
            subject.requested = transfer.peer.as_ref();
            transfer.descriptor.as_ref()
        }
        Kind::PathCall(call) => of_path_call(event, call),
        Kind::DescriptorCall(call) => call.descriptor.as_ref(),
        Kind::SocketCreate(call) => {
            subject.is_maker = true;
            call.descriptor.as_ref()
        }
        Kind::Bind(bind) => bind.descriptor.as_ref(),
        Kind::SocketOption(call) => call.descriptor.as_ref(),
        Kind::ChangeNamespace(call) => call.descriptor.as_ref(),
        Kind::MemoryCall(call) => call.descriptor.as_ref(),
        Kind::ModuleCall(call) => call.descriptor.as_ref(),
        Kind::KernelCall(call) => call.descriptor.as_ref(),
        _ => return None,
    };
    let is_about_one = subject.descriptor.is_some() || subject.is_maker || subject.requested.is_some();
    is_about_one.then_some(subject)
}

/// What a call on a path is about, if that is a descriptor: the call has no path, or it made one. Otherwise the descriptor is
/// that of the directory where the path starts.
fn of_path_call<'a>(event: &Event, call: &'a PathCall) -> Option<&'a Descriptor> {
    let descriptor = call.descriptor.as_ref()?;
    let has_path = call.path.as_ref().is_some_and(|path| !path.requested.is_empty());
    let is_made = event.call.as_ref().is_some_and(|call| call.result == i64::from(descriptor.fd));
    (!has_path || is_made).then_some(descriptor)
}

// === impl Subject ===

impl<'a> Subject<'a> {
    /// A descriptor by itself, apart from what its event asked for.
    pub(crate) fn of(descriptor: &'a Descriptor) -> Self {
        Self {
            descriptor: Some(descriptor),
            is_open: false,
            is_maker: false,
            path: None,
            requested: None,
            is_failed: false,
            role: SocketRole::Unspecified,
        }
    }

    /// `fd.num`: -1 where an open failed, or any call that makes a descriptor.
    pub(crate) fn number(&self) -> Option<i64> {
        match self.descriptor {
            Some(descriptor) => Some(i64::from(descriptor.fd).max(-1)),
            None => self.is_maker.then_some(-1),
        }
    }

    /// The open failed, so that there is a path and no descriptor.
    pub(crate) fn is_failed_open(&self) -> bool {
        self.is_open && (self.is_failed || self.descriptor.is_none())
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.type_name() == Some("directory")
    }

    pub(crate) fn file(&self) -> Option<&'a FileDescriptor> {
        match self.descriptor?.kind.as_ref()? {
            descriptor::Kind::File(file) => Some(file),
            descriptor::Kind::Socket(_) | descriptor::Kind::Other(_) => None,
        }
    }

    pub(crate) fn socket(&self) -> Option<&'a SocketDescriptor> {
        match self.descriptor?.kind.as_ref()? {
            descriptor::Kind::Socket(socket) => Some(socket),
            descriptor::Kind::File(_) | descriptor::Kind::Other(_) => None,
        }
    }

    /// `fd.name`.
    pub(crate) fn name(&self, view: &EventView<'a>) -> Option<Cow<'a, [u8]>> {
        if let Some(path) = self.path {
            return name_of(path, view);
        }
        if let Some(ends) = self.ends() {
            return ends.tuple().map(|tuple| Cow::Owned(tuple.into_bytes()));
        }
        if let Some(path) = self.unix_path() {
            return Some(path);
        }
        match self.descriptor?.kind.as_ref()? {
            descriptor::Kind::File(file) => Some(Cow::Borrowed(&*file.path)),
            descriptor::Kind::Other(other) => Some(Cow::Borrowed(&*other.name)),
            descriptor::Kind::Socket(_) => None,
        }
    }

    /// `fd.nameraw`: the path as the program gave it but for repeated slashes, which Falco leaves out too.
    pub(crate) fn raw_name(&self, view: &EventView<'a>) -> Option<Cow<'a, [u8]>> {
        match self.path {
            Some(path) if !path.is_unreadable => Some(path::without_double_slashes(&path.requested)),
            Some(_) => None,
            None => self.name(view),
        }
    }

    /// `fd.type`
    pub(crate) fn type_name(&self) -> Option<&'a str> {
        let kind = match &self.descriptor?.kind {
            Some(kind) => kind,
            // Somebody closed it before it could be looked at.
            None => return (self.is_open && !self.is_failed).then_some("file"),
        };
        match kind {
            descriptor::Kind::File(file) if file.mode & FILE_TYPE_MASK == DIRECTORY => Some("directory"),
            descriptor::Kind::File(_) => Some("file"),
            descriptor::Kind::Socket(socket) => Some(self.socket_type(socket)),
            descriptor::Kind::Other(other) => Some(&other.r#type),
        }
    }

    /// `fd.typechar`, also where there is no descriptor because the call failed.
    pub(crate) fn character_in(&self, view: &EventView<'_>) -> Option<&'static str> {
        let has_kind = self.descriptor.is_some_and(|descriptor| descriptor.kind.is_some());
        if self.is_failed && !has_kind { Some(character_of_failed(view)) } else { self.type_character() }
    }

    /// The character of what the descriptor is.
    pub(crate) fn type_character(&self) -> Option<&'static str> {
        Some(match self.type_name()? {
            "file" => "f",
            "directory" => "d",
            "ipv4" => "4",
            "ipv6" => "6",
            "unix" | "userfaultfd" => "u",
            "pipe" => "p",
            "event" => "e",
            "signalfd" => "s",
            "eventpoll" => "l",
            "inotify" => "i",
            "timerfd" => "t",
            "netlink" => "n",
            "bpf" => "b",
            "io_uring" => "r",
            "memfd" => "m",
            "pidfd" => "P",
            _ => "o",
        })
    }

    /// `fd.l4proto`: IPPROTO_* of linux/in.h where the protocol was given, SOCK_* of linux/net.h where it was left to
    /// the kernel.
    pub(crate) fn transport(&self) -> Option<&'static str> {
        let socket = self.socket().filter(|socket| matches!(socket.family, AF_INET | AF_INET6))?;
        match (socket.protocol, socket.r#type & SOCKET_TYPE_MASK) {
            (6, _) | (0, 1) => Some("tcp"),
            (17, _) | (0, 2) => Some("udp"),
            (1 | 58, _) => Some("icmp"),
            (_, 3) => Some("raw"),
            _ => None,
        }
    }

    fn socket_type(&self, socket: &SocketDescriptor) -> &'static str {
        match socket.family {
            AF_UNIX => "unix",
            AF_INET => "ipv4",
            AF_INET6 => match self.ends().and_then(|ends| ends.remote.or(ends.local)) {
                Some(Endpoint { ip: std::net::IpAddr::V4(_), .. }) => "ipv4",
                _ => "ipv6",
            },
            AF_NETLINK => "netlink",
            _ => "unknown",
        }
    }

    /// The ends of an internet socket.
    pub(crate) fn ends(&self) -> Option<Ends> {
        let endpoint = |address: &Option<SocketAddress>| address.as_ref().and_then(Endpoint::of);
        let requested = self.requested.and_then(Endpoint::of);
        let Some(socket) = self.socket() else {
            return requested.map(|remote| Ends { local: None, remote: Some(remote), role: self.role });
        };
        if !matches!(socket.family, AF_INET | AF_INET6) {
            return None;
        }
        let reached = endpoint(&socket.remote);
        // What was asked for counts where the kernel's own has none, and where it is the peer from before a failure.
        let remote = if self.is_failed { requested.or(reached) } else { reached.or(requested) };
        let role = if self.role == SocketRole::Unspecified { socket.role() } else { self.role };
        Some(Ends { local: endpoint(&socket.local), remote, role })
    }

    /// The path of a Unix socket: its peer's, or its own.
    pub(crate) fn unix_path(&self) -> Option<Cow<'a, [u8]>> {
        let named = |address: &'a SocketAddress| unix_path(address).filter(|path| !path.is_empty());
        let socket = self.socket();
        let remote = socket.and_then(|socket| socket.remote.as_ref()).and_then(named);
        let local = socket.and_then(|socket| socket.local.as_ref()).and_then(named);
        let requested = self.requested.and_then(named);
        if self.is_failed { requested.or(remote).or(local) } else { remote.or(requested).or(local) }
    }

    /// `fd.connected`: the kernel says so, or this very call has just begun it.
    pub(crate) fn is_connected(&self) -> Option<bool> {
        let socket = self.socket()?;
        Some(socket.is_connected || (self.role != SocketRole::Unspecified && !self.is_failed))
    }
}

/// What stands for the kind of a descriptor that a call failed to make, as Falco has it by the call's name
/// (`extract_typechar` of libsinsp/event.h). It says `o` (other) where open(2) fails and `f` where openat does, though its
/// stock rules on failed opens mean both; so do we say `f` for both, unless asked to be like it.
fn character_of_failed(view: &EventView<'_>) -> &'static str {
    match event_type(view.event, view.architecture).unwrap_or_default() {
        "open" | "open_by_handle_at" if !view.settings.has_falcos_open_typechar => "f",
        "openat" | "openat2" | "creat" => "f",
        "socket" | "accept" | "accept4" => "4",
        "pipe" | "pipe2" => "p",
        "eventfd" | "eventfd2" => "e",
        "signalfd" | "signalfd4" => "s",
        "timerfd_create" => "t",
        "inotify_init" | "inotify_init1" => "i",
        _ => "o",
    }
}

/// A device's number as user space has it (`new_encode_dev` of linux/kdev_t.h), and Falco with it.
pub(crate) fn encoded_device(device: u64) -> u64 {
    let (major, minor) = (device >> 20, device & 0xf_ffff);
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

/// A path by the name that counts: the one that was asked for, as text, or where the view says so the kernel's. `None` if it is
/// neither told by the kernel nor could be read from the program's memory.
pub(crate) fn name_of<'a>(path: &'a PathArgument, view: &EventView<'a>) -> Option<Cow<'a, [u8]>> {
    if view.paths == PathNames::Resolved && !path.resolved.is_empty() {
        return Some(Cow::Borrowed(&path.resolved));
    }
    let working_directory = view.process().map_or(&b""[..], |process| process.working_directory());
    (!path.is_unreadable).then(|| path::asked_for(path, working_directory))
}

// === impl Ends ===

impl Ends {
    /// Who began the connection.
    pub(crate) fn client(&self) -> Option<Endpoint> {
        match self.role {
            SocketRole::Client => self.local,
            SocketRole::Server => self.remote,
            SocketRole::Unspecified => None,
        }
    }

    /// Who was waiting for it. A socket that was bound and has no peer is a server by itself.
    pub(crate) fn server(&self) -> Option<Endpoint> {
        match self.role {
            SocketRole::Client => self.remote,
            SocketRole::Server => self.local,
            SocketRole::Unspecified if self.remote.is_none() => self.local.filter(|local| local.port != 0),
            SocketRole::Unspecified => None,
        }
    }

    /// Which end this socket is, if that is known.
    pub(crate) fn is_server(&self) -> bool {
        self.role == SocketRole::Server || (self.remote.is_none() && self.server().is_some())
    }

    /// `client->server`; the local end first where the roles are not known; only the own address where there is no peer.
    fn tuple(&self) -> Option<String> {
        let Some(remote) = self.remote else {
            return self.local.filter(|local| local.port != 0).map(|local| local.to_string());
        };
        let local = self.local.unwrap_or_else(|| Endpoint::unspecified_like(remote));
        Some(match self.role {
            SocketRole::Server => format!("{remote}->{local}"),
            SocketRole::Client | SocketRole::Unspecified => format!("{local}->{remote}"),
        })
    }
}

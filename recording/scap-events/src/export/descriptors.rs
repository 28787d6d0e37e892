//! What readers know of descriptors, and how they get to know what an event is about.
//!
//! Our events describe their descriptors themselves; Falco's have only numbers, and readers keep a table of what each is by
//! the calls that made it. A stream begins in the middle of things, leaves out calls that no rule asks for, and the kernel's
//! name of a file is another one than the path that was opened. So whatever readers could not know of a descriptor that an
//! event uses is told just before it, by the call that would have made it so: openat for files, socket with connect,
//! accept or bind for sockets, and the calls that make the other kinds. These events are marked as changing state only.

mod made;
mod uses;

use std::collections::HashMap;

use eyrie_proto::event::{
    Descriptor, Event, SocketAddress, SocketRole, StandardStream, descriptor::Kind, event::Kind as EventKind,
};
use fields::Architecture;
use host_model::paths::asked_for;

use self::uses::{Need, needed};
use super::standard_streams;

/// Descriptors that are remembered, of all processes together: 54 MiB with paths of 100 bytes. Beyond them all are forgotten,
/// and told again where they are used.
const MAX_KNOWN: usize = 262_144;
/// O_DIRECTORY of asm-generic/fcntl.h, and S_IFMT and S_IFDIR of linux/stat.h.
const O_DIRECTORY: u32 = 0o200_000;
const FILE_TYPE_MASK: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;
/// -EINPROGRESS: a connect that has begun counts.
const IN_PROGRESS: i64 = -115;

/// What readers know by now.
#[derive(Debug, Default)]
pub(super) struct KnownDescriptors {
    processes: HashMap<u32, HashMap<i32, Known>>,
    count: usize,
}

/// What a reader takes a descriptor for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    /// Without numbers where it was told as text.
    File {
        path: Vec<u8>,
        is_directory: bool,
        numbers: Option<FileNumbers>,
    },
    Socket {
        family: u32,
        ends: Option<Ends>,
    },
    Other(String),
}

/// What tells a file from others on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileNumbers {
    device: u64,
    inode: u64,
}

/// The ends of a socket, and which of them it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ends {
    local: Option<Vec<u8>>,
    remote: Option<Vec<u8>>,
    role: SocketRole,
}

// === impl KnownDescriptors ===

impl KnownDescriptors {
    /// The blocks before the events told of these.
    pub(super) fn tell_standard_streams(&mut self, pid: u32, streams: &[StandardStream]) {
        for descriptor in streams.iter().filter_map(standard_streams::of_stream) {
            self.insert(pid, descriptor.fd, Known::of(&descriptor));
        }
    }

    /// Events that tell what readers cannot know of what the event uses; from then on they count as known.
    pub(super) fn before(&mut self, event: &Event, name: &str, architecture: Architecture) -> Vec<Event> {
        let Some(pid) = pid_of(event) else { return Vec::new() };
        let mut told = Vec::new();
        for (descriptor, need) in needed(event, name) {
            let Some(wanted) = Known::of(&descriptor) else { continue };
            let is_known = self.get(pid, descriptor.fd).is_some_and(|known| match need {
                Need::Whole => known.is_enough_for(&wanted),
                Need::Socket => known.is_same_family(&wanted),
            });
            if !is_known {
                told.extend(made::events(event, &descriptor, need, architecture));
                let known = if need == Need::Whole { wanted } else { wanted.without_ends() };
                self.insert(pid, descriptor.fd, Some(known));
            }
        }
        told
    }

    /// Takes over what the event itself tells readers.
    pub(super) fn after(&mut self, event: &Event, name: &str, working_directory: &[u8]) {
        let (Some(pid), Some(kind)) = (pid_of(event), &event.kind) else { return };
        let result = event.call.as_ref().map_or(0, |call| call.result);
        if result < 0 && result != IN_PROGRESS {
            return;
        }
        match kind {
            EventKind::Open(open) => {
                if let (Some(descriptor), Some(path)) = (&open.descriptor, &open.path) {
                    let path = asked_for(path, working_directory).into_owned();
                    let is_directory = open.flags & O_DIRECTORY != 0;
                    let numbers = FileNumbers::of(descriptor);
                    self.insert(pid, descriptor.fd, Some(Known::File { path, is_directory, numbers }));
                }
            }
            EventKind::SocketCreate(create) => {
                for descriptor in [&create.descriptor, &create.second].into_iter().flatten() {
                    self.insert(pid, descriptor.fd, Known::of(descriptor).map(Known::without_ends));
                }
            }
            EventKind::Connect(connect) => self.insert_whole(pid, connect.descriptor.as_ref()),
            EventKind::Accept(accept) => self.insert_whole(pid, accept.descriptor.as_ref()),
            EventKind::Bind(bind) => self.insert_whole(pid, bind.descriptor.as_ref()),
            EventKind::DescriptorCall(call) => {
                if name == "close_range" && call.flags == 0 {
                    self.close(pid, call.first..=call.last);
                } else if name == "close" {
                    let fd = call.descriptor.as_ref().and_then(|closed| u32::try_from(closed.fd).ok());
                    fd.into_iter().for_each(|fd| self.close(pid, fd..=fd));
                } else {
                    self.insert_whole(pid, call.descriptor.as_ref());
                    self.insert_whole(pid, call.second.as_ref());
                }
            }
            EventKind::KernelCall(call) => self.insert_whole(pid, call.descriptor.as_ref()),
            EventKind::Exec(exec) => {
                // Readers close what has close-on-exec, and only they know what that is to them.
                self.forget(pid);
                self.tell_standard_streams(pid, &exec.standard_streams);
            }
            EventKind::Exit(exit) if exit.is_process_end => self.forget(pid),
            _ => {}
        }
    }

    fn get(&self, pid: u32, fd: i32) -> Option<&Known> {
        self.processes.get(&pid)?.get(&fd)
    }

    fn insert_whole(&mut self, pid: u32, descriptor: Option<&Descriptor>) {
        if let Some(descriptor) = descriptor {
            self.insert(pid, descriptor.fd, Known::of(descriptor));
        }
    }

    fn insert(&mut self, pid: u32, fd: i32, known: Option<Known>) {
        let Some(known) = known.filter(|_| fd >= 0) else { return };
        if self.count >= MAX_KNOWN {
            self.processes.clear();
            self.count = 0;
        }
        if self.processes.entry(pid).or_default().insert(fd, known).is_none() {
            self.count += 1;
        }
    }

    fn close(&mut self, pid: u32, fds: std::ops::RangeInclusive<u32>) {
        let Some(descriptors) = self.processes.get_mut(&pid) else { return };
        let before = descriptors.len();
        descriptors.retain(|fd, _| u32::try_from(*fd).is_ok_and(|fd| !fds.contains(&fd)));
        self.count = self.count.saturating_sub(before - descriptors.len());
    }

    fn forget(&mut self, pid: u32) {
        let gone = self.processes.remove(&pid).map_or(0, |descriptors| descriptors.len());
        self.count = self.count.saturating_sub(gone);
    }
}

// === impl Known ===

impl Known {
    /// What a descriptor is; `None` where the event does not say.
    fn of(descriptor: &Descriptor) -> Option<Self> {
        Some(match descriptor.kind.as_ref()? {
            Kind::File(file) => Self::File {
                path: file.path.clone(),
                is_directory: file.mode & FILE_TYPE_MASK == DIRECTORY,
                numbers: FileNumbers::of(descriptor),
            },
            Kind::Socket(socket) => {
                let bytes =
                    |address: &Option<SocketAddress>| address.as_ref().map(prost::Message::encode_to_vec);
                let (local, remote) = (bytes(&socket.local), bytes(&socket.remote));
                Self::Socket {
                    family: socket.family,
                    ends: Some(Ends { local, remote, role: socket.role() }),
                }
            }
            Kind::Other(other) => Self::Other(other.r#type.clone()),
        })
    }

    /// Whether who knows this need not be told of the other; who asks for a file as text needs no numbers.
    fn is_enough_for(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (
                Self::File { path, is_directory, .. },
                Self::File { path: other, is_directory: is_other, numbers: None },
            ) => (path, is_directory) == (other, is_other),
            _ => self == wanted,
        }
    }

    fn without_ends(self) -> Self {
        match self {
            Self::Socket { family, .. } => Self::Socket { family, ends: None },
            other => other,
        }
    }

    fn is_same_family(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Socket { family, .. }, Self::Socket { family: wanted, .. }) if family == wanted)
    }
}

// === impl FileNumbers ===

impl FileNumbers {
    fn of(descriptor: &Descriptor) -> Option<Self> {
        match descriptor.kind.as_ref()? {
            Kind::File(file) if file.inode != 0 => Some(Self { device: file.device, inode: file.inode }),
            _ => None,
        }
    }
}

fn pid_of(event: &Event) -> Option<u32> {
    event.task.as_ref()?.process.as_ref().map(|key| key.pid)
}

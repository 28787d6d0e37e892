//! What extraction sees.

use eyrie_proto::{
    event::{Event, Origin, PathArgument, Task, event::Kind},
    metadata::{Container, Host, KubernetesObject},
};
use host_model::{ContainerId, HostModel, Process};

use crate::{path::asked_for, settings::FieldSettings};

/// An event with everything that its fields may need.
#[derive(Clone, Copy, Debug)]
pub struct EventView<'a> {
    /// The event itself.
    pub event: &'a Event,
    /// The state of its host after the event was applied.
    pub host: &'a HostModel,
    /// Its place in its origin's stream: `evt.num`.
    pub sequence: u64,
    /// Wall clock minus the host's boot clock, in nanoseconds.
    pub epoch_offset_ns: i64,
    /// The host's name: `evt.hostname`.
    pub hostname: &'a str,
    /// Whose numbers its system calls have.
    pub architecture: Architecture,
    /// `syscall`, or what a plugin declares.
    pub source: &'a str,
    /// What metadata says of the container that it happened in.
    pub container: ContainerView<'a>,
    /// What its agent says of the host that it happened on.
    pub machine: HostView<'a>,
    /// Who has its remote address, as far as metadata knows.
    pub peer: PeerView<'a>,
    /// What configuration says.
    pub settings: &'a FieldSettings,
    /// Which paths its fields show.
    pub paths: PathNames,
}

/// Which of two names of a file that an event names counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PathNames {
    /// The one that was asked for, as text: Falco's.
    #[default]
    AskedFor,
    /// The one that the kernel reached, where it tells: links followed, relative to the process's root.
    Resolved,
}

/// What metadata says of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ContainerView<'a> {
    /// This.
    Known(&'a Container),
    /// Nothing so far: it may still come.
    Unknown,
    /// That there is no such container: its fields have no value.
    Absent,
    /// It was not asked: there is no container to ask for, or nobody to ask.
    #[default]
    NotAsked,
}

/// What is known of the host of an event beside the state of its processes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostView<'a> {
    /// Whose events these are.
    pub origin: Option<&'a Origin>,
    /// What its agent has told so far.
    pub host: Option<&'a Host>,
    /// What is missing may be there: the agent has not said that it has told all.
    pub is_open: bool,
}

/// Who has the remote address of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum PeerView<'a> {
    /// This pod, service or node.
    Known(&'a KubernetesObject),
    /// The picture of the cluster is not whole yet.
    Unknown,
    /// Nobody that is known, or more than one.
    #[default]
    Absent,
}

/// A processor architecture that hosts have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// With i386 as its 32-bit calls.
    X86_64,
    /// With arm as its 32-bit calls.
    Aarch64,
}

// === impl EventView ===

impl<'a> EventView<'a> {
    /// When the event happened, nanoseconds since the epoch.
    pub fn epoch_ns(&self) -> u64 {
        self.event.boot_ns.saturating_add_signed(self.epoch_offset_ns)
    }

    /// The same event with its files by the kernel's own names, if one of them differs from what was asked for.
    pub fn resolved(&self) -> Option<Self> {
        let path = self.path()?;
        let base = self.process().map_or(&b""[..], |process| process.working_directory());
        let is_disputed = !path.resolved.is_empty()
            && (path.is_unreadable || path.is_truncated || *asked_for(path, base) != *path.resolved);
        is_disputed.then_some(Self { paths: PathNames::Resolved, ..*self })
    }

    /// The path of a call on one path.
    pub(crate) fn path(&self) -> Option<&'a PathArgument> {
        match self.event.kind.as_ref()? {
            Kind::Open(open) => open.path.as_ref(),
            Kind::PathCall(call) => call.path.as_ref(),
            Kind::ChangeDirectory(change) => change.path.as_ref(),
            Kind::ChangeRoot(change) => change.path.as_ref(),
            _ => None,
        }
    }

    /// A point in the host's boot time as nanoseconds since the epoch.
    pub(crate) fn boot_to_epoch_ns(&self, boot_ns: u64) -> u64 {
        boot_ns.saturating_add_signed(self.epoch_offset_ns)
    }

    /// Who caused the event.
    pub(crate) fn task(&self) -> Option<&'a Task> {
        self.event.task.as_ref()
    }

    /// The pid of who caused it.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.task()?.process.as_ref().map(|key| key.pid)
    }

    /// The process that caused it.
    pub(crate) fn process(&self) -> Option<&'a Process> {
        self.host.process_of(self.task()?)
    }

    /// Which container it happened in.
    pub(crate) fn container_id(&self) -> ContainerId<'a> {
        self.process().map_or(ContainerId::Unknown, |process| self.host.container_id(process))
    }

    /// The parent of the process that caused it.
    pub(crate) fn parent(&self) -> Option<&'a Process> {
        let process = self.process()?;
        self.host.ancestors(process).next()
    }
}

// === impl Architecture ===

impl Architecture {
    /// The architecture that `uname -m` calls `name`.
    pub fn from_machine(name: &str) -> Option<Self> {
        match name {
            "x86_64" | "amd64" => Some(Self::X86_64),
            "aarch64" | "arm64" => Some(Self::Aarch64),
            _ => None,
        }
    }
}

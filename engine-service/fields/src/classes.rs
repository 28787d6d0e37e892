//! The classes that fields are listed by, with Falco's names.

use rule_language::FieldClass;

/// Where system calls come from.
const SYSCALL: &[&str] = &["syscall"];

/// What events of every source have.
pub(crate) const EVT_OF_ANY_SOURCE: &FieldClass = &FieldClass {
    name: "evt",
    short_description: "All event types",
    description: "The event: its number, time, host and source.",
    sources: &[],
};

/// What system calls have.
pub(crate) const EVT: &FieldClass = &FieldClass {
    name: "evt",
    short_description: "Syscall events only",
    description: "The system call: its name, result and parameters. Each parameter is a field by its name, as in \
        evt.arg.flags.",
    sources: SYSCALL,
};

pub(crate) const PROCESS: &FieldClass = &FieldClass {
    name: "process",
    short_description: "",
    description: "The process and the thread that made the call, the process's ancestors, and the file that it \
        executes.",
    sources: SYSCALL,
};

pub(crate) const USER: &FieldClass = &FieldClass {
    name: "user",
    short_description: "",
    description: "The user that acts, and the one that logged in.",
    sources: SYSCALL,
};

pub(crate) const GROUP: &FieldClass = &FieldClass {
    name: "group",
    short_description: "",
    description: "The group that the process acts with.",
    sources: SYSCALL,
};

pub(crate) const FD: &FieldClass = &FieldClass {
    name: "fd",
    short_description: "",
    description: "The file, socket or other thing behind the descriptor that the call is about.",
    sources: SYSCALL,
};

pub(crate) const FS_PATH: &FieldClass = &FieldClass {
    name: "fs.path",
    short_description: "",
    description: "The paths that the call names, whether or not it has a descriptor: those of unlink and rename too, \
        of which fd.* knows nothing.",
    sources: SYSCALL,
};

pub(crate) const FDLIST: &FieldClass = &FieldClass {
    name: "fdlist",
    short_description: "",
    description: "The descriptors that poll and ppoll wait for.",
    sources: SYSCALL,
};

/// Of Falco's tools; no listing has it.
pub(crate) const UTIL: &FieldClass = &FieldClass {
    name: "util",
    short_description: "",
    description: "What tables of Falco's tools count with.",
    sources: SYSCALL,
};

/// In Falco they are fields by themselves, which are there if they are configured.
pub(crate) const STATIC: &FieldClass = &FieldClass {
    name: "static",
    short_description: "",
    description: "What an engine's configuration says to stand on all alerts: Falco's static_fields.",
    sources: &[],
};

/// In Falco these come with the plugin of that name.
pub(crate) const CONTAINER: &FieldClass = &FieldClass {
    name: "container",
    short_description: "",
    description: "The container that the event happened in, and its pod as the container's runtime knows it. What \
        metadata has still to bring is unknown, not missing.",
    sources: SYSCALL,
};

/// In Falco these come with the plugin of that name.
pub(crate) const K8SMETA: &FieldClass = &FieldClass {
    name: "k8smeta",
    short_description: "",
    description: "The pod that the event happened in, and what it belongs to, as the cluster's API server knows it.",
    sources: SYSCALL,
};

/// Ours: Falco knows of its own host alone.
pub(crate) const HOST: &FieldClass = &FieldClass {
    name: "host",
    short_description: "",
    description: "The host that the event happened on, as its agent tells of it.",
    sources: &[],
};

/// Ours.
pub(crate) const CLOUD: &FieldClass = &FieldClass {
    name: "cloud",
    short_description: "",
    description: "The instance that the host runs on, as its cloud tells of it; without values on hosts that run in none.",
    sources: &[],
};

/// Ours.
pub(crate) const PEER: &FieldClass = &FieldClass {
    name: "k8s.peer",
    short_description: "",
    description: "The pod, service or node that has the remote address of the event in the cluster of its host, when it happened. \
        An address that two of them could have has no values.",
    sources: SYSCALL,
};

/// In Falco these come with the plugin of that name.
pub(crate) const JSON: &FieldClass = &FieldClass {
    name: "json",
    short_description: "",
    description: "Parts of events whose payload is a JSON document.",
    sources: &[],
};

/// Ours alone.
pub(crate) const EYRIE: &FieldClass = &FieldClass {
    name: "eyrie",
    short_description: "",
    description: "What Falco does not have.",
    sources: SYSCALL,
};

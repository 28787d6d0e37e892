//! `thread.*`: the thread that caused the event.

use eyrie_proto::event::Capabilities;
use rule_language::FieldType::{Bool, CharBuf, Int64};

use crate::{
    classes,
    declaration::{Declaration, Scope},
    user::credentials,
    value::{Extracted, Value},
    view::EventView,
};

macro_rules! field {
    ($name:literal, $type:expr, $scope:expr, $description:literal, $extract:expr) => {
        Declaration::new(classes::PROCESS, $name, $type, $scope, $extract, $description)
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field!("thread.tid", Int64, Scope::Event, "the thread's id", |view, _| Extracted::from_option(view.task().map(|task| Value::Int(task.tid.into())))),
    field!("thread.vtid", Int64, Scope::Event, "the thread's id in its own pid namespace", |view, _| Extracted::from_option(view.task().map(|task| Value::Int(task.namespace_tid.into())))),
    field!("thread.ismain", Bool, Scope::Event, "whether the thread is the process's main thread", |view, _| is_main(view)),
    field!("thread.cap_permitted", CharBuf, Scope::Event, "the thread's permitted capabilities", |view, _| capabilities(view, |sets| sets.permitted)),
    field!("thread.cap_effective", CharBuf, Scope::Event, "the thread's effective capabilities", |view, _| capabilities(view, |sets| sets.effective)),
    field!("thread.cap_inheritable", CharBuf, Scope::Event, "the thread's inheritable capabilities", |view, _| capabilities(view, |sets| sets.inheritable)),
];

/// The capabilities by number, as linux/capability.h has them.
const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

fn is_main<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let is_main = view.task().zip(view.pid()).map(|(task, pid)| Value::Bool(task.tid == pid));
    Extracted::from_option(is_main)
}

fn capabilities<'a>(view: &EventView<'a>, set: fn(&Capabilities) -> u64) -> Extracted<'a> {
    let Some(sets) = credentials(view).and_then(|who| who.capabilities.as_ref()) else {
        return Extracted::Absent;
    };
    Extracted::owned(capability_names(set(sets)))
}

/// The names of the set's members in the order of their numbers, with blanks between them.
pub(crate) fn capability_names(set: u64) -> String {
    let names = CAPABILITIES.iter().enumerate().filter(|(number, _)| set >> number & 1 == 1);
    names.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
}

/// The number of the capability of this name.
pub(crate) fn capability_number(name: &str) -> Option<usize> {
    CAPABILITIES.iter().position(|own| *own == name)
}

//! A catalogue for tests: the fields that Falco's stock rules use, with Falco's types, and a few more.

use crate::{ArgumentKind, ArgumentNotation, Catalogue, FieldClass, FieldId, FieldInfo, FieldType};

static CLASS: FieldClass = FieldClass {
    name: "test",
    short_description: "",
    description: "fields for tests",
    sources: &["syscall"],
};

/// Why some of its fields have no value.
pub(crate) const ABSENT_BECAUSE: &str = "the test says so";

/// The test catalogue.
pub(crate) struct TestCatalogue {
    fields: Vec<FieldInfo>,
}

/// Names of events and calls, ascending.
pub(crate) const EVENT_TYPES: &[&str] = &[
    "accept",
    "accept4",
    "bind",
    "bpf",
    "chmod",
    "clone",
    "clone3",
    "close",
    "connect",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "execve",
    "execveat",
    "fchmod",
    "fchmodat",
    "finit_module",
    "fork",
    "init_module",
    "link",
    "linkat",
    "listen",
    "mkdir",
    "mkdirat",
    "mmap",
    "mount",
    "open",
    "open_by_handle_at",
    "openat",
    "openat2",
    "prctl",
    "procexit",
    "ptrace",
    "read",
    "readv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setns",
    "setuid",
    "socket",
    "socketcall",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "unshare",
    "userfaultfd",
    "vfork",
    "write",
    "writev",
];

/// Text, no argument.
const TEXT: &[&str] = &[
    "evt.type",
    "syscall.type",
    "evt.res",
    "evt.args",
    "evt.hostname",
    "evt.dir",
    "evt.info",
    "evt.time",
    "fd.name",
    "fd.directory",
    "fd.typechar",
    "fd.l4proto",
    "fd.type",
    "fd.filename",
    "fd.nameraw",
    "fd.sip.name",
    "fd.cip.name",
    "fd.rip.name",
    "fd.lip.name",
    "fd.sockfamily",
    "fd.proto",
    "proc.name",
    "proc.cmdline",
    "proc.pname",
    "proc.exepath",
    "proc.pcmdline",
    "proc.pexe",
    "proc.exe",
    "proc.cwd",
    "proc.pexepath",
    "proc.sname",
    "thread.cap_permitted",
    "thread.cap_effective",
    "user.name",
    "user.loginname",
    "group.name",
    "container.image.repository",
    "container.id",
    "container.name",
    "container.mounts",
    "k8s.ns.name",
    "k8s.pod.name",
    "ka.user.name",
];
const NUMBERS: &[&str] = &["evt.rawres", "fd.num", "proc.tty", "proc.vpid", "proc.pid", "user.loginuid"];
const TRUTHS: &[&str] = &[
    "evt.is_open_read",
    "evt.is_open_write",
    "evt.is_open_exec",
    "fd.connected",
    "fd.name_changed",
    "proc.is_exe_upper_layer",
    "proc.is_exe_from_memfd",
    "proc.is_vpgid_leader",
    "container.privileged",
];
const PORTS: &[&str] = &["fd.port", "fd.lport", "fd.rport", "fd.sport", "fd.cport"];
const ADDRESSES: &[&str] = &["fd.ip", "fd.sip", "fd.cip", "fd.rip", "fd.lip"];
const NETWORKS: &[&str] = &["fd.net", "fd.snet", "fd.cnet", "fd.rnet", "fd.lnet"];
const TIMES: &[&str] = &["proc.exe_ino.ctime", "proc.exe_ino.mtime", "container.start_ts", "evt.rawtime"];
const DURATIONS: &[&str] = &["proc.duration", "proc.exe_ino.ctime_duration_proc_start"];

impl TestCatalogue {
    pub(crate) fn new() -> Self {
        let mut fields = Vec::new();
        let plain = [
            (TEXT, FieldType::CharBuf),
            (NUMBERS, FieldType::Int64),
            (TRUTHS, FieldType::Bool),
            (PORTS, FieldType::Port),
            (ADDRESSES, FieldType::IpAddr),
            (NETWORKS, FieldType::IpNet),
            (TIMES, FieldType::AbsTime),
            (DURATIONS, FieldType::RelTime),
            (&["evt.buffer"], FieldType::ByteBuf),
            (&["evt.num"], FieldType::Uint64),
            (&["user.uid", "group.gid"], FieldType::Uint32),
            (&["evt.rawarg"], FieldType::Flags32),
            (&["thread.cpu"], FieldType::Double),
            (&["fs.path.name"], FieldType::FsPath),
        ];
        for (names, field_type) in plain {
            fields.extend(names.iter().map(|name| field(name, field_type)));
        }
        for (name, argument, required) in [
            ("evt.arg", ArgumentKind::IndexOrKey, true),
            ("proc.args", ArgumentKind::Index, false),
            ("proc.aname", ArgumentKind::Index, false),
            ("proc.aexe", ArgumentKind::Index, false),
            ("proc.aexepath", ArgumentKind::Index, false),
            ("proc.env", ArgumentKind::Key, false),
            ("container.mount.dest", ArgumentKind::IndexOrKey, true),
        ] {
            let declared = field(name, FieldType::CharBuf);
            let notation = match name {
                "evt.arg" => ArgumentNotation::DotOrNumberInBrackets,
                _ => ArgumentNotation::Brackets,
            };
            let argument = Some(argument);
            fields.push(FieldInfo { argument, argument_required: required, notation, ..declared });
        }
        fields.push(FieldInfo { is_list: true, ..field("fd.types", FieldType::CharBuf) });
        for declared in &mut fields {
            declared.allowed_on_rhs = !matches!(declared.name, "fd.ip" | "fd.net" | "fd.port");
            declared.allowed_in_output = declared.allowed_on_rhs;
            declared.allowed_in_transformer = declared.name != "evt.rawarg";
            declared.is_suggested_output = matches!(declared.name, "container.id" | "container.name");
            declared.is_deprecated = declared.name == "evt.dir";
            let is_absent = matches!(declared.name, "fs.path.name" | "evt.info");
            declared.absent_because = is_absent.then_some(ABSENT_BECAUSE);
        }
        Self { fields }
    }
}

fn field(name: &'static str, field_type: FieldType) -> FieldInfo {
    FieldInfo::new(&CLASS, name, field_type, "")
}

impl Catalogue for TestCatalogue {
    fn field(&self, name: &str) -> Option<FieldId> {
        let position = self.fields.iter().position(|field| field.name == name)?;
        u32::try_from(position).ok().map(FieldId)
    }

    fn info(&self, id: FieldId) -> &FieldInfo {
        &self.fields[id.0 as usize]
    }

    fn fields(&self) -> &[FieldInfo] {
        &self.fields
    }

    fn is_event_type(&self, name: &str) -> bool {
        EVENT_TYPES.binary_search(&name).is_ok()
    }

    fn event_types(&self) -> &[&'static str] {
        EVENT_TYPES
    }

    fn count_event_codes(&self, names: &[String]) -> usize {
        2 * names.len()
    }

    fn event_of_call<'call>(&self, call: &'call str) -> Option<&'call str> {
        (call != "socketcall").then_some(call)
    }

    fn is_source(&self, source: &str) -> bool {
        source == "syscall"
    }
}

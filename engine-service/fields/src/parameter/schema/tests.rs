//! The table against the specification, and against the messages that events come as.

use eyrie_proto::event::{
    Accept, Bind, Capabilities, ChangeCredentials, ChangeDirectory, ChangeNamespace, ChangeRoot,
    ChangeSession, Connect, DescriptorCall, Exec, Exit, Fork, GenericCall, KernelCall, MemoryCall,
    ModuleCall, Open, PathCall, ProcessAccess, ProcessControl, ResourceLimit, Signal, SocketCreate,
    SocketOption, Transfer, TwoPathCall, event::Kind,
};

use super::*;
use crate::{
    event_table,
    parameter::{Raw, of_event},
    parameter_types,
    tests::fixture::{call, host, tell_cgroup, view},
};

/// Section C.2 of the specification: names, order and types of the parameters of events.
const SPECIFICATION: &str = "
open: fd:fd name:fspath flags:flags32 mode:uint32 dev:uint32 ino:uint64
openat: fd:fd dirfd:fd name:fsrelpath flags:flags32 mode:uint32 dev:uint32 ino:uint64
openat2: fd:fd dirfd:fd name:fsrelpath flags:flags32 mode:uint32 resolve:flags32 dev:uint32 ino:uint64
creat: fd:fd name:fspath mode:uint32 dev:uint32 ino:uint64 creat_flags:flags16
open_by_handle_at: fd:fd mountfd:fd flags:flags32 path:fspath dev:uint32 ino:uint64
execve: res:errno exe:charbuf args:bytebuf tid:pid pid:pid ptid:pid cwd:charbuf fdlimit:uint64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:charbuf cgroups:bytebuf env:bytebuf tty:uint32 vpgid:pid loginuid:uid flags:flags32 cap_inheritable:uint64 cap_permitted:uint64 cap_effective:uint64 exe_ino:uint64 exe_ino_ctime:abstime exe_ino_mtime:abstime uid:uid trusted_exepath:fspath pgid:pid gid:gid filename:fspath
execveat: res:errno exe:charbuf args:bytebuf tid:pid pid:pid ptid:pid cwd:charbuf fdlimit:uint64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:charbuf cgroups:bytebuf env:bytebuf tty:uint32 vpgid:pid loginuid:uid flags:flags32 cap_inheritable:uint64 cap_permitted:uint64 cap_effective:uint64 exe_ino:uint64 exe_ino_ctime:abstime exe_ino_mtime:abstime uid:uid trusted_exepath:fspath pgid:pid gid:gid
clone fork vfork clone3: res:pid exe:charbuf args:bytebuf tid:pid pid:pid ptid:pid cwd:charbuf fdlimit:int64 pgft_maj:uint64 pgft_min:uint64 vm_size:uint32 vm_rss:uint32 vm_swap:uint32 comm:charbuf cgroups:bytebuf flags:flags32 uid:uint32 gid:uint32 vtid:pid vpid:pid pidns_init_start_ts:uint64
procexit: status:errno ret:errno sig:sigtype core:uint8 reaper_tid:pid
connect: res:errno tuple:socktuple fd:fd addr:sockaddr
socket: fd:fd domain:enumflags32 type:uint32 proto:uint32 flags:flags32
listen: res:errno fd:fd backlog:int32
accept: fd:fd tuple:socktuple queuepct:uint8 queuelen:uint32 queuemax:uint32
accept4: fd:fd tuple:socktuple queuepct:uint8 queuelen:uint32 queuemax:uint32 flags:int32
bind: res:errno addr:sockaddr fd:fd
sendto sendmsg: res:errno data:bytebuf fd:fd size:uint32 tuple:socktuple
recvfrom: res:errno data:bytebuf tuple:socktuple fd:fd size:uint32
recvmsg: res:errno size:uint32 data:bytebuf tuple:socktuple msgcontrol:bytebuf fd:fd
dup: res:fd oldfd:fd
dup2: res:fd oldfd:fd newfd:fd
dup3: res:fd oldfd:fd newfd:fd flags:flags32
unlink rmdir chroot: res:errno path:fspath
unlinkat: res:errno dirfd:fd name:fsrelpath flags:flags32
mkdir: res:errno path:fspath mode:uint32
mkdirat: res:errno dirfd:fd path:fsrelpath mode:uint32
rename link: res:errno oldpath:fspath newpath:fspath
renameat: res:errno olddirfd:fd oldpath:fsrelpath newdirfd:fd newpath:fsrelpath
renameat2: res:errno olddirfd:fd oldpath:fsrelpath newdirfd:fd newpath:fsrelpath flags:flags32
linkat: res:errno olddir:fd oldpath:fsrelpath newdir:fd newpath:fsrelpath flags:flags32
symlink: res:errno target:charbuf linkpath:fspath
symlinkat: res:errno target:charbuf linkdirfd:fd linkpath:fsrelpath
chmod: res:errno filename:fspath mode:mode
fchmod: res:errno fd:fd mode:mode
fchmodat: res:errno dirfd:fd filename:fsrelpath mode:mode
ptrace: res:errno addr:dyn data:dyn request:enumflags16 pid:pid
setns: res:errno fd:fd nstype:flags32
unshare userfaultfd epoll_create1: res:errno flags:flags32
setuid: res:errno uid:uid
setgid: res:errno gid:gid
setresuid: res:errno ruid:uid euid:uid suid:uid
setresgid: res:errno rgid:gid egid:gid sgid:gid
setreuid: res:errno ruid:uid euid:uid
bpf: fd:fd cmd:enumflags32
init_module: res:errno img:bytebuf length:uint64 uargs:charbuf
finit_module: res:errno fd:fd uargs:charbuf flags:flags32
close fchdir: res:errno fd:fd
close_range: res:errno first:uint32 last:uint32 flags:flags32
chdir getcwd: res:errno path:charbuf
fcntl: res:fd fd:fd cmd:enumflags8 arg:uint64
pipe: res:errno fd1:fd fd2:fd ino:uint64
pipe2: res:errno fd1:fd fd2:fd ino:uint64 flags:flags32
socketpair: res:errno fd1:fd fd2:fd source:uint64 peer:uint64 domain:enumflags32 type:uint32 proto:uint32
prctl: res:errno option:enumflags32 arg2_str:charbuf arg2_int:int64
capset: res:errno cap_inheritable:uint64 cap_permitted:uint64 cap_effective:uint64
setsid: res:pid
setpgid: res:errno pid:pid pgid:pid
memfd_create: fd:fd name:charbuf flags:flags32
pidfd_open: fd:fd pid:pid flags:flags32
pidfd_getfd: fd:fd pid_fd:fd target_fd:fd flags:uint32
io_uring_setup: res:errno entries:uint32 sq_entries:uint32 cq_entries:uint32 flags:flags32 sq_thread_cpu:uint32 sq_thread_idle:uint32 features:flags32
timerfd_create: res:fd clockid:uint8 flags:uint8
eventfd2: res:fd flags:flags16 initval:uint64
signalfd4: res:fd flags:flags16 fd:fd mask:uint32
inotify_init1: res:fd flags:flags16
getsockopt: res:errno fd:fd level:enumflags8 optname:enumflags8 val:dyn optlen:uint32
shutdown: res:errno fd:fd how:enumflags8
prlimit: res:errno newcur:int64 newmax:int64 oldcur:int64 oldmax:int64 pid:int64 resource:enumflags8
";

fn is_of_type(shape: Shape, name: &str) -> bool {
    match shape {
        Shape::Errno => name == "errno",
        Shape::Fd => name == "fd",
        Shape::Path => matches!(name, "fspath" | "fsrelpath"),
        Shape::Text => name == "charbuf",
        Shape::Bytes => name == "bytebuf",
        Shape::Tuple => name == "socktuple",
        Shape::Address => name == "sockaddr",
        Shape::Flags(_) => name.starts_with("flags"),
        Shape::Enum(..) => name.starts_with("enumflags"),
        Shape::Mode(_) => name == "mode",
        // In hexadecimal a number has no sign.
        Shape::Unsigned(bits, Radix::Hexadecimal) if name.starts_with("int") => name == format!("int{bits}"),
        Shape::Unsigned(bits, _) => name == format!("uint{bits}"),
        Shape::Signed => matches!(name, "int32" | "int64"),
        Shape::Pid => name == "pid",
        Shape::Uid => name == "uid",
        Shape::Gid => name == "gid",
        Shape::Signal => name == "sigtype",
        Shape::Time => name == "abstime",
        Shape::Duration => name == "reltime",
        Shape::Dynamic(_) => name == "dyn",
        Shape::Call => name == "syscallid",
        Shape::List => matches!(name, "fdlist" | "sigset"),
    }
}

/// Scenario: every event of the specification. Guarantees: its parameters have the names, the order and the types there.
#[test]
fn parameters_are_those_of_the_specification() {
    for line in SPECIFICATION.lines().filter(|line| !line.is_empty()) {
        let (events, parameters) = line.split_once(": ").expect("events and parameters");
        let expected: Vec<_> =
            parameters.split(' ').filter_map(|parameter| parameter.split_once(':')).collect();
        for event in events.split(' ') {
            let schema = schema_of(event).unwrap_or_else(|| panic!("no {event}"));
            let names: Vec<_> = schema.columns.iter().map(|column| column.name).collect();
            assert_eq!(names, expected.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "{event}");
            for (column, (name, of_type)) in schema.columns.iter().zip(&expected) {
                assert!(is_of_type(column.shape, of_type), "{event}.{name} is {:?}", column.shape);
            }
        }
    }
}

/// Scenario: Falco's names of events, and those of parameters. Guarantees: every event is here but those that no agent makes
/// and one whose parameters we do not know; no event is here twice, nor one that Falco does not have, nor a parameter.
#[test]
fn the_table_is_whole_and_has_nothing_else() {
    let known: Vec<_> = event_table::events().map(|(name, _)| name).collect();
    let mut absent: Vec<_> = known.iter().copied().filter(|name| schema_of(name).is_none()).collect();
    let expected = "syscall asyncevent cpu_hotplug groupadded groupdeleted infra k8s mesos notification page_fault \
        pluginevent procinfo useradded userdeleted drop keyctl scapevent switch tracer container";
    let mut expected: Vec<_> = expected.split_whitespace().collect();
    expected.sort_unstable();
    absent.sort_unstable();
    assert_eq!(absent, expected);
    assert_eq!(all().count(), BY_NAME.len());
    for event in all() {
        assert!(known.contains(&event.name), "{}", event.name);
        for column in event.columns {
            assert!(parameter_types::type_of(column.name).is_some(), "{}.{}", event.name, column.name);
        }
    }
}

/// A message with something in every place that a value can come from.
fn message_of(event: &str) -> Kind {
    let words = vec![1, 2, 3, 4, 5, 6];
    match event {
        "open" | "openat" | "openat2" | "creat" | "open_by_handle_at" => Kind::Open(Open::default()),
        "chdir" | "fchdir" => Kind::ChangeDirectory(ChangeDirectory::default()),
        "chroot" => Kind::ChangeRoot(ChangeRoot::default()),
        "rename" | "renameat" | "renameat2" | "link" | "linkat" | "symlink" | "symlinkat" | "mount" => {
            Kind::TwoPathCall(TwoPathCall::default())
        }
        "execve" | "execveat" => Kind::Exec(Exec::default()),
        "clone" | "clone3" | "fork" | "vfork" => Kind::Fork(Fork::default()),
        "procexit" => Kind::Exit(Exit::default()),
        "socket" | "socketpair" => Kind::SocketCreate(SocketCreate::default()),
        "connect" => Kind::Connect(Connect::default()),
        "accept" | "accept4" => Kind::Accept(Accept::default()),
        "bind" | "listen" => Kind::Bind(Bind::default()),
        "getsockopt" | "setsockopt" | "shutdown" => Kind::SocketOption(SocketOption::default()),
        "setuid" | "setgid" | "setreuid" | "setregid" | "setresuid" | "setresgid" | "capset" => {
            let capabilities = Some(Capabilities::default());
            Kind::ChangeCredentials(ChangeCredentials { ids: vec![1, 2, 3], capabilities })
        }
        "setsid" | "setpgid" => Kind::ChangeSession(ChangeSession::default()),
        "prctl" => Kind::ProcessControl(ProcessControl::default()),
        "unshare" | "setns" => Kind::ChangeNamespace(ChangeNamespace::default()),
        "getrlimit" | "setrlimit" | "prlimit" => Kind::ResourceLimit(ResourceLimit::default()),
        "ptrace" | "process_vm_readv" | "process_vm_writev" => Kind::ProcessAccess(ProcessAccess::default()),
        "kill" | "tkill" | "tgkill" | "signaldeliver" => Kind::Signal(Signal::default()),
        "brk" | "mmap" | "mmap2" | "munmap" | "mprotect" | "mlock" | "mlock2" | "munlock" | "mlockall"
        | "munlockall" => Kind::MemoryCall(MemoryCall::default()),
        "init_module" | "finit_module" | "delete_module" => Kind::ModuleCall(ModuleCall::default()),
        "bpf" | "userfaultfd" | "seccomp" | "io_uring_setup" | "io_uring_enter" | "io_uring_register"
        | "quotactl" | "futex" | "nanosleep" => {
            Kind::KernelCall(KernelCall { words, ..KernelCall::default() })
        }
        "getuid" | "geteuid" | "getgid" | "getegid" | "getresuid" | "getresgid" | "semget" | "semop"
        | "semctl" | "poll" | "ppoll" | "select" => Kind::GenericCall(GenericCall { arguments: words }),
        "read" | "pread" | "readv" | "preadv" | "write" | "pwrite" | "writev" | "pwritev" | "sendfile"
        | "splice" | "copy_file_range" | "send" | "sendto" | "sendmsg" | "sendmmsg" | "recv" | "recvfrom"
        | "recvmsg" | "recvmmsg" => Kind::Transfer(Transfer { position: Some(0), ..Transfer::default() }),
        "unlink" | "unlinkat" | "rmdir" | "mkdir" | "mkdirat" | "mknod" | "mknodat" | "chmod" | "fchmod"
        | "fchmodat" | "chown" | "lchown" | "fchown" | "fchownat" | "access" | "stat" | "stat64"
        | "lstat" | "lstat64" | "fstat" | "fstat64" | "newfstatat" | "getcwd" | "umount" | "umount2" => {
            Kind::PathCall(PathCall::default())
        }
        _ => Kind::DescriptorCall(DescriptorCall::default()),
    }
}

/// Scenario: each event as the message that the agent makes of it. Guarantees: which parameters have no value, and no other.
#[test]
fn only_these_parameters_have_no_value() {
    let mut host = host();
    tell_cgroup(&mut host, 30, "");
    let mut missing = Vec::new();
    for schema in all() {
        let event = call(0, 0, message_of(schema.name));
        let view = view(&event, &host);
        let names = schema.columns.iter().map(|column| column.name);
        let absent: Vec<_> =
            names.filter(|name| of_event::value(&view, schema.name, name).is_none()).collect();
        if !absent.is_empty() {
            missing.push(format!("{}: {}", schema.name, absent.join(" ")));
        }
    }
    missing.sort_unstable();
    let expected: Vec<_> = UNTOLD.iter().map(|(event, names)| format!("{event}: {names}")).collect();
    assert_eq!(missing, expected);
}

/// Scenario: a mapping from the fourth page of a file on. Guarantees: mmap tells the offset in bytes and mmap2 in units of 4,096, as their
/// callers give it.
#[test]
fn offsets_of_mappings() {
    let event = call(0, 0, Kind::MemoryCall(MemoryCall { offset: 3 * 4_096, ..MemoryCall::default() }));
    let (host, offset) = (host(), |raw| matches!(raw, Some(Raw::Unsigned(12_288))));
    assert!(offset(of_event::value(&view(&event, &host), "mmap", "offset")));
    let pages = of_event::value(&view(&event, &host), "mmap2", "pgoffset");
    assert!(matches!(pages, Some(Raw::Unsigned(3))));
}

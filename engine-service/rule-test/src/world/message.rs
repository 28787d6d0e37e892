//! Which message of the contract an event of each type is, as the agent has it (`capture-agent/src/plan/table.rs`).

use eyrie_proto::event::{
    Accept, Bind, ChangeCredentials, ChangeDirectory, ChangeNamespace, ChangeRoot, ChangeSession, Connect,
    DescriptorCall, Exec, Exit, Fork, GenericCall, KernelCall, MemoryCall, ModuleCall, Open, PathCall,
    ProcessAccess, ProcessControl, ResourceLimit, Signal, SocketCreate, SocketOption, Transfer, TwoPathCall,
    event::Kind,
};

use super::socket::Ends;

/// AF_INET and SOCK_STREAM of linux/socket.h and linux/net.h.
const AF_INET: u32 = 2;
const SOCK_STREAM: u32 = 1;
/// SIGTERM of asm-generic/signal.h.
const SIGTERM: u32 = 15;

/// What the descriptor of an event is unless the case says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The event is about none.
    None,
    File,
    Socket(Ends),
    /// `fd.type` of those that are neither.
    Other(&'static str),
}

/// An event of this type, as empty as can be.
pub(super) fn of_event_type(name: &str) -> Kind {
    match name {
        "open" | "openat" | "openat2" | "creat" | "open_by_handle_at" => Kind::Open(Open::default()),
        "execve" | "execveat" => Kind::Exec(Exec::default()),
        "clone" | "clone3" | "fork" | "vfork" => Kind::Fork(Fork::default()),
        "procexit" => Kind::Exit(Exit { is_process_end: true, ..Exit::default() }),
        "unlink" | "unlinkat" | "rmdir" | "mkdir" | "mkdirat" | "mknod" | "mknodat" | "chmod" | "fchmod"
        | "fchmodat" | "fchmodat2" | "chown" | "lchown" | "fchown" | "fchownat" | "truncate" | "utime"
        | "utimes" | "futimesat" | "utimensat" | "access" | "faccessat" | "faccessat2" | "stat"
        | "stat64" | "lstat" | "lstat64" | "fstat" | "fstat64" | "newfstatat" | "statx" | "statfs"
        | "fstatfs" | "readlink" | "readlinkat" | "getcwd" | "umount" | "umount2" | "swapon" | "swapoff"
        | "acct" | "uselib" | "setxattr" | "lsetxattr" | "fsetxattr" | "getxattr" | "lgetxattr"
        | "fgetxattr" | "removexattr" | "lremovexattr" | "fremovexattr" | "listxattr" | "llistxattr"
        | "flistxattr" | "inotify_add_watch" | "fanotify_mark" | "name_to_handle_at" | "mount_setattr"
        | "open_tree" => Kind::PathCall(PathCall::default()),
        "rename" | "renameat" | "renameat2" | "link" | "linkat" | "symlink" | "symlinkat" | "mount"
        | "pivot_root" | "move_mount" => Kind::TwoPathCall(TwoPathCall::default()),
        "close" | "close_range" | "dup" | "dup2" | "dup3" | "fcntl" | "pidfd_open" | "pidfd_getfd"
        | "pipe" | "pipe2" | "eventfd" | "eventfd2" | "signalfd" | "signalfd4" | "timerfd_create"
        | "epoll_create" | "epoll_create1" | "epoll_ctl" | "epoll_wait" | "epoll_pwait" | "inotify_init"
        | "inotify_init1" | "memfd_create" | "fsopen" | "fsconfig" | "fsmount" | "ioctl" | "flock"
        | "lseek" | "llseek" | "ftruncate" | "fallocate" | "fsync" | "fdatasync" | "getdents"
        | "getdents64" | "getsockname" | "getpeername" | "memfd_secret" => {
            Kind::DescriptorCall(DescriptorCall::default())
        }
        "read" | "pread" | "readv" | "preadv" | "preadv2" | "write" | "pwrite" | "writev" | "pwritev"
        | "pwritev2" | "sendfile" | "splice" | "copy_file_range" | "tee" | "vmsplice" | "send" | "sendto"
        | "sendmsg" | "sendmmsg" | "recv" | "recvfrom" | "recvmsg" | "recvmmsg" => {
            Kind::Transfer(Transfer::default())
        }
        "socket" | "socketpair" => Kind::SocketCreate(SocketCreate {
            family: AF_INET,
            r#type: SOCK_STREAM,
            ..SocketCreate::default()
        }),
        "connect" => Kind::Connect(Connect::default()),
        "accept" | "accept4" => Kind::Accept(Accept::default()),
        "bind" | "listen" => Kind::Bind(Bind::default()),
        "getsockopt" | "setsockopt" | "shutdown" => Kind::SocketOption(SocketOption::default()),
        _ => of_process_or_kernel(name),
    }
}

fn of_process_or_kernel(name: &str) -> Kind {
    match name {
        "chdir" | "fchdir" => Kind::ChangeDirectory(ChangeDirectory::default()),
        "chroot" => Kind::ChangeRoot(ChangeRoot::default()),
        "setuid" | "setgid" | "setfsuid" | "setfsgid" | "setreuid" | "setregid" | "setresuid"
        | "setresgid" => Kind::ChangeCredentials(ChangeCredentials { ids: vec![0; 3], capabilities: None }),
        "capset" => Kind::ChangeCredentials(ChangeCredentials {
            ids: Vec::new(),
            capabilities: Some(eyrie_proto::event::Capabilities::default()),
        }),
        "setsid" | "setpgid" => Kind::ChangeSession(ChangeSession::default()),
        "prctl" | "arch_prctl" => Kind::ProcessControl(ProcessControl::default()),
        "unshare" | "setns" => Kind::ChangeNamespace(ChangeNamespace::default()),
        "prlimit" | "setrlimit" | "getrlimit" => Kind::ResourceLimit(ResourceLimit::default()),
        "ptrace" | "process_vm_readv" | "process_vm_writev" => Kind::ProcessAccess(ProcessAccess::default()),
        "kill" | "tkill" | "tgkill" | "rt_sigqueueinfo" | "rt_tgsigqueueinfo" | "pidfd_send_signal"
        | "signaldeliver" => Kind::Signal(Signal { number: SIGTERM, ..Signal::default() }),
        "mmap" | "mmap2" | "munmap" | "mremap" | "mprotect" | "pkey_mprotect" | "brk" | "madvise"
        | "mlock" | "mlock2" | "mlockall" | "munlock" | "munlockall" | "msync" => {
            Kind::MemoryCall(MemoryCall::default())
        }
        "init_module" | "finit_module" | "delete_module" | "kexec_load" | "kexec_file_load" => {
            Kind::ModuleCall(ModuleCall::default())
        }
        "bpf" | "perf_event_open" | "userfaultfd" | "seccomp" | "io_uring_setup" | "io_uring_enter"
        | "io_uring_register" | "add_key" | "request_key" | "keyctl" | "quotactl" | "quotactl_fd"
        | "sethostname" | "setdomainname" | "reboot" | "syslog" | "clock_settime" | "settimeofday"
        | "nanosleep" | "clock_nanosleep" | "futex" => {
            Kind::KernelCall(KernelCall { words: vec![0; 6], ..KernelCall::default() })
        }
        _ => Kind::GenericCall(GenericCall { arguments: vec![0; 6] }),
    }
}

/// What the descriptor of an event of this type is.
pub(super) fn subject(name: &str) -> Subject {
    match name {
        "connect" | "send" | "sendto" | "sendmsg" | "sendmmsg" | "recv" | "recvfrom" | "recvmsg"
        | "recvmmsg" | "getsockopt" | "setsockopt" | "shutdown" | "getsockname" | "getpeername" => {
            Subject::Socket(Ends::Client)
        }
        "accept" | "accept4" => Subject::Socket(Ends::Server),
        "bind" | "listen" => Subject::Socket(Ends::Own),
        "socket" | "socketpair" => Subject::Socket(Ends::None),
        "pipe" | "pipe2" => Subject::Other("pipe"),
        "eventfd" | "eventfd2" => Subject::Other("event"),
        "signalfd" | "signalfd4" => Subject::Other("signalfd"),
        "timerfd_create" => Subject::Other("timerfd"),
        "epoll_create" | "epoll_create1" | "epoll_wait" | "epoll_ctl" | "epoll_pwait" => {
            Subject::Other("eventpoll")
        }
        "inotify_init" | "inotify_init1" | "inotify_add_watch" => Subject::Other("inotify"),
        "memfd_create" => Subject::Other("memfd"),
        "pidfd_open" => Subject::Other("pidfd"),
        "bpf" => Subject::Other("bpf"),
        "userfaultfd" => Subject::Other("userfaultfd"),
        "io_uring_setup" | "io_uring_enter" | "io_uring_register" => Subject::Other("io_uring"),
        "open" | "openat" | "openat2" | "creat" | "open_by_handle_at" | "read" | "pread" | "readv"
        | "preadv" | "preadv2" | "write" | "pwrite" | "writev" | "pwritev" | "pwritev2" | "sendfile"
        | "splice" | "copy_file_range" | "dup" | "dup2" | "dup3" | "fcntl" | "ioctl" | "flock" | "lseek"
        | "llseek" | "ftruncate" | "fallocate" | "fsync" | "fdatasync" | "getdents" | "getdents64"
        | "fchmod" | "fchown" | "fstat" | "fstat64" | "fstatfs" | "setns" | "finit_module"
        | "kexec_file_load" | "tee" | "vmsplice" | "fsetxattr" | "fgetxattr" | "fremovexattr"
        | "flistxattr" | "pidfd_getfd" | "fsopen" | "fsconfig" | "fsmount" => Subject::File,
        _ => Subject::None,
    }
}

/// Whether a call of this type returns the number of the descriptor that it is about.
pub(super) fn returns_descriptor(name: &str) -> bool {
    matches!(
        name,
        "open"
            | "openat"
            | "openat2"
            | "creat"
            | "open_by_handle_at"
            | "socket"
            | "accept"
            | "accept4"
            | "bpf"
            | "userfaultfd"
            | "memfd_create"
            | "pidfd_open"
            | "pidfd_getfd"
            | "eventfd"
            | "eventfd2"
            | "signalfd"
            | "signalfd4"
            | "timerfd_create"
            | "epoll_create"
            | "epoll_create1"
            | "inotify_init"
            | "inotify_init1"
            | "fsopen"
            | "fsmount"
            | "io_uring_setup"
    )
}

/// Puts a descriptor where the message of the event has it; false if it has no place for one.
pub(super) fn set_descriptor(kind: &mut Kind, descriptor: eyrie_proto::event::Descriptor) -> bool {
    let place = match kind {
        Kind::Open(open) => &mut open.descriptor,
        Kind::Connect(connect) => &mut connect.descriptor,
        Kind::Accept(accept) => &mut accept.descriptor,
        Kind::Bind(bind) => &mut bind.descriptor,
        Kind::Transfer(transfer) => &mut transfer.descriptor,
        Kind::PathCall(call) => &mut call.descriptor,
        Kind::DescriptorCall(call) => &mut call.descriptor,
        Kind::SocketCreate(call) => &mut call.descriptor,
        Kind::SocketOption(call) => &mut call.descriptor,
        Kind::ChangeNamespace(call) => &mut call.descriptor,
        Kind::MemoryCall(call) => &mut call.descriptor,
        Kind::ModuleCall(call) => &mut call.descriptor,
        Kind::KernelCall(call) => &mut call.descriptor,
        _ => return false,
    };
    *place = Some(descriptor);
    true
}

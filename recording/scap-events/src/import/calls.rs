//! Which call an event is of, and which message of the contract its events are.
//!
//! The messages are those that the agent makes of the same calls (`capture-agent/src/plan/table`).

use std::sync::LazyLock;

use eyrie_proto::event::{SystemCall, SystemCallAbi};
use fields::Architecture;
use scap::table::{self, EventType};

/// Codes of events are less than this.
const CODES: u16 = 1024;
/// `PPME_GENERIC_X`: calls without parameters of their own share it.
const GENERIC_EXIT: u16 = 1;

/// What the events of a call are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Fork,
    Exec,
    Open,
    PathCall,
    TwoPathCall,
    ChangeDirectory,
    ChangeRoot,
    Close,
    CloseRange,
    /// dup and its relatives.
    Copy,
    Control,
    /// A call whose result is a descriptor, of this type.
    Maker(&'static str),
    Pipe,
    DescriptorCall,
    Send,
    Receive,
    /// Between a descriptor and memory, or between two.
    Transfer,
    SocketCreate,
    SocketPair,
    Connect,
    Accept,
    Bind,
    Listen,
    SocketOption,
    ChangeCredentials,
    ChangeCapabilities,
    SetSession,
    ChangeSession,
    ProcessControl,
    ChangeNamespace,
    ResourceLimit,
    ProcessAccess,
    Signal,
    MemoryCall,
    ModuleCall,
    KernelCall,
    Generic,
}

/// An exit event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallEvent {
    pub(crate) message: Message,
    pub(crate) number: u32,
    pub(crate) abi: SystemCallAbi,
}

static CALLS: LazyLock<Vec<Option<CallEvent>>> = LazyLock::new(|| (0..CODES).map(of_code).collect());

/// What an exit event is of; `None` for what is no end of a call.
pub(crate) fn call_event(event_type: &EventType) -> Option<CallEvent> {
    CALLS.get(usize::from(event_type.code)).copied().flatten()
}

/// The number of a call that shares its event with others: by its own number, or else by Falco's.
pub(crate) fn generic_number(native: Option<u32>, falco: Option<u32>) -> Option<u32> {
    native.or_else(|| {
        let name = table::system_call_name(u16::try_from(falco?).ok()?)?;
        fields::call_of_event_type(name, Architecture::X86_64).map(|call| call.number)
    })
}

fn of_code(code: u16) -> Option<CallEvent> {
    let event_type = table::event_type(code)?;
    let is_end = !event_type.is_enter && code % 2 == 1;
    if code == GENERIC_EXIT {
        return Some(CallEvent { message: Message::Generic, number: 0, abi: SystemCallAbi::Unspecified });
    }
    if !is_end {
        return None;
    }
    let call: SystemCall = fields::call_of_event_type(event_type.event_type, Architecture::X86_64)?;
    Some(CallEvent { message: message(event_type.event_type), number: call.number, abi: call.abi() })
}

fn message(event_type: &str) -> Message {
    match event_type {
        "clone" | "clone3" | "fork" | "vfork" => Message::Fork,
        "execve" | "execveat" => Message::Exec,
        "open" | "openat" | "openat2" | "creat" | "open_by_handle_at" => Message::Open,
        "unlink" | "unlinkat" | "rmdir" | "mkdir" | "mkdirat" | "mknod" | "mknodat" | "chmod" | "fchmod"
        | "fchmodat" | "chown" | "lchown" | "fchown" | "fchownat" | "access" | "stat" | "stat64"
        | "lstat" | "lstat64" | "fstat" | "fstat64" | "newfstatat" | "umount" | "umount2" | "getcwd" => {
            Message::PathCall
        }
        "rename" | "renameat" | "renameat2" | "link" | "linkat" | "symlink" | "symlinkat" | "mount" => {
            Message::TwoPathCall
        }
        "chdir" | "fchdir" => Message::ChangeDirectory,
        "chroot" => Message::ChangeRoot,
        "close" => Message::Close,
        "close_range" => Message::CloseRange,
        "dup" | "dup2" | "dup3" => Message::Copy,
        "fcntl" => Message::Control,
        "pipe" | "pipe2" => Message::Pipe,
        "ioctl" | "flock" | "lseek" | "llseek" | "getdents" | "getdents64" | "fsconfig" | "epoll_wait"
        | "getsockname" | "getpeername" => Message::DescriptorCall,
        "read" | "pread" | "readv" | "preadv" | "write" | "pwrite" | "writev" | "pwritev" | "sendfile"
        | "splice" | "copy_file_range" => Message::Transfer,
        "send" | "sendto" | "sendmsg" | "sendmmsg" => Message::Send,
        "recv" | "recvfrom" | "recvmsg" | "recvmmsg" => Message::Receive,
        "socket" => Message::SocketCreate,
        "socketpair" => Message::SocketPair,
        "connect" => Message::Connect,
        "accept" | "accept4" => Message::Accept,
        "bind" => Message::Bind,
        "listen" => Message::Listen,
        "getsockopt" | "setsockopt" | "shutdown" => Message::SocketOption,
        "setuid" | "setgid" | "setreuid" | "setregid" | "setresuid" | "setresgid" => {
            Message::ChangeCredentials
        }
        "capset" => Message::ChangeCapabilities,
        "setsid" => Message::SetSession,
        "setpgid" => Message::ChangeSession,
        "prctl" => Message::ProcessControl,
        "unshare" | "setns" => Message::ChangeNamespace,
        "prlimit" | "setrlimit" | "getrlimit" => Message::ResourceLimit,
        "ptrace" | "process_vm_readv" | "process_vm_writev" => Message::ProcessAccess,
        "kill" | "tkill" | "tgkill" => Message::Signal,
        "brk" | "mmap" | "mmap2" | "munmap" | "mprotect" | "mlock" | "mlock2" | "mlockall" | "munlock"
        | "munlockall" => Message::MemoryCall,
        "init_module" | "finit_module" | "delete_module" => Message::ModuleCall,
        "seccomp" | "io_uring_enter" | "io_uring_register" | "futex" | "nanosleep" | "quotactl"
        | "keyctl" => Message::KernelCall,
        _ => maker(event_type).map_or(Message::Generic, Message::Maker),
    }
}

/// What a call makes a descriptor of, as `fd.type` has it.
fn maker(event_type: &str) -> Option<&'static str> {
    Some(match event_type {
        "eventfd" | "eventfd2" => "event",
        "signalfd" | "signalfd4" => "signalfd",
        "timerfd_create" => "timerfd",
        "inotify_init" | "inotify_init1" => "inotify",
        "epoll_create" | "epoll_create1" => "eventpoll",
        "memfd_create" => "memfd",
        "pidfd_open" => "pidfd",
        "pidfd_getfd" => "copy",
        "bpf" => "bpf",
        "userfaultfd" => "userfaultfd",
        "io_uring_setup" => "io_uring",
        _ => return None,
    })
}

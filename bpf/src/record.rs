//! Decoded records.

mod cgroup;
mod detailed;
mod file;
mod process;
mod socket;
mod uring;

pub use cgroup::Cgroup;
pub use detailed::DetailedCall;
pub use file::{ChangeDirectory, Open};
pub use process::{Call, Exec, Exit, FailedExec, Fork, Task};
pub use socket::Connect;
pub use uring::{UringCompletion, UringRequest};

use crate::layout::Header;

/// A decoded record, borrowing its variable parts. Those that are absent are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "one is decoded at a time, on the stack; a box would cost an allocation each"
)]
#[non_exhaustive]
pub enum Record<'a> {
    /// A new process or thread.
    Fork(Fork),
    /// A program was executed.
    Exec(Exec<'a>),
    /// A program could not be executed.
    FailedExec(FailedExec<'a>),
    /// A thread ended.
    Exit(Exit),
    /// `open`, `openat`, `openat2` or `creat`.
    Open(Open<'a>),
    /// `connect`.
    Connect(Connect<'a>),
    /// `chdir` or `fchdir`.
    ChangeDirectory(ChangeDirectory<'a>),
    /// Any other system call.
    Call(Call),
    /// A system call with the parts that its shape names.
    DetailedCall(DetailedCall<'a>),
    /// A request that was submitted to io_uring.
    UringRequest(UringRequest<'a>),
    /// The end of such a request.
    UringCompletion(UringCompletion<'a>),
    /// A thread as the snapshot found it.
    Task(Task<'a>),
    /// A control group was made or removed.
    Cgroup(Cgroup<'a>),
}

// === impl Record ===

impl Record<'_> {
    /// The head that every record has.
    pub fn header(&self) -> &Header {
        match self {
            Self::Fork(record) => &record.header,
            Self::Exec(record) => &record.header,
            Self::FailedExec(record) => &record.header,
            Self::Exit(record) => &record.header,
            Self::Open(record) => &record.header,
            Self::Connect(record) => &record.header,
            Self::ChangeDirectory(record) => &record.header,
            Self::Call(record) => &record.header,
            Self::DetailedCall(record) => &record.header,
            Self::UringRequest(record) => &record.call.header,
            Self::UringCompletion(record) => &record.header,
            Self::Task(record) => &record.header,
            Self::Cgroup(record) => &record.header,
        }
    }
}

//! What is captured of each system call besides the lives of processes, opens, connects and changed directories, which have
//! records of their own: one line per call, by which plans are answered, the programs told what to read, and records made
//! events.
//!
//! Names are the kernel's. A name means the native and the 32-bit call, which take the same arguments unless a line says
//! which of both it is for; 64-bit values that take two registers there count only where a line has both of them.

mod descriptors;
mod files;
mod kernel;
mod memory;
mod plain;
mod processes;
mod sockets;
mod transfers;

use std::sync::LazyLock;

use eyrie_bpf::{Argument, CallSet, Place, Shape, Step};

use super::calls::{CallAbi, numbers};

/// Which message of the contract the events of a call are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// `open_by_handle_at`.
    Open,
    PathCall,
    /// `PathCall` of a name that starts at no directory.
    NameCall,
    /// `PathCall` of a path that the call wrote.
    PathBack,
    TwoPathCall,
    DescriptorCall,
    /// `DescriptorCall` of `fcntl`, whose result is a descriptor for some commands only.
    DescriptorControl,
    Transfer,
    SocketCreate,
    Accept,
    Bind,
    SocketOption,
    ChangeRoot,
    ChangeCredentials,
    /// `ChangeCredentials` of `capset`.
    ChangeCapabilities,
    ChangeSession,
    ProcessControl,
    ChangeNamespace,
    ResourceLimit,
    ProcessAccess,
    Signal,
    MemoryCall,
    ModuleCall,
    KernelCall(Structure),
    /// The registers are all that there is.
    GenericCall,
}

/// What of a `KernelCall` lies in memory, behind the words of its registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Structure {
    None,
    /// `struct io_uring_params`: adds `sq_entries`, `cq_entries`, `sq_thread_cpu`, `sq_thread_idle` and `features`, and has the
    /// flags.
    RingParameters,
    /// `struct perf_event_attr`: has the command (its `type`), and adds `config`.
    PerfEvent,
    /// `union bpf_attr`: adds the type of a program or map, and has its name as text.
    BpfAttributes,
    /// Seconds and a fraction of a second, of 64 bits each: adds both.
    Time64,
    /// The same of 32 bits each.
    Time32,
    /// Text without a NUL byte, whose length the first word tells.
    CountedText,
}

/// What a register of a call is in its message. Those of `KernelCall` and `ProcessControl` that have no name there are words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Register {
    Address,
    Argument,
    /// The upper half of `Argument`.
    ArgumentHigh,
    Backlog,
    Command,
    Data,
    /// A device as the program gave it.
    Device,
    Family,
    /// The number of a descriptor that is not looked at.
    Fd,
    First,
    Flags,
    Gid,
    /// Of 16 bits, all of them set for "unchanged".
    Gid16,
    How,
    Id,
    /// Of 16 bits.
    Id16,
    Last,
    Length,
    /// The upper half of `Length`.
    LengthHigh,
    Level,
    Mode,
    Name,
    Number,
    Offset,
    /// An offset in units of 4,096 bytes.
    OffsetPages,
    Option,
    Pid,
    /// A place in a file; of 32-bit calls the lower half.
    Position,
    /// Its upper half, of 32-bit calls alone.
    PositionHigh,
    ProcessGroup,
    Protection,
    Protocol,
    Request,
    Resource,
    Size,
    Tid,
    Type,
    Uid,
    /// Of 16 bits.
    Uid16,
    Word,
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DescribedCall {
    pub(crate) name: &'static str,
    pub(crate) message: Message,
    /// What the programs read besides the registers.
    pub(crate) steps: &'static [Step],
    /// What the registers are, by the number of the argument.
    pub(crate) words: &'static [(Register, u8)],
    /// Whose arguments these are; `None` for those of both.
    abi: Option<CallAbi>,
}

/// Where a 64-bit value begins that a 32-bit call takes in the registers behind its first: on ARM in an even one.
const PAIR: u8 = if cfg!(target_arch = "aarch64") { 2 } else { 1 };

const FAMILIES: [&[DescribedCall]; 8] = [
    files::CALLS,
    descriptors::CALLS,
    transfers::CALLS,
    sockets::CALLS,
    processes::CALLS,
    memory::CALLS,
    kernel::CALLS,
    plain::CALLS,
];

/// Lines by number, native and 32-bit: looked up for each record.
static BY_NUMBER: LazyLock<[Vec<Option<&'static DescribedCall>>; 2]> = LazyLock::new(|| {
    [CallAbi::Native, CallAbi::Compat].map(|abi| {
        let mut lines = vec![None; CallSet::NUMBERS as usize];
        for call in all().filter(|call| call.is_for(abi)) {
            let number = call.number(abi).and_then(|number| usize::try_from(number).ok());
            if let Some(line) = number.and_then(|number| lines.get_mut(number)) {
                *line = Some(call);
            }
        }
        lines
    })
});

/// The line of a call.
pub(crate) fn by_number(abi: CallAbi, number: u32) -> Option<&'static DescribedCall> {
    let [native, compat] = &*BY_NUMBER;
    let lines = if abi == CallAbi::Native { native } else { compat };
    lines.get(usize::try_from(number).ok()?).copied().flatten()
}

/// Whether a call of this name is in the table.
pub(super) fn has(call: &str) -> bool {
    all().any(|line| line.name == call)
}

/// Whether events of a call say of a descriptor which end of a connection it is, unless the call itself decides that.
pub(super) fn tells_sockets(call: &str) -> bool {
    use Message::{DescriptorCall, DescriptorControl, SocketOption, Transfer};
    let is_given = |step: &Step| matches!(step, Step::Descriptor { argument: Argument::At(_), .. });
    let messages = [Transfer, SocketOption, DescriptorCall, DescriptorControl];
    all().any(|line| line.name == call && messages.contains(&line.message) && line.steps.iter().any(is_given))
}

/// What the map of shapes has to have, with the index of each: only of calls of which more than registers is read.
pub(crate) fn shapes() -> impl Iterator<Item = (u32, Shape)> {
    [CallAbi::Native, CallAbi::Compat].into_iter().flat_map(|abi| {
        (0..CallSet::NUMBERS).filter_map(move |number| {
            let call = by_number(abi, number).filter(|call| !call.steps.is_empty())?;
            // A test makes sure that no line has too many steps.
            Some((Shape::index(number, abi == CallAbi::Compat)?, Shape::new(call.steps)?))
        })
    })
}

/// Every line.
pub(crate) fn all() -> impl Iterator<Item = &'static DescribedCall> {
    FAMILIES.into_iter().flatten()
}

// === impl DescribedCall ===

impl DescribedCall {
    const fn native(self) -> Self {
        Self { abi: Some(CallAbi::Native), ..self }
    }

    const fn compat(self) -> Self {
        Self { abi: Some(CallAbi::Compat), ..self }
    }

    pub(super) fn is_for(&self, abi: CallAbi) -> bool {
        self.abi.is_none_or(|own| own == abi)
    }

    fn number(&self, abi: CallAbi) -> Option<u32> {
        let (native, compat) = numbers(self.name);
        if abi == CallAbi::Native { native } else { compat }
    }
}

// Lines and steps, short.

const fn call(
    name: &'static str,
    message: Message,
    steps: &'static [Step],
    words: &'static [(Register, u8)],
) -> DescribedCall {
    DescribedCall { name, message, steps, words, abi: None }
}

const fn path(argument: u8) -> Step {
    Step::Path { place: Place::First, argument, directory: None }
}

const fn path_at(argument: u8, directory: u8) -> Step {
    Step::Path { place: Place::First, argument, directory: Some(directory) }
}

const fn second_path(argument: u8) -> Step {
    Step::Path { place: Place::Second, argument, directory: None }
}

const fn second_path_at(argument: u8, directory: u8) -> Step {
    Step::Path { place: Place::Second, argument, directory: Some(directory) }
}

const fn fd(argument: u8) -> Step {
    Step::Descriptor { place: Place::First, argument: Argument::At(argument) }
}

const fn second_fd(argument: u8) -> Step {
    Step::Descriptor { place: Place::Second, argument: Argument::At(argument) }
}

const MADE: Step = Step::Descriptor { place: Place::First, argument: Argument::Result };
const SECOND_MADE: Step = Step::Descriptor { place: Place::Second, argument: Argument::Result };

const fn given(argument: u8, size: u8) -> Step {
    Step::Bytes { place: Place::First, argument, size, is_written: false }
}

const fn written(argument: u8, size: u8) -> Step {
    Step::Bytes { place: Place::First, argument, size, is_written: true }
}

const fn second_written(argument: u8, size: u8) -> Step {
    Step::Bytes { place: Place::Second, argument, size, is_written: true }
}

#[cfg(test)]
mod tests;

//! The parameters of a call: those of its exit event, completed from its enter event where a file is too old to have
//! everything in one place.

use scap::table::{EventType, ParameterType};

/// What one thread's last enter event may hold to be kept. Enter events have descriptors, flags and paths, and no data.
pub(crate) const MAX_ENTER_BYTES: usize = 16 << 10;
/// What old drivers wrote for memory that they could not read.
const UNREADABLE: &[u8] = b"<NA>";
/// `PPME_SYSCALL_EXECVEAT_E`; a successful execveat ends as execve.
const EXECVEAT_ENTER: u16 = 330;
const EXECVE_EXIT: u16 = 293;

/// An enter event that waits for its exit.
#[derive(Debug)]
pub(crate) struct Enter {
    event_type: &'static EventType,
    bytes: Vec<u8>,
    /// Where each parameter ends in `bytes`.
    ends: Vec<usize>,
}

/// The parameters of a call that has ended, or of what is no call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters<'a> {
    event_type: &'static EventType,
    exit: &'a [&'a [u8]],
    enter: Option<&'a Enter>,
}

// === impl Enter ===

impl Enter {
    /// A copy; `None` of one without parameters, which says nothing, or with too many bytes.
    pub(crate) fn new(event: &scap::Event<'_>, event_type: &'static EventType) -> Option<Self> {
        let size: usize = event.parameters.iter().map(|bytes| bytes.len()).sum();
        if size == 0 || size > MAX_ENTER_BYTES {
            return None;
        }
        let mut enter = Self {
            event_type,
            bytes: Vec::with_capacity(size),
            ends: Vec::with_capacity(event.parameters.len()),
        };
        for parameter in &event.parameters {
            enter.bytes.extend_from_slice(parameter);
            enter.ends.push(enter.bytes.len());
        }
        Some(enter)
    }

    /// What it takes in memory.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.bytes.len() + self.ends.len() * size_of::<usize>()
    }

    /// Whether it is the beginning of the call that this event ends. One of another call is the leftover of a call whose end was lost.
    pub(crate) fn begins(&self, exit: &EventType) -> bool {
        let enter = self.event_type.code;
        enter + 1 == exit.code || enter == EXECVEAT_ENTER && exit.code == EXECVE_EXIT
    }

    fn bytes(&self, name: &str) -> Option<(&[u8], ParameterType)> {
        let (index, parameter_type) = place(self.event_type, name)?;
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        let bytes = self.bytes.get(start..end).filter(|bytes| !bytes.is_empty())?;
        Some((bytes, parameter_type))
    }
}

// === impl Parameters ===

impl<'a> Parameters<'a> {
    /// Of an exit event, with the enter event of the same call if there is one.
    pub(crate) fn new(
        event_type: &'static EventType,
        exit: &'a [&'a [u8]],
        enter: Option<&'a Enter>,
    ) -> Self {
        Self { event_type, exit, enter }
    }

    /// Whether every parameter of fixed size has this size, or none.
    pub(crate) fn are_well_formed(&self) -> bool {
        let mut pairs = self.event_type.parameters.iter().zip(self.exit);
        pairs.all(|(parameter, bytes)| {
            bytes.is_empty() || parameter.parameter_type.size().is_none_or(|size| size == bytes.len())
        })
    }

    /// A parameter's bytes with their type; `None` if it is absent.
    pub(crate) fn typed(&self, name: &str) -> Option<(&'a [u8], ParameterType)> {
        self.of_exit(name).or_else(|| self.of_enter(name))
    }

    /// The same, of the enter event alone: what the program gave before it could be changed while the call ran.
    pub(crate) fn of_enter(&self, name: &str) -> Option<(&'a [u8], ParameterType)> {
        let enter = self.enter?;
        // Old duplications call what the new ones call `oldfd` as all others do.
        enter.bytes(name).or_else(|| enter.bytes("fd").filter(|_| name == "oldfd"))
    }

    fn of_exit(&self, name: &str) -> Option<(&'a [u8], ParameterType)> {
        let (index, parameter_type) = place(self.event_type, name)?;
        let bytes = self.exit.get(index).copied().filter(|bytes| !bytes.is_empty())?;
        Some((bytes, parameter_type))
    }

    pub(crate) fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        self.typed(name).map(|(bytes, _)| bytes)
    }

    /// A number of any size; unsigned ones of 64 bits come as the signed number with the same bits.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        let (bytes, parameter_type) = self.typed(name)?;
        number(bytes, parameter_type)
    }

    pub(crate) fn number_of_enter(&self, name: &str) -> Option<i64> {
        let (bytes, parameter_type) = self.of_enter(name)?;
        number(bytes, parameter_type)
    }

    pub(crate) fn number_of_exit(&self, name: &str) -> Option<i64> {
        let (bytes, parameter_type) = self.of_exit(name)?;
        number(bytes, parameter_type)
    }

    pub(crate) fn unsigned(&self, name: &str) -> Option<u64> {
        self.number(name).map(i64::cast_unsigned)
    }

    /// The lower 32 bits.
    pub(crate) fn low(&self, name: &str) -> Option<u32> {
        self.unsigned(name).map(|number| number as u32)
    }

    /// A descriptor, as an int has it.
    pub(crate) fn fd(&self, name: &str) -> Option<i32> {
        self.number(name).map(|number| number as i32)
    }

    /// An id of a process or thread: above zero.
    pub(crate) fn id(&self, name: &str) -> Option<u32> {
        u32::try_from(self.number(name)?).ok().filter(|id| *id != 0)
    }

    /// Text without its NUL byte; `None` if it is absent or could not be read.
    pub(crate) fn text(&self, name: &str) -> Option<&'a [u8]> {
        self.bytes(name).and_then(text)
    }

    pub(crate) fn text_of_enter(&self, name: &str) -> Option<&'a [u8]> {
        self.of_enter(name).and_then(|(bytes, _)| text(bytes)).filter(|text| !text.is_empty())
    }

    /// Strings that end with NUL each.
    pub(crate) fn strings(&self, name: &str) -> Vec<Vec<u8>> {
        self.bytes(name).map(scap::value::split_strings).unwrap_or_default()
    }

    /// The same flags, mode or one of several constants in the kernel's numbering instead of Falco's.
    pub(crate) fn kernel(&self, name: &str) -> Option<u64> {
        let falco = self.unsigned(name)?;
        Some(fields::kernel_number(self.event_type.event_type, name, falco))
    }

    /// What the call returned: its first parameter, if that is a result. Events of some calls have none in old files.
    pub(crate) fn result(&self) -> i64 {
        let first = self.event_type.parameters.first();
        let is_result =
            |name: &str| matches!(name, "res" | "fd" | "uid" | "euid" | "gid" | "egid" | "res_or_fd");
        let Some(first) = first.filter(|first| is_result(first.name)) else { return 0 };
        let bytes = self.exit.first().copied().unwrap_or_default();
        match first.parameter_type {
            // An index of the type, then a descriptor or an error: both are signed numbers.
            ParameterType::Dyn(_) => number(bytes.get(1..).unwrap_or_default(), ParameterType::Fd),
            parameter_type => number(bytes, parameter_type),
        }
        .unwrap_or(0)
    }
}

fn place(event_type: &EventType, name: &str) -> Option<(usize, ParameterType)> {
    let mut parameters = event_type.parameters.iter();
    let index = parameters.position(|parameter| parameter.name == name)?;
    Some((index, event_type.parameters.get(index)?.parameter_type))
}

fn number(bytes: &[u8], parameter_type: ParameterType) -> Option<i64> {
    let is_signed = parameter_type.is_signed();
    Some(match *bytes {
        [byte] if is_signed => i64::from(byte.cast_signed()),
        [byte] => i64::from(byte),
        [a, b] if is_signed => i64::from(i16::from_le_bytes([a, b])),
        [a, b] => i64::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] if is_signed => i64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d] => i64::from(u32::from_le_bytes([a, b, c, d])),
        _ => i64::from_le_bytes(bytes.try_into().ok()?),
    })
}

fn text(bytes: &[u8]) -> Option<&[u8]> {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    (text != UNREADABLE).then_some(text)
}

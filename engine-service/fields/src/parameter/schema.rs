//! Falco's table of events, for those that rules see: the category of each, what it does with its descriptor, and its
//! parameters with names, order and types.
//!
//! The parameters are those of schema 4.5.1 (driver/event_table.c), where an event has what its call was given behind what
//! it gave back.

mod descriptors;
mod files;
mod processes;
mod sockets;
mod system;
mod untold;

use std::{collections::HashMap, sync::LazyLock};

pub(crate) use self::untold::UNTOLD;
use super::flags::Table;

/// Writes parameters as `name SHAPE, …`.
macro_rules! columns {
    ($($name:ident $shape:expr),* $(,)?) => {
        &[$($crate::parameter::schema::Column { name: stringify!($name), shape: $shape }),*]
    };
}
use columns;

/// An event of Falco's table.
#[derive(Debug)]
pub(crate) struct EventSchema {
    pub(crate) name: &'static str,
    pub(crate) category: Category,
    /// It reads from its descriptor (EF_READS_FROM_FD).
    pub(crate) reads: bool,
    /// It writes to its descriptor (EF_WRITES_TO_FD).
    pub(crate) writes: bool,
    /// It waits (EF_WAITS).
    pub(crate) waits: bool,
    pub(super) columns: &'static [Column],
}

/// What an event is about (`ppm_event_category`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    File,
    Ipc,
    Memory,
    Net,
    Other,
    Process,
    Signal,
    Sleep,
    System,
    Time,
    User,
    Wait,
    /// About whatever the descriptor is.
    IoRead,
    IoWrite,
    IoOther,
}

/// A parameter of an event.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
}

/// How a parameter becomes text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A result: 0 or more, or a negative errno.
    Errno,
    Fd,
    /// A path, resolved where it is relative.
    Path,
    Text,
    /// Bytes, with dots for what cannot be printed.
    Bytes,
    Tuple,
    Address,
    /// A set of bits with names.
    Flags(Table),
    /// One number with a name, and what stands for those that Falco does not know; `None` keeps those.
    Enum(Table, Option<u64>),
    /// Permissions.
    Mode(Table),
    Unsigned(u32, Radix),
    Signed,
    Pid,
    Uid,
    Gid,
    Signal,
    /// Nanoseconds since the epoch.
    Time,
    /// Nanoseconds.
    Duration,
    /// Whatever the value itself is.
    Dynamic(Radix),
    /// The name of a call.
    Call,
    /// Sets of descriptors and signals, which no message has.
    List,
}

/// How a number is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Radix {
    Decimal,
    /// Without a prefix, in capitals.
    Hexadecimal,
    /// With a 0 before it.
    Octal,
}

const FAMILIES: [&[EventSchema]; 5] =
    [files::EVENTS, descriptors::EVENTS, sockets::EVENTS, processes::EVENTS, system::EVENTS];

static BY_NAME: LazyLock<HashMap<&'static str, &'static EventSchema>> =
    LazyLock::new(|| all().map(|event| (event.name, event)).collect());

/// What Falco's table says of the event called `name`; `None` for calls that have no event of their own.
pub(crate) fn schema_of(name: &str) -> Option<&'static EventSchema> {
    BY_NAME.get(name).copied()
}

pub(super) fn all() -> impl Iterator<Item = &'static EventSchema> {
    FAMILIES.into_iter().flatten()
}

/// Names of the parameters of an event in their order, each with whether it ever has a value.
pub fn parameters_of(event: &str) -> Option<Vec<(&'static str, bool)>> {
    let untold = UNTOLD.iter().find(|(own, _)| *own == event).map_or("", |(_, names)| names);
    let is_told = |name: &str| untold.split(' ').all(|own| own != name);
    let columns = schema_of(event)?.columns.iter();
    Some(columns.map(|column| (column.name, is_told(column.name))).collect())
}

/// What calls have that share Falco's generic event.
pub(super) const GENERIC: &[Column] = columns![id Shape::Call, native_id U16];

// === impl EventSchema ===

impl EventSchema {
    const fn reads(self) -> Self {
        Self { reads: true, ..self }
    }

    const fn writes(self) -> Self {
        Self { writes: true, ..self }
    }

    const fn waits(self) -> Self {
        Self { waits: true, ..self }
    }

    /// Whether the event moves data or changes a descriptor (EC_IO_BASE).
    pub(crate) fn is_io(&self) -> bool {
        matches!(self.category, Category::IoRead | Category::IoWrite | Category::IoOther)
    }
}

// Lines of the tables, short.

const fn event(name: &'static str, category: Category, columns: &'static [Column]) -> EventSchema {
    EventSchema { name, category, reads: false, writes: false, waits: false, columns }
}

const ERRNO: Shape = Shape::Errno;
const FD: Shape = Shape::Fd;
const PATH: Shape = Shape::Path;
const TEXT: Shape = Shape::Text;
const BYTES: Shape = Shape::Bytes;
const PID: Shape = Shape::Pid;
const UID: Shape = Shape::Uid;
const GID: Shape = Shape::Gid;
const U8: Shape = Shape::Unsigned(8, Radix::Decimal);
const U16: Shape = Shape::Unsigned(16, Radix::Decimal);
const U32: Shape = Shape::Unsigned(32, Radix::Decimal);
const U64: Shape = Shape::Unsigned(64, Radix::Decimal);
const HEX8: Shape = Shape::Unsigned(8, Radix::Hexadecimal);
const HEX32: Shape = Shape::Unsigned(32, Radix::Hexadecimal);
const HEX64: Shape = Shape::Unsigned(64, Radix::Hexadecimal);
const OCTAL: Shape = Shape::Unsigned(32, Radix::Octal);
const SIGNED: Shape = Shape::Signed;

#[cfg(test)]
mod tests;

//! Reading blocks.

use std::io::Read;

use crate::{
    Account, Descriptor, Interface, Machine, ReadError, Section, Thread,
    table::{EventType, ParameterType},
    value::{Value, ValueError},
};

/// Reads a file block by block. Its memory is that of one block.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    counts: Counts,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Blocks of any type.
    pub blocks: u64,
    /// Event blocks.
    pub events: u64,
    /// Event blocks with a code that nobody knows.
    pub unknown_events: u64,
    /// Blocks of a type that nobody knows; they were skipped.
    pub unknown_blocks: u64,
    /// Events whose lengths contradict each other; they were skipped.
    pub corrupt_events: u64,
}

/// A block.
#[derive(Debug)]
pub enum Block<'a> {
    /// A section begins.
    Section(Section),
    /// The machine.
    Machine(Machine),
    /// All interfaces; replaces what was.
    Interfaces(Vec<Interface>),
    /// All users and groups; replaces what was.
    Accounts(Vec<Account>),
    /// Threads, in addition to those before.
    Threads(Threads<'a>),
    /// Descriptors of one thread.
    Descriptors(Descriptors),
    /// An event.
    Event(Event<'a>),
}

/// The threads of one block.
#[derive(Debug)]
pub struct Threads<'a> {
    rest: &'a [u8],
}

/// The descriptors of one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// Whose they are.
    pub tid: u64,
    /// Each.
    pub entries: Vec<Descriptor>,
}

/// An event as it lies in its block.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Where its block begins, in uncompressed bytes.
    pub offset: u64,
    /// Processor.
    pub cpu: u16,
    /// 1: it only changes state, and nobody is to see it.
    pub flags: u32,
    /// Nanoseconds since the epoch; `None` if it says that it has none.
    pub time_ns: Option<u64>,
    /// -1 where nobody acted.
    pub tid: i64,
    /// `ppm_event_code`.
    pub code: u16,
    /// What the code means; `None` if nobody knows.
    pub event_type: Option<&'static EventType>,
    /// The parameters that there are.
    pub parameters: Vec<&'a [u8]>,
}

// === impl Reader ===

impl<R: Read> Reader<R> {
    /// Begins to read; finds out whether it is gzip, also of several members.
    pub fn new(input: R) -> Result<Self, ReadError> {
        Ok(Self { input, counts: Counts::default() })
    }

    /// The next block that is known; others are counted and skipped. `None` at the end of a whole file.
    pub fn next_block(&mut self) -> Result<Option<Block<'_>>, ReadError> {
        let _ = &mut self.input;
        Ok(None)
    }

    /// Uncompressed bytes read.
    pub fn offset(&self) -> u64 {
        0
    }

    /// What was read so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

// === impl Threads ===

impl Iterator for Threads<'_> {
    type Item = Result<Thread, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let _ = self.rest;
        None
    }
}

// === impl Event ===

impl<'a> Event<'a> {
    /// The bytes of the parameter with this name; `None` if it is absent: not written by the file's age, or empty.
    pub fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        let _ = name;
        None
    }

    /// What the parameter with this name says; `None` if it is absent.
    pub fn value(&self, name: &str) -> Result<Option<Value>, ValueError> {
        let _ = (name, ParameterType::CharBuf);
        Ok(None)
    }
}

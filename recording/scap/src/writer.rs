//! Writing blocks.

use std::io::Write;

use crate::{
    Account, Descriptor, Interface, Machine, Thread, WriteError,
    value::{Value, ValueError},
};

/// Writes a file block by block: section, machine, interfaces, accounts, threads, descriptors of each, events.
#[derive(Debug)]
pub struct Writer<W: Write> {
    output: W,
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// gzip, as sysdig -z and Falco write it.
    #[default]
    Gzip,
    /// Not at all.
    None,
}

/// An event that is being composed.
#[derive(Clone, Debug)]
pub struct EventDraft {
    /// Processor.
    pub cpu: u16,
    /// 1: it only changes state.
    pub flags: u32,
    /// Nanoseconds since the epoch; `None` writes that it has none.
    pub time_ns: Option<u64>,
    /// -1 where nobody acted.
    pub tid: i64,
    code: u16,
    parameters: Vec<Vec<u8>>,
}

// === impl Writer ===

impl<W: Write> Writer<W> {
    /// Begins a file, with its section.
    pub fn new(output: W, compression: Compression) -> Result<Self, WriteError> {
        let _ = compression;
        Ok(Self { output })
    }

    /// The machine.
    pub fn machine(&mut self, machine: &Machine) -> Result<(), WriteError> {
        let _ = (machine, &mut self.output);
        Ok(())
    }

    /// All interfaces.
    pub fn interfaces(&mut self, interfaces: &[Interface]) -> Result<(), WriteError> {
        let _ = interfaces;
        Ok(())
    }

    /// All users and groups; what is longer than readers take is cut.
    pub fn accounts(&mut self, accounts: &[Account]) -> Result<(), WriteError> {
        let _ = accounts;
        Ok(())
    }

    /// All threads, in one block; what is longer than readers take is cut.
    pub fn threads(&mut self, threads: &mut dyn Iterator<Item = Thread>) -> Result<(), WriteError> {
        let _ = threads;
        Ok(())
    }

    /// The descriptors of one thread that is among the threads.
    pub fn descriptors(&mut self, tid: u64, descriptors: &[Descriptor]) -> Result<(), WriteError> {
        let _ = (tid, descriptors);
        Ok(())
    }

    /// An event.
    pub fn event(&mut self, event: &EventDraft) -> Result<(), WriteError> {
        let _ = event;
        Ok(())
    }

    /// Hands everything written so far on, so that the file is readable up to here.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    /// Ends the file.
    pub fn finish(self) -> Result<W, WriteError> {
        Ok(self.output)
    }
}

// === impl EventDraft ===

impl EventDraft {
    /// An event without parameters; each that is not set is empty.
    pub fn new(code: u16, time_ns: u64, tid: i64) -> Self {
        Self { cpu: 0, flags: 0, time_ns: Some(time_ns), tid, code, parameters: Vec::new() }
    }

    /// Its code.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Sets the parameter with this name.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), ValueError> {
        let _ = (name, value, &mut self.parameters);
        Ok(())
    }

    /// Leaves out the parameters from this index on, for readers that know no more.
    pub fn truncate(&mut self, count: usize) {
        self.parameters.truncate(count);
    }
}

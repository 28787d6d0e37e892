//! Writing blocks.

use std::{
    io::{BufWriter, Write},
    time::{SystemTime, UNIX_EPOCH},
};

use flate2::write::GzEncoder;

use crate::{
    Account, Descriptor, EventDraft, Interface, Machine, Thread, WriteError,
    block::{self, BlockType, FRAME_BYTES},
    reader::{BYTE_ORDER_MAGIC, MAJOR, MAX_METADATA_BLOCK_BYTES},
    records::{descriptors, host, threads},
};

/// What is written: `_V2` of everything, which sysdig has read since 0.23 and every Falco with libs does.
const MINOR: u16 = 2;
/// In place of a section's length.
const UNKNOWN_LENGTH: u64 = u64::MAX;
/// `PROCINFO_E`, which tells the processor time of a thread and changes nothing.
const HARMLESS_EVENT: u16 = 234;
/// `SCAP_DF_STATE_ONLY`: nobody is to see the event.
const STATE_ONLY: u32 = 1;

/// Writes a file block by block: section, machine, interfaces, accounts, threads, descriptors of each, events.
#[derive(Debug)]
pub struct Writer<W: Write> {
    output: Output<W>,
    /// There are events in this section.
    has_events: bool,
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

#[derive(Debug)]
enum Output<W: Write> {
    Plain(BufWriter<W>),
    Gzip(GzEncoder<W>),
}

// === impl Writer ===

impl<W: Write> Writer<W> {
    /// Begins a file, with its section.
    pub fn new(output: W, compression: Compression) -> Result<Self, WriteError> {
        let output = match compression {
            Compression::None => Output::Plain(BufWriter::new(output)),
            Compression::Gzip => Output::Gzip(GzEncoder::new(output, flate2::Compression::default())),
        };
        let mut writer = Self { output, has_events: false };
        writer.write_section()?;
        Ok(writer)
    }

    /// Begins another section: readers forget everything before it.
    pub fn section(&mut self) -> Result<(), WriteError> {
        self.end_section()?;
        self.write_section()
    }

    /// The machine.
    pub fn machine(&mut self, machine: &Machine) -> Result<(), WriteError> {
        let mut body = Vec::new();
        host::write_machine(machine, &mut body);
        self.before_events("the machine", block::MACHINE, &body)
    }

    /// All interfaces.
    pub fn interfaces(&mut self, interfaces: &[Interface]) -> Result<(), WriteError> {
        let mut body = Vec::new();
        for interface in interfaces {
            host::write_interface(interface, &mut body).ok_or_else(|| WriteError::MixedFamilies {
                name: String::from_utf8_lossy(&interface.name).into_owned(),
            })?;
        }
        self.before_events("interfaces", block::INTERFACES_V2, &body)
    }

    /// All users and groups; what is longer than readers take is cut.
    pub fn accounts(&mut self, accounts: &[Account]) -> Result<(), WriteError> {
        let mut body = Vec::new();
        accounts.iter().for_each(|account| host::write_account(account, &mut body));
        self.before_events("users and groups", block::ACCOUNTS_V2, &body)
    }

    /// All threads, in one block if it can hold them; what is longer than readers take is cut.
    pub fn threads(&mut self, threads: &mut dyn Iterator<Item = Thread>) -> Result<(), WriteError> {
        const WHAT: &str = "threads";
        let limit = usize::try_from(MAX_METADATA_BLOCK_BYTES - FRAME_BYTES).unwrap_or(usize::MAX);
        let (mut body, mut entry) = (Vec::new(), Vec::new());
        let mut count = 0;
        for thread in threads {
            entry.clear();
            threads::write(&thread, &mut entry);
            if body.len() + entry.len() > limit - 3 || count == threads::MAX_THREADS {
                self.before_events(WHAT, block::THREADS_V9, &body)?;
                body.clear();
                count = 0;
            }
            body.extend(&entry);
            count += 1;
        }
        self.before_events(WHAT, block::THREADS_V9, &body)
    }

    /// The descriptors of one thread that is among the threads.
    pub fn descriptors(&mut self, tid: u64, descriptors: &[Descriptor]) -> Result<(), WriteError> {
        let mut body = tid.to_le_bytes().to_vec();
        descriptors.iter().for_each(|descriptor| descriptors::write(descriptor, &mut body));
        self.before_events("descriptors", block::DESCRIPTORS_V2, &body)
    }

    /// An event. One that is larger than an ordinary block may be, or that is one of those with long lengths, goes into a
    /// block that is called large.
    pub fn event(&mut self, event: &EventDraft) -> Result<(), WriteError> {
        let (block_type, body) = event.to_block()?;
        self.write_block(block_type, &body)?;
        self.has_events = true;
        Ok(())
    }

    /// Hands everything written so far on, so that the file is readable up to here.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        Ok(self.output.flush()?)
    }

    /// Ends the file. Readers refuse one without any event, so a section that has none gets one that nobody sees: PROCINFO of
    /// thread 0, of now.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.end_section()?;
        match self.output {
            Output::Plain(plain) => Ok(plain.into_inner().map_err(std::io::IntoInnerError::into_error)?),
            Output::Gzip(gzip) => {
                let mut output = gzip.finish()?;
                output.flush()?;
                Ok(output)
            }
        }
    }

    fn write_section(&mut self) -> Result<(), WriteError> {
        let mut body = BYTE_ORDER_MAGIC.to_le_bytes().to_vec();
        body.extend(MAJOR.to_le_bytes());
        body.extend(MINOR.to_le_bytes());
        body.extend(UNKNOWN_LENGTH.to_le_bytes());
        self.has_events = false;
        self.write_block(block::SECTION, &body)
    }

    fn end_section(&mut self) -> Result<(), WriteError> {
        if self.has_events {
            return Ok(());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut event = EventDraft::new(HARMLESS_EVENT, u64::try_from(now.as_nanos()).unwrap_or_default(), 0);
        event.flags = STATE_ONLY;
        self.event(&event)
    }

    fn before_events(
        &mut self,
        what: &'static str,
        block_type: BlockType,
        body: &[u8],
    ) -> Result<(), WriteError> {
        if self.has_events {
            return Err(WriteError::AfterEvents { what });
        }
        self.write_block(block_type, body)
    }

    fn write_block(&mut self, block_type: BlockType, body: &[u8]) -> Result<(), WriteError> {
        let frame = usize::try_from(FRAME_BYTES).unwrap_or(usize::MAX);
        let length = body.len().saturating_add(frame).next_multiple_of(4);
        let limit = MAX_METADATA_BLOCK_BYTES;
        let told = u32::try_from(length).ok().filter(|length| *length <= limit);
        let Some(told) = told else { return Err(WriteError::BlockTooLarge { block_type, length, limit }) };
        let padding = length.saturating_sub(frame).saturating_sub(body.len());
        self.output.write_all(&block_type.0.to_le_bytes())?;
        self.output.write_all(&told.to_le_bytes())?;
        self.output.write_all(body)?;
        self.output.write_all([0; 3].get(..padding).unwrap_or_default())?;
        self.output.write_all(&told.to_le_bytes())?;
        Ok(())
    }
}

// === impl Output ===

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(plain) => plain.write(bytes),
            Self::Gzip(gzip) => gzip.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(plain) => plain.flush(),
            Self::Gzip(gzip) => gzip.flush(),
        }
    }
}

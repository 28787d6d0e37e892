//! Files that this crate writes, files of other ages, and files that are broken.

use std::io::Read;

use crate::{
    Account, Block, Counts, Descriptor, Interface, Machine, Problem, ReadError, Reader, Thread, value::Value,
};

mod broken;
mod model;
mod old_blocks;
mod roundtrip;
mod writing;

/// Everything that a reader gives of a file, and how it ended.
#[derive(Debug, Default)]
struct Content {
    sections: usize,
    machines: Vec<Machine>,
    interfaces: Vec<Interface>,
    accounts: Vec<Account>,
    threads: Vec<Thread>,
    descriptors: Vec<(u64, Vec<Descriptor>)>,
    events: Vec<ReadEvent>,
    blocks: u64,
    counts: Counts,
    problems: Vec<Problem>,
    error: Option<ReadError>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ReadEvent {
    cpu: u16,
    flags: u32,
    time_ns: Option<u64>,
    tid: i64,
    code: u16,
    /// One for each parameter that is written, in their order; a value that cannot be read is `None` too.
    values: Vec<Option<Value>>,
}

fn read(input: impl Read) -> Content {
    let mut content = Content::default();
    let mut reader = match Reader::new(input) {
        Ok(reader) => reader,
        Err(error) => return Content { error: Some(error), ..content },
    };
    loop {
        match reader.next_block() {
            Ok(Some(block)) => content.add(block),
            Ok(None) => break,
            Err(error) => {
                content.error = Some(error);
                break;
            }
        }
    }
    assert!(matches!(reader.next_block(), Ok(None)), "nothing follows the end");
    content.counts = reader.counts().clone();
    content.problems = reader.problems().to_vec();
    content
}

/// A block around a body, as the format has it.
fn block(block_type: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from((body.len() + 12).next_multiple_of(4)).unwrap();
    let mut bytes = [block_type.to_le_bytes(), length.to_le_bytes()].concat();
    bytes.extend(body);
    bytes.resize(usize::try_from(length).unwrap() - 4, 0);
    bytes.extend(length.to_le_bytes());
    bytes
}

/// What every file begins with.
fn section_block() -> Vec<u8> {
    let mut body = 0x1A2B_3C4D_u32.to_le_bytes().to_vec();
    body.extend(1u16.to_le_bytes());
    body.extend(2u16.to_le_bytes());
    body.extend([0xff; 8]);
    block(0x0A0D_0D0A, &body)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(bytes, flate2::Compression::fast()).read_to_end(&mut packed).unwrap();
    packed
}

// === impl Content ===

impl Content {
    fn add(&mut self, block: Block<'_>) {
        self.blocks += 1;
        match block {
            Block::Section(_) => self.sections += 1,
            Block::Machine(machine) => self.machines.push(machine),
            Block::Interfaces(interfaces) => self.interfaces.extend(interfaces),
            Block::Accounts(accounts) => self.accounts.extend(accounts),
            Block::Threads(threads) => self.threads.extend(threads),
            Block::Descriptors(descriptors) => self.descriptors.push((descriptors.tid, descriptors.entries)),
            Block::Event(event) => {
                let names =
                    event.event_type.iter().flat_map(|known| &known.parameters).take(event.parameters.len());
                self.events.push(ReadEvent {
                    cpu: event.cpu,
                    flags: event.flags,
                    time_ns: event.time_ns,
                    tid: event.tid,
                    code: event.code,
                    values: names.map(|parameter| event.value(parameter.name).ok().flatten()).collect(),
                });
            }
        }
    }
}

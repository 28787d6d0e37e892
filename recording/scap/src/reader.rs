//! Reading blocks.

use std::io::Read;

use crate::{
    Account, Descriptor, Event, Interface, Machine, ReadError, Section, Thread,
    block::{BlockType, FRAME_BYTES, Layout, SECTION},
    event::{self, EventError},
    fields::Fields,
    input::{self, Filled, Input},
    records::{descriptors, host, threads},
};

mod lists;
mod problems;
mod section;

pub use self::problems::Problem;
pub(crate) use self::section::{BYTE_ORDER_MAGIC, MAJOR};
use self::{lists::Lists, problems::Problems};

/// The largest block before the events that is read. It is in memory whole; a million descriptors of one thread fit.
pub(crate) const MAX_METADATA_BLOCK_BYTES: u32 = 64 * 1024 * 1024;
/// The largest event block that is read. libscap bounds only those that are not called large, to 64 KiB.
pub(crate) const MAX_EVENT_BLOCK_BYTES: u32 = 16 * 1024 * 1024;
/// A buffer that one large block has made grow is given back when it is larger than this.
const KEPT_BUFFER_BYTES: usize = 1024 * 1024;
/// Type and length.
const HEAD_BYTES: u32 = 8;
/// The length again.
const TRAILER_BYTES: u32 = 4;

/// Reads a file block by block. Its memory is that of one block.
#[derive(Debug)]
pub struct Reader<R> {
    input: Input<R>,
    /// The body of the block that was read last, with its padding.
    body: Vec<u8>,
    has_ended: bool,
    counts: Counts,
    problems: Problems,
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
    /// Blocks before the events that were read up to an entry that contradicts itself; the rest of each was skipped.
    pub corrupt_lists: u64,
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

/// The threads of one block. They end at an entry that contradicts itself, as those of other lists do: that is counted
/// and noted, and reading goes on with the next block.
#[derive(Debug)]
pub struct Threads<'a> {
    rest: Fields<'a>,
    version: u8,
    /// How many more are read.
    left: u32,
    head: Head,
    corrupt_lists: &'a mut u64,
    problems: &'a mut Problems,
}

/// The descriptors of one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// Whose they are.
    pub tid: u64,
    /// Each.
    pub entries: Vec<Descriptor>,
}

/// A block that is to be given out. What borrows of its body is made when it is.
enum Found {
    Owned(Block<'static>),
    Threads { version: u8 },
    Event(event::Parsed),
}

/// Where a block is and what it says that it is.
#[derive(Clone, Copy, Debug)]
struct Head {
    offset: u64,
    block_type: BlockType,
    length: u32,
}

// === impl Reader ===

impl<R: Read> Reader<R> {
    /// Begins to read; finds out whether it is gzip, also of several members.
    pub fn new(input: R) -> Result<Self, ReadError> {
        Ok(Self {
            input: Input::new(input)?,
            body: Vec::new(),
            has_ended: false,
            counts: Counts::default(),
            problems: Problems::default(),
        })
    }

    /// The next block that is known; others are counted and skipped. `None` at the end of a whole file, and after an error.
    pub fn next_block(&mut self) -> Result<Option<Block<'_>>, ReadError> {
        if self.has_ended {
            return Ok(None);
        }
        let found = self.find_block();
        self.has_ended = !matches!(found, Ok(Some(_)));
        Ok(found?.map(|(head, found)| match found {
            Found::Owned(block) => block,
            Found::Event(parsed) => Block::Event(parsed.event(&self.body, head.offset)),
            Found::Threads { version } => Block::Threads(Threads {
                rest: Fields::new(&self.body),
                version,
                left: threads::MAX_THREADS,
                head,
                corrupt_lists: &mut self.counts.corrupt_lists,
                problems: &mut self.problems,
            }),
        }))
    }

    /// Uncompressed bytes read.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// What was read so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The first few of what was skipped, for people; `counts` has how many there were.
    pub fn problems(&self) -> &[Problem] {
        self.problems.first()
    }

    /// Reads up to a block that can be given out.
    fn find_block(&mut self) -> Result<Option<(Head, Found)>, ReadError> {
        loop {
            let Some(head) = self.read_head()? else { return Ok(None) };
            let layout = head.block_type.layout();
            self.read_body(head, layout)?;
            add_one(&mut self.counts.blocks);
            let Some(layout) = layout else {
                add_one(&mut self.counts.unknown_blocks);
                continue;
            };
            if let Some(found) = self.interpret(head, layout)? {
                return Ok(Some((head, found)));
            }
        }
    }

    /// `None` at the file's end.
    fn read_head(&mut self) -> Result<Option<Head>, ReadError> {
        let offset = self.input.offset();
        let mut bytes = Vec::new();
        let filled = self.input.fill(&mut bytes, HEAD_BYTES).map_err(|error| at_block(error, offset))?;
        let is_first = self.counts.blocks == 0;
        if is_first && !bytes.starts_with(&SECTION.0.to_le_bytes()) {
            return Err(input::not_scap(&bytes, self.input.is_gzip()));
        }
        if let Filled::Missing(missing) = filled {
            if bytes.is_empty() {
                return Ok(None);
            }
            return Err(ReadError::Truncated { offset, what: "the head of the block".to_owned(), missing });
        }
        let mut fields = Fields::new(&bytes);
        let (Ok(block_type), Ok(length)) = (fields.u32("block type"), fields.u32("block length")) else {
            return Ok(None);
        };
        let block_type = BlockType(block_type);
        if self.counts.blocks == 1 && input::is_pcapng(block_type) {
            return Err(input::pcapng(self.input.is_gzip()));
        }
        Ok(Some(Head { offset, block_type, length }))
    }

    /// Reads what follows the head, and checks the lengths at both ends against each other.
    fn read_body(&mut self, head: Head, layout: Option<Layout>) -> Result<(), ReadError> {
        let Head { offset, block_type, length } = head;
        let limit = match layout {
            // Skipped as it comes.
            None => u32::MAX,
            Some(Layout::Event { .. }) => MAX_EVENT_BLOCK_BYTES,
            Some(_) => MAX_METADATA_BLOCK_BYTES,
        };
        if !(FRAME_BYTES..=limit).contains(&length) {
            return Err(ReadError::BlockLength { offset, block_type, length, limit });
        }
        self.body.clear();
        self.body.shrink_to(KEPT_BUFFER_BYTES);
        let body_bytes = length.saturating_sub(FRAME_BYTES);
        let mut filled = match layout {
            None => self.input.skip(body_bytes),
            Some(_) => self.input.fill(&mut self.body, body_bytes),
        };
        let mut trailer = Vec::new();
        if matches!(filled, Ok(Filled::Whole)) {
            filled = self.input.fill(&mut trailer, TRAILER_BYTES);
        }
        if let Filled::Missing(missing) = filled.map_err(|error| at_block(error, offset))? {
            return Err(ReadError::Truncated {
                offset,
                what: format!("the block (type {block_type})"),
                missing,
            });
        }
        let trailer = Fields::new(&trailer).u32("block length").unwrap_or_default();
        if trailer != length {
            return Err(ReadError::Trailer { offset, block_type, length, trailer });
        }
        if !length.is_multiple_of(4) {
            self.problems
                .remember(offset, block_type, || format!("its length, {length}, is no multiple of 4"));
        }
        Ok(())
    }

    /// `None` for what contradicts itself; it is counted and skipped.
    fn interpret(&mut self, head: Head, layout: Layout) -> Result<Option<Found>, ReadError> {
        let mut fields = Fields::new(&self.body);
        let mut lists =
            Lists { head, corrupt_lists: &mut self.counts.corrupt_lists, problems: &mut self.problems };
        let block = match layout {
            Layout::Section => Block::Section(section::read(&mut fields, head.offset)?),
            Layout::Machine => match lists.noted(host::read_machine(&mut fields)) {
                Some(machine) => Block::Machine(machine),
                None => return Ok(None),
            },
            Layout::Interfaces { has_lengths } => {
                Block::Interfaces(lists.read(&mut fields, host::MAX_HOST_ENTRIES, |fields| {
                    host::read_interface(fields, has_lengths)
                }))
            }
            Layout::Accounts { has_lengths } => {
                Block::Accounts(lists.read(&mut fields, host::MAX_HOST_ENTRIES, |fields| {
                    host::read_account(fields, has_lengths)
                }))
            }
            Layout::Descriptors { has_lengths } => {
                let Some(tid) = lists.noted(fields.u64("tid")) else { return Ok(None) };
                let entries = lists.read(&mut fields, descriptors::MAX_DESCRIPTORS, |fields| {
                    descriptors::read(fields, has_lengths)
                });
                Block::Descriptors(Descriptors { tid, entries })
            }
            Layout::Threads { version } => return Ok(Some(Found::Threads { version })),
            Layout::Event { has_flags, has_count } => {
                let parsed = event::parse(&self.body, has_flags, has_count);
                return Ok(self.counted(head, parsed).map(Found::Event));
            }
        };
        Ok(Some(Found::Owned(block)))
    }

    fn counted(&mut self, head: Head, parsed: Result<event::Parsed, EventError>) -> Option<event::Parsed> {
        add_one(&mut self.counts.events);
        match parsed {
            Ok(parsed) => {
                if parsed.event_type.is_none() {
                    add_one(&mut self.counts.unknown_events);
                }
                Some(parsed)
            }
            Err(error) => {
                add_one(&mut self.counts.corrupt_events);
                self.problems.remember(head.offset, head.block_type, || error.to_string());
                None
            }
        }
    }
}

/// The decoder's errors are where it is; a block is lost from its beginning on.
fn at_block(error: ReadError, block_offset: u64) -> ReadError {
    match error {
        ReadError::Truncated { what, missing, .. } => {
            ReadError::Truncated { offset: block_offset, what, missing }
        }
        other => other,
    }
}

fn add_one(count: &mut u64) {
    *count = count.saturating_add(1);
}

// === impl Threads ===

impl Iterator for Threads<'_> {
    type Item = Thread;

    fn next(&mut self) -> Option<Self::Item> {
        let mut lists = Lists { head: self.head, corrupt_lists: self.corrupt_lists, problems: self.problems };
        lists.next(&mut self.rest, &mut self.left, |fields| threads::read(fields, self.version))
    }
}

//! Types of blocks.

use std::fmt;

/// What a block's first four bytes say that it is. Formatted, it is libs' name, or the number if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockType(pub u32);

/// How a block is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Section,
    Machine,
    Interfaces {
        has_lengths: bool,
    },
    Accounts {
        has_lengths: bool,
    },
    /// Version 1 to 9.
    Threads {
        version: u8,
    },
    Descriptors {
        has_lengths: bool,
    },
    Event {
        has_flags: bool,
        has_count: bool,
    },
}

/// Bytes around a block's body: type and length before it, the length again behind it.
pub(crate) const FRAME_BYTES: u32 = 12;

// What the writer writes; the reader's names are below.
pub(crate) const SECTION: BlockType = BlockType(0x0A0D_0D0A);
pub(crate) const MACHINE: BlockType = BlockType(0x201);
pub(crate) const THREADS_V9: BlockType = BlockType(0x215);
pub(crate) const EVENT_V2: BlockType = BlockType(0x216);
pub(crate) const EVENT_FLAGS_V2: BlockType = BlockType(0x217);
pub(crate) const DESCRIPTORS_V2: BlockType = BlockType(0x218);
pub(crate) const INTERFACES_V2: BlockType = BlockType(0x219);
pub(crate) const ACCOUNTS_V2: BlockType = BlockType(0x220);
pub(crate) const EVENT_V2_LARGE: BlockType = BlockType(0x221);
pub(crate) const EVENT_FLAGS_V2_LARGE: BlockType = BlockType(0x222);

// === impl BlockType ===

impl BlockType {
    /// libs' name and layout; the numbers with the top bit are those from before the format's release.
    fn known(self) -> Option<(&'static str, Layout)> {
        let threads = |version| Layout::Threads { version };
        Some(match self.0 {
            0x0A0D_0D0A => ("SHB", Layout::Section),
            0x201 | 0x8002_ABCD => ("MI", Layout::Machine),
            0x202 | 0x8000_ABCD => ("PL_V1", threads(1)),
            0x207 | 0x8013_ABCD => ("PL_V2", threads(2)),
            0x209 | 0x8014_ABCD => ("PL_V3", threads(3)),
            0x210 => ("PL_V4", threads(4)),
            0x211 => ("PL_V5", threads(5)),
            0x212 => ("PL_V6", threads(6)),
            0x213 => ("PL_V7", threads(7)),
            0x214 => ("PL_V8", threads(8)),
            0x215 => ("PL_V9", threads(9)),
            0x203 | 0x8001_ABCD => ("FDL", Layout::Descriptors { has_lengths: false }),
            0x218 => ("FDL_V2", Layout::Descriptors { has_lengths: true }),
            0x204 | 0x8010_ABCD => ("EV", Layout::Event { has_flags: false, has_count: false }),
            0x216 => ("EV_V2", Layout::Event { has_flags: false, has_count: true }),
            0x221 => ("EV_V2_LARGE", Layout::Event { has_flags: false, has_count: true }),
            0x208 => ("EVF", Layout::Event { has_flags: true, has_count: false }),
            0x217 => ("EVF_V2", Layout::Event { has_flags: true, has_count: true }),
            0x222 => ("EVF_V2_LARGE", Layout::Event { has_flags: true, has_count: true }),
            0x205 | 0x8011_ABCD => ("IL", Layout::Interfaces { has_lengths: false }),
            0x219 => ("IL_V2", Layout::Interfaces { has_lengths: true }),
            0x206 | 0x8012_ABCD => ("UL", Layout::Accounts { has_lengths: false }),
            0x220 => ("UL_V2", Layout::Accounts { has_lengths: true }),
            _ => return None,
        })
    }

    pub(crate) fn layout(self) -> Option<Layout> {
        self.known().map(|(_, layout)| layout)
    }
}

impl fmt::Display for BlockType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

//! A record, read by its line of the table: a word, path or descriptor that the line does not name is not there, whatever
//! the record holds in its place.

use eyrie_bpf::{Argument, DetailedCall, PART_BYTES, Place, Step, flag};
use eyrie_proto::event::{Descriptor, PathArgument};

use super::super::{AT_FDCWD, descriptor::descriptor};
use crate::plan::{DescribedCall, Register};

pub(super) struct Parts<'a> {
    pub(super) line: &'static DescribedCall,
    pub(super) record: &'a DetailedCall<'a>,
}

// === impl Parts ===

impl Parts<'_> {
    pub(super) fn result(&self) -> i64 {
        self.record.header.call_result
    }

    pub(super) fn has_failed(&self) -> bool {
        self.result() < 0
    }

    fn argument(&self, number: u8) -> u64 {
        self.record.arguments.get(usize::from(number)).copied().unwrap_or_default()
    }

    /// Whether it is one of the 32-bit calls.
    pub(super) fn is_compat(&self) -> bool {
        self.record.header.has(flag::COMPAT32)
    }

    /// The registers that are this.
    pub(super) fn all(&self, word: Register) -> impl Iterator<Item = u64> {
        let numbers = self.line.words.iter().filter(move |(own, _)| *own == word);
        numbers.map(|(_, number)| self.argument(*number))
    }

    /// Zero where the call has no such register, as the contract has it.
    pub(super) fn word(&self, word: Register) -> u64 {
        self.all(word).next().unwrap_or_default()
    }

    /// Of a register of which a call takes 32 bits: the rest is undefined.
    pub(super) fn low(&self, word: Register) -> u32 {
        self.word(word) as u32
    }

    pub(super) fn signed(&self, word: Register) -> i32 {
        self.low(word) as i32
    }

    pub(super) fn flags(&self) -> u64 {
        self.low(Register::Flags).into()
    }

    /// Ids of users and groups, of 32 and of 16 bits; -1 stays -1.
    pub(super) fn ids(&self, wide: Register, narrow: Register) -> impl Iterator<Item = u32> {
        let wide = self.all(wide).map(|register| register as u32);
        wide.chain(self.all(narrow).map(|register| match register as u16 {
            u16::MAX => u32::MAX,
            id => id.into(),
        }))
    }

    /// A path as it was asked for; `None` where the program gave none.
    pub(super) fn path(&self, place: Place) -> Option<PathArgument> {
        let argument = self.line.steps.iter().find_map(|step| match step {
            Step::Path { place: own, argument, .. } if *own == place => Some(*argument),
            _ => None,
        })?;
        if self.argument(argument) == 0 {
            return None;
        }
        let path = match place {
            Place::First => &self.record.path,
            Place::Second => &self.record.second_path,
        };
        Some(self.path_argument(path.requested, path.directory_fd, path.base))
    }

    /// The text of the call as a path that starts at no directory.
    pub(super) fn text_as_path(&self) -> Option<PathArgument> {
        let argument = self.line.steps.iter().find_map(|step| match step {
            Step::Text(argument) => Some(*argument),
            _ => None,
        })?;
        (self.argument(argument) != 0).then(|| self.path_argument(self.record.text, AT_FDCWD, &[]))
    }

    /// The flags of the record are about all that a program gave: those of a path show in what there is of it.
    fn path_argument(&self, requested: &[u8], directory_fd: i32, base: &[u8]) -> PathArgument {
        let header = &self.record.header;
        let is_longest = requested.len() + 1 >= PART_BYTES as usize;
        PathArgument {
            requested: requested.to_vec(),
            directory_fd,
            base: base.to_vec(),
            resolved: Vec::new(),
            is_truncated: is_longest && header.has(flag::REQUESTED_TRUNCATED),
            is_unreadable: requested.is_empty() && header.has(flag::REQUESTED_UNREADABLE),
        }
    }

    /// Whether calls of this kind have a first path at all.
    pub(super) fn has_first_path(&self) -> bool {
        self.line.steps.iter().any(|step| matches!(step, Step::Path { place: Place::First, .. }))
    }

    /// Which argument has the descriptor of a path's directory.
    pub(super) fn directory_argument(&self) -> Option<u8> {
        self.line.steps.iter().find_map(|step| match step {
            Step::Path { place: Place::First, directory, .. } => *directory,
            _ => None,
        })
    }

    /// Where a place's descriptor comes from.
    pub(super) fn descriptor_argument(&self, place: Place) -> Option<Argument> {
        self.line.steps.iter().find_map(|step| match step {
            Step::Descriptor { place: own, argument } if *own == place => Some(*argument),
            _ => None,
        })
    }

    /// What was behind a descriptor of the call. One that could not be made has the error as its number.
    pub(super) fn descriptor(&self, place: Place) -> Option<Descriptor> {
        let info = match place {
            Place::First => &self.record.first,
            Place::Second => &self.record.second,
        };
        if let Some(argument) = self.descriptor_argument(place) {
            let is_missing = argument == Argument::Result && self.has_failed();
            let number = i32::try_from(self.result()).unwrap_or(i32::MIN);
            return Some(if is_missing { Descriptor { fd: number, kind: None } } else { descriptor(info) });
        }
        let is_pair = self.line.steps.iter().any(|step| matches!(step, Step::DescriptorPair(_)));
        match (is_pair, place) {
            (true, _) if self.has_failed() => Some(Descriptor { fd: -1, kind: None }),
            // Zero twice: they could not be read from the program's memory.
            (true, _) => (info.fd != 0 || info.file_system != 0).then(|| descriptor(info)),
            (false, Place::First) => self
                .all(Register::Fd)
                .next()
                .map(|register| Descriptor { fd: register as u32 as i32, kind: None }),
            (false, Place::Second) => None,
        }
    }

    pub(super) fn text(&self) -> Vec<u8> {
        self.record.text.to_vec()
    }

    /// A number of 32 bits in what was read from memory.
    pub(super) fn u32_at(&self, at: usize) -> Option<u32> {
        u32_at(self.record.data, at)
    }

    pub(super) fn u64_at(&self, at: usize) -> Option<u64> {
        u64_at(self.record.data, at)
    }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

/// What is before the first NUL byte.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

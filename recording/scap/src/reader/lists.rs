//! Lists of entries in blocks. Nothing counts them: a list ends where its block does.

use super::{Head, problems::Problems};
use crate::fields::{Fields, Malformed};

/// Lists end with up to three bytes of padding: fewer than any entry has.
const LEAST_ENTRY_BYTES: usize = 4;

/// Reads a block's entries up to the first that contradicts itself, which is counted and noted.
pub(super) struct Lists<'a> {
    pub(super) head: Head,
    pub(super) corrupt_lists: &'a mut u64,
    pub(super) problems: &'a mut Problems,
}

// === impl Lists ===

impl Lists<'_> {
    pub(super) fn read<'a, T>(
        &mut self,
        fields: &mut Fields<'a>,
        limit: u32,
        mut read: impl FnMut(&mut Fields<'a>) -> Result<T, Malformed>,
    ) -> Vec<T> {
        let mut left = limit;
        std::iter::from_fn(|| self.next(fields, &mut left, &mut read)).collect()
    }

    /// The next entry, at most `left` of them; `None` at the list's end.
    pub(super) fn next<'a, T>(
        &mut self,
        fields: &mut Fields<'a>,
        left: &mut u32,
        read: impl FnOnce(&mut Fields<'a>) -> Result<T, Malformed>,
    ) -> Option<T> {
        if fields.left() < LEAST_ENTRY_BYTES {
            return None;
        }
        let entry = match left.checked_sub(1) {
            Some(fewer) => {
                *left = fewer;
                read(fields)
            }
            None => Err(Malformed::TooManyEntries),
        };
        let entry = self.noted(entry);
        if entry.is_none() {
            *fields = Fields::new(&[]);
        }
        entry
    }

    pub(super) fn noted<T>(&mut self, read: Result<T, Malformed>) -> Option<T> {
        read.inspect_err(|error| {
            *self.corrupt_lists = self.corrupt_lists.saturating_add(1);
            let Head { offset, block_type, .. } = self.head;
            self.problems.remember(offset, block_type, || {
                format!("an entry {error}; the rest of the block was skipped")
            });
        })
        .ok()
    }
}

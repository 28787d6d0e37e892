//! The processes of the host as they are at one moment.
//!
//! The BPF iterator tells all about all threads in less than a millisecond; where it cannot be loaded, `/proc` has to
//! do, which is slower, knows start times only in hundredths of a second, and cannot be read of every process.

mod assemble;
mod procfs;

use std::{
    collections::HashSet,
    io::{self, Read},
};

use aya::programs::{Iter, ProgramError, iter::IterLink, links::LinkError};
use eyrie_bpf::{DecodeError, RECORD_BYTES_MAX, Record, decode, split_first};
use eyrie_proto::event::ProcessState;
use thiserror::Error;

use self::assemble::Assembly;
pub(crate) use self::procfs::by_procfs;
use crate::cgroups::Hierarchy;

/// Read at once from the iterator; more than the longest record, so that there is always a whole one.
const CHUNK_BYTES: usize = 2 * RECORD_BYTES_MAX;

/// Why the iterator could not be read.
#[derive(Debug, Error)]
pub(crate) enum IteratorError {
    #[error("it cannot be attached: {0}")]
    Attach(#[from] ProgramError),
    #[error("it cannot be opened: {0}")]
    Open(#[from] LinkError),
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("what it gave cannot be understood: {0}")]
    Decode(#[from] DecodeError),
}

/// The processes with these pids, or all, by the iterator.
pub(crate) fn by_iterator(program: &mut Iter, pids: &[u32]) -> Result<Vec<ProcessState>, IteratorError> {
    let id = program.attach()?;
    let link: IterLink = program.take_link(id)?;
    let mut file = link.into_file()?;
    let mut assembly = Assembly::new(pids);
    read_records(&mut file, |record| assembly.add(record))?;
    Ok(assembly.finish())
}

/// Adds what the iterator did not tell of: of the processes with these pids, or of all, those that `/proc` has besides.
///
/// Some kernels keep their first process out of iterators, and the chain of everybody's ancestors would end before it.
pub(crate) fn complete(
    mut iterated: Vec<ProcessState>,
    pids: &[u32],
    hierarchy: &Hierarchy,
) -> Vec<ProcessState> {
    let told: HashSet<u32> = iterated.iter().filter_map(|state| Some(state.process?.pid)).collect();
    let wanted = if pids.is_empty() { procfs::pids().unwrap_or_default() } else { pids.to_vec() };
    let missing: Vec<u32> = wanted.into_iter().filter(|pid| !told.contains(pid)).collect();
    if !missing.is_empty() {
        iterated.extend(by_procfs(&missing, hierarchy).unwrap_or_default());
    }
    iterated
}

/// Reads records one after the other, holding no more than a chunk.
fn read_records(file: &mut impl Read, mut each: impl FnMut(&Record<'_>)) -> Result<(), IteratorError> {
    let mut buffer = Vec::with_capacity(CHUNK_BYTES);
    loop {
        let room = (CHUNK_BYTES - buffer.len()) as u64;
        let taken = file.by_ref().take(room).read_to_end(&mut buffer)?;
        let mut rest = buffer.as_slice();
        while let Some((record, behind)) = split_first(rest)? {
            match decode(record) {
                Ok(record) => each(&record),
                // Newer programs may tell more.
                Err(DecodeError::UnknownKind { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            rest = behind;
        }
        let used = buffer.len() - rest.len();
        buffer.drain(..used);
        if taken == 0 {
            return if buffer.is_empty() {
                Ok(())
            } else {
                Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
            };
        }
    }
}

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

/// What `/proc` tells start times in.
const TICK_NS: u64 = 10_000_000;

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

/// Adds what the iterator did not tell of: of the processes with these pids, or of all, those that `/proc` has besides; and what belongs to
/// a process as a whole where its main thread has ended, and has let go of it, before the others.
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
    for state in iterated.iter_mut().filter(|state| state.is_leader_dead) {
        let pids = state.process.map(|key| key.pid).as_slice().to_vec();
        let found = by_procfs(&pids, hierarchy).unwrap_or_default();
        found.into_iter().for_each(|found| take_over(state, found));
    }
    iterated
}

/// What other threads still have.
fn take_over(state: &mut ProcessState, found: ProcessState) {
    let is_same = |start: u64, other: u64| start / TICK_NS == other / TICK_NS;
    let starts =
        state.process.zip(found.process).map(|(one, other)| (one.start_boot_ns, other.start_boot_ns));
    if !starts.is_some_and(|(one, other)| is_same(one, other)) {
        return;
    }
    *state = ProcessState {
        exe: found.exe,
        arguments: found.arguments,
        environment: found.environment,
        executable: found.executable,
        working_directory: found.working_directory,
        root_directory: found.root_directory,
        standard_streams: found.standard_streams,
        open_files_limit: found.open_files_limit,
        mount_namespace: found.mount_namespace,
        is_truncated: found.is_truncated,
        ..std::mem::take(state)
    };
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

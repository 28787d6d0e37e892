//! What a process runs, as its last exec left it.

use std::sync::{Arc, LazyLock};

use eyrie_proto::event::{Exec, Executable, ProcessState, StandardStream};

use crate::Limits;

/// The longest path that is kept (PATH_MAX in linux/limits.h).
const MAX_PATH_BYTES: usize = 4096;
/// Strings kept of one argument list or environment: a vector of empty ones must not cost more than 40 KiB.
const MAX_STRINGS: usize = 1024;

/// A list of byte strings that forks, and execs which pass it on unchanged, share.
pub(crate) type Strings = Arc<[Vec<u8>]>;

/// The outcome of an exec. A fork shares it with its parent, so it never changes.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Program {
    pub(crate) exe: Box<[u8]>,
    pub(crate) arguments: Strings,
    pub(crate) environment: Strings,
    pub(crate) executable: Option<Executable>,
    pub(crate) standard_streams: Arc<[StandardStream]>,
    pub(crate) exec_boot_ns: u64,
    pub(crate) is_truncated: bool,
    pub(crate) memory: MemoryUse,
}

/// What a process took up when it executed its program; 0 where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// All of its address space, in KiB.
    pub virtual_kib: u64,
    /// Faults that had to read from a disk.
    pub major_faults: u64,
    /// Faults that were met from memory.
    pub minor_faults: u64,
}

// === impl Program ===

impl Program {
    /// The program of a process of which only events are known; all such processes share it.
    pub(crate) fn unknown() -> Arc<Self> {
        static UNKNOWN: LazyLock<Arc<Program>> = LazyLock::new(Arc::default);
        Arc::clone(&UNKNOWN)
    }

    /// What `exec` executed in a process that ran `previous` before.
    pub(crate) fn from_exec(exec: &Exec, boot_ns: u64, limits: &Limits, previous: &Self) -> Self {
        let (arguments, cut) =
            clip_or_share(&exec.arguments, limits.max_arguments_bytes, &previous.arguments);
        let (environment, cut_too) =
            clip_or_share(&exec.environment, limits.max_environment_bytes, &previous.environment);
        let mut program = Self {
            exe: clip_path(&exec.exe).into(),
            arguments,
            environment,
            executable: exec.executable.clone(),
            standard_streams: clip_or_share_streams(&exec.standard_streams, &previous.standard_streams),
            exec_boot_ns: boot_ns,
            is_truncated: exec.is_truncated || cut || cut_too,
            memory: MemoryUse {
                virtual_kib: exec.virtual_memory_kib,
                major_faults: exec.major_faults,
                minor_faults: exec.minor_faults,
            },
        };
        program.clip_executable();
        program
    }

    /// The program part of a process's state.
    pub(crate) fn from_state(state: &ProcessState, limits: &Limits) -> Self {
        let (arguments, cut) = clip_strings(&state.arguments, limits.max_arguments_bytes);
        let (environment, cut_too) = clip_strings(&state.environment, limits.max_environment_bytes);
        let mut program = Self {
            exe: clip_path(&state.exe).into(),
            arguments: arguments.into(),
            environment: environment.into(),
            executable: state.executable.clone(),
            standard_streams: clip_streams(&state.standard_streams),
            exec_boot_ns: state.exec_boot_ns,
            is_truncated: state.is_truncated || cut || cut_too,
            memory: MemoryUse {
                virtual_kib: state.virtual_memory_kib,
                major_faults: state.major_faults,
                minor_faults: state.minor_faults,
            },
        };
        program.clip_executable();
        program
    }

    fn clip_executable(&mut self) {
        if let Some(executable) = &mut self.executable {
            executable.path.truncate(MAX_PATH_BYTES);
        }
    }
}

/// A path without what no kernel path can have.
pub(crate) fn clip_path(path: &[u8]) -> &[u8] {
    path.get(..MAX_PATH_BYTES).unwrap_or(path)
}

/// The descriptors 0 to 2 with bounded names.
fn clip_streams(streams: &[StandardStream]) -> Arc<[StandardStream]> {
    let clip = |stream: &StandardStream| StandardStream {
        fd: stream.fd,
        r#type: first_chars(&stream.r#type, 32).to_owned(),
        name: clip_path(&stream.name).to_vec(),
    };
    streams.iter().take(3).map(clip).collect()
}

/// As [`clip_streams`], but the very allocation of `known` if that says the same: programs leave most streams to those that they start.
fn clip_or_share_streams(streams: &[StandardStream], known: &Arc<[StandardStream]>) -> Arc<[StandardStream]> {
    if *streams == **known { Arc::clone(known) } else { clip_streams(streams) }
}

fn first_chars(text: &str, count: usize) -> &str {
    let end = text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

/// As many strings as fit, the last one cut, each counted with the zero that ends it; and whether anything was cut.
/// Clipping what was clipped by the same limit changes nothing.
fn clip_strings(strings: &[Vec<u8>], max_bytes: usize) -> (Vec<Vec<u8>>, bool) {
    let mut kept = Vec::with_capacity(strings.len().min(MAX_STRINGS));
    let mut room = max_bytes;
    for string in strings.iter().take(MAX_STRINGS) {
        if room == 0 {
            break;
        }
        let clipped = string.get(..room - 1).unwrap_or(string);
        if clipped.len() < string.len() && clipped.is_empty() {
            break;
        }
        room -= clipped.len() + 1;
        kept.push(clipped.to_vec());
        if clipped.len() < string.len() {
            return (kept, true);
        }
    }
    let is_cut = kept.len() < strings.len();
    (kept, is_cut)
}

/// As [`clip_strings`], but the very allocation of `known` if that says the same: most execs pass the environment on
/// unchanged, and what is known is within the limit.
fn clip_or_share(strings: &[Vec<u8>], max_bytes: usize, known: &Strings) -> (Strings, bool) {
    if *strings == **known {
        return (Arc::clone(known), false);
    }
    let (strings, is_cut) = clip_strings(strings, max_bytes);
    (if *strings == **known { Arc::clone(known) } else { strings.into() }, is_cut)
}

use aya::maps::MapError;
use grpc_transport::with_causes;
use thiserror::Error;

use crate::probe::ProbeError;

/// Why the kernel cannot be captured from.
#[derive(Debug, Error)]
pub enum KernelError {
    /// Privileges or BTF are missing.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The kernel's description of its types cannot be read.
    #[error("cannot read the kernel's BTF: {0}")]
    Btf(#[source] Box<aya::BtfError>),
    /// The object as a whole was refused.
    #[error("cannot load the BPF object: {problem}")]
    Load {
        /// What the loader or the kernel said.
        problem: String,
    },
    /// A program without which capture makes no sense was refused.
    #[error(
        "cannot load or attach the BPF program {program}, without which these are not seen: {lost_without}; {problem}"
    )]
    Program {
        /// Its name.
        program: &'static str,
        /// What is not seen without it.
        lost_without: &'static str,
        /// What the loader or the kernel said.
        problem: String,
    },
    /// Nothing to wait on for records can be had.
    #[error("cannot be woken by the BPF programs: {problem}; are there file descriptors left?")]
    Wake {
        /// What the kernel said.
        problem: String,
    },
    /// A map of the object cannot be used.
    #[error("cannot use the BPF map {map}: {problem}")]
    Map {
        /// Its name.
        map: &'static str,
        /// What the loader or the kernel said.
        problem: String,
    },
}

// === impl KernelError ===

impl KernelError {
    /// Whether privileges or the kernel's configuration do not allow capture.
    pub fn is_privilege(&self) -> bool {
        matches!(self, Self::Probe(_))
    }

    pub(super) fn map(map: &'static str) -> impl Fn(MapError) -> Self {
        move |error| Self::Map { map, problem: with_causes(&error) }
    }

    pub(super) fn wake(errno: rustix::io::Errno) -> Self {
        Self::Wake { problem: errno.to_string() }
    }

    pub(super) fn no_map(map: &'static str) -> impl Fn() -> Self {
        move || Self::Map { map, problem: "the object does not have it".to_owned() }
    }
}

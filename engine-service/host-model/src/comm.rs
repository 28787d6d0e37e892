//! Names of threads.

use std::fmt;

/// The length that the kernel keeps (TASK_COMM_LEN in linux/sched.h, less the terminating zero).
const MAX_LEN: usize = 15;

/// A thread's name, inline: it is on every process and thread, and an allocation would double its cost.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Comm {
    bytes: [u8; MAX_LEN],
    len: u8,
}

// === impl Comm ===

impl Comm {
    /// Cuts what is longer than the kernel keeps.
    pub(crate) fn new(name: &[u8]) -> Self {
        let mut bytes = [0; MAX_LEN];
        bytes.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        Self { bytes, len: name.len().min(MAX_LEN) as u8 }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Debug for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.as_slice()))
    }
}

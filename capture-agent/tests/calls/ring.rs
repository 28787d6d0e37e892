//! Programs that submit to io_uring: the ring lies at an address that they know beforehand.

use test_programs::Program;

/// Where the program has the heads and tails of its ring, and behind that its submissions: a page each.
const RING_AT: u32 = 0x1000_0000;
const ENTRIES_AT: u32 = RING_AT + 0x1000;
const ENTRIES: u32 = 64;
/// Of the queue of submissions.
const TAIL_AT: u32 = RING_AT + 4;

/// linux/io_uring.h.
const NO_MMAP: u32 = 1 << 14;
const NO_SQARRAY: u32 = 1 << 16;
pub(crate) const SQPOLL: u32 = 1 << 1;
const ENTER_GETEVENTS: u32 = 1;
const ENTER_SQ_WAKEUP: u32 = 2;

/// Calls before this one take these descriptors: a pipe and the ring.
const PIPE: [u32; 2] = [3, 4];
pub(crate) const RING: u32 = 5;
/// The first that the program makes afterwards.
pub(crate) const FIRST_FD: u32 = 6;

/// A ring of a program.
pub(crate) struct Ring {
    submitted: u32,
    flags: u32,
}

/// `struct io_uring_sqe`; what an operation does not have is zero.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Submission {
    pub(crate) operation: u8,
    pub(crate) flags: u8,
    pub(crate) priority: u16,
    pub(crate) fd: u32,
    /// Also the second address.
    pub(crate) offset: u64,
    pub(crate) address: u32,
    pub(crate) length: u32,
    pub(crate) operation_flags: u32,
    /// Where among the ring's own files what is made goes, from 1.
    pub(crate) file_index: u32,
}

// === impl Ring ===

impl Ring {
    /// Sets the ring up, as the first thing that a program does that had nothing open.
    pub(crate) fn new(program: &mut Program, flags: u32) -> Self {
        const PROT_READ_WRITE: u32 = 3;
        const PRIVATE_FIXED_ANONYMOUS_POPULATED: u32 = 0x8032;
        let pipe = program.bytes(&[0; 8]);
        program.call("pipe", &[pipe]);
        let map = [RING_AT, 0x2000, PROT_READ_WRITE, PRIVATE_FIXED_ANONYMOUS_POPULATED, u32::MAX, 0];
        program.call("mmap", &map);
        // struct io_uring_params: the addresses that the program has for both queues.
        let mut parameters = [0_u8; 120];
        parameters[8..12].copy_from_slice(&(NO_MMAP | NO_SQARRAY | flags).to_le_bytes());
        parameters[72..76].copy_from_slice(&ENTRIES_AT.to_le_bytes());
        parameters[112..116].copy_from_slice(&RING_AT.to_le_bytes());
        let parameters = program.bytes(&parameters);
        program.call("io_uring_setup", &[ENTRIES, parameters]);
        Self { submitted: 0, flags }
    }

    /// Submits, and waits until it and all before it are complete.
    pub(crate) fn perform(&mut self, program: &mut Program, submission: Submission) {
        self.submit(program, submission, true);
    }

    /// Submits, and goes on.
    pub(crate) fn begin(&mut self, program: &mut Program, submission: Submission) {
        self.submit(program, submission, false);
    }

    fn submit(&mut self, program: &mut Program, submission: Submission, is_awaited: bool) {
        let entry = ENTRIES_AT + 64 * self.submitted;
        self.submitted += 1;
        assert!(self.submitted <= ENTRIES);
        copy(program, entry, &submission.encode(self.submitted));
        copy(program, TAIL_AT, &self.submitted.to_le_bytes());
        let wakeup = if self.flags & SQPOLL != 0 { ENTER_SQ_WAKEUP } else { 0 };
        // Completions are never taken out: to wait for one more is to wait for all so far.
        let awaited = if is_awaited { self.submitted } else { 0 };
        program.call("io_uring_enter", &[RING, 1, awaited, ENTER_GETEVENTS | wakeup, 0, 0]);
    }
}

/// Writes to memory of the program's, which knows no other instruction than calls.
fn copy(program: &mut Program, to: u32, bytes: &[u8]) {
    let from = program.bytes(bytes);
    let size = bytes.len().try_into().unwrap();
    program.call("write", &[PIPE[1], from, size]);
    program.call("read", &[PIPE[0], to, size]);
}

// === impl Submission ===

impl Submission {
    fn encode(&self, name: u32) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[0] = self.operation;
        bytes[1] = self.flags;
        bytes[2..4].copy_from_slice(&self.priority.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.fd.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.address.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.length.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.operation_flags.to_le_bytes());
        bytes[32..36].copy_from_slice(&name.to_le_bytes());
        bytes[44..48].copy_from_slice(&self.file_index.to_le_bytes());
        bytes
    }
}

//! Connects that were reported when they started, until they are reported again at their end.

use std::collections::{BTreeMap, HashMap};

use eyrie_bpf::{Connect, flag};

/// Threads that wait in a connect at the same time: some 100 bytes each, 1.6 MiB at most. What is beyond drops the oldest start,
/// whose end then raises alerts of its own.
const MAX_STARTED: usize = 16_384;

/// The starts whose end is still to come, by thread: it waits in one call at a time.
#[derive(Debug, Default)]
pub(super) struct StartedConnects {
    by_thread: HashMap<u32, Start>,
    /// Threads by the sequence of their start: the first is the oldest.
    by_sequence: BTreeMap<u64, u32>,
}

#[derive(Clone, Copy, Debug)]
struct Start {
    sequence: u64,
    socket: Socket,
}

/// What start and end of one connect have in common. An end may be lost, and its thread connect again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Socket {
    fd: i32,
    inode: u64,
}

// === impl StartedConnects ===

impl StartedConnects {
    /// The sequence of the event that told of this connect's start; 0 if there was none.
    pub(super) fn sequence_of(&self, connect: &Connect<'_>) -> u64 {
        let start = self.by_thread.get(&connect.header.tid);
        start.filter(|start| start.socket == Socket::of(connect)).map_or(0, |start| start.sequence)
    }

    /// Takes notice of a connect whose event was taken into the stream under `sequence`: one that has only started is
    /// remembered, one that has ended is forgotten.
    pub(super) fn told(&mut self, connect: &Connect<'_>, sequence: Option<u64>) {
        self.forget(connect.header.tid);
        let Some(sequence) = sequence.filter(|_| connect.header.has(flag::STARTED_ONLY)) else { return };
        if self.by_thread.len() >= MAX_STARTED
            && let Some((_, oldest)) = self.by_sequence.pop_first()
        {
            self.by_thread.remove(&oldest);
        }
        self.by_thread.insert(connect.header.tid, Start { sequence, socket: Socket::of(connect) });
        self.by_sequence.insert(sequence, connect.header.tid);
    }

    /// The thread has ended, or what it waited for.
    pub(super) fn forget(&mut self, tid: u32) {
        if let Some(start) = self.by_thread.remove(&tid) {
            self.by_sequence.remove(&start.sequence);
        }
    }
}

// === impl Socket ===

impl Socket {
    fn of(connect: &Connect<'_>) -> Self {
        Self { fd: connect.socket.fd, inode: connect.socket.file.inode }
    }
}

#[cfg(test)]
mod tests {
    use eyrie_bpf::{DescriptorInfo, FileInfo, Header, Record, decode, encode, kind};

    use super::*;

    /// A connect of the thread 7.
    fn connect(result: i64, inode: u64) -> Vec<u8> {
        let is_started = result == -115;
        let flags = flag::HAS_CALL | if is_started { flag::STARTED_ONLY } else { 0 };
        let header = Header { kind: kind::CONNECT, flags, tid: 7, call_result: result, ..Header::default() };
        let file = FileInfo { inode, ..FileInfo::default() };
        let socket = DescriptorInfo { fd: 3, file, ..DescriptorInfo::default() };
        encode(&Record::Connect(Connect { header, socket, ..Connect::default() }))
    }

    fn told(started: &mut StartedConnects, bytes: &[u8], sequence: Option<u64>) -> u64 {
        let Ok(Record::Connect(connect)) = decode(bytes) else { panic!("no connect") };
        let before = started.sequence_of(&connect);
        started.told(&connect, sequence);
        before
    }

    /// Scenario: a connect with start and end; one whose end is lost, before one on another socket; one whose start was not taken; one
    /// whose thread ends. Guarantees: an end finds its own start, once, and no other one.
    #[test]
    fn an_end_finds_its_start() {
        let mut started = StartedConnects::default();
        let (start, end, other_end) = (connect(-115, 1), connect(-111, 1), connect(0, 2));
        assert_eq!(told(&mut started, &start, Some(5)), 0);
        assert_eq!(told(&mut started, &end, Some(6)), 5);
        assert_eq!(told(&mut started, &end, Some(7)), 0);
        assert_eq!(told(&mut started, &start, Some(8)), 0);
        assert_eq!(told(&mut started, &other_end, Some(9)), 0);
        assert_eq!(told(&mut started, &start, None), 0);
        assert_eq!(told(&mut started, &end, Some(10)), 0);
        assert_eq!(told(&mut started, &start, Some(11)), 0);
        started.forget(7);
        assert_eq!(told(&mut started, &end, Some(12)), 0);
        assert!(started.by_thread.is_empty() && started.by_sequence.is_empty());
    }

    /// Scenario: more threads wait than are remembered. Guarantees: the oldest start is given up, and no more.
    #[test]
    fn the_oldest_start_makes_room() {
        let mut started = StartedConnects::default();
        for tid in 1..=MAX_STARTED as u32 + 1 {
            let header = Header { tid, flags: flag::STARTED_ONLY, ..Header::default() };
            started.told(&Connect { header, ..Connect::default() }, Some(tid.into()));
        }
        assert_eq!((started.by_thread.len(), started.by_sequence.len()), (MAX_STARTED, MAX_STARTED));
        assert!(!started.by_thread.contains_key(&1) && started.by_thread.contains_key(&2));
    }
}

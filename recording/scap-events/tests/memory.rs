//! What a hostile file can make an import keep. Alone in its file: it counts what the whole process holds.
#![allow(clippy::unwrap_used, reason = "all of it is a test")]

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{alloc::System, io::Read, sync::Mutex};

use scap_events::import::{Import, ImportOptions};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SECTION: [u8; 28] = [
    10, 13, 13, 10, 28, 0, 0, 0, 77, 60, 43, 26, 1, 0, 2, 0, 255, 255, 255, 255, 255, 255, 255, 255, 28, 0,
    0, 0,
];
/// Threads in the oldest form, whose entries have no lengths.
const THREADS_V1: u32 = 0x202;

/// What one test holds is not to be counted in another.
static TURN: Mutex<()> = Mutex::new(());

/// Blocks as they are asked for, and the most that the process held at such a time beyond what it held at first.
struct Blocks<'a> {
    blocks: Box<dyn Iterator<Item = Vec<u8>> + 'a>,
    current: std::io::Cursor<Vec<u8>>,
    region: Region<'a, System>,
    most: usize,
}

impl Read for Blocks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let change = self.region.change();
        self.most = self.most.max(change.bytes_allocated.saturating_sub(change.bytes_deallocated));
        let read = self.current.read(buffer)?;
        if read != 0 {
            return Ok(read);
        }
        let Some(block) = self.blocks.next() else { return Ok(0) };
        self.current = std::io::Cursor::new(block);
        self.current.read(buffer)
    }
}

/// The most bytes held while a file of these blocks was imported, and what there was no room for.
fn held(blocks: impl Iterator<Item = Vec<u8>>) -> (usize, u64) {
    let blocks = std::iter::once(SECTION.to_vec()).chain(blocks);
    let region = Region::new(ALLOCATOR);
    let current = std::io::Cursor::new(Vec::new());
    let mut input = Blocks { blocks: Box::new(blocks), current, region, most: 0 };
    let mut import = Import::new(scap::Reader::new(&mut input).unwrap(), ImportOptions::default());
    while import.next().unwrap().is_some() {}
    let refused = import.counts().refused.values().sum();
    drop(import);
    (input.most, refused)
}

fn block(entries: &[u8]) -> Vec<u8> {
    let body = entries.len().next_multiple_of(4);
    let length = u32::try_from(body + 12).unwrap().to_le_bytes();
    let mut block = [THREADS_V1.to_le_bytes().as_slice(), &length, entries].concat();
    block.resize(body + 8, 0);
    block.extend(length);
    block
}

fn thread(tid: u64, pid: u64, exe_bytes: u16) -> Vec<u8> {
    let mut entry = [tid, pid, 1].map(u64::to_le_bytes).concat();
    entry.extend([0, 0]);
    entry.extend(exe_bytes.to_le_bytes());
    entry.resize(entry.len() + usize::from(exe_bytes), b'x');
    // No arguments and no directory, the limit of descriptors, flags, user and group.
    entry.resize(entry.len() + 2 + 2 + 8 + 4 + 4 + 4, 0);
    entry
}

/// Scenario: a million and a half threads of one process; the same of a few threads, told again and again.
/// Guarantees: as many are kept as there is room for, the rest is counted; who is told again takes no more room.
#[test]
fn threads_without_end_are_bounded() {
    let _turn = TURN.lock().unwrap();
    // Tables are read once.
    held(std::iter::once(block(&thread(1, 1, 3))));
    let threads = |number: u64, distinct: u64| {
        (0..number / 10_000).map(move |part| {
            let tids = (0..10_000).map(|at| 2 + (part * 10_000 + at) % distinct);
            block(&tids.flat_map(|tid| thread(tid, 1, 0)).collect::<Vec<_>>())
        })
    };
    let (bytes, refused) = held(threads(1_500_000, u64::MAX));
    assert!(bytes < 200 << 20, "{bytes}");
    assert!(refused >= 1_500_000 - 262_144, "{refused}");
    let (bytes, refused) = held(threads(1_500_000, 1_000));
    assert!(bytes < 8 << 20, "{bytes}");
    assert_eq!(refused, 0);
}

/// Scenario: 5,000 processes whose program's name has 64 KiB each; one process with such a name 5,000 times.
/// Guarantees: of each is kept what libscap takes, and of the one the last word.
#[test]
fn long_names_are_cut_off() {
    let _turn = TURN.lock().unwrap();
    held(std::iter::once(block(&thread(1, 1, 3))));
    let (bytes, _) = held((2..5_002).map(|pid| block(&thread(pid, pid, u16::MAX))));
    assert!(bytes < 20 << 20, "{bytes}");
    let (bytes, _) = held((2..5_002).map(|_| block(&thread(7, 7, u16::MAX))));
    assert!(bytes < 4 << 20, "{bytes}");
}

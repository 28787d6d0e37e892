//! What a hostile file can make the reader take. Alone in its file: it counts what the whole process takes.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{alloc::System, io::Read, sync::Mutex};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SECTION: [u8; 28] = [
    10, 13, 13, 10, 28, 0, 0, 0, 77, 60, 43, 26, 1, 0, 2, 0, 255, 255, 255, 255, 255, 255, 255, 255, 28, 0,
    0, 0,
];

/// What one test takes is not to be counted in another.
static TURN: Mutex<()> = Mutex::new(());

/// Bytes taken, all in all, while everything of the input is read.
fn taken(input: impl Read) -> usize {
    let region = Region::new(ALLOCATOR);
    let mut reader = scap::Reader::new(input).ok();
    while let Some(Ok(Some(block))) = reader.as_mut().map(scap::Reader::next_block) {
        if let scap::Block::Threads(threads) = block {
            threads.for_each(drop);
        }
    }
    region.change().bytes_allocated
}

/// Scenario: files of a few bytes that say that a block, a list or a text of the greatest size follows; and one whose block of unknown
/// type has 256 MiB.
/// Guarantees: memory is taken for what is there, not for what is said.
#[test]
fn lengths_that_are_lies_cost_nothing() {
    let _turn = TURN.lock().unwrap();
    // The tables are read once.
    taken(SECTION.as_slice());
    let head = |block_type: u32, length: u32| [block_type.to_le_bytes(), length.to_le_bytes()].concat();
    for block_type in [0x201_u32, 0x203, 0x205, 0x206, 0x215, 0x216, 0x218, 0x221, 0x222] {
        let input = [SECTION.as_slice(), &head(block_type, 16 << 20), &[0xff; 64]].concat();
        let bytes = taken(input.as_slice());
        assert!(bytes < 100_000, "{block_type:#x}: {bytes}");
    }
    let length = 256_u32 << 20;
    let start = [SECTION.as_slice(), &head(0x999, length)].concat();
    let zeros = std::io::repeat(0).take(u64::from(length) - 12);
    let end = length.to_le_bytes();
    let bytes = taken(start.as_slice().chain(zeros).chain(end.as_slice()));
    assert!(bytes < 100_000, "{bytes}");
}

/// Scenario: a block of 4 MiB full of the smallest descriptors that there are.
/// Guarantees: what is taken stays within a fixed number of times the block's size.
#[test]
fn lists_take_a_bounded_number_of_times_their_size() {
    let _turn = TURN.lock().unwrap();
    // fd, inode, type 7 (FIFO), a name of no bytes.
    let entry = [[0; 16].as_slice(), &[7, 0, 0]].concat();
    let mut body = [0; 8].to_vec();
    body.extend(entry.repeat((4 << 20) / entry.len()));
    body.resize(body.len().next_multiple_of(4), 0);
    let length = u32::try_from(body.len() + 12).unwrap();
    let block =
        [0x203_u32.to_le_bytes().as_slice(), &length.to_le_bytes(), &body, &length.to_le_bytes()].concat();
    let bytes = taken([SECTION.as_slice(), &block].concat().as_slice());
    // A vector that doubles takes twice what it holds, and 80 bytes hold what has 19 in the block.
    assert!(bytes < 12 * body.len(), "{bytes}");
}

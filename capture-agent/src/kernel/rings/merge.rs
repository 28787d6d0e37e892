//! Records of several rings in the order of their times.

use std::collections::VecDeque;

/// Between taking its time and handing a record over, a program runs for some microseconds; longer where the processor itself is
/// taken away. Records that are younger than this wait for what other rings may still get.
const REORDER_NS: u64 = 2_000_000;
/// What may wait. Beyond, records go on although others may come that are older.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// Where a record has its time: `boot_ns` of its header.
const BOOT_NS: std::ops::Range<usize> = 16..24;

/// Holds records back until no ring can have an older one.
#[derive(Debug)]
pub(super) struct Merge {
    rings: Vec<Waiting>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In the order of the ring, with their times.
    records: VecDeque<(u64, Box<[u8]>)>,
    /// Nothing older than this will come, but for what is within [`REORDER_NS`].
    read_through_ns: u64,
}

// === impl Merge ===

impl Merge {
    pub(super) fn new(rings: usize) -> Self {
        Self { rings: (0..rings).map(|_| Waiting::default()).collect(), bytes: 0 }
    }

    /// Takes the next record of a ring.
    pub(super) fn push(&mut self, ring: usize, bytes: &[u8]) {
        let Some(ring) = self.rings.get_mut(ring) else { return };
        // What is too short for a time is no record, which is for others to find out.
        let boot_ns =
            bytes.get(BOOT_NS).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_ne_bytes);
        self.bytes += bytes.len();
        ring.records.push_back((boot_ns, bytes.into()));
    }

    /// A ring was found empty after this time, or, if there is none, only read as far as the last record.
    pub(super) fn read_through(&mut self, ring: usize, empty_at_boot_ns: Option<u64>) {
        let Some(ring) = self.rings.get_mut(ring) else { return };
        let last = ring.records.back().map_or(0, |(boot_ns, _)| *boot_ns);
        ring.read_through_ns = ring.read_through_ns.max(empty_at_boot_ns.unwrap_or(last));
    }

    /// Hands over what is in order by now, or everything.
    pub(super) fn release(&mut self, everything: bool, take: &mut dyn FnMut(&[u8])) -> usize {
        let through = self.rings.iter().map(|ring| ring.read_through_ns).min().unwrap_or(0);
        let through = through.saturating_sub(REORDER_NS);
        let mut records = 0;
        while let Some((boot_ns, oldest)) = self.oldest() {
            if boot_ns > through && !everything && self.bytes <= WAITING_BYTES_MAX {
                break;
            }
            let next = self.rings.get_mut(oldest).and_then(|ring| ring.records.pop_front());
            let Some((_, bytes)) = next else { break };
            self.bytes -= bytes.len();
            take(&bytes);
            records += 1;
        }
        records
    }

    /// The ring whose next record is the oldest, with its time.
    fn oldest(&self) -> Option<(u64, usize)> {
        let heads = self.rings.iter().enumerate();
        heads.filter_map(|(index, ring)| Some((ring.records.front()?.0, index))).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with nothing but its time and a name.
    fn record(boot_ms: u64, name: u8) -> Vec<u8> {
        let mut bytes = vec![0; 25];
        bytes[BOOT_NS].copy_from_slice(&(boot_ms * 1_000_000).to_ne_bytes());
        bytes[24] = name;
        bytes
    }

    fn released(merge: &mut Merge, everything: bool) -> String {
        let mut names = String::new();
        merge.release(everything, &mut |bytes| names.push(bytes[24] as char));
        names
    }

    /// Scenario: two rings, one of which is read up to a bound, and later to its end; then capture ends. Guarantees: records come in the
    /// order of their times, none before the other ring could have an older one; a ring's own order stays; at the end all come.
    #[test]
    fn rings_are_merged_by_time() {
        let mut merge = Merge::new(2);
        for (time, name) in [(10, b'a'), (30, b'd'), (50, b'f')] {
            merge.push(0, &record(time, name));
        }
        merge.read_through(0, Some(60_000_000));
        // Within a ring the time of a later record may be a little before.
        for (time, name) in [(22, b'b'), (21, b'c')] {
            merge.push(1, &record(time, name));
        }
        merge.read_through(1, None);
        assert_eq!(released(&mut merge, false), "a");
        merge.push(1, &record(40, b'e'));
        merge.read_through(1, Some(51_000_000));
        assert_eq!(released(&mut merge, false), "bcde");
        assert_eq!(released(&mut merge, false), "");
        assert_eq!(released(&mut merge, true), "f");
        assert_eq!(merge.bytes, 0);
    }

    /// Scenario: one ring is full of large records while the other is never read to its end. Guarantees: what waits stays within its
    /// bound.
    #[test]
    fn what_waits_is_bounded() {
        let mut merge = Merge::new(2);
        let mut large = record(100, b'x');
        large.resize(1 << 20, 0);
        for _ in 0..20 {
            merge.push(0, &large);
        }
        assert_eq!(merge.release(false, &mut |_| {}), 12);
        assert!(merge.bytes <= WAITING_BYTES_MAX);
    }
}

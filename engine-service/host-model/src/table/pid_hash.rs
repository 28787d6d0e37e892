//! Hashes of pids.

use std::hash::{BuildHasherDefault, Hasher};

/// For maps by pid, which several look-ups of every event go to. The kernel chooses pids, one after the other: nobody can have many
/// that fall together, so that they need no hash that is hard to foresee.
pub(super) type PidHash = BuildHasherDefault<PidHasher>;

/// Multiplies, and brings the upper bits, on which all of a pid has an effect, to where tables look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PidHasher(u64);

/// 2⁶⁴ by the golden ratio, odd: neighbours are far apart.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

// === impl PidHasher ===

impl Hasher for PidHasher {
    fn write_u32(&mut self, pid: u32) {
        self.0 = (self.0 ^ u64::from(pid)).wrapping_mul(FACTOR).rotate_left(32);
    }

    /// Pids are written by the method above; what is not is hashed all the same.
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, hash::BuildHasher as _};

    use super::*;

    /// Scenario: all pids that a kernel gives, and every 4096th of them. Guarantees: no two have the same hash; the bits that choose a place in a
    /// table (the lowest), and those that tell apart who is in it (the highest seven), differ about as often as by chance.
    #[test]
    fn pids_are_spread() {
        let hash = |pid: u32| PidHash::default().hash_one(pid);
        let hashes: HashSet<u64> = (0..1 << 22).map(hash).collect();
        assert_eq!(hashes.len(), 1 << 22);
        for step in [1, 4096] {
            let places: HashSet<u64> = (0..1024).map(|index| hash(index * step) & 1023).collect();
            let tags: HashSet<u64> = (0..1024).map(|index| hash(index * step) >> 57).collect();
            // Of 1,024 places chance fills 647.
            assert!(places.len() > 580 && tags.len() > 120, "{step}: {} {}", places.len(), tags.len());
        }
    }
}

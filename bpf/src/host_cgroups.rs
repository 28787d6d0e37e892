//! The control groups that are known to be none of a container, as the programs look them up: `struct host_cgroups` of
//! `programs/plan_layout.h`.

use std::collections::HashMap;

use crate::layout::{HOST_CGROUP_BUCKETS, HOST_CGROUPS_PER_BUCKET};

/// A table in buckets of a few. What a bucket has no room for is missing, so that more is recorded.
#[derive(Clone, Debug, Default)]
pub struct HostCgroupTable {
    buckets: HashMap<u32, Vec<u64>>,
}

/// An entry of [`HOST_CGROUPS_MAP`](crate::HOST_CGROUPS_MAP) that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostCgroupBucket {
    /// Its place in the map.
    pub index: u32,
    /// What it has now.
    pub words: [u64; HostCgroupBucket::WORDS],
}

// === impl HostCgroupTable ===

impl HostCgroupTable {
    /// Adds a group; the bucket to write, unless the group is in there already or there is no room.
    pub fn insert(&mut self, id: u64) -> Option<HostCgroupBucket> {
        // No group has the id 0: it stands for one that is not known.
        if id == 0 {
            return None;
        }
        let index = bucket_of(id);
        let ids = self.buckets.entry(index).or_default();
        if ids.contains(&id) || ids.len() >= HOST_CGROUPS_PER_BUCKET {
            return None;
        }
        ids.push(id);
        Some(HostCgroupBucket::new(index, ids))
    }

    /// Takes a group out; the bucket to write, unless it is not in there.
    pub fn remove(&mut self, id: u64) -> Option<HostCgroupBucket> {
        let index = bucket_of(id);
        let ids = self.buckets.get_mut(&index)?;
        let place = ids.iter().position(|other| *other == id)?;
        ids.swap_remove(place);
        let bucket = HostCgroupBucket::new(index, ids);
        if ids.is_empty() {
            self.buckets.remove(&index);
        }
        Some(bucket)
    }
}

/// `host_cgroup_bucket` of `programs/filter.h`.
fn bucket_of(id: u64) -> u32 {
    u32::try_from(id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> HOST_CGROUP_BUCKETS.leading_zeros() >> 1)
        .unwrap_or_default()
}

// === impl HostCgroupBucket ===

impl HostCgroupBucket {
    /// Words of an entry.
    pub const WORDS: usize = 2 * HOST_CGROUPS_PER_BUCKET;

    /// Each id has its complement in the second half: one that is half written, and the rest, is none.
    fn new(index: u32, ids: &[u64]) -> Self {
        let mut words = [0; Self::WORDS];
        let (first, second) = words.split_at_mut(HOST_CGROUPS_PER_BUCKET);
        for ((to, complement), id) in first.iter_mut().zip(second).zip(ids) {
            (*to, *complement) = (*id, !*id);
        }
        Self { index, words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: groups come and go, one twice, one that is not known, and more than a bucket has room for. Guarantees: a bucket has those
    /// that are there, each with its complement; what changes nothing writes nothing; there is room again for what had none.
    #[test]
    fn groups_come_and_go() {
        let mut table = HostCgroupTable::default();
        let first = table.insert(77).unwrap();
        assert!(first.index < u32::try_from(HOST_CGROUP_BUCKETS).unwrap());
        assert_eq!((first.words[0], first.words[HOST_CGROUPS_PER_BUCKET]), (77, !77));
        assert!(first.words[1..HOST_CGROUPS_PER_BUCKET].iter().all(|word| *word == 0));
        assert_eq!((table.insert(77), table.insert(0), table.remove(78)), (None, None, None));

        let others: Vec<u64> =
            (78..).filter(|id| bucket_of(*id) == first.index).take(HOST_CGROUPS_PER_BUCKET).collect();
        let (last, fitting) = others.split_last().unwrap();
        assert!(fitting.iter().all(|id| table.insert(*id).is_some()));
        assert_eq!(table.insert(*last), None);
        let left = table.remove(77).unwrap();
        assert!(left.index == first.index && !left.words.contains(&77));
        assert!(table.insert(*last).unwrap().words.contains(last));
        for id in &others {
            let bucket = table.remove(*id).unwrap();
            assert!(!bucket.words.contains(id));
        }
        assert!(table.buckets.is_empty());
    }

    /// Scenario: ids as the kernel gives them, one after the other. Guarantees: thousands fit without a bucket that is full.
    #[test]
    fn ids_in_a_row_are_spread() {
        let mut table = HostCgroupTable::default();
        assert!((1..=4_000).all(|id| table.insert(id).is_some()));
    }
}

//! The control groups of which the programs know that they are none of a container's.

use std::collections::HashMap;

use aya::{
    Ebpf,
    maps::{Array, MapData, MapError},
};
use eyrie_bpf::{HOST_CGROUPS_MAP, HostCgroupBucket, HostCgroupTable};
use tracing::warn;

use super::KernelError;

/// The map, and what is in it. What there is no room for is missing, so that more is recorded.
pub(super) struct HostCgroups {
    map: Array<MapData, [u64; HostCgroupBucket::WORDS]>,
    table: HostCgroupTable,
    /// What could not be written yet.
    unwritten: HashMap<u32, HostCgroupBucket>,
    was_failure_told: bool,
}

// === impl HostCgroups ===

impl HostCgroups {
    pub(super) fn new(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        let map = ebpf.take_map(HOST_CGROUPS_MAP).ok_or_else(KernelError::no_map(HOST_CGROUPS_MAP))?;
        let map = Array::try_from(map).map_err(KernelError::map(HOST_CGROUPS_MAP))?;
        let table = HostCgroupTable::default();
        Ok(Self { map, table, unwritten: HashMap::new(), was_failure_told: false })
    }

    /// The group is known to be none of a container.
    pub(super) fn insert(&mut self, id: u64) {
        if let Some(bucket) = self.table.insert(id) {
            self.write(bucket);
        }
    }

    /// The group is gone, or one of a container.
    pub(super) fn remove(&mut self, id: u64) {
        if let Some(bucket) = self.table.remove(id) {
            self.write(bucket);
        }
    }

    /// Writes a bucket, and those that could not be written before: a group that stays in the map is taken for one of the host.
    fn write(&mut self, bucket: HostCgroupBucket) {
        self.unwritten.insert(bucket.index, bucket);
        let Self { map, unwritten, .. } = self;
        let mut failure: Option<MapError> = None;
        unwritten.retain(|index, bucket| {
            map.set(*index, bucket.words, 0).map_err(|error| failure = Some(error)).is_err()
        });
        if let Some(error) = failure
            && !std::mem::replace(&mut self.was_failure_told, true)
        {
            warn!(
                "which control groups are the host's cannot be told to the programs; it is tried again: {error}"
            );
        }
    }
}

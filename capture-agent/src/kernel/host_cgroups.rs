//! The control groups of which the programs know that they are none of a container's.

use std::collections::HashSet;

use aya::{
    Ebpf,
    maps::{HashMap, MapData, MapError},
};
use eyrie_bpf::{HOST_CGROUPS_MAP, HOST_CGROUPS_MAX};
use tracing::warn;

use super::KernelError;

/// The map, and what is in it. What there is no room for is missing, so that more is recorded.
pub(super) struct HostCgroups {
    map: HashMap<MapData, u64, u8>,
    told: HashSet<u64>,
    was_failure_told: bool,
}

// === impl HostCgroups ===

impl HostCgroups {
    pub(super) fn new(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        let map = ebpf.take_map(HOST_CGROUPS_MAP).ok_or_else(KernelError::no_map(HOST_CGROUPS_MAP))?;
        let map = HashMap::try_from(map).map_err(KernelError::map(HOST_CGROUPS_MAP))?;
        Ok(Self { map, told: HashSet::new(), was_failure_told: false })
    }

    /// The group is known to be none of a container.
    pub(super) fn insert(&mut self, id: u64) {
        // No group has the id 0: it stands for one that is not known.
        if id == 0 || self.told.len() >= HOST_CGROUPS_MAX || self.told.contains(&id) {
            return;
        }
        match self.map.insert(id, 1, 0) {
            Ok(()) => {
                self.told.insert(id);
            }
            Err(error) => {
                if !std::mem::replace(&mut self.was_failure_told, true) {
                    warn!(
                        "a control group of the host cannot be told to the programs, which record more: {error}"
                    );
                }
            }
        }
    }

    /// The group is gone, or one of a container.
    pub(super) fn remove(&mut self, id: u64) {
        if !self.told.contains(&id) {
            return;
        }
        match self.map.remove(&id) {
            Ok(()) | Err(MapError::KeyNotFound) => {
                self.told.remove(&id);
            }
            // It stays among those that were told, so that the next one who says so tries again.
            Err(error) => warn!(id, "a control group cannot be taken from those of the host: {error}"),
        }
    }
}

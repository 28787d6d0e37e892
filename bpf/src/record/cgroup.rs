use crate::layout::{Header, cgroup_flag, layout};

layout! {
    /// A control group was made or removed, in the hierarchy that the configuration names. The header's task is who did
    /// it. One that is made has no processes yet.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Cgroup<'a> = "cgroup_record" {
        /// Head; no system call.
        header: Header,
        /// The inode number of its directory.
        cgroup_id: u64,
        /// Number of its hierarchy in `/proc/cgroups`; 0 for the default (v2) one.
        hierarchy: u32,
        /// Bits of [`cgroup_flag`](crate::cgroup_flag).
        flags: u32,
        /// From the root of its hierarchy, at most 1023 bytes.
        path: &'a [u8],
    }
}

// === impl Cgroup ===

impl Cgroup<'_> {
    /// Whether it is gone.
    pub fn is_removed(&self) -> bool {
        self.flags & cgroup_flag::REMOVED != 0
    }

    /// Whether the end of the path is missing.
    pub fn is_path_truncated(&self) -> bool {
        self.flags & cgroup_flag::PATH_TRUNCATED != 0
    }
}

use super::{flag, layout, reader::Reserved};

layout! {
    /// Head of every record: whose it is, when, and which call.
    ///
    /// Of a fork, the task is the parent; of everything else, the thread that it is about.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Header = "record_header" {
        /// Bytes of the whole record.
        size: u32,
        /// One of [`kind`](crate::kind).
        kind: u16,
        #[doc(hidden)]
        reserved: Reserved<2>,
        /// Bits of [`flag`](crate::flag).
        flags: u32,
        /// Processor on which it happened.
        cpu: u32,
        /// Nanoseconds since boot (`CLOCK_BOOTTIME`). Of a call, when it returned.
        boot_ns: u64,
        /// [`Config::plan_generation`](crate::Config::plan_generation) as it was then.
        plan_generation: u64,
        /// Start of the thread group leader, nanoseconds since boot.
        leader_start_boot_ns: u64,
        /// Control group in the hierarchy below; 0 where it could not be told.
        cgroup_id: u64,
        /// Capability sets, a bit each as in `linux/capability.h`.
        cap_effective: u64,
        /// As above.
        cap_permitted: u64,
        /// As above.
        cap_inheritable: u64,
        /// What the call returned: a negative errno if it failed. See [`Header::call`].
        call_result: i64,
        /// Number of the call. See [`Header::call`].
        call_number: u32,
        /// Process id (thread group id).
        tgid: u32,
        /// Thread id.
        tid: u32,
        /// Process id of the parent.
        parent_tgid: u32,
        /// Real user id.
        uid: u32,
        /// Real group id.
        gid: u32,
        /// Effective user id.
        effective_uid: u32,
        /// Effective group id.
        effective_gid: u32,
        /// User id of the login; 4294967295 where no one logged in.
        login_uid: u32,
        /// Session id of the audit subsystem; 4294967295 where there is none.
        audit_session_id: u32,
        /// Session id.
        session_id: u32,
        /// Process group id.
        process_group_id: u32,
        /// Controlling terminal as `tty_nr` of `/proc/PID/stat`; 0 for none.
        tty: u32,
        /// Process id inside the task's own pid namespace.
        namespace_tgid: u32,
        /// Thread id in there.
        namespace_tid: u32,
        /// Session id in there; 0 where the session's leader is outside.
        namespace_session_id: u32,
        /// Process group id in there; 0 where the group's leader is outside.
        namespace_process_group_id: u32,
        /// Inode number of the pid namespace.
        pid_namespace: u32,
        /// Inode number of the mount namespace; 0 where the task has none any more.
        mount_namespace: u32,
        /// Number of the hierarchy in `/proc/cgroups`; 0 for the default (v2) one. See
        /// [`Config::cgroup_hierarchy`](crate::Config::cgroup_hierarchy).
        cgroup_hierarchy: u32,
        /// Name of the thread as the kernel keeps it. See [`Header::comm`].
        raw_comm: [u8; 16],
    }
}

// === impl Header ===

impl Header {
    /// Whether all bits of `flag` (see [`flag`](crate::flag)) are set.
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag == flag
    }

    /// Whether the engine's picture of processes depends on the record.
    pub fn is_state_bearing(&self) -> bool {
        self.has(flag::STATE_BEARING)
    }

    /// Number and result of the system call, if the record is about one.
    pub fn call(&self) -> Option<(u32, i64)> {
        self.has(flag::HAS_CALL).then_some((self.call_number, self.call_result))
    }

    /// Name of the thread, at most 15 bytes.
    pub fn comm(&self) -> &[u8] {
        until_nul(&self.raw_comm)
    }
}

/// What is before the first NUL byte.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

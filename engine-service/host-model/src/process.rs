//! A process as the model knows it.

use std::sync::Arc;

use eyrie_proto::event::{Credentials, Executable, ProcessKey, Session};

/// A process (a thread group).
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    pub(crate) key: ProcessKey,
    pub(crate) parent_pid: u32,
    pub(crate) comm: Arc<[u8]>,
    pub(crate) exe: Arc<[u8]>,
    pub(crate) arguments: Arc<[Vec<u8>]>,
    pub(crate) environment: Arc<[Vec<u8>]>,
    pub(crate) executable: Option<Arc<Executable>>,
    pub(crate) working_directory: Arc<[u8]>,
    pub(crate) root_directory: Arc<[u8]>,
    pub(crate) credentials: Credentials,
    pub(crate) session: Session,
    pub(crate) cgroup_id: u64,
    pub(crate) namespace_pid: u32,
    pub(crate) pid_namespace: u64,
    pub(crate) mount_namespace: u64,
    pub(crate) exec_boot_ns: u64,
    pub(crate) as_of_boot_ns: u64,
    pub(crate) is_incomplete: bool,
}

// === impl Process ===

impl Process {
    /// Its pid and start time.
    pub fn key(&self) -> ProcessKey {
        self.key
    }

    /// The pid of its parent in the initial pid namespace; 0 for none.
    pub fn parent_pid(&self) -> u32 {
        self.parent_pid
    }

    /// The name of its main thread, at most 15 bytes.
    pub fn comm(&self) -> &[u8] {
        &self.comm
    }

    /// The first argument as given to exec.
    pub fn exe(&self) -> &[u8] {
        &self.exe
    }

    /// The arguments after the first.
    pub fn arguments(&self) -> &[Vec<u8>] {
        &self.arguments
    }

    /// NAME=value each.
    pub fn environment(&self) -> &[Vec<u8>] {
        &self.environment
    }

    /// The file that it executes; `None` for kernel threads and where it is not known.
    pub fn executable(&self) -> Option<&Executable> {
        self.executable.as_deref()
    }

    /// The working directory, relative to its root; empty if not known.
    pub fn working_directory(&self) -> &[u8] {
        &self.working_directory
    }

    /// Its root directory; empty means `/`.
    pub fn root_directory(&self) -> &[u8] {
        &self.root_directory
    }

    /// Who it acts as.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Session, process group and terminal.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Its control group in the default hierarchy.
    pub fn cgroup_id(&self) -> u64 {
        self.cgroup_id
    }

    /// Its pid inside its own pid namespace.
    pub fn namespace_pid(&self) -> u32 {
        self.namespace_pid
    }

    /// Inode number of its pid namespace.
    pub fn pid_namespace(&self) -> u64 {
        self.pid_namespace
    }

    /// Inode number of its mount namespace.
    pub fn mount_namespace(&self) -> u64 {
        self.mount_namespace
    }

    /// When its program was executed, nanoseconds since boot; 0 if not known.
    pub fn exec_boot_ns(&self) -> u64 {
        self.exec_boot_ns
    }

    /// It was only seen causing events; its arguments and executable are not known (yet).
    pub fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }
}

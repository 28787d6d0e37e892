use crate::layout::{DescriptorInfo, FileInfo, Header, Reserved, exit_flag, layout, task_flag, until_nul};

layout! {
    /// A new process or thread: complete, but it has not run yet. The header's task is who made it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Fork = "fork_record" {
        /// Head; the task is the caller of `fork` or `clone`.
        header: Header,
        /// `CLONE_*` as the kernel took them.
        clone_flags: u64,
        /// Start of the child's thread group leader, nanoseconds since boot: with `child_tgid`, its process's key.
        child_start_boot_ns: u64,
        /// Start of the child itself; the same unless it is a thread.
        child_thread_start_boot_ns: u64,
        /// In the header's hierarchy.
        child_cgroup_id: u64,
        /// Start of the init of the child's pid namespace.
        pid_namespace_start_boot_ns: u64,
        /// Process id of the child: that of the caller if it is a thread.
        child_tgid: u32,
        /// Thread id of the child.
        child_tid: u32,
        /// Not the caller where `CLONE_PARENT` was given.
        child_parent_tgid: u32,
        /// Process id inside the child's pid namespace.
        child_namespace_tgid: u32,
        /// Thread id in there.
        child_namespace_tid: u32,
        /// Inode number of that namespace.
        child_pid_namespace: u32,
        /// Name of the thread as the kernel keeps it. See [`Fork::child_comm`].
        raw_child_comm: [u8; 16],
    }
}

layout! {
    /// A program was executed. The header's task is what it became.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Exec<'a> = "exec_record" {
        /// Head; no system call.
        header: Header,
        /// The file that runs; for a script, its interpreter.
        executable: FileInfo,
        /// Soft limit of `RLIMIT_NOFILE`.
        open_files_limit: u64,
        /// Size of the new memory map, in pages.
        virtual_memory_pages: u64,
        /// Page faults of the thread so far that needed I/O.
        major_faults: u64,
        /// Page faults of the thread so far that did not.
        minor_faults: u64,
        /// Thread id of the caller before it became the leader of its group.
        old_tid: u32,
        /// How many arguments there are, whether or not all are here.
        argument_count: u32,
        /// How many environment variables there are.
        environment_count: u32,
        #[doc(hidden)]
        reserved: Reserved<4>,
        /// Descriptor 0; of a socket its ends.
        standard_input: DescriptorInfo<'a>,
        /// Descriptor 1.
        standard_output: DescriptorInfo<'a>,
        /// Descriptor 2.
        standard_error: DescriptorInfo<'a>,
        /// The file name as given to exec; `/dev/fd/N` or `/dev/fd/N/path` where a descriptor was given.
        requested: &'a [u8],
        /// What was loaded in place of a script; else the same as `requested`.
        interpreter: &'a [u8],
        /// Each ended by a NUL byte. See [`strings`](Exec::argument_list).
        arguments: &'a [u8],
        /// `NAME=value` each, ended by a NUL byte.
        environment: &'a [u8],
        /// The kernel's path of the executable, relative to the process's root.
        executable_path: &'a [u8],
        /// Relative to the process's root.
        working_directory: &'a [u8],
        /// The process's root, seen from the root of its mount namespace; empty where they are the same.
        root_directory: &'a [u8],
    }
}

layout! {
    /// `execve` or `execveat` failed; the result is in the header.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct FailedExec<'a> = "failed_exec_record" {
        /// Head.
        header: Header,
        /// Of `execveat`; `AT_FDCWD` (-100) otherwise.
        directory_fd: i32,
        /// `AT_*` of `execveat`.
        flags: u32,
        /// The path as the program gave it.
        requested: &'a [u8],
        /// The directory that it starts from, if it is relative.
        base: &'a [u8],
    }
}

layout! {
    /// A thread ended.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Exit = "exit_record" {
        /// Head; no system call.
        header: Header,
        /// Start of the thread, nanoseconds since boot.
        thread_start_boot_ns: u64,
        /// As `wait(2)` reports it.
        status: u32,
        /// Bits of [`exit_flag`](crate::exit_flag).
        flags: u32,
        /// Process that inherits its children; 0 if it has none or it is not known.
        reaper_tgid: u32,
        #[doc(hidden)]
        reserved: Reserved<4>,
    }
}

layout! {
    /// A system call without a record of its own.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Call = "call_record" {
        /// Head.
        header: Header,
        /// As the registers had them.
        arguments: [u64; 6],
    }
}

layout! {
    /// A thread as the snapshot found it. Only a main thread has what belongs to its process: executable and the variable
    /// parts, which stay empty for threads of the kernel and for processes that have ended.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Task<'a> = "task_record" {
        /// Head; its time is when the snapshot came by.
        header: Header,
        /// The file that runs.
        executable: FileInfo,
        /// Start of the thread, nanoseconds since boot.
        thread_start_boot_ns: u64,
        /// Start of the init of its pid namespace.
        pid_namespace_start_boot_ns: u64,
        /// Soft limit of `RLIMIT_NOFILE`.
        open_files_limit: u64,
        /// Bits of [`task_flag`](crate::task_flag).
        flags: u32,
        #[doc(hidden)]
        reserved: Reserved<4>,
        /// Descriptor 0; of a socket its ends.
        standard_input: DescriptorInfo<'a>,
        /// Descriptor 1.
        standard_output: DescriptorInfo<'a>,
        /// Descriptor 2.
        standard_error: DescriptorInfo<'a>,
        /// As in [`Exec`].
        arguments: &'a [u8],
        /// As in [`Exec`].
        environment: &'a [u8],
        /// As in [`Exec`].
        executable_path: &'a [u8],
        /// As in [`Exec`].
        working_directory: &'a [u8],
        /// As in [`Exec`].
        root_directory: &'a [u8],
    }
}

/// The strings in `block`, each ended by NUL; the last one may have been cut before its end.
fn strings(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let block = block.strip_suffix(&[0]).unwrap_or(block);
    let is_empty = block.is_empty();
    block.split(|byte| *byte == 0).filter(move |_| !is_empty)
}

// === impl Fork ===

impl Fork {
    /// Name of the child, at most 15 bytes.
    pub fn child_comm(&self) -> &[u8] {
        until_nul(&self.raw_child_comm)
    }

    /// Whether a thread was made, not a process.
    pub fn is_thread(&self) -> bool {
        self.child_tid != self.child_tgid
    }
}

// === impl Exec ===

impl<'a> Exec<'a> {
    /// The arguments, the first of which is the name that the program was called by.
    pub fn argument_list(&self) -> impl Iterator<Item = &'a [u8]> {
        strings(self.arguments)
    }

    /// The environment, `NAME=value` each.
    pub fn environment_list(&self) -> impl Iterator<Item = &'a [u8]> {
        strings(self.environment)
    }
}

// === impl Task ===

impl<'a> Task<'a> {
    /// The arguments, the first of which is the name that the program was called by.
    pub fn argument_list(&self) -> impl Iterator<Item = &'a [u8]> {
        strings(self.arguments)
    }

    /// The environment, `NAME=value` each.
    pub fn environment_list(&self) -> impl Iterator<Item = &'a [u8]> {
        strings(self.environment)
    }

    /// Whether it is the main thread of its process.
    pub fn is_main_thread(&self) -> bool {
        self.header.tid == self.header.tgid
    }

    /// Whether the thread has ended and is only listed still.
    pub fn has_ended(&self) -> bool {
        self.flags & task_flag::ENDED != 0
    }
}

// === impl Exit ===

impl Exit {
    /// Number of the signal that ended it, 0 if none did.
    pub fn signal(&self) -> u32 {
        self.status & 0x7f
    }

    /// What it passed to `exit(2)`, the lowest eight bits; 0 if a signal ended it.
    pub fn exit_status(&self) -> u32 {
        self.status >> 8 & 0xff
    }

    /// Whether memory was dumped to a core file.
    pub fn is_core_dumped(&self) -> bool {
        self.status & 0x80 != 0
    }

    /// Whether no thread of the process is left.
    pub fn is_process_end(&self) -> bool {
        self.flags & exit_flag::PROCESS_END != 0
    }
}

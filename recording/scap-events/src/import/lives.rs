//! How tasks begin, execute programs and end.
//!
//! Falco's drivers tell of a new task twice, once by whoever made it and once by itself, and in either order. It becomes one
//! event, as live: at the first of both, by whoever made it.

use eyrie_proto::event::{Exec, Executable, Exit, Fork, OverlayLayer, PathArgument, ProcessKey, event::Kind};

use super::{
    kinds::{AT_FDCWD, directory},
    parameters::Parameters,
    section::{At, Section},
    streams::standard_streams,
    tasks::{Process, Thread, capabilities},
};
use crate::flags::{
    CLONE_CHILD_IN_PIDNS, CLONE_FILES, CLONE_THREAD, EXE_FROM_MEMFD, EXE_LOWER_LAYER, EXE_UPPER_LAYER,
    EXE_WRITABLE, kernel_number,
};

/// In flags of clone, as Falco numbers them.
const CLONE_NEWPID: u32 = 0x40;
const CLONE_PARENT: u32 = 0x100;
const CLONE_VFORK: u32 = 1 << 27;
/// linux/sched.h; no flags of a fork's event say it.
const KERNEL_CLONE_THREAD: u64 = 0x1_0000;
/// WCOREFLAG and WTERMSIG of wait(2).
const CORE_DUMPED: i64 = 0x80;
const SIGNAL_MASK: i64 = 0x7f;

/// A task that begins.
struct Birth {
    caller: u32,
    tid: u32,
    pid: u32,
    namespace_tid: u32,
    namespace_pid: u32,
    /// Told by the child itself: then control group, name and ids are its own.
    is_by_child: bool,
    flags: u32,
}

// === impl Section ===

impl Section {
    /// clone and its relatives; `None` where it was told before, or is left to the child.
    pub(crate) fn fork(&mut self, at: At, name: &str, parameters: &Parameters<'_>) -> Option<(Kind, u32)> {
        let result = parameters.result();
        let flags = parameters.low("flags").unwrap_or(0);
        if result < 0 {
            return Some((Kind::Fork(Fork { flags: kernel_flags(flags), ..Fork::default() }), at.tid));
        }
        let birth = if result == 0 {
            self.birth_by_child(at, flags, parameters)?
        } else {
            self.refresh(at, parameters);
            self.birth_by_caller(at, name, flags, u32::try_from(result).ok()?, parameters)?
        };
        let caller = birth.caller;
        Some((Kind::Fork(self.born(at, &birth, parameters)?), caller))
    }

    /// The child's word. `None` if the caller's was first: then it completes what was known.
    fn birth_by_child(&mut self, at: At, flags: u32, parameters: &Parameters<'_>) -> Option<Birth> {
        let tid = at.tid;
        let pid = parameters.id("pid").unwrap_or(tid);
        let namespace_tid = parameters.id("vtid").unwrap_or(tid);
        let namespace_pid = parameters.id("vpid").unwrap_or(pid);
        if self.tasks.is_new(tid, at.boot_ns) {
            self.refresh(at, parameters);
            return None;
        }
        let is_thread = flags & CLONE_THREAD != 0 || tid != pid;
        // Of a thread the parent is that of its process.
        let caller = if is_thread { pid } else { parameters.id("ptid")? };
        Some(Birth { caller, tid, pid, namespace_tid, namespace_pid, is_by_child: true, flags })
    }

    /// The caller's word. `None` where the child has told already, or knows better: the number of a child in another pid namespace is
    /// not the host's, and one that was made by vfork has run before its parent could tell.
    fn birth_by_caller(
        &self,
        at: At,
        name: &str,
        flags: u32,
        tid: u32,
        parameters: &Parameters<'_>,
    ) -> Option<Birth> {
        let is_in_namespace = flags & (CLONE_CHILD_IN_PIDNS | CLONE_NEWPID | CLONE_PARENT) != 0
            || parameters.id("vtid").is_some_and(|own| own != at.tid);
        let is_vfork = name == "vfork" || flags & CLONE_VFORK != 0;
        let is_told = self.tasks.is_new(tid, at.boot_ns) || self.tasks.has_just_ended(tid, at.boot_ns);
        if is_in_namespace || is_vfork || is_told {
            return None;
        }
        let pid = if flags & CLONE_THREAD != 0 { self.tasks.pid_of(at.tid)? } else { tid };
        Some(Birth {
            caller: at.tid,
            tid,
            pid,
            namespace_tid: tid,
            namespace_pid: pid,
            is_by_child: false,
            flags,
        })
    }

    fn born(&mut self, at: At, birth: &Birth, parameters: &Parameters<'_>) -> Option<Fork> {
        let &Birth { caller, tid, pid, namespace_tid, namespace_pid, .. } = birth;
        let parent_pid = self.tasks.seen(caller, at.boot_ns)?;
        let parent = self.tasks.process(parent_pid)?.clone();
        let caller_comm = self.tasks.thread(caller).map(|thread| thread.comm.clone()).unwrap_or_default();
        let own_comm = parameters.text("comm").filter(|comm| birth.is_by_child && !comm.is_empty());
        let comm = own_comm.map_or(caller_comm, <[u8]>::to_vec);
        let is_thread = pid != tid;
        let child_parent = if birth.flags & CLONE_PARENT != 0 { parent.parent_pid } else { parent_pid };
        if !is_thread {
            self.tasks.retire(pid);
        }
        let process = Process {
            key: ProcessKey { pid, start_boot_ns: at.boot_ns },
            parent_pid: child_parent,
            namespace_pid,
            ..parent
        };
        if !self.tasks.insert(tid, Thread::new(pid, namespace_tid, &comm).born(at.boot_ns), || process) {
            return None;
        }
        if !is_thread {
            self.descriptors.fork(parent_pid, pid, birth.flags & CLONE_FILES != 0);
        }
        if birth.is_by_child {
            self.refresh(at, parameters);
        }
        let child = self.tasks.process(pid)?;
        let namespace_start = parameters.unsigned("pidns_init_start_ts").filter(|start| *start != 0);
        Some(Fork {
            child_process: Some(child.key),
            child_tid: tid,
            flags: kernel_flags(birth.flags) | if is_thread { KERNEL_CLONE_THREAD } else { 0 },
            child_namespace_pid: child.namespace_pid,
            child_namespace_tid: namespace_tid,
            child_parent_pid: child.parent_pid,
            child_cgroup_id: child.cgroup_id,
            child_thread_start_boot_ns: at.boot_ns,
            child_comm: comm,
            pid_namespace_start_boot_ns: namespace_start.map_or(0, |start| self.boot_ns(start)),
            ..Fork::default()
        })
    }

    /// Takes over what an event of clone or exec tells of the task that it is of.
    fn refresh(&mut self, at: At, parameters: &Parameters<'_>) {
        let Some(pid) = self.tasks.seen(at.tid, at.boot_ns) else { return };
        let cgroup = parameters.bytes("cgroups").map(|list| self.cgroups.id_of(list));
        if let Some((_, Some(fact))) = &cgroup {
            self.new_cgroup(fact.clone());
        }
        if let (Some(thread), Some(comm)) = (self.tasks.thread_mut(at.tid), parameters.text("comm")) {
            thread.rename(comm);
            thread.namespace_tid = parameters.id("vtid").unwrap_or(thread.namespace_tid);
        }
        let Some(process) = self.tasks.process_mut(pid) else { return };
        if let Some((id, _)) = cgroup.filter(|(id, _)| *id != 0) {
            process.cgroup_id = id;
        }
        process.parent_pid = parameters.id("ptid").unwrap_or(process.parent_pid);
        process.namespace_pid = parameters.id("vpid").unwrap_or(process.namespace_pid);
        process.set_ids(parameters.low("uid"), parameters.low("gid"));
        let cwd = parameters.text("cwd").filter(|cwd| cwd.starts_with(b"/"));
        if let Some(cwd) = cwd {
            process.working_directory = directory(cwd);
        }
        self.tasks.count_directories(pid);
    }

    /// A program was executed, or could not be.
    pub(crate) fn exec(&mut self, at: At, parameters: &Parameters<'_>) -> Kind {
        let path = self.exec_path(at, parameters);
        if parameters.result() < 0 {
            return Kind::Exec(Exec { path, ..Exec::default() });
        }
        self.refresh(at, parameters);
        let pid = self.tasks.pid_of(at.tid).unwrap_or(at.tid);
        self.tasks.exec(pid);
        self.descriptors.exec(pid);
        if let Some(process) = self.tasks.process_mut(pid) {
            refresh_session(process, parameters);
        }
        let number = |name: &str| parameters.unsigned(name).unwrap_or(0);
        let process = self.tasks.process(pid);
        Kind::Exec(Exec {
            exe: parameters.text("exe").unwrap_or_default().to_vec(),
            arguments: parameters.strings("args"),
            environment: parameters.strings("env"),
            executable: executable(parameters, path.as_ref()),
            path,
            working_directory: process.map(|process| process.working_directory.clone()).unwrap_or_default(),
            root_directory: process.map(|process| process.root_directory.clone()).unwrap_or_default(),
            old_tid: at.tid,
            standard_streams: standard_streams(&self.descriptors, pid),
            is_truncated: false,
            open_files_limit: number("fdlimit"),
            virtual_memory_kib: number("vm_size"),
            resident_memory_kib: number("vm_rss"),
            swapped_memory_kib: number("vm_swap"),
            major_faults: number("pgft_maj"),
            minor_faults: number("pgft_min"),
        })
    }

    /// What the program gave as the file to execute.
    fn exec_path(&self, at: At, parameters: &Parameters<'_>) -> Option<PathArgument> {
        let names = ["filename", "pathname"];
        let requested = names.iter().find_map(|name| parameters.text_of_enter(name));
        let requested = requested.or_else(|| names.iter().find_map(|name| parameters.text(name)))?;
        let directory_fd = parameters.fd("dirfd").unwrap_or(AT_FDCWD);
        let pid = self.tasks.pid_of(at.tid);
        let base = match directory_fd {
            _ if requested.starts_with(b"/") => None,
            AT_FDCWD => {
                pid.and_then(|pid| self.tasks.process(pid)).map(|process| &*process.working_directory)
            }
            fd => pid.and_then(|pid| self.descriptors.path(pid, fd)),
        };
        Some(PathArgument {
            requested: requested.to_vec(),
            directory_fd,
            base: base.unwrap_or_default().to_vec(),
            ..PathArgument::default()
        })
    }

    /// A thread ended. It is still known until [`Section::forget`].
    pub(crate) fn exit(&self, at: At, parameters: &Parameters<'_>) -> Kind {
        let status = parameters.number("status").unwrap_or(0);
        let signal = parameters.number("sig").unwrap_or(status & SIGNAL_MASK);
        let core = parameters.number("core").map_or(status & CORE_DUMPED != 0, |core| core != 0);
        let pid = self.tasks.pid_of(at.tid).unwrap_or(at.tid);
        Kind::Exit(Exit {
            status: i32::try_from(status).unwrap_or(i32::MAX),
            signal: u32::try_from(signal).unwrap_or(0),
            is_core_dumped: core,
            is_process_end: self.tasks.thread_count(pid) <= 1,
            reaper_pid: parameters.id("reaper_tid").unwrap_or(0),
        })
    }

    /// The thread is gone, and with the last one its process.
    pub(crate) fn forget(&mut self, at: At) {
        let pid = self.tasks.pid_of(at.tid).unwrap_or(at.tid);
        if self.tasks.end(at.tid, at.boot_ns) {
            self.descriptors.end(pid);
        }
    }
}

fn kernel_flags(falco: u32) -> u64 {
    kernel_number("clone", "flags", falco.into())
}

fn refresh_session(process: &mut Process, parameters: &Parameters<'_>) {
    let session = &mut process.session;
    session.tty = parameters.low("tty").unwrap_or(session.tty);
    session.namespace_process_group_id = parameters.id("vpgid").unwrap_or(session.namespace_process_group_id);
    let group = parameters.id("pgid");
    let is_hosts = process.namespace_pid == process.key.pid;
    session.process_group_id = match group {
        Some(group) => group,
        None if is_hosts => session.namespace_process_group_id,
        None => session.process_group_id,
    };
    let credentials = &mut process.credentials;
    credentials.login_uid = parameters.low("loginuid").unwrap_or(credentials.login_uid);
    let set = |name: &str| parameters.unsigned(name);
    if let (Some(inheritable), Some(permitted), Some(effective)) =
        (set("cap_inheritable"), set("cap_permitted"), set("cap_effective"))
    {
        credentials.capabilities = Some(capabilities(inheritable, permitted, effective));
    }
}

/// What was executed: the kernel's own path where the file tells it, or else what the program gave, as text.
fn executable(parameters: &Parameters<'_>, path: Option<&PathArgument>) -> Option<Executable> {
    // The beginning of execveat has flags as well, and others.
    let flags = parameters.number_of_exit("flags").map_or(0, i64::cast_unsigned);
    let told = parameters.text("trusted_exepath").filter(|path| !path.is_empty()).map(<[u8]>::to_vec);
    let given = || path.map(super::kinds::meant).filter(|path| path.starts_with(b"/"));
    let inode = parameters.unsigned("exe_ino").unwrap_or(0);
    let path = told.or_else(given);
    let layer = if flags & EXE_UPPER_LAYER != 0 {
        OverlayLayer::Upper
    } else if flags & EXE_LOWER_LAYER != 0 {
        OverlayLayer::Lower
    } else {
        OverlayLayer::Unspecified
    };
    (path.is_some() || inode != 0).then(|| Executable {
        path: path.unwrap_or_default(),
        inode,
        change_time_ns: parameters.unsigned("exe_ino_ctime").unwrap_or(0),
        modify_time_ns: parameters.unsigned("exe_ino_mtime").unwrap_or(0),
        layer: layer.into(),
        is_memfd: flags & EXE_FROM_MEMFD != 0,
        is_writable: flags & EXE_WRITABLE != 0,
        ..Executable::default()
    })
}

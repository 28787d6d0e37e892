//! Processes by `/proc`, proc_pid_stat(5) and its neighbours.
//!
//! Each process is read in several steps, so that it may change or end in between: its state counts as of the moment before the
//! first step, and one that is gone at the end is left out.

mod stat;

use std::{
    ffi::OsStr,
    fs,
    io::Read,
    os::unix::ffi::OsStrExt,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use eyrie_bpf::PART_BYTES;
use eyrie_proto::event::{Executable, ProcessKey, ProcessState, Session, StandardStream, ThreadState};

use self::stat::{Stat, Status};
use crate::{cgroups::Hierarchy, clock, record_to_event::split_arguments};

/// What the kernel puts behind the path of what was removed.
const DELETED: &[u8] = b" (deleted)";

/// The processes with these pids, or all; `None` if `/proc` is not there.
pub(crate) fn by_procfs(pids: &[u32], hierarchy: &Hierarchy) -> Option<Vec<ProcessState>> {
    let process = |pid| process(pid, hierarchy);
    if !pids.is_empty() {
        return Some(pids.iter().copied().filter_map(process).collect());
    }
    Some(self::pids()?.into_iter().filter_map(process).collect())
}

/// The pids that there are now; `None` if `/proc` is not there.
pub(super) fn pids() -> Option<Vec<u32>> {
    let names = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.file_name());
    Some(names.filter_map(|name| name.to_str()?.parse().ok()).collect())
}

/// What descriptors 0 to 2 of a process are, as far as their links tell: of a socket they do not tell enough.
fn standard_streams(folder: &Path) -> Vec<StandardStream> {
    let stream = |fd: u32| {
        let name = fs::read_link(folder.join(format!("fd/{fd}"))).ok()?.into_os_string().into_encoded_bytes();
        let r#type = match name.as_slice() {
            name if name.starts_with(b"/") => "file",
            name if name.starts_with(b"pipe:") => "pipe",
            _ => return None,
        };
        Some(StandardStream { fd, r#type: r#type.to_owned(), name })
    };
    (0..3).filter_map(stream).collect()
}

fn process(pid: u32, hierarchy: &Hierarchy) -> Option<ProcessState> {
    let as_of_boot_ns = clock::boot_ns();
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let stat = Stat::parse(&fs::read(folder.join("stat")).ok()?)?;
    let status = Status::parse(&fs::read(folder.join("status")).ok()?);
    let living = living_thread(&folder, pid, &stat)?;
    let (arguments, arguments_cut) = strings(&living.join("cmdline"));
    let (environment, environment_cut) = strings(&living.join("environ"));
    let (exe, arguments) = split_arguments(arguments.iter().map(Vec::as_slice));
    let root = Some(link(&living, "root")).filter(|root| root != b"/").unwrap_or_default();
    Some(ProcessState {
        process: Some(ProcessKey { pid, start_boot_ns: stat.start_boot_ns() }),
        parent_pid: stat.parent_pid,
        comm: stat.comm.clone(),
        exe,
        arguments,
        environment,
        executable: executable(&living, &root),
        working_directory: within(&root, directory(&living)),
        root_directory: root,
        credentials: Some(status.credentials(login_uid(&folder))),
        session: Some(Session {
            session_id: stat.session_id,
            process_group_id: stat.process_group_id,
            tty: stat.tty,
            namespace_session_id: status.innermost("NSsid:").unwrap_or(stat.session_id),
            namespace_process_group_id: status.innermost("NSpgid:").unwrap_or(stat.process_group_id),
            audit_session_id: number(&folder, "sessionid").unwrap_or(u32::MAX),
        }),
        cgroup_id: hierarchy.cgroup_of(pid),
        cgroup_hierarchy: hierarchy.number,
        namespace_pid: status.innermost("NSpid:").unwrap_or(pid),
        pid_namespace: namespace(&living, "pid"),
        mount_namespace: namespace(&living, "mnt"),
        as_of_boot_ns,
        standard_streams: standard_streams(&living),
        open_files_limit: open_files_limit(&living),
        is_truncated: arguments_cut || environment_cut,
        is_leader_dead: stat.is_zombie(),
        threads: threads(&folder, pid),
        ..ProcessState::default()
    })
}

/// Where memory, files and directories of a process are told: with its main thread, or with another one where that has ended before it.
/// `None` where all have ended: a zombie has ended as far as events go.
fn living_thread(folder: &Path, pid: u32, main: &Stat) -> Option<PathBuf> {
    if !main.is_zombie() {
        return Some(folder.to_owned());
    }
    let tasks = fs::read_dir(folder.join("task")).ok()?.flatten();
    let others =
        tasks.filter(|task| task.file_name().to_str() != Some(&pid.to_string())).map(|task| task.path());
    let lives = |task: &PathBuf| {
        fs::read(task.join("stat"))
            .ok()
            .and_then(|stat| Stat::parse(&stat))
            .is_some_and(|stat| !stat.is_zombie())
    };
    others.into_iter().find(lives)
}

/// A path that `/proc` gives as this process sees it, as the process itself has it.
fn within(root: &[u8], path: Vec<u8>) -> Vec<u8> {
    match path.strip_prefix(root) {
        Some([]) => b"/".to_vec(),
        Some(rest @ [b'/', ..]) => rest.to_vec(),
        _ => path,
    }
}

/// The working directory; of one that was removed the path that it had.
fn directory(folder: &Path) -> Vec<u8> {
    let mut path = link(folder, "cwd");
    let is_removed = fs::metadata(folder.join("cwd")).is_ok_and(|meta| meta.nlink() == 0);
    if is_removed && path.ends_with(DELETED) {
        path.truncate(path.len() - DELETED.len());
    }
    path
}

/// The soft limit; 0 for one that cannot be read, the highest number for none.
fn open_files_limit(folder: &Path) -> u64 {
    let limits = fs::read_to_string(folder.join("limits")).unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    match line.and_then(|line| line.split_whitespace().next()) {
        Some("unlimited") => u64::MAX,
        Some(soft) => soft.parse().unwrap_or(0),
        None => 0,
    }
}

/// Strings of a file that are ended by NUL, and whether there were more than we keep.
fn strings(path: &Path) -> (Vec<Vec<u8>>, bool) {
    let mut bytes = Vec::new();
    let Ok(file) = fs::File::open(path) else { return (Vec::new(), false) };
    let bound = u64::from(PART_BYTES) + 1;
    if file.take(bound).read_to_end(&mut bytes).is_err() {
        return (Vec::new(), false);
    }
    let is_cut = bytes.len() as u64 == bound;
    bytes.truncate(PART_BYTES as usize);
    let block = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
    let list = block.split(|&byte| byte == 0).map(<[u8]>::to_vec);
    (if block.is_empty() { Vec::new() } else { list.collect() }, is_cut)
}

fn link(folder: &Path, name: &str) -> Vec<u8> {
    fs::read_link(folder.join(name))
        .map(|path| path.into_os_string().into_encoded_bytes())
        .unwrap_or_default()
}

fn executable(folder: &Path, root: &[u8]) -> Option<Executable> {
    let path = link(folder, "exe");
    if path.is_empty() {
        return None;
    }
    let meta = fs::metadata(folder.join("exe")).ok();
    let of = |value: fn(&fs::Metadata) -> u64| meta.as_ref().map_or(0, value);
    // Of a deleted file the link says so, but so may the name of one that exists.
    let is_deleted = of(MetadataExt::nlink) == 0 && path.ends_with(DELETED);
    let kept = if is_deleted { path.strip_suffix(DELETED).unwrap_or(&path) } else { &path };
    Some(Executable {
        path: within(root, kept.to_vec()),
        inode: of(MetadataExt::ino),
        device: of(|meta| kernel_device(meta.dev())),
        change_time_ns: of(|meta| nanoseconds(meta.ctime(), meta.ctime_nsec())),
        modify_time_ns: of(|meta| nanoseconds(meta.mtime(), meta.mtime_nsec())),
        is_memfd: path.starts_with(b"/memfd:"),
        is_deleted,
        ..Executable::default()
    })
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> u64 {
    u64::try_from(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)).unwrap_or(0)
}

/// The kernel's own numbering, of which stat(2) gives another one.
fn kernel_device(device: u64) -> u64 {
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00);
    major << 20 | minor
}

fn login_uid(folder: &Path) -> u32 {
    number(folder, "loginuid").unwrap_or(u32::MAX)
}

fn number(folder: &Path, name: &str) -> Option<u32> {
    fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok()
}

/// The inode number in a link such as `pid:[4026531836]`.
fn namespace(folder: &Path, name: &str) -> u64 {
    let link = link(folder, &format!("ns/{name}"));
    let text = OsStr::from_bytes(&link).to_str().unwrap_or_default();
    let inode = text.split_once('[').and_then(|(_, rest)| rest.strip_suffix(']'));
    inode.and_then(|inode| inode.parse().ok()).unwrap_or(0)
}

fn threads(folder: &Path, pid: u32) -> Vec<ThreadState> {
    let Ok(entries) = fs::read_dir(folder.join("task")) else { return Vec::new() };
    let tids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    tids.filter(|&tid: &u32| tid != pid)
        .filter_map(|tid| {
            let folder = folder.join(format!("task/{tid}"));
            let stat = Stat::parse(&fs::read(folder.join("stat")).ok()?)?;
            let status = Status::parse(&fs::read(folder.join("status")).ok()?);
            let namespace_tid = status.innermost("NSpid:").unwrap_or(tid);
            Some(ThreadState { tid, namespace_tid, start_boot_ns: stat.start_boot_ns(), comm: stat.comm })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: paths of a process with a root of its own, of one without, and of one whose directory lies outside of its root.
    /// Guarantees: they are as the process has them; what is outside stays as it is.
    #[test]
    fn paths_are_as_the_process_has_them() {
        let of = |root: &str, path: &str| String::from_utf8(within(root.as_bytes(), path.into())).unwrap();
        assert_eq!(of("/jail", "/jail/etc"), "/etc");
        assert_eq!(of("/jail", "/jail"), "/");
        assert_eq!(of("/jail", "/jailer/etc"), "/jailer/etc");
        assert_eq!(of("", "/etc"), "/etc");
    }

    /// Scenario: a child of this test with known arguments and environment. Guarantees: `/proc` gives them, with parent,
    /// directory and executable; a process that does not exist is left out.
    #[test]
    fn a_child_is_read_from_proc() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("sleep")
            .args(["600", "0"])
            .env_clear()
            .env("MARK", "here")
            .current_dir(folder.path())
            .stdin(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // The parent goes on as soon as the child has let go of its memory, a moment before the kernel shows its new arguments.
        let started = std::time::Instant::now();
        let read = || by_procfs(&[child.id(), 0x7fff_fff0], &Hierarchy::of_host());
        let mut states = read();
        while states.as_ref().is_some_and(|states| states.iter().any(|state| state.comm != b"sleep"))
            && started.elapsed() < std::time::Duration::from_secs(20)
        {
            states = read();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let states = states.unwrap();
        assert_eq!(states.len(), 1);
        let state = &states[0];
        assert_eq!(state.parent_pid, std::process::id());
        assert_eq!((state.exe.as_slice(), state.comm.as_slice()), (&b"sleep"[..], &b"sleep"[..]));
        assert_eq!(state.arguments, [b"600".to_vec(), b"0".to_vec()]);
        assert_eq!(state.environment, [b"MARK=here".to_vec()]);
        let directory = folder.path().canonicalize().unwrap();
        assert_eq!(state.working_directory, directory.into_os_string().into_encoded_bytes());
        assert!(state.executable.as_ref().unwrap().path.ends_with(b"/sleep"));
        assert!(state.as_of_boot_ns > state.process.unwrap().start_boot_ns);
        assert_eq!(
            (state.standard_streams[0].fd, state.standard_streams[0].name.as_slice()),
            (0, &b"/dev/null"[..])
        );
    }
}

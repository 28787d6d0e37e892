//! Fork, exec and exit.

use eyrie_bpf::flag;
use eyrie_proto::event::{Exec, Exit, Fork, PathArgument, ProcessKey, SystemCall, SystemCallAbi};

use super::{
    AT_FDCWD,
    file::{executable, path_argument},
    stream::standard_streams,
};

pub(super) fn fork(record: &eyrie_bpf::Fork) -> Fork {
    Fork {
        child_process: Some(ProcessKey { pid: record.child_tgid, start_boot_ns: record.child_start_boot_ns }),
        child_tid: record.child_tid,
        flags: record.clone_flags,
        child_namespace_pid: record.child_namespace_tgid,
        child_namespace_tid: record.child_namespace_tid,
        child_pid_namespace: record.child_pid_namespace.into(),
        child_parent_pid: record.child_parent_tgid,
        child_cgroup_id: record.child_cgroup_id,
        child_thread_start_boot_ns: record.child_thread_start_boot_ns,
        child_comm: record.child_comm().to_vec(),
        pid_namespace_start_boot_ns: record.pid_namespace_start_boot_ns,
    }
}

pub(super) fn exec(record: &eyrie_bpf::Exec<'_>) -> Exec {
    let header = &record.header;
    let (exe, arguments) = split_arguments(record.argument_list());
    let is_relative = !record.requested.starts_with(b"/");
    let page_kib = rustix::param::page_size() as u64 / 1024;
    Exec {
        path: Some(PathArgument {
            requested: record.requested.to_vec(),
            directory_fd: AT_FDCWD,
            base: if is_relative { record.working_directory.to_vec() } else { Vec::new() },
            resolved: Vec::new(),
            is_truncated: header.has(flag::REQUESTED_TRUNCATED),
            is_unreadable: header.has(flag::REQUESTED_UNREADABLE),
        }),
        exe,
        arguments,
        environment: record.environment_list().map(<[u8]>::to_vec).collect(),
        executable: executable(&record.executable, record.executable_path),
        working_directory: record.working_directory.to_vec(),
        root_directory: record.root_directory.to_vec(),
        old_tid: record.old_tid,
        standard_streams: standard_streams([
            &record.standard_input,
            &record.standard_output,
            &record.standard_error,
        ]),
        is_truncated: header.has(flag::ARGUMENTS_TRUNCATED) || header.has(flag::ENVIRONMENT_TRUNCATED),
        open_files_limit: record.open_files_limit,
        virtual_memory_kib: record.virtual_memory_pages.saturating_mul(page_kib),
        major_faults: record.major_faults,
        minor_faults: record.minor_faults,
        ..Exec::default()
    }
}

/// The call behind a successful exec. The tracepoint does not tell which one it was: a name that the kernel made up for a
/// descriptor gives execveat away, anything else counts as execve.
pub(super) fn exec_call(record: &eyrie_bpf::Exec<'_>) -> Option<SystemCall> {
    let is_compat = record.header.has(flag::COMPAT32);
    let calls = if is_compat { eyrie_bpf::calls::COMPAT } else { eyrie_bpf::calls::NATIVE };
    let name = if record.requested.starts_with(b"/dev/fd/") { "EXECVEAT" } else { "EXECVE" };
    let number = calls.iter().find(|call| call.name == name)?.number;
    let abi = if is_compat { SystemCallAbi::Compat32 } else { SystemCallAbi::Unspecified };
    Some(SystemCall { number, abi: abi.into(), ..SystemCall::default() })
}

pub(super) fn failed_exec(record: &eyrie_bpf::FailedExec<'_>) -> Exec {
    let path = path_argument(&record.header, record.directory_fd, record.requested, record.base, &[]);
    Exec { path: Some(path), ..Exec::default() }
}

pub(super) fn exit(record: &eyrie_bpf::Exit) -> Exit {
    Exit {
        // As wait(2) has it, 16 bits.
        status: i32::try_from(record.status).unwrap_or(i32::MAX),
        signal: record.signal(),
        is_core_dumped: record.is_core_dumped(),
        is_process_end: record.is_process_end(),
        reaper_pid: record.reaper_tgid,
    }
}

/// The first argument and the others.
pub(crate) fn split_arguments<'a>(mut list: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<Vec<u8>>) {
    let first = list.next().unwrap_or_default().to_vec();
    (first, list.map(<[u8]>::to_vec).collect())
}

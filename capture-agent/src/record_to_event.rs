//! From a record of the BPF programs to an event of the contract.
//!
//! Nothing is interpreted here: what the kernel told is put where the contract has a place for it. What the contract has a
//! place for and the record does not tell stays empty.

mod call;
mod descriptor;
mod file;
mod process;
mod socket;
mod stream;
pub(crate) mod uring;

use eyrie_bpf::{Header, Record, flag};
use eyrie_proto::event::{
    Capabilities, Credentials, Event, ProcessKey, Session, SystemCall, SystemCallAbi, Task, event::Kind,
};

/// AT_FDCWD of linux/fcntl.h.
const AT_FDCWD: i32 = -100;
/// The negative errno.
const EINPROGRESS: i64 = -115;

/// The event that a record tells of; `None` for a record that is only part of a snapshot.
pub(crate) fn event(record: &Record<'_>) -> Option<Event> {
    let header = record.header();
    let mut call = header.call().map(|(number, result)| system_call(header, number, result));
    let kind = match record {
        Record::Fork(fork) => Kind::Fork(process::fork(fork)),
        Record::Exec(exec) => {
            call = process::exec_call(exec);
            Kind::Exec(process::exec(exec))
        }
        Record::FailedExec(exec) => Kind::Exec(process::failed_exec(exec)),
        Record::Exit(exit) => Kind::Exit(process::exit(exit)),
        Record::Open(open) => Kind::Open(file::open(open)),
        Record::Connect(connect) => Kind::Connect(socket::connect(connect)),
        Record::ChangeDirectory(change) => Kind::ChangeDirectory(file::change_directory(change)),
        Record::Call(other) => call::plain(other),
        Record::DetailedCall(other) => call::detailed(other),
        Record::UringRequest(request) => uring::kind(request),
        _ => return None,
    };
    Some(Event {
        boot_ns: header.boot_ns,
        cpu: header.cpu,
        task: Some(task(header)),
        call,
        plan_generation: header.plan_generation,
        is_filter_marked: header.has(flag::FILTER_MARKED),
        kind: Some(kind),
    })
}

/// The process of a record.
pub(crate) fn process_key(header: &Header) -> ProcessKey {
    ProcessKey { pid: header.tgid, start_boot_ns: header.leader_start_boot_ns }
}

pub(crate) fn credentials(header: &Header) -> Credentials {
    Credentials {
        uid: header.uid,
        gid: header.gid,
        effective_uid: header.effective_uid,
        effective_gid: header.effective_gid,
        login_uid: header.login_uid,
        capabilities: Some(Capabilities {
            effective: header.cap_effective,
            permitted: header.cap_permitted,
            inheritable: header.cap_inheritable,
        }),
    }
}

pub(crate) fn session(header: &Header) -> Session {
    Session {
        session_id: header.session_id,
        process_group_id: header.process_group_id,
        tty: header.tty,
        namespace_session_id: header.namespace_session_id,
        namespace_process_group_id: header.namespace_process_group_id,
        audit_session_id: header.audit_session_id,
    }
}

fn task(header: &Header) -> Task {
    Task {
        process: Some(process_key(header)),
        tid: header.tid,
        comm: header.comm().to_vec(),
        credentials: Some(credentials(header)),
        session: Some(session(header)),
        cgroup_id: header.cgroup_id,
        namespace_pid: header.namespace_tgid,
        namespace_tid: header.namespace_tid,
        pid_namespace: header.pid_namespace.into(),
        parent_pid: header.parent_tgid,
        mount_namespace: header.mount_namespace.into(),
        cgroup_hierarchy: header.cgroup_hierarchy,
    }
}

fn system_call(header: &Header, number: u32, result: i64) -> SystemCall {
    let abi = if header.has(flag::COMPAT32) { SystemCallAbi::Compat32 } else { SystemCallAbi::Unspecified };
    // Of a call that goes on there is no result yet, and what the kernel has for its own use is none.
    let result = if header.has(flag::STARTED_ONLY) { EINPROGRESS } else { result };
    SystemCall {
        number,
        abi: abi.into(),
        result,
        is_io_uring: header.has(flag::IO_URING),
        ..SystemCall::default()
    }
}

/// Whether a signal interrupted a call that goes on all the same.
pub(crate) fn is_interrupted(header: &Header) -> bool {
    header.has(flag::STARTED_ONLY) && header.call_result != EINPROGRESS
}

pub(crate) use self::{file::executable, process::split_arguments, stream::standard_streams};

//! The blocks before the events.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use eyrie_proto::event::{InterfaceAddress, OverlayLayer};
use host_model::{HostModel, Process, Thread as OwnThread};
use scap::{Descriptor, Interface, Machine, Thread, ThreadTail};

use super::{Stream, parameters::cgroup_lines, standard_streams};
use crate::flags::{CLONE_FILES, CLONE_THREAD};

pub(super) fn machine(stream: &Stream) -> Machine {
    let host = stream.host.host();
    let told = host.map(|host| &host.hostname).filter(|name| !name.is_empty());
    let name = told.or(stream.header.agent.as_ref().map(|agent| &agent.hostname));
    Machine {
        cpu_count: host.map_or(0, |host| host.cpu_count),
        hostname: name.map(|name| name.clone().into_bytes()).unwrap_or_default(),
        boot_epoch_ns: stream.epoch_ns(0),
        ..Machine::default()
    }
}

/// The interfaces of all network namespaces: the format knows only one.
pub(super) fn interfaces(host: &HostModel) -> Vec<Interface> {
    let mut interfaces: Vec<Interface> = Vec::new();
    for interface in host.all_interfaces().flat_map(|fact| &fact.interfaces) {
        for address in &interface.addresses {
            let Some(told) = interface_of(&interface.name, address) else { continue };
            if !interfaces.contains(&told) {
                interfaces.push(told);
            }
        }
    }
    interfaces
}

fn interface_of(name: &str, told: &InterfaceAddress) -> Option<Interface> {
    let (address, netmask, broadcast): (IpAddr, IpAddr, IpAddr) = match *told.ip.as_slice() {
        [a, b, c, d] => {
            let address = Ipv4Addr::new(a, b, c, d);
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(told.prefix_length)).unwrap_or(0);
            let broadcast = Ipv4Addr::from(u32::from(address) | !mask);
            (address.into(), Ipv4Addr::from(mask).into(), broadcast.into())
        }
        _ => {
            let address = Ipv6Addr::from(<[u8; 16]>::try_from(told.ip.as_slice()).ok()?);
            let mask = u128::MAX.checked_shl(128u32.saturating_sub(told.prefix_length)).unwrap_or(0);
            (address.into(), Ipv6Addr::from(mask).into(), Ipv6Addr::UNSPECIFIED.into())
        }
    };
    Some(Interface { name: name.as_bytes().to_vec(), address, netmask, broadcast, link_speed: 0 })
}

/// All threads of all processes, each process's main one first.
pub(super) fn threads(stream: &Stream) -> impl Iterator<Item = Thread> + '_ {
    stream.host.processes().flat_map(move |process| {
        let others = process.threads().iter().map(move |thread| other_thread(stream, process, thread));
        std::iter::once(main_thread(stream, process)).chain(others)
    })
}

fn main_thread(stream: &Stream, process: &Process) -> Thread {
    let memory = process.memory_at_exec().unwrap_or_default();
    let (who, session) = (process.credentials(), process.session());
    let pid = process.key().pid;
    let in_namespace = if process.namespace_pid() == 0 { pid } else { process.namespace_pid() };
    Thread {
        tid: pid.into(),
        pid: pid.into(),
        parent_pid: process.parent_pid().into(),
        session_id: Some(session.session_id.into()),
        namespace_process_group_id: Some(session.namespace_process_group_id.into()),
        comm: process.comm().to_vec(),
        exe: process.exe().to_vec(),
        exe_path: Some(process.executable().map(|file| file.path.clone()).unwrap_or_default()),
        arguments: process.arguments().to_vec(),
        working_directory: directory(process.working_directory()),
        open_files_limit: i64::try_from(process.open_files_limit())
            .ok()
            .filter(|limit| *limit > 0)
            .unwrap_or(-1),
        flags: 0,
        uid: who.effective_uid,
        gid: who.effective_gid,
        memory_kib: [u32::try_from(memory.virtual_kib).unwrap_or(u32::MAX), 0, 0],
        faults: [memory.major_faults, memory.minor_faults],
        environment: process.environment().to_vec(),
        namespace_tid: in_namespace.into(),
        namespace_pid: in_namespace.into(),
        cgroups: stream.host.cgroup(process).map(cgroup_lines).unwrap_or_default(),
        root: if process.root_directory().is_empty() {
            b"/".to_vec()
        } else {
            process.root_directory().to_vec()
        },
        tail: tail(stream, process),
    }
}

fn tail(stream: &Stream, process: &Process) -> ThreadTail {
    let sets = process.credentials().capabilities.unwrap_or_default();
    let file = process.executable();
    let layer = file.map(|file| file.layer());
    let namespace_start = process.pid_namespace_start_boot_ns();
    ThreadTail {
        pid_namespace_start_ns: Some(if namespace_start == 0 { 0 } else { stream.epoch_ns(namespace_start) }),
        tty: Some(process.session().tty),
        login_uid: Some(process.credentials().login_uid),
        is_exe_writable: Some(file.is_some_and(|file| file.is_writable)),
        capabilities: Some([sets.inheritable, sets.permitted, sets.effective]),
        is_exe_upper_layer: Some(layer == Some(OverlayLayer::Upper)),
        exe_inode: Some(file.map_or(0, |file| file.inode)),
        exe_change_time_ns: Some(file.map_or(0, |file| file.change_time_ns)),
        exe_modify_time_ns: Some(file.map_or(0, |file| file.modify_time_ns)),
        is_exe_memfd: Some(file.is_some_and(|file| file.is_memfd)),
        is_exe_lower_layer: Some(layer == Some(OverlayLayer::Lower)),
        process_group_id: Some(process.session().process_group_id.into()),
    }
}

fn other_thread(stream: &Stream, process: &Process, thread: &OwnThread) -> Thread {
    let in_namespace = if thread.namespace_tid() == 0 { thread.tid() } else { thread.namespace_tid() };
    Thread {
        tid: thread.tid().into(),
        comm: thread.comm().to_vec(),
        flags: CLONE_FILES | CLONE_THREAD,
        namespace_tid: in_namespace.into(),
        ..main_thread(stream, process)
    }
}

/// As readers expect working directories: with a slash at the end.
fn directory(path: &[u8]) -> Vec<u8> {
    let mut directory = path.to_vec();
    if !directory.ends_with(b"/") {
        directory.push(b'/');
    }
    directory
}

/// What a process's standard streams are; no others are known before they are used.
pub(super) fn descriptors(process: &Process) -> Vec<Descriptor> {
    process.standard_streams().iter().filter_map(standard_streams::descriptor).collect()
}

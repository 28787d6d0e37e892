//! Contents of files to be written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::{prelude::*, sample::select};

use super::ReadEvent;
use crate::{
    Account, Compression, Descriptor, DescriptorKind, EventDraft, Interface, InternetAddress, Machine,
    Thread, ThreadTail, Writer,
    table::{EventType, event_types},
    value::tests::value_of,
};

/// What is written to a file.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) machine: Machine,
    pub(super) interfaces: Vec<Interface>,
    pub(super) accounts: Vec<Account>,
    pub(super) threads: Vec<Thread>,
    pub(super) descriptors: Vec<(u64, Vec<Descriptor>)>,
    pub(super) events: Vec<ReadEvent>,
}

// === impl Model ===

impl Model {
    /// All of it, as a file.
    pub(super) fn write(&self, compression: Compression) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), compression).unwrap();
        writer.machine(&self.machine).unwrap();
        writer.interfaces(&self.interfaces).unwrap();
        writer.accounts(&self.accounts).unwrap();
        writer.threads(&mut self.threads.iter().cloned()).unwrap();
        for (tid, descriptors) in &self.descriptors {
            writer.descriptors(*tid, descriptors).unwrap();
        }
        for event in &self.events {
            writer.event(&draft(event)).unwrap();
        }
        writer.finish().unwrap()
    }
}

fn draft(event: &ReadEvent) -> EventDraft {
    let mut draft = EventDraft::new(event.code, 0, event.tid);
    (draft.cpu, draft.flags, draft.time_ns) = (event.cpu, event.flags, event.time_ns);
    let known = crate::table::event_type(event.code).unwrap();
    for (parameter, value) in known.parameters.iter().zip(&event.values) {
        if let Some(value) = value {
            draft.set(parameter.name, value).unwrap();
        }
    }
    draft.keep_all();
    draft.truncate(event.values.len());
    draft
}

/// Anything that the format can say.
pub(super) fn model() -> impl Strategy<Value = Model> {
    (
        machine(),
        prop::collection::vec(interface(), 0..4),
        prop::collection::vec(account(), 0..4),
        prop::collection::vec(thread(), 0..4),
        prop::collection::vec((any::<u64>(), prop::collection::vec(descriptor(), 0..5)), 0..3),
        prop::collection::vec(event(), 1..8),
    )
        .prop_map(|(machine, interfaces, accounts, threads, descriptors, events)| Model {
            machine,
            interfaces,
            accounts,
            threads,
            descriptors,
            events,
        })
}

fn text(limit: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(1u8.., 0..limit)
}

/// None of them is empty: a list of one empty string is none.
fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(1u8.., 1..30), 0..5)
}

fn ip(is_ipv4: bool) -> impl Strategy<Value = IpAddr> {
    any::<u128>().prop_map(move |bits| match u32::try_from(bits >> 96) {
        Ok(bits) if is_ipv4 => Ipv4Addr::from_bits(bits).into(),
        _ => Ipv6Addr::from_bits(bits).into(),
    })
}

fn end(is_ipv4: bool) -> impl Strategy<Value = InternetAddress> {
    (ip(is_ipv4), any::<u16>()).prop_map(|(ip, port)| InternetAddress { ip, port })
}

fn machine() -> impl Strategy<Value = Machine> {
    (any::<u32>(), any::<u64>(), any::<u64>(), text(128), any::<u64>()).prop_map(
        |(cpu_count, memory_bytes, max_pid, hostname, boot_epoch_ns)| Machine {
            cpu_count,
            memory_bytes,
            max_pid,
            hostname,
            boot_epoch_ns,
        },
    )
}

fn interface() -> impl Strategy<Value = Interface> {
    any::<bool>()
        .prop_flat_map(|is_ipv4| (text(16), ip(is_ipv4), ip(is_ipv4), ip(is_ipv4), any::<u64>()))
        .prop_map(|(name, address, netmask, broadcast, link_speed)| Interface {
            name,
            address,
            netmask,
            broadcast,
            link_speed,
        })
}

fn account() -> impl Strategy<Value = Account> {
    prop_oneof![
        (any::<u32>(), any::<u32>(), text(256), text(256), text(256))
            .prop_map(|(uid, gid, name, home, shell)| Account::User { uid, gid, name, home, shell }),
        (any::<u32>(), text(256)).prop_map(|(gid, name)| Account::Group { gid, name }),
    ]
}

fn thread() -> impl Strategy<Value = Thread> {
    let ids = any::<([u64; 5], [i64; 3], [u32; 3])>();
    let names = (text(20), text(1024), text(1024), text(1024), text(1024));
    let lists = (texts(), texts(), texts());
    (ids, names, lists, any::<([u32; 3], [u64; 2])>(), tail()).prop_map(|(ids, names, lists, usage, tail)| {
        let (
            [tid, pid, parent_pid, session, group],
            [open_files_limit, namespace_tid, namespace_pid],
            numbers,
        ) = ids;
        let [flags, uid, gid] = numbers;
        let (comm, exe, exe_path, working_directory, root) = names;
        let (arguments, environment, cgroups) = lists;
        Thread {
            tid,
            pid,
            parent_pid,
            session_id: Some(session),
            namespace_process_group_id: Some(group),
            comm,
            exe,
            exe_path: Some(exe_path),
            arguments,
            working_directory,
            open_files_limit,
            flags,
            uid,
            gid,
            memory_kib: usage.0,
            faults: usage.1,
            environment,
            namespace_tid,
            namespace_pid,
            cgroups,
            root,
            tail,
        }
    })
}

fn tail() -> impl Strategy<Value = ThreadTail> {
    let numbers = any::<(u64, u32, u32, [u64; 3], u64, u64, u64, i64)>();
    (numbers, any::<[bool; 4]>()).prop_map(|(numbers, [is_writable, is_upper, is_memfd, is_lower])| {
        let (start, tty, login_uid, capabilities, inode, changed, modified, group) = numbers;
        ThreadTail {
            pid_namespace_start_ns: Some(start),
            tty: Some(tty),
            login_uid: Some(login_uid),
            is_exe_writable: Some(is_writable),
            capabilities: Some(capabilities),
            is_exe_upper_layer: Some(is_upper),
            exe_inode: Some(inode),
            exe_change_time_ns: Some(changed),
            exe_modify_time_ns: Some(modified),
            is_exe_memfd: Some(is_memfd),
            is_exe_lower_layer: Some(is_lower),
            process_group_id: Some(group),
        }
    })
}

fn descriptor() -> impl Strategy<Value = Descriptor> {
    let kind = prop_oneof![
        (any::<u32>(), text(1024), any::<Option<u32>>())
            .prop_map(|(open_flags, name, device)| DescriptorKind::File { open_flags, name, device }),
        any::<bool>().prop_flat_map(|is_ipv4| (end(is_ipv4), end(is_ipv4), any::<u8>())).prop_map(
            |(source, destination, protocol)| DescriptorKind::Connection { source, destination, protocol }
        ),
        any::<bool>()
            .prop_flat_map(|is_ipv4| (end(is_ipv4), any::<u8>()))
            .prop_map(|(address, protocol)| DescriptorKind::Server { address, protocol }),
        (any::<u64>(), any::<u64>(), text(108))
            .prop_map(|(source, destination, name)| DescriptorKind::Unix { source, destination, name }),
        (select(vec![1, 2, 7, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21]), text(1024))
            .prop_map(|(fd_type, name)| DescriptorKind::Other { fd_type, name }),
    ];
    (any::<i64>(), any::<u64>(), kind).prop_map(|(fd, inode, kind)| Descriptor { fd, inode, kind })
}

fn event() -> impl Strategy<Value = ReadEvent> {
    let known: Vec<&'static EventType> = event_types().collect();
    select(known).prop_flat_map(|known| {
        let values: Vec<_> = known
            .parameters
            .iter()
            .map(|parameter| prop::option::weighted(0.8, value_of(parameter.parameter_type)))
            .collect();
        let time_ns = prop::option::of(0..u64::MAX);
        (any::<u16>(), 0u32..3, time_ns, any::<i64>(), values, any::<prop::sample::Index>()).prop_map(
            |(cpu, flags, time_ns, tid, mut values, shorter)| {
                values.truncate(shorter.index(values.len() + 1));
                ReadEvent { cpu, flags, time_ns, tid, code: known.code, values }
            },
        )
    })
}

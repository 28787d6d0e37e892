//! Arbitrary sequences of events over few pids, so that pids are used again, parents are unknown, and threads, orphans
//! and cycles happen.

use eyrie_proto::event::{
    CgroupFact, CgroupKey, ChangeDirectory, ChangeRoot, ChangeSession, LossRecord, NamesFact, OrderedFact,
    ProcessControl, ResourceLimit, ThreadState, User, UsersFact, event::Kind, ordered_fact,
};
use proptest::{collection::vec, option, prelude::*};

use super::*;

/// How many pids there are; more than some models may hold.
const PIDS: u32 = 24;

pub(super) fn limits() -> impl Strategy<Value = Limits> {
    let small = Limits {
        max_processes: 16,
        max_threads: 3,
        max_arguments_bytes: 6,
        max_environment_bytes: 4,
        max_unknown: 2,
        max_facts: 3,
        max_facts_bytes: 60,
        max_recent_losses: 2,
    };
    prop_oneof![Just(small), Just(Limits::default())]
}

pub(super) fn events() -> impl Strategy<Value = Vec<Event>> {
    vec((any_event(), 0..5_000u64), 1..120).prop_map(|events| {
        // In order but for a jitter, as from several processors.
        let place = |(at, (event, jitter)): (usize, (Event, u64))| {
            let boot_ns = if event.boot_ns == 0 { at as u64 * 1_000 + jitter } else { event.boot_ns };
            Event { boot_ns, ..event }
        };
        events.into_iter().enumerate().map(place).collect()
    })
}

/// Several incarnations of each pid; some starts are whole clock ticks or the same for different processes.
fn any_key() -> impl Strategy<Value = ProcessKey> {
    let start = prop_oneof![
        4 => Just(1_000_001u64),
        1 => Just(0u64),
        1 => Just(10_000_000u64),
        1 => Just(10_000_500u64),
        2 => (1..4u64).prop_map(|tick| tick * 15_000_001),
    ];
    (0..=PIDS, start).prop_map(|(pid, start_boot_ns)| ProcessKey { pid, start_boot_ns })
}

fn any_task() -> impl Strategy<Value = Task> {
    let tid = prop_oneof![3 => Just(None), 1 => (100..104u32).prop_map(Some)];
    let credentials = option::of((0..3u32, option::of(0..3u64)));
    let ids = (0..=PIDS, 0..3u64, 0..3u32, 0..3u64);
    (option::weighted(0.97, any_key()), tid, "[a-c]{0,2}", credentials, option::of(0..3u32), ids).prop_map(
        |(
            process,
            tid,
            comm,
            credentials,
            session,
            (parent_pid, cgroup_id, namespace_pid, pid_namespace),
        )| {
            let capabilities = |effective| Capabilities { effective, ..Capabilities::default() };
            Task {
                process,
                tid: tid.unwrap_or(process.unwrap_or_default().pid),
                comm: comm.into_bytes(),
                credentials: credentials.map(|(uid, effective)| Credentials {
                    uid,
                    capabilities: effective.map(capabilities),
                    ..Credentials::default()
                }),
                session: session.map(|session_id| Session { session_id, ..Session::default() }),
                parent_pid,
                cgroup_id,
                namespace_pid,
                pid_namespace,
                ..Task::default()
            }
        },
    )
}

fn any_strings() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec("[a-b]{0,4}".prop_map(String::into_bytes), 0..4)
}

fn any_path() -> impl Strategy<Value = Vec<u8>> {
    "(/[a-b]){0,2}".prop_map(String::into_bytes)
}

fn any_fork() -> impl Strategy<Value = Kind> {
    let child = (any_key(), option::weighted(0.2, 100..104u32), any::<bool>());
    (child, option::weighted(0.2, 0..=PIDS), 0..3u32, 0..3u64).prop_map(
        |((child, thread, has_flag), parent, namespace_pid, namespace)| {
            Kind::Fork(Fork {
                child_process: Some(child),
                child_tid: thread.unwrap_or(child.pid),
                flags: if has_flag && thread.is_some() { 0x10000 } else { 0 },
                child_parent_pid: parent.unwrap_or(0),
                child_namespace_pid: namespace_pid,
                child_pid_namespace: namespace,
                ..Fork::default()
            })
        },
    )
}

fn any_change() -> impl Strategy<Value = Kind> {
    prop_oneof![
        any_path().prop_map(|working_directory| Kind::ChangeDirectory(ChangeDirectory {
            working_directory,
            ..ChangeDirectory::default()
        })),
        any_path().prop_map(|root_directory| Kind::ChangeRoot(ChangeRoot {
            root_directory,
            ..ChangeRoot::default()
        })),
        (0..=PIDS, 0..=PIDS)
            .prop_map(|(pid, process_group_id)| Kind::ChangeSession(ChangeSession { pid, process_group_id })),
        (0..2u64).prop_map(|is_on| Kind::ProcessControl(ProcessControl {
            option: 36,
            arguments: vec![is_on],
            text: Vec::new()
        })),
        any_path().prop_map(|text| Kind::ProcessControl(ProcessControl {
            option: 15,
            arguments: Vec::new(),
            text
        })),
        (0..=PIDS, 0..9u64).prop_map(|(pid, soft)| Kind::ResourceLimit(ResourceLimit {
            pid,
            resource: 7,
            new_soft: Some(soft),
            ..ResourceLimit::default()
        })),
    ]
}

fn any_life() -> impl Strategy<Value = Kind> {
    prop_oneof![
        3 => any_fork(),
        2 => (any_strings(), any_strings(), any_path()).prop_map(|(arguments, environment, working_directory)| {
            Kind::Exec(Exec { arguments, environment, working_directory, ..Exec::default() })
        }),
        2 => (any::<bool>(), 0..=PIDS).prop_map(|(is_process_end, reaper_pid)| {
            Kind::Exit(Exit { is_process_end, reaper_pid, ..Exit::default() })
        }),
    ]
}

fn any_snapshot() -> impl Strategy<Value = Kind> {
    let state = (any_key(), 0..=PIDS, any_strings(), any_path(), 0..120_000u64, any::<[bool; 3]>());
    let state = state.prop_map(|(key, parent_pid, arguments, working_directory, as_of_boot_ns, marks)| {
        let [is_child_subreaper, is_leader_dead, is_incomplete] = marks;
        let thread = ThreadState { tid: key.pid + 100, ..ThreadState::default() };
        ProcessState {
            process: Some(key),
            parent_pid,
            arguments,
            working_directory,
            as_of_boot_ns,
            is_child_subreaper,
            is_leader_dead,
            is_incomplete: is_incomplete && is_leader_dead,
            threads: vec![thread.clone(), thread],
            ..ProcessState::default()
        }
    });
    (option::weighted(0.8, state), option::weighted(0.2, any_key())).prop_map(|(state, absent)| {
        Kind::ProcessSnapshot(ProcessSnapshot { state, absent, ..ProcessSnapshot::default() })
    })
}

fn any_fact() -> impl Strategy<Value = Kind> {
    let cgroup =
        (0..3u64, 0..3u64, "[a-b]{0,1}", any::<bool>()).prop_map(|(id, birth, container, is_removed)| {
            ordered_fact::Kind::Cgroup(CgroupFact {
                cgroup: Some(CgroupKey { hierarchy: 0, cgroup_id: id, birth_boot_ns: birth }),
                container_id: container,
                is_removed,
                ..CgroupFact::default()
            })
        });
    let users = ("[a-b]{0,1}", vec(0..3u32, 0..4)).prop_map(|(container_id, uids)| {
        let users = uids.into_iter().enumerate();
        let user = |(at, uid): (usize, u32)| User { uid, name: vec![at as u8], ..User::default() };
        let users = users.map(user).collect();
        ordered_fact::Kind::Users(UsersFact { container_id, users, groups: Vec::new() })
    });
    let names = ("[a-e]", 0..9u8).prop_map(|(name, ip)| {
        ordered_fact::Kind::Names(NamesFact { name, ips: vec![vec![ip; 4]], ..NamesFact::default() })
    });
    let fact = (prop_oneof![cgroup, users, names], 0..50u64)
        .prop_map(|(kind, since_boot_ns)| Kind::Fact(OrderedFact { since_boot_ns, kind: Some(kind) }));
    let loss = (1..9u64).prop_map(|count| {
        Kind::Loss(LossRecord { place: 1, event_class: 1, count, ..LossRecord::default() })
    });
    prop_oneof![3 => fact, 1 => loss]
}

fn any_event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        8 => any_life(),
        2 => any_change(),
        4 => Just(Kind::Open(Default::default())),
        2 => any_snapshot(),
        1 => any_fact(),
    ];
    // Now and then a time far from the others, and one that failed.
    let time = prop_oneof![15 => Just(0u64), 1 => Just(3_000_000_000u64), 1 => 1..100u64];
    (option::weighted(0.97, any_task()), option::weighted(0.98, kind), time, any::<u8>()).prop_map(
        |(task, kind, boot_ns, outcome)| {
            let call =
                Some(SystemCall { result: if outcome < 10 { -1 } else { 0 }, ..SystemCall::default() });
            Event { boot_ns, task, call, kind, ..Event::default() }
        },
    )
}

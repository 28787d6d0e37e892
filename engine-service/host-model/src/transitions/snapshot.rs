//! Answers to questions for the state of processes.

use std::cmp::Ordering;

use eyrie_proto::event::{ProcessKey, ProcessPhase, ProcessSnapshot};

use crate::{
    process::{Process, is_same},
    table::ProcessTable,
};

/// Applies what the agent found when it looked.
pub(crate) fn apply_snapshot(table: &mut ProcessTable, snapshot: &ProcessSnapshot, boot_ns: u64) {
    if let Some(state) = &snapshot.state
        && state.phase() == ProcessPhase::Unspecified
        && let Some(found) = Process::from_state(state, table.limits())
    {
        let last_seen_boot_ns = found.last_seen_boot_ns.max(found.as_of_boot_ns);
        put(table, Process { last_seen_boot_ns, ..found }, boot_ns);
    }
    if let Some(absent) = snapshot.absent.filter(|key| key.pid != 0) {
        remove(table, absent, boot_ns);
    }
}

fn put(table: &mut ProcessTable, mut found: Process, boot_ns: u64) {
    let pid = found.key.pid;
    let Some(known) = table.get(pid) else {
        if !table.gone().contains(found.key) {
            insert(table, found);
        }
        return;
    };
    if !is_same(known.key, found.key) {
        if known.key.start_boot_ns.cmp(&found.key.start_boot_ns) == Ordering::Less {
            table.retire(pid, boot_ns);
            insert(table, found);
        }
        return;
    }
    if found.as_of_boot_ns < known.changed_boot_ns.max(known.as_of_boot_ns) {
        // Older than what is known, but it may say what events did not.
        if known.is_incomplete
            && let Some(known) = table.get_mut(pid)
        {
            known.complete_from(&found);
        }
        return;
    }
    if known.last_seen_boot_ns > found.as_of_boot_ns {
        keep_newer(&mut found, known);
    }
    if known.parent_since_boot_ns > found.as_of_boot_ns {
        found.parent_pid = known.parent_pid;
    }
    if !known.key.start_boot_ns.is_multiple_of(crate::process::TICK_NS) {
        found.key = known.key;
    }
    found.changed_boot_ns = found.changed_boot_ns.max(known.changed_boot_ns);
    found.parent_since_boot_ns = found.parent_since_boot_ns.max(known.parent_since_boot_ns);
    found.is_requested = known.is_requested && found.is_incomplete;
    insert(table, found);
}

/// Events after the snapshot was taken told these.
fn keep_newer(found: &mut Process, known: &Process) {
    found.last_seen_boot_ns = known.last_seen_boot_ns;
    found.credentials = known.credentials;
    found.session = known.session;
    (found.cgroup_hierarchy, found.cgroup_id) = (known.cgroup_hierarchy, known.cgroup_id);
    found.mount_namespace = known.mount_namespace;
    if known.parent_pid != 0 {
        found.parent_pid = known.parent_pid;
    }
}

fn insert(table: &mut ProcessTable, mut found: Process) {
    if let Some(parent) = table.get(found.parent_pid) {
        found.share_with(parent);
    }
    let pid = found.key.pid;
    table.insert(found, 0);
    table.note_if_unknown(pid);
}

/// The process asked for is no more. Who is complete stays: its end is on its way or will be noticed otherwise, and an
/// answer of one moment cannot tell from which.
fn remove(table: &mut ProcessTable, absent: ProcessKey, boot_ns: u64) {
    match table.get(absent.pid) {
        Some(known) if is_same(known.key, absent) && known.is_incomplete => table.retire(absent.pid, boot_ns),
        _ => {}
    }
}

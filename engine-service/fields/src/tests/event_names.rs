//! The names of events and calls beside Falco's (driver/event_table.c, driver/ppm_events_public.h).

use rule_language::Catalogue as _;

use crate::{catalogue, event_table, event_type::event_of_call};

fn codes(names: &[&str]) -> usize {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    catalogue().count_event_codes(&names)
}

/// Scenario: names of calls with events of their own, of calls without, of calls whose event is called otherwise, of
/// tracepoints, of what Falco itself reports, and of what is too new for Falco. Guarantees: rules may name all of them.
#[test]
fn rules_may_name_what_falco_knows() {
    let events = "open openat2 pread umount umount2 sendfile accept accept4 close_range keyctl setregid prctl llseek mmap2
        stat64 procexit switch signaldeliver page_fault drop notification infra k8s mesos tracer container useradded
        pluginevent asyncevent syscall scapevent cpu_hotplug procinfo";
    let calls = "pread64 pwrite64 prlimit64 _llseek _newselect fcntl64 sendfile64 setuid32 statx uname add_key clock_gettime
        epoll_ctl socketcall sched_process_exit sched_switch page_fault_user signal_deliver unknown setxattrat
        s390_runtime_instr";
    for name in events.split_whitespace().chain(calls.split_whitespace()) {
        assert!(catalogue().is_event_type(name), "{name}");
    }
    for name in ["", "NA", "opne", "Open", "sys_open", "max"] {
        assert!(!catalogue().is_event_type(name), "{name}");
    }
    assert!(catalogue().event_types().is_sorted_by(|before, after| before < after));
}

/// Scenario: the table as a whole. Guarantees: it has all codes of schema 4.5.1 but those of its iterators and the 21
/// halves of pairs that do not exist; no name is an event's and a call's.
#[test]
fn the_table_is_whole() {
    let unused = 21;
    let sum: usize = event_table::events().map(|(_, codes)| codes).sum();
    // The pair of calls without parameters of their own counts by itself.
    assert_eq!(sum + 2 + unused, 430 + 4);
    assert_eq!(event_table::events().count(), 183);
    assert_eq!(event_table::calls().count(), 290);
    let events: std::collections::HashSet<_> = event_table::events().map(|(name, _)| name).collect();
    assert!(event_table::calls().all(|call| !events.contains(call)));
}

/// Scenario: sets of names. Guarantees: each name counts with all its versions at entry and exit; the calls without
/// parameters of their own count two together; unused halves of pairs do not count.
#[test]
fn names_stand_for_event_codes() {
    assert_eq!(codes(&[]), 0);
    assert_eq!(codes(&["open"]), 2);
    assert_eq!(codes(&["execve"]), 16);
    assert_eq!(codes(&["accept", "accept4"]), 10);
    assert_eq!(codes(&["clone", "clone3", "fork", "vfork"]), 8 + 2 + 6 + 6);
    assert_eq!(codes(&["procexit"]), 2);
    assert_eq!(codes(&["switch", "pluginevent", "container"]), 2 + 1 + 3);
    assert_eq!(codes(&["uname"]), 2);
    assert_eq!(codes(&["uname", "statx", "epoll_ctl", "open"]), 4);
    assert_eq!(codes(&["syscall"]), 0);
}

/// Scenario: calls whose events have another name. Guarantees: a rule on `syscall.type` finds them under it; the call of
/// all sockets leaves it open.
#[test]
fn calls_have_events() {
    assert_eq!(event_of_call("openat"), Some("openat"));
    assert_eq!(event_of_call("pread64"), Some("pread"));
    assert_eq!(event_of_call("socketcall"), None);
}

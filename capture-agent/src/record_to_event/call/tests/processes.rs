use eyrie_proto::event::{
    Capabilities, ChangeCredentials, ChangeNamespace, ChangeSession, ProcessAccess, ProcessControl,
    ResourceLimit, Signal,
};

use super::*;

/// Scenario: calls that set ids, native and of 16 bits, and capset. Guarantees: as many ids as the call has, -1 as -1, the sets that hold
/// afterwards.
#[test]
fn credentials() {
    let ids = |record: &DetailedCall<'_>| match plain_event(record) {
        Kind::ChangeCredentials(change) => change.ids,
        other => panic!("{other:?}"),
    };
    assert_eq!(ids(&call("setuid", [1000 | GARBAGE, 7, 7, 7, 7, 7], 0)), [1000]);
    assert_eq!(ids(&call("setresgid", [1, MINUS_ONE, 3, 7, 7, 7], 0)), [1, u32::MAX, 3]);
    assert_eq!(ids(&compat_call("setreuid", [0xffff, 1000, 7, 7, 7, 7], 0)), [u32::MAX, 1000]);
    assert_eq!(ids(&compat_call("setreuid32", [0xffff, 1000, 7, 7, 7, 7], 0)), [0xffff, 1000]);
    let sets = Capabilities { effective: 0xe, permitted: 0xf, inheritable: 0x1 };
    let expected = ChangeCredentials { ids: Vec::new(), capabilities: Some(sets) };
    assert_eq!(plain_event(&call("capset", [9; 6], 0)), Kind::ChangeCredentials(expected));
}

/// Scenario: sessions, namespaces, prctl with text and without. Guarantees: registers where the contract has them; text only for options
/// that have some.
#[test]
fn the_process_itself() {
    assert_eq!(plain_event(&call("setsid", [7; 6], 5)), Kind::ChangeSession(ChangeSession::default()));
    let expected = ChangeSession { pid: 4, process_group_id: 5 };
    assert_eq!(plain_event(&call("setpgid", [4, 5, 7, 7, 7, 7], 0)), Kind::ChangeSession(expected));
    let unshare = ChangeNamespace { flags: 0x1000_0000, descriptor: None };
    assert_eq!(
        plain_event(&call("unshare", [0x1000_0000, 7, 7, 7, 7, 7], 0)),
        Kind::ChangeNamespace(unshare)
    );
    let setns = DetailedCall {
        first: info(5, 0x6e73_6673, b"/net:[1]"),
        ..call("setns", [5, 0x4000_0000, 7, 7, 7, 7], 0)
    };
    let expected = ChangeNamespace { flags: 0x4000_0000, descriptor: a_file(5, b"/net:[1]") };
    assert_eq!(event(&setns), Kind::ChangeNamespace(expected));
    let named = DetailedCall { data: b"worker\0behind", ..call("prctl", [15, 9, 2, 3, 4, 7], 0) };
    let expected = ProcessControl { option: 15, arguments: vec![9, 2, 3, 4], text: b"worker".to_vec() };
    assert_eq!(event(&named), Kind::ProcessControl(expected));
    let reaper = DetailedCall { data: b"junk", ..call("prctl", [36, 1, 0, 0, 0, 7], 0) };
    let expected = ProcessControl { option: 36, arguments: vec![1, 0, 0, 0], text: Vec::new() };
    assert_eq!(event(&reaper), Kind::ProcessControl(expected));
}

/// Scenario: limits that are set, asked for, of 32-bit programs, and that could not be read. Guarantees: the new pair where one was given
/// and the old one where one was told; "no limit" is the same for both widths.
#[test]
fn limits() {
    let of = |record: &DetailedCall<'_>| match event(record) {
        Kind::ResourceLimit(limit) => limit,
        other => panic!("{other:?}"),
    };
    let pair = [1024_u64.to_ne_bytes(), u64::MAX.to_ne_bytes()].concat();
    let narrow = [1024_u32.to_ne_bytes(), u32::MAX.to_ne_bytes()].concat();
    let set = ResourceLimit {
        resource: 7,
        new_soft: Some(1024),
        new_hard: Some(u64::MAX),
        ..ResourceLimit::default()
    };
    let asked = ResourceLimit {
        resource: 7,
        old_soft: Some(1024),
        old_hard: Some(u64::MAX),
        ..ResourceLimit::default()
    };
    let prlimit =
        |pid, data, control| DetailedCall { data, control, ..call("prlimit64", [pid, 7, 9, 9, 0, 0], 0) };
    assert_eq!(of(&prlimit(0, &pair, &[])), set);
    assert_eq!(of(&prlimit(44, &[], &pair)), ResourceLimit { pid: 44, ..asked });
    let (old_soft, old_hard) = (asked.old_soft, asked.old_hard);
    assert_eq!(of(&prlimit(0, &pair, &pair)), ResourceLimit { old_soft, old_hard, ..set });
    assert_eq!(of(&DetailedCall { data: &pair, ..call("setrlimit", [7, 9, 0, 0, 0, 0], 0) }), set);
    assert_eq!(of(&DetailedCall { data: &narrow, ..compat_call("setrlimit", [7, 9, 0, 0, 0, 0], 0) }), set);
    assert_eq!(
        of(&DetailedCall { control: &narrow, ..compat_call("ugetrlimit", [7, 9, 0, 0, 0, 0], 0) }),
        asked
    );
    let unread = ResourceLimit { resource: 7, ..ResourceLimit::default() };
    assert_eq!(of(&call("getrlimit", [7, 9, 0, 0, 0, 0], -14)), unread);
}

/// Scenario: calls on other processes and signals. Guarantees: pid, thread and number where each call has them.
#[test]
fn other_processes() {
    let access = ProcessAccess { request: 16, pid: 44, address: 1, data: 2 };
    assert_eq!(plain_event(&call("ptrace", [16, 44, 1, 2, 7, 7], 0)), Kind::ProcessAccess(access));
    let memory = ProcessAccess { pid: 44, ..ProcessAccess::default() };
    assert_eq!(plain_event(&call("process_vm_readv", [44, 7, 7, 7, 7, 7], 1)), Kind::ProcessAccess(memory));
    let signal = |name, arguments| match plain_event(&call(name, arguments, 0)) {
        Kind::Signal(Signal { number, pid, tid }) => (number, pid, tid),
        other => panic!("{other:?}"),
    };
    assert_eq!(signal("kill", [MINUS_ONE, 9, 7, 7, 7, 7]), (9, -1, 0));
    assert_eq!(signal("tkill", [44, 9, 7, 7, 7, 7]), (9, 0, 44));
    assert_eq!(signal("tgkill", [43, 44, 9, 7, 7, 7]), (9, 43, 44));
    assert_eq!(signal("pidfd_send_signal", [3, 15, 7, 7, 7, 7]), (15, 0, 0));
}

//! Of calls that change processes, or reach into others.

use eyrie_proto::event::{
    Capabilities, ChangeCredentials, ChangeNamespace, ChangeSession, Fork, GenericCall, ProcessAccess,
    ProcessControl, ResourceLimit, Signal, event::Kind,
};

use super::{bare, check_arguments};
use crate::tests::fixture::{call, check, event, host, show, tell_cgroup, tell_user};

/// Scenario: ids set by each call, a user with a name, one without, -1. Guarantees: each event's own ids, with names.
#[test]
fn ids() {
    let ids =
        |ids: &[u32]| Kind::ChangeCredentials(ChangeCredentials { ids: ids.to_vec(), capabilities: None });
    check_arguments(105, 0, ids(&[0]), "res=0 uid=0(root)");
    check_arguments(105, -1, ids(&[1001]), "res=-1(EPERM) uid=1001(<NA>)");
    check_arguments(106, 0, ids(&[0]), "res=0 gid=0(root)");
    check_arguments(113, 0, ids(&[u32::MAX, 0]), "res=0 ruid=-1(<NONE>) euid=0(root)");
    check_arguments(117, 0, ids(&[0, 1, u32::MAX]), "res=0 ruid=0(root) euid=1(<NA>) suid=-1(<NONE>)");
    check_arguments(119, 0, ids(&[0, 0, 0]), "res=0 rgid=0(root) egid=0(root) sgid=0(root)");
    let mut named = host();
    tell_user(&mut named, "", 1001, "ann");
    assert_eq!(show("evt.arg[uid]", &call(105, 0, ids(&[1001])), &named), "ann");
    check(&call(105, 0, ids(&[1001])), &named, &[("evt.rawarg[uid]", "1001"), ("evt.category", "user")]);
    let asked = || Kind::GenericCall(GenericCall::default());
    check_arguments(102, 0, asked(), "uid=0(root)");
    check_arguments(108, 7, asked(), "egid=7(<NA>)");
}

/// Scenario: capabilities, sessions and groups changed. Guarantees: sets in hexadecimal, processes with names.
#[test]
fn capabilities_and_sessions() {
    let capabilities = Some(Capabilities { inheritable: 0, permitted: 0x1ff_ffff_ffff, effective: 0x2000 });
    let change = ChangeCredentials { ids: Vec::new(), capabilities };
    check_arguments(
        126,
        0,
        Kind::ChangeCredentials(change),
        "res=0 cap_inheritable=0 cap_permitted=1FFFFFFFFFF cap_effective=2000",
    );
    check_arguments(112, 30, Kind::ChangeSession(ChangeSession::default()), "res=30(cat)");
    let group = ChangeSession { pid: 0, process_group_id: 20 };
    check_arguments(109, 0, Kind::ChangeSession(group), "res=0 pid=0 pgid=20(bash)");
}

/// Scenario: prctl with a name and with a number, namespaces left and joined, limits. Guarantees: the second argument is text
/// or a number and never both; -1 is no limit.
#[test]
fn what_processes_may() {
    let name = ProcessControl { option: 15, arguments: vec![0x7fff], text: b"worker".to_vec() };
    check_arguments(
        157,
        0,
        Kind::ProcessControl(name),
        "res=0 option=15(PR_SET_NAME) arg2_str=worker arg2_int=0",
    );
    let reaper = ProcessControl { option: 36, arguments: vec![1, 0], ..ProcessControl::default() };
    check_arguments(
        157,
        0,
        Kind::ProcessControl(reaper),
        "res=0 option=36(PR_SET_CHILD_SUBREAPER) arg2_str=NULL arg2_int=1",
    );
    let namespaces = ChangeNamespace { flags: 0x1002_0000, descriptor: Some(bare(4)) };
    check_arguments(
        272,
        0,
        Kind::ChangeNamespace(namespaces.clone()),
        "res=0 flags=1048608(CLONE_NEWNS|CLONE_NEWUSER)",
    );
    check_arguments(
        308,
        -1,
        Kind::ChangeNamespace(namespaces),
        "res=-1(EPERM) fd=4 nstype=1048608(CLONE_NEWNS|CLONE_NEWUSER)",
    );
    let limit = ResourceLimit {
        pid: 20,
        resource: 7,
        new_soft: Some(1024),
        new_hard: Some(u64::MAX),
        ..ResourceLimit::default()
    };
    check_arguments(
        302,
        0,
        Kind::ResourceLimit(limit),
        "res=0 newcur=1024 newmax=-1 oldcur=-1 oldmax=-1 pid=20 resource=7(RLIMIT_NOFILE)",
    );
    check_arguments(160, 0, Kind::ResourceLimit(limit), "res=0 cur=1024 max=-1 resource=7(RLIMIT_NOFILE)");
    let unknown = ResourceLimit { resource: 99, old_soft: Some(1), old_hard: Some(2), ..Default::default() };
    check_arguments(97, 0, Kind::ResourceLimit(unknown), "res=0 cur=1 max=2 resource=255(RLIMIT_UNKNOWN)");
}

/// Scenario: requests of ptrace that read, attach, deliver a signal and fail; signals. Guarantees: operands by the request.
#[test]
fn reaching_into_others() {
    let trace = |request, data| Kind::ProcessAccess(ProcessAccess { request, pid: 20, address: 0xabc, data });
    check_arguments(101, 0, trace(16, 0), "res=0 addr=ABC data=0 request=11(PTRACE_ATTACH) pid=20(bash)");
    check_arguments(
        101,
        0,
        trace(5, 0xbeef),
        "res=0 addr=ABC data=BEEF request=6(PTRACE_POKEDATA) pid=20(bash)",
    );
    check_arguments(
        101,
        0,
        trace(1, 0xbeef),
        "res=0 addr=ABC data=NULL request=2(PTRACE_PEEKTEXT) pid=20(bash)",
    );
    check_arguments(
        101,
        -3,
        trace(5, 9),
        "res=-3(ESRCH) addr=0 data=0 request=6(PTRACE_POKEDATA) pid=20(bash)",
    );
    check_arguments(310, 8, trace(0, 0), "res=8 pid=20(bash) data=NULL");
    let signal = Signal { number: 9, pid: 20, tid: 10 };
    check_arguments(62, 0, Kind::Signal(signal), "res=0 pid=20(bash) sig=9(SIGKILL)");
    check_arguments(200, 0, Kind::Signal(signal), "res=0 tid=10(sshd) sig=9(SIGKILL)");
    check_arguments(234, 0, Kind::Signal(signal), "res=0 pid=20(bash) tid=10(sshd) sig=9(SIGKILL)");
    let group = Signal { number: 40, pid: -20, tid: 0 };
    check_arguments(62, 0, Kind::Signal(group), "res=0 pid=-20 sig=40");
    assert_eq!(
        show("evt.args", &event(Kind::Signal(signal)), &host()),
        "spid=20(bash) dpid=30(cat) sig=9(SIGKILL)"
    );
}

/// Scenario: a process made. Guarantees: places of parameters are Falco's, those without a value are NULL and have no value
/// when asked for by name.
#[test]
fn a_fork_has_every_place() {
    let fork = Fork { child_tid: 20, flags: 0x4100, ..Fork::default() };
    let event = call(56, 20, Kind::Fork(fork));
    let expected = "res=20(bash) exe=/bin/cat args=-n /etc/shadow tid=30(cat) pid=30(cat) ptid=20(bash) \
        cwd=/root/work fdlimit=1024 pgft_maj=NULL pgft_min=NULL vm_size=NULL vm_rss=NULL vm_swap=NULL comm=cat \
        cgroups=NULL flags=134250496(CLONE_VM|CLONE_VFORK) uid=1000 gid=100 vtid=30(cat) vpid=30(cat) \
        pidns_init_start_ts=0";
    assert_eq!(show("evt.args", &event, &host()), expected);
    check(
        &event,
        &host(),
        &[
            ("evt.arg[15]", "CLONE_VM|CLONE_VFORK"),
            ("evt.arg[14]", "<absent>"),
            ("evt.arg[cgroups]", "<absent>"),
        ],
    );
    let mut told = host();
    tell_cgroup(&mut told, 30, "");
    let group = "/machine.slice/c";
    let expected = format!("cpuset={group} cpu={group} cpuacct={group} io={group} memory={group}");
    assert_eq!(show("evt.arg[cgroups]", &event, &told), expected);
}

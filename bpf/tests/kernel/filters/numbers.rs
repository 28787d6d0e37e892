use std::{fs, path::Path};

use eyrie_bpf::{
    Clause, EventClass, Filter, Filters, Outcome, PathTestKind, Record, Subject, ValueTest, flag,
};
use rustix::fs::{CWD, Mode, OFlags};
use test_requirements::{Requirement, requires};

use super::{filters, loaded, names, opened, path_clause, recording};
use crate::kernel::{
    actor::{actor, is_acting, run},
    loaded::{GENERATION, Loaded, Recorded},
    opens::folder,
};

const OPENAT: u32 = 257;
const OPENAT2: u32 = 437;
const OPENS: [u32; 2] = [OPENAT, OPENAT2];
const SETSID: u32 = 112;
const CHDIR: u32 = 80;

fn paths() -> Vec<String> {
    ["read", "missing", "write", "how"].map(|name| format!("./{name}")).to_vec()
}

/// Four opens: one reads, one fails, one writes, and one writes by openat2.
fn act() {
    let open = |path: &str, flags| rustix::fs::openat(CWD, path, flags, Mode::from_raw_mode(0o600));
    open("./read", OFlags::RDONLY).unwrap();
    open("./missing", OFlags::RDONLY).unwrap_err();
    open("./write", OFlags::WRONLY | OFlags::CREATE).unwrap();
    let flags = OFlags::WRONLY | OFlags::CREATE;
    let no = rustix::fs::ResolveFlags::empty();
    rustix::fs::openat2(CWD, "./how", flags, Mode::from_raw_mode(0o600), no).unwrap();
}

fn acted(loaded: &mut Loaded, test: &str, folder: &Path) -> Recorded {
    fs::write(folder.join("read"), "").unwrap();
    let acted = run(&mut actor(test, folder)).succeeded();
    loaded.drain(acted.pid)
}

fn value(subject: Subject, mask: u64, values: &[u64]) -> Clause {
    Clause { values: vec![ValueTest { subject, mask, values: values.to_vec() }], ..Clause::default() }
}

/// Scenario: opens that read, fail and write, under filters for outcome, result, flags, an argument and the user, for both of two clauses, for all
/// values of one, and for none. Guarantees: exactly those are recorded for which some clause holds whole.
#[test]
fn numbers_are_tested() {
    if is_acting() {
        return act();
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let outcome = |outcome| Clause { outcome: Some(outcome), ..Clause::default() };
    let (succeeded, failed) = (outcome(Outcome::Succeeded), outcome(Outcome::Failed));
    let flags = |mask: u64, values: &[u64]| value(Subject::OpenFlags, mask, values);
    let enoent = value(Subject::Result, u64::MAX, &[(-2_i64) as u64]);
    let user = |user: u32| value(Subject::UserId, 0xffff_ffff, &[u64::from(user)]);
    let me = rustix::process::getuid().as_raw();
    let both = Clause {
        values: [&flags(3, &[1]).values[..], &flags(0o100, &[]).values].concat(),
        ..succeeded.clone()
    };
    let neither = Clause {
        values: [&flags(3, &[1]).values[..], &flags(0o100, &[0]).values].concat(),
        ..succeeded.clone()
    };
    let all = &["./read", "./missing", "./write", "./how"][..];
    let mut loaded = loaded(&recording(&OPENS), &Filters::default());
    for (clauses, expected) in [
        (vec![succeeded.clone()], &["./read", "./write", "./how"][..]),
        (vec![failed.clone()], &["./missing"]),
        (vec![enoent.clone()], &["./missing"]),
        (vec![flags(3, &[1, 2])], &["./write", "./how"]),
        (vec![flags(3, &[])], &["./write", "./how"]),
        (vec![flags(3, &[9, 8, 7, 6, 5, 0])], &["./read", "./missing"]),
        // openat2 has its flags in memory, and a size there.
        (vec![value(Subject::Argument(3), 0xffff, &[24])], &["./how"]),
        (vec![user(me)], all),
        (vec![user(me + 1)], &[]),
        (vec![both], &["./write", "./how"]),
        (vec![neither], &[]),
        (vec![user(me + 1), enoent, flags(3, &[1])], &["./missing", "./write", "./how"]),
        (vec![Clause::default()], all),
        (vec![], &[]),
    ] {
        loaded.carry_out(&recording(&OPENS), &filters(&OPENS, clauses.clone()));
        let before = loaded.counts(EventClass::Plain, 0);
        let recorded = acted(&mut loaded, "kernel::filters::numbers::numbers_are_tested", &folder);
        let opened = opened(&recorded, &paths());
        assert_eq!(names(&opened), expected, "{clauses:?}");
        assert!(opened.iter().all(|(_, is_marked)| !is_marked));
        let left_out = loaded.counts(EventClass::Plain, 0).filtered - before.filtered;
        assert!(left_out >= (all.len() - expected.len()) as u64, "{left_out}");
    }
}

/// Scenario: the same opens under several filters, as they are, in verify mode, with no share and with the whole share to verify. Guarantees: verify
/// mode marks exactly what the filters leave out otherwise, and nothing else is marked; counters tell the one from the other.
#[test]
fn verify_mode_marks_what_would_be_left_out() {
    if is_acting() {
        return act();
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut loaded = loaded(&recording(&OPENS), &Filters::default());
    let path = |name: &str| {
        let path = folder.join(name).as_os_str().as_encoded_bytes().to_vec();
        path_clause(PathTestKind::Exact(path))
    };
    for clauses in [
        vec![Clause { outcome: Some(Outcome::Failed), ..Clause::default() }],
        vec![path("how"), path("read")],
        vec![],
    ] {
        let mut opens = |is_verify_mode, verify_sample_ppm| {
            let filters = Filters { is_verify_mode, verify_sample_ppm, ..filters(&OPENS, clauses.clone()) };
            loaded.carry_out(&recording(&OPENS), &filters);
            let test = "kernel::filters::numbers::verify_mode_marks_what_would_be_left_out";
            opened(&acted(&mut loaded, test, &folder), &paths())
        };
        let kept = opens(false, 0);
        for marked in [opens(true, 0), opens(false, 1_000_000)] {
            assert_eq!(names(&marked), ["./read", "./missing", "./write", "./how"]);
            let unmarked: Vec<_> = marked.into_iter().filter(|(_, is_marked)| !is_marked).collect();
            assert_eq!(unmarked, kept, "{clauses:?}");
        }
    }
    let counts = loaded.counts(EventClass::Plain, 0);
    assert!(counts.filtered > 0 && counts.marked > 0);
}

/// Scenario: calls that bear state, forks, executions and exits, under filters that let nothing pass. Guarantees: all of them are recorded and none is
/// marked, while the same filter leaves out a call that bears none.
#[test]
fn what_bears_state_is_never_left_out() {
    if is_acting() {
        act();
        rustix::process::setsid().unwrap();
        rustix::process::chdir("/").unwrap();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let calls = [OPENAT, SETSID, CHDIR];
    let mut config = recording(&calls);
    config.state_calls = [SETSID, CHDIR].into_iter().collect();
    for is_verify_mode in [false, true] {
        let filters = Filters { is_verify_mode, ..filters(&calls, vec![]) };
        let mut loaded = loaded(&config, &filters);
        let test = "kernel::filters::numbers::what_bears_state_is_never_left_out";
        let recorded = acted(&mut loaded, test, &folder);
        let state: Vec<_> = recorded.iter().filter(|record| record.header().is_state_bearing()).collect();
        let has = |is_it: &dyn Fn(&Record<'_>) -> bool| assert!(state.iter().any(is_it));
        has(&|record| matches!(record, Record::Exec(_)));
        has(&|record| matches!(record, Record::ChangeDirectory(_)));
        has(&|record| matches!(record, Record::Call(call) if call.header.call_number == SETSID));
        assert!(state.iter().all(|record| !record.header().has(flag::FILTER_MARKED)));
        assert!(state.iter().any(|record| matches!(record, Record::Fork(_))));
        assert!(state.iter().any(|record| matches!(record, Record::Exit(_))));
        let opens = opened(&recorded, &paths()).len();
        assert_eq!(opens, if is_verify_mode { 3 } else { 0 });
    }
}

/// Scenario: a process is in a control group that nothing is known of, and then in one that is known to be none of a container's. Guarantees: a clause for containers
/// lets the first pass and not the second.
#[test]
fn groups_that_are_known_to_be_of_the_host_are_no_containers() {
    if is_acting() {
        return act();
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let clause = Clause { only_containers: true, ..Clause::default() };
    let mut loaded = loaded(&recording(&OPENS), &filters(&OPENS, vec![clause]));
    let test = "kernel::filters::numbers::groups_that_are_known_to_be_of_the_host_are_no_containers";
    let recorded = acted(&mut loaded, test, &folder);
    assert_eq!(opened(&recorded, &paths()).len(), 4);
    let group = recorded.open("./read").header.cgroup_id;
    assert_ne!(group, 0);
    loaded.tell_host_cgroup(group);
    let recorded = acted(&mut loaded, test, &folder);
    assert_eq!(opened(&recorded, &paths()), []);
}

/// Scenario: executions that fail, of which a filter wants those below a directory, or the failed ones. Guarantees: they are recorded accordingly; an
/// execution that succeeds always is.
#[test]
fn failed_executions_are_filtered() {
    const EXECVE: u32 = 59;
    if is_acting() {
        for path in ["/eyrie-missing/wanted", "/eyrie-other/unwanted"] {
            std::process::Command::new(path).spawn().unwrap_err();
        }
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let wanted = path_clause(PathTestKind::Prefix(b"/eyrie-missing/".to_vec()));
    let succeeded = Clause { outcome: Some(Outcome::Succeeded), ..Clause::default() };
    for (clause, expected) in [(wanted, &["/eyrie-missing/wanted"][..]), (succeeded, &[])] {
        let config = eyrie_bpf::Config { plan_generation: GENERATION, ..recording(&[EXECVE]) };
        let filter = Filter { clauses: vec![clause] };
        let filters = Filters { native: [(EXECVE, filter.into())].into(), ..Filters::default() };
        let mut loaded = loaded(&config, &filters);
        let recorded =
            acted(&mut loaded, "kernel::filters::numbers::failed_executions_are_filtered", &folder);
        let failed = |record: Record<'_>| match record {
            Record::FailedExec(exec) => Some(String::from_utf8_lossy(exec.requested).into_owned()),
            _ => None,
        };
        assert_eq!(recorded.iter().filter_map(failed).collect::<Vec<_>>(), expected);
        assert!(recorded.iter().any(|record| matches!(record, Record::Exec(_))));
    }
}

mod made_up;
mod newer;
mod property;
mod size;

use eyrie_bpf::{End, PathSubject, PathTest, PathTestKind, Subject, ValueTest};
use eyrie_proto::capture::{
    self, ArgumentFilter, CallOutcome, ContainerScope, FlagFilter, NetworkEnd, NetworkFilter, PathFilter,
    path_filter::Kind,
};

use super::*;
use crate::plan::{calls::numbers, compile, initial_settings};

fn call(event_type: &str, any_of: Vec<CallFilter>) -> CallPlan {
    CallPlan { event_type: event_type.to_owned(), any_of, ..CallPlan::default() }
}

fn plan(calls: Vec<CallPlan>) -> CapturePlan {
    CapturePlan { generation: 7, calls, ..CapturePlan::default() }
}

fn compiled(calls: Vec<CallPlan>) -> (Filters, BTreeMap<String, Vec<CallFilter>>) {
    let (compiled, answer) = compile(plan(calls), &initial_settings(0));
    assert_eq!(answer.failure, "");
    let effective = answer.effective.unwrap().calls.into_iter();
    (compiled.unwrap().filters, effective.map(|call| (call.event_type, call.any_of)).collect())
}

/// The filter of the native call, and what the answer says of it.
fn of_one(event_type: &str, any_of: Vec<CallFilter>) -> (Option<Arc<Filter>>, Vec<CallFilter>) {
    let (filters, mut effective) = compiled(vec![call(event_type, any_of)]);
    let number = numbers(event_type).0.unwrap();
    (filters.native.get(&number).cloned(), effective.remove(event_type).unwrap())
}

fn path(kind: Kind) -> PathFilter {
    PathFilter { kind: Some(kind), subject: 0 }
}

fn second(kind: Kind) -> PathFilter {
    PathFilter { kind: Some(kind), subject: capture::PathSubject::Second.into() }
}

fn prefix(text: &str) -> PathFilter {
    path(Kind::Prefix(text.into()))
}

fn on_paths(paths: Vec<PathFilter>) -> CallFilter {
    CallFilter { paths, ..CallFilter::default() }
}

fn argument(index: u32, mask: u64, values: &[u64]) -> ArgumentFilter {
    ArgumentFilter { index, mask, values: values.to_vec() }
}

fn on_arguments(arguments: Vec<ArgumentFilter>) -> CallFilter {
    CallFilter { arguments, ..CallFilter::default() }
}

fn network(ip: &[u8], prefix_length: u32, ports: (u32, u32), end: NetworkEnd) -> NetworkFilter {
    let (first_port, last_port) = ports;
    NetworkFilter { ip: ip.to_vec(), prefix_length, first_port, last_port, end: end.into() }
}

/// Scenario: a condition on an open with every test that the programs can make. Guarantees: the clause has all of them, and the effective
/// plan is the plan.
#[test]
fn what_can_be_tested_is_tested() {
    let filter = CallFilter {
        outcome: CallOutcome::Succeeded.into(),
        paths: vec![
            prefix("/etc/"),
            path(Kind::Exact(b"/root/.ssh".to_vec())),
            path(Kind::Name(b"shadow".to_vec())),
        ],
        container_scope: ContainerScope::Container.into(),
        user_ids: vec![0, 1000],
        open_flags: vec![FlagFilter { mask: 3, values: vec![1, 2] }],
        tries_resolved_path: true,
        rules: vec!["A".to_owned(), "B".to_owned()],
        ..CallFilter::default()
    };
    let (made, effective) = of_one("openat", vec![filter.clone()]);
    let clauses = &made.unwrap().clauses;
    assert_eq!(clauses.len(), 1);
    let clause = &clauses[0];
    assert!(clause.only_containers && clause.tries_resolved_path);
    assert_eq!(clause.outcome, Some(Outcome::Succeeded));
    let value = |subject, mask, values: &[u64]| ValueTest { subject, mask, values: values.to_vec() };
    let values = [value(Subject::OpenFlags, 3, &[1, 2]), value(Subject::UserId, 0xffff_ffff, &[0, 1000])];
    assert_eq!(clause.values, values);
    let kinds: Vec<_> = clause.paths.iter().map(|path| path.kind.clone()).collect();
    let expected = [
        PathTestKind::Prefix(b"/etc/".to_vec()),
        PathTestKind::Exact(b"/root/.ssh".to_vec()),
        PathTestKind::Suffix(b"/shadow".to_vec()),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(effective, [filter]);
}

/// Scenario: a condition on a connection. Guarantees: families, protocols, addresses of all lengths and what has to be outside are tested.
#[test]
fn connections_are_tested() {
    let filter = CallFilter {
        networks: vec![network(&[], 0, (443, 444), NetworkEnd::Remote)],
        outside_networks: vec![network(&[127, 0, 0, 0], 8, (0, 65_535), NetworkEnd::Unspecified)],
        socket_families: vec![2, 10],
        socket_protocols: vec![6],
        results: vec![-115, 0],
        ..CallFilter::default()
    };
    let (made, effective) = of_one("connect", vec![filter.clone()]);
    let clause = &made.unwrap().clauses[0];
    assert_eq!((clause.networks[0].version, clause.networks[0].ports), (0, (443, 444)));
    assert_eq!(clause.networks[0].end, End::Remote);
    assert_eq!((clause.outside[0].version, clause.outside[0].address[0]), (4, 127));
    assert_eq!((&*clause.socket_families, &*clause.socket_protocols), (&[2, 10][..], &[6][..]));
    assert_eq!(clause.values[0].values, [0, (-115_i64).cast_unsigned()]);
    assert_eq!(effective, [filter]);
}

/// Scenario: a condition on what is outside of a network at the remote end, and one at either end; one on what is outside of a network without
/// ports. Guarantees: both of the first are tested, since a socket without a remote end meets the first alone; the other is given up, and told so.
#[test]
fn what_is_outside_is_told_apart() {
    let outside = |end, ports| CallFilter {
        outside_networks: vec![network(&[10, 0, 0, 1], 32, ports, end)],
        ..CallFilter::default()
    };
    let ports = (0, 65_535);
    let both = vec![outside(NetworkEnd::Remote, ports), outside(NetworkEnd::Unspecified, ports)];
    let (made, effective) = of_one("setsockopt", both.clone());
    assert_eq!(made.unwrap().clauses.len(), 2);
    assert!(effective.len() == 2 && both.iter().all(|filter| effective.contains(filter)), "{effective:?}");
    let (made, effective) = of_one("setsockopt", vec![outside(NetworkEnd::Remote, (0, 0))]);
    assert!(made.is_none() && effective.is_empty(), "{effective:?}");
}

/// Scenario: a condition with more paths than the programs have room for, and one whose paths would be too many in all its clauses. Guarantees: the
/// paths are given up, and the rest is tested.
#[test]
fn too_many_paths_are_given_up() {
    let paths = |count: usize| (0..count).map(|index| prefix(&format!("/{index}/"))).collect();
    let on = |count, users| CallFilter { user_ids: (0..users).collect(), ..on_paths(paths(count)) };
    for (count, users) in [(Filters::PATHS_MAX + 1, 2), (Filters::PATHS_MAX / 2, 20)] {
        let (made, effective) = of_one("unlink", vec![on(count, users)]);
        let clauses = &made.unwrap().clauses;
        assert!(clauses.iter().all(|clause| clause.paths.is_empty() && !clause.values.is_empty()));
        assert!(!effective.is_empty() && effective.iter().all(|filter| filter.paths.is_empty()));
    }
    let (made, _) = of_one("unlink", vec![on(100, 20)]);
    assert!(made.unwrap().clauses.iter().all(|clause| clause.paths.len() == 100));
}

/// Scenario: as many addresses of IPv4 as a clause has room for, each as it is and in IPv6; a network that holds all of them in IPv6. Guarantees: each address
/// is one test, so that one clause has room, and nothing is widened; what holds more than addresses of IPv4 stays one of IPv6.
#[test]
fn an_address_in_both_forms_is_one_test() {
    let ports = (0, 65_535);
    let plain = |last| network(&[10, 0, 0, last], 32, ports, NetworkEnd::Remote);
    let in_ipv6 = |last, bits| {
        let ip = [&[0; 10][..], &[0xff, 0xff, 10, 0, 0, last]].concat();
        network(&ip, bits, ports, NetworkEnd::Remote)
    };
    let count = u8::try_from(Clause::NETWORKS_MAX).unwrap();
    let networks = (0..count).flat_map(|last| [plain(last), in_ipv6(last, 128)]).collect();
    let filter = CallFilter { networks, ..CallFilter::default() };
    let (made, effective) = of_one("connect", vec![filter.clone()]);
    let made = made.unwrap();
    assert_eq!(made.clauses.len(), 1);
    assert!(made.clauses[0].networks.iter().all(|test| (test.version, test.prefix_length) == (4, 32)));
    assert_eq!(effective, [filter]);
    let wide = CallFilter { networks: vec![in_ipv6(0, 95)], ..CallFilter::default() };
    let (made, _) = of_one("connect", vec![wide]);
    let test = &made.unwrap().clauses[0].networks[0];
    assert_eq!((test.version, test.prefix_length), (6, 95));
}

/// Scenario: tests that the programs cannot make, alone and beside one that they can. Guarantees: they are left out, and the answer
/// shows the condition without them; where nothing is left every call is recorded, and the answer shows no condition.
#[test]
fn what_cannot_be_tested_is_widened() {
    let with = |change: &dyn Fn(&mut CallFilter)| {
        let mut filter = CallFilter { outcome: CallOutcome::Failed.into(), ..CallFilter::default() };
        change(&mut filter);
        filter
    };
    let any = CallFilter { outcome: CallOutcome::Failed.into(), ..CallFilter::default() };
    let untestable: [(&str, CallFilter); 13] = [
        ("openat", with(&|filter| filter.command_names = vec![b"sh".to_vec()])),
        ("openat", with(&|filter| filter.container_scope = ContainerScope::Host.into())),
        (
            "openat",
            with(&|filter| filter.paths = vec![prefix("/etc/"), path(Kind::RawContains(b".".to_vec()))]),
        ),
        ("openat", with(&|filter| filter.paths = vec![prefix("")])),
        ("openat", with(&|filter| filter.paths = vec![path(Kind::Exact(b"/etc\0".to_vec()))])),
        ("openat", with(&|filter| filter.paths = vec![second(Kind::Prefix(b"/etc".to_vec()))])),
        ("openat", with(&|filter| filter.socket_families = vec![2])),
        ("fchmod", with(&|filter| filter.paths = vec![prefix("/etc/")])),
        ("open_by_handle_at", with(&|filter| filter.paths = vec![prefix("/etc/")])),
        ("symlink", with(&|filter| filter.paths = vec![prefix("/etc/")])),
        ("mount", with(&|filter| filter.paths = vec![prefix("/dev/")])),
        ("unlink", with(&|filter| filter.open_flags = vec![FlagFilter { mask: 1, values: vec![] }])),
        (
            "kill",
            with(&|filter| {
                filter.networks = vec![network(&[1, 2, 3, 4], 32, (0, 65_535), NetworkEnd::Local)]
            }),
        ),
    ];
    for (name, filter) in untestable {
        let (made, effective) = of_one(name, vec![filter.clone()]);
        assert_eq!(effective, std::slice::from_ref(&any), "{name} {filter:?}");
        assert_eq!(made.unwrap().clauses.len(), 1);
        let alone = CallFilter { outcome: 0, ..filter };
        let (made, effective) = of_one(name, vec![alone.clone()]);
        assert!(made.is_none() && effective.is_empty(), "{name} {alone:?}");
    }
}

/// Scenario: tests of the paths of calls with two, and of `..` in a path. Guarantees: each is of its own path; what looks for `..` and
/// more is a test for `..`.
#[test]
fn paths_are_told_apart() {
    let paths = vec![
        prefix("/etc/"),
        second(Kind::Suffix(b".conf".to_vec())),
        path(Kind::RawContains(b"/../x".to_vec())),
    ];
    let (made, effective) = of_one("rename", vec![on_paths(paths)]);
    let test = |subject, kind| PathTest { subject, kind };
    let expected = [
        test(PathSubject::First, PathTestKind::Prefix(b"/etc/".to_vec())),
        test(PathSubject::First, PathTestKind::HasDotDot),
        test(PathSubject::Second, PathTestKind::Suffix(b".conf".to_vec())),
    ];
    assert_eq!(made.unwrap().clauses[0].paths, expected);
    assert_eq!(effective[0].paths[1], path(Kind::RawContains(b"..".to_vec())));
}

/// Scenario: texts that are longer than what the programs compare. Guarantees: prefixes and whole paths are cut at their end, suffixes at
/// their beginning, and the answer says so.
#[test]
fn long_texts_are_cut() {
    let long = [b"/".to_vec(), vec![b'a'; 300]].concat();
    let (_, effective) = of_one("unlink", vec![on_paths(vec![path(Kind::Exact(long.clone()))])]);
    assert_eq!(effective[0].paths, [path(Kind::Prefix(long[..PathTest::PREFIX_MAX].to_vec()))]);
    let (_, effective) = of_one("unlink", vec![on_paths(vec![path(Kind::Name(b"b".repeat(99)))])]);
    assert_eq!(effective[0].paths, [path(Kind::Suffix(b"b".repeat(PathTest::SUFFIX_MAX)))]);
}

/// Scenario: calls that open files by the same conditions, natively and in 32-bit programs, and one with others. Guarantees: the same
/// filter is one; another is another.
#[test]
fn same_filters_are_shared() {
    let on_etc = || vec![on_paths(vec![prefix("/etc/")])];
    let (filters, _) = compiled(vec![
        call("open", on_etc()),
        call("openat2", on_etc()),
        call("unlink", vec![on_paths(vec![prefix("/a")])]),
    ]);
    let of = |name: &str| filters.native.get(&numbers(name).0.unwrap()).unwrap();
    assert!(Arc::ptr_eq(of("open"), of("openat2")) && !Arc::ptr_eq(of("open"), of("unlink")));
    let compat = filters.compat.get(&numbers("openat2").1.unwrap()).unwrap();
    assert!(Arc::ptr_eq(of("open"), compat));
}

/// Scenario: calls that carry state, and what the scheduler tells, with conditions. Guarantees: they have no filter, and the answer
/// no conditions.
#[test]
fn state_is_not_filtered() {
    let failed = || vec![CallFilter { outcome: CallOutcome::Failed.into(), ..CallFilter::default() }];
    let (filters, effective) =
        compiled(["setuid", "chdir", "clone", "procexit"].map(|name| call(name, failed())).to_vec());
    assert!(filters.native.is_empty() && filters.compat.is_empty());
    assert!(effective.len() == 4 && effective.values().all(Vec::is_empty));
}

/// Scenario: execve with a condition. Guarantees: the answer says that executions that succeed are all told, since filters are for those
/// that fail.
#[test]
fn executions_are_told() {
    let users = |ids: &[u32]| CallFilter { user_ids: ids.to_vec(), ..CallFilter::default() };
    let (made, effective) = of_one("execve", vec![users(&[5])]);
    assert_eq!(made.unwrap().clauses.len(), 2);
    let all = CallFilter { outcome: CallOutcome::Succeeded.into(), ..CallFilter::default() };
    assert!(effective.contains(&all) && effective.contains(&users(&[5])));
}

/// Scenario: clauses of which one has two tests of the same bits and the other one of them, and another one without any. Guarantees: the first two have one
/// clause for both at no cost; each test that is given up costs the same.
#[test]
fn tests_of_the_same_bits_are_no_reason_to_stumble() {
    let test =
        |values: &[u64]| ValueTest { subject: Subject::Argument(4), mask: 0xff, values: values.to_vec() };
    let of = |values: Vec<ValueTest>| Clause { values, ..Clause::default() };
    let (two, one, none) = (of(vec![test(&[]), test(&[0])]), of(vec![test(&[])]), of(vec![]));
    assert_eq!([join::cost(&two, &one), join::cost(&one, &two)], [0, 0]);
    assert_eq!(join::cost(&two, &none), 2 * join::cost(&none, &one));
}

/// Scenario: one call by two names, under conditions and without. Guarantees: what one of them needs is let through.
#[test]
fn names_of_one_call_are_one() {
    let users = |ids: &[u32]| vec![CallFilter { user_ids: ids.to_vec(), ..CallFilter::default() }];
    let number = numbers("pread").0.unwrap();
    let (filters, effective) = compiled(vec![call("pread", users(&[1])), call("pread64", users(&[2]))]);
    assert_eq!(filters.native.get(&number).unwrap().clauses[0].values[0].values, [1, 2]);
    assert_eq!(effective["pread"], [users(&[1]), users(&[2])].concat());
    let (filters, effective) =
        compiled(vec![call("pread64", vec![]), call("pread", [users(&[1]), users(&[2])].concat())]);
    assert!(!filters.native.contains_key(&number) && effective["pread"].is_empty());
}

/// Scenario: more values than a test has room for, in one test and in several. Guarantees: several clauses test all of them as long as
/// that makes few enough; then those bits are tested that all values share.
#[test]
fn many_values_take_several_clauses() {
    let ids = |count: u32| CallFilter { user_ids: (0..count).collect(), ..CallFilter::default() };
    let (made, effective) = of_one("unlink", vec![ids(20)]);
    assert_eq!(made.unwrap().clauses.len(), 4);
    let mut told: Vec<_> = effective.iter().flat_map(|filter| filter.user_ids.clone()).collect();
    told.sort_unstable();
    assert_eq!(told, (0..20).collect::<Vec<_>>());

    let values: Vec<_> = (0x100..0x180).collect();
    let (made, effective) = of_one("kill", vec![on_arguments(vec![argument(1, 0xffff_ffff, &values)])]);
    let test = ValueTest { subject: Subject::Argument(1), mask: 0xffff_ff80, values: vec![0x100] };
    assert_eq!(made.unwrap().clauses[0].values, [test]);
    assert_eq!(effective, [on_arguments(vec![argument(1, 0xffff_ff80, &[0x100])])]);
}

/// Scenario: more tests of numbers than a clause has room for. Guarantees: some of them are given up.
#[test]
fn too_many_tests_of_numbers_are_given_up() {
    let arguments = (0..5).map(|index| argument(index, 0xff, &[1])).collect();
    let (made, effective) = of_one("ptrace", vec![on_arguments(arguments)]);
    assert_eq!(made.unwrap().clauses[0].values.len(), 3);
    assert_eq!(effective[0].arguments.len(), 3);
}

/// Scenario: conditions that differ in one test, that are the same, and of which one holds wherever another one does. Guarantees: they
/// become one clause, and the effective plan is what was asked for.
#[test]
fn clauses_are_few() {
    let of = |rule: &str, filter: CallFilter| CallFilter { rules: vec![rule.to_owned()], ..filter };
    let failed = |filter: CallFilter| CallFilter { outcome: CallOutcome::Failed.into(), ..filter };
    let one = of("A", on_paths(vec![prefix("/etc/")]));
    let cases = [
        vec![one.clone(), of("B", on_paths(vec![prefix("/root/")]))],
        vec![one.clone(), of("B", on_paths(vec![prefix("/etc/")]))],
        vec![
            one.clone(),
            of("B", failed(on_paths(vec![prefix("/etc/ssl/"), path(Kind::Exact(b"/etc/x".to_vec()))]))),
        ],
    ];
    for (case, expected) in cases.into_iter().zip([2, 1, 1]) {
        let (made, effective) = of_one("openat", case.clone());
        let clauses = &made.unwrap().clauses;
        assert_eq!((clauses.len(), clauses[0].paths.len()), (1, expected));
        assert_eq!(effective, case, "nothing more is let through");
    }
    // With one that lost a test, what is told is what is tested, for the rules of both.
    let sh = CallFilter { command_names: vec![b"sh".to_vec()], ..of("B", on_paths(vec![prefix("/x/")])) };
    let (_, effective) = of_one("openat", vec![one.clone(), sh]);
    assert_eq!((effective.len(), effective[0].rules.len(), effective[0].paths.len()), (1, 2, 2));
    // These differ in two.
    let (made, _) = of_one("openat", vec![one.clone(), of("B", failed(on_paths(vec![prefix("/root/")])))]);
    assert_eq!(made.unwrap().clauses.len(), 2);
    // One condition is none, so that every call counts.
    let (made, effective) = of_one("openat", vec![one, CallFilter::default()]);
    assert!(made.is_none() && effective.is_empty());
}

/// Scenario: more different conditions than there may be clauses, some with paths and many alike. Guarantees: there are as many as
/// may be, and those on paths keep them.
#[test]
fn clauses_are_bounded() {
    let tested = |index: u32| CallFilter {
        arguments: vec![argument(index % 6, 1 << index, &[1 << index])],
        user_ids: vec![index],
        paths: if index < 3 { vec![prefix(&format!("/{index}"))] } else { vec![prefix("/common")] },
        ..CallFilter::default()
    };
    for count in [17, 40, 60] {
        let (made, effective) = of_one("unlinkat", (0..count).map(tested).collect());
        let clauses = &made.unwrap().clauses;
        assert!(clauses.len() <= Filter::CLAUSES_MAX, "{count}");
        assert!(effective.iter().all(|filter| !filter.paths.is_empty()));
    }
    let many: Vec<_> =
        (0..500).map(|id| CallFilter { results: vec![i64::from(id)], ..tested(id % 60) }).collect();
    let (made, _) = of_one("unlinkat", many);
    assert!(made.is_none_or(|filter| filter.clauses.len() <= Filter::CLAUSES_MAX));
}

/// Scenario: more paths than the programs have room for. Guarantees: the largest set is given up, the others stay, and the answer says so.
#[test]
fn paths_are_bounded() {
    let paths = |count: usize| on_paths((0..count).map(|index| prefix(&format!("/{index:05}/"))).collect());
    let (filters, effective) = compiled(vec![
        call("unlink", vec![paths(5_000)]),
        call("rmdir", vec![paths(4_000)]),
        call("openat", vec![paths(10)]),
    ]);
    assert!(effective["unlink"].is_empty());
    assert_eq!((effective["rmdir"][0].paths.len(), effective["openat"][0].paths.len()), (4_000, 10));
    assert!(!filters.native.contains_key(&numbers("unlink").0.unwrap()));
}

/// Scenario: more different filters than the programs have room for. Guarantees: so many calls have none, and the most frequent have theirs.
#[test]
fn filters_are_bounded() {
    let names: Vec<_> = crate::plan::described().map(|line| line.name).collect();
    let names: BTreeSet<_> = names.into_iter().chain(["openat"]).collect();
    let users =
        |id: usize| vec![CallFilter { user_ids: vec![u32::try_from(id).unwrap()], ..CallFilter::default() }];
    let calls = names.iter().enumerate().map(|(id, name)| call(name, users(id))).collect();
    let (filters, effective) = compiled(calls);
    let all: std::collections::HashSet<_> = filters.native.values().chain(filters.compat.values()).collect();
    assert_eq!(all.len(), Filters::FILTERS_MAX);
    for frequent in ["openat", "read", "connect", "close"].into_iter().filter(|name| names.contains(name)) {
        assert_eq!(effective[frequent].len(), 1, "{frequent}");
    }
}

/// Scenario: a 32-bit call whose registers are not those of the native one, a wide mask, and one that is the same. Guarantees: only the
/// last is tested in 32-bit programs.
#[cfg(target_arch = "x86_64")]
#[test]
fn registers_of_32_bits_are_their_own() {
    let is_tested = |name: &str, index, mask| {
        let (filters, _) = compiled(vec![call(name, vec![on_arguments(vec![argument(index, mask, &[])])])]);
        assert_eq!(filters.native.len(), 1, "{name}");
        filters.compat.contains_key(&numbers(name).1.unwrap())
    };
    assert!(is_tested("chmod", 1, 0o777));
    assert!(!is_tested("chmod", 1, u64::MAX));
    assert!(!is_tested("chown", 1, 0xffff));
    assert!(!is_tested("mmap", 2, 4));
    assert!(!is_tested("select", 0, 4), "its arguments are in memory there");
}

/// Scenario: event types whose 32-bit calls have a spelling of their own, one of them with other registers. Guarantees: these are recorded
/// as well, and tested where a register is what it is of the native call.
#[cfg(target_arch = "x86_64")]
#[test]
fn spellings_of_32_bits_are_of_the_same_event_type() {
    let of = |name: &str, index| {
        let (compiled, _) = compile(
            plan(vec![call(name, vec![on_arguments(vec![argument(index, 0xff, &[1])])])]),
            &initial_settings(0),
        );
        let compiled = compiled.unwrap();
        let spelling = |name: &str| numbers(name).1.unwrap();
        (compiled.settings.compat_calls, compiled.filters.compat, spelling)
    };
    let (recorded, tested, spelling) = of("fcntl", 1);
    for name in ["fcntl", "fcntl64"] {
        assert!(recorded.contains(spelling(name)) && tested.contains_key(&spelling(name)), "{name}");
    }
    let (recorded, tested, spelling) = of("chown", 1);
    assert!(recorded.contains(spelling("chown32")) && !tested.contains_key(&spelling("chown")));
    let (recorded, tested, spelling) = of("mmap", 5);
    assert!(recorded.contains(spelling("mmap2")) && !tested.contains_key(&spelling("mmap2")));
    let (recorded, _, spelling) = of("fstatat", 3);
    assert!(recorded.contains(spelling("fstatat64")));
}

/// Scenario: a plan to be verified, and one with a sample. Guarantees: both reach the programs and the answer.
#[test]
fn verification_is_carried_through() {
    let asked = CapturePlan { is_verify_mode: true, verify_sample_ppm: 250, ..plan(vec![]) };
    let (compiled, answer) = compile(asked, &initial_settings(0));
    let (filters, effective) = (compiled.unwrap().filters, answer.effective.unwrap());
    assert!(filters.is_verify_mode && effective.is_verify_mode);
    assert_eq!((filters.verify_sample_ppm, effective.verify_sample_ppm), (250, 250));
}

/// Scenario: plans that nobody can mean. Guarantees: each is refused, and the failure says what is wrong and where.
#[test]
fn nonsense_is_refused() {
    let filter = CallFilter::default;
    let on_network = |network| CallFilter { networks: vec![network], ..filter() };
    let cases = [
        (on_arguments(vec![argument(6, 1, &[])]), "there is no argument 6"),
        (on_arguments(vec![argument(0, 0, &[1])]), "a mask is zero"),
        (CallFilter { open_flags: vec![FlagFilter::default()], ..filter() }, "a mask is zero"),
        (on_arguments(vec![argument(3, 0xf, &[1, 0x10])]), "argument 3: 0x10 is no value of the mask 0xf"),
        (
            CallFilter { open_flags: vec![FlagFilter { mask: 1, values: vec![3] }], ..filter() },
            "open flags: 0x3 is no",
        ),
        (on_network(network(&[1, 2, 3], 0, (0, 1), NetworkEnd::Local)), "an address has 3 bytes"),
        (on_network(network(&[1, 2, 3, 4], 33, (0, 1), NetworkEnd::Local)), "33 bits"),
        (on_network(network(&[0; 16], 129, (0, 1), NetworkEnd::Local)), "129 bits"),
        (on_network(network(&[], 0, (2, 1), NetworkEnd::Local)), "2 to 1 are no ports"),
        (on_network(network(&[], 0, (0, 65_536), NetworkEnd::Local)), "65536"),
    ];
    for (wrong, problem) in cases {
        let (compiled, answer) =
            compile(plan(vec![call("openat", vec![CallFilter::default(), wrong])]), &initial_settings(0));
        assert!(compiled.is_none(), "{problem}");
        let failure = answer.failure;
        assert!(failure.starts_with("openat, condition 2: ") && failure.contains(problem), "{failure}");
    }
    let too_much = [
        plan(vec![call(
            "openat",
            vec![on_paths(vec![path(Kind::Exact(vec![b'a'; check::PLAN_BYTES_MAX]))])],
        )]),
        CapturePlan { verify_sample_ppm: 1_000_001, ..plan(vec![]) },
    ];
    for plan in too_much {
        let (compiled, answer) = compile(plan, &initial_settings(0));
        assert!(compiled.is_none() && answer.failure.contains("more than"), "{}", answer.failure);
    }
}

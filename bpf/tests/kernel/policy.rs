use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use aya::programs::{loaded_links, loaded_programs};
use eyrie_bpf::{Attach, Config, EventClass, Object, Program, Record};
use test_requirements::{Requirement, requires};

use super::{
    actor::{actor, is_acting, run},
    loaded::Loaded,
    losses::{RARE_CALL, call_often},
    opens::folder,
};
use crate::OBJECT;

fn boot_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Scenario: nobody reads a small ring while files are opened until it is three quarters full, and then processes are
/// started. Guarantees: opens are refused and counted with the time of the loss; processes still get in; and what is in
/// the ring is exactly what was counted as produced.
#[test]
fn the_last_quarter_is_for_records_that_bear_state() {
    requires!(Requirement::Kernel);
    let config = Config { loss_epoch: 5, ..Config::default() };
    // Others' activity counts from the moment of loading on.
    let before = boot_ns();
    let mut loaded = Loaded::with(1 << 20, &config);
    for _ in 0..8000 {
        fs::File::open("/eyrie-missing").unwrap_err();
    }
    let plain = loaded.counts(EventClass::Plain, 5);
    assert!(plain.lost_refused > 0 && plain.produced > 0, "{plain:?}");
    assert_eq!((plain.lost_full, plain.lost_bug), (0, 0));
    let (first, last) = (plain.first_loss_ns.unwrap(), plain.last_loss_ns.unwrap());
    assert!(before <= first && first <= last && last <= boot_ns());
    // The class that bears state has lost nothing yet, and an epoch that no loss fell into has no first one.
    assert_eq!(loaded.counts(EventClass::StateBearing, 5).lost(), 0);
    assert_eq!(loaded.counts(EventClass::Plain, 6).first_loss_ns, None);

    let produced = loaded.counts(EventClass::StateBearing, 5).produced;
    run(&mut Command::new("true"));
    let state = loaded.counts(EventClass::StateBearing, 5);
    // At least our own fork, exec and exit.
    assert!(state.produced >= produced + 3, "{state:?}");

    loaded.configure(&Config { calls: Default::default(), loss_epoch: 6, ..config });
    let deadline = Instant::now() + Duration::from_secs(20);
    while loaded.counts(EventClass::StateBearing, 6).lost_full == 0 {
        assert!(Instant::now() < deadline, "the ring never filled up");
        run(&mut Command::new("true"));
    }
    assert!(loaded.counts(EventClass::StateBearing, 6).first_loss_ns.unwrap() > last);
}

/// Scenario: the ring is read as it fills. Guarantees: nothing is lost, and as many records come out as were counted.
#[test]
fn what_is_produced_comes_out() {
    requires!(Requirement::Kernel);
    let mut loaded = Loaded::new();
    for _ in 0..200 {
        fs::File::open("/eyrie-missing").unwrap_err();
    }
    // Forks, executions and exits of others go on: read both, until they agree in between.
    let mut seen = 0;
    let agreed = (0..1000).any(|_| {
        seen += loaded.drain_all();
        let counts = [EventClass::Plain, EventClass::StateBearing].map(|class| loaded.counts(class, 0));
        assert_eq!(counts.map(|counts| counts.lost()), [0, 0]);
        seen >= 200 && seen == counts[0].produced + counts[1].produced
    });
    assert!(agreed, "{seen} records seen");
}

/// How often a process calls in one round of the flood.
const FLOOD: u64 = 200_000;

/// Scenario: ten times over, a process calls as fast as it can, 200,000 times, a call that nothing else makes and that is
/// recorded, while a small ring is drained at leisure. Guarantees: calls made are records read and records lost, to the last
/// one, each time.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_floods_books_balance() {
    if is_acting() {
        call_often(FLOOD);
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let calls = [RARE_CALL].into_iter().collect();
    let mut loaded = Loaded::with(1 << 20, &Config { calls, ..Config::default() });
    for round in 1..=10 {
        let before = loaded.counts(EventClass::Plain, 0);
        let mut flood = actor("kernel::policy::a_floods_books_balance", &folder);
        let mut child = flood.stdout(Stdio::null()).spawn().unwrap();
        let mut read = 0;
        let mut count = |loaded: &mut Loaded, pid: u32| {
            let calls = loaded.drain(pid);
            read += calls.iter().filter(|record| matches!(record, Record::Call(_))).count() as u64;
        };
        while child.try_wait().unwrap().is_none() {
            count(&mut loaded, child.id());
            thread::sleep(Duration::from_millis(5));
        }
        count(&mut loaded, child.id());
        let after = loaded.counts(EventClass::Plain, 0);
        let lost = after.lost() - before.lost();
        assert_eq!(after.produced - before.produced + lost, FLOOD, "round {round}: {before:?} {after:?}");
        assert_eq!(read + lost, FLOOD, "round {round}");
    }
    let counts = loaded.counts(EventClass::Plain, 0);
    assert!(counts.lost_bug == 0 && counts.lost() > 0 && counts.produced > 0, "{counts:?}");
}

/// What the verifier looked at when these programs were last changed, on Linux 6.18 and x86-64. A program that grows beyond
/// twice that is looked at before the table is.
const VERIFIED: &[(Object, &str, u32)] = &[
    (Object::Full, "cgroup_made", 1_215),
    (Object::Full, "cgroup_removed", 1_215),
    (Object::Full, "process_fork", 1_720),
    (Object::Full, "process_exec", 77_440),
    (Object::Full, "process_exit", 2_938),
    (Object::Full, "system_call", 293_124),
    (Object::Full, "connect_start", 47_790),
    (Object::Full, "uring_complete", 107_729),
    (Object::Full, "uring_submit", 110_707),
    (Object::Full, "task_snapshot", 76_680),
    (Object::Baseline, "cgroup_made", 1_500),
    (Object::Baseline, "cgroup_removed", 1_500),
    (Object::Baseline, "process_fork", 2_010),
    (Object::Baseline, "process_exec", 77_940),
    (Object::Baseline, "process_exit", 3_250),
    (Object::Baseline, "system_call", 298_328),
];

/// Scenario: all programs are loaded. Guarantees: how much of them the verifier had to look at is printed, and on the kernel
/// that the table is from it has not jumped.
#[test]
fn the_verifiers_work_is_known() {
    requires!(Requirement::Kernel);
    let loaded = Loaded::new();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let is_measured_kernel = cfg!(target_arch = "x86_64") && release.starts_with("6.18.");
    let expected = |name: &str| {
        let line = VERIFIED.iter().find(|(object, program, _)| (*object, *program) == (OBJECT, name));
        line.unwrap_or_else(|| panic!("{name} is not in the table")).2
    };
    let programs: Vec<_> = OBJECT.programs().map(|program| program.name).collect();
    let verified: Vec<_> = programs.iter().map(|name| (name, loaded.verified_instructions(name))).collect();
    for (name, verified) in &verified {
        println!("{name} ({}): {verified} instructions verified on {}", OBJECT.name(), release.trim());
    }
    for (name, verified) in verified {
        let expected = expected(name);
        assert!(
            !is_measured_kernel || verified <= 2 * expected,
            "{name}: {verified}, and not some {expected}"
        );
    }
}

/// Scenario: everything is attached and then dropped. Guarantees: neither programs nor links stay in the kernel.
#[test]
fn nothing_stays_behind() {
    requires!(Requirement::Kernel);
    let loaded = Loaded::new();
    let ids = loaded.program_ids();
    let present = || {
        let programs =
            loaded_programs().filter_map(Result::ok).filter(|program| ids.contains(&program.id())).count();
        let links =
            loaded_links().filter_map(Result::ok).filter(|link| ids.contains(&link.program_id())).count();
        (programs, links)
    };
    let is_attached = |program: &&Program| matches!(program.attach, Attach::BtfTracepoint(_));
    assert_eq!(present(), (OBJECT.programs().count(), OBJECT.programs().filter(is_attached).count()));
    drop(loaded);
    // The kernel frees them a moment later.
    let deadline = Instant::now() + Duration::from_secs(10);
    while present() != (0, 0) {
        assert!(Instant::now() < deadline, "still there: {:?}", present());
        thread::sleep(Duration::from_millis(10));
    }
}

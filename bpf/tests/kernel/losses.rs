use std::{
    fs,
    process::Stdio,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use eyrie_bpf::{CallSet, Config, Counter, Counts, EventClass, LossSource, Record, flag};
use test_requirements::{Requirement, requires};

use super::{
    actor::{actor, is_acting},
    loaded::Loaded,
    opens::folder,
};

/// A call that nothing else makes: tee.
#[cfg(target_arch = "x86_64")]
pub(crate) const RARE_CALL: u32 = 276;
#[cfg(target_arch = "aarch64")]
pub(crate) const RARE_CALL: u32 = 77;
/// One test at a time makes it: counters are the machine's.
static ALONE: Mutex<()> = Mutex::new(());
/// How often it is made.
const CALLS: u64 = 1_000;

pub(crate) fn call_often(times: u64) {
    // Refused, as these are no pipes.
    let file = fs::File::open("/dev/null").unwrap();
    for _ in 0..times {
        rustix::pipe::tee(&file, &file, 1, rustix::pipe::SpliceFlags::empty()).unwrap_err();
    }
}

/// Calls from a thread of this name.
fn call_as(name: &str) {
    thread::Builder::new().name(name.to_owned()).spawn(|| call_often(CALLS)).unwrap().join().unwrap();
}

fn only_call() -> CallSet {
    [RARE_CALL].into_iter().collect()
}

/// What changed between two readings of the plain class: produced, left out, shed.
fn changed(before: &Counts, after: &Counts) -> [u64; 3] {
    [after.produced - before.produced, after.own - before.own, after.lost_degraded - before.lost_degraded]
}

/// Scenario: a thread makes a call a thousand times each as one that is recorded, as one of the process that is left out, and as one
/// that is shed. Guarantees: each time all of them are counted, under what became of them; those that were shed are a loss with
/// its own times and the caller's name, and others' losses have no part in them.
#[test]
fn each_call_is_captured_filtered_or_lost() {
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let config = Config { calls: only_call(), loss_epoch: 1, ..Config::default() };
    let mut loaded = Loaded::with(32 << 20, &config);
    let mut before = loaded.counts(EventClass::Plain, 1);
    let mut became = |loaded: &Loaded| {
        call_as("eyrie-caller");
        let after = loaded.counts(EventClass::Plain, 1);
        changed(&std::mem::replace(&mut before, after), &after)
    };
    assert_eq!(became(&loaded), [CALLS, 0, 0]);
    loaded.configure(&Config { own_tgid: std::process::id(), ..config });
    assert_eq!(became(&loaded), [0, CALLS, 0]);
    loaded.configure(&Config { shed_calls: only_call(), ..config });
    assert_eq!(became(&loaded), [0, 0, CALLS]);

    let counts = loaded.counts(EventClass::Plain, 1);
    let (first, last) = (counts.first_degraded_ns.unwrap(), counts.last_degraded_ns.unwrap());
    assert!(first < last && counts.lost() == CALLS);
    assert_eq!((counts.first_loss_ns, counts.last_loss_ns), (None, None));
    let sources = loaded.loss_sources();
    let ours = sources.iter().find(|(source, _)| source.comm() == b"eyrie-caller").expect("our thread");
    assert_eq!(
        (ours.0.call(), ours.0.reason(), ours.0.kind),
        (Some((RARE_CALL, false)), Some(Counter::LostDegraded), 0)
    );
    assert_eq!((ours.0.class(), ours.1), (EventClass::Plain, CALLS));
}

/// Scenario: a call of a thread with a name fills a small ring that nobody reads. Guarantees: the losses are noted under thread and call,
/// as many as were counted; those that found the ring half full were counted as well.
#[test]
fn who_lost_is_noted() {
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = Loaded::with(64 << 10, &Config { calls: only_call(), ..Config::default() });
    call_as("eyrie-loser");
    let counts = loaded.counts(EventClass::Plain, 0);
    assert!(counts.lost_refused > 0 && counts.above_half >= counts.lost_refused, "{counts:?}");
    let is_ours = |source: &LossSource| source.comm() == b"eyrie-loser" && source.flags & flag::HAS_CALL != 0;
    let noted: u64 =
        loaded.loss_sources().iter().filter(|(source, _)| is_ours(source)).map(|(_, count)| count).sum();
    assert_eq!(noted, counts.lost());
}

/// How often a process calls while its ring is replaced.
const FLOOD: u64 = 400_000;

/// Scenario: a process calls as fast as it can while rings are put in each other's place, sixteen times, from 64 KiB to 2 MiB and
/// back. Guarantees: calls made are records read from old rings and new ones and records lost, to the last one: no program
/// writes into a ring that was taken out.
#[test]
fn no_record_is_lost_between_rings() {
    if is_acting() {
        call_often(FLOOD);
        return;
    }
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (_keep, folder) = folder();
    let mut loaded = Loaded::with(64 << 10, &Config { calls: only_call(), ..Config::default() });
    let before = loaded.counts(EventClass::Plain, 0);
    let mut flood = actor("kernel::losses::no_record_is_lost_between_rings", &folder);
    let mut child = flood.stdout(Stdio::null()).spawn().unwrap();
    let (mut read, mut replaced) = (0, 0);
    let is_call =
        |record: Record<'_>| matches!(record, Record::Call(call) if call.header.call_number == RARE_CALL);
    while child.try_wait().unwrap().is_none() {
        read += loaded.drain_those(is_call);
        thread::sleep(Duration::from_millis(1));
        if replaced < 16 {
            read += loaded.replace_ring((64 << 10) << (replaced % 6), is_call);
            replaced += 1;
        }
    }
    read += loaded.drain_those(is_call);
    let after = loaded.counts(EventClass::Plain, 0);
    let lost = after.lost() - before.lost();
    assert_eq!((read + lost, after.produced - before.produced), (FLOOD, read), "{before:?} {after:?}");
    assert!(replaced > 1 && read > 0, "{replaced} rings");
}

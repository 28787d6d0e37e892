use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use aya::programs::{loaded_links, loaded_programs};
use eyrie_bpf::{Config, EventClass};
use test_requirements::{Requirement, requires};

use super::{actor::run, loaded::Loaded};

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
    assert_eq!(present(), (7, 6));
    drop(loaded);
    // The kernel frees them a moment later.
    let deadline = Instant::now() + Duration::from_secs(10);
    while present() != (0, 0) {
        assert!(Instant::now() < deadline, "still there: {:?}", present());
        thread::sleep(Duration::from_millis(10));
    }
}

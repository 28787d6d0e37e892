use std::{
    fs,
    process::{Command, Stdio},
};

use eyrie_bpf::{Clause, EventClass, Filters, PathTestKind, Record};
use test_requirements::{Requirement, requires};

use super::{filters, loaded, path_clause, recording};
use crate::kernel::{
    actor::{actor, is_acting},
    opens::folder,
};

const OPENAT: u32 = 257;
const PAIRS: usize = 40_000;

/// Scenario: a process opens two paths in turn, as fast as it can, while one plan that wants the one and another that wants the other take turns. Guarantees: each
/// record carries the generation of a plan that wants it; both plans are seen; opens that every plan wants are all there, so that nothing is lost in a change.
#[test]
fn plans_change_as_a_whole() {
    if is_acting() {
        for round in 0..PAIRS {
            if round % 1_000 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            for path in ["/eyrie/odd", "/eyrie/even", "/eyrie/always"] {
                fs::File::open(path).unwrap_err();
            }
        }
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let wanted = |generation: u64| if generation % 2 == 1 { "/eyrie/odd" } else { "/eyrie/even" };
    let plan = |generation: u64| -> (eyrie_bpf::Config, Filters) {
        let exact = |path: &str| path_clause(PathTestKind::Exact(path.as_bytes().to_vec()));
        // The clause of the one plan has another number in the other.
        let mut clauses: Vec<Clause> = vec![exact(wanted(generation)), exact("/eyrie/always")];
        clauses.rotate_left((generation % 2) as usize);
        let config = eyrie_bpf::Config { plan_generation: generation, ..recording(&[OPENAT]) };
        (config, filters(&[OPENAT], clauses))
    };
    let (config, filters) = plan(1);
    let mut loaded = loaded(&config, &filters);
    let mut command: Command = actor("kernel::filters::banks::plans_change_as_a_whole", &folder);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let (mut generation, mut always, mut seen) = (1, 0, std::collections::BTreeSet::new());
    loop {
        let has_ended = child.try_wait().unwrap().is_some();
        for record in loaded.drain(child.id()).iter() {
            let Record::Open(open) = record else { continue };
            let path = String::from_utf8_lossy(open.requested);
            if path == "/eyrie/always" {
                always += 1;
            } else if path.starts_with("/eyrie/") {
                assert_eq!(path, wanted(open.header.plan_generation));
                seen.insert(open.header.plan_generation % 2);
            }
        }
        if has_ended {
            break;
        }
        generation += 1;
        let (config, filters) = plan(generation);
        loaded.carry_out(&config, &filters);
    }
    // While a plan waits until the bank is free nobody empties the ring, which may be too small for so long; what did not fit is counted.
    let lost = usize::try_from(loaded.counts(EventClass::Plain, 0).lost()).unwrap();
    assert!(always <= PAIRS && PAIRS - always <= lost, "{always} of {PAIRS}, {lost} lost");
    assert!(generation > 3 && seen.len() == 2, "{generation} plans");
}

use std::collections::HashSet;

use super::*;

/// Scenario: every line. Guarantees: its call exists on x86-64, on aarch64 or for 32-bit programs of either; no call has two lines for
/// one numbering; what is read of it is not more than the programs can.
#[test]
fn every_line_is_a_call() {
    let mut seen = HashSet::new();
    for line in all() {
        let name = line.name;
        let is_call = name.parse::<syscalls::x86_64::Sysno>().is_ok()
            || name.parse::<syscalls::x86::Sysno>().is_ok()
            || name.parse::<syscalls::aarch64::Sysno>().is_ok()
            || name.parse::<syscalls::arm::Sysno>().is_ok();
        assert!(is_call, "{name}");
        for abi in [CallAbi::Native, CallAbi::Compat].into_iter().filter(|abi| line.is_for(*abi)) {
            assert!(seen.insert((name, abi == CallAbi::Native)), "{name} twice");
        }
        assert!(Shape::new(line.steps).is_some(), "{name} has too many steps");
    }
}

/// Scenario: the lines by number, native and 32-bit, and their shapes. Guarantees: lines are found under the numbers of linux/unistd.h
/// in both numberings, lines for one numbering under that alone, and there is a shape for exactly what has more than registers.
#[cfg(target_arch = "x86_64")]
#[test]
fn lines_are_found_by_number() {
    let name = |abi, number| by_number(abi, number).map(|line| line.name);
    assert_eq!(name(CallAbi::Native, 87), Some("unlink"));
    assert_eq!(name(CallAbi::Compat, 10), Some("unlink"));
    assert_eq!(name(CallAbi::Native, 288), Some("accept4"));
    assert_eq!(name(CallAbi::Compat, 364), Some("accept4"));
    assert_eq!(name(CallAbi::Compat, 221), Some("fcntl64"));
    assert_eq!((name(CallAbi::Native, 1 << 20), name(CallAbi::Native, 2)), (None, None));
    let mapped = |abi, number| by_number(abi, number).unwrap().steps;
    assert_ne!(mapped(CallAbi::Native, 9), mapped(CallAbi::Compat, 90));
    let shapes: Vec<_> = shapes().collect();
    assert!(shapes.iter().all(|(_, shape)| !shape.is_empty()));
    let has =
        |number, is_compat| shapes.iter().any(|(index, _)| Some(*index) == Shape::index(number, is_compat));
    assert!(has(87, false) && has(10, true) && has(90, true));
    assert!(!has(105, false) && !has(2, false), "setuid has registers alone, open has a program");
}

use capture_agent::{CapturedCall, Source};
use eyrie_proto::event::{Event, SystemCallAbi, event::Kind};
use test_requirements::{Requirement, requires};

use super::scene::{folder, performed};
use test_programs::{Abi, Program};

/// As an address it is not mapped, as a descriptor not open, as a process not there, and as flags wrong.
const HOSTILE: u32 = 0x7fff_fff0;

/// Calls that are not made, and why.
const LEFT_OUT: [(&str, &str); 8] = [
    ("it would make the address one of the program's", "brk"),
    ("the end of the calls is known by it", "getppid"),
    ("they make children, which would go on with the calls", "clone clone3 fork vfork"),
    ("they end the program or wait for ever", "exit exit_group pause restart_syscall"),
    ("they would leave something behind in the system", "msgget semget shmget"),
    ("they act on the whole host", "kexec_load reboot settimeofday sync"),
    ("it acts on the terminal of whoever runs the test", "vhangup"),
    ("it would slow the program down", "nice"),
];

/// Scenario: every call that the agent knows, with arguments that mean nothing. Guarantees: each is told, as more than its registers where more
/// is read of it, with the result that the program itself saw. (All calls of the whole machine are captured meanwhile: what a busy one loses of other
/// programs' is no business of this test.)
#[test]
fn every_call() {
    every_call_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn every_call_32() {
    every_call_of(Abi::I386);
}

fn every_call_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let is_left_out = |name: &str| LEFT_OUT.iter().any(|(_, names)| names.split(' ').any(|own| own == name));
    let number = |call: &CapturedCall| if abi == Abi::I386 { call.compat } else { call.native };
    let mut calls = capture_agent::captured_calls();
    calls.retain(|call| number(call).is_some() && !is_left_out(call.name));
    assert!(calls.len() > 200, "{}", calls.len());

    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(abi);
    let mut made = Vec::new();
    for call in &calls {
        let number = number(call).unwrap();
        program.call_number(number, &[HOSTILE; 6]);
        made.push((number, program.keep_result()));
    }
    let names: Vec<_> = calls.iter().map(|call| call.name).collect();
    let scene = performed(&names, abi, program, &folder);

    for (call, (number, kept)) in calls.iter().zip(made) {
        // It was made once before by some: the last counts.
        let event = scene.own().iter().rev().find(|event| is_call(event, abi, number));
        let event = event.unwrap_or_else(|| panic!("{} is not told", call.name));
        assert_eq!(event.call.unwrap().result, scene.kept(kept), "{}", call.name);
        let is_generic = matches!(event.kind, Some(Kind::GenericCall(_)) | None);
        assert!(!is_generic || call.sources.iter().all(|source| *source == Source::Task), "{}", call.name);
    }
}

fn is_call(event: &Event, abi: Abi, number: u32) -> bool {
    let abi = if abi == Abi::I386 { SystemCallAbi::Compat32 } else { SystemCallAbi::Unspecified };
    event.call.as_ref().is_some_and(|call| call.number == number && call.abi() == abi)
}

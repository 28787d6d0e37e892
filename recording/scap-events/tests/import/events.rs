//! What is left: calls without a form of their own, events that are no calls, what files are made of.

use std::collections::BTreeMap;

use eyrie_proto::event::{SystemCallAbi, event::Kind};
use prost::Message as _;
use scap::{Thread, table, value::Value};

use crate::stream::{START, Scap, Stream, int, text, thread, uint};

/// Scenario: the newest exit of every event type that the table has, each without parameters. Guarantees: each is told or counted by its name; calls have the
/// number of their name, 32-bit ones that of i386.
#[test]
fn every_event_type_has_a_place() {
    let mut scap = Scap::new();
    let mut types: Vec<_> =
        table::event_types().filter(|event| !event.is_enter).map(|event| event.code).collect();
    types.sort_unstable();
    for code in &types {
        scap.event(*code, 10, &[]);
        // Some end the process.
        scap.later(1);
    }
    let stream = scap.stream();
    let counts = &stream.counts;
    assert_eq!(counts.events(), types.len() as u64);
    let accounted = counts.told
        + counts.joined
        + counts.state
        + [counts.unused.values().sum::<u64>(), counts.others.values().sum(), counts.skipped.values().sum()]
            .iter()
            .sum::<u64>();
    assert_eq!(accounted, counts.events(), "{counts:?}");
    let calls: BTreeMap<_, _> =
        stream.told().filter_map(|event| Some((event.call?.number, event.call?.abi()))).collect();
    assert_eq!((calls[&257], calls[&22]), (SystemCallAbi::Unspecified, SystemCallAbi::Compat32));
}

/// Scenario: calls without an event of their own, by the machine's number, by Falco's alone, and by none. Guarantees: the number, or that it is counted.
#[test]
fn generic_calls() {
    let mut scap = Scap::new();
    scap.event(1, 10, &[("ID", uint(176)), ("nativeID", uint(228))]);
    scap.draft(1, 10, &[("ID", uint(176))], |draft| draft.truncate(1));
    scap.event(1, 10, &[("ID", uint(60_000))]);
    let stream = scap.stream();
    assert_eq!(stream.calls().iter().map(|call| call.number).collect::<Vec<_>>(), [228, 228]);
    assert_eq!(stream.counts.skipped.values().sum::<u64>(), 1);
}

/// Scenario: what a rule of ours reads of typical calls of each family. Guarantees: the kernel's numbers.
#[test]
fn numbers_are_the_kernels() {
    let mut scap = Scap::new();
    // PTRACE_ATTACH, MAP_PRIVATE|MAP_ANONYMOUS, PROT_READ|PROT_EXEC, RLIMIT_NOFILE by Falco's numbers.
    scap.exit(
        "ptrace",
        &[
            ("res", int(0)),
            ("request", uint(0xb)),
            ("pid", int(20)),
            ("addr", Value::Dynamic(0, Box::new(uint(7)))),
        ],
    );
    scap.exit(
        "mmap",
        &[
            ("res", int(0x7000)),
            ("addr", uint(0)),
            ("length", uint(4096)),
            ("prot", uint(5)),
            ("flags", uint(0xa)),
            ("fd", int(-1)),
        ],
    );
    scap.exit(
        "prlimit",
        &[("res", int(0)), ("newcur", int(64)), ("newmax", int(-1)), ("pid", int(0)), ("resource", uint(7))],
    );
    scap.exit("unshare", &[("res", int(0)), ("flags", uint(1 << 20))]);
    scap.exit("kill", &[("res", int(0)), ("pid", int(-20)), ("sig", uint(9))]);
    scap.exit("chmod", &[("res", int(0)), ("filename", text("/x")), ("mode", uint(0o4755))]);
    scap.event(232, 10, &[("spid", int(20)), ("dpid", int(10)), ("sig", uint(15))]);
    let stream = scap.stream();
    let kinds = stream.kinds();
    let Kind::ProcessAccess(access) = kinds[0] else { panic!() };
    assert_eq!((access.request, access.pid, access.address), (16, 20, 7));
    let Kind::MemoryCall(memory) = kinds[1] else { panic!() };
    assert_eq!((memory.length, memory.protection, memory.flags), (4096, 5, 0x22));
    let Kind::ResourceLimit(limit) = kinds[2] else { panic!() };
    assert_eq!((limit.resource, limit.new_soft, limit.new_hard, limit.old_soft), (7, Some(64), None, None));
    let Kind::ChangeNamespace(namespace) = kinds[3] else { panic!() };
    assert_eq!(namespace.flags, 0x1000_0000);
    let Kind::Signal(signal) = kinds[4] else { panic!() };
    assert_eq!((signal.number, signal.pid), (9, -20));
    let Kind::PathCall(chmod) = kinds[5] else { panic!() };
    assert_eq!(chmod.mode, 0o4755);
    let Kind::Signal(delivered) = kinds[6] else { panic!() };
    assert_eq!((delivered.number, delivered.pid, stream.told().nth(6).unwrap().call), (15, 20, None));
}

/// Scenario: an event that only changes state, one without a time, one of no thread, one with a parameter of the wrong size. Guarantees: no alert can come from the first and it
/// is there; the second has the time of the one before; the others are counted.
#[test]
fn odd_events() {
    let mut scap = Scap::new();
    scap.draft(3, 10, &[("fd", int(3)), ("name", text("/a")), ("flags", uint(1))], |draft| draft.flags = 1);
    scap.draft(7, 10, &[("res", int(1)), ("fd", int(3))], |draft| draft.time_ns = None);
    scap.event(7, -1, &[("res", int(1)), ("fd", int(3))]);
    let stream = scap.stream();
    let events: Vec<_> = stream.told().collect();
    assert_eq!((events.len(), events[0].is_filter_marked, events[1].is_filter_marked), (2, true, false));
    assert_eq!(events[0].boot_ns, events[1].boot_ns);
    assert_eq!(stream.counts.skipped.values().sum::<u64>(), 1);
    assert!(stream.counts.not_understood().contains_key("events without a thread"));
}

/// Scenario: the driver leaves out events for a while. Guarantees: a loss at the beginning and one for the time that it took.
#[test]
fn drops_are_losses() {
    let mut scap = Scap::new();
    scap.event(148, 10, &[("ratio", uint(4))]);
    scap.later(5);
    scap.event(149, 10, &[("ratio", uint(4))]);
    let stream = scap.stream();
    let losses: Vec<_> = stream
        .kinds()
        .into_iter()
        .filter_map(|kind| if let Kind::Loss(loss) = kind { Some(loss) } else { None })
        .collect();
    assert_eq!((losses.len(), losses[0].count), (2, 1));
    assert_eq!(
        (losses[0].last_boot_ns - losses[0].first_boot_ns, losses[1].last_boot_ns - losses[1].first_boot_ns),
        (0, 5_001_000_000)
    );
}

/// Scenario: a file of two sections, of different hosts. Guarantees: two streams, each with its own header, base state and trailer; nothing of the first is left in the second.
#[test]
fn sections_are_streams() {
    let mut scap = Scap::new();
    scap.exit("open", &[("fd", int(3)), ("name", text("/a")), ("flags", uint(1))]);
    scap.writer().section().unwrap();
    let machine = scap::Machine { hostname: b"web-2".to_vec(), ..scap::Machine::default() };
    scap.writer().machine(&machine).unwrap();
    scap.exit("read", &[("res", int(1)), ("fd", int(3))]);
    let stream = scap.stream();
    let hosts: Vec<_> = stream.headers.iter().map(|header| header.agent.clone().unwrap().hostname).collect();
    assert_eq!(
        (hosts, stream.trailers.len(), stream.base_parts),
        (vec!["web-1".to_owned(), "web-2".to_owned()], 2, 2)
    );
    assert_ne!(stream.headers[0].origin, stream.headers[1].origin);
    let Kind::Transfer(read) = stream.kinds()[1] else { panic!() };
    assert_eq!(read.descriptor.as_ref().unwrap().kind, None);
}

/// Scenario: two thousand processes with two kibibytes of environment each, with threads, in namespaces. Guarantees: parts under a mebibyte, all of them there, with what new files tell.
#[test]
fn large_base_states_have_parts() {
    let mut threads: Vec<Thread> = Vec::new();
    for pid in 100..2100 {
        threads.push(Thread {
            environment: vec![vec![b'e'; 2000]],
            namespace_pid: 7,
            namespace_tid: 7,
            ..thread(pid, 1, "worker")
        });
    }
    threads.push(Thread { tid: 5000, comm: b"helper".to_vec(), ..thread(100, 1, "worker") });
    let mut scap = Scap::with(&threads);
    scap.exit("getuid", &[("uid", uint(0))]);
    let stream = scap.stream();
    assert_eq!(stream.processes.len(), 2000);
    assert!(stream.base_parts >= 4, "{}", stream.base_parts);
    assert!(
        stream.processes.iter().map(|process| process.encoded_len()).sum::<usize>() / stream.base_parts
            < 1 << 20
    );
    let process = stream.process(100);
    assert_eq!(
        (&*process.threads[0].comm, process.threads[0].tid, process.namespace_pid),
        (&b"helper"[..], 5000, 7)
    );
    assert_eq!((process.process.unwrap().start_boot_ns, &*process.working_directory), (0, &b"/home/me"[..]));
    assert_eq!(stream.headers[0].clock.unwrap().epoch_ns, START);
}

/// Scenario: a file that Eyrie wrote, which carries the recording that it was made of. Guarantees: the recording's pieces and nothing else.
#[test]
fn carried_recordings_speak_for_themselves() {
    use eyrie_proto::recording::{RecordingHeader, RecordingTrailer, recording_entry::Kind};
    let mut scap = Scap::new();
    let header = RecordingHeader { epoch: 77, ..RecordingHeader::default() };
    scap.writer().event(&scap_events::extension::draft_of(&Kind::Header(header.clone())).unwrap()).unwrap();
    scap.exit("open", &[("fd", int(3)), ("name", text("/a")), ("flags", uint(1))]);
    let trailer = Kind::Trailer(RecordingTrailer { event_count: 5, ..RecordingTrailer::default() });
    scap.writer().event(&scap_events::extension::draft_of(&trailer).unwrap()).unwrap();
    let stream = Stream::of(&*scap.bytes());
    assert_eq!(
        (stream.headers, stream.trailers.len(), stream.events.len(), stream.processes.len()),
        (vec![header], 1, 0, 0)
    );
    assert_eq!((stream.trailers[0].event_count, stream.error.is_none()), (5, true));
}

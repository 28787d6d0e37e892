use eyrie_bpf::{DescriptorInfo, DetailedCall, FileInfo, Header, PathInfo, encode, file_flag, flag, kind};
use eyrie_proto::event::{Event, descriptor, event::Kind};

use super::*;

const ACCEPT4: u32 = if cfg!(target_arch = "x86_64") { 288 } else { 242 };
const OPENAT: u32 = if cfg!(target_arch = "x86_64") { 257 } else { 56 };
const EINPROGRESS: i64 = -115;

/// What was told, with sequence numbers from 1.
#[derive(Default)]
struct Told(Vec<Event>);

impl Told {
    fn sink(&mut self) -> impl FnMut(Event) -> Option<u64> {
        |event| {
            self.0.push(event);
            Some(self.0.len() as u64)
        }
    }

    /// Result and started sequence of each.
    fn calls(&self) -> Vec<(i64, u64)> {
        let call = |event: &Event| event.call.map(|call| (call.result, call.started_sequence)).unwrap();
        assert!(self.0.iter().all(|event| event.call.unwrap().is_io_uring));
        self.0.iter().map(call).collect()
    }
}

fn header(number: u32, result: i64, tgid: u32) -> Header {
    let flags = flag::HAS_CALL | flag::IO_URING;
    Header { flags, call_number: number, call_result: result, tgid, boot_ns: 1_000, ..Header::default() }
}

/// A request at an address, called by the same number.
fn request(address: u64, number: u32, tgid: u32) -> Vec<u8> {
    let header = header(number, EINPROGRESS, tgid);
    let header = Header { kind: kind::URING_REQUEST, flags: header.flags | flag::STARTED_ONLY, ..header };
    let first = DescriptorInfo { fd: -115, ..DescriptorInfo::default() };
    let path = PathInfo { directory_fd: -100, requested: b"/asked/for", ..PathInfo::default() };
    let call = DetailedCall { header, first, path, ..DetailedCall::default() };
    encode(&Record::UringRequest(UringRequest { call, ..named(address) }))
}

fn named(address: u64) -> UringRequest<'static> {
    UringRequest { request: address, ring: 9, user_data: address, ..UringRequest::default() }
}

fn submit(requests: &mut UringRequests, record: &[u8], told: &mut Told) {
    let Ok(Record::UringRequest(request)) = decode(record) else { panic!("no request") };
    requests.submitted(record, &request, &mut told.sink());
}

/// The completion of the request at an address, which made a descriptor of the result.
fn completion(address: u64, number: u32, result: i64) -> UringCompletion<'static> {
    let file = FileInfo { inode: 77, flags: file_flag::KNOWN, ..FileInfo::default() };
    let fd = i32::try_from(result).unwrap();
    let descriptor = match result {
        0.. => DescriptorInfo { fd, file, file_system: 1, path: b"/opened", ..DescriptorInfo::default() },
        _ => DescriptorInfo { fd, ..DescriptorInfo::default() },
    };
    let header = Header { boot_ns: 5_000, tid: 99, ..header(number, result, 98) };
    let (ring, user_data, is_made) = (9, address, 1);
    UringCompletion { header, request: address, ring, user_data, is_made, descriptor, ..Default::default() }
}

/// Scenario: an open that is completed by another task at once; one that fails. Guarantees: one event each, of who asked for it, when it
/// ended, with the path asked for and what was opened.
#[test]
fn submission_and_completion_are_one_event() {
    let (mut requests, mut told) = (UringRequests::default(), Told::default());
    submit(&mut requests, &request(1, OPENAT, 7), &mut told);
    submit(&mut requests, &request(2, OPENAT, 7), &mut told);
    requests.completed(&completion(2, OPENAT, -2), &mut told.sink());
    requests.completed(&completion(1, OPENAT, 5), &mut told.sink());
    requests.tell_due(u64::MAX, &mut told.sink());
    assert_eq!(told.calls(), [(-2, 0), (5, 0)]);
    let opens: Vec<_> = told.0.iter().map(|event| (event, open(event))).collect();
    for (event, open) in &opens {
        assert_eq!((event.task.as_ref().unwrap().process.unwrap().pid, event.boot_ns), (7, 5_000));
        assert_eq!(open.path.as_ref().unwrap().requested, b"/asked/for");
    }
    assert_eq!(opens[0].1.descriptor, None);
    assert_eq!(opens[1].1.descriptor.as_ref().unwrap().fd, 5);
    assert_eq!(opens[1].1.path.as_ref().unwrap().resolved, b"/opened");
    assert!(requests.by_address.is_empty() && requests.by_arrival.is_empty() && requests.by_name.is_empty());
    assert_eq!(requests.bytes, 0);
}

fn open(event: &Event) -> &eyrie_proto::event::Open {
    match &event.kind {
        Some(Kind::Open(open)) => open,
        other => panic!("{other:?}"),
    }
}

/// Scenario: a request takes long; another is replaced by one at the same address; a process ends with one. Guarantees: each is told as
/// started, once, and the end names the start.
#[test]
fn what_takes_long_is_told_as_started() {
    let (mut requests, mut told) = (UringRequests::default(), Told::default());
    submit(&mut requests, &request(1, OPENAT, 7), &mut told);
    requests.tell_due(1_000 + PATIENCE_NS - 1, &mut told.sink());
    assert!(told.0.is_empty());
    requests.tell_due(1_000 + PATIENCE_NS, &mut told.sink());
    requests.tell_due(u64::MAX, &mut told.sink());
    requests.completed(&completion(1, OPENAT, 5), &mut told.sink());
    assert_eq!(told.calls(), [(EINPROGRESS, 0), (5, 1)]);
    submit(&mut requests, &request(2, OPENAT, 7), &mut told);
    submit(&mut requests, &request(2, OPENAT, 8), &mut told);
    assert_eq!(told.calls()[2..], [(EINPROGRESS, 0)]);
    requests.process_ended(7, &mut told.sink());
    assert_eq!(told.0.len(), 3);
    requests.process_ended(8, &mut told.sink());
    assert_eq!(told.calls()[3..], [(EINPROGRESS, 0)]);
    assert!(requests.by_address.is_empty() && requests.untold.is_empty());
}

/// Scenario: one accept that is completed again and again, and then for the last time. Guarantees: an event for each connection with its
/// descriptor; the first names the start, and only that.
#[test]
fn one_request_may_have_several_ends() {
    let (mut requests, mut told) = (UringRequests::default(), Told::default());
    submit(&mut requests, &request(3, ACCEPT4, 7), &mut told);
    requests.tell_due(u64::MAX, &mut told.sink());
    for fd in [6, 7] {
        let header = Header { flags: flag::IO_URING, call_number: 0, ..header(0, fd, 7) };
        let partial = UringCompletion { header, request: 0, is_made: 0, ..completion(3, ACCEPT4, fd) };
        requests.completed(&partial, &mut told.sink());
    }
    requests.completed(&completion(3, ACCEPT4, -125), &mut told.sink());
    assert_eq!(told.calls(), [(EINPROGRESS, 0), (6, 1), (7, 0), (-125, 0)]);
    for (event, fd) in told.0.iter().zip([-115, 6, 7, -125]) {
        let Some(Kind::Accept(accept)) = &event.kind else { panic!("{event:?}") };
        assert_eq!(accept.descriptor.as_ref().unwrap().fd, fd);
    }
    // Of another one nothing is known, not even the call.
    let header = Header { flags: flag::IO_URING, ..header(0, 3, 7) };
    let stray = UringCompletion { header, request: 0, user_data: 4, ..completion(4, ACCEPT4, 3) };
    requests.completed(&stray, &mut told.sink());
    assert_eq!(told.0.len(), 4);
}

/// Scenario: a completion of a request that is not known, and more requests than are remembered. Guarantees: what the completion says is
/// told; the oldest request is told as started and makes room.
#[test]
fn what_is_missing_is_done_without() {
    let (mut requests, mut told) = (UringRequests::default(), Told::default());
    requests.completed(&completion(1, OPENAT, 5), &mut told.sink());
    assert_eq!(told.calls(), [(5, 0)]);
    let path = open(&told.0[0]).path.as_ref().unwrap();
    assert!(path.is_unreadable && path.resolved == b"/opened");
    for address in 1..=MAX_REQUESTS as u64 + 1 {
        submit(&mut requests, &request(address, OPENAT, 7), &mut told);
    }
    assert_eq!(told.calls()[1..], [(EINPROGRESS, 0)]);
    assert_eq!(requests.by_address.len(), MAX_REQUESTS);
    assert!(requests.bytes < MAX_BYTES && !requests.by_address.contains_key(&1));
}

/// Scenario: an open that is completed only if it fails, which it does not. Guarantees: it is told as the success that it is.
#[test]
fn silence_may_be_success() {
    let (mut requests, mut told) = (UringRequests::default(), Told::default());
    let record = request(1, OPENAT, 7);
    let Ok(Record::UringRequest(silent)) = decode(&record) else { panic!("no request") };
    let silent = encode(&Record::UringRequest(UringRequest { is_silent: 1, ..silent }));
    submit(&mut requests, &silent, &mut told);
    requests.tell_due(u64::MAX, &mut told.sink());
    assert_eq!(told.calls(), [(0, 0)]);
    let descriptor = open(&told.0[0]).descriptor.as_ref().unwrap();
    assert!(matches!(descriptor.kind, Some(descriptor::Kind::File(_))), "{descriptor:?}");
}

//! Requests of io_uring, as the calls that they stand for.

use eyrie_bpf::{Connect, DetailedCall, Open, UringCompletion, UringRequest, calls, file_flag, flag};
use eyrie_proto::event::event::Kind;

use super::{call, file, socket};

/// In place of the descriptor that a request has still to make: -EINPROGRESS.
const UNMADE: i32 = -115;

/// The kind of event of the call that a request stands for. Opens and connects have records of their own where they are called.
pub(super) fn kind(record: &UringRequest<'_>) -> Kind {
    let call = &record.call;
    let known = calls::NATIVE.iter().find(|known| known.number == call.header.call_number);
    match known.map(|known| known.name) {
        Some("OPENAT" | "OPENAT2") => Kind::Open(file::open(&open(call))),
        Some("CONNECT") => {
            let (header, socket, requested) = (call.header, call.first, call.address);
            Kind::Connect(socket::connect(&Connect { header, socket, requested }))
        }
        _ => call::detailed(call),
    }
}

fn open<'a>(call: &DetailedCall<'a>) -> Open<'a> {
    // struct open_how of linux/openat2.h.
    let word = |number: usize| {
        let bytes = call.data.get(8 * number..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
    };
    Open {
        header: call.header,
        file: call.first.file,
        resolve: word(2),
        flags: word(0) as u32,
        mode: word(1) as u32,
        directory_fd: call.path.directory_fd,
        fd: call.first.fd,
        requested: call.path.requested,
        base: call.path.base,
        resolved: call.first.path,
    }
}

/// A request with what its completion says. Of who submitted it the request knows more: the completion's task may be the kernel's.
pub(crate) fn completed<'a>(
    request: &UringRequest<'a>,
    completion: &UringCompletion<'a>,
) -> UringRequest<'a> {
    let mut completed = *request;
    let call = &mut completed.call;
    let header = &mut call.header;
    header.flags &= !flag::STARTED_ONLY;
    header.call_result = completion.header.call_result;
    header.boot_ns = completion.header.boot_ns;
    header.cpu = completion.header.cpu;
    let is_made = if completion.request == 0 { call.first.fd == UNMADE } else { completion.is_made != 0 };
    let fd = if is_made { completion.descriptor.fd } else { call.first.fd };
    let is_known = completion.descriptor.file.is_known() && completion.request != 0;
    if is_made || is_known {
        call.first = completion.descriptor;
        call.first.fd = fd;
    }
    if !completion.data.is_empty() {
        call.data = completion.data;
    }
    completed
}

/// A request of which no completion came: of one that is silent unless it fails, that is a success. What it opened is a file as
/// far as anyone can tell.
pub(crate) fn without_completion<'a>(request: &UringRequest<'a>) -> UringRequest<'a> {
    let mut told = *request;
    if request.is_silent != 0 {
        told.call.header.flags &= !flag::STARTED_ONLY;
        told.call.header.call_result = 0;
        if told.call.first.fd == UNMADE {
            told.call.first.fd = 0;
            told.call.first.file.flags |= file_flag::KNOWN;
        }
    }
    told
}

/// What a completion tells of a request that is not known: its record was lost, or it is older than the capture. `None` where
/// not even the call is known.
pub(crate) fn of_completion<'a>(completion: &UringCompletion<'a>) -> Option<UringRequest<'a>> {
    let mut header = completion.header;
    header.call()?;
    // As far as anyone can tell, what it was given could not be read.
    header.flags |= flag::REQUESTED_UNREADABLE;
    let call = DetailedCall {
        header,
        first: completion.descriptor,
        data: completion.data,
        ..DetailedCall::default()
    };
    Some(UringRequest { call, ..UringRequest::default() })
}

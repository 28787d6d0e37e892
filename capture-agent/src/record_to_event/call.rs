//! Calls without a record of their own: what the table of calls says that they are.

mod descriptors;
mod kernel;
mod parts;
mod paths;
mod processes;
mod sockets;

// By the numbers of x86-64 and i386.
#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests;

use eyrie_bpf::{Call, DetailedCall};
use eyrie_proto::event::{GenericCall, event::Kind};

use self::parts::Parts;
use crate::plan::{CallAbi, Message, by_number};

/// The event of a call of which there are the registers.
pub(super) fn plain(record: &Call) -> Kind {
    let Call { header, arguments } = *record;
    detailed(&DetailedCall { header, arguments, ..DetailedCall::default() })
}

/// The event of a call with its parts. Registers beyond those that the call has are not passed on in typed events.
pub(super) fn detailed(record: &DetailedCall<'_>) -> Kind {
    match by_number(CallAbi::of(&record.header), record.header.call_number) {
        Some(line) => message(line.message, &Parts { line, record }),
        None => generic(record),
    }
}

fn message(message: Message, parts: &Parts<'_>) -> Kind {
    match message {
        Message::Open => Kind::Open(paths::open_by_handle(parts)),
        Message::PathCall => Kind::PathCall(paths::path_call(parts)),
        Message::NameCall => Kind::PathCall(paths::name_call(parts)),
        Message::PathBack => Kind::PathCall(paths::path_back(parts)),
        Message::TwoPathCall => Kind::TwoPathCall(paths::two_path_call(parts)),
        Message::ChangeRoot => Kind::ChangeRoot(paths::change_root(parts)),
        Message::DescriptorCall => Kind::DescriptorCall(descriptors::descriptor_call(parts)),
        Message::DescriptorControl => Kind::DescriptorCall(descriptors::control(parts)),
        Message::Transfer => Kind::Transfer(descriptors::transfer(parts)),
        Message::SocketCreate => Kind::SocketCreate(sockets::create(parts)),
        Message::Accept => Kind::Accept(sockets::accept(parts)),
        Message::Bind => Kind::Bind(sockets::bind(parts)),
        Message::SocketOption => Kind::SocketOption(sockets::option(parts)),
        Message::ChangeCredentials => Kind::ChangeCredentials(processes::change_credentials(parts)),
        Message::ChangeCapabilities => Kind::ChangeCredentials(processes::change_capabilities(parts)),
        Message::ChangeSession => Kind::ChangeSession(processes::change_session(parts)),
        Message::ProcessControl => Kind::ProcessControl(processes::control(parts)),
        Message::ChangeNamespace => Kind::ChangeNamespace(processes::change_namespace(parts)),
        Message::ResourceLimit => Kind::ResourceLimit(processes::limit(parts)),
        Message::ProcessAccess => Kind::ProcessAccess(processes::access(parts)),
        Message::Signal => Kind::Signal(processes::signal(parts)),
        Message::MemoryCall => Kind::MemoryCall(kernel::memory_call(parts)),
        Message::ModuleCall => Kind::ModuleCall(kernel::module_call(parts)),
        Message::KernelCall(structure) => Kind::KernelCall(kernel::kernel_call(parts, structure)),
        Message::GenericCall => generic(parts.record),
    }
}

fn generic(record: &DetailedCall<'_>) -> Kind {
    Kind::GenericCall(GenericCall { arguments: record.arguments.to_vec() })
}

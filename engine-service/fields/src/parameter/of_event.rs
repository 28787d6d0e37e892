//! Where the value of each parameter comes from.
//!
//! Which call becomes which message, and what of the call each field of the message is, the agent's table of calls says
//! (`capture-agent/src/plan/table.rs`). A parameter that no message has a place for has no value.

mod descriptors;
mod files;
mod processes;
mod sockets;
mod system;

use std::borrow::Cow;

use eyrie_proto::event::{Descriptor, event::Kind};

use super::Raw;
use crate::{descriptor::Subject, view::EventView};

/// AT_FDCWD of linux/fcntl.h, for calls that have no directory.
const AT_FDCWD: i64 = -100;

/// The value of a parameter of an event, by the event's and the parameter's names.
pub(super) fn value<'a>(view: &EventView<'a>, event: &str, name: &str) -> Option<Raw<'a>> {
    let of_message = match view.event.kind.as_ref()? {
        Kind::Open(open) => files::of_open(view, open, name),
        Kind::PathCall(call) => files::of_path_call(call, name),
        Kind::TwoPathCall(call) => files::of_two_path_call(call, event, name),
        Kind::ChangeDirectory(change) => files::of_change(change.path.as_ref(), event, name),
        Kind::ChangeRoot(change) => files::of_change(change.path.as_ref(), event, name),
        Kind::DescriptorCall(call) => descriptors::of_descriptor_call(view, call, event, name),
        Kind::Transfer(transfer) => descriptors::of_transfer(view, transfer, event, name),
        Kind::SocketCreate(create) => sockets::of_create(view, create, name),
        Kind::Connect(connect) => sockets::of_connect(view, connect, name),
        Kind::Accept(accept) => sockets::of_accept(view, accept, name),
        Kind::Bind(bind) => sockets::of_bind(view, bind, name),
        Kind::SocketOption(option) => sockets::of_option(option, name),
        Kind::Exec(exec) => processes::of_exec(view, exec, name),
        Kind::Fork(fork) => processes::of_fork(view, fork, name),
        Kind::Exit(exit) => processes::of_exit(exit, name),
        Kind::ChangeCredentials(change) => processes::of_credentials(change, event, name),
        Kind::ChangeSession(change) => processes::of_session(change, name),
        Kind::ProcessControl(control) => processes::of_control(control, name),
        Kind::ChangeNamespace(change) => processes::of_namespace(change, name),
        Kind::ResourceLimit(limit) => processes::of_limit(limit, name),
        Kind::ProcessAccess(access) => processes::of_access(view, access, event, name),
        Kind::Signal(signal) => processes::of_signal(view, signal, name),
        Kind::MemoryCall(call) => system::of_memory_call(call, name),
        Kind::ModuleCall(call) => system::of_module_call(call, name),
        Kind::KernelCall(call) => system::of_kernel_call(view, call, event, name),
        Kind::GenericCall(call) => system::of_generic_call(call, event, name),
        _ => None,
    };
    of_message.or_else(|| of_any(view, event, name))
}

/// What events have whatever their message is.
fn of_any<'a>(view: &EventView<'a>, event: &str, name: &str) -> Option<Raw<'a>> {
    let call = view.event.call.as_ref();
    Some(match (event, name) {
        (_, "res") => Raw::Signed(result(view)),
        // These calls cannot fail, and what they return is what they were asked for.
        ("getuid", "uid") | ("geteuid", "euid") | ("getgid", "gid") | ("getegid", "egid") => {
            Raw::Unsigned(u64::from(result(view).cast_unsigned() as u32))
        }
        (_, "id") => text(crate::event_type::call_name(view.event, view.architecture)?.as_bytes()),
        (_, "native_id") => Raw::Unsigned(call?.number.into()),
        _ => return None,
    })
}

/// What the call returned; 0 for what is no call.
fn result(view: &EventView<'_>) -> i64 {
    view.event.call.as_ref().map_or(0, |call| call.result)
}

fn text(bytes: &[u8]) -> Raw<'_> {
    Raw::Bytes(Cow::Borrowed(bytes))
}

fn number<'a>(number: impl Into<u64>) -> Raw<'a> {
    Raw::Unsigned(number.into())
}

/// A descriptor that the call was given; -1 where the message has none.
fn fd(descriptor: Option<&Descriptor>) -> Raw<'_> {
    match descriptor {
        Some(descriptor) => Raw::Descriptor(descriptor.fd.into(), Some(Subject::of(descriptor))),
        None => Raw::Descriptor(-1, None),
    }
}

/// A descriptor that the call made: its number is what the call returned, which says why if there is none.
fn made<'a>(view: &EventView<'a>, descriptor: Option<&'a Descriptor>) -> Raw<'a> {
    let number = result(view);
    let is_made = |descriptor: &&Descriptor| number >= 0 && i64::from(descriptor.fd) == number;
    Raw::Descriptor(number, descriptor.filter(is_made).map(Subject::of))
}

/// The same of a call that returns 0 and writes the number elsewhere.
fn made_elsewhere(descriptor: Option<&Descriptor>) -> Raw<'_> {
    match descriptor {
        Some(descriptor) if descriptor.fd >= 0 => fd(Some(descriptor)),
        _ => Raw::Descriptor(-1, None),
    }
}

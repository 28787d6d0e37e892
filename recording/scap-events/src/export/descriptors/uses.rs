//! Which descriptors an event uses, as opposed to those that it makes.

use std::borrow::Cow;

use eyrie_proto::event::{
    Descriptor, DescriptorCall, Event, FileDescriptor, PathArgument, descriptor, event::Kind,
};

use super::{DIRECTORY, standard_streams};

/// How much readers have to know of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// All that the event says of it.
    Whole,
    /// That it is a socket of its family: the event tells both ends itself.
    Socket,
}

/// The descriptors that the event called `name` uses.
pub(super) fn needed<'a>(event: &'a Event, name: &str) -> Vec<(Cow<'a, Descriptor>, Need)> {
    let result = event.call.as_ref().map_or(0, |call| call.result);
    let is_made = |descriptor: &Descriptor| i64::from(descriptor.fd) == result;
    let used =
        |descriptor: &'a Option<Descriptor>| descriptor.as_ref().filter(|descriptor| !is_made(descriptor));
    let Some(kind) = &event.kind else { return Vec::new() };
    let mut needed: Vec<(Cow<'a, Descriptor>, Need)> = Vec::new();
    let mut whole = |descriptor: Option<&'a Descriptor>| {
        needed.extend(descriptor.map(|descriptor| (Cow::Borrowed(descriptor), Need::Whole)));
    };
    match kind {
        Kind::PathCall(call) => whole(used(&call.descriptor)),
        Kind::DescriptorCall(call) => of_descriptor_call(call, name, result).into_iter().for_each(whole),
        Kind::SocketOption(call) => whole(call.descriptor.as_ref()),
        Kind::ChangeNamespace(call) => whole(call.descriptor.as_ref()),
        Kind::MemoryCall(call) => whole(call.descriptor.as_ref()),
        Kind::ModuleCall(call) => whole(call.descriptor.as_ref()),
        Kind::KernelCall(call) => whole(used(&call.descriptor)),
        Kind::Bind(call) if name == "listen" => whole(call.descriptor.as_ref()),
        Kind::Transfer(call) => {
            whole(call.second.as_ref());
            let need = if has_tuple(name) { Need::Socket } else { Need::Whole };
            needed.extend(call.descriptor.as_ref().map(|descriptor| (Cow::Borrowed(descriptor), need)));
        }
        Kind::Connect(call) => needed.extend(socket(call.descriptor.as_ref())),
        Kind::Bind(call) => needed.extend(socket(call.descriptor.as_ref())),
        Kind::Exec(exec) => {
            let streams = exec.standard_streams.iter().filter_map(standard_streams::of_stream);
            needed.extend(streams.map(|stream| (Cow::Owned(stream), Need::Whole)));
        }
        _ => {}
    }
    needed.extend(directories(kind).into_iter().map(|directory| (Cow::Owned(directory), Need::Whole)));
    needed
}

/// The event tells both ends of its socket.
fn has_tuple(name: &str) -> bool {
    let parameters = fields::parameters_of(name).unwrap_or_default();
    parameters.contains(&("tuple", true))
}

fn socket(descriptor: Option<&Descriptor>) -> Option<(Cow<'_, Descriptor>, Need)> {
    descriptor.map(|descriptor| (Cow::Borrowed(descriptor), Need::Socket))
}

fn of_descriptor_call<'a>(call: &'a DescriptorCall, name: &str, result: i64) -> [Option<&'a Descriptor>; 2] {
    let (first, second) = (call.descriptor.as_ref(), call.second.as_ref());
    match name {
        "pipe" | "pipe2" => [None, None],
        // Copies: the second one is what they make.
        "dup" | "dup2" | "dup3" | "fcntl" => [first, None],
        _ => [first.filter(|first| result < 0 || i64::from(first.fd) != result), second],
    }
}

/// The directories that paths of the event start at, as far as a descriptor says so.
fn directories(kind: &Kind) -> Vec<Descriptor> {
    let paths: [Option<&PathArgument>; 2] = match kind {
        Kind::Open(open) => [open.path.as_ref(), None],
        Kind::PathCall(call) => [call.path.as_ref(), None],
        Kind::TwoPathCall(call) => [call.source.as_ref(), call.target.as_ref()],
        Kind::ChangeDirectory(change) => {
            let directory =
                change.path.as_ref().filter(|path| path.requested.is_empty() && path.directory_fd >= 0);
            return directory
                .map(|path| directory_at(path.directory_fd, &change.working_directory))
                .into_iter()
                .collect();
        }
        _ => return Vec::new(),
    };
    let relative = paths.into_iter().flatten().filter(|path| path.directory_fd >= 0 && !path.base.is_empty());
    relative.map(|path| directory_at(path.directory_fd, &path.base)).collect()
}

fn directory_at(fd: i32, path: &[u8]) -> Descriptor {
    let file = FileDescriptor { path: path.to_vec(), mode: DIRECTORY, ..FileDescriptor::default() };
    Descriptor { fd, kind: Some(descriptor::Kind::File(file)) }
}

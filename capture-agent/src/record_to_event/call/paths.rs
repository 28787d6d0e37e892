//! Calls on paths.

use eyrie_bpf::{Argument, Place};
use eyrie_proto::event::{ChangeRoot, Descriptor, Open, PathArgument, PathCall, TwoPathCall, descriptor};

use super::parts::{Parts, until_nul};
use crate::plan::Register;

/// The handle names a file without a path: there is only the kernel's, and the descriptor of the mount. As with any empty
/// path, what it starts from is the file itself.
pub(super) fn open_by_handle(parts: &Parts<'_>) -> Open {
    let descriptor = parts.descriptor(Place::First).filter(|_| !parts.has_failed());
    let resolved = match descriptor.as_ref().and_then(|descriptor| descriptor.kind.as_ref()) {
        Some(descriptor::Kind::File(file)) => file.path.clone(),
        _ => Vec::new(),
    };
    let directory_fd = parts.signed(Register::Fd);
    let base = resolved.clone();
    Open {
        path: Some(PathArgument { directory_fd, base, resolved, ..PathArgument::default() }),
        flags: parts.low(Register::Flags),
        descriptor,
        ..Open::default()
    }
}

pub(super) fn path_call(parts: &Parts<'_>) -> PathCall {
    let path = parts.path(Place::First);
    let descriptor = own_descriptor(parts, path.as_ref());
    PathCall { path, descriptor, name: parts.text(), ..with_words(parts) }
}

pub(super) fn name_call(parts: &Parts<'_>) -> PathCall {
    let descriptor = parts.descriptor(Place::First);
    PathCall { path: parts.text_as_path(), descriptor, ..with_words(parts) }
}

/// After a failure nothing was written there.
pub(super) fn path_back(parts: &Parts<'_>) -> PathCall {
    PathCall { path: parts.text_as_path().filter(|_| !parts.has_failed()), ..with_words(parts) }
}

fn with_words(parts: &Parts<'_>) -> PathCall {
    PathCall {
        mode: parts.low(Register::Mode).into(),
        flags: parts.flags(),
        uid: parts.ids(Register::Uid, Register::Uid16).next().unwrap_or_default(),
        gid: parts.ids(Register::Gid, Register::Gid16).next().unwrap_or_default(),
        device: parts.low(Register::Device),
        length: parts.word(Register::Length) | parts.word(Register::LengthHigh) << 32,
        ..PathCall::default()
    }
}

/// A descriptor that is a path's directory as well is what the call is about only where the path is absent or empty
/// (`AT_EMPTY_PATH`).
fn own_descriptor(parts: &Parts<'_>, path: Option<&PathArgument>) -> Option<Descriptor> {
    let is_directory = match (parts.descriptor_argument(Place::First), parts.directory_argument()) {
        (Some(Argument::At(own)), Some(directory)) => own == directory,
        _ => false,
    };
    if is_directory && !is_empty(path) { None } else { parts.descriptor(Place::First) }
}

fn is_empty(path: Option<&PathArgument>) -> bool {
    path.is_none_or(|path| path.requested.is_empty() && !path.is_unreadable)
}

pub(super) fn two_path_call(parts: &Parts<'_>) -> TwoPathCall {
    let source = parts.path(Place::First);
    // Text is the type of a mount's file system, or what a symbolic link says.
    let (source, r#type) = match source {
        None if !parts.has_first_path() => (parts.text_as_path(), Vec::new()),
        source => (source, parts.text()),
    };
    TwoPathCall {
        source,
        target: parts.path(Place::Second),
        flags: parts.flags(),
        r#type,
        data: until_nul(parts.record.data).to_vec(),
    }
}

/// A process whose root is that of its mount namespace has an empty one.
pub(super) fn change_root(parts: &Parts<'_>) -> ChangeRoot {
    ChangeRoot { path: parts.path(Place::First), root_directory: parts.text() }
}

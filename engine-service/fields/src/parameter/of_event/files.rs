//! Of messages about paths.

use eyrie_proto::event::{Open, OverlayLayer, PathArgument, PathCall, TwoPathCall};

use super::{AT_FDCWD, Raw, fd, number, result, text};
use crate::{
    descriptor::{self, subject},
    event_type::event_type,
    parameter::flags,
    view::EventView,
};

/// Type and permissions of a file in st_mode: what counts of a mode that a call is given.
const MODE: u64 = 0o177_777;
const PERMISSIONS: u64 = 0o7_777;
/// Of MS_MGC_VAL, which mount takes besides flags, as every program gave it once (linux/mount.h).
const MOUNT_MAGIC_MASK: u64 = 0xffff_0000;
const MOUNT_MAGIC: u64 = 0xc0ed_0000;

pub(super) fn of_open<'a>(view: &EventView<'a>, open: &'a Open, name: &str) -> Option<Raw<'a>> {
    let file = subject(view.event).and_then(|subject| subject.file());
    Some(match name {
        "fd" => match subject(view.event).filter(|subject| subject.descriptor.is_some()) {
            Some(subject) => Raw::Descriptor(subject.number().unwrap_or(-1), Some(subject)),
            None => Raw::Descriptor(result(view), None),
        },
        "dirfd" | "mountfd" => directory(open.path.as_ref()),
        "name" | "path" => path(open.path.as_ref()),
        "flags" => Raw::Falco(open_flags(view, open)),
        "mode" => number(open_mode(view, open)),
        "resolve" => number(open.resolve),
        "dev" => number(file.map_or(0, |file| descriptor::encoded_device(file.device))),
        "ino" => number(file.map_or(0, |file| file.inode)),
        "creat_flags" => Raw::Falco(match file.map(|file| file.layer()) {
            Some(OverlayLayer::Upper) => 1,
            Some(OverlayLayer::Lower) => 2,
            _ => 0,
        }),
        _ => return None,
    })
}

fn open_flags(view: &EventView<'_>, open: &Open) -> u64 {
    let mut set = flags::open_flags(open.flags.into(), view.architecture);
    set |= if open.is_created { flags::FILE_CREATED } else { 0 };
    set |= match subject(view.event).and_then(|subject| subject.file()).map(|file| file.layer()) {
        Some(OverlayLayer::Upper) => flags::UPPER_LAYER,
        Some(OverlayLayer::Lower) => flags::LOWER_LAYER,
        _ => 0,
    };
    set
}

/// A call that creates nothing has no mode: what the register held is not for anybody to read.
fn open_mode(view: &EventView<'_>, open: &Open) -> u64 {
    let may_create = u64::from(open.flags) & (flags::CREATE | flags::TEMPORARY) != 0
        || event_type(view.event, view.architecture) == Some("creat");
    if may_create { u64::from(open.mode) & PERMISSIONS } else { 0 }
}

pub(super) fn of_path_call<'a>(call: &'a PathCall, name: &str) -> Option<Raw<'a>> {
    Some(match name {
        "path" | "name" | "filename" | "pathname" | "special" => path(call.path.as_ref()),
        "dirfd" => directory(call.path.as_ref()),
        "fd" => fd(call.descriptor.as_ref()),
        "mode" => number(call.mode & MODE),
        "flags" => number(call.flags),
        "uid" => number(call.uid),
        "gid" => number(call.gid),
        "dev" => number(call.device),
        _ => return None,
    })
}

pub(super) fn of_two_path_call<'a>(call: &'a TwoPathCall, event: &str, name: &str) -> Option<Raw<'a>> {
    let (source, target) = (call.source.as_ref(), call.target.as_ref());
    Some(match name {
        "oldpath" => path(source),
        "newpath" | "linkpath" | "dir" => path(target),
        "olddirfd" | "olddir" => directory(source),
        "newdirfd" | "newdir" | "linkdirfd" => directory(target),
        // What a symbolic link says and what is mounted is text to Falco, and not resolved against anything.
        "target" | "dev" => match source {
            Some(source) if source.is_unreadable => text(b"<NA>"),
            source => text(source.map_or(&[], |path| &path.requested)),
        },
        "type" => text(&call.r#type),
        "flags" if event == "mount" && call.flags & MOUNT_MAGIC_MASK == MOUNT_MAGIC => {
            number(call.flags & !MOUNT_MAGIC_MASK)
        }
        "flags" => number(call.flags),
        _ => return None,
    })
}

/// Of chdir, fchdir and chroot.
pub(super) fn of_change<'a>(argument: Option<&'a PathArgument>, event: &str, name: &str) -> Option<Raw<'a>> {
    match name {
        "fd" if event == "fchdir" => Some(directory(argument)),
        "path" => Some(path(argument)),
        _ => None,
    }
}

fn path(path: Option<&PathArgument>) -> Raw<'_> {
    path.map_or(Raw::Empty, Raw::Path)
}

fn directory(path: Option<&PathArgument>) -> Raw<'_> {
    path.map_or(Raw::Descriptor(AT_FDCWD, None), Raw::Directory)
}

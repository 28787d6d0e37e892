//! Calls on paths.

use eyrie_proto::event::{
    ChangeDirectory, ChangeRoot, FileDescriptor, Open, OverlayLayer, PathArgument, PathCall, TwoPathCall,
    descriptor::Kind,
};

use super::{AT_FDCWD, CLOSE_ON_EXEC, Call, Entry, directory, meant};
use crate::flags::{FD_LOWER_LAYER, FD_LOWER_LAYER_CREAT, FD_UPPER_LAYER, FD_UPPER_LAYER_CREAT, O_F_CREATED};

/// S_IFDIR of linux/stat.h
pub(crate) const DIRECTORY: u32 = 0o040_000;
/// asm-generic/fcntl.h
const O_DIRECTORY: u64 = 0o200_000;
/// What creat stands for: O_CREAT, O_WRONLY and O_TRUNC.
const CREAT_FLAGS: u64 = 0o1_101;
/// O_CREAT and O_TMPFILE without O_DIRECTORY: without them a call is given no mode.
const MAKES_FILE: u64 = 0o100 | 0o20_000_000;

pub(super) fn open(call: &mut Call<'_>) -> Open {
    let is_creat = call.name == "creat";
    let flags_of_enter = call.parameters.number_of_enter("flags").map(i64::cast_unsigned);
    let falco = call.parameters.unsigned("flags").unwrap_or(0);
    // What was asked for before the call could be changed; what Falco adds, it adds at the end.
    let asked = flags_of_enter.unwrap_or(falco);
    let flags = if is_creat { CREAT_FLAGS } else { crate::flags::kernel_number(call.name, "flags", asked) };
    let path = open_path(call);
    let layer = if is_creat {
        let set = call.parameters.unsigned("creat_flags").unwrap_or(0);
        layer(set, FD_UPPER_LAYER_CREAT, FD_LOWER_LAYER_CREAT)
    } else {
        layer(falco, FD_UPPER_LAYER, FD_LOWER_LAYER)
    };
    let descriptor = (!call.has_failed()).then(|| {
        let file = FileDescriptor {
            inode: call.parameters.unsigned("ino").unwrap_or(0),
            device: device(call.parameters.low("dev").unwrap_or(0)),
            mode: if flags & O_DIRECTORY == 0 { 0 } else { DIRECTORY },
            layer: layer.into(),
            ..Entry::file(&meant(&path))
        };
        // Of a path that nobody could read there is no name.
        let kind = Kind::File(file);
        call.make(Entry::new(kind, flags & CLOSE_ON_EXEC != 0))
    });
    Open {
        path: Some(path),
        flags: flags as u32,
        mode: if flags & MAKES_FILE == 0 { 0 } else { call.parameters.low("mode").unwrap_or(0) },
        resolve: call.parameters.kernel("resolve").unwrap_or(0),
        descriptor,
        is_created: falco & O_F_CREATED != 0,
        is_path_disputed: false,
    }
}

/// A handle names a file without a path: the driver tells the one that the kernel has.
fn open_path(call: &Call<'_>) -> PathArgument {
    if call.name == "open_by_handle_at" {
        let resolved = call.parameters.text("path").unwrap_or_default().to_vec();
        let directory_fd = call.parameters.fd("mountfd").unwrap_or(AT_FDCWD);
        return PathArgument { directory_fd, base: resolved.clone(), resolved, ..PathArgument::default() };
    }
    call.path("name", "dirfd").unwrap_or(PathArgument {
        directory_fd: AT_FDCWD,
        is_unreadable: true,
        ..PathArgument::default()
    })
}

fn layer(set: u64, upper: u64, lower: u64) -> OverlayLayer {
    if set & upper != 0 {
        OverlayLayer::Upper
    } else if set & lower != 0 {
        OverlayLayer::Lower
    } else {
        OverlayLayer::Unspecified
    }
}

/// A device's number as user space has it (`new_encode_dev` of linux/kdev_t.h), as the contract has it.
pub(crate) fn device(encoded: u32) -> u64 {
    let (major, minor) = ((encoded & 0xf_ff00) >> 8, (encoded & 0xff) | ((encoded >> 12) & 0xf_ff00));
    u64::from(major) << 20 | u64::from(minor)
}

pub(super) fn path_call(call: &mut Call<'_>) -> PathCall {
    let name = match call.name {
        "chmod" | "fchmodat" => "filename",
        "fchownat" => "pathname",
        "unlinkat" | "access" | "umount" | "umount2" => "name",
        _ => "path",
    };
    let mut path = call.path(name, "dirfd");
    if call.name == "getcwd" {
        // After a failure nothing was written there.
        path = path.filter(|_| !call.has_failed());
        if let Some(path) = path.as_mut().filter(|path| path.requested.starts_with(b"/")) {
            path.base.clear();
            call.process.working_directory = directory(&path.requested);
        }
    }
    let parameters = &call.parameters;
    PathCall {
        path,
        mode: parameters.kernel("mode").unwrap_or(0),
        flags: call.flags(),
        uid: parameters.low("uid").unwrap_or(0),
        gid: parameters.low("gid").unwrap_or(0),
        descriptor: call.given("fd"),
        device: parameters.low("dev").unwrap_or(0),
        ..PathCall::default()
    }
}

pub(super) fn two_path_call(call: &mut Call<'_>) -> TwoPathCall {
    let text = |name: &str| {
        let requested = call.parameters.text(name)?.to_vec();
        Some(PathArgument { requested, directory_fd: AT_FDCWD, ..PathArgument::default() })
    };
    let (source, target) = match call.name {
        "mount" => (call.path("dev", ""), call.path("dir", "")),
        // What a symbolic link says is text: it starts at no directory.
        "symlink" => (text("target"), call.path("linkpath", "")),
        "symlinkat" => (text("target"), call.path("linkpath", "linkdirfd")),
        "linkat" => (call.path("oldpath", "olddir"), call.path("newpath", "newdir")),
        _ => (call.path("oldpath", "olddirfd"), call.path("newpath", "newdirfd")),
    };
    let r#type = call.parameters.text("type").unwrap_or_default().to_vec();
    TwoPathCall { source, target, flags: call.flags(), r#type, ..TwoPathCall::default() }
}

pub(super) fn change_directory(call: &mut Call<'_>) -> ChangeDirectory {
    let path = match call.parameters.fd("fd") {
        Some(fd) => Some(PathArgument {
            directory_fd: fd,
            base: call.directory(fd).to_vec(),
            ..PathArgument::default()
        }),
        None => call.path("path", ""),
    };
    if let (false, Some(path)) = (call.has_failed(), path.as_ref()) {
        let meant = meant(path);
        // Somewhere else, and nobody knows where: better no directory than a wrong one.
        call.process.working_directory = if meant.starts_with(b"/") { meant } else { Vec::new() };
    }
    ChangeDirectory { path, working_directory: call.process.working_directory.clone() }
}

pub(super) fn change_root(call: &mut Call<'_>) -> ChangeRoot {
    let path = call.path("path", "");
    if let (false, Some(path)) = (call.has_failed(), path.as_ref()) {
        // As seen from the root that the process had.
        let within = meant(path);
        let root = [&*call.process.root_directory, &within].concat();
        call.process.root_directory = if root == b"/" { Vec::new() } else { directory(&root) };
        let root_directory = call.process.root_directory.clone();
        return ChangeRoot { path: Some(path.clone()), root_directory };
    }
    ChangeRoot { path, root_directory: Vec::new() }
}

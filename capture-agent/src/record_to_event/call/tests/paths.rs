use eyrie_proto::event::{ChangeRoot, Open, PathCall, TwoPathCall};

use super::*;

const EXT4: u64 = 0xef53;

/// Scenario: unlink, unlinkat, mkdirat and a chmod that fails. Guarantees: the path as asked for with its base, the directory's
/// descriptor, mode and flags without what lay in the upper half of their registers.
#[test]
fn one_path() {
    let unlink = DetailedCall { path: path_info(b"x", -100, b"/cwd"), ..call("unlink", [9; 6], 0) };
    let expected = PathCall { path: asked(b"x", -100, b"/cwd"), ..PathCall::default() };
    assert_eq!(event(&unlink), Kind::PathCall(expected));
    let arguments = [7, 9, 0x200 | GARBAGE, 0, 0, 0];
    let unlinkat = DetailedCall { path: path_info(b"d", 7, b"/at"), ..call("unlinkat", arguments, 0) };
    let expected = PathCall { path: asked(b"d", 7, b"/at"), flags: 0x200, ..PathCall::default() };
    assert_eq!(event(&unlinkat), Kind::PathCall(expected));
    let arguments = [7, 9, 0o755, 0, 0, 0];
    let mkdirat = DetailedCall { path: path_info(b"/m", 7, b""), ..call("mkdirat", arguments, 0) };
    let expected = PathCall { path: asked(b"/m", 7, b""), mode: 0o755, ..PathCall::default() };
    assert_eq!(event(&mkdirat), Kind::PathCall(expected));
    let chmod =
        DetailedCall { path: path_info(b"/f", -100, b""), ..call("chmod", [9, 0o4755, 0, 0, 0, 0], ENOENT) };
    let expected = PathCall { path: asked(b"/f", -100, b""), mode: 0o4755, ..PathCall::default() };
    assert_eq!(event(&chmod), Kind::PathCall(expected));
}

/// Scenario: calls on a file that take its descriptor: fchmod; fchownat with an empty path; utimensat without a path; fstatat with one.
/// Guarantees: the descriptor is told where it is what the call is about, and not where it is a path's directory.
#[test]
fn a_descriptor_instead() {
    let behind = info(5, EXT4, b"/home/f");
    let fchmod = DetailedCall { first: behind, ..call("fchmod", [5, 0o600, 0, 0, 0, 0], 0) };
    let expected = PathCall { mode: 0o600, descriptor: a_file(5, b"/home/f"), ..PathCall::default() };
    assert_eq!(event(&fchmod), Kind::PathCall(expected));
    let fchownat = DetailedCall {
        first: behind,
        path: path_info(b"", 5, b"/home/f"),
        ..call("fchownat", [5, 9, 1000, MINUS_ONE, 0x1000, 0], 0)
    };
    let expected = PathCall {
        path: asked(b"", 5, b"/home/f"),
        uid: 1000,
        gid: u32::MAX,
        flags: 0x1000,
        descriptor: a_file(5, b"/home/f"),
        ..PathCall::default()
    };
    assert_eq!(event(&fchownat), Kind::PathCall(expected));
    let mut utimensat = DetailedCall { first: behind, ..call("utimensat", [5, 0, 0, 0, 0, 0], 0) };
    // Nothing lies at address 0.
    utimensat.header.flags |= flag::REQUESTED_UNREADABLE;
    let expected = PathCall { descriptor: a_file(5, b"/home/f"), ..PathCall::default() };
    assert_eq!(event(&utimensat), Kind::PathCall(expected));
    let directory = info(5, EXT4, b"/home");
    let path = path_info(b"f", 5, b"/home");
    let fstatat = DetailedCall { first: directory, path, ..call("newfstatat", [5, 9, 9, 0, 0, 0], 0) };
    let expected = PathCall { path: asked(b"f", 5, b"/home"), ..PathCall::default() };
    assert_eq!(event(&fstatat), Kind::PathCall(expected));
    // A watch has both, and its descriptor is no directory.
    let watch = DetailedCall {
        first: info(3, 0x0904_1934, b"/inotify"),
        path: path_info(b"/etc", -100, b""),
        ..call("inotify_add_watch", [3, 9, 2, 0, 0, 0], 1)
    };
    let descriptor = another(3, "inotify", b"inotify");
    let expected = PathCall { path: asked(b"/etc", -100, b""), flags: 2, descriptor, ..PathCall::default() };
    assert_eq!(event(&watch), Kind::PathCall(expected));
}

/// Scenario: ids of 16 bits in a 32-bit call, and of 32 bits. Guarantees: -1 is -1 in both, and the rest of a register does not count.
#[test]
fn ids_of_16_bits() {
    let of = |name, arguments| {
        let path = path_info(b"/f", -100, b"");
        match event(&DetailedCall { path, ..compat_call(name, arguments, 0) }) {
            Kind::PathCall(call) => (call.uid, call.gid),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(of("chown", [9, 0xffff, 0x1_03e8, 0, 0, 0]), (u32::MAX, 1000));
    assert_eq!(of("chown32", [9, 0xffff, 0x1_03e8, 0, 0, 0]), (0xffff, 0x1_03e8));
}

/// Scenario: a path that could not be read, one that is too long, and one that is empty. Guarantees: each is marked as what it is.
#[test]
fn paths_that_are_not_whole() {
    let of = |requested: &[u8], flags, result| {
        let path = path_info(requested, -100, b"/");
        let mut record = DetailedCall { path, ..call("rmdir", [9; 6], result) };
        record.header.flags |= flags;
        let bytes = encode(&Record::DetailedCall(record));
        match crate::record_to_event::event(&decode(&bytes).unwrap()).unwrap().kind {
            Some(Kind::PathCall(PathCall { path: Some(path), .. })) => {
                (path.is_unreadable, path.is_truncated)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(of(b"", flag::REQUESTED_UNREADABLE, -14), (true, false));
    assert_eq!(of(&[b'x'; 4095], flag::REQUESTED_TRUNCATED, -36), (false, true));
    assert_eq!(of(b"", 0, ENOENT), (false, false));
}

/// Scenario: rename, renameat2, symlinkat, mount with options, a remount without source. Guarantees: both paths with what they start from;
/// what a symbolic link says starts nowhere; type and options of a mount, options up to their end; no path where none was given.
#[test]
fn two_paths() {
    let (one, two) = (path_info(b"a", -100, b"/cwd"), path_info(b"/b", -100, b""));
    let rename = DetailedCall { path: one, second_path: two, ..call("rename", [9; 6], 0) };
    let both = TwoPathCall {
        source: asked(b"a", -100, b"/cwd"),
        target: asked(b"/b", -100, b""),
        ..TwoPathCall::default()
    };
    assert_eq!(event(&rename), Kind::TwoPathCall(both.clone()));
    let renameat2 = DetailedCall { path: one, second_path: two, ..call("renameat2", [9, 9, 9, 9, 2, 0], 0) };
    assert_eq!(event(&renameat2), Kind::TwoPathCall(TwoPathCall { flags: 2, ..both.clone() }));
    let symlinkat = DetailedCall {
        text: b"../t",
        second_path: path_info(b"l", 4, b"/dir"),
        ..call("symlinkat", [9, 4, 9, 0, 0, 0], 0)
    };
    let expected = TwoPathCall {
        source: asked(b"../t", -100, b""),
        target: asked(b"l", 4, b"/dir"),
        ..TwoPathCall::default()
    };
    assert_eq!(event(&symlinkat), Kind::TwoPathCall(expected));
    let mount = DetailedCall {
        path: one,
        second_path: two,
        text: b"tmpfs",
        data: b"size=1m\0behind it",
        ..call("mount", [9, 9, 9, 0x1000, 9, 0], 0)
    };
    let expected =
        TwoPathCall { flags: 0x1000, r#type: b"tmpfs".to_vec(), data: b"size=1m".to_vec(), ..both };
    assert_eq!(event(&mount), Kind::TwoPathCall(expected));
    let mut remount = DetailedCall { second_path: two, ..call("mount", [0, 9, 0, 0x20, 0, 0], 0) };
    remount.header.flags |= flag::REQUESTED_UNREADABLE;
    let expected = TwoPathCall { target: asked(b"/b", -100, b""), flags: 0x20, ..TwoPathCall::default() };
    assert_eq!(event(&remount), Kind::TwoPathCall(expected));
}

/// Scenario: open_by_handle_at that opens a file and one that fails; getcwd that tells and that fails; chroot; the name of a message
/// queue; an extended attribute. Guarantees: the kernel's path and the mount's descriptor; no path where nothing was written; the new root
/// of an absolute path; names.
#[test]
fn paths_of_other_kinds() {
    let opened = DetailedCall {
        first: info(6, EXT4, b"/srv/f"),
        ..call("open_by_handle_at", [4, 9, 0o2, 0, 0, 0], 6)
    };
    let Kind::Open(open) = event(&opened) else { panic!() };
    let path = asked(b"", 4, b"/srv/f").map(|path| PathArgument { resolved: b"/srv/f".to_vec(), ..path });
    let expected = Open { path, flags: 2, descriptor: a_file(6, b"/srv/f"), ..Open::default() };
    assert_eq!(open, expected);
    let stale = call("open_by_handle_at", [4, 9, 0o2, 0, 0, 0], -116);
    assert_eq!(event(&stale), Kind::Open(Open { path: asked(b"", 4, b""), flags: 2, ..Open::default() }));

    let getcwd = DetailedCall { text: b"/var", ..call("getcwd", [9, 100, 0, 0, 0, 0], 5) };
    let told = PathCall { path: asked(b"/var", -100, b""), ..PathCall::default() };
    assert_eq!(event(&getcwd), Kind::PathCall(told));
    let refused = DetailedCall { text: b"stale", ..call("getcwd", [9, 1, 0, 0, 0, 0], -34) };
    assert_eq!(event(&refused), Kind::PathCall(PathCall::default()));

    let chroot = DetailedCall {
        path: path_info(b"jail", -100, b"/srv"),
        text: b"/srv/jail",
        ..call("chroot", [9; 6], 0)
    };
    let path = asked(b"jail", -100, b"/srv");
    let root_directory = b"/srv/jail".to_vec();
    assert_eq!(event(&chroot), Kind::ChangeRoot(ChangeRoot { path: path.clone(), root_directory }));
    let denied = DetailedCall { path: path_info(b"jail", -100, b"/srv"), ..call("chroot", [9; 6], -1) };
    assert_eq!(event(&denied), Kind::ChangeRoot(ChangeRoot { path, root_directory: Vec::new() }));

    let mq_open = DetailedCall {
        text: b"q",
        first: info(3, 0x1980_0202, b"/q"),
        ..call("mq_open", [9, 0x42, 0o600, 0, 0, 0], 3)
    };
    let expected = PathCall {
        path: asked(b"q", -100, b""),
        flags: 0x42,
        mode: 0o600,
        descriptor: a_file(3, b"/q"),
        ..PathCall::default()
    };
    assert_eq!(event(&mq_open), Kind::PathCall(expected));
    let xattr = DetailedCall {
        path: path_info(b"/f", -100, b""),
        text: b"security.capability",
        ..call("setxattr", [9, 9, 9, 20, 1, 0], 0)
    };
    let name = b"security.capability".to_vec();
    let expected = PathCall { path: asked(b"/f", -100, b""), flags: 1, name, ..PathCall::default() };
    assert_eq!(event(&xattr), Kind::PathCall(expected));
}

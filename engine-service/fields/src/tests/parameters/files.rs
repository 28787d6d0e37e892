//! Of calls on paths.

use eyrie_proto::event::{
    ChangeDirectory, ChangeRoot, FileDescriptor, Open, OverlayLayer, PathArgument, PathCall, TwoPathCall,
    descriptor, event::Kind,
};

use super::check_arguments;
use crate::tests::fixture::{call, check, file, host, path};

/// A path relative to a directory that is descriptor 7.
fn below(directory: &str, requested: &str) -> PathArgument {
    PathArgument { directory_fd: 7, base: directory.into(), ..path(requested) }
}

fn on_path(path: PathArgument) -> PathCall {
    PathCall { path: Some(path), ..PathCall::default() }
}

fn paths(source: PathArgument, target: PathArgument) -> TwoPathCall {
    TwoPathCall { source: Some(source), target: Some(target), ..TwoPathCall::default() }
}

/// Scenario: each kind of open of a file in an overlay. Guarantees: each event's own parameters; flags of layers; the numbers
/// of RESOLVE_* are Falco's.
#[test]
fn opens() {
    let mut lower = file(3, "/x");
    if let Some(descriptor::Kind::File(file)) = &mut lower.kind {
        *file = FileDescriptor { layer: OverlayLayer::Lower.into(), ..file.clone() };
    }
    let open = Open {
        path: Some(path("/x")),
        flags: 0o1_102,
        mode: 0o600,
        descriptor: Some(lower),
        ..Open::default()
    };
    check_arguments(
        2,
        3,
        Kind::Open(open.clone()),
        "fd=3(<f>/x) name=/x flags=65799(O_TRUNC|O_CREAT|O_RDWR|FD_LOWER_LAYER) mode=0600 dev=801 ino=42",
    );
    check_arguments(
        85,
        3,
        Kind::Open(open.clone()),
        "fd=3(<f>/x) name=/x mode=0600 dev=801 ino=42 creat_flags=2(FD_LOWER_LAYER_CREAT)",
    );
    let second = Open { path: Some(below("/etc", "x")), resolve: 0x8, flags: 0, ..open.clone() };
    check_arguments(
        437,
        -2,
        Kind::Open(Open { descriptor: None, ..second }),
        "fd=-2(ENOENT) dirfd=7(<d>/etc) name=x(/etc/x) flags=1(O_RDONLY) mode=0 resolve=1(RESOLVE_BENEATH) dev=0 ino=0",
    );
    let by_handle = Open { path: Some(PathArgument { directory_fd: 7, ..path("/x") }), flags: 0, ..open };
    check_arguments(
        304,
        3,
        Kind::Open(by_handle),
        "fd=3(<f>/x) mountfd=7 flags=65537(O_RDONLY|FD_LOWER_LAYER) path=/x dev=801 ino=42",
    );
}

/// Scenario: calls on one path, absolute, relative to the working directory and to a descriptor. Guarantees: their parameters;
/// permissions with names, and in hexadecimal where Falco has them so.
#[test]
fn calls_on_one_path() {
    check_arguments(87, 0, Kind::PathCall(on_path(path("a"))), "res=0 path=a(/root/work/a)");
    check_arguments(84, -39, Kind::PathCall(on_path(path("/a"))), "res=-39(ENOTEMPTY) path=/a");
    check_arguments(
        161,
        0,
        Kind::ChangeRoot(ChangeRoot { path: Some(path("/a")), ..ChangeRoot::default() }),
        "res=0 path=/a",
    );
    let with_mode = |path, mode| Kind::PathCall(PathCall { mode, ..on_path(path) });
    check_arguments(83, 0, with_mode(path("/a"), 0o755), "res=0 path=/a mode=1ED");
    check_arguments(258, 0, with_mode(below("/d", "a"), 0o777), "res=0 dirfd=7(<d>/d) path=a(/d/a) mode=1FF");
    check_arguments(90, 0, with_mode(path("/a"), 0o4100), "res=0 filename=/a mode=04100(S_IXUSR|S_ISUID)");
    check_arguments(
        268,
        0,
        with_mode(path("a"), 0o2010),
        "res=0 dirfd=-100(AT_FDCWD) filename=a(/root/work/a) mode=02010(S_IXGRP|S_ISGID)",
    );
    check_arguments(
        133,
        0,
        with_mode(path("/p"), 0o10_600),
        "res=0 path=/p mode=010600(S_IWUSR|S_IRUSR|S_IFIFO) dev=0",
    );
    check_arguments(21, -13, with_mode(path("/a"), 6), "res=-13(EACCES) name=/a mode=6(R_OK|W_OK)");
    check_arguments(21, 0, with_mode(path("/a"), 0), "res=0 name=/a mode=0(F_OK)");
    check_arguments(4, 0, with_mode(path("/a"), 0), "res=0 path=/a");
    let with_flags = |path, flags| Kind::PathCall(PathCall { flags, ..on_path(path) });
    check_arguments(166, 0, with_flags(path("/m"), 10), "res=0 name=/m flags=10(DETACH|NOFOLLOW)");
    check_arguments(
        262,
        0,
        with_flags(below("/d", "a"), 0x100),
        "res=0 dirfd=7(<d>/d) path=a(/d/a) flags=256(AT_SYMLINK_NOFOLLOW)",
    );
    let unreadable = PathArgument { is_unreadable: true, ..PathArgument::default() };
    check_arguments(87, -14, Kind::PathCall(on_path(unreadable)), "res=-14(EFAULT) path=<NA>");
}

/// Scenario: owners changed by path and by descriptor. Guarantees: ids are numbers here.
#[test]
fn changes_of_owners() {
    let owned = PathCall { uid: 0, gid: 100, flags: 0x1000, ..on_path(path("/a")) };
    check_arguments(92, 0, Kind::PathCall(owned.clone()), "res=0 path=/a uid=0 gid=100");
    check_arguments(
        260,
        0,
        Kind::PathCall(owned),
        "res=0 dirfd=-100(AT_FDCWD) pathname=/a uid=0 gid=100 flags=4096(AT_EMPTY_PATH)",
    );
    let open = PathCall { descriptor: Some(file(5, "/b")), mode: 0o6, uid: u32::MAX, ..PathCall::default() };
    check_arguments(93, 0, Kind::PathCall(open.clone()), "res=0 fd=5(<f>/b) uid=4294967295 gid=0");
    check_arguments(91, 0, Kind::PathCall(open), "res=0 fd=5(<f>/b) mode=06(S_IWOTH|S_IROTH)");
}

/// Scenario: calls on two paths. Guarantees: the old and the new one with their directories; what a link says is not resolved.
#[test]
fn calls_on_two_paths() {
    let two = || paths(path("a"), path("/b"));
    check_arguments(82, 0, Kind::TwoPathCall(two()), "res=0 oldpath=a(/root/work/a) newpath=/b");
    check_arguments(86, 0, Kind::TwoPathCall(two()), "res=0 oldpath=a(/root/work/a) newpath=/b");
    check_arguments(88, 0, Kind::TwoPathCall(two()), "res=0 target=a linkpath=/b");
    let relative = TwoPathCall { flags: 2, ..paths(below("/d", "a"), path("/b")) };
    check_arguments(
        316,
        0,
        Kind::TwoPathCall(relative.clone()),
        "res=0 olddirfd=7(<d>/d) oldpath=a(/d/a) newdirfd=-100(AT_FDCWD) newpath=/b flags=2(RENAME_EXCHANGE)",
    );
    check_arguments(
        265,
        0,
        Kind::TwoPathCall(TwoPathCall { flags: 0x400, ..relative }),
        "res=0 olddir=7(<d>/d) oldpath=a(/d/a) newdir=-100(AT_FDCWD) newpath=/b flags=1024(AT_SYMLINK_FOLLOW)",
    );
    let mount =
        TwoPathCall { r#type: b"tmpfs".to_vec(), flags: 0xc0ed_0006, ..paths(path("none"), path("/m")) };
    check_arguments(
        165,
        0,
        Kind::TwoPathCall(mount),
        "res=0 dev=none dir=/m type=tmpfs flags=6(NOSUID|NODEV)",
    );
}

/// Scenario: changes of the working directory, and what asks for it. Guarantees: the path is text, as Falco does not resolve it.
#[test]
fn working_directories() {
    let change = |path| Kind::ChangeDirectory(ChangeDirectory { path: Some(path), ..Default::default() });
    check_arguments(80, 0, change(path("sub")), "res=0 path=sub");
    check_arguments(81, 0, change(below("/d", "")), "res=0 fd=7(<d>/d)");
    check_arguments(79, 11, Kind::PathCall(on_path(path("/root/work"))), "res=11 path=/root/work");
}

/// Scenario: calls with one path, two paths, a descriptor instead, and those that fail. Guarantees: what fs.path.* and
/// evt.abspath say of each, by Falco's choice of source and target.
#[test]
fn paths_have_fields_of_their_own() {
    let check_all = |number, result, kind: Kind, expected: [&str; 6]| {
        let event = call(number, result, kind);
        let names = [
            "fs.path.name",
            "fs.path.nameraw",
            "fs.path.source",
            "fs.path.target",
            "fs.path.targetraw",
            "evt.abspath",
        ];
        for (name, expected) in names.into_iter().zip(expected) {
            check(&event, &host(), &[(name, expected)]);
        }
    };
    let none = "<absent>";
    check_all(87, 0, Kind::PathCall(on_path(path("a"))), ["/root/work/a", "a", none, none, none, none]);
    check_all(87, -2, Kind::PathCall(on_path(path("a"))), [none; 6]);
    check_all(263, 0, Kind::PathCall(on_path(below("/d", "a"))), ["/d/a", "a", none, none, none, "/d/a"]);
    check_all(263, -2, Kind::PathCall(on_path(below("/d", "a"))), [none, none, none, none, none, "/d/a"]);
    let open = PathCall { descriptor: Some(file(5, "/b")), ..PathCall::default() };
    check_all(91, 0, Kind::PathCall(open), ["/b", "/b", none, none, none, none]);
    let two = || Kind::TwoPathCall(paths(path("a"), path("b")));
    check_all(264, 0, two(), [none, none, "/root/work/a", "/root/work/b", "b", "/root/work/a"]);
    check(
        &call(264, 0, two()),
        &host(),
        &[("evt.abspath[dst]", "/root/work/b"), ("evt.abspath[src]", "/root/work/a")],
    );
    check_all(86, 0, two(), [none, none, "/root/work/b", "/root/work/a", "a", none]);
    check_all(88, 0, two(), [none, none, "/root/work/b", "/root/work/a", "a", none]);
    check_all(165, 0, two(), [none, none, "/root/work/a", "/root/work/b", "b", none]);
}

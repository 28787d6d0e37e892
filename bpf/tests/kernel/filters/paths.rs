use std::{fs, path::Path};

use eyrie_bpf::{Clause, PathSubject, PathTest, PathTestKind, Record};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use test_requirements::{Requirement, requires};

use super::{filters, first, loaded, names, opened, path_clause, recording};
use crate::kernel::{
    actor::{actor, is_acting, run},
    opens::folder,
};

const OPENS: [u32; 2] = [257, 437];
const RENAME: u32 = 82;
const SYMLINKAT: u32 = 266;

/// Opens all of these in turn, whether or not they are there.
fn open_all(paths: &[String]) {
    for path in paths {
        let _ = rustix::fs::openat(CWD, path.as_str(), OFlags::RDONLY, Mode::empty());
    }
}

/// Opens that are the same file by different texts, and neighbours of it, of a folder that has `a/secret.key`.
fn texts(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let long = format!("{folder}/a/{}secret.key", "./".repeat(200));
    [
        format!("{folder}/a/secret.key"),
        format!("{folder}//a/./secret.key"),
        format!("{folder}/b/../a/secret.key/"),
        "a/secret.key".to_owned(),
        "./a/../a//secret.key".to_owned(),
        "/../../a/secret.key".to_owned(),
        format!("{folder}/a/.secret.key"),
        format!("{folder}/a/secret.keys"),
        format!("{folder}/aa/secret.key"),
        format!("{folder}/a"),
        "/a/secret.key".to_owned(),
        "..a/secret.key".to_owned(),
        long,
        format!("/{}", "x".repeat(300)),
        "/./missing-in-root".to_owned(),
    ]
    .to_vec()
}

/// Scenario: a file is opened by many texts of its path, absolute and relative, and so are its neighbours, under filters for its exact path, for its
/// directory, for how it ends, for two dots, for what is in it, and for the root directory. Guarantees: those are recorded whose text, made absolute and normal, holds the test, and such as are
/// too long to tell, and no others.
#[test]
fn paths_are_tested_as_text() {
    let here = std::env::current_dir().unwrap();
    if is_acting() {
        open_all(&texts(&here));
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::create_dir(folder.join("a")).unwrap();
    fs::write(folder.join("a/secret.key"), "").unwrap();
    let texts = texts(&folder);
    let all = |indexes: &[usize]| indexes.iter().map(|index| texts[*index].as_str()).collect::<Vec<_>>();
    let bytes = |name: &str| folder.join(name).as_os_str().as_encoded_bytes().to_vec();
    let mut loaded = loaded(&recording(&OPENS), &Default::default());
    for (test, expected) in [
        (PathTestKind::Exact(bytes("a/secret.key")), &[0, 1, 2, 3, 4, 12, 13][..]),
        (PathTestKind::Prefix(bytes("a/")), &[0, 1, 2, 3, 4, 6, 7, 12, 13]),
        (PathTestKind::Prefix(bytes("a")), &[0, 1, 2, 3, 4, 6, 7, 8, 9, 12, 13]),
        (PathTestKind::Suffix(b"/secret.key".to_vec()), &[0, 1, 2, 3, 4, 5, 8, 10, 11, 12, 13]),
        (PathTestKind::Suffix(b"/a".to_vec()), &[9, 12, 13]),
        (PathTestKind::Exact(b"/a/secret.key".to_vec()), &[5, 10, 12, 13]),
        (PathTestKind::HasDotDot, &[2, 4, 5, 11, 12, 13]),
        (PathTestKind::Prefix(b"/nowhere".to_vec()), &[12, 13]),
        (PathTestKind::Contains(b"secret.k".to_vec()), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13]),
        (PathTestKind::Contains(b"a/.sec".to_vec()), &[6, 12, 13]),
        (PathTestKind::Contains(b"in-root".to_vec()), &[12, 13, 14]),
        (PathTestKind::Contains(b"ret.keyss".to_vec()), &[12, 13]),
        (PathTestKind::InRoot, &[12, 13, 14]),
    ] {
        loaded.carry_out(&recording(&OPENS), &filters(&OPENS, vec![path_clause(test.clone())]));
        let acted = run(&mut actor("kernel::filters::paths::paths_are_tested_as_text", &folder)).succeeded();
        let recorded = loaded.drain(acted.pid);
        assert_eq!(names(&opened(&recorded, &texts)), all(expected), "{test:?}");
    }
}

/// Scenario: opens relative to a descriptor, beneath a root of their own (RESOLVE_IN_ROOT), and of a file through a link. Guarantees: the descriptor's directory counts; what cannot be told passes; the kernel's path counts where the clause tries
/// it, and only there; the record has all its parts.
#[test]
fn what_cannot_be_told_passes() {
    if is_acting() {
        let directory = fs::File::open("a").unwrap();
        let open = |path: &str| drop(rustix::fs::openat(&directory, path, OFlags::RDONLY, Mode::empty()));
        open("secret.key");
        open("other.key");
        let flags = ResolveFlags::IN_ROOT;
        let _ = rustix::fs::openat2(&directory, "/in-root", OFlags::RDONLY, Mode::empty(), flags);
        open_all(&["link".to_owned(), "missing-link".to_owned()]);
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::create_dir(folder.join("a")).unwrap();
    fs::write(folder.join("a/secret.key"), "").unwrap();
    std::os::unix::fs::symlink("a/secret.key", folder.join("link")).unwrap();
    let paths = ["secret.key", "other.key", "/in-root", "link", "missing-link"].map(String::from);
    let secret = folder.join("a/secret.key").as_os_str().as_encoded_bytes().to_vec();
    for (tries_resolved_path, expected) in
        [(false, vec!["secret.key", "/in-root"]), (true, vec!["secret.key", "/in-root", "link"])]
    {
        let clause = Clause { tries_resolved_path, ..path_clause(PathTestKind::Exact(secret.clone())) };
        let mut loaded = loaded(&recording(&OPENS), &filters(&OPENS, vec![clause]));
        let acted =
            run(&mut actor("kernel::filters::paths::what_cannot_be_told_passes", &folder)).succeeded();
        let recorded = loaded.drain(acted.pid);
        assert_eq!(names(&opened(&recorded, &paths)), expected, "{tries_resolved_path}");
        let open = recorded.open("secret.key");
        assert_eq!(open.base, folder.join("a").as_os_str().as_encoded_bytes());
        assert_eq!(open.resolved, secret);
        assert!(open.file.is_known(), "{:?}", open.file);
        // The C library may have added flags of its own.
        assert_eq!(open.flags & OFlags::RWMODE.bits(), OFlags::RDONLY.bits(), "{:#o}", open.flags);
        if tries_resolved_path {
            assert_eq!(recorded.open("link").resolved, secret);
        }
    }
}

/// Scenario: files are renamed and links made, under filters for the second path and for the first. Guarantees: each path is tested by its
/// own tests; of a symbolic link, the first is text that no test can tell, and passes.
#[test]
fn both_paths_of_a_call_are_tested() {
    use eyrie_bpf::{Place, Step};

    if is_acting() {
        for name in ["one", "two"] {
            fs::write(name, "").unwrap();
        }
        fs::rename("one", "watched").unwrap();
        fs::rename("watched", "three").unwrap();
        fs::rename("two", "four").unwrap();
        rustix::fs::symlinkat("text", CWD, "watched").unwrap();
        rustix::fs::symlinkat("text", CWD, "unwatched").unwrap();
        return;
    }
    requires!(Requirement::Kernel);
    let path = |place, argument, directory| Step::Path { place, argument, directory };
    for (subject, renames, links) in [
        (PathSubject::Second, &["watched"][..], &["watched"][..]),
        (PathSubject::First, &["three"], &["watched", "unwatched"]),
    ] {
        let (_keep, folder) = folder();
        let watched = folder.join("watched").as_os_str().as_encoded_bytes().to_vec();
        let test = PathTest { subject, ..first(PathTestKind::Exact(watched)) };
        let clause = Clause { paths: vec![test], ..Clause::default() };
        let calls = [RENAME, SYMLINKAT];
        let mut loaded = loaded(&recording(&calls), &filters(&calls, vec![clause]));
        loaded.describe(RENAME, false, &[path(Place::First, 0, None), path(Place::Second, 1, None)]);
        loaded.describe(SYMLINKAT, false, &[Step::Text(0), path(Place::Second, 2, Some(1))]);
        let acted =
            run(&mut actor("kernel::filters::paths::both_paths_of_a_call_are_tested", &folder)).succeeded();
        let recorded = loaded.drain(acted.pid);
        let targets = |number: u32| {
            let of = |record: Record<'_>| match record {
                Record::DetailedCall(call) if call.header.call_number == number => {
                    Some(String::from_utf8_lossy(call.second_path.requested).into_owned())
                }
                _ => None,
            };
            recorded.iter().filter_map(of).collect::<Vec<_>>()
        };
        assert_eq!(targets(RENAME), renames, "{subject:?}");
        assert_eq!(targets(SYMLINKAT), links, "{subject:?}");
    }
}

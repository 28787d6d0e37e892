//! Opens of the watched file by all kinds of paths.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use super::{Act, Ground, read};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("plainly", plainly),
    ("by-links", by_links),
    ("by-hard-link", by_hard_link),
    ("relatively", relatively),
    ("by-dots", by_dots),
    ("from-directory", from_directory),
    ("by-openat2", by_openat2),
    ("with-flags", with_flags),
    ("in-vain", in_vain),
    ("by-long-paths", by_long_paths),
    ("from-deleted-directory", from_deleted_directory),
    ("in-other-root", in_other_root),
    ("by-bound-mount", by_bound_mount),
    ("after-renames", after_renames),
];

fn plainly(ground: &Ground) -> anyhow::Result<()> {
    read(ground.secret())?;
    read(ground.other().join("plain"))?;
    read(ground.watched()).expect_err("a directory is not read");
    Ok(())
}

fn by_links(ground: &Ground) -> anyhow::Result<()> {
    let (to_file, to_folder, chain) =
        (ground.other().join("to-file"), ground.other().join("to-folder"), ground.folder.join("chain"));
    symlink(ground.secret(), &to_file)?;
    symlink("../watched", &to_folder)?;
    symlink("other/to-folder", &chain)?;
    read(&to_file)?;
    read(to_folder.join("secret"))?;
    read(chain.join("secret"))?;
    read(chain.join("../watched/secret"))?;
    // Out of what is watched by a link in it.
    let out = ground.watched().join("out");
    symlink("../other/plain", &out)?;
    read(&out)?;
    symlink("nowhere", ground.watched().join("dangling"))?;
    read(ground.watched().join("dangling")).expect_err("nothing is there");
    Ok(())
}

fn by_hard_link(ground: &Ground) -> anyhow::Result<()> {
    let link = ground.other().join("hard");
    fs::hard_link(ground.secret(), &link)?;
    read(&link)?;
    fs::hard_link(ground.other().join("plain"), ground.watched().join("hard"))?;
    read(ground.watched().join("hard"))
}

fn relatively(ground: &Ground) -> anyhow::Result<()> {
    env::set_current_dir(ground.watched())?;
    read("secret")?;
    read("./secret")?;
    read("inner/../secret")?;
    env::set_current_dir(ground.watched().join("inner"))?;
    read("../secret")?;
    read("../../other/plain")?;
    env::set_current_dir(&ground.folder)?;
    read("watched/secret")?;
    read("other/plain")?;
    env::set_current_dir("/")?;
    read(ground.secret().strip_prefix("/")?)
}

fn by_dots(ground: &Ground) -> anyhow::Result<()> {
    let folder = ground.folder.display();
    let way_up = "../".repeat(40);
    for path in [
        format!("{folder}/other/../watched/secret"),
        format!("{folder}//watched///secret"),
        format!("{folder}/./watched/./././secret"),
        format!("{folder}/watched/inner/.././../other/../watched/secret"),
        format!("//{folder}/watched/inner/..//secret"),
        format!("/{way_up}{folder}/watched/secret"),
        format!("{folder}/watched/../other/plain"),
        format!("{folder}/watched/../other/inner/../plain"),
    ] {
        read(path)?;
    }
    // A link in front of `..`: as text this is in the watched directory, and in truth it is not.
    fs::create_dir_all(ground.other().join("deep/er"))?;
    fs::write(ground.other().join("deep/secret"), "another")?;
    symlink(ground.other().join("deep/er"), ground.watched().join("away"))?;
    read(format!("{folder}/watched/away/../secret"))?;
    symlink(ground.watched().join("inner"), ground.other().join("back"))?;
    read(format!("{folder}/other/back/../secret"))?;
    read(format!("{folder}/watched/secret/")).expect_err("a file is no directory");
    read(format!("{folder}/watched/secret/.")).expect_err("nor is it one with a dot");
    Ok(())
}

fn from_directory(ground: &Ground) -> anyhow::Result<()> {
    let directory = |path: PathBuf| rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let (watched, inner, other) = (
        directory(ground.watched())?,
        directory(ground.watched().join("inner"))?,
        directory(ground.other())?,
    );
    openat(&watched, "secret", flags, Mode::empty())?;
    openat(&watched, "inner/..//secret", flags, Mode::empty())?;
    openat(&inner, "../secret", flags, Mode::empty())?;
    openat(&other, "../watched/secret", flags, Mode::empty())?;
    openat(&other, "plain", flags, Mode::empty())?;
    // An absolute path starts from nowhere, and the path of what is open can be had by its number.
    openat(&other, ground.secret(), flags, Mode::empty())?;
    openat(&watched, "", flags, Mode::empty()).expect_err("an empty path is none");
    read(format!("/proc/self/fd/{}/secret", std::os::fd::AsRawFd::as_raw_fd(&watched)))
}

fn by_openat2(ground: &Ground) -> anyhow::Result<()> {
    let root = rustix::fs::open(&ground.folder, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    let open = |path: &str, resolve| openat2(&root, path, OFlags::RDONLY, Mode::empty(), resolve);
    open("watched/secret", ResolveFlags::empty())?;
    open("/watched/secret", ResolveFlags::IN_ROOT)?;
    open("../../watched/secret", ResolveFlags::IN_ROOT)?;
    open("/other/plain", ResolveFlags::IN_ROOT)?;
    symlink("/watched/secret", ground.other().join("in-root"))?;
    open("other/in-root", ResolveFlags::IN_ROOT)?;
    open("watched/inner/../secret", ResolveFlags::BENEATH)?;
    open("watched/../../x", ResolveFlags::BENEATH).expect_err("that leads out");
    open("other/in-root", ResolveFlags::NO_SYMLINKS).expect_err("that is a link");
    openat2(CWD, ground.secret(), OFlags::WRONLY, Mode::empty(), ResolveFlags::empty())?;
    Ok(())
}

fn with_flags(ground: &Ground) -> anyhow::Result<()> {
    let secret = ground.secret();
    let mode = Mode::RUSR | Mode::WUSR;
    for flags in [
        OFlags::PATH,
        OFlags::PATH | OFlags::NOFOLLOW,
        OFlags::RDWR,
        OFlags::WRONLY | OFlags::APPEND,
        OFlags::RDWR | OFlags::CREATE,
        OFlags::WRONLY | OFlags::TRUNC,
        OFlags::RDONLY | OFlags::NOATIME | OFlags::NONBLOCK,
    ] {
        rustix::fs::open(&secret, flags, mode)?;
    }
    rustix::fs::open(ground.watched().join("new"), OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY, mode)?;
    rustix::fs::open(ground.other().join("new"), OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY, mode)?;
    rustix::fs::open(ground.watched(), OFlags::TMPFILE | OFlags::RDWR, mode).map(drop).or_else(|error| {
        // Not every file system has files without a name.
        if error == rustix::io::Errno::OPNOTSUPP { Ok(()) } else { Err(error) }
    })?;
    Ok(())
}

fn in_vain(ground: &Ground) -> anyhow::Result<()> {
    let missing = ground.watched().join("missing");
    read(&missing).expect_err("nothing is there");
    read(ground.other().join("missing")).expect_err("nothing is there");
    read(missing.join("deeper")).expect_err("nothing is there");
    let exclusive = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY;
    rustix::fs::open(ground.secret(), exclusive, Mode::RUSR).expect_err("it is there");
    rustix::fs::open(ground.secret(), OFlags::DIRECTORY, Mode::empty()).expect_err("it is none");
    rustix::fs::open(ground.watched(), OFlags::WRONLY, Mode::empty())
        .expect_err("nobody writes to a directory");
    symlink("loop", ground.watched().join("loop"))?;
    read(ground.watched().join("loop")).expect_err("it leads to itself");
    Ok(())
}

fn by_long_paths(ground: &Ground) -> anyhow::Result<()> {
    let folder = ground.folder.display().to_string();
    for repeats in [20, 60, 100, 120, 500, 1_900] {
        read(format!("{folder}/{}watched/secret", "./".repeat(repeats)))?;
        read(format!("{folder}/{}other/plain", "./".repeat(repeats)))?;
    }
    read(format!("{folder}/{}watched/secret", "watched/../".repeat(300)))?;
    let name = "n".repeat(255);
    let deep: PathBuf = std::iter::repeat_n(&*name, 3).collect();
    fs::create_dir_all(ground.watched().join(&deep))?;
    fs::write(ground.watched().join(&deep).join("secret"), "deep")?;
    read(ground.watched().join(&deep).join("../../../secret"))?;
    read(ground.watched().join(&name).join("x")).expect_err("nothing is there");
    read(Path::new(&folder).join("x".repeat(256))).expect_err("a name that is too long");
    read(format!("{folder}/{}watched/secret", "./".repeat(2_100))).expect_err("a path that is too long");
    // Deeper than a path can be said at once.
    env::set_current_dir(ground.watched())?;
    let deeper = "d".repeat(255);
    for _ in 0..20 {
        fs::create_dir(&deeper)?;
        env::set_current_dir(&deeper)?;
    }
    fs::write("secret", "very deep")?;
    read("secret")?;
    env::set_current_dir(&ground.folder)?;
    Ok(())
}

fn from_deleted_directory(ground: &Ground) -> anyhow::Result<()> {
    let gone = ground.watched().join("gone");
    fs::create_dir(&gone)?;
    env::set_current_dir(&gone)?;
    fs::remove_dir(&gone)?;
    read("secret").expect_err("nothing is there any more");
    // What was above it still is.
    read("../secret")?;
    read(ground.secret())?;
    env::set_current_dir("/")?;
    Ok(())
}

fn in_other_root(ground: &Ground) -> anyhow::Result<()> {
    let way_back = rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    let inside = rustix::fs::open(ground.watched(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    let (secret, watched) = (ground.secret(), ground.watched());
    fs::create_dir_all(ground.folder.join(watched.strip_prefix("/")?))?;
    fs::write(ground.folder.join(secret.strip_prefix("/")?), "of the same name")?;
    rustix::process::chroot(&ground.folder)?;
    env::set_current_dir("/")?;
    read("/watched/secret")?;
    read("watched/secret")?;
    read("../../watched/secret")?;
    // By the watched file's name, another one.
    read(&secret)?;
    // From outside of the root.
    openat(&inside, "secret", OFlags::RDONLY, Mode::empty())?;
    openat(&way_back, secret.strip_prefix("/")?, OFlags::RDONLY, Mode::empty())?;
    rustix::process::fchdir(&way_back)?;
    read(secret.strip_prefix("/")?)?;
    rustix::process::chroot(".")?;
    env::set_current_dir("/")?;
    read(&secret)
}

/// The test has mounted the watched directory over this one, in a namespace of this process's own.
fn by_bound_mount(ground: &Ground) -> anyhow::Result<()> {
    let mounted = ground.folder.parent().context("a folder in a folder")?.join("mounted");
    read(mounted.join("bound"))?;
    read(mounted.join("../mounted/./bound"))?;
    env::set_current_dir(&mounted)?;
    read("bound")?;
    ensure!(!mounted.join("secret").exists(), "it is not mounted");
    env::set_current_dir("/")?;
    read(ground.secret())
}

fn after_renames(ground: &Ground) -> anyhow::Result<()> {
    let (watched, moved) = (ground.watched(), ground.folder.join("moved"));
    let directory = rustix::fs::open(&watched, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    env::set_current_dir(&watched)?;
    read("secret")?;
    fs::rename(&watched, &moved)?;
    read("secret")?;
    openat(&directory, "secret", OFlags::RDONLY, Mode::empty())?;
    read(moved.join("secret"))?;
    read(&watched).expect_err("it has another name");
    fs::create_dir(&watched)?;
    fs::write(ground.secret(), "new")?;
    read(ground.secret())?;
    read("../watched/secret")?;
    fs::rename(ground.other(), watched.join("was-other"))?;
    read(watched.join("was-other/plain"))?;
    env::set_current_dir("/")?;
    Ok(())
}

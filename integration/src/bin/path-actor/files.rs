//! Other calls on the watched file and its directory.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RenameFlags, chmodat, linkat, mkdirat, renameat, renameat_with, symlinkat,
    unlinkat,
};

use super::{Act, Ground};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("renaming", renaming),
    ("removing", removing),
    ("changing-modes", changing_modes),
    ("linking", linking),
    ("making", making),
];

fn renaming(ground: &Ground) -> anyhow::Result<()> {
    let (secret, plain) = (ground.secret(), ground.other().join("plain"));
    fs::rename(&secret, ground.other().join("taken"))?;
    fs::rename(&plain, &secret)?;
    fs::rename(ground.other().join("taken"), ground.other().join("kept"))?;
    fs::rename(ground.other().join("nothing"), ground.other().join("something"))
        .expect_err("nothing is there");
    fs::rename(ground.other().join("nothing"), ground.watched().join("something"))
        .expect_err("nothing is there");
    env::set_current_dir(&ground.folder)?;
    fs::rename("watched/secret", "other/relative")?;
    fs::rename("other/relative", "other/../watched/secret")?;
    let watched = rustix::fs::open("watched", OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    let other = rustix::fs::open("other", OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    renameat(&watched, "secret", &other, "by-descriptor")?;
    renameat_with(&other, "by-descriptor", &watched, "secret", RenameFlags::NOREPLACE)?;
    renameat_with(&other, "kept", &other, "inner", RenameFlags::EXCHANGE)?;
    renameat(CWD, "other/kept", &other, "../other/./last")?;
    env::set_current_dir("/")?;
    Ok(())
}

fn removing(ground: &Ground) -> anyhow::Result<()> {
    let link = ground.other().join("link");
    symlink(ground.watched(), &link)?;
    fs::write(ground.watched().join("first"), "")?;
    fs::remove_file(link.join("first"))?;
    fs::remove_file(ground.secret())?;
    fs::remove_file(ground.secret()).expect_err("it is gone");
    fs::remove_file(ground.other().join("plain"))?;
    fs::remove_dir(ground.watched()).expect_err("there is something in it");
    env::set_current_dir(ground.watched())?;
    unlinkat(CWD, "inner", AtFlags::REMOVEDIR)?;
    fs::write("second", "")?;
    unlinkat(CWD, "../watched//second", AtFlags::empty())?;
    fs::remove_dir("../other/inner")?;
    fs::remove_dir(ground.watched())?;
    fs::remove_file("anything").expect_err("the directory is gone");
    env::set_current_dir("/")?;
    Ok(())
}

fn changing_modes(ground: &Ground) -> anyhow::Result<()> {
    let mode = fs::Permissions::from_mode;
    let plain = ground.other().join("plain");
    for bits in [0o600, 0o644, 0o755, 0o4755, 0o100] {
        fs::set_permissions(ground.secret(), mode(bits))?;
        fs::set_permissions(&plain, mode(bits))?;
    }
    fs::set_permissions(ground.other().join("missing"), mode(0o755)).expect_err("nothing is there");
    let watched = rustix::fs::open(ground.watched(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    chmodat(&watched, "secret", Mode::from_raw_mode(0o711), AtFlags::empty())?;
    chmodat(&watched, "../other/plain", Mode::from_raw_mode(0o711), AtFlags::empty())?;
    fs::set_permissions(ground.other().join("../watched/secret"), mode(0o600))?;
    Ok(())
}

fn linking(ground: &Ground) -> anyhow::Result<()> {
    let (watched, other) = (ground.watched(), ground.other());
    fs::hard_link(ground.secret(), other.join("hard"))?;
    fs::hard_link(other.join("plain"), watched.join("hard"))?;
    fs::hard_link(other.join("plain"), other.join("more"))?;
    symlink(ground.secret(), other.join("soft"))?;
    symlink("../other/plain", watched.join("soft"))?;
    symlink("anything", other.join("text"))?;
    let directory = rustix::fs::open(&watched, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    linkat(&directory, "secret", &directory, "inner/../again", AtFlags::empty())?;
    symlinkat("x", &directory, "inner/soft")?;
    Ok(())
}

fn making(ground: &Ground) -> anyhow::Result<()> {
    fs::create_dir(ground.watched().join("made"))?;
    fs::create_dir(ground.other().join("made"))?;
    fs::create_dir(ground.other().join("../watched/again"))?;
    fs::create_dir(ground.watched()).expect_err("it is there");
    let directory = rustix::fs::open(ground.other(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    mkdirat(&directory, "../watched/third", Mode::RWXU)?;
    mkdirat(&directory, "third", Mode::RWXU)?;
    Ok(())
}

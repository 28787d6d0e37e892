//! Acts by programs made by hand: calls that no library makes any more, calls of 32 bits, and paths in memory that somebody rewrites.

use std::{fs, path::Path};

use test_programs::{Abi, Program};

/// Where the race has its path: nothing else is there.
const SHARED_AT: u32 = 0x1000_0000;
const PAGE: u32 = 4_096;
const READ_WRITE: u32 = 3;
/// MAP_SHARED | MAP_FIXED.
const SHARED_FIXED: u32 = 0x11;
/// O_WRONLY | O_APPEND.
const APPEND: u32 = 0o2001;
/// O_CREAT | O_WRONLY.
const CREATE: u32 = 0o101;
const RDWR: u32 = 2;
const AT_FDCWD: u32 = (-100_i32).cast_unsigned();
/// The first descriptor of a program that has none.
const FIRST: u32 = 3;

/// Fills the ground, and makes a program that opens, renames, links and removes on it.
pub(crate) fn calls(abi: Abi, ground: &Path) -> anyhow::Result<Program> {
    for folder in ["watched", "other"] {
        fs::create_dir_all(ground.join(folder))?;
    }
    fs::write(ground.join("watched/secret"), "secret")?;
    fs::write(ground.join("other/plain"), "plain")?;
    std::os::unix::fs::symlink("../watched/secret", ground.join("other/link"))?;
    let mut program = Program::with_nothing_open(abi);
    let path = |program: &mut Program, name: &str| program.text(format!("{}/{name}", ground.display()));
    for name in ["watched/secret", "other/plain", "other/link", "other/../watched/secret", "watched/missing"]
    {
        let text = path(&mut program, name);
        program.call("open", &[text, 0]);
        program.call("openat", &[AT_FDCWD, text, RDWR]);
        program.call("openat2", &[AT_FDCWD, text, 0, 0]);
    }
    let [watched, other] = ["watched/made", "other/made"].map(|name| path(&mut program, name));
    for made in [watched, other] {
        program.call("creat", &[made, 0o600]);
        program.call("open", &[made, CREATE, 0o600]);
        program.call("chmod", &[made, 0o700]);
    }
    let [secret, moved, linked] =
        ["watched/secret", "other/moved", "other/linked"].map(|name| path(&mut program, name));
    program.call("chmod", &[secret, 0o700]);
    program.call("link", &[secret, linked]);
    program.call("rename", &[secret, moved]);
    program.call("rename", &[moved, secret]);
    program.call("symlink", &[watched, moved]);
    program.call("unlink", &[watched]);
    program.call("unlink", &[other]);
    let [watched, other] = ["watched/folder", "other/folder"].map(|name| path(&mut program, name));
    for folder in [watched, other] {
        program.call("mkdir", &[folder, 0o700]);
        program.call("rmdir", &[folder]);
    }
    let folder = path(&mut program, "watched");
    let relative = ["secret", "./secret", "../other/plain"].map(|name| program.text(name));
    program.call("chdir", &[folder]);
    for name in relative {
        program.call("open", &[name, 0]);
    }
    Ok(program)
}

/// Opens the path in a file that it shares, again and again, and writes a byte to each file.
pub(crate) fn racing(shared: &Path, races: usize) -> Program {
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let (text, byte) = (program.text(shared.as_os_str().as_encoded_bytes()), program.text("x"));
    program.call("open", &[text, RDWR]);
    program.call("mmap", &[SHARED_AT, PAGE, READ_WRITE, SHARED_FIXED, FIRST, 0]);
    program.call("close", &[FIRST]);
    for _ in 0..races {
        program.call("open", &[SHARED_AT, APPEND]);
        program.call("write", &[FIRST, byte, 1]);
        program.call("close", &[FIRST]);
    }
    program
}

/// Takes away what is on the ground.
pub(crate) fn empty(ground: &Path) -> anyhow::Result<()> {
    fs::remove_dir_all(ground)?;
    Ok(fs::create_dir(ground)?)
}

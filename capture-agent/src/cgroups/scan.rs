//! The control groups that there are, by a walk through the mounted hierarchy.

use std::{
    fs, io,
    os::unix::{ffi::OsStrExt, fs::DirEntryExt, fs::MetadataExt},
    path::Path,
};

/// Levels below the root. Runtimes nest a handful; a path of 1024 bytes, more than which the kernel does not tell, has no
/// more than these in practice.
const MAX_DEPTH: usize = 64;

/// A control group that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: u64,
    /// From the root of the hierarchy.
    pub(super) path: Vec<u8>,
}

/// All control groups below `mount`, the root first and parents before children; at most `limit`. The second value says
/// whether that was all.
pub(super) fn scan(mount: &Path, limit: usize) -> io::Result<(Vec<Found>, bool)> {
    let root = Found { id: fs::metadata(mount)?.ino(), path: b"/".to_vec() };
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).cloned() {
        at += 1;
        if parent.path.iter().filter(|&&byte| byte == b'/').count() > MAX_DEPTH {
            continue;
        }
        let folder = mount.join(Path::new(std::ffi::OsStr::from_bytes(
            parent.path.strip_prefix(b"/").unwrap_or(&parent.path),
        )));
        // It may be gone by now, and then so are those below it.
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            // The type and the inode's number come with the entry: no call for each of the many files.
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if found.len() >= limit {
                return Ok((found, false));
            }
            let mut path = parent.path.clone();
            if path != b"/" {
                path.push(b'/');
            }
            path.extend_from_slice(entry.file_name().as_bytes());
            found.push(Found { id: entry.ino(), path });
        }
    }
    Ok((found, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a tree of folders with files between them, as cgroupfs has it, and a bound smaller than the tree.
    /// Guarantees: every folder is found with its path and inode number, parents first; files are not; the bound holds and
    /// is told.
    #[test]
    fn every_folder_is_a_control_group() {
        let mount = tempfile::tempdir().unwrap();
        for folder in ["docker/abc/inner", "system.slice/ssh.service", "empty"] {
            fs::create_dir_all(mount.path().join(folder)).unwrap();
        }
        fs::write(mount.path().join("docker/abc/cgroup.procs"), "").unwrap();
        std::os::unix::fs::symlink("/", mount.path().join("docker/link")).unwrap();
        let (found, is_all) = scan(mount.path(), 100).unwrap();
        assert!(is_all);
        let mut paths: Vec<_> = found.iter().map(|found| String::from_utf8_lossy(&found.path)).collect();
        assert_eq!(paths[0], "/");
        let position = |path: &str| paths.iter().position(|found| found == path).unwrap();
        assert!(position("/docker") < position("/docker/abc"));
        assert!(position("/docker/abc") < position("/docker/abc/inner"));
        paths.sort();
        assert_eq!(
            paths,
            [
                "/",
                "/docker",
                "/docker/abc",
                "/docker/abc/inner",
                "/empty",
                "/system.slice",
                "/system.slice/ssh.service"
            ]
        );
        for found in &found {
            let path = String::from_utf8_lossy(&found.path).into_owned();
            let meta = fs::metadata(mount.path().join(path.trim_start_matches('/'))).unwrap();
            assert_eq!(found.id, meta.ino(), "{path}");
        }
        let (found, is_all) = scan(mount.path(), 3).unwrap();
        assert_eq!((found.len(), is_all), (3, false));
        assert!(scan(&mount.path().join("missing"), 3).is_err());
    }
}

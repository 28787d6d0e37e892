//! Who made a control group, by the owners of its folder and of those above: a user may make groups below one that was delegated to
//! him, and call them what he likes, as another's container for example.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
};

/// Anybody may make folders in it.
const WORLD_WRITABLE: u32 = 0o002;

/// Who made a control group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    /// Root, and so a runtime of the host.
    Host,
    /// A user, in what was delegated to him.
    User(u32),
    /// The hierarchy is not mounted where it can be seen.
    Unknown,
}

// === impl Maker ===

impl Maker {
    /// Of the group at `path` below `mount`. Where it is gone by now, whoever owns what is left above it could have made it.
    pub(crate) fn of(mount: Option<&Path>, path: &[u8]) -> Self {
        let Some(mount) = mount else { return Self::Unknown };
        let relative = Path::new(OsStr::from_bytes(path));
        let folder = mount.join(relative.strip_prefix("/").unwrap_or(relative));
        let above = folder.ancestors().skip(1).take_while(|above| above.starts_with(mount));
        match owner(&folder) {
            // Nobody but root can make what is root's.
            Ok((0, _)) => Self::Host,
            // Root gives containers that have users of their own the group to which they may add.
            Ok((uid, _)) => match above.map(owner).next() {
                Some(Ok((0, mode))) if mode & WORLD_WRITABLE == 0 => Self::Host,
                None | Some(_) => Self::User(uid),
            },
            Err(_) => match above.filter_map(|above| owner(above).ok()).next() {
                Some((0, _)) | None => Self::Host,
                Some((uid, _)) => Self::User(uid),
            },
        }
    }
}

/// With the mode.
fn owner(folder: &Path) -> io::Result<(u32, u32)> {
    fs::symlink_metadata(folder).map(|found| (found.uid(), found.mode()))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;

    /// Makes a folder that is a user's, with those above it as they are; gives who that is. Who is not root himself is a user already.
    pub(crate) fn give_to_a_user(folder: &Path) -> u32 {
        fs::create_dir_all(folder).unwrap();
        if rustix::process::geteuid().is_root() {
            chown(folder, Some(4_242), None).unwrap();
        }
        fs::metadata(folder).unwrap().uid()
    }

    /// Scenario: groups that root made, that a user made in what is his, that root made there, that root gave away, in a folder that anybody may write to, and that are
    /// gone again. Guarantees: what a user could have made is the user's, and nothing else.
    #[test]
    fn folders_tell_who_made_them() {
        let mount = tempfile::tempdir().unwrap();
        let at = |path: &str| mount.path().join(path);
        let of = |path: &str| Maker::of(Some(mount.path()), path.as_bytes());
        assert_eq!(Maker::of(None, b"/a"), Maker::Unknown);
        fs::create_dir_all(at("system.slice/docker-a.scope")).unwrap();
        let user = Maker::User(give_to_a_user(&at("user/delegated")));
        give_to_a_user(&at("user/delegated/docker-a.scope"));
        for path in
            ["/user/delegated/docker-a.scope", "/user/delegated/gone", "/user/delegated/gone/docker-a"]
        {
            assert_eq!(of(path), user, "{path}");
        }
        if !rustix::process::geteuid().is_root() {
            return;
        }
        fs::create_dir_all(at("user/delegated/of-root")).unwrap();
        give_to_a_user(&at("system.slice/given"));
        for path in
            ["/system.slice/docker-a.scope", "/user/delegated/of-root", "/system.slice/given", "/gone", "/"]
        {
            assert_eq!(of(path), Maker::Host, "{path}");
        }
        fs::create_dir_all(at("open")).unwrap();
        fs::set_permissions(at("open"), fs::Permissions::from_mode(0o777)).unwrap();
        give_to_a_user(&at("open/docker-a.scope"));
        assert_eq!(of("/open/docker-a.scope"), user);
    }
}

//! Users and groups of containers, from the files of their own root.
//!
//! They are found by way of a process of the container (`/proc/PID/root`), so that mounts and layers are as the container sees them. None of it is
//! trusted: a link in there leads nowhere out of the root, a pipe is not waited for, and files are read up to a bound. The names have to be in order
//! with the events, so that the capture thread takes them from here.

mod worker;

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read as _,
    os::fd::OwnedFd,
    sync::{Mutex, MutexGuard, PoisonError},
};

use eyrie_proto::event::{OrderedFact, UsersFact, ordered_fact::Kind};
use prost::Message as _;
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, stat},
    io::Errno,
};

pub(super) use self::worker::AccountWorker;
use crate::facts::{groups_of, users_of};

/// A container's passwd or group file is not read if it is larger; those of the usual images have some KiB.
const MAX_FILE_BYTES: u64 = 128 << 10;
/// Of all containers' users and groups, serialised. Those of containers that come when it is full are not told.
const MAX_BYTES: usize = 8 << 20;

/// What was read of the containers that there are, shared by their thread and the capture thread.
#[derive(Debug, Default)]
pub(crate) struct ContainerAccounts {
    by_container: Mutex<BTreeMap<String, Accounts>>,
}

#[derive(Debug)]
struct Accounts {
    fact: UsersFact,
    is_told: bool,
}

// === impl ContainerAccounts ===

impl ContainerAccounts {
    /// The users and groups that are to be told.
    pub(crate) fn take_news(&self, now_boot_ns: u64) -> Vec<OrderedFact> {
        let mut all = self.lock();
        let news = all.values_mut().filter(|accounts| !accounts.is_told);
        news.map(|accounts| {
            accounts.is_told = true;
            OrderedFact { since_boot_ns: now_boot_ns, kind: Some(Kind::Users(accounts.fact.clone())) }
        })
        .collect()
    }

    /// All count as not told.
    pub(crate) fn forget_told(&self) {
        self.lock().values_mut().for_each(|accounts| accounts.is_told = false);
    }

    /// Takes what a container has now; what it had already is no news.
    pub(super) fn put(&self, fact: UsersFact) {
        let mut all = self.lock();
        if all.get(&fact.container_id).is_some_and(|known| known.fact == fact) {
            return;
        }
        let others = all.values().filter(|known| known.fact.container_id != fact.container_id);
        let bytes: usize = others.map(|known| known.fact.encoded_len()).sum();
        if bytes + fact.encoded_len() > MAX_BYTES {
            tracing::warn!(
                container = fact.container_id,
                "users and groups of too many containers: its are not told"
            );
            return;
        }
        all.insert(fact.container_id.clone(), Accounts { fact, is_told: false });
    }

    /// Whether a container has been read.
    pub(super) fn is_known(&self, container_id: &str) -> bool {
        self.lock().contains_key(container_id)
    }

    pub(super) fn remove(&self, container_id: &str) {
        self.lock().remove(container_id);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Accounts>> {
        self.by_container.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The users and groups of a container in which this process is; `None` if it is in another one (its number may be used again, or be one of another
/// pid namespace), has still the host's root, or nothing can be read. A container without such files has no users.
pub(super) fn read(pid: u32, container_id: &str) -> Option<UsersFact> {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    if container_id.is_empty() || !groups.contains(container_id) {
        return None;
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, format!("/proc/{pid}/root"), flags, Mode::empty()).ok()?;
    if is_hosts(&root) {
        return None;
    }
    Some(UsersFact {
        container_id: container_id.to_owned(),
        users: users_of(&file(&root, "etc/passwd")?),
        groups: groups_of(&file(&root, "etc/group")?),
    })
}

/// A runtime's process has the host's root until it enters the container's. That is the first process's root and, unless the agent is in a container
/// itself, the agent's; who may not look at the first process's is not in a position to look at others' either.
fn is_hosts(root: &OwnedFd) -> bool {
    let Ok(found) = fstat(root) else { return true };
    let is_it = |path: &str| {
        stat(path).map(|host| (host.st_dev, host.st_ino) == (found.st_dev, found.st_ino)).unwrap_or(false)
    };
    is_it("/proc/1/root/.") || is_it("/")
}

/// A file below a root, with all links on the way taken as in there. One that is not there is empty; `None` if it is not to be read.
fn file(root: &OwnedFd, path: &str) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let opened = match openat2(root, path, flags, Mode::empty(), resolve) {
        Ok(opened) => opened,
        Err(Errno::NOENT | Errno::NOTDIR) => return Some(Vec::new()),
        Err(_) => return None,
    };
    if FileType::from_raw_mode(fstat(&opened).ok()?.st_mode) != FileType::RegularFile {
        return None;
    }
    let mut bytes = Vec::new();
    File::from(opened).take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= MAX_FILE_BYTES).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, path::Path};

    use eyrie_proto::event::User;
    use rustix::fs::{CWD, mkfifoat};

    use super::*;

    fn root(folder: &Path) -> OwnedFd {
        openat(CWD, folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
    }

    /// Scenario: roots in which a file is there, missing, a link to one within, a link that leads out by an absolute path and by dots, a pipe, a
    /// folder, and too large. Guarantees: what is within is read, links are followed within alone, and nothing is waited for.
    #[test]
    fn files_are_those_of_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        std::fs::write(&outside, "outside").unwrap();
        let within = folder.path().join("root");
        std::fs::create_dir_all(within.join("etc")).unwrap();
        let at = |name: &str| within.join("etc").join(name);
        std::fs::write(at("plain"), "within").unwrap();
        symlink("/etc/plain", at("absolute")).unwrap();
        symlink(&outside, at("out")).unwrap();
        symlink("../../../outside", at("dots")).unwrap();
        mkfifoat(CWD, at("pipe"), Mode::RUSR).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        std::fs::write(at("large"), vec![b'x'; 1 + MAX_FILE_BYTES as usize]).unwrap();
        let root = root(&within);
        let read =
            |name: &str| file(&root, &format!("etc/{name}")).map(|bytes| String::from_utf8(bytes).unwrap());
        for (name, expected) in [
            ("plain", Some("within")),
            ("absolute", Some("within")),
            ("missing", Some("")),
            ("plain/below", Some("")),
            ("out", Some("")),
            ("dots", Some("")),
            ("pipe", None),
            ("folder", None),
            ("large", None),
        ] {
            assert_eq!(read(name).as_deref(), expected, "{name}");
        }
    }

    /// Scenario: this very process, which is in no container: by a container's name that is not on its control group, and by one that is. Guarantees: nothing
    /// of the host's is read.
    #[test]
    fn the_hosts_root_is_not_a_containers() {
        let pid = std::process::id();
        assert_eq!(read(pid, "0123456789abcdef"), None);
        assert_eq!(read(pid, ":"), None, "which is on every line");
        assert!(is_hosts(&root(Path::new("/"))));
        assert!(!is_hosts(&root(Path::new("/proc"))));
    }

    /// Scenario: users of containers are read, again unchanged, again changed, lost on the way, too many, and gone with their container. Guarantees: each state is
    /// told once, all once more after a loss, and the bound holds.
    #[test]
    fn news_are_told_once() {
        let accounts = ContainerAccounts::default();
        let fact = |id: &str, name: &[u8]| UsersFact {
            container_id: id.to_owned(),
            users: vec![User { name: name.to_vec(), ..User::default() }],
            groups: Vec::new(),
        };
        let told = || accounts.take_news(7).len();
        accounts.put(fact("a", b"x"));
        accounts.put(fact("b", b"x"));
        assert_eq!((told(), told()), (2, 0));
        accounts.put(fact("a", b"x"));
        assert_eq!(told(), 0);
        accounts.put(fact("a", b"y"));
        assert_eq!(told(), 1);
        accounts.forget_told();
        accounts.remove("b");
        accounts.put(fact("c", &vec![0; MAX_BYTES]));
        assert_eq!(told(), 1);
    }
}

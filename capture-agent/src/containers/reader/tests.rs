use std::path::{Path, PathBuf};

use eyrie_proto::event::{CgroupKey, Origin};

use super::*;
use crate::{
    cgroups::give_to_a_user,
    containers::{places::Places, runtimes::Runtimes},
};

/// One that knows no runtimes, on a host whose control groups are at `cgroups`.
fn reader(cgroups: Option<&Path>) -> Reader {
    let nowhere = || PathBuf::from("/nowhere");
    let places = Places {
        storage_roots: Vec::new(),
        run: nowhere(),
        docker_root: nowhere(),
        lxc: nowhere(),
        snaps: nowhere(),
        cgroups: cgroups.map(Into::into),
    };
    let told = Arc::new(ToldBox::new(|| {}));
    let (facts, accounts) = (Arc::default(), Arc::default());
    let sources = Sources { origin: Origin::default(), places, runtimes: Runtimes::default() };
    Reader::new(sources, facts, accounts, AccountWorker::new(|_, _| None, || {}), told)
}

fn group(path: &str, cgroup_id: u64) -> CgroupFact {
    let named = container_of(path.as_bytes()).unwrap();
    CgroupFact {
        cgroup: Some(CgroupKey { hierarchy: 0, cgroup_id, birth_boot_ns: 5 }),
        path: path.into(),
        container_id: named.id,
        runtime: named.runtime.to_owned(),
        is_removed: false,
    }
}

fn ids(reader: &Reader) -> Vec<(&str, u64)> {
    let mut ids: Vec<_> = reader
        .containers
        .iter()
        .filter(|(_, tracked)| !tracked.has_ended())
        .map(|(id, tracked)| (id.as_str(), tracked.noticed.cgroup.cgroup_id))
        .collect();
    ids.sort();
    ids
}

/// Scenario: news of some containers were lost: one ended, one began, one was started anew, one is as it was; then there may be more than are named. Guarantees: who is kept in mind is who
/// is there, the end that was missed is told, and nobody ends because the list does.
#[test]
fn what_was_missed_is_made_good() {
    let mut reader = reader(None);
    for (name, cgroup_id) in [("ended", 1), ("anew", 2), ("stays", 3)] {
        reader.noticed(group(&format!("/lxc/{name}"), cgroup_id));
    }
    let groups = [("anew", 4), ("stays", 3), ("new", 5)].map(|(name, id)| group(&format!("/lxc/{name}"), id));
    reader.caught_up(groups.to_vec(), true, 77);
    let expected = [("anew", 4), ("new", 5), ("stays", 3)];
    assert_eq!(ids(&reader), expected);
    let mut removed = Vec::new();
    for fact in reader.facts.next_to_send().unwrap().facts {
        if let Some(Kind::ContainerRemoval(removal)) = fact.kind {
            removed.push((removal.key.unwrap().runtime_id, removal.removed_boot_ns));
        }
    }
    removed.sort();
    assert_eq!(removed, [("anew".to_owned(), 77), ("ended".to_owned(), 77)]);
    reader.caught_up(Vec::new(), false, 78);
    assert_eq!(ids(&reader), expected);
}

/// Scenario: a user makes control groups that are called like containers without end, then the host's runtimes start some; and he calls one like one of those. Guarantees: his take
/// a part of the room only, and no place of the host's.
#[test]
fn a_user_does_not_crowd_out_the_host() {
    let mount = tempfile::tempdir().unwrap();
    give_to_a_user(&mount.path().join("user"));
    let host = mount.path().join("lxc");
    std::fs::create_dir_all(host.join("web")).unwrap();
    let mut reader = reader(Some(mount.path()));
    for number in 0..MAX_OF_USERS as u64 + 50 {
        reader.noticed(group(&format!("/user/lxc.payload.{number}"), 10 + number));
    }
    assert_eq!((reader.containers.len(), reader.left_out), (MAX_OF_USERS, 50));
    if !rustix::process::geteuid().is_root() {
        return;
    }
    reader.noticed(group("/lxc/web", 1));
    assert_eq!(reader.containers["web"].noticed.cgroup.cgroup_id, 1);
    for id in ["10", "web"] {
        reader.noticed(group(&format!("/user/lxc.payload.{id}"), 9_999));
    }
    assert_eq!(reader.containers["web"].noticed.cgroup.cgroup_id, 1);
}

use std::fs;

use eyrie_bpf::{Record, cgroup_flag, decode, kind};

use test_requirements::{Requirement, requires};

use super::*;

const ID: &str = "3f4e5d6c7b8a99aabbccddeeff00112233445566778899aabbccddeeff001122";

/// What a program would have recorded.
fn record(cgroup_id: u64, hierarchy: u32, path: &str, flags: u32, boot_ns: u64) -> Vec<u8> {
    // A record of zeroes, to begin with: the header has no default.
    let mut zeroes = vec![0_u8; 512];
    zeroes[..4].copy_from_slice(&512_u32.to_ne_bytes());
    zeroes[4..6].copy_from_slice(&kind::CGROUP.to_ne_bytes());
    let Ok(Record::Cgroup(mut record)) = decode(&zeroes) else { panic!("zeroes are a record") };
    record.header.boot_ns = boot_ns;
    (record.cgroup_id, record.hierarchy, record.flags) = (cgroup_id, hierarchy, flags);
    record.path = path.as_bytes();
    eyrie_bpf::encode(&Record::Cgroup(record))
}

fn told(cgroups: &mut Cgroups, bytes: &[u8]) -> Option<CgroupFact> {
    let Ok(Record::Cgroup(record)) = decode(bytes) else { panic!("a record of a control group") };
    cgroups.record(&record).map(fact)
}

fn fact(fact: OrderedFact) -> CgroupFact {
    match fact.kind {
        Some(ordered_fact::Kind::Cgroup(fact)) => fact,
        other => panic!("{other:?}"),
    }
}

fn v2(mount: Option<&std::path::Path>) -> Hierarchy {
    Hierarchy { number: 0, controller: None, mount: mount.map(Into::into) }
}

/// Scenario: a container's group is made and removed, the host's as well, and one in another hierarchy. Guarantees: the
/// container's fact has its id, runtime and birth; its removal has the same key; the host's has an empty id; the other hierarchy's
/// is left out.
#[test]
fn records_become_facts() {
    let mut cgroups = Cgroups::new(Hierarchy { number: 4, controller: None, mount: None });
    let path = format!("/docker/{ID}");
    let made = told(&mut cgroups, &record(7, 4, &path, 0, 100)).unwrap();
    assert_eq!((made.container_id.as_str(), made.runtime.as_str(), made.is_removed), (ID, "docker", false));
    assert_eq!(made.cgroup, Some(CgroupKey { hierarchy: 4, cgroup_id: 7, birth_boot_ns: 100 }));
    let host = told(&mut cgroups, &record(8, 4, "/system.slice", 0, 101)).unwrap();
    assert_eq!((host.container_id.as_str(), host.path.as_slice()), ("", &b"/system.slice"[..]));
    assert_eq!(told(&mut cgroups, &record(9, 5, &path, 0, 102)), None);
    let removed = told(&mut cgroups, &record(7, 4, &path, cgroup_flag::REMOVED, 200)).unwrap();
    assert_eq!(removed, CgroupFact { is_removed: true, ..made });
    let unknown = told(&mut cgroups, &record(70, 4, "/x", cgroup_flag::REMOVED, 201)).unwrap();
    assert!(unknown.is_removed && unknown.cgroup.unwrap().birth_boot_ns == 0);
    assert_eq!(cgroups.all().len(), 1, "what is left to be told again");
}

/// Scenario: a tree is walked at the start, again without a change, and after groups came and went without a record, some
/// of which were recorded, one late. Guarantees: everything is told once, births only where they are known, ends as well.
#[test]
fn a_scan_tells_what_no_record_told() {
    let mount = tempfile::tempdir().unwrap();
    let old = mount.path().join("docker").join(ID);
    fs::create_dir_all(&old).unwrap();
    let mut cgroups = Cgroups::new(v2(Some(mount.path())));
    let first: Vec<_> = cgroups.scan(|| 10).into_iter().map(fact).collect();
    let told_of: Vec<_> = first.iter().map(|fact| (fact.path.len(), fact.container_id.is_empty())).collect();
    assert_eq!(told_of, [(1, true), (7, true), (72, false)]);
    assert!(first.iter().all(|fact| fact.cgroup.unwrap().birth_boot_ns == 0));
    assert_eq!(cgroups.scan(|| 20), []);

    let docker = std::os::unix::fs::MetadataExt::ino(&fs::metadata(mount.path().join("docker")).unwrap());
    assert_eq!(told(&mut cgroups, &record(docker, 0, "/docker", 0, 9)), None, "the scan was faster");

    fs::remove_dir(&old).unwrap();
    fs::create_dir(mount.path().join("missed")).unwrap();
    fs::create_dir(mount.path().join("recorded")).unwrap();
    let id = std::os::unix::fs::MetadataExt::ino(&fs::metadata(mount.path().join("recorded")).unwrap());
    told(&mut cgroups, &record(id, 0, "/recorded", 0, 25)).unwrap();
    let second: Vec<_> = cgroups.scan(|| 30).into_iter().map(fact).collect();
    assert_eq!(second.len(), 2, "{second:?}");
    assert!(second[0].is_removed && second[0].container_id == ID);
    assert_eq!((second[1].path.as_slice(), second[1].cgroup.unwrap().birth_boot_ns), (&b"/missed"[..], 30));
    let all: Vec<_> = cgroups.all().into_iter().map(|ordered| fact(ordered).path).collect();
    assert_eq!(all, [&b"/"[..], b"/docker", b"/missed", b"/recorded"]);
}

/// Scenario: more groups than are kept, and a hierarchy that is not mounted. Guarantees: each is told, no more than the bound are kept,
/// and a walk that ended early takes nothing for gone.
#[test]
fn the_table_is_bounded() {
    let mount = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c", "d"] {
        fs::create_dir(mount.path().join(name)).unwrap();
    }
    let mut cgroups = Cgroups::with_limit(v2(Some(mount.path())), 3);
    assert_eq!(cgroups.scan(|| 1).len(), 3);
    assert!(told(&mut cgroups, &record(u64::MAX, 0, "/docker", 0, 5)).is_some());
    assert_eq!(cgroups.all().len(), 3);
    fs::remove_dir(mount.path().join("d")).unwrap();
    fs::create_dir(mount.path().join("e")).unwrap();
    assert!(cgroups.scan(|| 2).iter().all(|found| !fact(found.clone()).is_removed));
    assert_eq!(Cgroups::new(v2(None)).scan(|| 1), []);
}

/// Scenario: a container of the host runs while a user makes a group of the same name in what is his, and one inside of it, with and without records, and
/// once more when the container has stopped; then one that nobody else has. Guarantees: the user's processes are not the container's, but stay the host's; his own containers
/// are containers.
#[test]
fn a_user_cannot_pass_for_a_container_of_the_host() {
    // Root's, as otherwise all folders would be one user's.
    requires!(Requirement::Kernel);
    let mount = tempfile::tempdir().unwrap();
    let (own, scope) = ("user.slice/user@1000.service", format!("docker-{ID}.scope"));
    let at = |path: &str| mount.path().join(path);
    fs::create_dir_all(at("system.slice").join(&scope)).unwrap();
    fs::create_dir_all(at(own)).unwrap();
    for path in [own.to_owned(), format!("{own}/{scope}"), format!("{own}/{scope}/inner")] {
        give_to_a_user(&at(&path));
    }
    let ids = |facts: Vec<OrderedFact>| -> Vec<(bool, bool)> {
        let facts = facts.into_iter().map(fact).filter(|fact| fact.path.ends_with(b"scope"));
        facts.map(|fact| (fact.path.starts_with(b"/user"), fact.container_id == ID)).collect()
    };
    let mut cgroups = Cgroups::new(v2(Some(mount.path())));
    assert_eq!(ids(cgroups.scan(|| 10)), [(false, true), (true, false)]);
    for (number, inside) in [(70, ""), (71, "/inner"), (72, "/gone")] {
        let path = format!("/{own}/{scope}{inside}");
        let made = told(&mut cgroups, &record(number, 0, &path, 0, 20 + number)).unwrap();
        assert_eq!((made.container_id.as_str(), made.runtime.as_str()), ("", ""), "{path}");
    }
    fs::remove_dir(at("system.slice").join(&scope)).unwrap();
    cgroups.scan(|| 200);
    let stopped = told(&mut cgroups, &record(73, 0, &format!("/{own}/{scope}"), 0, 300)).unwrap();
    assert_eq!(stopped.container_id, "");
    let other = ID.replace('0', "1");
    let of_user =
        told(&mut cgroups, &record(74, 0, &format!("/{own}/docker-{other}.scope"), 0, 301)).unwrap();
    assert_eq!(of_user.container_id, other);
}

/// Scenario: groups of the host and of a container are recorded, found by a walk, and removed; the path of one is cut. Guarantees: what is
/// known to be none of a container's is told, once it is known and once it holds no more; what cannot be known is not.
#[test]
fn groups_of_the_host_are_told_apart() {
    let mount = tempfile::tempdir().unwrap();
    fs::create_dir(mount.path().join("found")).unwrap();
    let mut cgroups = Cgroups::new(v2(Some(mount.path())));
    cgroups.scan(|| 10);
    let changes = cgroups.take_host_changes();
    assert!(changes.len() == 2 && changes.iter().all(|(_, is_of_host)| *is_of_host), "{changes:?}");
    told(&mut cgroups, &record(7, 0, &format!("/docker/{ID}"), 0, 100)).unwrap();
    told(&mut cgroups, &record(8, 0, "/system.slice", 0, 101)).unwrap();
    assert_eq!(cgroups.take_host_changes(), [(7, false), (8, true)]);
    told(&mut cgroups, &record(8, 0, "/system.slice", cgroup_flag::REMOVED, 102)).unwrap();
    told(&mut cgroups, &record(9, 0, "/cut", cgroup_flag::PATH_TRUNCATED, 103)).unwrap();
    assert_eq!(cgroups.take_host_changes(), [(8, false), (9, false)]);
    assert_eq!(cgroups.take_host_changes(), []);
}

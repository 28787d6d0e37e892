use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use eyrie_bpf::{CgroupController, Config, Record};
use test_requirements::{Requirement, requires};

use super::{
    lives::until_named,
    loaded::{GENERATION, Loaded, RING_BYTES, Recorded},
};

/// A hierarchy of this machine: its number, a controller of it (none for v2), and where it is mounted.
struct Hierarchy {
    number: u32,
    controller: Option<CgroupController>,
    mount: PathBuf,
}

/// A control group that this test makes; gone when dropped.
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

fn hierarchies() -> Vec<Hierarchy> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mounts: Vec<Vec<&str>> = mounts.lines().map(|line| line.split(' ').collect()).collect();
    let numbers = fs::read_to_string("/proc/cgroups").unwrap();
    let number = |name: &str| {
        let fields = numbers.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        fields.filter(|fields| fields[0] == name).find_map(|fields| fields[1].parse::<u32>().ok())
    };
    let mut found = Vec::new();
    if let Some(mount) = mounts.iter().find(|mount| mount[2] == "cgroup2") {
        found.push(Hierarchy { number: 0, controller: None, mount: mount[1].into() });
    }
    for controller in CgroupController::ALL {
        let is_its = |mount: &&Vec<&str>| {
            mount[2] == "cgroup" && mount[3].split(',').any(|option| option == controller.name())
        };
        if let (Some(mount), Some(number @ 1..)) = (mounts.iter().find(is_its), number(controller.name())) {
            found.push(Hierarchy { number, controller: Some(controller), mount: mount[1].into() });
        }
    }
    found
}

/// A shell that runs `true` once it is told to, so that it can be moved before.
fn waiting_child() -> Child {
    Command::new("sh").args(["-c", "read line; /bin/true; exit 0"]).stdin(Stdio::piped()).spawn().unwrap()
}

fn position(recorded: &Recorded, is_it: impl Fn(&Record<'_>) -> bool) -> usize {
    recorded.iter().position(|record| is_it(&record)).unwrap()
}

fn made_and_removed(hierarchy: &Hierarchy, folder: &Path) {
    let mut loaded = Loaded::with(
        RING_BYTES,
        &Config {
            plan_generation: GENERATION,
            cgroup_hierarchy: hierarchy.number,
            cgroup_controller: hierarchy.controller,
            ..Config::default()
        },
    );
    let mut child = waiting_child();
    // The kernel's own copy of the shell, before it is moved.
    until_named(child.id(), "sh");
    fs::create_dir(folder).unwrap();
    let made = Made(folder.to_owned());
    let id = fs::metadata(folder).unwrap().ino();
    if hierarchy.controller == Some(CgroupController::Cpuset) {
        for file in ["cpuset.cpus", "cpuset.mems"] {
            fs::copy(hierarchy.mount.join(file), folder.join(file)).unwrap();
        }
    }
    fs::write(folder.join("cgroup.procs"), child.id().to_string()).unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    drop(made);
    let recorded = loaded.drain(std::process::id());

    let of_child = |record: &Record<'_>| record.header().tgid == child.id();
    let is_execution = |record: &Record<'_>| matches!(record, Record::Exec(_)) && of_child(record);
    let old = recorded.only(|record| is_execution(&record).then_some(*record.header()));
    let is_end = |record: &Record<'_>| matches!(record, Record::Exit(_)) && of_child(record);
    let new = recorded.only(|record| is_end(&record).then_some(*record.header()));
    assert!(old.cgroup_id != id && old.cgroup_id != 0, "{old:?}");
    assert_eq!((new.cgroup_id, new.cgroup_hierarchy), (id, hierarchy.number));
    let path = format!("/{}", folder.strip_prefix(&hierarchy.mount).unwrap().display());
    let is_cgroup = |record: &Record<'_>, removed: bool| match record {
        Record::Cgroup(group) => {
            group.cgroup_id == id
                && group.is_removed() == removed
                && (group.hierarchy, group.path) == (hierarchy.number, path.as_bytes())
        }
        _ => false,
    };
    let is_fork = |record: &Record<'_>| matches!(record, Record::Fork(fork) if fork.header.tgid == child.id() && fork.child_cgroup_id == id);
    let is_exec = |record: &Record<'_>| matches!(record, Record::Exec(exec) if exec.header.cgroup_id == id && exec.requested == b"/bin/true");
    let is_exit = |record: &Record<'_>| matches!(record, Record::Exit(exit) if exit.header.tgid == child.id() && exit.header.cgroup_id == id);
    let order = [
        position(&recorded, |record| is_cgroup(record, false)),
        position(&recorded, is_fork),
        position(&recorded, is_exec),
        position(&recorded, is_exit),
        position(&recorded, |record| is_cgroup(record, true)),
    ];
    assert!(order.is_sorted(), "{order:?}");
    let others = recorded.iter().filter(|record| match record {
        Record::Cgroup(group) => group.hierarchy != hierarchy.number,
        record => record.header().cgroup_hierarchy != hierarchy.number,
    });
    assert_eq!(others.count(), 0);
}

/// Scenario: in each hierarchy of this machine, v2 and v1, a control group is made, a child moved into it starts a program, and the
/// group is removed. Guarantees: with that hierarchy configured, the group's making comes before all events that carry
/// its id, and its removal after; the id is the inode number of its directory.
#[test]
fn a_control_group_is_told_before_its_processes() {
    requires!(Requirement::Kernel);
    let hierarchies = hierarchies();
    assert!(!hierarchies.is_empty(), "no hierarchy of control groups is mounted");
    for hierarchy in &hierarchies {
        eprintln!("hierarchy {} {:?}", hierarchy.number, hierarchy.controller);
        let folder = hierarchy.mount.join(format!("eyrie-bpf-test-{}", std::process::id()));
        made_and_removed(hierarchy, &folder);
    }
}

/// Scenario: a controller is configured with the number of another hierarchy, as if it had been bound anew since.
/// Guarantees: no id is told rather than a wrong one.
#[test]
fn a_controller_elsewhere_tells_no_id() {
    requires!(Requirement::Kernel);
    let config = Config {
        cgroup_hierarchy: 4_000,
        cgroup_controller: Some(CgroupController::Memory),
        ..Config::default()
    };
    let mut loaded = Loaded::with(RING_BYTES, &config);
    fs::File::open("/eyrie-missing").unwrap_err();
    let own = loaded.drain(std::process::id());
    let headers: Vec<_> = own.iter().map(|record| *record.header()).collect();
    assert!(!headers.is_empty());
    assert!(headers.iter().all(|header| (header.cgroup_id, header.cgroup_hierarchy) == (0, 4_000)));
}

//! Control groups and containers on the real kernel: which of them an event belongs to. Needs root and BTF; some need podman.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is a test"
)]

#[path = "support/fake_engine.rs"]
mod fake_engine;
#[path = "containers/interfaces.rs"]
mod interfaces;
#[path = "containers/podman.rs"]
mod podman;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use capture_agent::{Agent, Config};
use eyrie_proto::event::{CgroupFact, Event, Task, event::Kind, ordered_fact};
use fake_engine::{FakeEngine, Policy, Seen};
use host_model::{ContainerId, HostModel};
use test_requirements::{Requirement, requires};

/// Agents of this process one at a time: each captures the whole machine.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn config(engine: &FakeEngine) -> Config {
    Config {
        machine_id: Some("0123456789abcdef0123456789abcdef".to_owned()),
        ..Config::new(&engine.url()).unwrap()
    }
}

fn cgroup_of(event: &Event) -> Option<&CgroupFact> {
    match &event.kind {
        Some(Kind::Fact(fact)) => match &fact.kind {
            Some(ordered_fact::Kind::Cgroup(cgroup)) => Some(cgroup),
            _ => None,
        },
        _ => None,
    }
}

/// The facts about control groups of a container, with their sequence numbers.
fn cgroups(seen: &Seen, container_id: &str) -> Vec<(u64, CgroupFact)> {
    let is_of = |(sequence, event): (&u64, &Event)| {
        let fact = cgroup_of(event).filter(|fact| fact.container_id == container_id)?;
        Some((*sequence, fact.clone()))
    };
    seen.events.iter().filter_map(is_of).collect()
}

/// The container of each event of a process, as an engine would have it: from the base state and the events up to there.
fn containers_of(seen: &Seen, pid: u32) -> Vec<(u64, Option<String>)> {
    let mut model = HostModel::default();
    let base = seen.bases.iter().flatten();
    model.restore(base.flat_map(|part| part.processes.clone()), []);
    let mut containers = Vec::new();
    for (sequence, event) in &seen.events {
        model.apply(event);
        let is_of = |task: &&Task| task.process.is_some_and(|key| key.pid == pid);
        let Some(task) = event.task.as_ref().filter(is_of) else { continue };
        let process = model.process_of(task).expect("a known process");
        containers.push((
            *sequence,
            match model.container_id(process) {
                ContainerId::Container(id) => Some(id.to_owned()),
                ContainerId::Host => Some("host".to_owned()),
                ContainerId::Unknown => None,
            },
        ));
    }
    containers
}

/// Where the hierarchy that the agent chooses is mounted, by the facts about its root.
fn mount_of(seen: &Seen) -> PathBuf {
    let root = seen.events.values().filter_map(cgroup_of).find(|fact| fact.path == b"/").expect("a root");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let of_cgroups =
        mounts.filter(|mount| mount[2].starts_with("cgroup")).map(|mount| PathBuf::from(mount[1]));
    let key = root.cgroup.unwrap();
    let is_it = |mount: &PathBuf| {
        // Roots of all hierarchies have the same inode number: the controller's name is in the path.
        let is_v2 = mount.join("cgroup.controllers").exists();
        fs::metadata(mount).unwrap().ino() == key.cgroup_id
            && is_v2 == (key.hierarchy == 0)
            && number(mount) == key.hierarchy
    };
    of_cgroups.into_iter().find(is_it).expect("a mounted hierarchy")
}

/// Number of the hierarchy that is mounted there.
fn number(mount: &Path) -> u32 {
    let numbers = fs::read_to_string("/proc/cgroups").unwrap();
    let name = mount.file_name().unwrap().to_str().unwrap();
    let fields = numbers.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    fields
        .filter(|fields| name.split(',').any(|part| part == fields[0]))
        .find_map(|fields| fields[1].parse().ok())
        .unwrap_or(0)
}

/// Scenario: a process of the host is moved into a fresh control group that is named as a container's and starts a program
/// there; then the group is removed. Guarantees: the group is told before, and its end after, all events of
/// processes in it; events before the move are the host's, those after it the container's.
#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_control_group_is_known_before_its_events() {
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().await;
    let engine = FakeEngine::start(Policy::default()).await;
    let running = Agent::start(config(&engine), Default::default()).await.unwrap();
    engine.until("facts", |seen| seen.events.values().any(|event| cgroup_of(event).is_some())).await;
    let mount = mount_of(&engine.seen());
    let id = format!("{:064x}", std::process::id());
    let folder = mount.join(format!("docker-{id}.scope"));

    let mut child = Command::new("sh")
        .args(["-c", "read line; /bin/true; exit 0"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("cgroup.procs"), pid.to_string()).unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    fs::remove_dir(&folder).unwrap();
    engine.until("the end", |seen| cgroups(seen, &id).iter().any(|(_, fact)| fact.is_removed)).await;
    assert_eq!(running.shutdown().await.unacked_events, 0);

    let seen = engine.seen();
    let facts = cgroups(&seen, &id);
    assert_eq!(facts.len(), 2, "{facts:?}");
    let (made, removed) = (facts[0].0, facts[1].0);
    assert!(facts[0].1.cgroup.unwrap().birth_boot_ns > 0 && facts[0].1.cgroup == facts[1].1.cgroup);
    let containers = containers_of(&seen, pid);
    assert!(containers.iter().all(|(sequence, _)| *sequence < removed));
    let moved = containers.partition_point(|(_, container)| container.as_deref() == Some("host"));
    let (before, after) = containers.split_at(moved);
    assert!(!before.is_empty() && after.len() >= 2, "{containers:?}");
    assert!(after.iter().all(|(sequence, container)| *sequence > made && container.as_deref() == Some(&id)));
    let forked = seen.events.values().find_map(|event| match &event.kind {
        Some(Kind::Fork(fork)) if event.task.as_ref()?.process?.pid == pid => Some(fork.child_process?.pid),
        _ => None,
    });
    let of_child = containers_of(&seen, forked.expect("a fork"));
    assert!(of_child.iter().all(|(_, container)| container.as_deref() == Some(&id)), "{of_child:?}");
}

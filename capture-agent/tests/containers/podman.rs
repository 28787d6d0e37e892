//! A real container of podman with runc.

use std::sync::Arc;

use eyrie_proto::{
    event::{OrderedFact, UsersFact},
    metadata::{Completeness, Container, late_fact::Kind as Late},
};
use test_containers::Image;

use super::*;

/// So often the container test passes in a row.
const ROUNDS: u32 = 20;

pub(super) fn told(seen: &Seen, id: &str) -> Option<Container> {
    let of = |fact: &eyrie_proto::metadata::LateFact| match &fact.kind {
        Some(Late::Container(container)) if container.key.as_ref()?.runtime_id == id => {
            Some(container.clone())
        }
        _ => None,
    };
    seen.late_facts.values().filter_map(of).next_back()
}

fn users_of(seen: &Seen, id: &str) -> Option<UsersFact> {
    let of = |event: &Event| match event.kind.as_ref()? {
        Kind::Fact(OrderedFact { kind: Some(ordered_fact::Kind::Users(users)), .. }) => Some(users.clone()),
        _ => None,
    };
    seen.events.values().filter_map(of).find(|users| users.container_id == id)
}

fn is_removed(seen: &Seen, id: &str) -> bool {
    seen.late_facts.values().any(|fact| match &fact.kind {
        Some(Late::ContainerRemoval(removal)) => removal.key.as_ref().is_some_and(|key| key.runtime_id == id),
        _ => false,
    })
}

/// Scenario: 20 times, podman and runc start a container that reads a file and ends; one more runs since before the agent.
/// Guarantees: every event of the container's program carries its id from the first on, no name or image is missing or
/// another's, the end is told; of the one from before, the same by the scan, and its own users and groups.
#[tokio::test(flavor = "multi_thread")]
async fn containers_of_podman_are_told() {
    requires!(Requirement::Kernel);
    requires!(Requirement::Containers);
    let _alone = ALONE.lock().await;
    let image = Arc::new(Image::import().unwrap());
    let old_name = format!("eyrie-old-{}", std::process::id());
    let old = image.start(&old_name, &["/bin/sleep", "600"]).unwrap();
    let engine = FakeEngine::start(Policy::default()).await;
    let running = Agent::start(config(&engine), Default::default()).await.unwrap();
    engine.until("facts", |seen| seen.events.values().any(|event| cgroup_of(event).is_some())).await;
    for round in 0..ROUNDS {
        let name = format!("eyrie-test-{}-{round}", std::process::id());
        let started = tokio::task::spawn_blocking({
            let (image, name) = (Arc::clone(&image), name.clone());
            move || image.start(&name, &["/bin/cat", "/etc/hostname"])
        });
        let container = started.await.unwrap().unwrap();
        engine.until("the container's end", |seen| is_removed(seen, container.id())).await;
        check(&engine.seen(), container.id(), &name, &image.reference(), b"cat");
    }
    engine.until("the old container", |seen| told(seen, old.id()).is_some()).await;
    engine.until("the old container's users", |seen| users_of(seen, old.id()).is_some()).await;
    let users = users_of(&engine.seen(), old.id()).unwrap();
    let names = |names: Vec<Vec<u8>>| names.into_iter().map(|name| String::from_utf8(name).unwrap());
    let all = names(users.users.into_iter().map(|user| user.name).collect())
        .chain(names(users.groups.into_iter().map(|group| group.name).collect()));
    assert_eq!(all.collect::<Vec<_>>(), ["root", "eyrie-inside", "root", "eyrie-insiders"]);
    let old_container = told(&engine.seen(), old.id()).unwrap();
    let old_id = old.id().to_owned();
    drop(old);
    engine.until("the old container's end", |seen| is_removed(seen, &old_id)).await;
    running.shutdown().await;
    assert_eq!(
        (old_container.name.as_str(), old_container.completeness()),
        (old_name.as_str(), Completeness::Complete)
    );
    assert!(old_container.started_ns > 0);
    let seen = engine.seen();
    assert_eq!(cgroups(&seen, &old_id)[0].1.cgroup.unwrap().birth_boot_ns, 0);
}

fn check(seen: &Seen, id: &str, name: &str, image: &str, program: &[u8]) {
    let is_program = |event: &&Event| {
        matches!(&event.kind, Some(Kind::Exec(exec)) if exec.exe.ends_with(program))
            && event.task.as_ref().is_some_and(|task| task.namespace_pid == 1)
    };
    let facts = cgroups(seen, id);
    let exec = seen.events.range(facts[0].0..).map(|(_, event)| event).find(is_program).expect("an exec");
    let pid = exec.task.as_ref().unwrap().process.unwrap().pid;
    let containers = containers_of(seen, pid);
    // The first process was runc's: it was the host's until it was moved.
    let moved = containers.partition_point(|(_, container)| container.as_deref() == Some("host"));
    let inside = &containers[moved..];
    assert!(inside.len() >= 3, "{containers:?}");
    assert!(inside.iter().all(|(_, container)| container.as_deref() == Some(id)), "{containers:?}");
    let position =
        seen.events.iter().find(|(_, event)| *event == exec).map(|(sequence, _)| *sequence).unwrap();
    assert!(inside[0].0 <= position && facts[0].0 < inside[0].0);

    let container = told(seen, id).expect("a late fact");
    assert_eq!(container.completeness(), Completeness::Complete, "{container:?}");
    assert_eq!((container.name.as_str(), container.runtime.as_str()), (name, "podman"));
    let told = container.image.as_ref().unwrap();
    assert_eq!(format!("{}:{}", told.repository, told.tag), image);
    assert!(told.digest.starts_with("sha256:") && told.id.len() == 64);
    assert_eq!(container.is_privileged, Some(false));
    assert_eq!((container.is_host_network, container.is_host_pid), (Some(false), Some(false)));
    let key = container.key.unwrap();
    assert_eq!(key.cgroup, facts[0].1.cgroup);
    assert!(key.cgroup.unwrap().birth_boot_ns > 0 && container.started_ns > container.created_ns);
}

//! A real container of podman with runc.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use eyrie_proto::metadata::{Completeness, Container, late_fact::Kind as Late};

use super::*;

/// So often the container test passes in a row.
const ROUNDS: u32 = 20;
/// What this machine's container needs: no network, limits that may be set, and no systemd.
const RUN: [&str; 6] =
    ["run", "--network=none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"];

/// An image of busybox alone; gone when dropped.
struct BusyboxImage(String);

fn podman(arguments: &[&str]) -> Output {
    let mut command = Command::new("podman");
    command.args(["--runtime", "runc", "--cgroup-manager=cgroupfs"]).args(arguments);
    command.output().unwrap()
}

fn succeeded(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Of Debian's busybox-static, which needs no libraries.
fn busybox() -> Option<PathBuf> {
    let path = PathBuf::from("/bin/busybox");
    let is_static = Command::new("ldd").arg(&path).output().is_ok_and(|output| !output.status.success());
    (path.exists() && is_static).then_some(path)
}

impl BusyboxImage {
    fn import(busybox: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("root/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::copy(busybox, bin.join("busybox")).unwrap();
        for name in ["sh", "cat", "sleep"] {
            std::os::unix::fs::symlink("busybox", bin.join(name)).unwrap();
        }
        let archive = folder.path().join("image.tar");
        let root = folder.path().join("root");
        succeeded(
            Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(root).arg(".").output().unwrap(),
        );
        let name = format!("localhost/eyrie-test-{}:7", std::process::id());
        succeeded(podman(&["import", "--quiet", archive.to_str().unwrap(), &name]));
        Self(name)
    }
}

impl Drop for BusyboxImage {
    fn drop(&mut self) {
        podman(&["rmi", "--force", &self.0]);
    }
}

fn told(seen: &Seen, id: &str) -> Option<Container> {
    let of = |fact: &eyrie_proto::metadata::LateFact| match &fact.kind {
        Some(Late::Container(container)) if container.key.as_ref()?.runtime_id == id => {
            Some(container.clone())
        }
        _ => None,
    };
    seen.late_facts.values().filter_map(of).next_back()
}

fn is_removed(seen: &Seen, id: &str) -> bool {
    seen.late_facts.values().any(|fact| match &fact.kind {
        Some(Late::ContainerRemoval(removal)) => removal.key.as_ref().is_some_and(|key| key.runtime_id == id),
        _ => false,
    })
}

/// Scenario: 20 times, podman and runc start a container that reads a file and ends; one more runs since before the agent.
/// Guarantees: every event of the container's program carries its id from the first on, no name or image is missing or
/// another's, the end is told; of the one from before, the same by the scan.
#[tokio::test(flavor = "multi_thread")]
async fn containers_of_podman_are_told() {
    requires!(Requirement::Kernel);
    requires!(Requirement::Containers);
    let Some(busybox) = busybox() else {
        assert!(
            !std::env::var("EYRIE_REQUIRE").unwrap_or_default().contains("containers"),
            "busybox-static is missing"
        );
        eprintln!("skipped: /bin/busybox of busybox-static is missing");
        return;
    };
    let _alone = ALONE.lock().await;
    let image = BusyboxImage::import(&busybox);
    let old_name = format!("eyrie-old-{}", std::process::id());
    let old =
        succeeded(podman(&[&RUN[..], &["-d", "--name", &old_name, &image.0, "/bin/sleep", "600"]].concat()));
    let engine = FakeEngine::start(Policy::default()).await;
    let running = Agent::start(config(&engine)).await.unwrap();
    engine.until("facts", |seen| seen.events.values().any(|event| cgroup_of(event).is_some())).await;
    for round in 0..ROUNDS {
        let name = format!("eyrie-test-{}-{round}", std::process::id());
        let arguments = [&RUN[..], &["-d", "--name", &name, &image.0, "/bin/cat", "/etc/hostname"]].concat();
        let id = tokio::task::spawn_blocking({
            let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
            move || succeeded(podman(&arguments.iter().map(String::as_str).collect::<Vec<_>>()))
        })
        .await
        .unwrap();
        engine.until("the container's end", |seen| is_removed(seen, &id)).await;
        check(&engine.seen(), &id, &name, &image.0, b"cat");
        podman(&["rm", "--force", &name]);
    }
    engine.until("the old container", |seen| told(seen, &old).is_some()).await;
    let old_container = told(&engine.seen(), &old).unwrap();
    podman(&["rm", "--force", "--time", "0", &old_name]);
    engine.until("the old container's end", |seen| is_removed(seen, &old)).await;
    running.shutdown().await;
    assert_eq!(
        (old_container.name.as_str(), old_container.completeness()),
        (old_name.as_str(), Completeness::Complete)
    );
    assert!(old_container.started_ns > 0);
    let seen = engine.seen();
    assert_eq!(cgroups(&seen, &old)[0].1.cgroup.unwrap().birth_boot_ns, 0);
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

//! Real runtimes that are asked about real containers over their sockets, by a real agent.

use capture_agent::Sockets;
use eyrie_proto::metadata::{Completeness, ContainerProbeKind};
use test_containers::{Docker, Podman};

use super::{podman::told, *};

fn sockets(folder: &Path) -> Sockets {
    let none = |name: &str| folder.join(name);
    Sockets { docker: none("d"), podman: none("p"), containerd: none("c"), cri: vec![none("cri")] }
}

fn is_from(seen: &Seen, id: &str, source: &str) -> bool {
    told(seen, id)
        .is_some_and(|container| container.provenance.iter().any(|provenance| provenance.source == source))
}

/// Scenario: a container with labels and a health check is started with podman, whose service is asked; the service ends, comes back elsewhere for another agent, and one more is started.
/// Guarantees: names and images are those of the files, and what only podman knows is added; without a service everything else is still told.
#[tokio::test(flavor = "multi_thread")]
async fn podmans_service_is_asked() {
    requires!(Requirement::Kernel);
    requires!(Requirement::Containers);
    let _alone = ALONE.lock().await;
    let podman = Podman::with_own_storage().unwrap();
    let image = podman.import().unwrap();
    let service = podman.serve().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let engine = FakeEngine::start(Policy::default()).await;
    let config = Config {
        sockets: Sockets { podman: service.socket(), ..sockets(folder.path()) },
        podman_storage: vec![podman.storage()],
        ..config(&engine)
    };
    let running = Agent::start(config, Default::default()).await.unwrap();
    let options =
        ["--label", "team=red", "--health-cmd", "/bin/check", "--privileged", "-v", "/srv:/data:ro"];
    let name = format!("eyrie-asked-{}", std::process::id());
    let container = image.start_with(&options, &name, &["/bin/sleep", "600"]).unwrap();
    engine.until("podman's answer", |seen| is_from(seen, container.id(), "podman-api")).await;
    let all = told(&engine.seen(), container.id()).unwrap();
    assert_eq!((all.completeness(), all.name.as_str()), (Completeness::Complete, name.as_str()), "{all:?}");
    assert_eq!(all.labels.get("team").map(String::as_str), Some("red"), "{all:?}");
    assert_eq!((all.is_privileged, all.is_host_pid), (Some(true), Some(false)));
    let told_image = all.image.as_ref().unwrap();
    assert_eq!(format!("{}:{}", told_image.repository, told_image.tag), image.reference());
    assert!(told_image.digest.starts_with("sha256:") && told_image.id.len() == 64, "{told_image:?}");
    assert_eq!(all.mounts.len(), 1, "{:?}", all.mounts);
    assert_eq!((all.mounts[0].source.as_str(), all.mounts[0].is_writable), ("/srv", false));
    assert_eq!(all.probes[0].kind(), ContainerProbeKind::Healthcheck, "{:?}", all.probes);
    drop(service);
    let name = format!("eyrie-unasked-{}", std::process::id());
    let unasked = image.start_with(&options, &name, &["/bin/sleep", "600"]).unwrap();
    let is_whole = |seen: &Seen| {
        told(seen, unasked.id()).is_some_and(|told| told.completeness() == Completeness::Complete)
    };
    engine.until("the files' word", is_whole).await;
    let files_only = told(&engine.seen(), unasked.id()).unwrap();
    assert_eq!((files_only.name.as_str(), files_only.labels.is_empty()), (name.as_str(), true));
    assert!(files_only.reasons[0].starts_with("labels"), "{:?}", files_only.reasons);
    running.shutdown().await;
}

/// Scenario: a docker of the test's own runs a container since before the agent, and starts one after it, which is renamed. Guarantees: both are
/// told whole, by docker's files and by docker; the new name as well.
#[tokio::test(flavor = "multi_thread")]
async fn docker_is_read_and_asked() {
    requires!(Requirement::Kernel);
    requires!(Requirement::Containers);
    let _alone = ALONE.lock().await;
    let docker = Docker::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let engine = FakeEngine::start(Policy::default()).await;
    let config = Config {
        sockets: Sockets { docker: docker.socket(), ..sockets(folder.path()) },
        docker_root: docker.root(),
        ..config(&engine)
    };
    let options = ["--label", "team=red", "--health-cmd", "/bin/check", "-v", "/srv:/data:ro", "--name"];
    let start =
        |name| docker.start_container(&[&options[..], &[name]].concat(), &["/bin/sleep", "600"]).unwrap();
    let old = start("old");
    let running = Agent::start(config, Default::default()).await.unwrap();
    engine.until("the old container", |seen| is_from(seen, &old, "docker-api")).await;
    let new = start("new");
    engine.until("the new container", |seen| is_from(seen, &new, "docker-api")).await;
    for (id, name) in [(&old, "old"), (&new, "new")] {
        let all = told(&engine.seen(), id).unwrap();
        assert_eq!((all.completeness(), all.name.as_str()), (Completeness::Complete, name), "{all:?}");
        let image = all.image.as_ref().unwrap();
        assert_eq!(format!("{}:{}", image.repository, image.tag), docker.image());
        assert_eq!((image.id.len(), all.labels["team"].as_str()), (64, "red"));
        assert_eq!((all.is_privileged, all.is_host_network), (Some(false), Some(false)));
        assert_eq!((all.mounts[0].source.as_str(), all.mounts.len()), ("/srv", 1), "{:?}", all.mounts);
        assert_eq!(all.probes[0].command, ["/bin/sh", "-c", "/bin/check"]);
        assert!(is_from(&engine.seen(), id, "docker-storage"), "{:?}", all.provenance);
    }
    docker.run(&["rename", "new", "renamed"]).unwrap();
    engine.until("the new name", |seen| told(seen, &new).is_some_and(|told| told.name == "renamed")).await;
    running.shutdown().await;
}

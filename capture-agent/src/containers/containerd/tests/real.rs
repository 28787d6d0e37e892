//! The real containerd.

use test_containers::{Containerd as Real, PodOptions};
use test_requirements::{Requirement, requires};

use super::*;

/// Scenario: Debian's containerd has a container in one namespace, and while it is listened to one is run in another, and a pod.
/// Guarantees: everything that containerd notes is told of each, of the later ones by its events, with the time of the start.
#[tokio::test]
async fn real_containers_are_described() {
    requires!(Requirement::Containers);
    let real = Real::start().unwrap();
    let options = [
        "--label",
        "nerdctl/name=web",
        "--env",
        "TOKEN=do not tell",
        "--mount",
        "type=bind,src=/usr,dst=/host,options=rbind:ro",
        "--net-host",
    ];
    let first = real.run("default", "first", &options, &["sleep", "60"]).unwrap();
    let path = real.socket();
    let mut listening = Listening::start(move |asked, told| run(path, asked, told));

    let Told { source, container, is_whole, .. } = listening.of(first.id()).await;
    assert_eq!((source, is_whole), ("containerd", true));
    let now = crate::clock::read().epoch_ns;
    let is_recent = |at: u64| at <= now + 60_000_000_000 && at > now - 120_000_000_000;
    assert!(is_recent(container.created_ns), "{container:?}");
    let image = container.image.clone().unwrap();
    assert_eq!((image.repository.as_str(), image.tag.as_str()), ("localhost/eyrie-containerd", "7"));
    assert!(image.digest.starts_with("sha256:") && image.digest.len() == 71, "{image:?}");
    assert!(container.environment_names.iter().any(|name| name == "TOKEN"));
    assert!(!format!("{container:?}").contains("do not tell"));
    assert!(container.capabilities.iter().any(|name| name == "CAP_CHOWN"));
    assert_eq!((container.runtime.as_str(), container.name.as_str()), ("containerd", "web"));
    assert_eq!((container.user.as_str(), container.is_privileged), ("0:0", Some(false)));
    let namespaces = (container.is_host_network, container.is_host_pid, container.is_host_ipc);
    assert_eq!(namespaces, (Some(true), Some(false), Some(false)));
    let mount = container.mounts.iter().find(|mount| mount.destination == "/host").unwrap();
    assert_eq!((mount.source.as_str(), mount.is_writable), ("/usr", false));
    assert_eq!(container.reasons, [""; 0]);

    // By its events, once those are listened to: until then by the list of another connection.
    let mut number = 0;
    let started = loop {
        number += 1;
        let id = format!("later-{number}");
        let _later = real.run("default", &id, &["--privileged"], &["sleep", "60"]).unwrap();
        listening.asked.send(id.clone()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let mut told =
            listening.until_now().into_iter().filter(|told| told.id == id).map(|told| told.container);
        let last = told.next_back().unwrap();
        assert_eq!(last.is_privileged, Some(true), "{last:?}");
        if last.started_ns != 0 || number > 10 {
            break last.started_ns;
        }
    };
    assert!(is_recent(started), "{started}");

    let pod = real.run_pod("shop", PodOptions::default()).unwrap();
    let id = pod.run("app", PodOptions::default(), &["sleep", "60"]).unwrap();
    listening.asked.send(id.clone()).await.unwrap();
    let container = listening.of(&id).await.container;
    assert_eq!((container.pod_name.as_str(), container.name.as_str()), ("shop", "app"), "{container:?}");
    assert_eq!((container.pod_namespace.as_str(), container.pod_sandbox_id.as_str()), ("eyrie", pod.id()));
    listening.end().await;
}

//! The real containerd.

use test_containers::{Containerd, PodOptions};
use test_requirements::{Requirement, requires};

use super::*;

const APPLIED: &str =
    r#"{"spec":{"containers":[{"name":"app","livenessProbe":{"exec":{"command":["cat","/ok"]}}}]}}"#;

/// Scenario: Debian's containerd runs a privileged pod, and in it a container with a mount, variables and a probe, before and after somebody
/// listens. Guarantees: everything that was asked for is told of both, the sandbox and the container, with times, and nothing of the values.
#[tokio::test]
async fn real_pods_are_described() {
    requires!(Requirement::Containers);
    let containerd = Containerd::start().unwrap();
    let pod = PodOptions {
        labels: map([("app", "shop")]),
        annotations: map([("kubectl.kubernetes.io/last-applied-configuration", APPLIED)]),
        is_privileged: true,
        is_host_pid: true,
        ..PodOptions::default()
    };
    let pod = containerd.run_pod("shop", pod).unwrap();
    let options = PodOptions {
        labels: map([("tier", "front")]),
        is_privileged: true,
        environment: map([("TOKEN", "do not tell")]),
        mounts: vec![("/usr".into(), "/host".into())],
        ..PodOptions::default()
    };
    let id = pod.run("app", options, &["sleep", "60"]).unwrap();
    let path = containerd.socket();
    let mut listening = Listening::start(move |asked, told| run(path, asked, told));

    let Told { id: told_id, source, container, is_whole } = listening.of(&id).await;
    assert_eq!((told_id.as_str(), source, is_whole), (id.as_str(), "cri", true));
    let now = crate::clock::read().epoch_ns;
    let is_recent = |at: u64| at <= now && at > now - 120_000_000_000;
    assert!(is_recent(container.created_ns) && is_recent(container.started_ns), "{container:?}");
    assert!(container.created_ns <= container.started_ns);
    let image = container.image.clone().unwrap();
    assert_eq!((image.repository.as_str(), image.tag.as_str()), ("localhost/eyrie-containerd", "7"));
    assert_eq!((image.id.len(), image.digest.as_str()), (64, ""), "{image:?}");
    assert!(container.capabilities.iter().any(|name| name == "CAP_SYS_ADMIN"));
    assert!(container.environment_names.iter().any(|name| name == "TOKEN"));
    assert!(!format!("{container:?}").contains("do not tell"));
    assert_eq!((container.runtime.as_str(), container.name.as_str()), ("containerd", "app"));
    let expected = Container {
        labels: map([
            ("tier", "front"),
            ("io.kubernetes.pod.name", "shop"),
            ("io.kubernetes.pod.namespace", "eyrie"),
            ("io.kubernetes.pod.uid", pod.uid()),
            ("io.kubernetes.sandbox.id", pod.id()),
        ]),
        mounts: vec![ContainerMount {
            source: "/usr".into(),
            destination: "/host".into(),
            mode: String::new(),
            is_writable: false,
            propagation: "private".into(),
        }],
        is_privileged: Some(true),
        is_host_network: Some(true),
        is_host_pid: Some(true),
        is_host_ipc: Some(false),
        pod_name: "shop".into(),
        pod_namespace: "eyrie".into(),
        pod_uid: pod.uid().into(),
        pod_sandbox_id: pod.id().into(),
        pod_labels: map([("app", "shop")]),
        user: "0:0".into(),
        probes: vec![ContainerProbe {
            kind: ContainerProbeKind::Liveness.into(),
            command: vec!["cat".into(), "/ok".into()],
        }],
        ..container.clone()
    };
    assert_eq!(container, expected);
    assert_eq!(container.reasons, [""; 0]);

    listening.asked.send(pod.id().to_owned()).await.unwrap();
    let sandbox = listening.of(pod.id()).await.container;
    assert_eq!((sandbox.name.as_str(), sandbox.pod_sandbox_id.as_str()), ("shop", pod.id()));
    assert_eq!(sandbox.image.clone().unwrap().repository, "localhost/eyrie-containerd", "{sandbox:?}");
    assert!(is_recent(sandbox.created_ns));

    let plain = containerd.run_pod("plain", PodOptions::default()).unwrap();
    let second = plain.run("second", PodOptions::default(), &["sleep", "60"]).unwrap();
    listening.asked.send(second.clone()).await.unwrap();
    let container = listening.of(&second).await.container;
    assert_eq!((container.is_privileged, container.is_host_pid), (Some(false), Some(false)));
    assert!(!container.capabilities.iter().any(|name| name == "CAP_SYS_ADMIN"));
    assert_eq!((container.pod_name.as_str(), container.mounts.len()), ("plain", 0));
    listening.end().await;
}

mod fake;
mod faults;
mod real;

use eyrie_proto::metadata::{Container, ContainerMount, ContainerProbe, ContainerProbeKind, Image};

use self::fake::{Fake, ID, IMAGE, SANDBOX};
use super::*;
use crate::containers::api::served::{Listening, Socket};

fn listen(socket: &Socket) -> Listening {
    let path = socket.path();
    Listening::start(move |asked, told| run(path, asked, told))
}

fn map<const N: usize>(entries: [(&str, &str); N]) -> std::collections::BTreeMap<String, String> {
    entries.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// What a container has of the pod of [`Fake::pod`].
fn in_pod(mut container: Container) -> Container {
    container.labels.extend(map([
        ("io.kubernetes.pod.name", "shop"),
        ("io.kubernetes.pod.namespace", "trade"),
        ("io.kubernetes.pod.uid", "8a1b"),
        ("io.kubernetes.sandbox.id", SANDBOX),
    ]));
    Container {
        pod_name: "shop".into(),
        pod_namespace: "trade".into(),
        pod_uid: "8a1b".into(),
        pod_sandbox_id: SANDBOX.into(),
        pod_labels: map([("app", "shop")]),
        ips: vec!["10.0.0.7".into(), "fd00::7".into()],
        is_host_network: Some(false),
        is_host_pid: Some(true),
        is_host_ipc: Some(false),
        ..container
    }
}

fn web() -> Container {
    in_pod(Container {
        name: "web".into(),
        image: Some(Image {
            id: IMAGE.into(),
            repository: "docker.io/app".into(),
            tag: "2".into(),
            digest: "sha256:ab".into(),
        }),
        labels: map([("io.kubernetes.container.name", "web")]),
        mounts: vec![ContainerMount {
            source: "/var/run".into(),
            destination: "/host".into(),
            mode: String::new(),
            is_writable: true,
            propagation: "rslave".into(),
        }],
        is_privileged: Some(true),
        capabilities: vec!["CAP_SYS_ADMIN".into()],
        created_ns: 1_000,
        started_ns: 2_000,
        environment_names: vec!["PATH".into(), "TOKEN".into()],
        user: "7:8".into(),
        ..Container::default()
    })
}

/// Scenario: a pod with a container, as containerd tells of both, in a list. Guarantees: everything that is told arrives, of the container
/// and of the sandbox; values of the environment do not.
#[tokio::test]
async fn containerds_containers_and_sandboxes_are_described() {
    let (mut socket, fake) = (Socket::new(), Fake::new("containerd"));
    fake.pod(fake::CONTAINERD_SANDBOX_INFO);
    fake.web(fake::CONTAINERD_INFO);
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    let cni_result = r#"{"eth0":{"IPConfigs":[{"IP":"10.0.0.7"}]}}"#;
    let probe = ContainerProbe {
        kind: ContainerProbeKind::Liveness.into(),
        command: vec!["cat".into(), "/ok".into()],
    };
    let told = listening.of(ID).await;
    let expected = Container {
        runtime: "containerd".into(),
        cni_result: cni_result.into(),
        probes: vec![probe],
        ..web()
    };
    assert_eq!(told, Told { id: ID.into(), source: "cri", container: expected, is_whole: true });

    listening.asked.send(SANDBOX.to_owned()).await.unwrap();
    let told = listening.of(SANDBOX).await;
    let image = Image { repository: "registry.k8s.io/pause".into(), tag: "3.6".into(), ..Image::default() };
    let expected = in_pod(Container {
        runtime: "containerd".into(),
        name: "shop".into(),
        image: Some(image),
        labels: map([("app", "shop")]),
        created_ns: 500,
        cni_result: cni_result.into(),
        user: "65535:65535".into(),
        environment_names: vec!["PATH".into()],
        ..Container::default()
    });
    assert_eq!(told, Told { id: SANDBOX.into(), source: "cri", container: expected, is_whole: true });
    listening.end().await;
}

/// Scenario: the same container as CRI-O tells of it: privileged is said at another place, the sandbox and the name of the image are, too.
/// Guarantees: the same is told.
#[tokio::test]
async fn crios_containers_are_described() {
    let (mut socket, fake) = (Socket::new(), Fake::new("cri-o"));
    fake.pod(fake::CRIO_SANDBOX_INFO);
    fake.web(fake::CRIO_INFO);
    fake.change_web(|status| {
        status.image = Some(ImageSpec { image: IMAGE.to_owned(), ..ImageSpec::default() });
    });
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    let told = listening.of(ID).await.container;
    let probes = told.probes.clone();
    assert_eq!(probes.len(), 1);
    let cni_result = r#"{"cniVersion":"1.0.0","ips":[]}"#.to_owned();
    assert_eq!(told, Container { runtime: "cri-o".into(), cni_result, probes, ..web() });
    listening.end().await;
}

/// Scenario: a container that the runtime tells of half a second after it is asked for, and one that it does not know. Guarantees: the
/// first is told when it is there; of the second it is said, in the end, that nothing is known.
#[tokio::test]
async fn who_is_asked_for_may_come_late() {
    let (mut socket, fake) = (Socket::new(), Fake::new("containerd"));
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    listening.asked.send(ID.to_owned()).await.unwrap();
    listening.asked.send("nobody".to_owned()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(listening.until_now(), []);
    fake.pod(fake::CONTAINERD_SANDBOX_INFO);
    fake.web(fake::CONTAINERD_INFO);
    assert_eq!(listening.of(ID).await.container.name, "web");
    assert_eq!(listening.of("nobody").await, Cri::unknown("nobody"));
    listening.end().await;
}

/// Scenario: a container whose sandbox is not told yet. Guarantees: what is known is told at once, not as the whole; the whole follows.
#[tokio::test]
async fn a_container_without_its_sandbox_is_not_whole() {
    let (mut socket, fake) = (Socket::new(), Fake::new("containerd"));
    fake.web(fake::CONTAINERD_INFO);
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    let first = listening.of(ID).await;
    assert_eq!((first.is_whole, first.container.name.as_str()), (false, "web"));
    assert_eq!((first.container.is_host_network, first.container.pod_name.as_str()), (None, ""));
    assert!(first.container.reasons.iter().any(|reason| reason.contains("sandbox")), "{first:?}");
    fake.pod(fake::CONTAINERD_SANDBOX_INFO);
    loop {
        let told = listening.of(ID).await;
        if told.is_whole {
            assert_eq!(told.container.pod_name, "shop");
            break;
        }
    }
    listening.end().await;
}

/// Scenario: a runtime with events: one of a start, one of an end, and one of a kind that nobody knows. Guarantees: who starts is told of
/// without being asked for.
#[tokio::test]
async fn events_are_followed() {
    let (mut socket, fake) = (Socket::new(), Fake::with_events("containerd"));
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    fake.listener().await;
    [ID, SANDBOX].into_iter().for_each(|id| fake.unlist(id));
    fake.pod(fake::CONTAINERD_SANDBOX_INFO);
    fake.web(fake::CONTAINERD_INFO);
    fake.tell(SANDBOX, 99);
    fake.tell(SANDBOX, ContainerEventType::ContainerDeletedEvent.into());
    fake.tell(ID, ContainerEventType::ContainerStartedEvent.into());
    assert_eq!(listening.of(ID).await.container.name, "web");
    assert_eq!(listening.until_now(), []);
    listening.end().await;
}

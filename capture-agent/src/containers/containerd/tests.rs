mod fake;
mod real;

use eyrie_proto::metadata::{ContainerMount, Image};

use self::fake::Fake;
use super::*;
use crate::containers::api::served::{Listening, Socket};

const SPEC: &str = r#"{"ociVersion":"1.0.2","process":{"user":{"uid":7,"gid":8},"env":["PATH=/bin","TOKEN=do not tell"],
    "capabilities":{"bounding":["CAP_CHOWN"]}},"mounts":[{"destination":"/proc","type":"proc","source":"proc"},
    {"destination":"/host","type":"bind","source":"/etc","options":["rbind","ro","rslave"]}],
    "annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-id":"5a4e"},
    "linux":{"namespaces":[{"type":"pid"},{"type":"ipc"}],"maskedPaths":["/proc/kcore"]}}"#;

fn listen(socket: &Socket) -> Listening {
    let path = socket.path();
    Listening::start(move |asked, told| run(path, asked, told))
}

fn labels<const N: usize>(labels: [(&str, &str); N]) -> std::collections::BTreeMap<String, String> {
    labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn asked(id: &str) -> Subject {
    Subject { namespace: None, id: id.to_owned() }
}

/// Scenario: a container of nerdctl's, with everything that containerd notes. Guarantees: everything is told; values of the environment are
/// not.
#[tokio::test]
async fn a_container_is_described() {
    let (mut socket, fake) = (Socket::new(), Fake::default());
    fake.image("default", "docker.io/library/app:2", "sha256:ab");
    fake.add("default", "c1", "docker.io/library/app:2", SPEC, &[("nerdctl/name", "web"), ("team", "red")]);
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    let told = listening.of("c1").await;
    let image = Image {
        id: String::new(),
        repository: "docker.io/library/app".into(),
        tag: "2".into(),
        digest: "sha256:ab".into(),
    };
    let expected = eyrie_proto::metadata::Container {
        runtime: "containerd".into(),
        name: "web".into(),
        image: Some(image),
        labels: labels([("nerdctl/name", "web"), ("team", "red"), ("io.kubernetes.sandbox.id", "5a4e")]),
        mounts: vec![ContainerMount {
            source: "/etc".into(),
            destination: "/host".into(),
            mode: "ro".into(),
            is_writable: false,
            propagation: "rslave".into(),
        }],
        is_privileged: Some(false),
        capabilities: vec!["CAP_CHOWN".into()],
        is_host_network: Some(true),
        is_host_pid: Some(false),
        is_host_ipc: Some(false),
        created_ns: 3_000_000_004,
        environment_names: vec!["PATH".into(), "TOKEN".into()],
        user: "7:8".into(),
        pod_sandbox_id: "5a4e".into(),
        ..Default::default()
    };
    assert_eq!(told, Told { id: "c1".into(), source: "containerd", container: expected, is_whole: true });
    listening.end().await;
}

/// Scenario: containers of Kubernetes, of docker, and without a name, one of them with an image that is gone. Guarantees: pods are told by their labels, docker's names are docker's to tell, an id is shown short, as in Falco; what is gone
/// is not made up.
#[tokio::test]
async fn names_are_whose_they_are() {
    let drawn = "3f4e5d6c7b8a99aabbccddeeff00112233445566778899aabbccddeeff001122";
    let (mut socket, fake) = (Socket::new(), Fake::default());
    let pod = [
        ("io.kubernetes.container.name", "web"),
        ("io.kubernetes.pod.name", "shop"),
        ("io.kubernetes.pod.namespace", "trade"),
        ("io.kubernetes.pod.uid", "8a1b"),
    ];
    fake.add("k8s.io", "k1", "gone:1", SPEC, &pod);
    fake.add("moby", "m1", "", SPEC, &[]);
    fake.add("default", drawn, "app@sha256:ab", SPEC, &[]);
    fake.add("default", "by-hand-and-long", "", SPEC, &[]);
    socket.serve(fake.services());
    let mut seen = Vec::new();
    for id in ["k1", "m1", drawn, "by-hand-and-long"] {
        let mut listening = listen(&socket);
        let told = listening.of(id).await.container;
        listening.end().await;
        let image = told.image.map(|image| format!("{}:{}@{}", image.repository, image.tag, image.digest));
        let pod = format!("{}/{}/{}", told.pod_namespace, told.pod_name, told.pod_uid);
        seen.push((told.runtime, told.name, pod, image.unwrap_or_default()));
    }
    let expected = [
        ("containerd", "web", "trade/shop/8a1b", "gone:1@"),
        ("", "", "//", ""),
        ("containerd", "3f4e5d6c7b8a", "//", "app:@sha256:ab"),
        ("containerd", "by-hand-and-", "//", ""),
    ];
    let expected = expected.map(|(a, b, c, d)| (a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned()));
    assert_eq!(seen, expected);
}

/// Scenario: a container is made, started and removed; another is asked for that never was. Guarantees: it is told without being asked
/// for, with the time of its start once that is known; of the other it is said that nothing is known.
#[tokio::test]
async fn events_are_followed() {
    let (mut socket, fake) = (Socket::new(), Fake::default());
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    fake.listener().await;
    fake.add("late", "c1", "", SPEC, &[]);
    fake.tell("late", "/containers/create", "c1", 5);
    assert_eq!(listening.of("c1").await.container.started_ns, 0);
    fake.tell("late", "/tasks/start", "c1", 6);
    loop {
        let told = listening.of("c1").await.container;
        if told.started_ns != 0 {
            assert_eq!(told.started_ns, 6_000_000_000);
            break;
        }
    }
    fake.remove("late", "c1");
    fake.tell("late", "/containers/delete", "c1", 7);
    listening.asked.send("c1".to_owned()).await.unwrap();
    assert_eq!(listening.of("c1").await, Containerd::unknown("c1"));
    listening.end().await;
}

/// Scenario: a container of the same id in two namespaces, asked for by the id alone. Guarantees: neither is told, since both may be meant; in
/// its namespace each is.
#[tokio::test]
async fn one_id_in_two_namespaces_is_not_guessed() {
    let (mut socket, fake) = (Socket::new(), Fake::default());
    fake.add("one", "c1", "", SPEC, &[("nerdctl/name", "first")]);
    fake.add("two", "c1", "", SPEC, &[("nerdctl/name", "second")]);
    fake.add("two", "c2", "", SPEC, &[("nerdctl/name", "third")]);
    socket.serve(fake.services());
    let containerd = Containerd::open(Connection::open(&socket.path()).await.unwrap()).await.unwrap();
    assert_eq!(containerd.describe(asked("c1")).await.unwrap(), None);
    let third = containerd.describe(asked("c2")).await.unwrap().unwrap();
    assert_eq!(third.container.name, "third");
    let second = Subject { namespace: Some("two".into()), ..asked("c1") };
    assert_eq!(containerd.describe(second).await.unwrap().unwrap().container.name, "second");
}

/// Scenario: a stream of events that ends; a containerd that goes and comes back. Guarantees: all are listed again.
#[tokio::test]
async fn all_are_listed_after_an_interruption() {
    let (mut socket, fake) = (Socket::new(), Fake::default());
    socket.serve(fake.services());
    let mut listening = listen(&socket);
    fake.listener().await;
    fake.add("default", "c1", "", SPEC, &[]);
    fake.end_events();
    assert_eq!(listening.of("c1").await.container.name, "c1");
    let other = Fake::default();
    other.add("default", "c2", "", SPEC, &[]);
    socket.serve(other.services());
    assert_eq!(listening.of("c2").await.container.name, "c2");
    listening.end().await;
}

/// Scenario: an older containerd, which lists all at once, and one with more containers than are taken. Guarantees: all are listed, and of
/// too many no more than the bound.
#[tokio::test]
async fn containers_are_listed_in_either_way() {
    for can_stream in [true, false] {
        let (mut socket, fake) = (Socket::new(), Fake::default());
        fake.set_streaming(can_stream);
        (0..MAX_CONTAINERS + 50).for_each(|number| fake.add("default", &format!("c{number}"), "", "{}", &[]));
        socket.serve(fake.services());
        let containerd = Containerd::open(Connection::open(&socket.path()).await.unwrap()).await.unwrap();
        assert_eq!(containerd.list().await.unwrap().len(), MAX_CONTAINERS);
    }
}

/// Scenario: specifications that are none, endlessly nested, of other shapes, or without measure; namespaces whose names no call can carry.
/// Guarantees: what else is noted is told, with a reason; what is too large is not taken; nobody else suffers.
#[tokio::test]
async fn hostile_records_cost_only_themselves() {
    let (mut socket, fake) = (Socket::new(), Fake::default());
    let nested = "[".repeat(200_000);
    let specs = ["", "{", "7", r#"{"mounts":7}"#, &nested];
    for (number, spec) in specs.iter().enumerate() {
        fake.add("default", &format!("c{number}"), "", spec, &[("nerdctl/name", "web")]);
    }
    fake.add("default", "large", "", &"x".repeat(MAX_STATUS_BYTES), &[]);
    fake.add("no\nheader\u{0}", "hidden", "", SPEC, &[]);
    fake.add("default", "last", "", SPEC, &[]);
    socket.serve(fake.services());
    let containerd = Containerd::open(Connection::open(&socket.path()).await.unwrap()).await.unwrap();
    assert_eq!(containerd.list().await.unwrap().len(), specs.len() + 2);
    for number in 0..specs.len() {
        let told = containerd.describe(asked(&format!("c{number}"))).await.unwrap().unwrap().container;
        assert_eq!((told.name.as_str(), told.reasons.len(), told.is_privileged), ("web", 1, None));
    }
    assert!(containerd.describe(asked("large")).await.unwrap_err().is_too_large());
    assert_eq!(containerd.describe(asked("hidden")).await.unwrap(), None);
    let mut listening = listen(&socket);
    assert_eq!(listening.of("last").await.container.name, "last");
    listening.end().await;
}

/// Scenario: starts without end. Guarantees: no more of them are noted than there may be containers.
#[tokio::test]
async fn starts_are_noted_within_bounds() {
    let (mut socket, fake) = (Socket::new(), Fake::default());
    socket.serve(fake.services());
    let containerd = Containerd::open(Connection::open(&socket.path()).await.unwrap()).await.unwrap();
    for number in 0..MAX_CONTAINERS + 10 {
        containerd.note(event::Event::Started(asked(&number.to_string()), 1));
    }
    assert_eq!(containerd.started().len(), MAX_CONTAINERS);
    containerd.note(event::Event::Gone(asked("0")));
    containerd.note(event::Event::Started(asked("1"), 2));
    let started = containerd.started();
    assert_eq!((started.len(), started[&asked("1")]), (MAX_CONTAINERS - 1, 2));
}

//! What clusters push, message by message.

use std::time::Duration;

use eyrie_proto::metadata::{
    AnswerState, ClusterDelta, ClusterHello, ClusterSnapshotBegin, ClusterSnapshotEnd, KubernetesKey,
    KubernetesObject, PushClusterRequest, PushClusterResponse, Tombstone,
    cluster_service_client::ClusterServiceClient, entity, push_cluster_request::Kind, query, tombstone,
};
use metadata_service::Running;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming, transport::Endpoint};

use crate::support::*;

pub(crate) fn hello(epoch: u64, acked: u64) -> ClusterHello {
    ClusterHello { cluster_uid: "c1".into(), epoch, acked_through_ordinal: acked, ..ClusterHello::default() }
}

fn key_of(uid: &str) -> KubernetesKey {
    KubernetesKey { cluster_uid: "c1".into(), object_uid: uid.into() }
}

pub(crate) fn pod(uid: &str, name: &str) -> KubernetesObject {
    let (kind, name) = ("Pod".into(), name.into());
    KubernetesObject { key: Some(key_of(uid)), kind, name, ..KubernetesObject::default() }
}

pub(crate) fn delta(ordinal: u64, upserts: Vec<KubernetesObject>) -> Kind {
    Kind::Delta(ClusterDelta { ordinal, upserts, tombstones: Vec::new() })
}

fn gone(ordinal: u64, uid: &str) -> Kind {
    let key = Some(tombstone::Key::Kubernetes(key_of(uid)));
    let tombstones = vec![Tombstone { key, version: 0, ended_ns: 77 }];
    Kind::Delta(ClusterDelta { ordinal, upserts: Vec::new(), tombstones })
}

/// A cluster's stream.
pub(crate) struct Pushing {
    requests: mpsc::Sender<PushClusterRequest>,
    responses: Streaming<PushClusterResponse>,
}

impl Pushing {
    async fn open(service: &Running) -> Self {
        Self::over(Endpoint::from_shared(service.local_address().uri()).unwrap()).await
    }

    async fn over(endpoint: Endpoint) -> Self {
        let channel = endpoint.connect().await.unwrap();
        let (requests, receiver) = mpsc::channel(16);
        let call = ClusterServiceClient::new(channel).push_cluster(ReceiverStream::new(receiver)).await;
        Self { requests, responses: call.unwrap().into_inner() }
    }

    /// Says hello; gives how far the service is, and whether it wants a snapshot.
    pub(crate) async fn hello(service: &Running, hello: ClusterHello) -> (Self, (u64, bool)) {
        let mut pushing = Self::open(service).await;
        pushing.send(Kind::Hello(hello)).await;
        let first = pushing.answer().await;
        (pushing, first)
    }

    async fn send(&self, kind: Kind) {
        self.requests.send(PushClusterRequest { kind: Some(kind) }).await.unwrap();
    }

    async fn next(&mut self) -> Result<PushClusterResponse, Status> {
        let next = tokio::time::timeout(PATIENCE, self.responses.message()).await.unwrap();
        next.map(|response| response.unwrap())
    }

    async fn answer(&mut self) -> (u64, bool) {
        let response = self.next().await.unwrap();
        (response.through_ordinal, response.is_snapshot_wanted)
    }

    pub(crate) async fn tell(&mut self, kind: Kind) -> (u64, bool) {
        self.send(kind).await;
        self.answer().await
    }

    pub(crate) async fn snapshot(&mut self, first: u64, pods: Vec<KubernetesObject>) {
        self.send(Kind::SnapshotBegin(ClusterSnapshotBegin {})).await;
        assert_eq!(self.tell(delta(first, pods)).await, (first, false));
        let end = ClusterSnapshotEnd { ordinal: first + 1 };
        assert_eq!(self.tell(Kind::SnapshotEnd(end)).await, (first + 1, false));
    }
}

/// The object's name, whether it has ended, and its version.
pub(crate) async fn seen(engine: &mut Engine, uid: &str) -> Option<(String, bool, u64)> {
    let answer = engine.ask(query::Key::Kubernetes(key_of(uid)), 0, 0).await;
    if answer.state() != AnswerState::Found {
        return None;
    }
    let entity = answer.entity.unwrap();
    match entity.kind.unwrap() {
        entity::Kind::KubernetesObject(object) => {
            Some((object.name, object.validity.unwrap().until_ns != 0, entity.version))
        }
        other => panic!("{other:?}"),
    }
}

/// Scenario: a snapshot, changes, the same changes again, a gap, another stream that goes on where the first was, and a
/// second snapshot. Guarantees: each is acked once durable, repeated ones change nothing, a gap and an unknown epoch want a
/// snapshot, who is known goes on, and what is not in a snapshot has ended.
#[tokio::test]
async fn turns_count_once_and_without_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let (mut pushing, first) = Pushing::hello(&service, hello(1, 0)).await;
    assert_eq!(first, (0, true));
    pushing.snapshot(1, vec![pod("a", "1"), pod("b", "1")]).await;
    assert_eq!(pushing.tell(delta(3, vec![pod("a", "2")])).await, (3, false));
    let before = seen(&mut engine, "a").await.unwrap();
    assert_eq!((&*before.0, before.1), ("2", false));
    assert_eq!(pushing.tell(delta(3, vec![pod("a", "never")])).await, (3, false));
    assert_eq!(seen(&mut engine, "a").await.unwrap(), before);
    assert_eq!(pushing.tell(gone(4, "b")).await, (4, false));
    assert!(seen(&mut engine, "b").await.unwrap().1);
    // Whoever comes for the same cluster takes its place, and goes on.
    let (mut second, first) = Pushing::hello(&service, hello(1, 3)).await;
    assert_eq!(first, (4, false));
    assert_eq!(pushing.next().await.unwrap_err().code(), Code::Aborted);
    assert_eq!(second.tell(delta(7, vec![pod("c", "lost")])).await, (4, true));
    second.send(delta(8, vec![pod("c", "under way")])).await;
    second.snapshot(9, vec![pod("c", "1")]).await;
    assert_eq!(seen(&mut engine, "c").await.unwrap().0, "1");
    let ended = seen(&mut engine, "a").await.unwrap();
    assert_eq!((&*ended.0, ended.1), ("2", true));
    for (epoch, acked) in [(2, 0), (1, 99)] {
        assert!(Pushing::hello(&service, hello(epoch, acked)).await.1.1, "{epoch} {acked}");
    }
    service.shutdown().await;
}

/// Scenario: a client goes on telling and reads no acks, until none can be sent to it; another stream of its cluster comes. Guarantees: the other is
/// answered, and goes on where the first was.
#[tokio::test]
async fn who_reads_no_acks_makes_way() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let endpoint =
        Endpoint::from_shared(service.local_address().uri()).unwrap().initial_stream_window_size(64);
    let mut deaf = Pushing::over(endpoint).await;
    assert_eq!(deaf.tell(Kind::Hello(hello(1, 0))).await, (0, true));
    deaf.snapshot(1, vec![pod("a", "1")]).await;
    let large =
        KubernetesObject { annotations: [("a".to_owned(), "v".repeat(100 * 1024))].into(), ..pod("b", "1") };
    let untaken = |ordinal| PushClusterRequest { kind: Some(delta(ordinal, vec![large.clone()])) };
    // Far more than are under way: at some point nobody takes them any more.
    let mut ordinal = 3;
    while tokio::time::timeout(Duration::from_millis(300), deaf.requests.send(untaken(ordinal))).await.is_ok()
    {
        ordinal += 1;
    }
    let (mut second, (through, is_snapshot_wanted)) = Pushing::hello(&service, hello(1, 2)).await;
    assert!(through >= 2 && through < ordinal && !is_snapshot_wanted, "{through} of {ordinal}");
    assert_eq!(second.tell(delta(through + 1, vec![pod("a", "2")])).await, (through + 1, false));
    service.shutdown().await;
}

/// Scenario: messages that are wrong, each on a stream of its own. Guarantees: each ends its stream with what is wrong, and
/// nothing of it is stored; the service goes on.
#[tokio::test]
async fn what_is_wrong_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let long = "x".repeat(300);
    let foreign = KubernetesObject {
        key: Some(KubernetesKey { cluster_uid: "c2".into(), object_uid: "a".into() }),
        ..pod("a", "1")
    };
    let large =
        KubernetesObject { annotations: [("a".to_owned(), "v".repeat(200 * 1024))].into(), ..pod("a", "1") };
    let many = KubernetesObject {
        labels: (0..600).map(|number| (number.to_string(), String::new())).collect(),
        ..pod("a", "1")
    };
    let table = [
        (delta(0, vec![]), "its ordinal is 0"),
        (delta(1, vec![pod("", "1")]), "no object_uid"),
        (
            delta(1, vec![pod("b", "1"), foreign]),
            "object or tombstone 1 of delta 1 is not valid: it is of another cluster",
        ),
        (delta(1, vec![pod("a", &long)]), "its name has 300 bytes"),
        (delta(1, vec![large]), "more than 131072"),
        (delta(1, vec![many]), "its labels are 600"),
        (delta(1, vec![pod("a", "1"); 2_000]), "2000 objects and tombstones in one message"),
        (
            Kind::Delta(ClusterDelta {
                ordinal: 1,
                tombstones: vec![Tombstone::default()],
                ..Default::default()
            }),
            "no Kubernetes object",
        ),
        (Kind::Hello(hello(1, 0)), "second hello"),
    ];
    for (kind, named) in table {
        let (mut pushing, _) = Pushing::hello(&service, hello(1, 0)).await;
        pushing.send(Kind::SnapshotBegin(ClusterSnapshotBegin {})).await;
        pushing.send(kind).await;
        let status = pushing.next().await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{named}");
        assert!(status.message().contains(named), "{} does not say {named}", status.message());
    }
    let bad = [
        ClusterHello { cluster_uid: String::new(), ..hello(1, 0) },
        ClusterHello { cluster_uid: long.clone(), ..hello(1, 0) },
        hello(0, 0),
    ];
    for bad in bad {
        let mut pushing = Pushing::open(&service).await;
        pushing.send(Kind::Hello(bad)).await;
        assert_eq!(pushing.next().await.unwrap_err().code(), Code::InvalidArgument);
    }
    let mut pushing = Pushing::open(&service).await;
    pushing.send(delta(1, vec![])).await;
    assert!(pushing.next().await.unwrap_err().message().contains("does not begin with a hello"));
    let mut engine = Engine::connect(&service).await;
    assert_eq!(seen(&mut engine, "a").await, None);
    assert_eq!(seen(&mut engine, "b").await, None);
    service.shutdown().await;
}

/// Scenario: a cluster that is one tenant's is claimed by another. Guarantees: refused, with the reason, and nothing changed.
#[tokio::test]
async fn a_cluster_stays_its_tenants() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let (mut pushing, _) = Pushing::hello(&service, hello(1, 0)).await;
    pushing.snapshot(1, vec![pod("a", "1")]).await;
    drop(pushing);
    let mut other = Pushing::open(&service).await;
    other.send(Kind::Hello(ClusterHello { tenant: "acme".into(), ..hello(2, 0) })).await;
    let status = other.next().await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().contains("another tenant"), "{}", status.message());
    service.shutdown().await;
}

/// Scenario: a snapshot with more objects than are taken of a cluster. Guarantees: the stream ends and says which bound to
/// raise.
#[tokio::test]
async fn a_cluster_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.store.max_objects_per_cluster = 10;
    let service = start_with(config).await;
    let (mut pushing, _) = Pushing::hello(&service, hello(1, 0)).await;
    pushing.send(Kind::SnapshotBegin(ClusterSnapshotBegin {})).await;
    pushing.send(delta(1, (0..11).map(|number| pod(&number.to_string(), "web")).collect())).await;
    let status = pushing.next().await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("--max-objects-per-cluster"), "{}", status.message());
    service.shutdown().await;
}

/// Scenario: a stream pushes and pushes and reads no ack until nothing more is taken of it; the cluster's next stream comes. Guarantees: the next one gets its turn at once.
#[tokio::test]
async fn who_reads_no_acks_keeps_nobodys_place() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    // Some acks have room in it.
    let endpoint =
        Endpoint::from_shared(service.local_address().uri()).unwrap().initial_stream_window_size(64);
    let (requests, receiver) = mpsc::channel(16);
    let mut client = ClusterServiceClient::new(endpoint.connect().await.unwrap());
    let deaf = client.push_cluster(ReceiverStream::new(receiver)).await.unwrap();
    let send = |kind| requests.send(PushClusterRequest { kind: Some(kind) });
    send(Kind::Hello(hello(1, 0))).await.unwrap();
    send(Kind::SnapshotBegin(ClusterSnapshotBegin {})).await.unwrap();
    let large = delta(1, (0..32).map(|number| pod(&number.to_string(), &"n".repeat(200))).collect());
    let stalled = std::time::Duration::from_secs(1);
    while tokio::time::timeout(stalled, send(large.clone())).await.is_ok_and(|sent| sent.is_ok()) {}
    assert!(!requests.is_closed(), "it is still open");
    let (_next, first) = Pushing::hello(&service, hello(2, 0)).await;
    assert_eq!(first, (0, true));
    drop(deaf);
    service.shutdown().await;
}

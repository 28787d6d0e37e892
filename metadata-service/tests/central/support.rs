//! A service in this process, and an engine to talk to it.

use std::{path::Path, time::Duration};

use eyrie_proto::{
    event::{CgroupKey, HostBoot, Origin, origin},
    metadata::{
        Answer, AnswerState, Completeness, Container, ContainerKey, ContainerRemoval, Image, LateFact,
        LookupRequest, Provenance, Query, RelayFactsRequest, WatchRequest, WatchResponse, entity, late_fact,
        metadata_service_client::MetadataServiceClient, query, watch_response,
    },
};
use metadata_service::{Config, MetadataService, Running};
use telemetry::Instruments;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Status, Streaming,
    transport::{Channel, Endpoint},
};

/// Longer than anything here takes, so that a hang is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const EPOCH: u64 = 0xE90C;

/// Short times, so that tests of them are quick.
pub(crate) fn config(directory: &Path) -> Config {
    let mut config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: directory.to_owned(),
        nats: crate::shared_store(directory),
        watch_heartbeat: Duration::from_millis(50),
        drain_wait: Duration::from_secs(5),
        ..Config::default()
    };
    config.lookup.patience = Duration::from_millis(200);
    config
}

pub(crate) async fn start_with(config: Config) -> Running {
    MetadataService::start(config, &Instruments::default().meter).await.unwrap()
}

pub(crate) async fn start(directory: &Path) -> Running {
    start_with(config(directory)).await
}

pub(crate) fn host(number: u64) -> Origin {
    let host = HostBoot {
        machine_id: format!("{number:032x}"),
        boot_id: format!("00000000-0000-0000-0000-{number:012x}"),
    };
    Origin { tenant: String::new(), kind: Some(origin::Kind::Host(host)) }
}

/// A key on host 1; 0 and "" are unknown parts.
pub(crate) fn key(cgroup_id: u64, birth_boot_ns: u64, runtime_id: &str) -> ContainerKey {
    let cgroup = CgroupKey { hierarchy: 0, cgroup_id, birth_boot_ns };
    ContainerKey {
        origin: Some(host(1)),
        cgroup: (cgroup_id != 0).then_some(cgroup),
        runtime_id: runtime_id.into(),
    }
}

/// What a source says of a container at a moment.
pub(crate) fn container(key: ContainerKey, name: &str, observed_ns: u64) -> Container {
    Container {
        key: Some(key),
        runtime: "podman".into(),
        name: name.into(),
        image: Some(Image { repository: format!("example.org/{name}"), ..Image::default() }),
        completeness: Completeness::Complete.into(),
        provenance: vec![Provenance { source: "bundle".into(), observed_ns, observer: "agent".into() }],
        ..Container::default()
    }
}

pub(crate) fn stated(container: Container) -> LateFact {
    LateFact { kind: Some(late_fact::Kind::Container(container)) }
}

pub(crate) fn removed(key: ContainerKey, removed_boot_ns: u64) -> LateFact {
    let removal = ContainerRemoval { key: Some(key), removed_boot_ns };
    LateFact { kind: Some(late_fact::Kind::ContainerRemoval(removal)) }
}

pub(crate) fn facts(first_fact_sequence: u64, facts: Vec<LateFact>) -> RelayFactsRequest {
    RelayFactsRequest {
        origin: Some(host(1)),
        epoch: EPOCH,
        first_fact_sequence,
        facts,
        are_earlier_lost: false,
    }
}

/// A client of the service.
pub(crate) struct Engine {
    pub(crate) client: MetadataServiceClient<Channel>,
    next_sequence: u64,
}

impl Engine {
    pub(crate) async fn connect(service: &Running) -> Self {
        let channel = Endpoint::from_shared(service.local_address().uri()).unwrap().connect().await.unwrap();
        Self { client: MetadataServiceClient::new(channel), next_sequence: 1 }
    }

    /// Relays the next facts of host 1.
    pub(crate) async fn relay(&mut self, late: Vec<LateFact>) {
        let count = late.len() as u64;
        let request = facts(self.next_sequence, late);
        self.next_sequence += count;
        let through = self.try_relay(request).await.unwrap();
        assert_eq!(through, self.next_sequence - 1);
    }

    pub(crate) async fn try_relay(&mut self, request: RelayFactsRequest) -> Result<u64, Status> {
        let response = tokio::time::timeout(PATIENCE, self.client.relay_facts(request)).await.unwrap();
        response.map(|response| response.into_inner().through_fact_sequence)
    }

    pub(crate) async fn ask(&mut self, key: query::Key, as_of_ns: u64, wait_ms: u32) -> Answer {
        let query = Query { query_id: 77, as_of_ns, key: Some(key) };
        let request = LookupRequest { queries: vec![query], wait_ms };
        let response = tokio::time::timeout(PATIENCE, self.client.lookup(request)).await.unwrap().unwrap();
        let mut answers = response.into_inner().answers;
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].query_id, 77);
        answers.remove(0)
    }

    /// Asks for a container without waiting.
    pub(crate) async fn lookup(&mut self, key: ContainerKey, as_of_ns: u64) -> Answer {
        self.ask(query::Key::Container(key), as_of_ns, 0).await
    }

    /// State and name of a container.
    pub(crate) async fn name(&mut self, key: ContainerKey, as_of_ns: u64) -> (AnswerState, String) {
        let answer = self.lookup(key, as_of_ns).await;
        (answer.state(), container_of(&answer).map(|container| container.name).unwrap_or_default())
    }

    pub(crate) async fn watch(&mut self, request: WatchRequest) -> Watching {
        let (requests, receiver) = mpsc::channel(4);
        requests.send(request).await.unwrap();
        let responses = self.client.watch(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        Watching { requests, responses }
    }
}

/// A watch that is open.
pub(crate) struct Watching {
    pub(crate) requests: mpsc::Sender<WatchRequest>,
    pub(crate) responses: Streaming<WatchResponse>,
}

impl Watching {
    pub(crate) async fn next(&mut self) -> WatchResponse {
        tokio::time::timeout(PATIENCE, self.responses.message()).await.unwrap().unwrap().unwrap()
    }

    /// The next response that is no heartbeat.
    pub(crate) async fn next_news(&mut self) -> (u64, watch_response::Kind) {
        loop {
            let WatchResponse { revision, kind } = self.next().await;
            match kind.unwrap() {
                watch_response::Kind::Heartbeat(_) => {}
                kind => return (revision, kind),
            }
        }
    }

    /// All names up to the end of the snapshot, and its revision.
    pub(crate) async fn snapshot(&mut self) -> (u64, Vec<String>) {
        let mut names = Vec::new();
        loop {
            match self.next_news().await {
                (revision, watch_response::Kind::SnapshotComplete(_)) => return (revision, names),
                (_, watch_response::Kind::Delta(delta)) => {
                    names.extend(delta.upserts.iter().filter_map(|entity| match &entity.kind {
                        Some(entity::Kind::Container(container)) => Some(container.name.clone()),
                        _ => None,
                    }));
                }
                (_, kind) => panic!("{kind:?} within the snapshot"),
            }
        }
    }
}

pub(crate) fn watch_host(number: u64, after_revision: u64) -> WatchRequest {
    WatchRequest { origins: vec![host(number)], cluster_uids: Vec::new(), after_revision }
}

pub(crate) fn container_of(answer: &Answer) -> Option<Container> {
    match answer.entity.clone()?.kind? {
        entity::Kind::Container(container) => Some(container),
        _ => None,
    }
}

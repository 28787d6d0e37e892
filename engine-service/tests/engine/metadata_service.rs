//! A metadata service made to order: a real gRPC server that can be slow, wrong, away and back.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use eyrie_proto::{
    event::Origin,
    metadata::{
        Answer, AnswerState, Completeness, Container, ContainerKey, Delta, Entity, KubernetesKey,
        KubernetesObject, ListRequest, ListResponse, LookupRequest, LookupResponse, RelayFactsRequest,
        RelayFactsResponse, SnapshotComplete, Tombstone, WatchRequest, WatchResponse, entity,
        metadata_service_server::{MetadataService, MetadataServiceServer},
        query, tombstone, watch_response,
    },
};
use tokio::{net::TcpListener, runtime::Runtime, sync::mpsc};
use tokio_stream::{
    StreamExt as _,
    wrappers::{ReceiverStream, TcpListenerStream},
};
use tonic::{Request, Response, Status, Streaming, transport::Server};

use crate::support::{PATIENCE, origin};

pub(crate) const CONTAINER: &str = "c0ffee0123456789c0ffee0123456789c0ffee0123456789c0ffee0123456789";

/// Who is told what.
type Watcher = (WatchRequest, mpsc::Sender<Result<WatchResponse, Status>>);

/// Says whether facts are refused, and how.
type Refuse = fn(&RelayFactsRequest) -> Option<Status>;

/// What the service holds; outlives its servers, as a store does.
#[derive(Default)]
pub(crate) struct Store {
    entities: Mutex<BTreeMap<String, Entity>>,
    /// Of clusters, by uid.
    objects: Mutex<BTreeMap<String, Entity>>,
    pub(crate) relayed: Mutex<Vec<RelayFactsRequest>>,
    watchers: Mutex<Vec<Watcher>>,
    pub(crate) watched: Mutex<Vec<WatchRequest>>,
    /// Questions are answered with this, whatever is held.
    pub(crate) answer: Mutex<Option<AnswerState>>,
    /// Containers that it knows not to exist.
    pub(crate) absent: Mutex<BTreeSet<String>>,
    /// Questions are not answered for as long.
    pub(crate) is_silent: AtomicBool,
    /// Facts that it does not take.
    pub(crate) refuse: Mutex<Option<Refuse>>,
}

impl Store {
    /// Knows a container from now on; who watches is told.
    pub(crate) fn hold(&self, container: Container) {
        let mut entities = self.entities.lock().unwrap();
        let runtime_id = container.key.as_ref().unwrap().runtime_id.clone();
        let version = entities.values().map(|entity| entity.version).max().unwrap_or(1) + 1;
        let entity = Entity { version, kind: Some(entity::Kind::Container(container)) };
        entities.insert(runtime_id, entity.clone());
        let delta = Delta { upserts: vec![entity], tombstones: Vec::new() };
        self.tell(version, delta, |request| !request.origins.is_empty());
    }

    /// Knows a pod, service or node from now on.
    pub(crate) fn hold_object(&self, object: KubernetesObject) {
        let key = object.key.clone().unwrap();
        let entity = Entity { version: 2, kind: Some(entity::Kind::KubernetesObject(object)) };
        self.objects.lock().unwrap().insert(key.object_uid, entity.clone());
        let delta = Delta { upserts: vec![entity], tombstones: Vec::new() };
        self.tell(2, delta, |request| request.cluster_uids.contains(&key.cluster_uid));
    }

    /// An object is gone.
    pub(crate) fn end_object(&self, key: KubernetesKey, ended_ns: u64) {
        self.objects.lock().unwrap().remove(&key.object_uid);
        let kind = Some(tombstone::Key::Kubernetes(key.clone()));
        let delta =
            Delta { upserts: vec![], tombstones: vec![Tombstone { key: kind, version: 3, ended_ns }] };
        self.tell(3, delta, |request| request.cluster_uids.contains(&key.cluster_uid));
    }

    fn tell(&self, revision: u64, delta: Delta, whom: impl Fn(&WatchRequest) -> bool) {
        let response = WatchResponse { revision, kind: Some(watch_response::Kind::Delta(delta)) };
        let is_there =
            |(request, watcher): &Watcher| !whom(request) || watcher.try_send(Ok(response.clone())).is_ok();
        self.watchers.lock().unwrap().retain(is_there);
    }

    /// What a watcher is told at first.
    fn held(&self, request: &WatchRequest) -> Vec<Entity> {
        let containers = self.entities.lock().unwrap();
        let containers =
            containers.values().filter(|entity| !request.origins.is_empty() && ended_ns(entity) == 0);
        let objects = self.objects.lock().unwrap();
        let objects = objects.values().filter(|entity| match &entity.kind {
            Some(entity::Kind::KubernetesObject(object)) => {
                request.cluster_uids.contains(&object.key.as_ref().unwrap().cluster_uid)
            }
            _ => false,
        });
        containers.chain(objects).cloned().collect()
    }
}

/// A server of a store.
pub(crate) struct FakeService {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<Store>,
    /// Its connections end with it, as those of a process do.
    server: Option<Runtime>,
}

/// A container of the tests' origin.
pub(crate) fn container(runtime_id: &str, name: &str) -> Container {
    container_of(origin(), runtime_id, name)
}

pub(crate) fn container_of(origin: Origin, runtime_id: &str, name: &str) -> Container {
    let key =
        ContainerKey { origin: Some(origin), runtime_id: runtime_id.to_owned(), ..ContainerKey::default() };
    Container {
        key: Some(key),
        name: name.to_owned(),
        completeness: Completeness::Complete.into(),
        ..Container::default()
    }
}

impl FakeService {
    pub(crate) async fn start() -> Self {
        Self::serve("127.0.0.1:0".parse().unwrap(), Arc::default()).await
    }

    async fn serve(address: SocketAddr, store: Arc<Store>) -> Self {
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let service = MetadataServiceServer::new(Handle(Arc::clone(&store)));
        let server =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        server.spawn(async move {
            let listener = TcpListenerStream::new(TcpListener::from_std(listener).unwrap());
            Server::builder().add_service(service).serve_with_incoming(listener).await.unwrap();
        });
        Self { address, store, server: Some(server) }
    }

    /// Ends at once, as a crash does; the store and the port stay.
    pub(crate) async fn stop(mut self) -> (SocketAddr, Arc<Store>) {
        let server = self.server.take().unwrap();
        tokio::task::spawn_blocking(|| server.shutdown_timeout(PATIENCE)).await.unwrap();
        self.store.watchers.lock().unwrap().clear();
        (self.address, Arc::clone(&self.store))
    }

    pub(crate) async fn restart((address, store): (SocketAddr, Arc<Store>)) -> Self {
        Self::serve(address, store).await
    }

    pub(crate) fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until the store is as wanted.
    pub(crate) async fn until(&self, is_so: impl Fn(&Store) -> bool) {
        let wait = async {
            while !is_so(&self.store) {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("not in time");
    }

    /// Waits until an engine watches the tests' origin.
    pub(crate) async fn is_watched(&self) {
        let has_origin = |request: &WatchRequest| request.origins.contains(&origin());
        self.until(|store| store.watched.lock().unwrap().last().is_some_and(has_origin)).await;
    }
}

impl Drop for FakeService {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown_background();
        }
    }
}

#[derive(Clone)]
struct Handle(Arc<Store>);

#[tonic::async_trait]
impl MetadataService for Handle {
    type WatchStream = ReceiverStream<Result<WatchResponse, Status>>;

    /// Engines do not.
    async fn list(&self, _request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        Err(Status::unimplemented("no engine lists"))
    }

    async fn lookup(&self, request: Request<LookupRequest>) -> Result<Response<LookupResponse>, Status> {
        while self.0.is_silent.load(Ordering::SeqCst) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let forced = *self.0.answer.lock().unwrap();
        let answers = request.into_inner().queries.into_iter().map(|query| {
            let Some(query::Key::Container(key)) = query.key else { panic!("no container's key") };
            let entity = self.0.entities.lock().unwrap().get(&key.runtime_id).cloned();
            let until = entity.as_ref().map(ended_ns);
            let (state, entity) = match until {
                Some(until) if until != 0 && (query.as_of_ns == 0 || query.as_of_ns >= until) => {
                    (AnswerState::Absent, None)
                }
                Some(_) => (AnswerState::Found, entity),
                None if self.0.absent.lock().unwrap().contains(&key.runtime_id) => {
                    (AnswerState::Absent, None)
                }
                None => (AnswerState::Pending, None),
            };
            let state = forced.unwrap_or(state).into();
            Answer {
                query_id: query.query_id,
                state,
                entity,
                expires_after_ms: 60_000,
                reason: String::new(),
            }
        });
        Ok(Response::new(LookupResponse { answers: answers.collect() }))
    }

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (sender, receiver) = mpsc::channel(64);
        let store = Arc::clone(&self.0);
        let mut requests = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(request)) = requests.next().await {
                let delta = Delta { upserts: store.held(&request), tombstones: Vec::new() };
                let kinds = [
                    watch_response::Kind::Delta(delta),
                    watch_response::Kind::SnapshotComplete(SnapshotComplete {}),
                ];
                for kind in kinds {
                    let _ = sender.send(Ok(WatchResponse { revision: 1, kind: Some(kind) })).await;
                }
                store.watchers.lock().unwrap().push((request.clone(), sender.clone()));
                store.watched.lock().unwrap().push(request);
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn relay_facts(
        &self,
        request: Request<RelayFactsRequest>,
    ) -> Result<Response<RelayFactsResponse>, Status> {
        let request = request.into_inner();
        let refuse = *self.0.refuse.lock().unwrap();
        if let Some(status) = refuse.and_then(|refuse| refuse(&request)) {
            return Err(status);
        }
        let through_fact_sequence = request.first_fact_sequence + request.facts.len() as u64 - 1;
        self.0.relayed.lock().unwrap().push(request);
        Ok(Response::new(RelayFactsResponse { through_fact_sequence }))
    }
}

/// When a container ended; 0 while it runs.
fn ended_ns(entity: &Entity) -> u64 {
    let Some(entity::Kind::Container(container)) = &entity.kind else { return 0 };
    container.validity.map_or(0, |validity| validity.until_ns)
}

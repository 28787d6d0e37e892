//! A containerd that has what a test gives it.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex},
};

use futures_util::{Stream, StreamExt as _, stream};
use prost::Message as _;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::Router},
};

use super::NAMESPACE_HEADER;
use crate::containers::api::containerd::{
    containers::{
        containers_server::{Containers, ContainersServer},
        *,
    },
    events::{
        ContainerEvent, Envelope, SubscribeRequest,
        events_server::{Events, EventsServer},
    },
    images::{
        Descriptor, GetImageRequest, GetImageResponse, Image,
        images_server::{Images, ImagesServer},
    },
    namespaces::{
        ListNamespacesRequest, ListNamespacesResponse, Namespace,
        namespaces_server::{Namespaces, NamespacesServer},
    },
};

/// Shared with the services that are made of it.
#[derive(Clone)]
pub(super) struct Fake(Arc<Mutex<State>>);

struct State {
    /// By namespace and id.
    containers: BTreeMap<(String, String), Container>,
    /// Digests by namespace and name.
    images: BTreeMap<(String, String), String>,
    can_stream: bool,
    events: broadcast::Sender<Envelope>,
}

type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

// === impl Fake ===

impl Default for Fake {
    fn default() -> Self {
        let (containers, images) = (BTreeMap::new(), BTreeMap::new());
        let events = broadcast::channel(16).0;
        Self(Arc::new(Mutex::new(State { containers, images, can_stream: true, events })))
    }
}

impl Fake {
    pub(super) fn services(&self) -> impl FnOnce(Server) -> Router + Send + 'static {
        let fake = self.clone();
        |mut server| {
            server
                .add_service(ContainersServer::new(fake.clone()))
                .add_service(EventsServer::new(fake.clone()))
                .add_service(ImagesServer::new(fake.clone()))
                .add_service(NamespacesServer::new(fake))
        }
    }

    pub(super) fn add(&self, namespace: &str, id: &str, image: &str, spec: &str, labels: &[(&str, &str)]) {
        let value = spec.as_bytes().to_vec();
        let container = Container {
            id: id.to_owned(),
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            image: image.to_owned(),
            spec: Some(prost_types::Any {
                type_url: "types.containerd.io/opencontainers/runtime-spec/1/Spec".into(),
                value,
            }),
            created_at: Some(prost_types::Timestamp { seconds: 3, nanos: 4 }),
            sandbox: String::new(),
        };
        let key = (namespace.to_owned(), id.to_owned());
        self.change(|state| drop(state.containers.insert(key, container)));
    }

    pub(super) fn remove(&self, namespace: &str, id: &str) {
        self.change(|state| drop(state.containers.remove(&(namespace.to_owned(), id.to_owned()))));
    }

    pub(super) fn image(&self, namespace: &str, name: &str, digest: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.change(|state| drop(state.images.insert(key, digest.to_owned())));
    }

    pub(super) fn set_streaming(&self, can_stream: bool) {
        self.change(|state| state.can_stream = can_stream);
    }

    /// Waits until somebody listens to the events.
    pub(super) async fn listener(&self) {
        while self.change(|state| state.events.receiver_count()) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    pub(super) fn end_events(&self) {
        self.change(|state| state.events = broadcast::channel(16).0);
    }

    pub(super) fn tell(&self, namespace: &str, topic: &str, id: &str, seconds: i64) {
        let value = ContainerEvent { container_id: id.to_owned() }.encode_to_vec();
        let envelope = Envelope {
            timestamp: Some(prost_types::Timestamp { seconds, nanos: 0 }),
            namespace: namespace.to_owned(),
            topic: topic.to_owned(),
            event: Some(prost_types::Any { type_url: "containerd.events.ContainerCreate".into(), value }),
        };
        self.change(|state| state.events.send(envelope).unwrap());
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    fn listed<T>(&self, request: &Request<T>) -> Vec<ListedContainer> {
        let namespace = namespace(request);
        self.change(|state| {
            let all = state.containers.keys().filter(|(of, _)| *of == namespace);
            all.map(|(_, id)| ListedContainer { id: id.clone() }).collect()
        })
    }
}

fn namespace<T>(request: &Request<T>) -> String {
    request.metadata().get(NAMESPACE_HEADER).unwrap().to_str().unwrap().to_owned()
}

#[tonic::async_trait]
impl Containers for Fake {
    type ListStreamStream = Streamed<ListContainerMessage>;

    async fn get(
        &self,
        request: Request<GetContainerRequest>,
    ) -> Result<Response<GetContainerResponse>, Status> {
        let key = (namespace(&request), request.into_inner().id);
        let container = self.change(|state| state.containers.get(&key).cloned());
        let container = container.ok_or_else(|| Status::not_found(format!("no {key:?}")))?;
        Ok(Response::new(GetContainerResponse { container: Some(container) }))
    }

    async fn list(
        &self,
        request: Request<ListContainersRequest>,
    ) -> Result<Response<ListContainersResponse>, Status> {
        Ok(Response::new(ListContainersResponse { containers: self.listed(&request) }))
    }

    async fn list_stream(
        &self,
        request: Request<ListContainersRequest>,
    ) -> Result<Response<Self::ListStreamStream>, Status> {
        if !self.change(|state| state.can_stream) {
            return Err(Status::unimplemented("unknown method ListStream"));
        }
        let listed = self.listed(&request).into_iter();
        let messages = listed.map(|container| Ok(ListContainerMessage { container: Some(container) }));
        Ok(Response::new(stream::iter(messages).boxed()))
    }
}

#[tonic::async_trait]
impl Events for Fake {
    type SubscribeStream = Streamed<Envelope>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let filters = request.into_inner().filters;
        let events = BroadcastStream::new(self.change(|state| state.events.subscribe()));
        let told = events.map(|event| event.map_err(|error| Status::data_loss(error.to_string())));
        let told = told.filter(move |event| {
            let is_asked_for =
                event.as_ref().map_or(true, |event| filters.contains(&format!("topic==\"{}\"", event.topic)));
            std::future::ready(is_asked_for)
        });
        Ok(Response::new(told.boxed()))
    }
}

#[tonic::async_trait]
impl Images for Fake {
    async fn get(&self, request: Request<GetImageRequest>) -> Result<Response<GetImageResponse>, Status> {
        let key = (namespace(&request), request.into_inner().name);
        let digest = self.change(|state| state.images.get(&key).cloned());
        let digest = digest.ok_or_else(|| Status::not_found(format!("no {key:?}")))?;
        let image = Image { name: key.1, target: Some(Descriptor { digest }) };
        Ok(Response::new(GetImageResponse { image: Some(image) }))
    }
}

#[tonic::async_trait]
impl Namespaces for Fake {
    async fn list(
        &self,
        _: Request<ListNamespacesRequest>,
    ) -> Result<Response<ListNamespacesResponse>, Status> {
        let mut names: Vec<_> =
            self.change(|state| state.containers.keys().map(|key| key.0.clone()).collect());
        names.dedup();
        let namespaces = names.into_iter().map(|name| Namespace { name }).collect();
        Ok(Response::new(ListNamespacesResponse { namespaces }))
    }
}

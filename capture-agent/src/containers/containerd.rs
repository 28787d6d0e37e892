//! Containers as containerd itself tells of them, in all its namespaces: those of nerdctl, ctr and BuildKit, which no other interface knows, and
//! those of Kubernetes and docker, of whose names and pods their own interfaces say more.

mod describe;
mod event;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{StreamExt as _, TryFutureExt as _, stream};
use tokio::sync::mpsc::Receiver;
use tonic::{Request, Response, metadata::MetadataValue, transport::Channel};
use tracing::{debug, warn};

use super::{
    api::{
        ApiError, Change, Changes, Connection, MAX_CONTAINERS, RuntimeApi,
        containerd::{
            containers::{
                Container, GetContainerRequest, ListContainersRequest, containers_client::ContainersClient,
            },
            events::{SubscribeRequest, events_client::EventsClient},
            images::{GetImageRequest, images_client::ImagesClient},
            namespaces::{ListNamespacesRequest, namespaces_client::NamespacesClient},
        },
        found, keep_asking,
    },
    told::Told,
};

/// What is told is told by.
const SOURCE: &str = "containerd";
/// Of one container, image or event.
const MAX_STATUS_BYTES: usize = 1 << 20;
/// Of all containers, for versions that do not list them one by one. Only ids are decoded, so that no more than 200 MiB come of the worst
/// that fits.
const MAX_LIST_BYTES: usize = 16 << 20;
/// Namespaces that are looked into: there is one for each user of containerd.
const MAX_NAMESPACES: usize = 64;
/// How a call says which namespace it is for.
const NAMESPACE_HEADER: &str = "containerd-namespace";

/// containerd at one socket.
#[derive(Clone, Debug)]
pub(super) struct Containerd {
    connection: Connection,
    /// When containers were started, as events told: nothing else of containerd's does. 150 bytes each.
    started: Arc<Mutex<HashMap<Subject, u64>>>,
}

/// A container of containerd's: ids are one's own within a namespace only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    /// `None` if it is to be looked for in all.
    namespace: Option<String>,
    id: String,
}

/// Tells of the containers of the containerd at `socket`, and of those that are `asked` for, until that is closed.
pub(super) async fn run(
    socket: PathBuf,
    asked: Receiver<String>,
    told: impl Fn(Told) + Send + Sync + 'static,
) {
    keep_asking::<Containerd>(socket, asked, told).await;
}

// === impl Containerd ===

impl Containerd {
    fn containers(&self, max_bytes: usize) -> ContainersClient<Channel> {
        ContainersClient::new(self.connection.channel()).max_decoding_message_size(max_bytes)
    }

    async fn namespaces(&self) -> Result<Vec<String>, ApiError> {
        let mut service =
            NamespacesClient::new(self.connection.channel()).max_decoding_message_size(MAX_STATUS_BYTES);
        let call = service.list(ListNamespacesRequest {});
        let listed = self.connection.answer("Namespaces.List", call).await?;
        Ok(listed.namespaces.into_iter().map(|namespace| namespace.name).take(MAX_NAMESPACES).collect())
    }

    async fn container(&self, namespace: &str, id: &str) -> Result<Option<Container>, ApiError> {
        let mut service = self.containers(MAX_STATUS_BYTES);
        let Some(request) = within(namespace, GetContainerRequest { id: id.to_owned() }) else {
            return Ok(None);
        };
        let answer = found(self.connection.answer("Containers.Get", service.get(request)).await)?;
        Ok(answer.and_then(|answer| answer.container).filter(|container| container.id == id))
    }

    /// What an image's name stands for.
    async fn digest(&self, namespace: &str, name: &str) -> Result<Option<String>, ApiError> {
        let mut service =
            ImagesClient::new(self.connection.channel()).max_decoding_message_size(MAX_STATUS_BYTES);
        let Some(request) = within(namespace, GetImageRequest { name: name.to_owned() }) else {
            return Ok(None);
        };
        let answer = found(self.connection.answer("Images.Get", service.get(request)).await)?;
        Ok(answer.and_then(|answer| Some(answer.image?.target?.digest)))
    }

    async fn describe_in(&self, namespace: &str, id: &str) -> Result<Option<Told>, ApiError> {
        let Some(container) = self.container(namespace, id).await? else { return Ok(None) };
        let digest = match container.image.as_str() {
            "" => None,
            name => self.digest(namespace, name).await?,
        };
        let mut described = describe::describe(namespace, container, digest);
        let subject = Subject { namespace: Some(namespace.to_owned()), id: id.to_owned() };
        described.started_ns = self.started().get(&subject).copied().unwrap_or(0);
        Ok(Some(Told { id: id.to_owned(), source: SOURCE, container: described, is_whole: true }))
    }

    /// The ids of one namespace: one by one if containerd can, so that there may be as many as there are.
    async fn list_in(&self, namespace: &str) -> Result<Vec<String>, ApiError> {
        let Some(request) = within(namespace, ListContainersRequest {}) else { return Ok(Vec::new()) };
        let mut service = self.containers(MAX_STATUS_BYTES);
        let streaming = async {
            let mut stream = service.list_stream(request).await?.into_inner();
            let mut ids = Vec::new();
            while let Some(message) = stream.message().await? {
                ids.extend(message.container.map(|container| container.id));
                if ids.len() >= MAX_CONTAINERS {
                    break;
                }
            }
            Ok(Response::new(ids))
        };
        match self.connection.answer("Containers.ListStream", streaming).await {
            Err(error) if error.is_unsupported() => self.list_at_once(namespace).await,
            listed => listed,
        }
    }

    async fn list_at_once(&self, namespace: &str) -> Result<Vec<String>, ApiError> {
        let Some(request) = within(namespace, ListContainersRequest {}) else { return Ok(Vec::new()) };
        let mut service = self.containers(MAX_LIST_BYTES);
        let listed = self.connection.answer("Containers.List", service.list(request)).await?;
        Ok(listed.containers.into_iter().map(|container| container.id).take(MAX_CONTAINERS).collect())
    }

    fn started(&self) -> MutexGuard<'_, HashMap<Subject, u64>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes when a container was started, for when it is described.
    fn note(&self, event: event::Event) -> Change<Subject> {
        let mut started = self.started();
        match event {
            event::Event::Made(subject) => Change::Made(subject),
            event::Event::Started(subject, at) => {
                if started.len() < MAX_CONTAINERS || started.contains_key(&subject) {
                    started.insert(subject.clone(), at);
                }
                Change::Made(subject)
            }
            event::Event::Gone(subject) => {
                started.remove(&subject);
                Change::Gone(subject)
            }
            event::Event::Other => Change::Other,
        }
    }
}

impl RuntimeApi for Containerd {
    const MAY_LACK_EVENTS: bool = false;
    type Subject = Subject;

    async fn open(connection: Connection) -> Result<Self, ApiError> {
        let opened = Self { connection, started: Arc::default() };
        opened.namespaces().await?;
        Ok(opened)
    }

    fn changes(&self) -> Changes<Subject> {
        let (this, connection) = (self.clone(), self.connection.clone());
        let mut service = EventsClient::new(connection.channel()).max_decoding_message_size(MAX_STATUS_BYTES);
        // containerd sends nothing, not even headers, before the first event: this may wait for long.
        let opening = async move {
            let filters = event::TOPICS.map(|topic| format!("topic==\"{topic}\"")).to_vec();
            let events = service.subscribe(SubscribeRequest { filters }).await;
            events.map(Response::into_inner).map_err(|status| connection.refused("Events.Subscribe", status))
        };
        let events = stream::once(opening.map_ok(move |events| {
            events.map(move |event| match event {
                Ok(event) => Ok(this.note(event::read(event))),
                Err(status) => Err(this.connection.refused("Events.Subscribe", status)),
            })
        }));
        futures_util::TryStreamExt::try_flatten(events).boxed()
    }

    async fn list(&self) -> Result<Vec<Subject>, ApiError> {
        let mut subjects = Vec::new();
        for namespace in self.namespaces().await? {
            let ids = match self.list_in(&namespace).await {
                Err(error) if error.is_too_large() => {
                    warn!(namespace, "containers are asked for one by one: {error}");
                    Vec::new()
                }
                listed => listed?,
            };
            let ids = ids.into_iter().filter(|id| event::is_id(id));
            subjects.extend(ids.map(|id| Subject { namespace: Some(namespace.clone()), id }));
        }
        Ok(subjects)
    }

    fn asked(&self, id: &str) -> Subject {
        Subject { namespace: None, id: id.to_owned() }
    }

    fn id(subject: &Subject) -> &str {
        &subject.id
    }

    async fn describe(&self, subject: Subject) -> Result<Option<Told>, ApiError> {
        if let Some(namespace) = &subject.namespace {
            return self.describe_in(namespace, &subject.id).await;
        }
        let mut told = None;
        for namespace in self.namespaces().await? {
            let Some(found) = self.describe_in(&namespace, &subject.id).await? else { continue };
            if told.is_some() {
                // Both may be meant.
                debug!(container = subject.id, "more than one namespace of containerd has it");
                return Ok(None);
            }
            told = Some(found);
        }
        Ok(told)
    }

    async fn ping(&self) -> Result<(), ApiError> {
        self.namespaces().await.map(drop)
    }

    fn unknown(id: &str) -> Told {
        Told { id: id.to_owned(), source: SOURCE, container: Default::default(), is_whole: true }
    }
}

/// A call within a namespace; `None` for a name that cannot be one.
fn within<T>(namespace: &str, message: T) -> Option<Request<T>> {
    let mut request = Request::new(message);
    let namespace = MetadataValue::try_from(namespace).ok()?;
    request.metadata_mut().insert(NAMESPACE_HEADER, namespace);
    Some(request)
}

#[cfg(test)]
mod tests;

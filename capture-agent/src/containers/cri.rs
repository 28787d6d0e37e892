//! Containers as a runtime tells of them by Kubernetes' Container Runtime Interface: containerd and CRI-O.
//!
//! A pod sandbox is a container of its own, whose id is the sandbox's; containers are described together with the sandbox that they are in.
//! What the interface leaves to runtimes comes as JSON beside the status, of a form of each runtime's own (`info`).

mod container;
mod image;
mod info;
mod sandbox;

use std::{path::PathBuf, sync::Arc};

use futures_util::{StreamExt as _, TryFutureExt as _, stream};
use tokio::sync::mpsc::Receiver;
use tonic::transport::Channel;
use tracing::warn;

use self::info::Info;
use super::{
    api::{
        ApiError, Change, Changes, Connection, MAX_CONTAINERS, RuntimeApi,
        cri::{
            ContainerEventType, ContainerFilter, ContainerStatusRequest, ContainerStatusResponse,
            GetEventsRequest, Image, ImageSpec, ImageStatusRequest, ListContainersRequest,
            ListPodSandboxRequest, PodSandboxStatusRequest, PodSandboxStatusResponse, VersionRequest,
            image_service_client::ImageServiceClient, runtime_service_client::RuntimeServiceClient,
        },
        found, keep_asking,
    },
    bundle::clipped,
    told::Told,
};

/// What is told is told by.
const SOURCE: &str = "cri";
/// Of one container, sandbox or image: containerd's have some 20 KiB, most of it the filter of system calls.
const MAX_STATUS_BYTES: usize = 1 << 20;
/// Of all: a kilobyte or two for each. Only ids are decoded, so that no more than 200 MiB come of the worst that fits.
const MAX_LIST_BYTES: usize = 16 << 20;
/// Bytes of an id that is asked for: runtimes' own have 64.
const MAX_ID: usize = 256;
/// Characters of a runtime's name.
const MAX_NAME: usize = 64;

/// The interface at one socket.
#[derive(Clone, Debug)]
pub(super) struct Cri {
    connection: Connection,
    /// What the runtime calls itself.
    runtime: Arc<str>,
    max_list_bytes: usize,
}

/// Tells of the containers of the runtime at `socket`, and of those that are `asked` for, until that is closed.
pub(super) async fn run(
    socket: PathBuf,
    asked: Receiver<String>,
    told: impl Fn(Told) + Send + Sync + 'static,
) {
    keep_asking::<Cri>(socket, asked, told).await;
}

// === impl Cri ===

impl Cri {
    fn runtime_service(&self) -> RuntimeServiceClient<Channel> {
        RuntimeServiceClient::new(self.connection.channel()).max_decoding_message_size(MAX_STATUS_BYTES)
    }

    fn list_service(&self) -> RuntimeServiceClient<Channel> {
        RuntimeServiceClient::new(self.connection.channel()).max_decoding_message_size(self.max_list_bytes)
    }

    /// Ids of containers: of one sandbox, of one container, or of all.
    async fn containers(&self, filter: ContainerFilter) -> Result<Vec<(String, String)>, ApiError> {
        let mut service = self.list_service();
        let call = service.list_containers(ListContainersRequest { filter: Some(filter) });
        let listed = self.connection.answer("ListContainers", call).await?;
        Ok(listed.containers.into_iter().map(|listed| (listed.id, listed.pod_sandbox_id)).collect())
    }

    async fn sandboxes(&self) -> Result<Vec<String>, ApiError> {
        let mut service = self.list_service();
        let call = service.list_pod_sandbox(ListPodSandboxRequest {});
        match self.connection.answer("ListPodSandbox", call).await {
            Ok(listed) => Ok(listed.items.into_iter().map(|listed| listed.id).take(MAX_CONTAINERS).collect()),
            Err(error) if error.is_too_large() => {
                warn!("containers are asked for one by one: {error}");
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    /// When all containers are too many for one answer.
    async fn containers_by_sandbox(&self, sandboxes: &[String]) -> Result<Vec<(String, String)>, ApiError> {
        let mut containers = Vec::new();
        for sandbox in sandboxes {
            if containers.len() >= MAX_CONTAINERS {
                break;
            }
            let filter = ContainerFilter { pod_sandbox_id: sandbox.clone(), ..ContainerFilter::default() };
            match self.containers(filter).await {
                Ok(listed) => containers.extend(listed),
                Err(error) if error.is_too_large() => {
                    warn!(sandbox, "containers are asked for one by one: {error}");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(containers)
    }

    async fn container_status(&self, id: &str) -> Result<Option<ContainerStatusResponse>, ApiError> {
        let mut service = self.runtime_service();
        let call =
            service.container_status(ContainerStatusRequest { container_id: id.to_owned(), verbose: true });
        let answer = found(self.connection.answer("ContainerStatus", call).await)?;
        // Ids may be shortened in questions; whose answer it is, is not taken for granted.
        Ok(answer.filter(|answer| answer.status.as_ref().is_some_and(|status| status.id == id)))
    }

    async fn sandbox_status(&self, id: &str) -> Result<Option<PodSandboxStatusResponse>, ApiError> {
        let mut service = self.runtime_service();
        let call = service
            .pod_sandbox_status(PodSandboxStatusRequest { pod_sandbox_id: id.to_owned(), verbose: true });
        let answer = found(self.connection.answer("PodSandboxStatus", call).await)?;
        Ok(answer.filter(|answer| answer.status.as_ref().is_some_and(|status| status.id == id)))
    }

    async fn image(&self, reference: &str) -> Result<Option<Image>, ApiError> {
        let mut service =
            ImageServiceClient::new(self.connection.channel()).max_decoding_message_size(MAX_STATUS_BYTES);
        let image = Some(ImageSpec { image: reference.to_owned(), ..ImageSpec::default() });
        let call = service.image_status(ImageStatusRequest { image });
        Ok(found(self.connection.answer("ImageStatus", call).await)?.and_then(|answer| answer.image))
    }

    /// The sandbox that a container is in: most runtimes say it beside the status, all of them in lists.
    async fn sandbox_of(&self, id: &str, info: &Info) -> Result<Option<String>, ApiError> {
        if let Some(sandbox) = info.sandbox_id.as_deref().filter(|sandbox| is_id(sandbox)) {
            return Ok(Some(sandbox.to_owned()));
        }
        let filter = ContainerFilter { id: id.to_owned(), ..ContainerFilter::default() };
        let listed = self.containers(filter).await?.into_iter().find(|(listed, _)| listed == id);
        Ok(listed.map(|(_, sandbox)| sandbox).filter(|sandbox| is_id(sandbox)))
    }

    async fn describe_container(
        &self,
        id: &str,
        answer: ContainerStatusResponse,
    ) -> Result<Option<Told>, ApiError> {
        let Some(status) = answer.status else { return Ok(None) };
        let (info, mut reasons) = Info::read(&answer.info);
        let sandbox = match self.sandbox_of(id, &info).await? {
            Some(sandbox) => self.sandbox_status(&sandbox).await?,
            None => None,
        };
        if sandbox.is_none() {
            reasons
                .push("pod, address, host namespaces: the runtime does not tell of the sandbox".to_owned());
        }
        let mut container = container::describe(&status, &info);
        let noted = container.image.take();
        let mut image = image::of_container(&status, &info, noted.as_ref(), None);
        if let Some(reference) = image::reference(&status)
            && !image::is_whole(&image)
            && let Some(found) = self.image(reference).await?
        {
            image = image::of_container(&status, &info, noted.as_ref(), Some(&found));
        }
        container.image = Some(image).filter(|image| *image != Default::default());
        let is_whole = sandbox.is_some();
        if let Some(sandbox) = &sandbox {
            sandbox::describe_pod(sandbox, &mut container);
        }
        self.told(id, container, reasons, is_whole)
    }

    fn describe_sandbox(
        &self,
        id: &str,
        answer: &PodSandboxStatusResponse,
    ) -> Result<Option<Told>, ApiError> {
        let (info, reasons) = Info::read(&answer.info);
        self.told(id, sandbox::describe(answer, &info), reasons, true)
    }

    fn told(
        &self,
        id: &str,
        mut container: eyrie_proto::metadata::Container,
        reasons: Vec<String>,
        is_whole: bool,
    ) -> Result<Option<Told>, ApiError> {
        container.runtime = self.runtime.as_ref().to_owned();
        container.reasons = reasons;
        Ok(Some(Told { id: id.to_owned(), source: SOURCE, container, is_whole }))
    }
}

impl RuntimeApi for Cri {
    const MAY_LACK_EVENTS: bool = true;
    type Subject = String;

    async fn open(connection: Connection) -> Result<Self, ApiError> {
        let opened = Self { connection, runtime: "".into(), max_list_bytes: MAX_LIST_BYTES };
        let mut service = opened.runtime_service();
        let call = service.version(VersionRequest { version: "v1".to_owned() });
        let version = opened.connection.answer("Version", call).await?;
        Ok(Self { runtime: clipped(&version.runtime_name, MAX_NAME).into(), ..opened })
    }

    fn changes(&self) -> Changes<String> {
        let (mut service, connection) = (self.runtime_service(), self.connection.clone());
        let failed = connection.clone();
        // Some servers send nothing, not even headers, before the first event: this may wait for long.
        let opening = async move {
            let events = service.get_container_events(GetEventsRequest {}).await;
            events
                .map(tonic::Response::into_inner)
                .map_err(|status| failed.refused("GetContainerEvents", status))
        };
        let events = stream::once(opening.map_ok(move |events| {
            events.map(move |event| match event {
                Ok(event) => Ok(change(event.container_id, event.container_event_type)),
                Err(status) => Err(connection.refused("GetContainerEvents", status)),
            })
        }));
        futures_util::TryStreamExt::try_flatten(events).boxed()
    }

    async fn list(&self) -> Result<Vec<String>, ApiError> {
        let mut ids = self.sandboxes().await?;
        let containers = match self.containers(ContainerFilter::default()).await {
            Err(error) if error.is_too_large() => self.containers_by_sandbox(&ids).await?,
            listed => listed?,
        };
        ids.extend(containers.into_iter().map(|(id, _)| id).take(MAX_CONTAINERS));
        ids.retain(|id| is_id(id));
        Ok(ids)
    }

    fn asked(&self, id: &str) -> String {
        id.to_owned()
    }

    fn id(subject: &String) -> &str {
        subject
    }

    async fn describe(&self, id: String) -> Result<Option<Told>, ApiError> {
        if let Some(answer) = self.container_status(&id).await? {
            return self.describe_container(&id, answer).await;
        }
        match self.sandbox_status(&id).await? {
            Some(answer) => self.describe_sandbox(&id, &answer),
            None => Ok(None),
        }
    }

    async fn ping(&self) -> Result<(), ApiError> {
        let mut service = self.runtime_service();
        let call = service.version(VersionRequest { version: "v1".to_owned() });
        self.connection.answer("Version", call).await.map(drop)
    }

    fn unknown(id: &str) -> Told {
        Told { id: id.to_owned(), source: SOURCE, container: Default::default(), is_whole: true }
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ID
}

fn change(id: String, kind: i32) -> Change<String> {
    if !is_id(&id) {
        return Change::Other;
    }
    match ContainerEventType::try_from(kind) {
        Ok(ContainerEventType::ContainerCreatedEvent | ContainerEventType::ContainerStartedEvent) => {
            Change::Made(id)
        }
        Ok(ContainerEventType::ContainerDeletedEvent) => Change::Gone(id),
        Ok(ContainerEventType::ContainerStoppedEvent) | Err(_) => Change::Other,
    }
}

#[cfg(test)]
mod tests;

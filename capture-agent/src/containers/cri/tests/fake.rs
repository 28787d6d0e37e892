//! A runtime that tells what a test gives it.

use std::{
    collections::{BTreeMap, HashSet},
    pin::Pin,
    sync::{Arc, Mutex},
};

use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::Router},
};

use super::map;
use crate::containers::api::cri::{
    image_service_server::{ImageService, ImageServiceServer},
    runtime_service_server::{RuntimeService, RuntimeServiceServer},
    *,
};

pub(super) const ID: &str = "3f4e5d6c7b8a99aabbccddeeff00112233445566778899aabbccddeeff001122";
pub(super) const SANDBOX: &str = "5a4e5d6c7b8a99aabbccddeeff00112233445566778899aabbccddeeff001122";
pub(super) const IMAGE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

const SPEC: &str = r#""runtimeSpec":{"process":{"user":{"uid":7,"gid":8},"env":["PATH=/bin","TOKEN=do not tell"],
    "capabilities":{"bounding":["CAP_SYS_ADMIN"]}},"mounts":[{"destination":"/etc/hosts","type":"bind","source":"/x","options":["rbind"]}],
    "annotations":{"io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.cri-o.ImageName":"docker.io/app:2"},"linux":{"namespaces":[{"type":"pid"},{"type":"network"}]}}"#;
/// `{SPEC}`, `{SANDBOX}` and `{IMAGE}` are put in.
pub(super) const CONTAINERD_INFO: &str = r#"{"sandboxID":"{SANDBOX}","pid":7,"removing":false,"runtimeOptions":null,
    "config":{"metadata":{"name":"web"},"image":{"image":"sha256:{IMAGE}"},"envs":[{"key":"TOKEN","value":"do not tell"}],
      "linux":{"resources":{},"security_context":{"privileged":true}}},{SPEC}}"#;
pub(super) const CRIO_INFO: &str = r#"{"sandboxID":"{SANDBOX}","pid":7,{SPEC},"privileged":true}"#;
pub(super) const CONTAINERD_SANDBOX_INFO: &str = r#"{"pid":6,"processStatus":"running","image":"registry.k8s.io/pause:3.6",
    "config":{"linux":{"security_context":{"privileged":true}}},
    "runtimeSpec":{"process":{"user":{"uid":65535,"gid":65535},"env":["PATH=/"]},"mounts":null},
    "cniResult":{"Interfaces":{"lo":{"Mac":"0"},"veth1":{"Mac":"1"},"eth0":{"IPConfigs":[{"IP":"10.0.0.7"}],"Mac":"2","Sandbox":"/x"}}}}"#;
pub(super) const CRIO_SANDBOX_INFO: &str = r#"{"image":"registry.k8s.io/pause:3.6","pid":6,
    "runtimeSpec":{"annotations":{"io.kubernetes.cri-o.ContainerType":"sandbox","io.kubernetes.cri-o.CNIResult":"{\"cniVersion\":\"1.0.0\",\"ips\":[]}"}}}"#;
const APPLIED: &str =
    r#"{"spec":{"containers":[{"name":"web","livenessProbe":{"exec":{"command":["cat","/ok"]}}}]}}"#;

/// Shared with the services that are made of it.
#[derive(Clone)]
pub(super) struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    runtime: String,
    containers: BTreeMap<String, ContainerStatusResponse>,
    sandboxes: BTreeMap<String, PodSandboxStatusResponse>,
    /// Who is in no list.
    unlisted: HashSet<String>,
    /// Containers that are never answered for.
    hung: HashSet<String>,
    /// Answers of other ids.
    lies: BTreeMap<String, String>,
    events: Events,
    asked: BTreeMap<&'static str, usize>,
}

#[derive(Default)]
enum Events {
    #[default]
    Unsupported,
    EndAtOnce,
    Told(broadcast::Sender<ContainerEventResponse>),
}

// === impl Fake ===

impl Fake {
    pub(super) fn new(runtime: &str) -> Self {
        Self(Arc::new(Mutex::new(State { runtime: runtime.to_owned(), ..State::default() })))
    }

    pub(super) fn with_events(runtime: &str) -> Self {
        let fake = Self::new(runtime);
        fake.new_events();
        fake
    }

    /// Those who listened are told that this was all.
    pub(super) fn new_events(&self) {
        self.change(|state| state.events = Events::Told(broadcast::channel(16).0));
    }

    pub(super) fn end_events_at_once(&self) {
        self.change(|state| state.events = Events::EndAtOnce);
    }

    pub(super) fn services(&self) -> impl FnOnce(Server) -> Router + Send + 'static {
        let fake = self.clone();
        |mut server| {
            server
                .add_service(RuntimeServiceServer::new(fake.clone()))
                .add_service(ImageServiceServer::new(fake))
        }
    }

    pub(super) fn pod(&self, info: &str) {
        let status = PodSandboxStatus {
            id: SANDBOX.to_owned(),
            metadata: Some(PodSandboxMetadata {
                name: "shop".into(),
                uid: "8a1b".into(),
                namespace: "trade".into(),
            }),
            created_at: 500,
            network: Some(PodSandboxNetworkStatus {
                ip: "10.0.0.7".into(),
                additional_ips: vec![PodIp { ip: "fd00::7".into() }],
            }),
            linux: Some(LinuxPodSandboxStatus {
                namespaces: Some(Namespace {
                    options: Some(NamespaceOption { network: 0, pid: NamespaceMode::Node.into(), ipc: 0 }),
                }),
            }),
            labels: map([("app", "shop")]),
            annotations: map([("kubectl.kubernetes.io/last-applied-configuration", APPLIED)]),
        };
        let answer = PodSandboxStatusResponse { status: Some(status), info: map([("info", info)]) };
        self.change(|state| drop(state.sandboxes.insert(SANDBOX.to_owned(), answer)));
    }

    pub(super) fn web(&self, info: &str) {
        self.container(ID, info);
    }

    pub(super) fn container(&self, id: &str, info: &str) {
        let info = info.replace("{SPEC}", SPEC).replace("{SANDBOX}", SANDBOX).replace("{IMAGE}", IMAGE);
        let status = ContainerStatus {
            id: id.to_owned(),
            metadata: Some(ContainerMetadata { name: "web".into() }),
            created_at: 1_000,
            started_at: 2_000,
            image: Some(ImageSpec { image: "docker.io/app:2".into(), ..ImageSpec::default() }),
            image_ref: "docker.io/app@sha256:ab".into(),
            labels: map([("io.kubernetes.container.name", "web")]),
            mounts: vec![Mount {
                container_path: "/host".into(),
                host_path: "/var/run".into(),
                readonly: false,
                propagation: MountPropagation::PropagationHostToContainer.into(),
            }],
            ..ContainerStatus::default()
        };
        let answer = ContainerStatusResponse { status: Some(status), info: map([("info", &info)]) };
        self.change(|state| drop(state.containers.insert(id.to_owned(), answer)));
    }

    pub(super) fn change_web(&self, change: impl FnOnce(&mut ContainerStatus)) {
        self.change(|state| change(state.containers.get_mut(ID).unwrap().status.as_mut().unwrap()));
    }

    pub(super) fn hang(&self, id: &str) {
        self.change(|state| state.hung.insert(id.to_owned()));
    }

    pub(super) fn lie(&self, asked: &str, answered: &str) {
        self.change(|state| drop(state.lies.insert(asked.to_owned(), answered.to_owned())));
    }

    pub(super) fn unlist(&self, id: &str) {
        self.change(|state| state.unlisted.insert(id.to_owned()));
    }

    /// Waits until somebody listens to the events.
    pub(super) async fn listener(&self) {
        let count = |state: &mut State| match &state.events {
            Events::Told(events) => events.receiver_count(),
            _ => 0,
        };
        while self.change(count) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    pub(super) fn tell(&self, id: &str, kind: i32) {
        let event = ContainerEventResponse { container_id: id.to_owned(), container_event_type: kind };
        self.change(|state| match &state.events {
            Events::Told(events) => drop(events.send(event).unwrap()),
            _ => panic!("a runtime without events"),
        });
    }

    /// How often a call was made.
    pub(super) fn asked(&self, call: &'static str) -> usize {
        self.change(|state| state.asked.get(call).copied().unwrap_or(0))
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    fn note(&self, call: &'static str) {
        self.change(|state| *state.asked.entry(call).or_default() += 1);
    }

    async fn hang_for(&self, id: &str) {
        if self.change(|state| state.hung.contains(id)) {
            std::future::pending::<()>().await;
        }
    }
}

fn known<T: Clone>(all: &BTreeMap<String, T>, id: &str) -> Result<Response<T>, Status> {
    all.get(id).cloned().map(Response::new).ok_or_else(|| Status::not_found(format!("no {id}")))
}

#[tonic::async_trait]
impl RuntimeService for Fake {
    type GetContainerEventsStream =
        Pin<Box<dyn Stream<Item = Result<ContainerEventResponse, Status>> + Send>>;

    async fn version(&self, _: Request<VersionRequest>) -> Result<Response<VersionResponse>, Status> {
        let runtime_name = self.change(|state| state.runtime.clone());
        Ok(Response::new(VersionResponse { runtime_name, runtime_version: "1".into() }))
    }

    async fn list_containers(
        &self,
        request: Request<ListContainersRequest>,
    ) -> Result<Response<ListContainersResponse>, Status> {
        self.note("ListContainers");
        let filter = request.into_inner().filter.unwrap_or_default();
        let containers = self.change(|state| {
            let all = state.containers.keys().filter(|id| filter.id.is_empty() || filter.id == **id);
            let listed = all.filter(|id| !state.unlisted.contains(*id));
            let listed = listed.map(|id| ListedContainer { id: id.clone(), pod_sandbox_id: SANDBOX.into() });
            listed
                .filter(|listed| {
                    ["", SANDBOX].contains(&filter.pod_sandbox_id.as_str()) && !listed.id.is_empty()
                })
                .collect()
        });
        Ok(Response::new(ListContainersResponse { containers }))
    }

    async fn container_status(
        &self,
        request: Request<ContainerStatusRequest>,
    ) -> Result<Response<ContainerStatusResponse>, Status> {
        self.note("ContainerStatus");
        let id = request.into_inner().container_id;
        self.hang_for(&id).await;
        self.change(|state| known(&state.containers, state.lies.get(&id).unwrap_or(&id)))
    }

    async fn list_pod_sandbox(
        &self,
        _: Request<ListPodSandboxRequest>,
    ) -> Result<Response<ListPodSandboxResponse>, Status> {
        let items = self.change(|state| {
            let listed = state.sandboxes.keys().filter(|id| !state.unlisted.contains(*id));
            listed.map(|id| ListedPodSandbox { id: id.clone() }).collect()
        });
        Ok(Response::new(ListPodSandboxResponse { items }))
    }

    async fn pod_sandbox_status(
        &self,
        request: Request<PodSandboxStatusRequest>,
    ) -> Result<Response<PodSandboxStatusResponse>, Status> {
        let id = request.into_inner().pod_sandbox_id;
        self.change(|state| known(&state.sandboxes, state.lies.get(&id).unwrap_or(&id)))
    }

    async fn get_container_events(
        &self,
        _: Request<GetEventsRequest>,
    ) -> Result<Response<Self::GetContainerEventsStream>, Status> {
        self.note("GetContainerEvents");
        self.change(|state| match &state.events {
            Events::Unsupported => Err(Status::unimplemented("unknown method GetContainerEvents")),
            Events::EndAtOnce => Ok(Response::new(stream::empty().boxed() as _)),
            Events::Told(events) => {
                let events = BroadcastStream::new(events.subscribe());
                let told = events.map(|event| event.map_err(|error| Status::data_loss(error.to_string())));
                Ok(Response::new(told.boxed() as _))
            }
        })
    }
}

#[tonic::async_trait]
impl ImageService for Fake {
    async fn image_status(
        &self,
        request: Request<ImageStatusRequest>,
    ) -> Result<Response<ImageStatusResponse>, Status> {
        self.note("ImageStatus");
        let asked = request.into_inner().image.unwrap_or_default().image;
        let image = (asked == "docker.io/app@sha256:ab").then(|| Image {
            id: format!("sha256:{IMAGE}"),
            repo_tags: vec!["docker.io/app:2".into()],
            repo_digests: vec!["docker.io/app@sha256:ab".into()],
        });
        Ok(Response::new(ImageStatusResponse { image }))
    }
}

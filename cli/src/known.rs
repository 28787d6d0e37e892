//! What a metadata service knows, page by page.

mod json;

use std::{collections::HashSet, time::Duration};

use anyhow::Context as _;
use eyrie_proto::metadata::{
    Container, Host, ListFilter, ListKind, ListRequest, ListedEntity, entity,
    metadata_service_client::MetadataServiceClient,
};
use grpc_transport::{ClientTlsSettings, ServiceAddress, status_text};
use tonic::transport::Channel;

pub(crate) use self::json::{completeness, container_json, host_json};
use crate::{client, up};

/// The service may be busy; a page takes it some milliseconds.
const PAGE_WAIT: Duration = Duration::from_secs(30);
/// Where a metadata service listens unless told otherwise.
const DEFAULT_ADDRESS: (&str, u16) = ("127.0.0.1", 7444);

/// A metadata service to ask.
pub(crate) struct Knowledge {
    address: ServiceAddress,
    client: MetadataServiceClient<Channel>,
}

/// A container with what is known of what is known.
pub(crate) struct KnownContainer {
    pub(crate) container: Container,
    pub(crate) listed: ListedEntity,
}

/// What tells listed entities apart: origin, control group with its birth, id. One that changes between two pages is told twice.
type Identity = (String, Option<(u32, u64, u64)>, String);

/// A listing that is being read.
pub(crate) struct Pages<'a> {
    client: &'a mut MetadataServiceClient<Channel>,
    request: ListRequest,
    is_over: bool,
    notes: Vec<String>,
}

// === impl Knowledge ===

impl Knowledge {
    /// Connects to the service that is named, or else to that of an `eyrie up`, or to the usual port.
    pub(crate) async fn connect(
        named: Option<&ServiceAddress>,
        tls: &ClientTlsSettings,
        is_insecure_allowed: bool,
    ) -> anyhow::Result<Self> {
        let address = named.cloned().unwrap_or_else(default_address);
        let security = tls.clone().security(is_insecure_allowed)?;
        let channel = client::connect_to(&address, &security).await.context(
            "no metadata service answers; `eyrie up` has one, or name another with --metadata (or EYRIE_METADATA)",
        )?;
        Ok(Self { address, client: MetadataServiceClient::new(channel) })
    }

    pub(crate) fn address(&self) -> &ServiceAddress {
        &self.address
    }

    /// Begins to read what a filter picks.
    pub(crate) fn list(&mut self, kind: ListKind, filter: ListFilter) -> Pages<'_> {
        let request = ListRequest { kind: kind.into(), filter: Some(filter), ..ListRequest::default() };
        Pages { client: &mut self.client, request, is_over: false, notes: Vec::new() }
    }

    /// Hands on each container that a filter picks, once; gives what may be missing, and why.
    pub(crate) async fn each_container(
        &mut self,
        filter: ListFilter,
        mut take: impl FnMut(KnownContainer) -> anyhow::Result<()>,
    ) -> anyhow::Result<Vec<String>> {
        let mut pages = self.list(ListKind::Containers, filter);
        let mut told: HashSet<Identity> = HashSet::new();
        while let Some(page) = pages.next().await? {
            for known in page.into_iter().filter_map(KnownContainer::of) {
                if told.insert(known.identity()) {
                    take(known)?;
                }
            }
        }
        Ok(pages.notes)
    }
}

/// The socket of an `eyrie up` on this machine, where there is one.
fn default_address() -> ServiceAddress {
    let socket = up::metadata_socket(&engine_service::Config::default().data_dir);
    if socket.exists() {
        return ServiceAddress::Unix(socket);
    }
    let (host, port) = DEFAULT_ADDRESS;
    ServiceAddress::Tcp { host: host.to_owned(), port, is_tls: false }
}

// === impl Pages ===

impl Pages<'_> {
    /// The next page, which may be empty; `None` after the last.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Vec<ListedEntity>>> {
        if self.is_over {
            return Ok(None);
        }
        let asked = tokio::time::timeout(PAGE_WAIT, self.client.list(self.request.clone())).await;
        let answered = asked.with_context(|| {
            format!("the metadata service did not answer within {} s: try again", PAGE_WAIT.as_secs())
        })?;
        let page = answered.map_err(|status| refusal(&status))?.into_inner();
        self.is_over = page.next_page_token.is_empty();
        self.request.page_token = page.next_page_token;
        let new = page.notes.into_iter().filter(|note| !self.notes.contains(note)).collect::<Vec<_>>();
        self.notes.extend(new);
        Ok(Some(page.entities))
    }
}

/// A metadata service's refusal as people read it.
fn refusal(status: &tonic::Status) -> anyhow::Error {
    let text = status_text(status);
    if status.code() == tonic::Code::Unimplemented {
        return anyhow::anyhow!(
            "the metadata service is older than this command, or no metadata service: {text}"
        );
    }
    anyhow::anyhow!("the metadata service answered {:?}: {text}", status.code())
}

// === impl KnownContainer ===

impl KnownContainer {
    fn of(mut listed: ListedEntity) -> Option<Self> {
        let entity = listed.entity.as_mut()?;
        match entity.kind.take()? {
            entity::Kind::Container(container) => Some(Self { container, listed }),
            entity::Kind::Host(_) | entity::Kind::KubernetesObject(_) => None,
        }
    }

    pub(crate) fn id(&self) -> &str {
        self.container.key.as_ref().map_or("", |key| &key.runtime_id)
    }

    /// The id as container tools shorten it.
    pub(crate) fn short_id(&self) -> String {
        self.id().chars().take(12).collect()
    }

    pub(crate) fn origin(&self) -> String {
        let origin = self.container.key.as_ref().and_then(|key| key.origin.as_ref());
        origin.map(ToString::to_string).unwrap_or_default()
    }

    /// The name of its host, or else which origin it is of.
    pub(crate) fn host(&self) -> String {
        if self.listed.hostname.is_empty() { self.origin() } else { self.listed.hostname.clone() }
    }

    pub(crate) fn version(&self) -> u64 {
        self.listed.entity.as_ref().map_or(0, |entity| entity.version)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.container.validity.is_some_and(|validity| validity.until_ns != 0)
    }

    /// Repository and tag.
    pub(crate) fn image(&self) -> String {
        let image = self.container.image.clone().unwrap_or_default();
        match (&*image.repository, &*image.tag) {
            ("", _) => image.id,
            (repository, "") => repository.to_owned(),
            (repository, tag) => format!("{repository}:{tag}"),
        }
    }

    /// Namespace and name of its pod, as the cluster knows them or else as the runtime does; empty if it has none.
    pub(crate) fn pod(&self) -> String {
        let container = &self.container;
        let of_cluster = container.kubernetes.as_ref().and_then(|kubernetes| kubernetes.pod.as_ref());
        let (namespace, name) = of_cluster
            .map_or((&container.pod_namespace, &container.pod_name), |pod| (&pod.namespace, &pod.name));
        match (&**namespace, &**name) {
            ("", name) => name.to_owned(),
            (namespace, name) => format!("{namespace}/{name}"),
        }
    }

    fn identity(&self) -> Identity {
        let cgroup = self.container.key.as_ref().and_then(|key| key.cgroup);
        let cgroup = cgroup.map(|cgroup| (cgroup.hierarchy, cgroup.cgroup_id, cgroup.birth_boot_ns));
        (self.origin(), cgroup, self.id().to_owned())
    }
}

/// The host of a listed entity.
pub(crate) fn host_of(listed: &ListedEntity) -> Option<&Host> {
    match listed.entity.as_ref()?.kind.as_ref()? {
        entity::Kind::Host(host) => Some(host),
        entity::Kind::Container(_) | entity::Kind::KubernetesObject(_) => None,
    }
}

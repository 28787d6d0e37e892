//! What the engine knows of containers and hosts beyond their ids: names, images, labels, clouds.
//!
//! Facts of an agent are known as soon as its stream brings them. Where a metadata service is configured they are also
//! relayed to it, and it tells what others know; where none is, the cache is all there is, and what it forgets is gone.
//! Nothing here holds up a stream: who asks is answered from the cache at once, and hears of changes later.

mod cache;
mod client;
mod counters;
mod inquiry;
mod join;
mod outage;
mod peers;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use eyrie_proto::{
    capture::TraceContext,
    event::{Event, Origin},
    metadata::{
        Completeness, Container, Host, KubernetesContext, LateFact, RelayFactsRequest, late_fact::Kind,
    },
};
use telemetry::PipelineTracer;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Status, transport::Channel};

pub use self::{cache::CacheLimits, counters::MetadataCounters, peers::PeerLimits};
pub(crate) use self::{
    cache::{Answer, ContainerName, KnownHost, Teller},
    join::{ContainerJoin, InGroup, JoinMemory, Joined},
    outage::BackOff,
    peers::PeerAnswer,
};
use self::{
    cache::{ContainerCache, Found, News},
    client::Question,
    counters::Counters,
    inquiry::Inquiries,
    peers::Peers,
};
use crate::{
    host_status::HostStatus,
    listener::ServiceEndpoint,
    parking::{ParkedGroup, ParkingLimits, Table},
};

/// Questions that wait for the metadata service: some hundred bytes each. What does not fit is asked again later.
const WAITING_QUESTIONS: usize = 1_024;

/// How metadata is had.
#[derive(Clone, Debug, Default)]
pub struct MetadataOptions {
    /// The metadata service; without one, only what the origins' own agents tell is known.
    pub service: Option<ServiceEndpoint>,
    /// Of what is known.
    pub cache: CacheLimits,
    /// Of the matches that wait for what is not known yet.
    pub parking: ParkingLimits,
    /// Of who has which address.
    pub peers: PeerLimits,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Metadata {
    cache: ContainerCache,
    peers: Peers,
    pub(crate) counters: Counters,
    /// Who waits for what is said here.
    pub(crate) parked: Arc<Table>,
    service: Option<Service>,
}

/// The way to the metadata service.
#[derive(Debug)]
struct Service {
    channel: Channel,
    /// Changes with the origins that have sessions.
    watched: watch::Sender<()>,
    questions: mpsc::Sender<Question>,
    inquiries: Inquiries,
}

/// What is known of where all events of an origin happen.
#[derive(Debug)]
pub(crate) struct HostSurroundings {
    pub(crate) host: KnownHost,
    /// That its pods are from; mostly none.
    pub(crate) clusters: Arc<BTreeSet<Arc<str>>>,
}

/// As long as it lives, an origin's containers are kept and watched.
#[derive(Debug)]
pub(crate) struct Attendance {
    metadata: Arc<Metadata>,
    name: Arc<str>,
}

// === impl Metadata ===

impl Metadata {
    /// Starts the client, if there is a service; it ends with `stop`.
    pub(crate) fn start(
        options: &MetadataOptions,
        tracer: PipelineTracer,
        stop: &CancellationToken,
        tasks: &TaskTracker,
    ) -> Arc<Self> {
        let (cache, peers) = (ContainerCache::new(options.cache.clone()), Peers::new(options.peers.clone()));
        let (counters, parked) = (Counters::default(), Arc::new(Table::new(options.parking.clone())));
        let Some(service) = &options.service else {
            return Arc::new(Self { cache, peers, counters, parked, service: None });
        };
        let channel = client::connect(service);
        let (questions, asked) = mpsc::channel(WAITING_QUESTIONS);
        let watched = watch::Sender::new(());
        let (changed, clusters_changed) = (watched.subscribe(), watched.subscribe());
        let inquiries = Inquiries::new(channel.clone(), tracer, tasks.clone(), stop.clone());
        let service = Some(Service { channel: channel.clone(), watched, questions, inquiries });
        let metadata = Arc::new(Self { cache, peers, counters, parked, service });
        // They hold no strong reference of their own kind: the engine's stop ends them.
        tasks.spawn(client::watch(Arc::clone(&metadata), channel.clone(), changed, stop.clone()));
        tasks.spawn(peers::watch(Arc::clone(&metadata), channel.clone(), clusters_changed, stop.clone()));
        tasks.spawn(client::ask(Arc::clone(&metadata), channel, asked, stop.clone()));
        metadata
    }

    /// What a recording tells, and nobody beside it. Nothing in it hangs on when it is asked.
    pub(crate) fn offline(limits: CacheLimits) -> Arc<Self> {
        Arc::new(Self {
            cache: ContainerCache::timeless(limits),
            peers: Peers::new(PeerLimits::default()),
            counters: Counters::default(),
            parked: Arc::new(Table::new(ParkingLimits::default())),
            service: None,
        })
    }

    /// A session of the origin begins.
    pub(crate) fn attend(self: &Arc<Self>, name: &str, origin: &Origin) -> Attendance {
        let name: Arc<str> = name.into();
        if self.cache.enter(&name, origin) {
            self.watched_changed();
        }
        Attendance { metadata: Arc::clone(self), name }
    }

    /// What is known of the container of an event. What is not known is asked for.
    pub(crate) fn container(&self, origin: &str, runtime_id: &str, at_boot_ns: u64) -> Found {
        let found = self.cache.find(origin, runtime_id, at_boot_ns);
        if found.is_to_be_asked
            && let Some(service) = &self.service
        {
            let name = ContainerName { origin: origin.into(), runtime_id: runtime_id.into() };
            if let Err(error) = service.questions.try_send(Question { name, at_boot_ns }) {
                self.cache.give_up(&error.into_inner().name);
            }
        }
        found
    }

    /// What tells whether an answer about a container of the origin still holds.
    fn news(&self, origin: &str) -> News {
        self.cache.news(origin)
    }

    /// Takes a fact of an origin's own agent, whose keys were checked.
    pub(crate) fn learn(&self, origin: &Arc<str>, fact: &LateFact) {
        let name =
            |runtime_id: &str| ContainerName { origin: Arc::clone(origin), runtime_id: runtime_id.into() };
        match &fact.kind {
            Some(Kind::Container(container)) => {
                let Some(key) = &container.key else { return };
                let container =
                    Container { kubernetes: self.context_to_come(container), ..container.clone() };
                self.learn_container(&name(&key.runtime_id), container, Teller::Agent);
            }
            Some(Kind::ContainerRemoval(removal)) => {
                let Some(key) = &removal.key else { return };
                self.cache.end(&name(&key.runtime_id), removal.removed_boot_ns, Teller::Agent);
            }
            Some(Kind::Host(host)) => {
                self.cache.learn_host(origin, host);
                self.parked.host_changed(origin);
            }
            None => {}
        }
    }

    /// What is known of the pod of a container when its agent tells of it: nothing yet, and more is to come where there is a service to
    /// join it. An agent's own word for it counts for nothing: it could name another tenant's cluster.
    fn context_to_come(&self, container: &Container) -> Option<Box<KubernetesContext>> {
        let completeness = Completeness::Pending.into();
        let pending = || Box::new(KubernetesContext { completeness, ..KubernetesContext::default() });
        (self.has_service() && !container.pod_uid.is_empty()).then(pending)
    }

    /// What an origin's Hello says of its host, unless more is known.
    pub(crate) fn introduce_host(&self, origin: &str, host: Host) {
        self.cache.introduce_host(origin, host);
    }

    /// What holds for all of an origin at this moment.
    pub(crate) fn surroundings(&self, origin: &str) -> HostSurroundings {
        HostSurroundings { host: self.cache.host(origin), clusters: self.cache.clusters(origin) }
    }

    /// Who in these clusters has the remote address of an event.
    pub(crate) fn peer(&self, clusters: &BTreeSet<Arc<str>>, event: &Event, at_ns: u64) -> PeerAnswer {
        let address = (!clusters.is_empty()).then(|| fields::remote_address(event)).flatten();
        address.map_or(PeerAnswer::Absent, |ip| self.peers.find(clusters, ip, at_ns))
    }

    /// What the metadata service has of a host; who waits for it is told.
    fn recall_host(&self, origin: &str, host: &Host) {
        self.cache.recall_host(origin, host);
        self.parked.host_changed(origin);
    }

    /// Pods, services and nodes whose addresses are known.
    pub(crate) fn peer_count(&self) -> u64 {
        self.peers.len() as u64
    }

    /// What is known of the host of an origin.
    pub(crate) fn host(&self, origin: &str) -> KnownHost {
        self.cache.host(origin)
    }

    /// Takes what somebody says of a container; who waits for it is told.
    fn learn_container(&self, name: &ContainerName, container: Container, teller: Teller) {
        if self.cache.learn(name, container, teller) {
            self.watched_changed();
        }
        self.parked.container_changed(name);
    }

    /// The service says that there is no such container, for a while.
    fn deny(&self, name: &ContainerName, expires_after: Duration) {
        self.cache.deny(name, expires_after);
        self.parked.container_changed(name);
    }

    /// What metadata did to matches so far.
    pub(crate) fn counters(&self) -> MetadataCounters {
        self.counters.read(self.parked.len() as u64)
    }

    /// Lets stored matches wait, and asks for what they wait for.
    pub(crate) fn park(self: &Arc<Self>, groups: Vec<ParkedGroup>, status: &Arc<Mutex<HostStatus>>) {
        let wait = self.parked.wait();
        for group in &groups {
            if let Some(name) = group.container() {
                let question = Question { name, at_boot_ns: group.boot_ns };
                self.inquire(question, group.trace().cloned(), wait);
            }
        }
        self.parked.park(groups, status);
    }

    /// Asks for the container that a match waits for, as a part of its trace.
    fn inquire(self: &Arc<Self>, question: Question, trace: Option<TraceContext>, wait: Duration) {
        if let Some(inquiries) = self.inquiries() {
            inquiries.begin(self, question, trace, wait);
        }
    }

    fn inquiries(&self) -> Option<&Inquiries> {
        self.service.as_ref().map(|service| &service.inquiries)
    }

    /// All that is known of an origin, as the facts that would tell it again.
    pub(crate) fn facts_in_force(&self, origin: &str) -> Vec<LateFact> {
        self.cache.facts_in_force(origin)
    }

    /// Whether facts have to be relayed before they may be acked.
    pub(crate) fn has_service(&self) -> bool {
        self.service.is_some()
    }

    /// Gives facts to the metadata service; answers up to where they are durable there.
    pub(crate) async fn relay(&self, request: RelayFactsRequest) -> Result<u64, Status> {
        let Some(service) = &self.service else { return Err(Status::unavailable("there is no service")) };
        client::relay(service.channel.clone(), request).await
    }

    /// Forgets what nobody needs any more, and waits no longer for what has not come.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        self.cache.sweep(now);
        self.peers.sweep(now);
        for origin in self.cache.given_up_hosts(now) {
            self.parked.host_changed(&origin);
        }
    }

    /// Forgets an origin that nobody attends.
    pub(crate) fn forget(&self, origin: &str) {
        self.cache.forget(origin);
    }

    fn watched_changed(&self) {
        if let Some(service) = &self.service {
            service.watched.send_replace(());
        }
    }
}

// === impl Attendance ===

impl Drop for Attendance {
    fn drop(&mut self) {
        if self.metadata.cache.leave(&self.name) {
            self.metadata.watched_changed();
        }
    }
}

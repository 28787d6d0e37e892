//! A host with pods, as its agent would tell of it.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, ensure};
use eyrie_proto::{
    capture::{
        AgentInfo, BaseState, Batch, CaptureRequest, ClockReading, Hello, LateFacts, capture_request,
        capture_response, capture_service_client::CaptureServiceClient,
    },
    event::{
        CgroupFact, CgroupKey, Connect, Descriptor, Event, HostBoot, InternetAddress, Open, OrderedFact,
        Origin, PathArgument, ProcessKey, ProcessState, SocketAddress, SocketDescriptor, SocketRole,
        SystemCall, Task, descriptor, event::Kind, ordered_fact, origin, socket_address,
    },
    metadata::{Completeness, Container, ContainerKey, LateFact, late_fact},
};
use integration::{program::PATIENCE, subscriber};
use tokio::sync::{mpsc, watch};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

/// Containers that may be told of; each has a process and a control group of its own from the start.
const CONTAINERS: u64 = 64;
const EPOCH: u64 = 0xC1;
/// Of all its pods.
const OWN_IP: [u8; 4] = [10, 0, 0, 1];
/// When the session begins, by the host's clock.
const FIRST_BOOT_NS: u64 = 1_000_000_000;

/// How far the engine has acked.
#[derive(Clone, Copy, Debug, Default)]
struct Acked {
    events: u64,
    facts: u64,
}

/// A capture session, seen from the agent.
#[derive(Debug)]
pub(crate) struct PodHost {
    requests: mpsc::Sender<CaptureRequest>,
    acked: watch::Receiver<Acked>,
    began: Instant,
    events: u64,
    facts: u64,
    told: BTreeSet<u64>,
}

// === impl PodHost ===

impl PodHost {
    /// Begins a session with the engine at `url`.
    pub(crate) async fn begin(url: &str) -> anyhow::Result<Self> {
        let mut client = CaptureServiceClient::new(subscriber::connect(url).await?);
        let (requests, receiver) = mpsc::channel(1024);
        let epoch_ns = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
        let hello = Hello {
            origin: Some(origin()),
            epoch: EPOCH,
            first_sequence: 1,
            agent: Some(AgentInfo {
                hostname: "node-1".into(),
                architecture: "x86_64".into(),
                ..AgentInfo::default()
            }),
            protocol_versions: vec![1],
            clock: Some(ClockReading { boot_ns: FIRST_BOOT_NS, epoch_ns }),
            ..Hello::default()
        };
        let (acks, acked) = watch::channel(Acked::default());
        let host =
            Self { requests, acked, began: Instant::now(), events: 0, facts: 0, told: BTreeSet::new() };
        host.send(capture_request::Kind::Hello(hello)).await?;
        let mut responses = client.capture(ReceiverStream::new(receiver)).await?.into_inner();
        let welcome = responses.next().await.context("no welcome")??;
        ensure!(matches!(welcome.kind, Some(capture_response::Kind::Welcome(_))), "{welcome:?}");
        tokio::spawn(async move {
            while let Some(Ok(response)) = responses.next().await {
                if let Some(capture_response::Kind::Ack(ack)) = response.kind {
                    acks.send_modify(|acked| {
                        acked.events = acked.events.max(ack.through_sequence);
                        acked.facts = acked.facts.max(ack.late_facts_through_sequence);
                    });
                }
            }
        });
        host.send(capture_request::Kind::BaseState(base_state())).await?;
        Ok(host)
    }

    /// Tells of a container of a pod, once: all that a runtime knows, and the pod's uid.
    pub(crate) async fn start(&mut self, container: u64, pod_uid: &str) -> anyhow::Result<()> {
        if !self.told.insert(container) {
            return Ok(());
        }
        self.facts += 1;
        let fact = late_fact::Kind::Container(of_pod(container, pod_uid));
        let facts = vec![LateFact { kind: Some(fact) }];
        let first_fact_sequence = self.facts;
        self.send(capture_request::Kind::LateFacts(LateFacts { first_fact_sequence, facts })).await
    }

    /// A file is opened in a container; acked when the engine has decided what comes of it, or that it waits.
    pub(crate) async fn open(&mut self, container: u64, path: &str) -> anyhow::Result<()> {
        let path = Some(PathArgument { requested: path.into(), ..PathArgument::default() });
        let call = SystemCall { number: 257, result: 3, ..SystemCall::default() };
        self.tell(container, call, Kind::Open(Open { path, ..Open::default() })).await
    }

    /// A process of a container connects to an address; gives the two ends, as `fd.name` has them.
    pub(crate) async fn connect(&mut self, container: u64, ip: [u8; 4]) -> anyhow::Result<String> {
        let own_port = 40_000 + u32::try_from(self.events)?;
        let address = |ip: &[u8], port| {
            let internet = InternetAddress { ip: ip.to_vec(), port, scope_id: 0 };
            Some(SocketAddress { kind: Some(socket_address::Kind::Internet(internet)) })
        };
        let socket = SocketDescriptor {
            family: 2,
            r#type: 1,
            protocol: 6,
            local: address(&OWN_IP, own_port),
            remote: address(&ip, 80),
            role: SocketRole::Client.into(),
            ..SocketDescriptor::default()
        };
        let descriptor = Some(Descriptor { fd: 3, kind: Some(descriptor::Kind::Socket(socket)) });
        let call = SystemCall { number: 42, result: 0, ..SystemCall::default() };
        self.tell(container, call, Kind::Connect(Connect { descriptor, ..Connect::default() })).await?;
        let text = |ip: [u8; 4]| Ipv4Addr::from(ip).to_string();
        Ok(format!("{}:{own_port}->{}:80", text(OWN_IP), text(ip)))
    }

    async fn tell(&mut self, container: u64, call: SystemCall, kind: Kind) -> anyhow::Result<()> {
        self.events += 1;
        let process = process(container);
        let task = Task {
            process: Some(process),
            tid: process.pid,
            comm: b"web".to_vec(),
            cgroup_id: cgroup(container).cgroup_id,
            ..Task::default()
        };
        let boot_ns = FIRST_BOOT_NS + u64::try_from(self.began.elapsed().as_nanos())?;
        let event =
            Event { boot_ns, task: Some(task), call: Some(call), kind: Some(kind), ..Event::default() };
        let (batch_id, first_sequence) = (self.events, self.events);
        let batch = Batch { batch_id, epoch: EPOCH, first_sequence, events: vec![event], ..Batch::default() };
        self.send(capture_request::Kind::Batch(batch)).await?;
        let events = self.events;
        self.until_acked(|acked| acked.events >= events).await.context("events")
    }

    /// How many facts the engine has not acked yet: those that the central service does not have.
    pub(crate) fn unacked_facts(&self) -> u64 {
        self.facts - self.acked.borrow().facts
    }

    /// Waits until the central service has all that was told of containers.
    pub(crate) async fn facts_are_acked(&mut self) -> anyhow::Result<()> {
        let facts = self.facts;
        self.until_acked(|acked| acked.facts >= facts).await.context("facts")
    }

    async fn until_acked(&mut self, is_enough: impl FnMut(&Acked) -> bool) -> anyhow::Result<()> {
        tokio::time::timeout(PATIENCE, self.acked.wait_for(is_enough)).await.context("not acked")??;
        Ok(())
    }

    async fn send(&self, kind: capture_request::Kind) -> anyhow::Result<()> {
        let sent = self.requests.send_timeout(CaptureRequest { kind: Some(kind) }, Duration::from_secs(60));
        sent.await.context("the engine takes nothing")
    }
}

fn origin() -> Origin {
    let host = HostBoot {
        machine_id: "00000000000000000000000000c10001".into(),
        boot_id: "00000000-0000-0000-0000-000000c10001".into(),
    };
    Origin { tenant: String::new(), kind: Some(origin::Kind::Host(host)) }
}

fn runtime_id(container: u64) -> String {
    format!("{container:064x}")
}

fn cgroup(container: u64) -> CgroupKey {
    CgroupKey { cgroup_id: 1_000 + container, birth_boot_ns: 1, ..CgroupKey::default() }
}

fn process(container: u64) -> ProcessKey {
    ProcessKey { pid: u32::try_from(1_000 + container).unwrap(), start_boot_ns: 1 }
}

/// A process and a control group for each container.
fn base_state() -> BaseState {
    let fact = |container| {
        let fact = CgroupFact {
            cgroup: Some(cgroup(container)),
            container_id: runtime_id(container),
            ..CgroupFact::default()
        };
        let fact = OrderedFact { kind: Some(ordered_fact::Kind::Cgroup(fact)), ..OrderedFact::default() };
        Event { kind: Some(Kind::Fact(fact)), ..Event::default() }
    };
    let process = |container| ProcessState {
        process: Some(process(container)),
        comm: b"web".to_vec(),
        cgroup_id: cgroup(container).cgroup_id,
        ..ProcessState::default()
    };
    BaseState {
        processes: (0..CONTAINERS).map(process).collect(),
        facts: (0..CONTAINERS).map(fact).collect(),
        is_last: true,
        ..BaseState::default()
    }
}

fn of_pod(container: u64, pod_uid: &str) -> Container {
    let key = ContainerKey {
        origin: Some(origin()),
        runtime_id: runtime_id(container),
        cgroup: Some(cgroup(container)),
    };
    Container {
        key: Some(key),
        runtime: "containerd".to_owned(),
        name: format!("c-{container}"),
        pod_uid: pod_uid.to_owned(),
        pod_name: format!("name-of-{pod_uid}"),
        pod_namespace: "shop".to_owned(),
        completeness: Completeness::Complete.into(),
        ..Container::default()
    }
}

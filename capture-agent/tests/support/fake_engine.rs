//! A real gRPC server that takes streams as an engine does, and misbehaves as it is told.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use eyrie_proto::{
    capture::{
        Ack, BaseState, Batch, BatchEncoding, BatchRejection, CaptureRequest, CaptureResponse, Credit, Hello,
        LateFacts, PlanAnswer, RejectionReason, StateAnswer, Welcome,
        capture_request::Kind as Up,
        capture_response::Kind as Down,
        capture_service_server::{CaptureService, CaptureServiceServer},
    },
    event::Event,
    metadata::LateFact,
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

/// How the engine behaves; may be changed at any time.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) acks: bool,
    /// Breaks the connection after so many batches of a session.
    pub(crate) break_after_batches: Option<usize>,
    /// What it says then.
    pub(crate) break_code: tonic::Code,
    /// Refuses so many batches, to be sent again after 20 ms.
    pub(crate) refuse: usize,
    /// Refuses so many batches for good.
    pub(crate) refuse_for_good: usize,
    /// Begins sessions with something else than Welcome.
    pub(crate) greets_wrongly: bool,
    /// Acks what was never sent.
    pub(crate) acks_nonsense: bool,
    /// Says in Welcome that it holds the state of what it has taken.
    pub(crate) holds_state: bool,
    /// Refuses the call.
    pub(crate) refuses_call: Option<tonic::Code>,
    pub(crate) credit: u64,
    pub(crate) acks_late_facts: bool,
    /// Asks in Welcome for batches in this encoding.
    pub(crate) encoding: i32,
    /// Events with this number of a call are only counted: a flood would not fit into memory.
    pub(crate) only_counts: Option<u32>,
}

/// What the engine has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) hellos: Vec<Hello>,
    /// The base state of each session that sent one.
    pub(crate) bases: Vec<Vec<BaseState>>,
    /// What it took, each sequence number once.
    pub(crate) events: BTreeMap<u64, Event>,
    /// The last that it took.
    pub(crate) through: u64,
    /// Events that were counted and not kept.
    pub(crate) counted: u64,
    /// Of these, those that happened before the one in front of them.
    pub(crate) counted_out_of_order: u64,
    /// When the last of them happened.
    pub(crate) counted_boot_ns: u64,
    /// Batches that came packed, and how large they and their events were.
    pub(crate) packed: usize,
    pub(crate) packed_bytes: usize,
    pub(crate) unpacked_bytes: usize,
    /// Events that came again.
    pub(crate) repeated: u64,
    /// Events that came again and were different.
    pub(crate) changed: u64,
    pub(crate) plan_answers: Vec<PlanAnswer>,
    pub(crate) state_answers: Vec<StateAnswer>,
    /// By their sequence numbers.
    pub(crate) late_facts: BTreeMap<u64, LateFact>,
    /// Late facts that came again, each the same as before.
    pub(crate) late_repeated: u64,
}

#[derive(Debug)]
struct Shared {
    policy: Mutex<Policy>,
    seen: Mutex<Seen>,
    /// To the newest session.
    down: Mutex<Option<mpsc::Sender<Result<CaptureResponse, Status>>>>,
}

/// A fake engine on a port of the loopback; gone when dropped.
#[derive(Debug)]
pub(crate) struct FakeEngine {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Service(Arc<Shared>);

// === impl Policy ===

impl Default for Policy {
    fn default() -> Self {
        Self {
            acks: true,
            break_after_batches: None,
            break_code: tonic::Code::Unavailable,
            refuse: 0,
            refuse_for_good: 0,
            greets_wrongly: false,
            acks_nonsense: false,
            holds_state: false,
            refuses_call: None,
            credit: 4 << 20,
            acks_late_facts: true,
            encoding: BatchEncoding::Unspecified.into(),
            only_counts: None,
        }
    }
}

// === impl FakeEngine ===

impl FakeEngine {
    pub(crate) async fn start(policy: Policy) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), policy)
    }

    pub(crate) fn on(listener: TcpListener, policy: Policy) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Shared::new(policy);
        let service = CaptureServiceServer::new(Service(Arc::clone(&shared)));
        let server = tonic::transport::Server::builder().add_service(service);
        let server = tokio::spawn(async move {
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { address, shared, server }
    }

    /// One that asks for certificates.
    #[allow(dead_code, reason = "not every test program has certificates")]
    pub(crate) async fn secured(tls: grpc_transport::ServerTlsFiles, policy: Policy) -> Self {
        let security = grpc_transport::ListenSecurity { tls: Some(tls), is_insecure_allowed: false };
        let listener =
            grpc_transport::Listener::bind("127.0.0.1:0".parse().unwrap(), security).await.unwrap();
        let grpc_transport::ListenAddress::Tcp(address) = *listener.local_address() else { panic!("no TCP") };
        let shared = Shared::new(policy);
        let service = CaptureServiceServer::new(Service(Arc::clone(&shared)));
        let server = tonic::transport::Server::builder().add_service(service);
        let server = tokio::spawn(async move {
            let (incoming, accepting) = listener.incoming(16, CancellationToken::new());
            let (served, ()) = tokio::join!(server.serve_with_incoming(incoming), accepting);
            served.unwrap();
        });
        Self { address, shared, server }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen.lock().unwrap()
    }

    #[allow(dead_code, reason = "not every test program changes the policy")]
    pub(crate) fn change(&self, change: impl FnOnce(&mut Policy)) {
        change(&mut self.shared.policy.lock().unwrap());
    }

    /// Sends a message to the newest session.
    #[allow(dead_code, reason = "not every test program sends anything of its own")]
    pub(crate) async fn send(&self, kind: Down) {
        let down = self.shared.down.lock().unwrap().clone().expect("a session");
        down.send(Ok(CaptureResponse { kind: Some(kind) })).await.expect("an open session");
    }

    /// Waits until something that was seen is so.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl FnMut(&Seen) -> bool) {
        for _ in 0..6_000 {
            if is_so(&self.seen()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let seen = self.seen();
        panic!("not within a minute: {what}; {} hellos, {} events", seen.hellos.len(), seen.events.len());
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        self.server.abort();
    }
}

// === impl Service ===

#[tonic::async_trait]
impl CaptureService for Service {
    type CaptureStream = ReceiverStream<Result<CaptureResponse, Status>>;

    async fn capture(
        &self,
        request: Request<Streaming<CaptureRequest>>,
    ) -> Result<Response<Self::CaptureStream>, Status> {
        let code = self.0.policy.lock().unwrap().refuses_call;
        if let Some(code) = code {
            return Err(Status::new(code, "not you"));
        }
        let (down, stream) = mpsc::channel(64);
        *self.0.down.lock().unwrap() = Some(down.clone());
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            if let Err(status) = shared.converse(request.into_inner(), &down).await {
                let _ = down.send(Err(status)).await;
            }
            // The agent's end of the stream is ours as well.
            shared.down.lock().unwrap().take_if(|newest| newest.same_channel(&down));
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

// === impl Shared ===

type DownStream = mpsc::Sender<Result<CaptureResponse, Status>>;

impl Shared {
    fn new(policy: Policy) -> Arc<Self> {
        Arc::new(Self { policy: Mutex::new(policy), seen: Mutex::default(), down: Mutex::default() })
    }

    async fn converse(&self, mut up: Streaming<CaptureRequest>, down: &DownStream) -> Result<(), Status> {
        let mut batches = 0;
        while let Some(request) = up.message().await? {
            match request.kind {
                Some(Up::Hello(hello)) => self.greet(hello, down).await,
                Some(Up::BaseState(part)) => {
                    let mut seen = self.seen.lock().unwrap();
                    let is_new = seen.bases.last().is_none_or(|base| base.last().unwrap().is_last);
                    if is_new {
                        seen.bases.push(Vec::new());
                    }
                    // What is in the base does not come as events.
                    seen.through = seen.through.max(part.as_of_sequence);
                    seen.bases.last_mut().unwrap().push(part);
                }
                Some(Up::Batch(batch)) => {
                    batches += 1;
                    let policy = self.policy.lock().unwrap().clone();
                    if policy.break_after_batches.is_some_and(|bound| batches > bound) {
                        return Err(Status::new(policy.break_code, "broken on purpose"));
                    }
                    self.take(batch, &policy, down).await;
                }
                Some(Up::PlanAnswer(answer)) => self.seen.lock().unwrap().plan_answers.push(answer),
                Some(Up::StateAnswer(answer)) => self.seen.lock().unwrap().state_answers.push(answer),
                Some(Up::LateFacts(late)) => self.take_late(late, down).await,
                other => panic!("unexpected {other:?}"),
            }
        }
        Ok(())
    }

    async fn take_late(&self, late: LateFacts, down: &DownStream) {
        let through = {
            let mut seen = self.seen.lock().unwrap();
            for (sequence, fact) in (late.first_fact_sequence..).zip(late.facts) {
                if let Some(before) = seen.late_facts.insert(sequence, fact.clone()) {
                    assert_eq!(before, fact, "the same number is the same fact");
                    seen.late_repeated += 1;
                }
            }
            seen.late_facts.keys().next_back().copied().unwrap_or(0)
        };
        if self.policy.lock().unwrap().acks_late_facts {
            let ack = Ack { late_facts_through_sequence: through, ..Ack::default() };
            let _ = down.send(Ok(CaptureResponse { kind: Some(Down::Ack(ack)) })).await;
        }
    }

    async fn greet(&self, hello: Hello, down: &DownStream) {
        let policy = self.policy.lock().unwrap().clone();
        let held = {
            let mut seen = self.seen.lock().unwrap();
            seen.hellos.push(hello);
            policy.holds_state.then_some(seen.through)
        };
        let kind = if policy.greets_wrongly {
            Down::Credit(Credit { additional_bytes: 1 })
        } else {
            Down::Welcome(Welcome {
                engine_id: "fake".to_owned(),
                protocol_version: 1,
                held_through_sequence: held,
                initial_credit_bytes: policy.credit,
                max_message_bytes: 1 << 20,
                batch_encoding: policy.encoding,
                ..Welcome::default()
            })
        };
        let _ = down.send(Ok(CaptureResponse { kind: Some(kind) })).await;
    }

    async fn take(&self, batch: Batch, policy: &Policy, down: &DownStream) {
        let size = prost::Message::encoded_len(&batch) as u64;
        let batch = self.unpack(batch);
        let mut ack = Ack::default();
        if policy.refuse > 0 {
            self.policy.lock().unwrap().refuse -= 1;
            ack.rejections.push(BatchRejection {
                batch_id: batch.batch_id,
                reason: RejectionReason::Overloaded.into(),
                message: "busy".to_owned(),
                retry_after_ms: Some(20),
            });
        } else if policy.refuse_for_good > 0 {
            self.policy.lock().unwrap().refuse_for_good -= 1;
            ack.rejections.push(BatchRejection {
                batch_id: batch.batch_id,
                reason: RejectionReason::Malformed.into(),
                message: "nobody understands it".to_owned(),
                retry_after_ms: None,
            });
        } else if let Some(rejection) = self.remember(batch, policy.only_counts) {
            ack.rejections.push(rejection);
        }
        if policy.acks {
            ack.through_sequence = self.seen.lock().unwrap().through;
        }
        if policy.acks_nonsense {
            ack.through_sequence = u64::MAX;
        }
        let credit = Down::Credit(Credit { additional_bytes: size });
        for kind in [credit, Down::Ack(ack)] {
            let _ = down.send(Ok(CaptureResponse { kind: Some(kind) })).await;
        }
    }

    fn unpack(&self, batch: Batch) -> Batch {
        if batch.encoding() != BatchEncoding::Zstd {
            return batch;
        }
        let rows = zstd::bulk::decompress(&batch.packed_events, 1 << 20).unwrap();
        let mut seen = self.seen.lock().unwrap();
        seen.packed += 1;
        seen.packed_bytes += batch.packed_events.len();
        seen.unpacked_bytes += rows.len();
        let events = <Batch as prost::Message>::decode(rows.as_slice()).unwrap().events;
        Batch { events, packed_events: Vec::new(), encoding: 0, ..batch }
    }

    fn remember(&self, batch: Batch, only_counts: Option<u32>) -> Option<BatchRejection> {
        let mut seen = self.seen.lock().unwrap();
        if batch.first_sequence > seen.through + 1 {
            return Some(BatchRejection {
                batch_id: batch.batch_id,
                reason: RejectionReason::OutOfOrder.into(),
                ..BatchRejection::default()
            });
        }
        assert_eq!(batch.events.len(), batch.event_count as usize);
        for (sequence, event) in (batch.first_sequence..).zip(batch.events) {
            if sequence <= seen.through {
                let is_changed = seen.events.get(&sequence).is_some_and(|before| *before != event);
                seen.repeated += 1;
                seen.changed += u64::from(is_changed);
                continue;
            }
            seen.through = sequence;
            if only_counts.is_some() && event.call.as_ref().map(|call| call.number) == only_counts {
                seen.counted += 1;
                seen.counted_out_of_order += u64::from(event.boot_ns < seen.counted_boot_ns);
                seen.counted_boot_ns = event.boot_ns;
                continue;
            }
            seen.events.insert(sequence, event);
        }
        None
    }
}

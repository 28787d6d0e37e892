//! Talks to the metadata service: watches, asks, relays.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use eyrie_proto::metadata::{
    Answer, AnswerState, Container, ContainerKey, Delta, Entity, Host, LookupRequest, Query,
    RelayFactsRequest, Tombstone, WatchRequest, WatchResponse, entity,
    metadata_service_client::MetadataServiceClient, query, tombstone, watch_response::Kind,
};
use telemetry::TraceParent;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status, Streaming, service::interceptor::InterceptedService, transport::Channel};

use super::{
    ContainerName, Metadata, Teller,
    outage::{BackOff, End, Watch, Words, keep_watching},
};
use crate::{
    listener::{ServiceEndpoint, TraceContextInjector},
    log_limit::LogLimit,
};

/// Until a connection stands.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Until a call is answered.
const CALL_WAIT: Duration = Duration::from_secs(5);
/// How often a quiet connection is asked whether it lives, and how long it may take to answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_WAIT: Duration = Duration::from_secs(5);
/// Bytes of one message; a delta has as much as a service likes to put together.
const MAX_MESSAGE_BYTES: usize = 8 * 1024 * 1024;
/// Questions of one call.
const QUESTIONS_A_CALL: usize = 64;
/// For how long an absence may hold.
const SHORTEST_ABSENCE: Duration = Duration::from_secs(1);
const LONGEST_ABSENCE: Duration = Duration::from_secs(3_600);

static WATCH_ENDED: LogLimit = LogLimit::new(Duration::from_secs(10));

/// Asks for a container.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) name: ContainerName,
    /// When the event was that happened in it.
    pub(super) at_boot_ns: u64,
}

/// A connection that is made when it is needed, again and again.
pub(super) fn connect(service: &ServiceEndpoint) -> Channel {
    let set = |endpoint: tonic::transport::Endpoint| {
        endpoint
            .connect_timeout(CONNECT_WAIT)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_WAIT)
            .keep_alive_while_idle(true)
    };
    service.clone().with(set).connect_lazy()
}

fn client(channel: Channel) -> MetadataServiceClient<InterceptedService<Channel, TraceContextInjector>> {
    let client = MetadataServiceClient::with_interceptor(channel, TraceContextInjector);
    client.max_decoding_message_size(MAX_MESSAGE_BYTES)
}

/// Opens a watch.
pub(super) async fn open_watch(
    channel: Channel,
    requests: ReceiverStream<WatchRequest>,
) -> Result<Streaming<WatchResponse>, Status> {
    let mut client = client(channel);
    let responses = tokio::time::timeout(CALL_WAIT, client.watch(requests))
        .await
        .map_err(|_| Status::deadline_exceeded("the metadata service did not answer"))??;
    Ok(responses.into_inner())
}

/// Relays facts once.
pub(super) async fn relay(channel: Channel, request: RelayFactsRequest) -> Result<u64, Status> {
    let call = async move { client(channel).relay_facts(request).await };
    let response = tokio::time::timeout(CALL_WAIT, call)
        .await
        .map_err(|_| Status::deadline_exceeded("the metadata service did not answer"))??;
    Ok(response.into_inner().through_fact_sequence)
}

/// Keeps the cache up to date until `stop`.
pub(super) async fn watch(
    metadata: Arc<Metadata>,
    channel: Channel,
    changed: watch::Receiver<()>,
    stop: CancellationToken,
) {
    let watching = Watching {
        metadata,
        channel,
        changed,
        revision: 0,
        covered: HashSet::new(),
        is_reset: false,
        is_unanswered: false,
    };
    let words = Words { ended: &WATCH_ENDED, what: "metadata", consequence: "names may be late" };
    keep_watching(watching, words, stop).await;
}

/// The watch, over all its connections.
struct Watching {
    metadata: Arc<Metadata>,
    channel: Channel,
    changed: watch::Receiver<()>,
    /// The last that was seen whole.
    revision: u64,
    /// The origins that it counts for.
    covered: HashSet<String>,
    /// A snapshot after a reset is on its way.
    is_reset: bool,
    /// The last request was not answered by a whole snapshot yet. What changes meanwhile is asked for after it: a request that is replaced
    /// is never answered, and its origins would never count as seen.
    is_unanswered: bool,
}

// === impl Watching ===

impl Watch for Watching {
    async fn watch_once(&mut self, back_off: &mut BackOff) -> Result<End, Status> {
        self.changed.mark_unchanged();
        let (requests, receiver) = mpsc::channel(1);
        let _ = requests.send(self.request()).await;
        let mut responses = open_watch(self.channel.clone(), ReceiverStream::new(receiver)).await?;
        loop {
            tokio::select! {
                response = responses.message() => {
                    let Some(response) = response? else { return Ok(End::Closed) };
                    *back_off = BackOff::new();
                    self.take(response.kind, response.revision);
                }
                changed = self.changed.changed(), if !self.is_unanswered => {
                    if changed.is_err() {
                        return Ok(End::Closed);
                    }
                    if requests.send(self.request()).await.is_err() {
                        return Ok(End::Closed);
                    }
                }
            }
        }
    }
}

impl Watching {
    /// What is to be watched from now on. An origin that is new needs everything that holds, which the service tells
    /// only to who has seen nothing yet.
    fn request(&mut self) -> WatchRequest {
        let origins = self.metadata.cache.watched();
        let names: HashSet<String> = origins.iter().map(ToString::to_string).collect();
        if !names.is_subset(&self.covered) {
            self.revision = 0;
        }
        self.covered = names;
        self.is_unanswered = true;
        WatchRequest { origins, cluster_uids: Vec::new(), after_revision: self.revision }
    }

    fn take(&mut self, kind: Option<Kind>, revision: u64) {
        let cache = &self.metadata.cache;
        match kind {
            Some(Kind::Delta(delta)) => {
                let refused = self.take_delta(delta);
                self.metadata.counters.refused_entities.add(refused);
                // In a snapshot the revision counts only once it is whole.
                if self.revision != 0 {
                    self.revision = self.revision.max(revision);
                }
            }
            Some(Kind::SnapshotComplete(_)) => {
                if std::mem::take(&mut self.is_reset) {
                    cache.end_snapshot();
                }
                self.is_unanswered = false;
                self.revision = revision;
            }
            Some(Kind::Reset(reset)) => {
                tracing::info!("the metadata service starts over: {}", reset.reason);
                cache.begin_snapshot();
                self.is_reset = true;
                self.revision = 0;
            }
            Some(Kind::Heartbeat(_)) | None => {}
        }
    }

    /// Gives how many entities were not for us.
    fn take_delta(&self, delta: Delta) -> u64 {
        let mut refused = 0;
        for Entity { version, kind } in delta.upserts {
            let container = match kind {
                Some(entity::Kind::Container(container)) => container,
                Some(entity::Kind::Host(host)) => {
                    refused += u64::from(!self.take_host(&host));
                    continue;
                }
                // Clusters are watched apart.
                Some(entity::Kind::KubernetesObject(_)) | None => continue,
            };
            let name = container.key.as_ref().and_then(|key| self.name(key));
            match name {
                Some(name) => {
                    self.metadata.learn_container(&name, container, Teller::Service { version });
                }
                None => refused += 1,
            }
        }
        for Tombstone { version, ended_ns, key } in delta.tombstones {
            let Some(tombstone::Key::Container(key)) = key else { continue };
            match self.name(&key) {
                Some(name) => self.metadata.cache.end(&name, ended_ns, Teller::Service { version }),
                None => refused += 1,
            }
        }
        refused
    }

    /// Takes what the service has of a host; gives whether it is one of ours.
    fn take_host(&self, host: &Host) -> bool {
        let origin = host.key.as_ref().and_then(|key| key.origin.as_ref()).map(ToString::to_string);
        let Some(origin) = origin.filter(|origin| self.covered.contains(origin)) else { return false };
        self.metadata.recall_host(&origin, host);
        true
    }

    /// The container that a key means, if it is one of ours.
    fn name(&self, key: &ContainerKey) -> Option<ContainerName> {
        let origin = key.origin.as_ref()?.to_string();
        let is_ours = self.covered.contains(&origin) && !key.runtime_id.is_empty();
        is_ours.then(|| ContainerName { origin: origin.into(), runtime_id: key.runtime_id.as_str().into() })
    }
}

/// Asks for what the watch has not told, until `stop`.
pub(super) async fn ask(
    metadata: Arc<Metadata>,
    channel: Channel,
    mut asked: mpsc::Receiver<Question>,
    stop: CancellationToken,
) {
    let mut questions = Vec::with_capacity(QUESTIONS_A_CALL);
    let forever = async {
        while asked.recv_many(&mut questions, QUESTIONS_A_CALL).await > 0 {
            let lookup = lookup(channel.clone(), queries(&metadata, &questions), Duration::ZERO, None);
            match lookup.await {
                Ok(answers) => take_answers(&metadata, &questions, answers),
                Err(status) => {
                    tracing::debug!(%status, "the metadata service does not answer questions");
                    questions.iter().for_each(|question| metadata.cache.give_up(&question.name));
                }
            }
            questions.clear();
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = forever => {}
    }
}

/// Asks once. The service may take `wait` until it knows the answers; `trace` is the span that the call is of.
pub(super) async fn lookup(
    channel: Channel,
    queries: Vec<Query>,
    wait: Duration,
    trace: Option<TraceParent>,
) -> Result<Vec<Answer>, Status> {
    let mut client = client(channel);
    let wait_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
    let mut request = Request::new(LookupRequest { queries, wait_ms });
    if let Some(parent) = trace.and_then(|trace| trace.to_string().parse().ok()) {
        request.metadata_mut().insert("traceparent", parent);
    }
    let call = client.lookup(request);
    let response = tokio::time::timeout(CALL_WAIT + wait, call)
        .await
        .map_err(|_| Status::deadline_exceeded("no answer in time"))??;
    Ok(response.into_inner().answers)
}

/// Two queries for each question: as of its moment, for a container that has ended since, and as of now, for one whose
/// beginning is not known well enough to say that it was there.
pub(super) fn queries(metadata: &Metadata, questions: &[Question]) -> Vec<Query> {
    let query = |(place, Question { name, at_boot_ns }): (usize, &Question)| {
        let key = ContainerKey {
            origin: Some(metadata.cache.watched_origin(&name.origin)?),
            runtime_id: name.runtime_id.to_string(),
            ..ContainerKey::default()
        };
        let as_of =
            |as_of_ns, query_id| Query { query_id, as_of_ns, key: Some(query::Key::Container(key.clone())) };
        let first_id = place as u64 * 2;
        Some([as_of(*at_boot_ns, first_id), as_of(0, first_id + 1)])
    };
    questions.iter().enumerate().filter_map(query).flatten().collect()
}

/// Takes what fits to the questions; a question without an answer may be asked again. A container is absent if it is so at
/// both moments.
pub(super) fn take_answers(metadata: &Metadata, questions: &[Question], answers: Vec<Answer>) {
    let mut open: HashSet<&ContainerName> = questions.iter().map(|question| &question.name).collect();
    let mut absences: HashMap<u64, Duration> = HashMap::new();
    for answer in answers {
        let place = answer.query_id / 2;
        let question = usize::try_from(place).ok().and_then(|place| questions.get(place));
        let Some(Question { name, .. }) = question else { continue };
        match answer.state() {
            AnswerState::Found => match found(answer.entity, name) {
                Some((container, version)) => {
                    metadata.learn_container(name, container, Teller::Service { version });
                }
                None => {
                    metadata.counters.refused_entities.add(1);
                    continue;
                }
            },
            AnswerState::Absent => {
                let expires = Duration::from_millis(answer.expires_after_ms);
                let expires = expires.clamp(SHORTEST_ABSENCE, LONGEST_ABSENCE);
                let Some(other) = absences.remove(&place) else {
                    absences.insert(place, expires);
                    continue;
                };
                metadata.deny(name, expires.min(other));
            }
            // A delta will follow.
            AnswerState::Pending => {}
            AnswerState::Unavailable | AnswerState::Unspecified => continue,
        }
        open.remove(name);
    }
    open.into_iter().for_each(|name| metadata.cache.give_up(name));
}

/// The container, if it is the one that was asked for.
fn found(entity: Option<Entity>, name: &ContainerName) -> Option<(Container, u64)> {
    let Entity { version, kind: Some(entity::Kind::Container(container)) } = entity? else { return None };
    let key = container.key.as_ref()?;
    let is_meant = *key.runtime_id == *name.runtime_id
        && key.origin.as_ref().is_some_and(|origin| origin.to_string() == *name.origin);
    is_meant.then_some((container, version))
}

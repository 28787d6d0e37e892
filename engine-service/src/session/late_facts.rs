//! Facts that may be late: they are known here at once, and acked when they are durable.
//!
//! Where there is a metadata service, that is when it has taken them; an outage leaves them waiting, up to a bound, and
//! the stream goes on. Beyond the bound they are known here and not relayed, and nothing after them is acked; once the
//! rest is relayed the session ends, so that the agent sends them again to a service that answers.

mod relaying;

use std::sync::Arc;

use eyrie_proto::{
    capture::{AgentInfo, LateFacts},
    event::Origin,
    metadata::{ContainerKey, Host, HostKey, LateFact, RelayFactsRequest, late_fact::Kind},
};
use prost::Message as _;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use self::relaying::relay_all;
use super::hello::CheckedHello;
use crate::{
    error::RpcError,
    metadata::{Attendance, Metadata},
    origin_state::OriginState,
    recordings::Mailbox,
};

/// Messages of one session that wait to be relayed.
const WAITING_MESSAGES: usize = 256;
/// Their bytes on the wire; some times that in memory.
const WAITING_BYTES: usize = 4 * 1024 * 1024;

/// How far a session's facts are durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Relayed {
    /// The last fact that is.
    pub(super) through_sequence: u64,
    /// Facts after it were more than may wait, and all before it are durable.
    pub(super) has_overflowed: bool,
}

/// What reading needs to take late facts.
pub(super) struct LateFactIntake {
    metadata: Arc<Metadata>,
    origin: Origin,
    origin_name: Arc<str>,
    epoch: u64,
    relay: Relay,
    mailbox: Mailbox,
    _attendance: Attendance,
}

enum Relay {
    /// No service: whatever came is as durable as it will be.
    None(watch::Sender<Relayed>),
    /// `None` once facts were left out.
    Service {
        queue: Option<mpsc::Sender<RelayFactsRequest>>,
        room: Arc<Semaphore>,
        _task: AbortOnDropHandle<()>,
    },
}

// === impl LateFactIntake ===

impl LateFactIntake {
    /// The session's intake, and what tells how far its facts are durable.
    pub(super) fn new(metadata: &Arc<Metadata>, hello: &CheckedHello) -> (Self, watch::Receiver<Relayed>) {
        let (sender, relayed) = watch::channel(Relayed::default());
        let relay = if metadata.has_service() {
            let (queue, requests) = mpsc::channel(WAITING_MESSAGES);
            let room = Arc::new(Semaphore::new(WAITING_BYTES));
            let relaying = relay_all(Arc::clone(metadata), requests, Arc::clone(&room), sender);
            let task = AbortOnDropHandle::new(tokio::spawn(relaying));
            Relay::Service { queue: Some(queue), room, _task: task }
        } else {
            Relay::None(sender)
        };
        let origin_name = hello.origin.to_string();
        let attendance = metadata.attend(&origin_name, &hello.origin);
        metadata.introduce_host(&origin_name, host(&hello.origin, &hello.agent));
        let intake = Self {
            metadata: Arc::clone(metadata),
            origin: hello.origin.clone(),
            _attendance: attendance,
            origin_name: origin_name.into(),
            epoch: hello.epoch,
            relay,
            mailbox: Mailbox::default(),
        };
        (intake, relayed)
    }

    /// Whoever records the origin hears of its facts.
    pub(super) fn recorded_by(mut self, state: &OriginState) -> Self {
        if let Some(recorder) = &state.recorder {
            self.mailbox = recorder.mailbox.clone();
        }
        self
    }

    /// Takes a message; nothing of one that breaks the protocol.
    pub(super) fn take(&mut self, mut late: LateFacts) -> Result<(), RpcError> {
        if late.first_fact_sequence == 0 {
            return Err(RpcError::LateFactInvalid { detail: "first_fact_sequence is 0: facts count from 1" });
        }
        late.facts.iter_mut().try_for_each(|fact| check(&self.origin, fact))?;
        for fact in &late.facts {
            self.metadata.learn(&self.origin_name, fact);
        }
        self.mailbox.put(late.first_fact_sequence, &late.facts);
        let count = late.facts.len() as u64;
        let through = late.first_fact_sequence.saturating_add(count).saturating_sub(1);
        match &mut self.relay {
            Relay::None(relayed) => relayed.send_modify(|relayed| {
                relayed.through_sequence = relayed.through_sequence.max(through);
            }),
            Relay::Service { queue, room, .. } => {
                let request = RelayFactsRequest {
                    origin: Some(self.origin.clone()),
                    epoch: self.epoch,
                    first_fact_sequence: late.first_fact_sequence,
                    facts: late.facts,
                    are_earlier_lost: false,
                };
                if !enqueue(queue.as_ref(), room, request) && queue.take().is_some() {
                    self.metadata.counters.relay_overflows.add(1);
                    tracing::warn!(
                        origin = &*self.origin_name,
                        "too many late facts wait for the metadata service: they will have to be sent again"
                    );
                }
            }
        }
        Ok(())
    }
}

/// A fact is about its stream's own origin. Where its key leaves that out, no other can be meant.
pub(crate) fn check(origin: &Origin, fact: &mut LateFact) -> Result<(), RpcError> {
    match &mut fact.kind {
        Some(Kind::Container(container)) => check_container(origin, container.key.as_mut()),
        Some(Kind::ContainerRemoval(removal)) => check_container(origin, removal.key.as_mut()),
        Some(Kind::Host(host)) => {
            let key = host.key.get_or_insert_default();
            check_origin(origin, &mut key.origin)
        }
        None => Ok(()),
    }
}

fn check_container(origin: &Origin, key: Option<&mut ContainerKey>) -> Result<(), RpcError> {
    let invalid = |detail| RpcError::LateFactInvalid { detail };
    let key = key.ok_or_else(|| invalid("a container has no key"))?;
    if key.runtime_id.is_empty() {
        return Err(invalid("a container has no runtime_id"));
    }
    check_origin(origin, &mut key.origin)
}

fn check_origin(origin: &Origin, named: &mut Option<Origin>) -> Result<(), RpcError> {
    let found = named.get_or_insert_with(|| origin.clone());
    if found == origin { Ok(()) } else { Err(RpcError::LateFactForeign { found: found.to_string() }) }
}

/// What an agent says of its host when it introduces itself; a fact will say more.
pub(crate) fn host(origin: &Origin, agent: &AgentInfo) -> Host {
    Host {
        key: Some(HostKey { origin: Some(origin.clone()) }),
        hostname: agent.hostname.clone(),
        kernel_release: agent.kernel_release.clone(),
        architecture: agent.architecture.clone(),
        labels: agent.labels.clone(),
        ..Host::default()
    }
}

/// Whether there was room.
fn enqueue(
    queue: Option<&mpsc::Sender<RelayFactsRequest>>,
    room: &Semaphore,
    request: RelayFactsRequest,
) -> bool {
    let Some(queue) = queue else { return false };
    let Ok(permit) = room.try_acquire_many(permits(&request)) else { return false };
    if queue.try_send(request).is_err() {
        return false;
    }
    permit.forget();
    true
}

fn permits(request: &RelayFactsRequest) -> u32 {
    u32::try_from(request.encoded_len()).unwrap_or(u32::MAX)
}

//! Gives the facts of one session to the metadata service, in their order, however long that takes.
//!
//! Nothing that the service says holds up the facts behind it for ever. Those that it will never take are given up, each by itself; facts
//! that it misses are passed over, as whoever had them has given them up: agents do where too many wait, and engines keep none.

use std::{sync::Arc, time::Duration};

use eyrie_proto::metadata::RelayFactsRequest;
use tokio::sync::{Semaphore, mpsc, watch};
use tonic::{Code, Status};

use super::{Relayed, permits};
use crate::{
    error::{REASON_HEADER, RETRYABLE_HEADER},
    log_limit::LogLimit,
    metadata::{BackOff, Metadata},
};

static RELAY_FAILED: LogLimit = LogLimit::new(Duration::from_secs(10));
static GIVEN_UP: LogLimit = LogLimit::new(Duration::from_secs(10));

/// What to do about facts that the service has not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// Ask again later.
    Passing,
    /// It misses those before.
    Gap,
    /// It will not take them the next time either.
    Final,
}

/// Relays in order until the session drops the queue.
pub(super) async fn relay_all(
    metadata: Arc<Metadata>,
    mut requests: mpsc::Receiver<RelayFactsRequest>,
    room: Arc<Semaphore>,
    relayed: watch::Sender<Relayed>,
) {
    while let Some(request) = requests.recv().await {
        let (bytes, last) = (permits(&request) as usize, last_of(&request));
        relay_until_settled(&metadata, request).await;
        room.add_permits(bytes);
        relayed.send_modify(|relayed| relayed.through_sequence = relayed.through_sequence.max(last));
    }
    // A session that ends aborts us, so this is an overflow, and all that waited is relayed.
    relayed.send_modify(|relayed| relayed.has_overflowed = true);
}

/// Tries until the service has each of the facts durably, or will never take it. A service that takes a part is asked
/// again: what it has it takes a second time without harm.
async fn relay_until_settled(metadata: &Metadata, request: RelayFactsRequest) {
    let mut back_off = BackOff::new();
    // The first is the last.
    let mut left = vec![request];
    while let Some(mut request) = left.pop() {
        let reason = match metadata.relay(request.clone()).await {
            Ok(through) if through >= last_of(&request) => {
                metadata.counters.relayed_facts.add(request.facts.len() as u64);
                continue;
            }
            Ok(through) => format!("it has taken facts through {through} of {}", last_of(&request)),
            Err(status) => {
                let reason = format!("{:?}: {}", status.code(), status.message());
                match Refusal::of(&status) {
                    Refusal::Gap if !request.are_earlier_lost => {
                        pass_over(metadata, &mut request, &reason);
                        left.push(request);
                        continue;
                    }
                    Refusal::Final => {
                        give_up_one(metadata, request, &mut left, &reason);
                        continue;
                    }
                    Refusal::Gap | Refusal::Passing => reason,
                }
            }
        };
        if let Some(suppressed) = RELAY_FAILED.pass() {
            tracing::warn!(suppressed, "late facts wait for the metadata service, trying again: {reason}");
        }
        left.push(request);
        back_off.wait().await;
    }
}

fn pass_over(metadata: &Metadata, request: &mut RelayFactsRequest, reason: &str) {
    metadata.counters.relay_gaps.add(1);
    if let Some(suppressed) = GIVEN_UP.pass() {
        tracing::warn!(suppressed, "facts are lost and passed over, some names may be missing: {reason}");
    }
    request.are_earlier_lost = true;
}

/// Gives up the only fact of a request, or finds out which of several it is.
fn give_up_one(
    metadata: &Metadata,
    mut request: RelayFactsRequest,
    left: &mut Vec<RelayFactsRequest>,
    reason: &str,
) {
    if request.facts.len() > 1 {
        let facts = request.facts.split_off(request.facts.len() / 2);
        let first_fact_sequence = request.first_fact_sequence.saturating_add(request.facts.len() as u64);
        let second =
            RelayFactsRequest { first_fact_sequence, facts, are_earlier_lost: false, ..request.clone() };
        left.extend([second, request]);
        return;
    }
    metadata.counters.relay_refused.add(request.facts.len() as u64);
    if let Some(suppressed) = GIVEN_UP.pass() {
        let fact = request.first_fact_sequence;
        tracing::error!(
            fact,
            suppressed,
            "the metadata service never takes this fact, it is given up: {reason}"
        );
    }
}

fn last_of(request: &RelayFactsRequest) -> u64 {
    let count = request.facts.len() as u64;
    request.first_fact_sequence.saturating_add(count).saturating_sub(1)
}

// === impl Refusal ===

impl Refusal {
    fn of(status: &Status) -> Self {
        let said = |header| status.metadata().get(header).and_then(|value| value.to_str().ok());
        match (status.code(), said(REASON_HEADER), said(RETRYABLE_HEADER)) {
            (Code::FailedPrecondition, Some("FACTS_MISSING"), _) => Self::Gap,
            // Who may not relay at all waits for whoever grants it: that is no fault of a fact.
            (Code::InvalidArgument, _, Some("false")) => Self::Final,
            _ => Self::Passing,
        }
    }
}

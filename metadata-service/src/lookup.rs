//! Answers questions from the store, and waits a while for what is on its way.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use eyrie_proto::metadata::{
    Answer, AnswerState, Completeness, Entity, LookupRequest, LookupResponse, Query, entity, query::Key,
};
use prost::Message as _;

use crate::{
    config::LookupLimits,
    error::RpcError,
    keys::{ContainerName, KeyError, check_length, scope_of},
    metrics::Metrics,
    negatives::Negatives,
    store::{Finding, MetadataStore, Sought, StoreError, Unknown},
};

/// Questions of one call.
const MAX_QUERIES: usize = 1_024;
/// Of one answer's entities; a client takes messages of 4 MiB unless it says otherwise.
const MAX_RESPONSE_BYTES: usize = 3 * 1024 * 1024;
/// Between two looks at the store of a question that waits: the store changes often, and rarely for this question.
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// How long the knowledge holds that something was not so at a moment.
const NEVER_THEN: Duration = Duration::from_secs(3_600);

/// Answers questions.
pub(crate) struct Lookup {
    store: Arc<dyn MetadataStore>,
    negatives: Negatives,
    limits: LookupLimits,
    metrics: Metrics,
}

// === impl Lookup ===

impl Lookup {
    pub(crate) fn new(store: Arc<dyn MetadataStore>, limits: LookupLimits, metrics: Metrics) -> Self {
        Self { store, negatives: Negatives::new(limits.patience), limits, metrics }
    }

    /// Answers a request, in the order of its queries.
    pub(crate) async fn answer(&self, request: LookupRequest) -> Result<LookupResponse, RpcError> {
        let found = request.queries.len();
        if found > MAX_QUERIES {
            return Err(RpcError::TooManyInMessage { found, limit: MAX_QUERIES, what: "queries" });
        }
        let ids: Vec<u64> = request.queries.iter().map(|query| query.query_id).collect();
        let sought = request.queries.into_iter().enumerate().map(check).collect::<Result<Vec<_>, _>>()?;
        let wait = Duration::from_millis(request.wait_ms.into()).min(self.limits.max_wait);
        let findings = self.find(sought.into(), wait).await;
        let answers = match findings {
            Ok(findings) => self.answers(&ids, findings),
            // The engine is told for each of its matches, and does not have to know of stores.
            Err(error) => {
                let reason = error.to_string();
                ids.into_iter().map(|query_id| unavailable(query_id, reason.clone())).collect()
            }
        };
        answers.iter().for_each(|answer: &Answer| self.metrics.count_answer(answer.state()));
        Ok(LookupResponse { answers })
    }

    /// The findings, after waiting for those that are pending.
    async fn find(
        &self,
        sought: Arc<[Sought]>,
        wait: Duration,
    ) -> Result<Vec<(Sought, Finding)>, StoreError> {
        let deadline = tokio::time::Instant::now() + wait;
        let mut revisions = self.store.revisions();
        loop {
            // What changes while we read is news for the wait below.
            revisions.mark_unchanged();
            let findings = self.store.find(Arc::clone(&sought)).await?;
            let is_settled = |(sought, finding): (&Sought, &Finding)| match finding {
                Finding::Found { entity, is_pending } => !is_pending && !awaits_cluster(entity),
                Finding::Unknown(unknown) => !may_come(sought, unknown),
                Finding::NotThen | Finding::Ambiguous(_) => true,
            };
            let is_over = sought.iter().zip(&findings).all(is_settled)
                || !matches!(tokio::time::timeout_at(deadline, revisions.changed()).await, Ok(Ok(())));
            if is_over {
                return Ok(sought.iter().cloned().zip(findings).collect());
            }
            tokio::time::sleep_until((tokio::time::Instant::now() + LOOK_PAUSE).min(deadline)).await;
        }
    }

    fn answers(&self, ids: &[u64], findings: Vec<(Sought, Finding)>) -> Vec<Answer> {
        let mut bytes = 0_usize;
        let answer = |(query_id, (sought, finding)): (&u64, (Sought, Finding))| {
            let answer = self.one(*query_id, &sought, finding);
            let size = answer.encoded_len();
            if bytes > 0 && bytes.saturating_add(size) > MAX_RESPONSE_BYTES {
                let reason = "the answers together would be too large: ask for fewer at a time";
                return unavailable(*query_id, reason.to_owned());
            }
            bytes = bytes.saturating_add(size);
            answer
        };
        ids.iter().zip(findings).map(answer).collect()
    }

    fn one(&self, query_id: u64, sought: &Sought, finding: Finding) -> Answer {
        let absent = |time: Duration| Answer {
            query_id,
            state: AnswerState::Absent.into(),
            expires_after_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            ..Answer::default()
        };
        match finding {
            Finding::Found { entity, is_pending } => {
                let state = if is_pending { AnswerState::Pending } else { AnswerState::Found };
                Answer { query_id, state: state.into(), entity: Some(*entity), ..Answer::default() }
            }
            // A container can be started again with the same runtime id: now is another moment every time.
            Finding::NotThen if sought.as_of_ns() == 0 => absent(self.limits.negative_expiry),
            Finding::NotThen => absent(NEVER_THEN),
            Finding::Ambiguous(count) => {
                let reason = format!(
                    "{count} containers fit the key: ask with the birth of the control group or with the runtime id"
                );
                unavailable(query_id, reason)
            }
            Finding::Unknown(unknown) => match why_untold(sought, &unknown) {
                Some(reason) => unavailable(query_id, reason),
                None if self.negatives.is_absent(sought, Instant::now()) => {
                    absent(self.limits.negative_expiry)
                }
                None => Answer { query_id, state: AnswerState::Pending.into(), ..Answer::default() },
            },
        }
    }
}

/// A container is known, and what its pod belongs to may still come. That is worth waiting for, and no reason to hold back
/// what is known.
fn awaits_cluster(entity: &Entity) -> bool {
    let Some(entity::Kind::Container(container)) = &entity.kind else { return false };
    let context = container.kubernetes.as_ref();
    context.is_some_and(|context| context.completeness() == Completeness::Pending)
}

/// Whether waiting for something unknown makes sense.
fn may_come(sought: &Sought, unknown: &Unknown) -> bool {
    why_untold(sought, unknown).is_none()
}

/// Why it cannot be told whether something exists, if it cannot.
fn why_untold(sought: &Sought, unknown: &Unknown) -> Option<String> {
    match sought {
        Sought::Kubernetes { cluster_uid, .. } if !unknown.is_scope_known => {
            Some(format!("no metadata-service of cluster {cluster_uid} has reported yet"))
        }
        _ if unknown.forgotten_entities > 0 => Some(format!(
            "{} entities of it had to be forgotten for want of room: raise --max-entities-per-scope or --max-entities",
            unknown.forgotten_entities
        )),
        _ if sought.as_of_ns() != 0 && sought.as_of_ns() < unknown.forgotten_until_ns => Some(format!(
            "what ended before {} of its boot clock may be forgotten already: raise --tombstone-retention-secs",
            unknown.forgotten_until_ns
        )),
        _ => None,
    }
}

fn unavailable(query_id: u64, reason: String) -> Answer {
    Answer { query_id, state: AnswerState::Unavailable.into(), reason, ..Answer::default() }
}

fn check((index, query): (usize, Query)) -> Result<Sought, RpcError> {
    let (query_id, as_of_ns) = (query.query_id, query.as_of_ns);
    let invalid = |error: KeyError| RpcError::QueryInvalid { index, query_id, detail: error.to_string() };
    match query.key {
        None => Err(invalid(KeyError::Missing)),
        Some(Key::Container(key)) => Ok(Sought::Container {
            origin: scope_of(key.origin.as_ref()).map_err(invalid)?,
            name: ContainerName::of(&key).map_err(invalid)?,
            as_of_ns,
        }),
        Some(Key::Host(key)) => {
            Ok(Sought::Host { origin: scope_of(key.origin.as_ref()).map_err(invalid)?, as_of_ns })
        }
        Some(Key::Kubernetes(key)) => {
            check_length("cluster_uid", &key.cluster_uid).map_err(invalid)?;
            check_length("object_uid", &key.object_uid).map_err(invalid)?;
            if key.cluster_uid.is_empty() || key.object_uid.is_empty() {
                return Err(invalid(KeyError::KubernetesIncomplete));
            }
            Ok(Sought::Kubernetes { cluster_uid: key.cluster_uid, object_uid: key.object_uid })
        }
    }
}

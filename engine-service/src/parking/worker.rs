//! Brings the table's decisions into the log.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, SystemTime},
};

use eyrie_proto::alert::{Alert, MetadataState};
use telemetry::{KeyValue, PipelineSpan, PipelineTracer, SpanKind};
use tokio_util::sync::CancellationToken;

use super::{
    group::ParkedGroup,
    record::RestoreError,
    table::{Knowledge, Round, Table, Wait},
};
use crate::{
    alert_log::{AlertLog, AlertLogError, AppendBatch},
    batch_trace,
    log_limit::LogLimit,
    metadata::{Answer, ContainerName, KnownHost, Metadata},
};

/// Between two tries of an append.
const RETRY: Duration = Duration::from_millis(500);

static APPEND_FAILED: LogLimit = LogLimit::new(Duration::from_secs(5));

/// Takes alerts that are durable.
pub(crate) type Told = Box<dyn Fn(&[Alert]) + Send + Sync>;

/// One task of the engine.
pub(crate) struct Worker {
    pub(crate) table: Arc<Table>,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) log: Arc<dyn AlertLog>,
    pub(crate) tracer: PipelineTracer,
    /// Who hears of alerts that are durable now.
    pub(crate) told: Told,
}

// === impl Worker ===

impl Worker {
    /// Takes up what waited when the engine ended. What cannot be read any more is told as it is.
    pub(crate) async fn restore(&self) -> Result<(), AlertLogError> {
        let mut groups = Vec::new();
        let mut unreadable = AppendBatch::default();
        for entry in self.log.parked().await? {
            match ParkedGroup::restore(&entry) {
                Ok(group) => groups.push(group),
                Err(error) => {
                    tracing::warn!(id = entry.id, "a match waits for metadata no longer: {error}");
                    unreadable.settled.push(entry.id);
                    if let RestoreError::Residual { alerts, .. } = error {
                        unreadable.alerts.extend(alerts.into_iter().map(partial));
                    }
                }
            }
        }
        if !groups.is_empty() {
            tracing::info!(groups = groups.len(), "matches go on waiting for metadata");
        }
        // A log that is full now is no reason not to start: they stay stored, and the next engine tells them.
        if !unreadable.settled.is_empty()
            && let Err(error) = self.log.append(Arc::new(unreadable)).await
        {
            tracing::error!("matches that cannot wait any longer are told at the next start: {error}");
        }
        self.table.restore(groups);
        Ok(())
    }

    /// Works until `stop`; then tells what is left, so that nothing waits that has not been said.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            let is_end = stop.is_cancelled();
            match self.round(is_end).await {
                Some(round) => self.write(round, &stop).await,
                None if is_end => return,
                None => tokio::select! {
                    () = self.table.changed() => {}
                    () = stop.cancelled() => {}
                },
            }
        }
    }

    async fn round(&self, is_end: bool) -> Option<Round> {
        let (table, metadata) = (Arc::clone(&self.table), Arc::clone(&self.metadata));
        let work = move || table.round(is_end, &*metadata);
        // It fails only if it panicked: what it had decided is stored, and comes again after a restart.
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
            tracing::error!(%error, "deciding on waiting matches failed");
            None
        })
    }

    /// Tries until the log takes it. At the end there is one try: what is not written is still stored as waiting.
    async fn write(&self, round: Round, stop: &CancellationToken) {
        if round.is_empty() {
            return;
        }
        // The wait is over: writing, and delivery right behind it, have spans of their own.
        let decided = SystemTime::now();
        let Round { batch, alerts_of, .. } = &round;
        let batch = Arc::new(batch.clone());
        loop {
            let Err(error) = self.log.append(Arc::clone(&batch)).await else { break };
            if let Some(suppressed) = APPEND_FAILED.pass() {
                let alerts = batch.alerts.len();
                tracing::error!(
                    alerts,
                    suppressed,
                    "matches that waited for metadata cannot be written: {error}"
                );
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = stop.cancelled() => return,
            }
        }
        (self.told)(&batch.alerts);
        for (status, count) in alerts_of {
            status.lock().unwrap_or_else(PoisonError::into_inner).alerts += count;
        }
        self.count(&round);
        self.trace(&round.waits, decided);
    }

    fn trace(&self, waits: &[Wait], decided: SystemTime) {
        let span = |wait: &Wait| {
            let outcome = [KeyValue::new("eyrie.outcome", wait.outcome)];
            let span = batch_trace::child(
                Some(&wait.trace),
                "metadata.wait",
                wait.since,
                SpanKind::Internal,
                outcome,
            )?;
            Some(PipelineSpan { end: decided.max(wait.since), ..span })
        };
        if self.tracer.is_exporting() {
            self.tracer.export_spans(waits.iter().filter_map(span).collect());
        }
    }

    fn count(&self, round: &Round) {
        let counters = &self.metadata.counters;
        counters.answered_in_time.add(round.answered_in_time);
        counters.timed_out.add(round.timed_out);
        counters.unanswerable.add(round.unanswerable);
        counters.amended.add(round.amended);
        counters.retracted.add(round.retracted);
        counters.unanswered.add(round.unanswered);
    }
}

impl Knowledge for Metadata {
    fn container(&self, name: &ContainerName, at_boot_ns: u64) -> Answer {
        Metadata::container(self, &name.origin, &name.runtime_id, at_boot_ns).answer
    }

    fn host(&self, origin: &str) -> KnownHost {
        Metadata::host(self, origin)
    }
}

fn partial(alert: Alert) -> Alert {
    Alert { metadata_state: MetadataState::Partial.into(), ..alert }
}

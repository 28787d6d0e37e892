//! Makes alerts durable, however long the log refuses them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{Processor, Stop};
use crate::{
    alert_log::{AlertLogError, AppendBatch, OriginPosition},
    error::RpcError,
    log_limit::LogLimit,
    origin_state::Evaluated,
    parking::ParkedGroup,
};

static APPEND_FAILED: LogLimit = LogLimit::new(Duration::from_secs(5));

// === impl Processor ===

impl Processor {
    /// Appends until the log takes it. Meanwhile nothing is acked and no credit is given, so the agent keeps what it has.
    pub(super) async fn make_durable(
        &self,
        evaluated: &mut Evaluated,
        through_sequence: u64,
        interrupt: &CancellationToken,
    ) -> Result<u64, Stop> {
        if evaluated.alerts.is_empty() && evaluated.parked.is_empty() {
            return Ok(0);
        }
        let origin = self.context.alerts.origin_name.clone();
        let position = OriginPosition { origin, epoch: self.context.alerts.epoch, through_sequence };
        let batch = Arc::new(AppendBatch {
            alerts: std::mem::take(&mut evaluated.alerts),
            position: Some(position),
            parked: evaluated.parked.iter().map(ParkedGroup::entry).collect(),
            settled: Vec::new(),
        });
        let mut delay = self.intake.limits.first_append_retry;
        let mut has_failed = false;
        loop {
            let begun = Instant::now();
            let appended = self.intake.log.append(Arc::clone(&batch)).await;
            self.intake.metrics.count_append(begun.elapsed(), appended.as_ref().err());
            match appended {
                Ok(appended) => {
                    self.intake.metrics.new_alerts.add(appended.new_entries);
                    self.intake.metrics.repeated_alerts.add(appended.repeated_entries);
                    if has_failed {
                        tracing::info!(
                            origin = self.context.alerts.origin_name,
                            "the alert log takes alerts again"
                        );
                    }
                    return Ok(appended.new_entries);
                }
                Err(error) if !error.is_retryable() => return Err(Stop::Failed(RpcError::Log(error))),
                Err(error) => self.report_append_failure(&error, &batch),
            }
            has_failed = true;
            tokio::select! {
                () = interrupt.cancelled() => return Err(Stop::Interrupted),
                () = self.links.responses.closed() => return Err(Stop::Interrupted),
                () = tokio::time::sleep(delay.mul_f64(rand::random_range(0.5..1.0))) => {}
            }
            delay = (delay * 2).min(self.intake.limits.last_append_retry);
        }
    }

    fn report_append_failure(&self, error: &AlertLogError, batch: &AppendBatch) {
        if let Some(suppressed) = APPEND_FAILED.pass() {
            let (alerts, origin) = (batch.alerts.len(), &self.context.alerts.origin_name);
            tracing::error!(alerts, origin, suppressed, "alerts wait to be written, trying again: {error}");
        }
    }
}

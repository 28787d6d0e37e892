//! What was received.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use opentelemetry_proto::tonic::{
    logs::v1::LogRecord, metrics::v1::Metric, resource::v1::Resource, trace::v1::Span,
};
use tokio::sync::watch;

use crate::PATIENCE;

/// Of each kind; some KiB each. What comes beyond pushes out the oldest.
const MAX_KEPT: usize = 20_000;

/// A span and whose it is.
#[derive(Clone, Debug)]
pub struct ReceivedSpan {
    /// Of the process that made it.
    pub resource: Resource,
    /// What was received.
    pub span: Span,
}

/// A metric and whose it is.
#[derive(Clone, Debug)]
pub struct ReceivedMetric {
    /// Of the process that counts.
    pub resource: Resource,
    /// What was received.
    pub metric: Metric,
}

/// A log record and whose it is.
#[derive(Clone, Debug)]
pub struct ReceivedLog {
    /// Of the process that logs.
    pub resource: Resource,
    /// What was received.
    pub record: LogRecord,
}

/// Everything, in the order in which it came.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) spans: Vec<ReceivedSpan>,
    pub(crate) metrics: Vec<ReceivedMetric>,
    pub(crate) logs: Vec<ReceivedLog>,
}

/// [`Received`] with news.
#[derive(Debug)]
pub(crate) struct Store {
    received: Mutex<Received>,
    news: watch::Sender<()>,
}

// === impl Store ===

impl Default for Store {
    fn default() -> Self {
        Self { received: Mutex::default(), news: watch::Sender::new(()) }
    }
}

impl Store {
    pub(crate) fn read(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Received)) {
        let mut received = self.read();
        change(&mut received);
        forget_oldest(&mut received.spans);
        forget_oldest(&mut received.metrics);
        forget_oldest(&mut received.logs);
        drop(received);
        self.news.send_replace(());
    }

    /// Waits until `find` finds something.
    pub(crate) async fn wait<T>(
        &self,
        what: &'static str,
        find: impl Fn(&Received) -> Option<T>,
    ) -> anyhow::Result<T> {
        let mut news = self.news.subscribe();
        let waiting = async {
            loop {
                if let Some(found) = find(&self.read()) {
                    return Ok(found);
                }
                news.changed().await.context("the receiver has ended")?;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| {
            let received = self.read();
            let names: Vec<_> = received.spans.iter().map(|span| span.span.name.as_str()).collect();
            let metrics: Vec<_> = received.metrics.iter().map(|metric| metric.metric.name.as_str()).collect();
            let logs: Vec<_> = received.logs.iter().map(|log| &log.record.body).collect();
            Err(anyhow::anyhow!("no such {what} came; there are the spans {names:?}, the metrics {metrics:?}, the logs {logs:?}"))
        })
    }
}

fn forget_oldest<T>(kept: &mut Vec<T>) {
    kept.drain(..kept.len().saturating_sub(MAX_KEPT));
}

//! What one look at the table came to.

use std::{
    sync::{Arc, Mutex},
    time::SystemTime,
};

use eyrie_proto::{alert::Alert, capture::TraceContext};

use super::Parked;
use crate::{
    alert_log::{AppendBatch, ParkedEntry},
    host_status::HostStatus,
    parking::group::Settled,
};

/// What a round came to; to be written, and then counted.
#[derive(Debug, Default)]
pub(in crate::parking) struct Round {
    pub(in crate::parking) batch: AppendBatch,
    /// Alerts that are new, by origin.
    pub(in crate::parking) alerts_of: Vec<(Arc<Mutex<HostStatus>>, u64)>,
    pub(in crate::parking) answered_in_time: u64,
    pub(in crate::parking) timed_out: u64,
    pub(in crate::parking) unanswerable: u64,
    pub(in crate::parking) amended: u64,
    pub(in crate::parking) retracted: u64,
    pub(in crate::parking) unanswered: u64,
    /// What came to an end, for its trace.
    pub(in crate::parking) waits: Vec<Wait>,
}

/// How long a group waited for what.
#[derive(Debug)]
pub(in crate::parking) struct Wait {
    pub(in crate::parking) trace: TraceContext,
    pub(in crate::parking) since: SystemTime,
    pub(in crate::parking) outcome: &'static str,
}

// === impl Round ===

impl Round {
    /// Nothing is to be written.
    pub(in crate::parking) fn is_empty(&self) -> bool {
        self.batch.alerts.is_empty() && self.batch.parked.is_empty() && self.batch.settled.is_empty()
    }

    pub(super) fn settle(&mut self, parked: &Parked, settled: Settled) {
        let outcome = match (parked.group.is_told, settled.confirmed.is_empty()) {
            (false, false) => "answered in time",
            (false, true) => "ruled out",
            (true, _) => "amended",
        };
        self.end_wait(parked, outcome);
        let (confirmed, retracted) = (settled.confirmed.len() as u64, settled.retracted.len() as u64);
        if parked.group.is_told {
            self.amended += confirmed;
            self.retracted += retracted;
        } else {
            self.answered_in_time += 1;
            self.count_alerts(parked, confirmed);
        }
        self.batch.alerts.extend(settled.retracted.into_iter().chain(settled.confirmed));
        self.batch.settled.push(parked.group.id.clone());
    }

    pub(super) fn tell(&mut self, parked: &Parked, alerts: Vec<Alert>, is_unanswerable: bool) {
        let (outcome, count) = match is_unanswerable {
            true => ("unanswerable", &mut self.unanswerable),
            false => ("timed out", &mut self.timed_out),
        };
        *count += 1;
        self.end_wait(parked, outcome);
        self.count_alerts(parked, alerts.len() as u64);
        self.batch.alerts.extend(alerts);
        let entry: ParkedEntry = parked.group.entry();
        self.batch.parked.push(entry);
    }

    fn end_wait(&mut self, parked: &Parked, outcome: &'static str) {
        let trace = parked.group.trace().cloned();
        self.waits.extend(trace.map(|trace| Wait { trace, since: parked.since, outcome }));
    }

    fn count_alerts(&mut self, parked: &Parked, count: u64) {
        self.alerts_of.extend(parked.status.as_ref().map(|status| (Arc::clone(status), count)));
    }
}

//! Groups as they are stored.

use evaluator::{Residual, ResidualError, ResidualRecord};
use eyrie_proto::{
    alert::Alert,
    event::{CgroupFact, CgroupKey},
};
use prost::Message;

use super::group::{Awaited, Candidate, ParkedGroup};
use crate::alert_log::ParkedEntry;

#[derive(Clone, PartialEq, Message)]
struct GroupRecord {
    #[prost(string, tag = "7")]
    id: String,
    #[prost(string, tag = "1")]
    origin: String,
    #[prost(fixed64, tag = "2")]
    boot_ns: u64,
    /// Set if the container's control group is known.
    #[prost(message, optional, tag = "3")]
    fact: Option<CgroupFact>,
    /// Set otherwise.
    #[prost(message, optional, tag = "4")]
    cgroup: Option<CgroupKey>,
    #[prost(message, repeated, tag = "5")]
    candidates: Vec<CandidateRecord>,
    #[prost(bool, tag = "6")]
    is_told: bool,
}

#[derive(Clone, PartialEq, Message)]
struct CandidateRecord {
    #[prost(message, optional, tag = "1")]
    alert: Option<Alert>,
    #[prost(message, optional, tag = "2")]
    residual: Option<ResidualRecord>,
}

/// Why a stored group cannot go on waiting. Its alerts are told as they were.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestoreError {
    #[error("a waiting match cannot be decoded: {0}")]
    Undecodable(#[from] prost::DecodeError),
    #[error("a waiting match has no candidates")]
    Empty,
    #[error("{error}")]
    Residual { alerts: Vec<Alert>, error: ResidualError },
}

// === impl ParkedGroup ===

impl ParkedGroup {
    /// To be stored.
    pub(crate) fn entry(&self) -> ParkedEntry {
        let (fact, cgroup) = match &self.awaited {
            Awaited::Container(fact) => (Some(fact.clone()), None),
            Awaited::Cgroup(cgroup) => (None, Some(*cgroup)),
        };
        let candidates = self.candidates.iter().map(|candidate| CandidateRecord {
            alert: Some(candidate.alert.clone()),
            residual: Some(candidate.residual.record().clone()),
        });
        let record = GroupRecord {
            id: self.id.clone(),
            origin: self.origin.to_string(),
            boot_ns: self.boot_ns,
            fact,
            cgroup,
            candidates: candidates.collect(),
            is_told: self.is_told,
        };
        ParkedEntry { id: self.id.clone(), body: record.encode_to_vec(), is_update: self.is_told }
    }

    /// From what was stored.
    pub(super) fn restore(entry: &ParkedEntry) -> Result<Self, RestoreError> {
        let record = GroupRecord::decode(&*entry.body)?;
        let awaited = match record.fact {
            Some(fact) => Awaited::Container(fact),
            None => Awaited::Cgroup(record.cgroup.unwrap_or_default()),
        };
        let alerts: Vec<Alert> =
            record.candidates.iter().filter_map(|candidate| candidate.alert.clone()).collect();
        if alerts.is_empty() {
            return Err(RestoreError::Empty);
        }
        let residuals = record.candidates.into_iter().map(|candidate| candidate.residual.unwrap_or_default());
        let residuals: Result<Vec<Residual>, _> = residuals.map(Residual::restore).collect();
        let residuals = match residuals {
            Ok(residuals) => residuals,
            Err(error) => return Err(RestoreError::Residual { alerts, error }),
        };
        let candidates = alerts.into_iter().zip(residuals);
        Ok(Self {
            id: record.id,
            origin: record.origin.into(),
            boot_ns: record.boot_ns,
            awaited,
            candidates: candidates.map(|(alert, residual)| Candidate { alert, residual }).collect(),
            is_told: record.is_told,
        })
    }
}

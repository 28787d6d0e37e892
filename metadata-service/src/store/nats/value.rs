//! What is in the bucket: its keys and values.
//!
//! `e.SCOPE.KIND.ENTITY` has an entity, `s.SCOPE` what is known of a scope besides: how far its speakers were heard, whose
//! it is, what was forgotten. SCOPE is the scope's shared number, ENTITY a hash of what the entity was first known by. A
//! key that was removed keeps a marker of a few bytes, until `m.horizon` says that it is gone.

use eyrie_proto::metadata::KubernetesObject;
use sha2::{Digest as _, Sha256};

use crate::{
    record::{Record, RecordKind},
    store::Scope,
};

/// Where markers end.
pub(in crate::store) const HORIZON_KEY: &str = "m.horizon";
/// Bytes of a message beside an entity's own: scope, times, headers.
pub(in crate::store) const ENVELOPE_BYTES: usize = 2_048;

/// An entity in the bucket.
#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::store) struct EntityValue {
    /// Kind and name of its scope, as they are stored.
    #[prost(int64, tag = "1")]
    pub(in crate::store) scope_kind: i64,
    #[prost(string, tag = "2")]
    pub(in crate::store) scope_name: String,
    /// A [`RecordKind`].
    #[prost(int64, tag = "3")]
    pub(in crate::store) kind: i64,
    /// The record.
    #[prost(bytes = "vec", tag = "4")]
    pub(in crate::store) body: Vec<u8>,
    /// When its end was first heard of, in milliseconds since the epoch.
    #[prost(int64, optional, tag = "5")]
    pub(in crate::store) ended_ms: Option<i64>,
    /// Until when what its pod belongs to counts as on its way.
    #[prost(int64, optional, tag = "6")]
    pub(in crate::store) join_by_ms: Option<i64>,
}

/// A scope in the bucket.
#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::store) struct ScopeValue {
    #[prost(int64, tag = "1")]
    pub(in crate::store) kind: i64,
    #[prost(string, tag = "2")]
    pub(in crate::store) name: String,
    #[prost(string, tag = "3")]
    pub(in crate::store) tenant: String,
    #[prost(string, tag = "4")]
    pub(in crate::store) title: String,
    /// Of a cluster's speaker whose snapshot has ended.
    #[prost(int64, tag = "5")]
    pub(in crate::store) whole_epoch: i64,
    #[prost(bool, tag = "6")]
    pub(in crate::store) is_whole: bool,
    #[prost(int64, tag = "7")]
    pub(in crate::store) forgotten_entities: i64,
    #[prost(int64, tag = "8")]
    pub(in crate::store) forgotten_until_ns: i64,
    #[prost(int64, tag = "9")]
    pub(in crate::store) heard_ms: i64,
    #[prost(message, repeated, tag = "10")]
    pub(in crate::store) relays: Vec<RelayValue>,
}

/// How far one epoch of a scope's speakers was heard.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(in crate::store) struct RelayValue {
    #[prost(int64, tag = "1")]
    pub(in crate::store) epoch: i64,
    #[prost(int64, tag = "2")]
    pub(in crate::store) through_sequence: i64,
    #[prost(int64, tag = "3")]
    pub(in crate::store) heard_ms: i64,
}

/// How far markers of removed keys are gone.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(in crate::store) struct HorizonValue {
    /// Markers up to this sequence number may be gone: a copy that is not past it has missed removals.
    #[prost(uint64, tag = "1")]
    pub(in crate::store) announced: u64,
    /// Markers up to this one are gone.
    #[prost(uint64, tag = "2")]
    pub(in crate::store) done: u64,
}

/// What a key is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum KeyOf {
    Entity,
    Scope,
    Horizon,
    /// Nothing of ours.
    Foreign,
}

// === impl KeyOf ===

impl KeyOf {
    pub(in crate::store) fn of(key: &str) -> Self {
        match key.split_once('.') {
            Some(("e", _)) => Self::Entity,
            Some(("s", _)) => Self::Scope,
            _ if key == HORIZON_KEY => Self::Horizon,
            _ => Self::Foreign,
        }
    }
}

/// The key of a scope.
pub(in crate::store) fn scope_key(scope_id: i64) -> String {
    format!("s.{scope_id:016x}")
}

/// The key of an entity that is new: two copies that are told of the same one at the same time choose the same, and one of
/// them is refused. Names can mean another entity later than they did at first; `attempt` is for those.
pub(in crate::store) fn entity_key(scope_id: i64, record: &Record, attempt: u32) -> String {
    let mut hash = Sha256::new().chain_update(attempt.to_be_bytes());
    match record {
        Record::Container(container) => {
            let name = container.name();
            hash.update(name.hierarchy.to_be_bytes());
            hash.update(name.cgroup_id.to_be_bytes());
            hash.update(name.birth_ns.to_be_bytes());
            hash.update(&name.runtime_id);
        }
        Record::Host(_) => {}
        Record::Kubernetes(KubernetesObject { key, .. }) => {
            hash.update(key.as_ref().map_or("", |key| &*key.object_uid));
        }
    }
    let digest = hash.finalize();
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("e.{scope_id:016x}.{}.{hex}", record.kind() as i64)
}

// === impl EntityValue ===

impl EntityValue {
    /// Its scope and record, if it is whole and they are ones that we know.
    pub(in crate::store) fn parts(&self) -> Option<(Scope, Record)> {
        let scope = Scope::of_stored(self.scope_kind, self.scope_name.clone())?;
        let record = Record::decode(RecordKind::of_number(self.kind)?, &self.body).ok()?;
        Some((scope, record))
    }
}

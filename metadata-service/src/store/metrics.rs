//! What the store counts.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// Of one store since its opening.
#[derive(Clone, Debug, Default)]
pub struct StoreMetrics {
    /// Entities, tombstones among them.
    pub entities: Gauge<u64, AtomicU64>,
    /// Origins and clusters.
    pub scopes: Gauge<u64, AtomicU64>,
    /// Statements that were new.
    pub applied_statements: Counter,
    /// Statements that were durable before.
    pub repeated_statements: Counter,
    /// Tombstones that were kept for the retention time.
    pub expired_tombstones: Counter,
    /// Tombstones that had to go before, for want of room.
    pub evicted_tombstones: Counter,
    /// Entities that had to go although they were not known to have ended.
    pub evicted_entities: Counter,
    /// Scopes that had to go with all that they had.
    pub evicted_scopes: Counter,
}

// === impl StoreMetrics ===

impl StoreMetrics {
    /// Makes them visible.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("store");
        registry.register("entities", "Entities, tombstones among them", self.entities.clone());
        registry.register("scopes", "Origins and clusters with entities", self.scopes.clone());
        registry.register("statements_applied", "Statements stored", self.applied_statements.clone());
        registry.register(
            "statements_repeated",
            "Statements that were durable before",
            self.repeated_statements.clone(),
        );
        registry.register(
            "tombstones_expired",
            "Tombstones forgotten after the retention time",
            self.expired_tombstones.clone(),
        );
        registry.register(
            "tombstones_evicted",
            "Tombstones forgotten before the retention time for want of room",
            self.evicted_tombstones.clone(),
        );
        registry.register(
            "entities_evicted",
            "Entities forgotten for want of room although not known to have ended",
            self.evicted_entities.clone(),
        );
        registry.register(
            "scopes_evicted",
            "Origins and clusters forgotten for want of room",
            self.evicted_scopes.clone(),
        );
    }
}

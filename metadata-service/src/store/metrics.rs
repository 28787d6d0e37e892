//! What the store counts.

use telemetry::{
    Meter,
    observe::{Count, Level, Name},
};

/// Of one store since its opening.
#[derive(Clone, Debug, Default)]
pub struct StoreMetrics {
    /// Entities, tombstones among them.
    pub entities: Level,
    /// Origins and clusters.
    pub scopes: Level,
    /// Statements that were new.
    pub applied_statements: Count,
    /// Statements that were durable before.
    pub repeated_statements: Count,
    /// Tombstones that were kept for the retention time.
    pub expired_tombstones: Count,
    /// Tombstones that had to go before, for want of room.
    pub evicted_tombstones: Count,
    /// Entities that had to go although they were not known to have ended.
    pub evicted_entities: Count,
    /// Scopes that had to go with all that they had.
    pub evicted_scopes: Count,
    /// Containers that were told anew because what they belong to changed.
    pub rejoined_containers: Count,
}

// === impl StoreMetrics ===

impl StoreMetrics {
    /// Makes them visible.
    pub fn show(&self, meter: &Meter) {
        self.entities.show(
            meter,
            Name { name: "eyrie.metadata.store.entities", description: "Entities, tombstones among them" },
        );
        self.scopes.show(
            meter,
            Name { name: "eyrie.metadata.store.scopes", description: "Origins and clusters with entities" },
        );
        let counts = [
            (&self.applied_statements, "eyrie.metadata.store.statements_applied", "Statements stored"),
            (
                &self.repeated_statements,
                "eyrie.metadata.store.statements_repeated",
                "Statements that were durable before",
            ),
            (
                &self.expired_tombstones,
                "eyrie.metadata.store.tombstones_expired",
                "Tombstones forgotten after the retention time",
            ),
            (
                &self.evicted_tombstones,
                "eyrie.metadata.store.tombstones_evicted",
                "Tombstones forgotten before the retention time for want of room",
            ),
            (
                &self.evicted_entities,
                "eyrie.metadata.store.entities_evicted",
                "Entities forgotten for want of room although not known to have ended",
            ),
            (
                &self.evicted_scopes,
                "eyrie.metadata.store.scopes_evicted",
                "Origins and clusters forgotten for want of room",
            ),
            (
                &self.rejoined_containers,
                "eyrie.metadata.store.containers_rejoined",
                "Containers told anew because their pod or what it belongs to changed",
            ),
        ];
        for (count, name, description) in counts {
            count.show(meter, Name { name, description });
        }
    }
}
